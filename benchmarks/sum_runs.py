"""``sum.household`` and ``sum.batch``: whole sums over gRPC, from consents that are there to a bit.

Four income departments, the tally and the registrar are processes of their own; the coordinator's
desk is this one. A household's wall time stands beside its arithmetic: the same encryptions,
proofs and tests in this process, one after the other. A thousand households stand beside a hundred.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Final

from benchmarks.household import NotAsked
from benchmarks.measuring import Benchmark, Direction, Play, Round
from benchmarks.processes import serving
from benchmarks.town import invented
from coordinator.casework.cases import Case, CasePerson, Method, Relation, Signature
from coordinator.casework.programmes import Role
from coordinator.desk import Desk
from coordinator.opening import open_desk
from crypto import comparison, elgamal, masks
from crypto.comparison import Aggregator, Referee, Run
from crypto.paillier import PrivateKey
from federation.clock import SystemClock, business_date
from federation.exchange import Purpose
from federation.founding import PartyPlan
from federation.ids import PersonId
from federation.manifest import PartyRole
from hedui.demo import stage
from hedui.demo.policy import policy_toml
from hedui.demo.stage import COORDINATOR, REGISTRAR, TALLY

_STANDARD_FEN: Final = 83_000
_DEPARTMENTS: Final = {
    "tax": ("tax", "wage"),
    "human_resources": ("human_resources", "pension"),
    "finance": ("finance", "farm_subsidy"),
    "collective_assets": ("collective_assets", "collective_dividend"),
}
_PERSONS: Final = 4
_MANY: Final = 1_000
_FEW: Final = 100
_HOUSEHOLDS: Final = 6 * (_MANY + _FEW)
_CATALOGUE: Final = """
department = "{department}"
version = 1
[source]
kind = "sqlite"
path = "records.sqlite"
[roll]
sql = "SELECT id, NULL, id FROM person"
[as_of]
sql = "SELECT '{as_of}'"
[[component]]
id = "{component}"
sql = "SELECT sum(fen) FROM person WHERE id = :key AND '{as_of}' >= :from"
"""
random = os.urandom


@dataclass(slots=True)
class _Contest:
    """A federation that serves; households are taken one after the other and asked once."""

    desk: Desk
    people: Iterator[str]
    persons: int

    def household(self) -> Round:
        """Ask one household's income, then do its arithmetic alone."""
        return Round(ours=self._ask(1) * 1_000, baseline=arithmetic() * 1_000)

    def batch(self) -> Round:
        """Ask a thousand households together, and a hundred."""
        return Round(ours=self._ask(_MANY), baseline=self._ask(_FEW))

    def _ask(self, households: int) -> float:
        cases = [self._case() for _ in range(households)]
        numbers = self.desk.new(cases)
        self.desk.consent(numbers)
        began = perf_counter()
        ran = self.desk.run(numbers)
        seconds = perf_counter() - began
        if ran.silent or ran.failed or ran.refused:
            raise NotAsked(str(ran))
        return seconds

    def _case(self) -> Case:
        people = tuple(
            CasePerson(
                id=PersonId(number),
                name="某人",
                relation=Relation.OTHER if place else Relation.SELF,
                role=Role.MEMBER if place else Role.APPLICANT,
                signature=Signature(method=Method.SELF, evidence=random(32)),
            )
            for place, number in enumerate(islice(self.people, self.persons))
        )
        return Case(
            programme="FAMILIES",
            purpose=Purpose.ENTRY,
            area="790301",
            commission="790301-sums",
            operator="op-lin",
            members=len(people),
            persons=people,
        )


def arithmetic() -> float:
    """Do what one sum of four departments computes, without pools; give the seconds.

    Raises:
        NotAsked: the outcome is not that of plain numbers.
    """
    key, context = _key(), random(40)
    secret, public = elgamal.key_pair(random)
    referee = Referee(key, secret)
    towards = [random(32) for _ in _DEPARTMENTS]
    run = Run(paillier=key.public, elgamal=public, context=context)
    began = perf_counter()
    drawn = [masks.prf(one, context, key.public.n) for one in towards]
    shares = [
        comparison.contribute(key.public, 1_000, mask, key.public.obfuscator(random))
        for mask in drawn
    ]
    aggregator = Aggregator(run, random(32))
    z = aggregator.start(shares)
    bits = referee.bits(
        run, z, sum(drawn) % key.public.n, 4_000, partial(referee.prepare_bit, random)
    )
    reached = aggregator.outcome(referee.test(run, aggregator.slots(bits.message), bits.high))
    seconds = perf_counter() - began
    if not reached:
        raise NotAsked("the arithmetic is wrong")
    return seconds


_KEYS: list[PrivateKey] = []


def _key() -> PrivateKey:
    if not _KEYS:
        _KEYS.append(PrivateKey.generate())
    return _KEYS[0]


@contextmanager
def contest(measured: str, folder: Path) -> Iterator[Play]:
    """Found a federation, enrol everybody at four departments, start all, and warm up."""
    home = folder / "federation"
    persons = _PERSONS if measured == "household" else 1
    people = list(islice(invented(), _HOUSEHOLDS * persons if persons == 1 else 100 * persons))
    _build(home, people)
    with ExitStack() as stack:
        stack.enter_context(serving(folder / "logs", {REGISTRAR: words(home, REGISTRAR)}))
        names = [TALLY, *_DEPARTMENTS]
        stack.enter_context(serving(folder / "logs", {one: words(home, one) for one in names}))
        desk = stack.enter_context(open_desk(home / COORDINATOR))
        one = _Contest(desk, iter(people), persons)
        one.household()
        yield getattr(one, measured)


def words(home: Path, name: str) -> Sequence[str]:
    """Give the command that serves a party."""
    role = {REGISTRAR: "registrar", TALLY: "tally"}.get(name, "node")
    enrol = ["--enrol"] if role == "node" else []
    return ["hedui", role, "serve", *enrol, "--json", "--folder", str(home / name)]


def _build(home: Path, people: Sequence[str]) -> None:
    today = business_date(SystemClock().now())
    plans = [
        PartyPlan(id=name, role=PartyRole.NODE, kind=kind, zh=name, en=name, endpoint="")
        for name, (kind, _) in _DEPARTMENTS.items()
    ]
    stage.found(home, plans, policy_toml(_STANDARD_FEN, today))
    as_of = (today - timedelta(days=1)).isoformat()
    for name, (_, component) in _DEPARTMENTS.items():
        text = _CATALOGUE.format(department=name, component=component, as_of=as_of)
        (home / name / "catalogue.toml").write_text(text, "utf-8")
        with closing(sqlite3.connect(home / name / "records.sqlite")) as connection, connection:
            connection.execute("CREATE TABLE person (id TEXT PRIMARY KEY, fen INTEGER)")
            rows = [(one, 1_000) for one in people]
            connection.executemany("INSERT INTO person VALUES (?, ?)", rows)


BENCHMARKS: Final = [
    Benchmark(
        name="sum.household",
        unit="milliseconds",
        direction=Direction.LESS,
        target=None,
        stage=partial(contest, "household"),
    ),
    Benchmark(
        name="sum.batch",
        unit="seconds",
        direction=Direction.LESS,
        target=11.0,
        stage=partial(contest, "batch"),
    ),
]
