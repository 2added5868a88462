"""A federation that adds up, behind real sockets: registrar, three departments, tally, centre.

All of it runs in this process, so that a test can stop one party between two messages of another.
What each department has of a household is written into its own records, and is known beforehand.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from coordinator import opening
from coordinator.asking.sum_record import SumRecord
from coordinator.asking.transport import WireTransport
from coordinator.desk import Desk, Ran
from crypto.keys import SealCost
from department_node.node import Node, RunningNode
from federation import founding
from federation import party as installation
from federation.clock import FixedClock
from federation.founding import FederationPlan, PartyPlan
from federation.manifest import PartyRole
from hedui.demo.stage import free_ports
from registrar import server as registrars
from tally import server as tallies
from tally.server import TallyServer
from tests.registrar.town import person_id
from tests.support.sums import NOW

CENTRE, TALLY, REGISTRAR, AUDITOR = "coordinator", "tally", "registrar", "auditor"
ADDERS: Final = ("tax", "human_resources", "finance")
COMPONENTS: Final = dict(zip(ADDERS, ("wage", "pension", "farm_subsidy"), strict=True))
LINE: Final = 250_000
"""A head's line of a year, fen."""
POLICY: Final = f"""
family = "test"
version = 1
issued = 2026-01-01
expires = 2027-12-31
title = {{ zh = "测试", en = "Test" }}
[[parameter]]
id = "income-12s"
kind = "rung"
per_head = {LINE}
comparator = "le"
zh = "线"
en = "line"
source = "测试"
[[rule]]
predicate = "H1"
purposes = ["ENTRY", "REVIEW"]
parameters = ["income-12s"]
period = "12m"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
"""
CATALOGUE: Final = """
department = "{name}"
version = 1
[source]
kind = "sqlite"
path = "records.sqlite"
[roll]
sql = "SELECT id, NULL, id FROM person"
[as_of]
sql = "SELECT '2026-11-17'"
[[component]]
id = "{component}"
sql = "SELECT sum(fen) FROM amount WHERE id = :key AND '2026-01-01' BETWEEN :from AND :to"
"""
FAMILIES: Final = 30
FOUR: Final = 4
_SETTINGS: Final = {
    PartyRole.NODE: "[node]\nstatus_refresh = 0.2\none_core = false\nsum_pool = 2\n",
    PartyRole.TALLY: "[tally]\nstatus_refresh = 0.2\npool = 64\n",
    PartyRole.COORDINATOR: "[coordinator]\ntries = 3\npause_ms = 50\nlongest_pause_ms = 400\n",
}
_ROLES: Final = {
    REGISTRAR: PartyRole.REGISTRAR,
    CENTRE: PartyRole.COORDINATOR,
    TALLY: PartyRole.TALLY,
    AUDITOR: PartyRole.AUDITOR,
    **dict.fromkeys(ADDERS, PartyRole.NODE),
}
Put = Callable[[str, str, bytes], bytes]
"""Sends a request of a sum to a party, by a method."""


def family(number: int) -> list[str]:
    """Name the people of a household of four."""
    return [person_id("19700312", number * FOUR + place + 100) for place in range(FOUR)]


def case_text(number: int) -> str:
    """Write the case file of a household of four."""
    relations = [("SELF", "APPLICANT"), *[("OTHER", "MEMBER")] * (FOUR - 1)]
    people = "".join(
        f"""
[[person]]
id = "{person}"
name = "某人"
relation = "{relation}"
role = "{role}"
[person.consent]
method = "SELF"
signer = ""
evidence = "{number * FOUR + place:064x}"
"""
        for place, (person, (relation, role)) in enumerate(
            zip(family(number), relations, strict=True)
        )
    )
    return f"""
programme = "DIBAO_URBAN"
trigger = "ENTRY"
area = "790301"
commission = "790301-{number}"
operator = "op-lin"
{people}
"""


@dataclass
class Department:
    """A department that can be stopped and started."""

    folder: Path
    clock: FixedClock
    node: Node | None = None
    serving: RunningNode | None = None

    def start(self) -> None:
        self.node = Node(self.folder, self.clock)
        self.node.status.refresh()
        self.serving = RunningNode(self.node)
        self.serving.start()

    def stop(self) -> None:
        if self.serving and self.node:
            self.serving.stop()
            self.node.__exit__()
        self.node = self.serving = None


@dataclass
class City:
    """The federation's folder, its running parties, and what every department has of whom."""

    folder: Path
    clock: FixedClock
    departments: Mapping[str, Department]
    tally: TallyServer
    families: int = 0
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        with opening.open_desk(self.folder / CENTRE, self.clock) as desk:
            yield desk

    def household(self, *amounts: Sequence[int]) -> str:
        """Open a new household's case; each department's amounts go to its first people."""
        self.families += 1
        people = family(self.families)
        for name, fens in zip(ADDERS, amounts, strict=True):
            with closing(sqlite3.connect(self.folder / name / "records.sqlite")) as c, c:
                rows = zip(people, fens, strict=False)
                c.executemany("REPLACE INTO amount VALUES (?, ?)", list(rows))
        with self.desk() as desk:
            (case,) = desk.new([desk.read(case_text(self.families).encode()).case])
            (standing,) = desk.consent([case])
            assert standing.stage.value == "READY"
        return case

    def run(self, *cases: str, again: bool = False) -> Ran:
        with self.desk() as desk:
            return desk.run(list(cases), again=again)

    def told(self, case: str) -> tuple[str, str, tuple[str, ...]]:
        """Give outcome, code and who was absent."""
        with opening.installation(self.folder / CENTRE, self.clock) as installed:
            (one,) = SumRecord(installed.database).told([case])[case]
        return one.answer.outcome.name if one.answer else "", one.code, one.absent

    def rows(self, party: str, file: str, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / party / "data" / file)) as c:
            return c.execute(sql).fetchall()

    def restart_tally(self) -> None:
        self.tally.stop(0)
        self.tally = _tally(self.folder, self.clock)


@contextmanager
def between(city: City, act: Callable[[Put, str, str, bytes], bytes]) -> Iterator[None]:
    """Put something between the centre and all that its sums are sent to."""
    straight = WireTransport.put

    def put(self: WireTransport, party: str, method: str, request: bytes) -> bytes:
        def onward(to: str, how: str, data: bytes) -> bytes:
            return straight(self, to, how, data)

        city.sent.append((party, method.rpartition("/")[2], request))
        return act(onward, party, method.rpartition("/")[2], request)

    WireTransport.put = put  # type: ignore[method-assign]
    try:
        yield
    finally:
        WireTransport.put = straight  # type: ignore[method-assign]


def found(folder: Path) -> None:
    """Found the federation, with records of nobody's amounts yet."""
    ports = dict(zip(_ROLES, free_ports(len(_ROLES)), strict=True))
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
                    endpoint=f"127.0.0.1:{ports[name]}",
                    settings=_SETTINGS.get(role, ""),
                )
                for name, role in _ROLES.items()
            ],
            policy=POLICY.encode(),
            now=NOW,
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )
    roll = [person for number in range(1, FAMILIES + 1) for person in family(number)]
    for name, component in COMPONENTS.items():
        text = CATALOGUE.format(name=name, component=component)
        (folder / name / "catalogue.toml").write_text(text, "utf-8")
        with closing(sqlite3.connect(folder / name / "records.sqlite")) as c, c:
            c.execute("CREATE TABLE person (id TEXT PRIMARY KEY)")
            c.execute("CREATE TABLE amount (id TEXT PRIMARY KEY, fen INTEGER)")
            c.executemany("INSERT INTO person VALUES (?)", [(one,) for one in roll])


@contextmanager
def running(folder: Path) -> Iterator[City]:
    """Found the federation, enrol everybody, and run it."""
    found(folder)
    clock = FixedClock(NOW)
    with ExitStack() as open_:
        party = installation.load(folder / REGISTRAR, PartyRole.REGISTRAR, NOW)
        registrar = registrars.build(party, clock)
        registrar.start()
        open_.callback(registrar.stop, 0)
        departments = {}
        for name in ADDERS:
            with Node(folder / name, clock) as node:
                node.enrolment().run()
                node.finish_enrolment()
            departments[name] = Department(folder / name, clock)
            departments[name].start()
            open_.callback(departments[name].stop)
        city = City(folder, clock, departments, _tally(folder, clock))
        open_.callback(lambda: city.tally.stop(0))
        yield city


def _tally(folder: Path, clock: FixedClock) -> TallyServer:
    party = installation.load(folder / TALLY, PartyRole.TALLY, NOW)
    made = tallies.build(party, clock)
    made.start()
    return made
