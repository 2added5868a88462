"""Logs over real sockets: auditors read all, witnesses no records, others nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from federation import certificates
from federation.clock import SystemClock
from federation.errors import PeerFault, Unavailable
from federation.log import reader, rows
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.wire import log_messages as messages
from federation.wire import log_service, server
from federation.wire.channel import Peers, TlsIdentity
from federation.wire.log_messages import LogPart
from federation.wire.server import Service
from tests.federation.log.kept import Owner, keeper, manifest
from tests.support.books import MemoryBook

NOW = SystemClock().now()
CA = certificates.make_authority("test", NOW, 10)
CALLERS = ("tax", "auditor", "witness_a", "coordinator")


def shown(party: str) -> TlsIdentity:
    return certificates.issue(CA, party, NOW, 5)


@dataclass
class House:
    """The tax node with its log, and whoever calls it."""

    book: MemoryBook
    manifest: Manifest
    peers: dict[str, Peers]

    def entry(self, party: str) -> PartyEntry:
        return self.manifest.party(party)

    def reading(self, caller: str) -> reader.LogReader:
        return log_service.log_reader(self.peers[caller], self.entry("tax"))


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    tls = {name: shown(name) for name in CALLERS}
    listed = manifest()
    for name, one in tls.items():
        entry = replace(listed.party(name), certificates=(certificates.der(one.certificate),))
        listed = replace(listed, ca=CA.certificate, parties={**listed.parties, name: entry})
    book = MemoryBook()
    for n in range(300):
        book.append(b"record %d" % n, bytes(40_000))
    keeper(book).cut()

    def echo(_: str, data: bytes) -> bytes:
        return data

    served = Service(
        name="federation.v1.Test",
        methods={"Echo": echo},
        others=(log_service.service(book, lambda: listed),),
    )
    running = server.build(listed, tls["tax"], "127.0.0.1:0", served)
    running.start()
    entry = replace(listed.party("tax"), endpoint=f"127.0.0.1:{running.port}")
    called = replace(listed, parties={**listed.parties, "tax": entry})
    peers = {name: Peers(one) for name, one in tls.items()}
    yield House(book, called, peers)
    for known in peers.values():
        known.close()
    running.stop()


def test_an_auditor_reads_all(house: House) -> None:
    read = house.reading("auditor")
    assert read("checkpoint") == house.book.checkpoints[0].note
    leaves = [row.leaf for row in house.book.all]
    assert read("tile/0/000") == b"".join(leaves[:256])
    bundle = read("tile/records/000")
    assert len(bundle) > messages.PART_BYTES * 2
    assert rows.read(bundle, leaves[:256]) == house.book.all[:256]


def test_a_witness_reads_all_but_records(house: House) -> None:
    read = house.reading("witness_a")
    assert read("checkpoint") == house.book.checkpoints[0].note
    assert len(read("tile/0/001.p/44")) == 44 * 32
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        read("tile/records/000")


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/records/000"])
@pytest.mark.parametrize("caller", ["coordinator", "tax"])
def test_others_read_nothing(house: House, caller: str, path: str) -> None:
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        house.reading(caller)(path)


def test_what_is_not_there_is_said(house: House) -> None:
    with pytest.raises(Unavailable, match="LOG_PART_MISSING"):
        house.reading("auditor")("tile/0/001")


def test_the_party_s_own_service_is_served_too(house: House) -> None:
    peer = house.entry("tax")
    assert house.peers["coordinator"].call(peer, "federation.v1.Test/Echo", b"x", timeout=5) == b"x"


class Noting:
    """Notes who is called for what."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str, bytes, float]] = []

    def call(self, peer: PartyEntry, method: str, request: bytes, *, timeout: float) -> bytes:
        self.called.append((peer.id, method, request, timeout))
        return b"said"


def test_a_witness_is_reached_by_its_id() -> None:
    peers = Noting()
    send = log_service.witness_sender(Owner().party(), cast("Peers", peers))
    assert send("witness_a", b"new") == b"said"
    assert peers.called == [("witness_a", "federation.v1.Witness/AddCheckpoint", b"new", 5.0)]
    with pytest.raises(PeerFault, match="PARTY_UNKNOWN"):
        send("coordinator", b"new")


def test_nobody_is_answered_from_an_altered_log() -> None:
    book = MemoryBook()
    book.append(b"one")
    one = keeper(book)
    methods = log_service.while_sound(one, {"Echo": lambda _, data: data})
    assert methods["Echo"]("coordinator", b"x") == b"x"
    one.cut()
    book.all.clear()
    with pytest.raises(Unavailable, match="LOG_ALTERED"):
        one.cut()
    with pytest.raises(Unavailable, match="LOG_ALTERED"):
        methods["Echo"]("coordinator", b"x")


def handle(caller: str, data: bytes, listed: Manifest | None = None) -> bytes:
    service = log_service.service(MemoryBook(), lambda: listed or manifest())
    return service.methods["Read"](caller, data)


def test_strangers_are_unknown() -> None:
    request = messages.encode_request(messages.LogRequest(path="checkpoint"))
    with pytest.raises(PeerFault, match="PARTY_UNKNOWN"):
        handle("stranger", request)
    with pytest.raises(PeerFault, match="PARTY_UNKNOWN"):
        handle("auditor", request, manifest("auditor"))


@pytest.mark.parametrize("role", PartyRole)
def test_each_role(role: PartyRole) -> None:
    caller = next(one.id for one in manifest().parties.values() if one.role is role)
    request = messages.encode_request(messages.LogRequest(path="tile/records/000"))
    code = "LOG_PART_MISSING" if role is PartyRole.AUDITOR else "WRONG_PARTY"
    with pytest.raises((PeerFault, Unavailable), match=code):
        handle(caller, request)


def test_garbage_is_malformed() -> None:
    with pytest.raises(PeerFault, match="MALFORMED message=LogRequest"):
        handle("auditor", b"\xff")
    request = messages.encode_request(messages.LogRequest(path="nothing"))
    for caller in ("auditor", "witness_a"):
        with pytest.raises(PeerFault, match="MALFORMED message=path"):
            handle(caller, request)


class Lying:
    """Answers parts that do not fit together."""

    def __init__(self, *parts: LogPart) -> None:
        self.parts = list(parts)

    def call(self, *_: Any, **__: Any) -> bytes:
        return messages.encode_part(self.parts.pop(0))


def part(data: bytes, size: int) -> LogPart:
    return LogPart(data=data, size=size)


TILE = bytes(range(32)) * 256


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([part(TILE, 8193)], "OVERSIZE limit=8192 size=8193"),
        ([part(b"", 8192)], "WRONG_ANSWER sender=tax"),
        ([part(b"", 0)], "WRONG_ANSWER sender=tax"),
        ([part(TILE[:5], 8192), part(b"", 8192)], "WRONG_ANSWER sender=tax"),
        ([part(TILE, 8191)], "WRONG_ANSWER sender=tax"),
        ([part(TILE[:5], 8192), part(TILE[5:], 8191)], "LOG_PART_MISSING path=tile/0/000"),
        ([part(TILE[:5], 5)], "MALFORMED message=tile/0/000"),
    ],
)
def test_parts_that_do_not_fit_together(parts: list[LogPart], code: str) -> None:
    read = log_service.log_reader(cast("Peers", Lying(*parts)), manifest().party("tax"))
    with pytest.raises((PeerFault, Unavailable), match=code):
        read("tile/0/000")


def test_parts_that_fit_are_joined() -> None:
    lying = Lying(part(TILE[:5], 8192), part(TILE[5:], 8192))
    read = log_service.log_reader(cast("Peers", lying), manifest().party("tax"))
    assert read("tile/0/000") == TILE
