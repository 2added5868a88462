"""``case.full`` and ``cases.day``: whole cases at the desk, one of them and a year's.

One household of four goes from acceptance to its report as a PDF: accepted, commissioned, consents
recorded, all departments of a district asked, three sums compared by the tally. Beside it stands
the sum of its floors: as many bare calls of the same sizes, and the arithmetic of its sums in this
process, one after the other and without the pools that departments fill beforehand; so the case
can come out below. What a district's departments do not answer by policy is refused and reported.

A year of a county, twenty thousand person-times, goes through three departments in five equal
rounds: opening, consents, questions and issued reports, without PDFs. Each department is asked six
questions a person, of which it answers one and refuses five by its catalogue. ``cases.day`` is the
pace of each round, ``cases.day.rss`` the desk's memory after each beside that after the first.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from benchmarks import callers, echo, household, memory, sum_runs, town
from benchmarks.callers import Line
from benchmarks.household import NotAsked
from benchmarks.measuring import ROUNDS, Benchmark, Direction, Play, Round
from benchmarks.processes import serving
from coordinator.asking.record import Record
from coordinator.asking.sum_record import Ran, SumRecord
from coordinator.casework.cases import Case, CasePerson, Method, Relation, Signature
from coordinator.casework.happened import Act
from coordinator.casework.lifecycle import Event
from coordinator.casework.programmes import Role
from coordinator.database import Database, open_database, url_of
from coordinator.documents import office
from coordinator.documents.office import Office
from coordinator.life_book import LifeBook
from coordinator.opening import open_office
from federation import party as parties
from federation import transcript
from federation.clock import SystemClock
from federation.exchange import Purpose
from federation.ids import PersonId
from federation.manifest import PartyRole
from hedui.demo import stage as stages
from hedui.demo.stage import COORDINATOR, REGISTRAR, TALLY, Stage

_PLAN: Final = "demonstration"
_SEED: Final = 1
_CLERK: Final = "op-lin"
_REGISTRAR_CALLS: Final = 2  # the consent is recorded, its tokens are fetched
_DEPARTMENTS: Final = ["public_security", "housing", "market"]
_PERSONS: Final = 2
_YEAR: Final = 20_000
"""Person-times of all rounds."""
_CASES: Final = _YEAR // _PERSONS // ROUNDS
_WARM: Final = 50
"""Cases before the first round."""
_GROUP: Final = 100
_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class _Full:
    """A city that serves, the centre's office with its books, and where papers go."""

    office: Office
    books: Database
    cases: Iterator[Case]
    echoes: Mapping[str, Line]
    papers: Path

    def play(self) -> Round:
        """Take a household from acceptance to its PDF, then its floors."""
        seconds, case_id = self.whole()
        floor = self._calls(case_id) + sum(sum_runs.arithmetic() for _ in self._runs(case_id))
        return Round(ours=seconds * 1000, baseline=floor * 1000)

    def whole(self) -> tuple[float, str]:
        """Do one whole case; give the seconds and its number.

        Raises:
            NotAsked: a department kept silent, or no sum was told.
        """
        desk, life = self.office.desk, LifeBook(self.books)
        case = next(self.cases)
        began = perf_counter()
        (case_id,) = desk.new([case], _PLAN)
        for event, document in ((Event.ACCEPT, b""), (Event.COMMISSION, os.urandom(32))):
            act = Act(event=event, operator=_CLERK, document=document)
            life.act(case_id, act, SystemClock().now())
        desk.consent([case_id])
        ran = desk.run([case_id])
        paper = office.issue(self.office, case_id, self.papers)
        seconds = perf_counter() - began
        if ran.silent or ran.failed or not paper.read_bytes().startswith(b"%PDF"):
            raise NotAsked(str(ran))
        if not self._runs(case_id):
            raise NotAsked("no sum was told")
        return seconds, case_id

    def _runs(self, case_id: str) -> list[Ran]:
        return SumRecord(self.books).runs(case_id)

    def _calls(self, case_id: str) -> float:
        """Send what travelled to bare echoes: what went at once at once, round after round."""
        asked = list(Record(self.books).exchanges([case_id]))
        waves = [[(one.department, one.request) for one in asked]]
        waves += [
            [
                (settled.department, settled.request)
                for run in self._runs(case_id)
                for at, settled in run.exchanges
                if at is round_
            ]
            for round_ in transcript.Round
        ]
        waves += [waves[0][:1]] * _REGISTRAR_CALLS
        with ThreadPoolExecutor(len(asked)) as pool:
            began = perf_counter()
            for wave in waves:
                list(pool.map(lambda one: self.echoes[one[0]](one[1]), wave))
            return perf_counter() - began


@contextmanager
def full(folder: Path) -> Iterator[Play]:
    """Build the demonstration city, start everybody and as many echoes, warm all up."""
    stage = stages.build(folder, seed=_SEED, households=household.HOUSEHOLDS)
    home = stage.party(COORDINATOR)
    (folder / "papers").mkdir()
    with ExitStack() as stack:
        stack.enter_context(serving(folder / "logs", household.city(stage, [REGISTRAR])))
        stack.enter_context(serving(folder / "logs", household.city(stage, [TALLY, *stage.nodes])))
        desk = stack.enter_context(open_office(home))
        books = stack.enter_context(closing(open_database(url_of("", home / "data"))))
        cases = household.fours(desk.desk, stage)
        first = _Full(desk, books, cases, {}, folder / "papers")
        _, case_id = first.whole()
        echoes = stack.enter_context(_echoes(folder, stage, _sizes(first, case_id)))
        contest = _Full(desk, books, cases, echoes, folder / "papers")
        contest.play()
        yield contest.play


def _sizes(done: _Full, case_id: str) -> dict[str, int]:
    """Take how long the answers of each party are on average."""
    lengths: dict[str, list[int]] = {}
    for one in Record(done.books).exchanges([case_id]):
        lengths.setdefault(one.department, []).append(len(one.receipt))
    for one in SumRecord(done.books).exchanges([case_id]):
        lengths.setdefault(one.department, []).append(len(one.receipt))
    return {party: sum(some) // len(some) for party, some in lengths.items()}


@contextmanager
def _echoes(folder: Path, stage: Stage, sizes: Mapping[str, int]) -> Iterator[dict[str, Line]]:
    """Start an echo for each party; who is no department borrows a department's certificate."""
    caller = parties.load(stage.party(COORDINATOR), PartyRole.COORDINATOR, SystemClock().now())
    lent = {party: party if party in stage.nodes else stage.nodes[0] for party in sizes}
    words = {
        f"echo-{party}": ["benchmarks.echo", str(stage.party(lent[party])), str(size)]
        for party, size in sizes.items()
    }
    with ExitStack() as stack:
        ports = stack.enter_context(serving(folder / "logs", words))
        yield {
            party: stack.enter_context(
                callers.line(caller, lent[party], ports[f"echo-{party}"], echo.METHOD)
            )
            for party in sizes
        }


@dataclass(frozen=True, slots=True)
class _Pace:
    """What one round of the year brought."""

    per_minute: float
    mib: float


@cache
def year() -> Sequence[_Pace]:
    """Take a year's cases through, in equal rounds after a few cases to warm up."""
    with TemporaryDirectory(prefix="hedui-bench-") as name:
        folder = Path(name)
        home = folder / "federation"
        wanted = _PERSONS * (_WARM + ROUNDS * _CASES)
        place = town.build(home, departments=_DEPARTMENTS, people=wanted)
        left = iter(place.people)
        with ExitStack() as stack:
            for names in ([REGISTRAR], _DEPARTMENTS):
                words = {one: sum_runs.words(home, one) for one in names}
                stack.enter_context(serving(folder / "logs", words))
            desk = stack.enter_context(open_office(home / COORDINATOR))
            _through(desk, [_case(left) for _ in range(_WARM)])
            return [_round(desk, left) for _ in range(ROUNDS)]


def _round(desk: Office, left: Iterator[str]) -> _Pace:
    cases = [_case(left) for _ in range(_CASES)]
    seconds = _through(desk, cases)
    return _Pace(per_minute=_CASES / seconds * _MINUTE, mib=memory.sizes(os.getpid())["rss"])


def _through(at: Office, cases: Sequence[Case]) -> float:
    """Open cases, have them consented, ask, and issue every report; give the seconds.

    Raises:
        NotAsked: a department kept silent.
    """
    began = perf_counter()
    for first in range(0, len(cases), _GROUP):
        numbers = at.desk.new(cases[first : first + _GROUP])
        at.desk.consent(numbers)
        ran = at.desk.run(numbers, group=_GROUP)
        if ran.silent or ran.failed or ran.not_ready:
            raise NotAsked(str(ran))
        for number in numbers:
            at.issue(number, _CLERK)
    return perf_counter() - began


def _case(left: Iterator[str]) -> Case:
    people = tuple(
        CasePerson(
            id=PersonId(number),
            name="某人",
            relation=Relation.OTHER if place else Relation.SELF,
            role=Role.MEMBER if place else Role.APPLICANT,
            signature=Signature(method=Method.SELF, evidence=os.urandom(32)),
        )
        for place, number in enumerate(islice(left, _PERSONS))
    )
    return Case(
        programme=household.PROGRAMME,
        purpose=Purpose.ENTRY,
        area="790301",
        commission="790301-year",
        operator=_CLERK,
        members=len(people),
        persons=people,
    )


@contextmanager
def day(measured: str, _: Path) -> Iterator[Play]:
    """Play the rounds that both rows share, one after the other."""
    paces = iter(year())
    first = year()[0]

    def play() -> Round:
        pace = next(paces)
        if measured == "rss":
            return Round(ours=pace.mib, baseline=first.mib)
        return Round(ours=pace.per_minute)

    yield play


BENCHMARKS: Final = [
    Benchmark(
        name="case.full",
        unit="milliseconds",
        direction=Direction.LESS,
        target=None,
        stage=full,
    ),
    Benchmark(
        name="cases.day",
        unit="cases/minute",
        direction=Direction.MORE,
        target=None,
        stage=partial(day, "pace"),
    ),
    Benchmark(
        name="cases.day.rss",
        unit="MiB",
        direction=Direction.LESS,
        target=1.1,
        stage=partial(day, "rss"),
    ),
]
