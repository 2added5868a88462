"""A whole federation in one process: two departments, registrar, centre, auditor, three witnesses.

All parties are the real ones with their stores in a folder, wired as they are in earnest; only the
network (``network``) and the clocks are ours. Nothing happens by itself: whoever plays the world
says when lists are fetched, checkpoints cut and witnesses asked.
"""

import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from auditor import witness_server
from auditor.witness_server import Witness, WitnessServer
from coordinator import opening
from coordinator.desk import Desk
from coordinator.evidence import Evidence
from coordinator.opening import Installed
from crypto.keys import SealCost
from department_node.node import Node, RunningNode
from federation import founding, limits
from federation import party as parties
from federation.clock import FixedClock
from federation.errors import HeduiError
from federation.founding import FederationPlan, PartyPlan
from federation.log import keeper
from federation.log.keeper import Keeper
from federation.manifest import Manifest, PartyRole
from federation.party import Party
from federation.wire.log_messages import ADD_CHECKPOINT
from registrar import endings
from registrar import server as registrar_server
from registrar.journal import Asked
from registrar.server import RegistrarServer
from tests.registrar.town import person_id
from tests.simulation.network import Network
from tests.support.twin import NOW

REGISTRAR, CENTRE, AUDITOR, STRANGER = "registrar", "coordinator", "auditor", "stranger"
POLICE, MARKET = "public_security", "market_regulation"
NODES = (POLICE, MARKET)
WITNESSES = ("witness_a", "witness_b", "witness_c")
LOGS = (*NODES, REGISTRAR, CENTRE)
DAY = 86_400
"""So long before its life begins a federation is founded, seconds."""
USES = 3
"""Uses of each grant: few, so that they are spent."""
BUDGET = 4
"""New cells of a record and year, those for rechecks apart: few, so that they are spent."""
_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there
_QUICK = _MEMORY if os.access(_MEMORY, os.W_OK) else None
"""Where worlds lie: no disk is waited for if that can be had."""
FILES = {
    **dict.fromkeys(NODES, "node.sqlite"),
    REGISTRAR: "registrar.sqlite",
    CENTRE: "coordinator.sqlite",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody invented, and what the registers have; ``listed`` where a register knows them."""

    number: str
    name: str
    car: bool = False
    company: bool = False
    moved: str | None = None
    listed: tuple[str, ...] = NODES


PEOPLE = (
    Person(number=person_id("19700312", 1), name="王甲", car=True, moved="2026-10-01"),
    Person(number=person_id("19680504", 3), name="李乙", company=True, listed=(MARKET,)),
    Person(number=person_id("19810909", 5), name="赵丙", car=True, company=True),
    Person(number=person_id("19830110", 6), name="钱丁", moved="2020-01-01", listed=(POLICE,)),
)
HOUSEHOLDS = ((0,), (1,), (2, 3))

POLICY = """
family = "test"
version = 1
issued = 2026-01-01
expires = 2027-12-31
title = { zh = "测试", en = "Test" }
[[parameter]]
id = "w6m"
kind = "window"
months = 6
zh = "近6个月"
en = "last 6 months"
source = "测试"
""" + "".join(
    f"""
[[rule]]
predicate = "{predicate}"
purposes = ["ENTRY", "REVIEW"]
parameters = {parameters}
period = "month"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
"""
    for predicate, parameters in (("P05", ["w6m"]), ("P06", []), ("P40", []), ("P46", []))
)
QUESTIONS = {
    POLICE: {
        "P05": "SELECT moved >= :since FROM person WHERE id = :key",
        "P06": "",
        "P40": "SELECT car FROM person WHERE id = :key",
    },
    MARKET: {"P46": "SELECT company FROM person WHERE id = :key"},
}


@dataclass
class World:
    """The running parties; ``clock`` is the true time, ``clocks`` what each of them believes."""

    folder: Path
    clock: FixedClock
    network: Network
    clocks: dict[str, "PartyClock"]
    registrar: RegistrarServer = field(init=False)
    nodes: dict[str, RunningNode] = field(default_factory=dict)
    witnesses: dict[str, WitnessServer] = field(default_factory=dict)
    papers: int = 0
    _opened: dict[str, Party] = field(default_factory=dict)
    _centre: tuple[ExitStack, Installed] | None = None

    @property
    def manifest(self) -> Manifest:
        return self.party(POLICE).manifest

    def party(self, name: str) -> Party:
        """Open a party's folder, or give the party that runs."""
        if name in self.nodes:
            return self.nodes[name]._node.party
        if name not in self._opened:
            self._opened[name] = parties.load(self.folder / name, None, self.clocks[name].now())
        return self._opened[name]

    def file(self, party: str) -> Path:
        """Find the database with a party's log."""
        return self.folder / party / "data" / FILES[party]

    @contextmanager
    def centre(self) -> Iterator[Installed]:
        """Lend the centre's installation for one command; it stays open for the next one."""
        if self._centre is None:
            opened = ExitStack()
            folder, clock = self.folder / CENTRE, self.clocks[CENTRE]
            self._centre = opened, opened.enter_context(opening.installation(folder, clock))
        _, installed = self._centre
        try:
            yield installed
        finally:
            try:
                installed.log.settle()
            finally:
                installed.log.__dict__.pop("keeper", None)  # the next command has its own

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Lend the centre's desk for one command."""
        with self.centre() as installed:
            yield opening._desk(installed)

    @contextmanager
    def evidence(self) -> Iterator[tuple[Desk, Evidence]]:
        """Lend the centre's desk with the evidence of its cases."""
        with self.centre() as installed:
            books, prove = opening._books(installed), installed.transport().prove
            evidence = Evidence(books, installed.party, prove, installed.clock)
            yield opening._desk(installed), evidence

    def open_case(self, household: int) -> str:
        """Open a case whose people have signed a paper of their own, and have it consented."""
        self.papers += 1
        with self.desk() as desk:
            (case_id,) = desk.new([desk.read(case_file(household, self.papers)).case])
            desk.consent([case_id])
        return case_id

    def operator(self, consent_no: str, what: str) -> None:
        """Revoke, suspend or resume a consent at the registrar's own desk."""
        asked = Asked(by=REGISTRAR, at=self.clocks[REGISTRAR].now())
        with self.registrar._store.write() as tx:
            consent = tx.by_number(consent_no)
            assert consent
            match what:
                case "revoke":
                    tx.revoke(consent, asked)
                case "suspend":
                    endings.suspend(tx, consent, asked)
                case _:
                    endings.resume(tx, consent, asked)

    def trade_car(self, which: int) -> bool:
        """Let a person have a car from now on who had none, or none; tell which."""
        one = PEOPLE[which]
        if POLICE not in one.listed:
            return one.car
        file = self.folder / POLICE / "records.sqlite"
        with closing(sqlite3.connect(file)) as c, c:
            c.execute("UPDATE person SET car = NOT car WHERE id = ?", (one.number,))
            return bool(
                c.execute("SELECT car FROM person WHERE id = ?", (one.number,)).fetchone()[0]
            )

    def witness(self, name: str) -> Witness:
        """Give a witness that runs."""
        handler = self.network.handlers[name, ADD_CHECKPOINT]
        return handler.__self__  # type: ignore[attr-defined,no-any-return]

    def origin(self, number: str) -> str:
        """Tell by which consent's signatures a consent goes."""
        with closing(sqlite3.connect(self.file(REGISTRAR))) as c:
            sql = "SELECT origin FROM consent WHERE consent_no = ?"
            return str(c.execute(sql, (number,)).fetchone()[0])

    def has_ended(self, origin: str) -> bool:
        """Tell whether a consent has ended by the registrar's own books."""
        with closing(sqlite3.connect(self.file(REGISTRAR))) as c:
            sql = "SELECT count(*) FROM consent WHERE origin = ? AND revoked IS NOT NULL"
            return bool(c.execute(sql, (origin,)).fetchone()[0])

    def start(self, name: str) -> None:
        """Start a party that is not running."""
        clock = self.clocks[name]
        if name in NODES:
            node = Node(self.folder / name, clock)
            self.nodes[name] = RunningNode(node)
        elif name in WITNESSES:
            self.witnesses[name] = witness_server.build(self.party(name), clock)
        elif name == REGISTRAR:
            self.registrar = registrar_server.build(self.party(name), clock)

    def stop(self, name: str) -> None:
        """Stop a party; the centre starts when it is used next."""
        self.network.gone(name)
        if name in NODES:
            self.nodes.pop(name)._node.__exit__()
        elif name in WITNESSES:
            self.witnesses.pop(name).stop()
        elif name == REGISTRAR:
            self.registrar.stop()
        elif self._centre:
            (opened, _), self._centre = self._centre, None
            with suppress(HeduiError):  # it is no more in order: that is told where it is used
                opened.close()

    def fetch_lists(self, node: str) -> None:
        """Have a department fetch its status lists, as it does on its schedule."""
        with suppress(HeduiError):
            self.nodes[node]._node.status.refresh()

    def keeper(self, party: str) -> Keeper:
        """Give the keeper of the log of a party that is a server."""
        return self.registrar._keeper if party == REGISTRAR else self.nodes[party]._keeper

    def tend(self, party: str) -> str:
        """See to a log as its keeper does on its schedule; give the code by which it is unsound."""
        try:
            if party == CENTRE:
                with self.centre() as installed:
                    installed.log.keeper.check(0, installed.log.book.size())
                    installed.log.witness()
            elif self.keeper(party)._altered is None:
                self.keeper(party)._see()
        except HeduiError as error:
            return error.code
        return self.unsound(party)

    def unsound(self, party: str) -> str:
        """Tell by which code a party would refuse to answer, or nothing."""
        if party == CENTRE:
            return ""
        try:
            self.keeper(party).check_sound()
        except HeduiError as error:
            return error.code
        return ""


@dataclass(slots=True)
class PartyClock:
    """A party's clock: the true time and how far it is off."""

    true: FixedClock
    off: int = 0

    def now(self) -> int:
        return self.true.now() + self.off


@contextmanager
def running(offs: dict[str, int] | None = None) -> Iterator[World]:
    """Run a world of its own, and remove it afterwards; ``offs`` are how far clocks are off."""
    clock = FixedClock(NOW)
    names = (REGISTRAR, CENTRE, STRANGER, AUDITOR, *NODES, *WITNESSES)
    clocks = {name: PartyClock(clock, (offs or {}).get(name, 0)) for name in names}
    with ExitStack() as stack:
        home = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="hedui-world-", dir=_QUICK))
        )
        folder = home / "federation"
        shutil.copytree(_template(), folder)
        world = _begin(stack, folder, clock, clocks)
        yield world


def _begin(
    stack: ExitStack, folder: Path, clock: FixedClock, clocks: dict[str, PartyClock]
) -> World:
    network = Network()
    stack.enter_context(network.installed())
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    for name, few in (("PER_RECORD_YEAR", BUDGET + 1), ("RESERVED", 1), ("ALERT", BUDGET)):
        patch.setattr(limits, f"CELLS_{name}", few)
    patch.setattr(keeper, "PAUSE", 0)
    world = World(folder=folder, clock=clock, network=network, clocks=clocks)
    stack.callback(_end, world)
    for name in (REGISTRAR, *NODES, *WITNESSES):
        world.start(name)
    for node in NODES:
        world.fetch_lists(node)
    return world


def _end(world: World) -> None:
    for name in (CENTRE, *world.nodes, *world.witnesses, REGISTRAR):
        world.stop(name)


@cache
def _template() -> Path:
    """Found the federation once, with rolls enrolled and the centre's tables made."""
    home = tempfile.TemporaryDirectory(prefix="hedui-template-", dir=_QUICK)
    _KEPT.append(home)
    folder = Path(home.name) / "federation"
    founding.found(folder, _plan())
    for node in NODES:
        (folder / node / "catalogue.toml").write_text(_catalogue(node), "utf-8")
        write_register(folder / node / "records.sqlite", node)
    clock = FixedClock(NOW)
    clocks = {name: PartyClock(clock) for name in (REGISTRAR, CENTRE, *NODES, *WITNESSES)}
    with ExitStack() as stack:
        world = _begin(stack, folder, clock, clocks)
        for node in NODES:
            world.nodes[node]._node.enrolment().run()
            world.nodes[node]._node.finish_enrolment()
        with world.centre():
            pass
        world.stop(CENTRE)
    return folder


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _plan() -> FederationPlan:
    def party(name: str, role: PartyRole, kind: str = "", settings: str = "") -> PartyPlan:
        address = "127.0.0.1:0"
        return PartyPlan(
            id=name, role=role, kind=kind, zh=name, en=name, endpoint=address, settings=settings
        )

    centre = f"[coordinator]\nmax_uses = {USES}\ntries = 2\npause_ms = 0\nworkers = 2\n"
    return FederationPlan(
        federation="test",
        parties=[
            party(REGISTRAR, PartyRole.REGISTRAR),
            party(CENTRE, PartyRole.COORDINATOR, settings=centre),
            party(STRANGER, PartyRole.COORDINATOR),
            party(AUDITOR, PartyRole.AUDITOR),
            *[party(name, PartyRole.NODE, name) for name in NODES],
            *[party(name, PartyRole.WITNESS) for name in WITNESSES],
        ],
        policy=POLICY.encode(),
        now=NOW - DAY,
        demonstration=True,
        cost=SealCost.MINIMAL,
    )


def _catalogue(node: str) -> str:
    answers = "".join(
        f"""
[[answer]]
predicate = "{predicate}"
purposes = ["ENTRY", "REVIEW"]
scope = "city"
sql = "{sql}"
"""
        for predicate, sql in QUESTIONS[node].items()
    )
    return f"""
department = "{node}"
version = 1
[source]
kind = "sqlite"
path = "records.sqlite"
[roll]
sql = "SELECT id, name, id AS key FROM person"
[as_of]
sql = "SELECT '2026-11-17'"
{answers}"""


def write_register(path: Path, node: str) -> None:
    """Write what a department has of its people."""
    with sqlite3.connect(path) as c:
        c.execute("CREATE TABLE person (id TEXT, name TEXT, car INT, company INT, moved TEXT)")
        c.executemany(
            "INSERT INTO person VALUES (?, ?, ?, ?, ?)",
            [(p.number, p.name, p.car, p.company, p.moved) for p in PEOPLE if node in p.listed],
        )
    c.close()


def case_file(household: int, paper: int) -> bytes:
    """Write the case file of a household whose adults have signed a paper of this number."""
    first, *others = HOUSEHOLDS[household]
    people = [(first, "SELF", "APPLICANT"), *((one, "SPOUSE", "MEMBER") for one in others)]
    evidence = hashlib.sha256(f"paper {paper}".encode()).hexdigest()
    persons = "".join(
        f"""
[[person]]
id = "{PEOPLE[one].number}"
name = "{PEOPLE[one].name}"
relation = "{relation}"
role = "{role}"
[person.consent]
method = "SELF"
signer = ""
evidence = "{evidence}"
"""
        for one, relation, role in people
    )
    return f"""
programme = "DIBAO_URBAN"
trigger = "ENTRY"
area = "790301"
commission = "790301-{paper}"
operator = "op-lin"
{persons}""".encode()
