"""``household``: how long a clerk waits for a household of four at eighteen departments.

Ours is the coordinator's whole run of a case whose consents are there: planning, signing, asking
all department processes at once, adding up its sums with the tally, verifying the answers and
writing everything down. The baseline sends as many calls of these sizes, all at once, to as many
bare echo processes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Final

from benchmarks import callers, echo
from benchmarks.callers import Line
from benchmarks.measuring import Benchmark, Direction, Play, Round
from benchmarks.processes import serving
from coordinator.asking.record import Exchange, Record
from coordinator.asking.sum_record import SumRecord
from coordinator.casework.cases import Case
from coordinator.database import open_database, url_of
from coordinator.desk import Desk
from coordinator.opening import open_desk
from federation import party as parties
from federation.clock import SystemClock
from federation.manifest import PartyRole
from hedui.demo import stage as stages
from hedui.demo.stage import COORDINATOR, REGISTRAR, TALLY, Stage

HOUSEHOLDS: Final = 300
"""A district with enough households of four: departments take part in one sum of each a month."""
_MEMBERS: Final = 4
PROGRAMME: Final = "DIBAO_URBAN"
_PLAN: Final = "demonstration"
_SEED: Final = 1


class NotAsked(Exception):
    """Somebody or something was left out: what was measured was not the work."""


@dataclass(frozen=True, slots=True)
class _Centre:
    """The coordinator's desk and its books."""

    desk: Desk
    record: Record
    sums: SumRecord
    asked: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Contest:
    """A city and as many echoes, all serving and warm; every play asks about another household."""

    centre: _Centre
    cases: Iterator[Case]
    lines: Mapping[str, Line]

    def play(self) -> Round:
        """Ask about the household under a new consent, then send as many bare calls."""
        ours, exchanged = ask(self.centre, next(self.cases))
        with ThreadPoolExecutor(len(exchanged)) as pool:
            list(pool.map(sleep, [0.01] * len(exchanged)))  # all threads are there
            began = perf_counter()
            list(pool.map(lambda one: self.lines[one.department](one.request), exchanged))
            bare = perf_counter() - began
        return Round(ours=ours * 1000, baseline=bare * 1000)


def ask(centre: _Centre, case: Case) -> tuple[float, list[Exchange]]:
    """Open a case with its consents, and take the time of asking everybody.

    Raises:
        NotAsked: a department kept silent, or not everybody was asked.
    """
    desk = centre.desk
    numbers = desk.new([case], _PLAN)
    desk.consent(numbers)
    began = perf_counter()
    ran = desk.run(numbers)
    seconds = perf_counter() - began
    exchanged = [*centre.record.exchanges(numbers), *centre.sums.exchanges(numbers)]
    departments = {one.department for one in exchanged}
    if ran.silent or ran.failed:
        raise NotAsked(str(ran))
    if departments != centre.asked:
        raise NotAsked(f"asked at {sorted(departments)}")
    return seconds, exchanged


def fours(desk: Desk, stage: Stage) -> Iterator[Case]:
    """Read the cases of four people in one programme."""
    for path in stage.cases:
        case = desk.read(path.read_bytes(), _PLAN).case
        if len(case.persons) == _MEMBERS and case.programme == PROGRAMME:
            yield case


@contextmanager
def contest(folder: Path) -> Iterator[Play]:
    """Build the demonstration city, start its departments and as many echoes, warm all up."""
    stage = stages.build(folder, seed=_SEED, households=HOUSEHOLDS)
    with ExitStack() as stack:
        stack.enter_context(serving(folder / "logs", city(stage, [REGISTRAR])))
        stack.enter_context(serving(folder / "logs", city(stage, [TALLY, *stage.nodes])))
        centre = stack.enter_context(_centre(stage))
        cases = fours(centre.desk, stage)
        _, exchanged = ask(centre, next(cases))
        lines = stack.enter_context(_bare(folder, stage, exchanged))
        contest = _Contest(centre, cases, lines)
        contest.play()
        yield contest.play


@contextmanager
def _centre(stage: Stage) -> Iterator[_Centre]:
    folder = stage.party(COORDINATOR)
    with open_desk(folder) as desk, closing(open_database(url_of("", folder / "data"))) as books:
        asked = frozenset({TALLY, *stage.nodes})
        yield _Centre(desk, Record(books), SumRecord(books), asked)


def city(stage: Stage, names: Sequence[str]) -> dict[str, Sequence[str]]:
    """Give the commands that serve parties of a city."""
    return {name: _words(stage, name) for name in names}


def _words(stage: Stage, name: str) -> list[str]:
    home = stage.party(name)
    if name in {REGISTRAR, TALLY}:
        return ["hedui", name, "serve", "--json", "--folder", str(home)]
    words = ["hedui", "node", "serve", "--enrol", "--json", "--folder", str(home)]
    return [*words, "--plan", str(home / "import.toml")]


@contextmanager
def _bare(folder: Path, stage: Stage, exchanged: Sequence[Exchange]) -> Iterator[dict[str, Line]]:
    """Start an echo in each party's name, answering in the largest size that it did."""
    caller = parties.load(stage.party(COORDINATOR), PartyRole.COORDINATOR, SystemClock().now())
    largest: Counter[str] = Counter()
    for one in exchanged:
        largest[one.department] = max(largest[one.department], len(one.receipt))
    words = {
        name: ["benchmarks.echo", str(stage.party(name)), str(size)]
        for name, size in largest.items()
    }
    with ExitStack() as stack:
        ports = stack.enter_context(serving(folder / "logs", words))
        yield {
            name: stack.enter_context(callers.line(caller, name, port, echo.METHOD))
            for name, port in ports.items()
        }


BENCHMARKS: Final = [
    Benchmark(
        name="household",
        unit="milliseconds",
        direction=Direction.LESS,
        target=None,
        stage=contest,
    )
]
