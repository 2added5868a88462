"""A federation with batch mandates behind real sockets: a registrar, two departments, two centres.

Everybody on the lists of this town is invented. ``listed`` people are in the registers of both
departments or not as their number says, so each answer is known beforehand.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from coordinator import mandate_cli
from coordinator.asking.enlisting import Wanted
from coordinator.asking.mandate_books import Filed
from coordinator.opening import installation
from crypto.keys import SealCost, SigningKey
from department_node.node import Node, RunningNode
from federation import ceremony, exchange, founding, limits, mandate
from federation import party as parties
from federation.clock import FixedClock, SystemClock, business_date
from federation.errors import Unavailable
from federation.exchange import Header, Purpose
from federation.founding import FederationPlan, PartyPlan
from federation.ids import check_digit
from federation.mandate import BatchMandate, Pair
from federation.mandate_list import BlockAnswer, BlockQuestion
from federation.manifest import PartyRole
from federation.party import Party
from federation.v1 import node_pb2
from federation.wire import codec, mandate_messages, signed
from federation.wire.channel import Peers
from hedui.demo.stage import free_ports
from registrar import server as registrar_server
from registrar.journal import Asked
from registrar.store import FILE, Store

DEATH: Pair = ("P10", "")
POOR: Pair = ("P64", "")
CIVIL, RURAL = "civil_affairs", "rural_revitalisation"
NODES = {CIVIL: DEATH, RURAL: POOR}
DAY = 86_400
CATALOGUE = """
department = "{department}"
version = 1
[source]
kind = "sqlite"
path = "records.sqlite"
[roll]
sql = "SELECT id, NULL, id FROM person"
[as_of]
sql = "SELECT '{today}'"
[[answer]]
predicate = "{predicate}"
purposes = ["MONITORING"]
scope = "city"
sql = "SELECT count(*) FROM event WHERE id = :key"
"""
POLICY = """
family = "test"
version = 1
issued = {year}-01-01
expires = {year}-12-31
title = {{ zh = "测试", en = "Test" }}
parameter = []
""" + "".join(
    f"""
[[rule]]
predicate = "{predicate}"
purposes = ["MONITORING"]
parameters = []
period = "month"
max_age_days = 45
source = "测试"
zh = "测试"
en = "test"
"""
    for predicate in ("P10", "P62", "P64")
)


def person_id(number: int) -> str:
    """Make the number of an invented person, in rising order."""
    first = f"790301{1950 + number // 28_000}{1 + number // 1_000 % 12:02}15{number % 1_000:03}"
    return first + check_digit(first)


def is_dead(number: int) -> bool:
    """Tell whether civil affairs has a cremation of that person."""
    return number % 5 == 0


def is_poor(number: int) -> bool:
    """Tell whether that person is on the poverty register."""
    return number % 3 == 0


def knows(department: str, number: int) -> bool:
    """Tell whether that person is on a department's roll at all."""
    return number % 7 != 0 if department == CIVIL else True


@dataclass
class Town:
    """The federation's folder, its clock, and who runs."""

    folder: Path
    clock: FixedClock
    parties: dict[str, Party]
    peers: dict[str, Peers]
    nodes: dict[str, Node]
    roots: list[SigningKey] = field(repr=False)

    def wanted(self, **changes: object) -> Wanted:
        """Say what a mandate is wanted for, unless told otherwise."""
        now = self.clock.now()
        plain = Wanted(
            purpose=Purpose.MONITORING,
            basis={"zh": "暂行办法第十三条", "en": "Interim measures, art. 13"},
            departments=tuple(NODES),
            questions=tuple(NODES.values()),
            not_before=now,
            expires=now + 5 * DAY,
        )
        return replace(plain, **changes)  # type: ignore[arg-type]

    @contextmanager
    def desk(self, party: str = "coordinator") -> Iterator[mandate_cli.MandateDesk]:
        """Open a centre's desk."""
        with installation(self.folder / party, self.clock) as installed:
            yield mandate_cli.desk_of(installed)

    def signed(self, document: bytes, keys: int = 2) -> bytes:
        """Have the root sign."""
        return mandate.countersign(document, self.roots[:keys])

    def enlisted(self, numbers: Sequence[str], **changes: object) -> Filed:
        """Draft, sign and enlist a mandate for people in rising order."""
        with self.desk() as desk:
            filed = desk.enlistment.draft(self.wanted(**changes), numbers)
            return desk.enlistment.enlist(self.signed(filed.document))

    def header(self, department: str = CIVIL, sender: str = "coordinator") -> Header:
        """Begin a question to a block."""
        now = self.clock.now()
        return Header(
            method=exchange.ASK_MANDATE,
            sender=sender,
            audience=department,
            qid=os.urandom(16),
            issued=now,
            expires=now + limits.REQUEST_LIFE,
            n=1,
            root=signed.UNSET_ROOT,
            purpose=Purpose.MONITORING,
            policy_version=1,
        )

    def request(
        self, header: Header, question: BlockQuestion, *shown: bytes, key: SigningKey | None = None
    ) -> bytes:
        """Sign a question to a block."""
        prepared = signed.prepare(header, [mandate_messages.encode_question(question)])
        signer = key or self.parties[header.sender].key
        return codec.encode_batch(signed.sign(prepared, signer, shown))

    def send(
        self, request: bytes, *, department: str = CIVIL, sender: str = "coordinator"
    ) -> bytes:
        """Send a request over mutual TLS."""
        entry = self.parties[sender].manifest.party(department)
        return self.peers[sender].call(entry, exchange.ASK_MANDATE, request, timeout=20)

    def said(self, request: bytes, pseudonyms: bytes, **more: str) -> BlockAnswer:
        """Send a request and verify what is said to it."""
        raw = self.send(request, **more)
        header = signed.claimed_header(codec.decode_batch(request))
        keys = self.parties["coordinator"].manifest.party(header.audience).keys
        return mandate_messages.open_answer(raw, header, pseudonyms, keys)

    def revoke(self, given: bytes) -> None:
        """Revoke a mandate at the registrar, and let a department hear of it."""
        store = Store(self.parties["registrar"].data / FILE)
        with store.write() as tx:
            tx.mandates.revoke(given, Asked(by="registrar", at=self.clock.now()))
        store.close()
        self.refresh()

    def refresh(self) -> None:
        """Have the departments fetch their status lists."""
        for node in self.nodes.values():
            node.status.refresh()

    def rows(self, department: str, sql: str) -> list[tuple[object, ...]]:
        """Query a node's database."""
        with sqlite3.connect(self.folder / department / "data" / "node.sqlite") as connection:
            return connection.execute(sql).fetchall()


def digest(data: bytes) -> bytes:
    """Name a presentation."""
    return hashlib.sha256(data).digest()


def change(document: bytes, roots: Sequence[SigningKey], **changes: object) -> bytes:
    """Have the root sign a changed mandate."""
    given, _ = mandate.look(document)
    changed: BatchMandate = replace(given, **changes)  # type: ignore[arg-type]
    return mandate.countersign(mandate.draft(changed), roots)


@contextmanager
def running(
    folder: Path, people: int, settle: Callable[[Path], None] = lambda _: None
) -> Iterator[Town]:
    """Found the town, run its registrar and departments, enrol so many people."""
    now = SystemClock().now()
    found(folder, now)
    clock = FixedClock(now)
    roles = {"registrar": PartyRole.REGISTRAR, "coordinator": PartyRole.COORDINATOR}
    roles |= {"stranger": PartyRole.COORDINATOR} | dict.fromkeys(NODES, PartyRole.NODE)
    for department, (predicate, _) in NODES.items():
        _furnish(folder / department, department, predicate, people, now)
    settle(folder)
    opened = {name: parties.load(folder / name, role, now) for name, role in roles.items()}
    with ExitStack() as stack:
        peers = {name: Peers(party.tls) for name, party in opened.items()}
        for one in peers.values():
            stack.callback(one.close)
        registrar = registrar_server.build(opened["registrar"], clock)
        registrar.start()
        stack.callback(registrar.stop, 0)
        nodes = {name: stack.enter_context(_node(folder / name, clock)) for name in NODES}
        home = ceremony.open_home(folder, now)
        yield Town(folder, clock, opened, peers, nodes, ceremony.keys_at_hand(home))


@contextmanager
def _node(folder: Path, clock: FixedClock) -> Iterator[Node]:
    with Node(folder, clock) as node:
        node.enrolment().run()
        node.finish_enrolment()
        serving = RunningNode(node)
        serving.start()
        try:
            yield node
        finally:
            serving.stop()


def found(folder: Path, now: int) -> None:
    """Found the town's federation."""
    names = ["registrar", "coordinator", "stranger", *NODES]
    roles = [PartyRole.REGISTRAR, PartyRole.COORDINATOR, PartyRole.COORDINATOR]
    roles += [PartyRole.NODE] * len(NODES)
    founding.found(
        folder,
        FederationPlan(
            federation="test",
            parties=[
                PartyPlan(
                    id=name,
                    role=role,
                    kind=name if role is PartyRole.NODE else "",
                    zh=name,
                    en=name,
                    endpoint=f"127.0.0.1:{port}",
                    settings="[node]\none_core = false\n" if role is PartyRole.NODE else "",
                )
                for name, role, port in zip(names, roles, free_ports(len(names)), strict=True)
            ],
            policy=POLICY.format(year=business_date(now).year).encode(),
            now=now,
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )


def _furnish(folder: Path, department: str, predicate: str, people: int, now: int) -> None:
    today = business_date(now).isoformat()
    text = CATALOGUE.format(department=department, predicate=predicate, today=today)
    (folder / "catalogue.toml").write_text(text, "utf-8")
    happened = is_dead if department == CIVIL else is_poor
    known = [number for number in range(people) if knows(department, number)]
    with sqlite3.connect(folder / "records.sqlite") as connection:
        connection.execute("CREATE TABLE person (id TEXT PRIMARY KEY)")
        connection.execute("CREATE TABLE event (id TEXT)")
        connection.execute("CREATE INDEX event_id ON event (id)")
        connection.executemany("INSERT INTO person VALUES (?)", [(person_id(n),) for n in known])
        rows = [(person_id(n),) for n in known if happened(n)]
        connection.executemany("INSERT INTO event VALUES (?)", rows)
    connection.close()


def node_answer(data: bytes) -> node_pb2.MandateAnswer:
    """Read a department's message without believing it."""
    return node_pb2.MandateAnswer.FromString(data)


def unreachable(department: str) -> Unavailable:
    """Say that a department is away."""
    return Unavailable("PEER_UNREACHABLE", peer=department)
