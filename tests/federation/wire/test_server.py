"""Server and channels over real sockets with mutual TLS: who gets in, and what comes back."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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


@contextmanager
def _serving(
    handler: Handler,
    identity: TlsIdentity = IDENTITIES["bank_a"],
    manifest: Manifest | None = None,
    tap: Tap | None = None,
) -> Iterator[House]:
    manifest = manifest or _manifest(coordinator=[EXPIRED])
    service = Service(name="federation.v1.Test", methods={"Echo": handler})
    house = House(manifest, server.build(manifest, identity, "127.0.0.1:0", service, tap))
    house.running.start()
    try:
        yield house
    finally:
        for peers in house.peers:
            peers.close()
        house.running.stop(0)


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
