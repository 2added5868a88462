"""``household``: how long a clerk waits for a household of four at thirteen departments.

Ours is the coordinator's whole run of a case whose consents are there: planning, signing, asking
thirteen department processes at once, verifying the answers and writing everything down. The
baseline sends as many calls of the same sizes, at once, to thirteen bare echo processes.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, sleep
from typing import Final

from benchmarks import callers, echo
from benchmarks.callers import Line
from benchmarks.measuring import Benchmark, Direction, Play, Round
from benchmarks.processes import serving
from coordinator.asking.record import Exchange, Record
from coordinator.casework.cases import Case
from coordinator.database import open_database, url_of
from coordinator.desk import Desk
from coordinator.opening import open_desk
from federation import party as parties
from federation.clock import SystemClock
from federation.manifest import PartyRole
from hedui.demo import stage as stages
from hedui.demo.stage import COORDINATOR, REGISTRAR, Stage

_CASE: Final = "B"
_PERSONS: Final = 4
_DEPARTMENTS: Final = 13
_PLAN: Final = "demonstration"
_SEED: Final = 1


class NotAsked(Exception):
    """Somebody or something was left out: what was measured was not the work."""


@dataclass(frozen=True, slots=True)
class _Centre:
    """The coordinator's desk and its books."""

    desk: Desk
    record: Record


@dataclass(frozen=True, slots=True)
class _Contest:
    """A city and as many echoes, all serving and warm."""

    centre: _Centre
    case: Path
    calls: Sequence[tuple[Line, bytes]]

    def play(self) -> Round:
        """Ask about the household under a new consent, then send as many bare calls."""
        ours, _ = ask(self.centre, self.case)
        with ThreadPoolExecutor(len(self.calls)) as pool:
            list(pool.map(sleep, [0.01] * len(self.calls)))  # all threads are there
            began = perf_counter()
            list(pool.map(lambda call: call[0](call[1]), self.calls))
            bare = perf_counter() - began
        return Round(ours=ours * 1000, baseline=bare * 1000)


def ask(centre: _Centre, case: Path) -> tuple[float, list[Exchange]]:
    """Open the case anew with its consents, and take the time of asking everybody.

    Raises:
        NotAsked: a department kept silent or refused, or not everybody was asked.
    """
    desk = centre.desk
    household = signed_anew(desk.read(case.read_bytes(), _PLAN).case)
    numbers = desk.new([household], _PLAN)
    desk.consent(numbers)
    began = perf_counter()
    ran = desk.run(numbers)
    seconds = perf_counter() - began
    exchanged = list(centre.record.exchanges(numbers))
    departments = {one.department for one in exchanged}
    if ran.refused or ran.silent or len(household.persons) != _PERSONS:
        raise NotAsked(str(ran))
    if len(departments) != _DEPARTMENTS:
        raise NotAsked(f"asked at {sorted(departments)}")
    return seconds, exchanged


def signed_anew(case: Case) -> Case:
    """Give everybody another signed scan: one scan is evidence for one consent only."""
    persons = tuple(
        replace(person, signature=replace(person.signature, evidence=os.urandom(32)))
        for person in case.persons
    )
    return replace(case, persons=persons)


@contextmanager
def contest(folder: Path) -> Iterator[Play]:
    """Build the demonstration city, start its departments and as many echoes, warm all up."""
    stage = stages.build(folder, seed=_SEED)
    case = next(path for path in stage.cases if path.stem == _CASE)
    with ExitStack() as stack:
        stack.enter_context(serving(folder / "logs", city(stage, [REGISTRAR])))
        stack.enter_context(serving(folder / "logs", city(stage, stage.nodes)))
        centre = stack.enter_context(_centre(stage.party(COORDINATOR)))
        _, exchanged = ask(centre, case)
        calls = stack.enter_context(_bare(folder, stage, exchanged))
        contest = _Contest(centre, case, calls)
        contest.play()
        yield contest.play


@contextmanager
def _centre(folder: Path) -> Iterator[_Centre]:
    with open_desk(folder) as desk, closing(open_database(url_of("", folder / "data"))) as books:
        yield _Centre(desk, Record(books))


def city(stage: Stage, names: Sequence[str]) -> dict[str, Sequence[str]]:
    """Give the commands that serve parties of a city."""
    return {name: _words(stage, name) for name in names}


def _words(stage: Stage, name: str) -> list[str]:
    home = stage.party(name)
    if name == REGISTRAR:
        return ["hedui", "registrar", "serve", "--json", "--folder", str(home)]
    words = ["hedui", "node", "serve", "--enrol", "--json", "--folder", str(home)]
    return [*words, "--plan", str(home / "import.toml")]


@contextmanager
def _bare(
    folder: Path, stage: Stage, exchanged: Sequence[Exchange]
) -> Iterator[list[tuple[Line, bytes]]]:
    """Start an echo in each department's name, answering in the size that it did."""
    caller = parties.load(stage.party(COORDINATOR), PartyRole.COORDINATOR, SystemClock().now())
    words = {
        f"echo-{number}": [
            "benchmarks.echo",
            str(stage.party(one.department)),
            str(len(one.receipt)),
        ]
        for number, one in enumerate(exchanged)
    }
    with ExitStack() as stack:
        ports = stack.enter_context(serving(folder / "logs", words)).values()
        yield [
            (
                stack.enter_context(callers.line(caller, one.department, port, echo.METHOD)),
                one.request,
            )
            for one, port in zip(exchanged, ports, strict=True)
        ]


BENCHMARKS: Final = [
    Benchmark(
        name="household",
        unit="milliseconds",
        direction=Direction.LESS,
        target=None,
        stage=contest,
    )
]
