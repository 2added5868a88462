"""Server and channels over real sockets with mutual TLS: who gets in, and what comes back."""

import itertools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from federation import certificates, limits
from federation.clock import SystemClock
from federation.errors import BadInput, HeduiError, PeerFault, Refused, Unavailable
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.wire import server
from federation.wire.channel import OPTIONS, Peers, TlsIdentity, tls_name
from federation.wire.server import Callers, Handler, Server, Service
from federation.wire.status import from_call
from federation.wire.tap import Tap

NOW = SystemClock().now()
CA = certificates.make_authority("test", NOW, 10)
OTHER_CA = certificates.make_authority("test", NOW, 10)
METHOD = "federation.v1.Test/Echo"
STREAM = "federation.v1.Test/EchoStream"
PATIENCE = 10.0


def _issue(party: str, authority: certificates.Authority = CA, now: int = NOW) -> TlsIdentity:
    return certificates.issue(authority, party, now, 5)


IDENTITIES = {name: _issue(name) for name in ("registrar", "coordinator", "bank_a")}
EXPIRED = _issue("coordinator", now=NOW - 6 * 86_400)


def _manifest(**more: Sequence[TlsIdentity]) -> Manifest:
    """List each party's certificate, and whatever further ones are given."""
    entries = {}
    for name, identity in IDENTITIES.items():
        mine = [identity, *more.get(name, ())]
        entries[name] = PartyEntry(
            id=name,
            role=PartyRole.REGISTRAR if name == "registrar" else PartyRole.NODE,
            kind="",
            zh=name,
            en=name,
            endpoint="127.0.0.1:0",
            keys={},
            certificates=tuple(certificates.der(one.certificate) for one in mine),
        )
    return Manifest(
        federation="test",
        version=1,
        issued=NOW,
        expires=NOW + 100,
        demonstration=True,
        ca=CA.certificate,
        parties=entries,
        pseudonym_keys={},
    )


@dataclass
class House:
    """A running server and whoever calls it."""

    manifest: Manifest
    running: Server
    peers: list[Peers] = field(default_factory=list)

    def peer(self, party: str = "bank_a") -> PartyEntry:
        entry = self.manifest.party(party)
        return replace(entry, endpoint=f"127.0.0.1:{self.running.port}")

    def call(
        self,
        request: bytes = b"",
        identity: TlsIdentity | None = None,
        *,
        method: str = METHOD,
        to: str = "bank_a",
        timeout: float = PATIENCE,
        tap: Tap | None = None,
    ) -> bytes:
        peers = Peers(identity or IDENTITIES["coordinator"], tap)
        self.peers.append(peers)
        return peers.call(self.peer(to), method, request, timeout=timeout)

    def stream(
        self,
        requests: Iterable[bytes],
        identity: TlsIdentity | None = None,
        *,
        timeout: float = PATIENCE,
        tap: Tap | None = None,
    ) -> Iterator[bytes]:
        peers = Peers(identity or IDENTITIES["coordinator"], tap)
        self.peers.append(peers)
        return peers.stream(self.peer(), STREAM, requests, timeout=timeout)

    def idle(self) -> bool:
        """Wait until no call of anybody is open."""
        callers = self.running._boundary.callers
        return _soon(lambda: not any(callers._open.values()))


@contextmanager
def _serving(
    handler: Handler,
    identity: TlsIdentity = IDENTITIES["bank_a"],
    manifest: Manifest | None = None,
    tap: Tap | None = None,
    *,
    patience: float = PATIENCE,
) -> Iterator[House]:
    manifest = manifest or _manifest(coordinator=[EXPIRED])
    service = Service(
        name="federation.v1.Test", methods={"Echo": handler}, streams={"EchoStream": handler}
    )
    built = server.build(manifest, identity, "127.0.0.1:0", service, tap, patience=patience)
    house = House(manifest, built)
    house.running.start()
    try:
        yield house
    finally:
        for peers in house.peers:
            peers.close()
        house.running.stop(0)


def _soon(condition: Callable[[], bool]) -> bool:
    """Wait for a condition a few seconds long."""
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@dataclass
class Echo:
    """Gives back what it got, and remembers who called."""

    callers: list[str] = field(default_factory=list)

    def __call__(self, caller: str, request: bytes) -> bytes:
        self.callers.append(caller)
        return request[::-1]


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def house(echo: Echo) -> Iterator[House]:
    with _serving(echo) as house:
        yield house


# ---- who gets in


def test_a_listed_party_is_known_by_its_certificate(house: House, echo: Echo) -> None:
    assert house.call(b"abc") == b"cba"
    assert house.call(b"abc", IDENTITIES["registrar"]) == b"cba"
    assert house.call(b"", IDENTITIES["registrar"]) == b""
    assert echo.callers == ["coordinator", "registrar", "registrar"]


def test_one_connection_serves_many_calls(house: House, echo: Echo) -> None:
    peers = Peers(IDENTITIES["coordinator"])
    house.peers.append(peers)
    for n in range(5):
        assert peers.call(house.peer(), METHOD, bytes([n]), timeout=PATIENCE) == bytes([n])
    assert echo.callers == ["coordinator"] * 5


def test_a_second_certificate_of_a_party_is_as_good(echo: Echo) -> None:
    spare = _issue("coordinator")
    with _serving(echo, manifest=_manifest(coordinator=[spare])) as house:
        house.call(b"", spare)
        house.call(b"")
    assert echo.callers == ["coordinator", "coordinator"]


def test_a_certificate_of_another_ca_fails_the_handshake(house: House, echo: Echo) -> None:
    with pytest.raises(Unavailable, match="PEER_UNREACHABLE peer=bank_a"):
        house.call(b"", _issue("coordinator", OTHER_CA))
    assert echo.callers == []


def test_an_expired_certificate_fails_the_handshake(house: House, echo: Echo) -> None:
    with pytest.raises(Unavailable, match="PEER_UNREACHABLE"):
        house.call(b"", EXPIRED)
    assert echo.callers == []


def test_no_certificate_fails_the_handshake(house: House, echo: Echo) -> None:
    credentials = grpc.ssl_channel_credentials(root_certificates=CA.certificate)
    with _raw(house, credentials) as channel, pytest.raises(grpc.RpcError) as caught:
        _invoke(channel, b"")
    assert _code(caught.value) is grpc.StatusCode.UNAVAILABLE
    assert echo.callers == []


def test_plain_text_is_not_spoken(house: House, echo: Echo) -> None:
    with (
        grpc.insecure_channel(house.peer().endpoint) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        _invoke(channel, b"")
    assert _code(caught.value) is grpc.StatusCode.UNAVAILABLE
    assert echo.callers == []


def test_a_certificate_that_the_manifest_does_not_list_is_refused(house: House, echo: Echo) -> None:
    for _ in range(2):
        with pytest.raises(PeerFault, match="WRONG_PARTY"):
            house.call(b"", _issue("coordinator"))
    assert echo.callers == []


@pytest.mark.parametrize(
    "identity",
    [_issue("bank_a", OTHER_CA), _issue("bank_a"), IDENTITIES["registrar"]],
    ids=["another CA", "not listed", "another party"],
)
def test_a_server_that_is_not_the_party_is_not_spoken_to(identity: TlsIdentity, echo: Echo) -> None:
    with _serving(echo, identity) as house:
        with pytest.raises(Unavailable, match="PEER_UNREACHABLE"):
            house.call(b"secret")
        assert echo.callers == []


@pytest.mark.parametrize(
    "identity",
    [_issue("bank_a", now=NOW - 6 * 86_400), _issue("registrar")],
    ids=["expired", "another name"],
)
def test_a_listed_certificate_still_has_to_be_valid(identity: TlsIdentity, echo: Echo) -> None:
    with _serving(echo, identity, _manifest(bank_a=[identity])) as house:
        with pytest.raises(Unavailable, match="PEER_UNREACHABLE"):
            house.call(b"secret")
        assert echo.callers == []


def test_a_second_certificate_of_a_server_is_as_good(echo: Echo) -> None:
    spare = _issue("bank_a")
    with _serving(echo, spare, _manifest(bank_a=[spare])) as house:
        assert house.call(b"ab") == b"ba"


def _context(**auth: Sequence[bytes]) -> grpc.ServicerContext:
    return cast("grpc.ServicerContext", SimpleNamespace(auth_context=lambda: auth))


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"x509_pem_cert": []},
        {"x509_pem_cert": [b"no certificate"]},
        {"x509_pem_cert": [b"\xff"]},
        {"x509_pem_cert": ["text"]},
    ],
    ids=str,
)
def test_a_connection_without_a_readable_certificate_is_nobody_s(auth: dict[str, Any]) -> None:
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        Callers(_manifest()).identify(_context(**auth))


def test_a_party_has_a_name_for_tls() -> None:
    assert tls_name("bank_a") == "bank-a.hedui.internal"


# ---- papers exchanged while it runs


def test_another_manifest_counts_for_open_connections(house: House, echo: Echo) -> None:
    spare = _issue("coordinator")
    peers = Peers(IDENTITIES["coordinator"])
    house.peers.append(peers)
    assert peers.call(house.peer(), METHOD, b"ab", timeout=PATIENCE) == b"ba"
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        house.call(b"", spare)
    without = {**_manifest().parties, "coordinator": _listed("coordinator", spare)}
    house.running.renew(replace(_manifest(), parties=without), IDENTITIES["bank_a"])
    assert house.call(b"ab", spare) == b"ba"
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        peers.call(house.peer(), METHOD, b"ab", timeout=PATIENCE)


def _listed(party: str, *identities: TlsIdentity) -> PartyEntry:
    certified = tuple(certificates.der(one.certificate) for one in identities)
    return replace(_manifest().party(party), certificates=certified)


def test_another_certificate_is_shown_to_new_connections(house: House, echo: Echo) -> None:
    old = Peers(IDENTITIES["coordinator"])
    house.peers.append(old)
    assert old.call(house.peer(), METHOD, b"ab", timeout=PATIENCE) == b"ba"
    spare = _issue("bank_a")
    house.running.renew(_manifest(bank_a=[spare]), spare)
    with pytest.raises(Unavailable, match="PEER_UNREACHABLE"):
        house.call(b"secret")
    assert old.call(house.peer(), METHOD, b"ab", timeout=PATIENCE) == b"ba", "it stays open"
    house.manifest = _manifest(bank_a=[spare])
    assert house.call(b"ab") == b"ba"
    assert old.call(house.peer(), METHOD, b"ab", timeout=PATIENCE) == b"ba", "and opens anew"


def test_only_a_changed_identity_is_handed_over() -> None:
    shown = server.Identity(_manifest(), IDENTITIES["bank_a"])
    assert shown._fetch() is None
    shown.renew(_manifest(), _issue("bank_a"))
    assert isinstance(shown._fetch(), grpc.ServerCertificateConfiguration)
    assert shown._fetch() is None


def test_another_authority_is_believed_by_new_connections(house: House, echo: Echo) -> None:
    mine = _issue("coordinator", OTHER_CA)
    listed = _manifest(coordinator=[mine])
    house.running.renew(listed, IDENTITIES["bank_a"])
    with pytest.raises(Unavailable, match="PEER_UNREACHABLE"):
        house.call(b"", mine)
    bundle = OTHER_CA.certificate + CA.certificate
    house.running.renew(replace(listed, ca=bundle), IDENTITIES["bank_a"])
    assert house.call(b"ab", mine) == b"ba"
    assert house.call(b"ab") == b"ba"


def test_a_call_that_runs_is_finished_under_the_papers_it_came_with() -> None:
    began, release = threading.Event(), threading.Event()

    def handler(caller: str, request: bytes) -> bytes:
        began.set()
        release.wait(PATIENCE)
        return request

    spare = _issue("bank_a")
    with _serving(handler) as house:
        peers = Peers(IDENTITIES["coordinator"])
        house.peers.append(peers)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(peers.call, house.peer(), METHOD, b"first", timeout=PATIENCE)
            assert began.wait(PATIENCE)
            without = {n: p for n, p in _manifest().parties.items() if n != "coordinator"}
            house.running.renew(replace(_manifest(), parties=without), spare)
            peers.renew(_issue("coordinator"))  # the caller, too, goes on to another connection
            release.set()
            assert first.result() == b"first"
        with pytest.raises(HeduiError):
            peers.call(house.peer(), METHOD, b"second", timeout=PATIENCE)


def test_a_caller_shows_its_new_certificate_from_the_next_call_on(echo: Echo) -> None:
    spare = _issue("coordinator")
    with _serving(echo, manifest=_manifest(coordinator=[spare])) as house:
        peers = Peers(IDENTITIES["coordinator"])
        house.peers.append(peers)
        peers.call(house.peer(), METHOD, b"", timeout=PATIENCE)
        parties = {**house.manifest.parties, "coordinator": _listed("coordinator", spare)}
        house.running.renew(replace(house.manifest, parties=parties), IDENTITIES["bank_a"])
        with pytest.raises(PeerFault, match="WRONG_PARTY"):
            peers.call(house.peer(), METHOD, b"", timeout=PATIENCE)
        peers.renew(spare)
        peers.call(house.peer(), METHOD, b"", timeout=PATIENCE)
    assert echo.callers == ["coordinator", "coordinator"]


# ---- what comes back


@pytest.mark.parametrize(
    "error",
    [
        Refused("CONSENT_EXPIRED"),
        Refused("REPLAYED"),
        PeerFault("MALFORMED", message="Header"),
        PeerFault("BAD_SIGNATURE", sender="x"),
        Unavailable("LOG_UNAVAILABLE"),
        Unavailable("CLOCK_BEHIND", seconds=5),
    ],
    ids=lambda error: error.code,
)
def test_an_error_comes_back_as_what_it_is(error: HeduiError) -> None:
    with _serving(_raising(error)) as house, pytest.raises(HeduiError) as caught:
        house.call(b"")
    assert type(caught.value) is type(error)
    assert (caught.value.code, caught.value.details) == (error.code, {"peer": "bank_a"})


def _raising(error: BaseException) -> Handler:
    def handler(caller: str, request: bytes) -> bytes:
        raise error

    return handler


def test_a_bug_says_nothing_to_the_caller_and_its_place_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with _serving(_raising(ZeroDivisionError("person 7903"))) as house:
        with caplog.at_level(logging.ERROR), pytest.raises(PeerFault) as caught:
            house.call(b"")
        assert caught.value.details == {"peer": "bank_a", "status": "INTERNAL"}
        cause = caught.value.__cause__
        assert isinstance(cause, grpc.RpcError)
        call = cast("grpc.Call", cause)
        assert call.details() == "INTERNAL"
        assert "7903" not in str(call.trailing_metadata())
        assert "7903" not in str(cause)
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{METHOD} failed: ZeroDivisionError at test_server.py:")
    assert "7903" not in caplog.text


def test_a_server_survives_bugs_and_refusals() -> None:
    errors: list[Exception] = [Refused("CONSENT_EXPIRED"), ZeroDivisionError()]

    def handler(caller: str, request: bytes) -> bytes:
        if errors:
            raise errors.pop()
        return b"alive"

    with _serving(handler) as house:
        for _ in range(2):
            with pytest.raises(HeduiError):
                house.call(b"")
        assert house.call(b"") == b"alive"


def test_a_method_that_is_not_there_is_the_peer_s_failure(house: House) -> None:
    with pytest.raises(PeerFault, match="PEER_FAILED") as caught:
        house.call(b"", method="federation.v1.Test/Other")
    assert caught.value.details["status"] == "UNIMPLEMENTED"


def test_a_request_over_eight_mebibytes_does_not_leave(house: House, echo: Echo) -> None:
    with pytest.raises(PeerFault, match="OVERSIZE"):
        house.call(bytes(limits.MESSAGE_BYTES + 1))
    assert echo.callers == []


def test_a_request_over_eight_mebibytes_is_not_taken(house: House, echo: Echo) -> None:
    mine = IDENTITIES["coordinator"]
    credentials = grpc.ssl_channel_credentials(CA.certificate, mine.key, mine.certificate)
    with _raw(house, credentials) as channel, pytest.raises(grpc.RpcError) as caught:
        _invoke(channel, bytes(limits.MESSAGE_BYTES + 1))
    assert _code(caught.value) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert echo.callers == []


def test_a_reply_over_eight_mebibytes_is_told() -> None:
    with (
        _serving(lambda _, __: bytes(limits.MESSAGE_BYTES + 1)) as house,
        pytest.raises(PeerFault, match="OVERSIZE"),
    ):
        house.call(b"")


def test_the_largest_message_passes(house: House) -> None:
    request = bytes(limits.MESSAGE_BYTES)
    assert house.call(request) == request


def test_a_slow_peer_is_given_up() -> None:
    release = threading.Event()

    def handler(caller: str, request: bytes) -> bytes:
        release.wait(PATIENCE)
        return b""

    with _serving(handler) as house:
        with pytest.raises(Unavailable, match="PEER_SLOW peer=bank_a"):
            house.call(b"", timeout=0.3)
        release.set()


def test_an_absent_peer_is_unreachable(house: House) -> None:
    house.running.stop(0)
    with pytest.raises(Unavailable, match="PEER_UNREACHABLE"):
        house.call(b"")


def test_a_call_that_ends_without_a_message_is_refused(house: House, echo: Echo) -> None:
    mine = IDENTITIES["coordinator"]
    credentials = grpc.ssl_channel_credentials(CA.certificate, mine.key, mine.certificate)
    with _raw(house, credentials) as channel:
        call: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(f"/{METHOD}")
        with pytest.raises(grpc.RpcError) as caught:
            call(iter(()), timeout=PATIENCE)
    assert from_call(caught.value, "bank_a").code == "MALFORMED"
    assert echo.callers == []


# ---- streams


def test_replies_of_a_stream_come_in_the_order_of_its_requests(house: House, echo: Echo) -> None:
    sent = [b"%d" % n for n in range(100, 400)]
    assert list(house.stream(sent)) == [one[::-1] for one in sent]
    assert echo.callers == ["coordinator"] * 300
    assert house.idle()


def test_a_stream_of_nothing_ends_at_once(house: House, echo: Echo) -> None:
    assert list(house.stream(())) == []
    assert echo.callers == []
    assert house.idle()


def test_each_reply_comes_before_the_next_request_is_made(house: House) -> None:
    """So that a request may depend on the reply before it."""
    replied = threading.Semaphore(0)

    def requests() -> Iterator[bytes]:
        for n in range(5):
            yield b"%d" % n
            assert replied.acquire(timeout=PATIENCE)

    for reply in house.stream(requests()):
        assert len(reply) == 1
        replied.release()
    assert house.idle()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("REPLAYED"), "REPLAYED"),
        (PeerFault("BAD_SIGNATURE"), "BAD_SIGNATURE"),
        (Unavailable("LOG_UNAVAILABLE"), "LOG_UNAVAILABLE"),
        (ZeroDivisionError("person 7903"), "PEER_FAILED"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_ends_a_stream_and_what_came_before_it_stands(error: Exception, code: str) -> None:
    def handler(_: str, request: bytes) -> bytes:
        if request == b"3":
            raise error
        return request

    with _serving(handler) as house:
        replies = house.stream(b"%d" % n for n in range(9))
        assert list(itertools.islice(replies, 3)) == [b"0", b"1", b"2"]
        with pytest.raises(HeduiError) as caught:
            next(replies)
        assert house.idle()
    assert (caught.value.code, caught.value.details["peer"]) == (code, "bank_a")


def test_a_stranger_s_stream_is_refused_before_it_is_read(house: House, echo: Echo) -> None:
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        list(house.stream([b"a"], _issue("coordinator")))
    assert echo.callers == []


def test_an_oversize_message_ends_a_stream(house: House, echo: Echo) -> None:
    came = threading.Event()

    def requests() -> Iterator[bytes]:
        yield b"ab"
        came.wait(PATIENCE)
        yield bytes(limits.MESSAGE_BYTES + 1)

    replies = house.stream(requests())
    assert next(replies) == b"ba"
    came.set()
    with pytest.raises(PeerFault, match="OVERSIZE"):
        next(replies)
    assert len(echo.callers) == 1


def test_a_stream_to_nobody_is_told(house: House) -> None:
    house.running.stop(0)
    with pytest.raises(Unavailable, match="PEER_UNREACHABLE"):
        list(house.stream([b"a"]))


def test_a_server_that_stops_ends_its_streams(house: House) -> None:
    replies = house.stream(itertools.repeat(b"a"))
    next(replies)
    house.running.stop(0)
    with pytest.raises(HeduiError) as caught:
        list(replies)
    assert caught.value.code in {"PEER_UNREACHABLE", "PEER_FAILED"}


def test_a_stream_waits_for_each_reply_only_so_long() -> None:
    release = threading.Event()

    def handler(_: str, request: bytes) -> bytes:
        if request == b"slow":
            release.wait(PATIENCE)
        return request

    with _serving(handler) as house:
        replies = house.stream([b"a", b"b", b"slow", b"c"], timeout=0.5)
        assert [next(replies), next(replies)] == [b"a", b"b"]
        with pytest.raises(Unavailable, match="PEER_SLOW peer=bank_a"):
            next(replies)
        assert list(replies) == [], "it is over"
        release.set()
        assert house.idle()


def test_the_time_between_replies_counts_and_not_a_stream_s_length() -> None:
    def handler(_: str, request: bytes) -> bytes:
        time.sleep(0.1)
        return request

    with _serving(handler) as house:
        assert len(list(house.stream([b"a"] * 12, timeout=0.9))) == 12


def test_a_caller_that_falls_silent_is_cut_off(echo: Echo) -> None:
    over = threading.Event()

    def requests() -> Iterator[bytes]:
        yield b"ab"
        over.wait(PATIENCE)

    with _serving(echo, patience=0.5) as house:
        replies = house.stream(requests())
        assert next(replies) == b"ba"
        with pytest.raises(PeerFault, match="PEER_FAILED") as caught:
            next(replies)
        assert caught.value.details["status"] == "CANCELLED"
        assert house.idle()
        over.set()


def test_a_caller_that_does_not_read_is_cut_off() -> None:
    """Else a few callers would keep all threads of a server waiting for room."""
    answered: list[int] = []

    def handler(_: str, request: bytes) -> bytes:
        answered.append(len(request))
        return bytes(limits.MESSAGE_BYTES // 2)

    with _serving(handler, patience=0.5) as house:
        replies = house.stream([b"a"] * 50)
        next(replies)
        assert house.idle()
        assert len(answered) < 50
        with pytest.raises(HeduiError):
            list(replies)


def test_a_stream_that_is_dropped_is_over_for_the_server(house: House, echo: Echo) -> None:
    replies = house.stream(itertools.repeat(b"ab"))
    next(replies)
    cast("Generator[bytes, None, None]", replies).close()
    assert house.idle()
    count = len(echo.callers)
    time.sleep(0.2)
    assert len(echo.callers) == count


MEGABYTE = 1024 * 1024


def settled(counted: list[int]) -> int:
    """Wait until a list no longer grows."""
    before = -1
    while before != len(counted) or not counted:
        before = len(counted)
        time.sleep(0.7)
    return before


def test_a_slow_server_holds_its_caller_back() -> None:
    """Requests are made while the transport has room, not as fast as they can be made."""
    release = threading.Event()

    def handler(_: str, request: bytes) -> bytes:
        release.wait(PATIENCE)
        return request[:1]

    made: list[int] = []

    def requests() -> Iterator[bytes]:
        for n in range(400):
            made.append(n)
            yield bytes(MEGABYTE)

    with _serving(handler) as house, ThreadPoolExecutor(1) as pool:
        replies = house.stream(requests())
        first = pool.submit(next, replies)
        assert settled(made) < 200
        release.set()
        assert first.result() == b"\0"
        cast("Generator[bytes, None, None]", replies).close()
        assert house.idle()


def test_a_caller_that_reads_slowly_holds_the_server_back() -> None:
    answered: list[int] = []

    def handler(_: str, request: bytes) -> bytes:
        answered.append(len(request))
        return bytes(MEGABYTE)

    with _serving(handler) as house:
        replies = house.stream([b"a"] * 400)
        next(replies)
        assert settled(answered) < 200
        cast("Generator[bytes, None, None]", replies).close()
        assert house.idle()


def test_a_recorder_hears_every_message_of_a_stream(echo: Echo) -> None:
    heard: dict[str, list[tuple[str, str, bytes]]] = {"server": [], "client": []}
    with _serving(echo, tap=lambda *row: heard["server"].append(row)) as house:
        list(house.stream([b"ab", b"cd"], tap=lambda *row: heard["client"].append(row)))
    out, back = [("out", STREAM, one) for one in (b"ab", b"cd")], ["ba", "dc"]
    assert [row for row in heard["client"] if row[0] == "out"] == out
    assert [row[2].decode() for row in heard["client"] if row[0] == "in"] == back
    assert [(way, message) for way, _, message in heard["server"]] == [
        ("in", b"ab"),
        ("out", b"ba"),
        ("in", b"cd"),
        ("out", b"dc"),
    ]


# ---- the server itself


def test_a_taken_address_is_told(house: House, echo: Echo) -> None:
    address = house.peer().endpoint
    service = Service(name="federation.v1.Test", methods={"Echo": echo})
    with pytest.raises(BadInput, match="LISTEN_FAILED address=127"):
        server.build(house.manifest, IDENTITIES["bank_a"], address, service)


def test_an_address_of_another_program_is_told(echo: Echo) -> None:
    service = Service(name="federation.v1.Test", methods={"Echo": echo})
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(BadInput, match="LISTEN_FAILED"):
            server.build(_manifest(), IDENTITIES["bank_a"], address, service)


def test_health_follows_the_server(echo: Echo) -> None:
    manifest = _manifest()
    service = Service(name="federation.v1.Test", methods={"Echo": echo})
    mine = IDENTITIES["coordinator"]
    credentials = grpc.ssl_channel_credentials(CA.certificate, mine.key, mine.certificate)
    running = server.build(manifest, IDENTITIES["bank_a"], "127.0.0.1:0", service)
    running.start()
    with _raw(House(manifest, running), credentials) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    running.stop()
    with pytest.raises(Unavailable):
        House(manifest, running).call(b"")


@contextmanager
def _raw(house: House, credentials: grpc.ChannelCredentials) -> Iterator[grpc.Channel]:
    """Open a channel without this project's limits."""
    name = ("grpc.ssl_target_name_override", tls_name("bank_a"))
    sizes = [(key, -1) for key, _ in OPTIONS if key.endswith("message_length")]
    with grpc.secure_channel(house.peer().endpoint, credentials, [name, *sizes]) as channel:
        yield channel


def _invoke(channel: grpc.Channel, request: bytes) -> bytes:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{METHOD}")
    return call(request, timeout=PATIENCE)


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    return cast("grpc.Call", error).code()


# ---- the recorder


def test_a_recorder_hears_both_sides(echo: Echo) -> None:
    heard: dict[str, list[tuple[str, str, bytes]]] = {"server": [], "client": []}

    def tap(who: str) -> Callable[[str, str, bytes], None]:
        return lambda *row: heard[who].append(row)

    with _serving(echo, tap=tap("server")) as house:
        house.call(b"ab", tap=tap("client"))
    assert heard["client"] == [("out", METHOD, b"ab"), ("in", METHOD, b"ba")]
    assert heard["server"] == [("in", METHOD, b"ab"), ("out", METHOD, b"ba")]


def test_a_recorder_hears_what_was_refused(echo: Echo) -> None:
    heard: list[tuple[str, str, bytes]] = []
    with _serving(_raising(Refused("REPLAYED")), tap=lambda *row: heard.append(row)) as house:
        with pytest.raises(Refused):
            house.call(b"ab")
        assert heard == [("in", METHOD, b"ab")]


def test_a_bug_is_logged_without_what_it_choked_on() -> None:
    def choke() -> None:
        int("79030119700312011X")

    with pytest.raises(ValueError, match="79030119700312011X") as caught:
        choke()
    told = server._where(caught.value)
    assert "ValueError at test_server.py" in told
    assert "7903" not in told


# ---- one core


def test_all_threads_of_a_process_keep_to_one_of_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[int, set[int]] = {}

    def keep(thread: int, cores: set[int]) -> None:
        kept[thread] = cores
        if len(kept) > 1:
            raise ProcessLookupError  # as of a thread that has just ended

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", keep, raising=False)
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(threading.get_native_id).result()
        server.keep_to_one_core()
    assert {threading.get_native_id(), other} <= kept.keys()
    ((core,),) = {tuple(cores) for cores in kept.values()}
    assert core in {3, 5}


def test_threads_that_move_bytes_may_run_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: set[int] = set()
    named, done = threading.Event(), threading.Event()

    def rename() -> None:
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text("mover", "utf-8")
        named.set()
        done.wait(5)

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, _: kept.add(thread), raising=False)
    mover = threading.Thread(target=rename)
    mover.start()
    assert named.wait(5)
    server.keep_to_one_core()
    done.set()
    assert threading.get_native_id() in kept
    assert mover.native_id not in kept


def test_where_cores_cannot_be_chosen_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: pytest.fail("asked for cores"))
    server.keep_to_one_core()
