"""``stats.year``: a year's statistics over a million person-times, milliseconds.

Ours is everything that ``hedui stats year`` counts: checks by month, programme and area, decisions,
feedback, the year before, and everybody once, in total and by programme. What it is held against is
bare SQLite on the same file with the aggregates of the published table alone: household-times,
person-times and people by programme, and all people, of one year, held to nothing.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Final

from sqlalchemy import insert

from benchmarks.measuring import Benchmark, Direction, Play, Round
from coordinator.database import Database, open_database, url_of
from coordinator.schema_feedback import check_line, check_person
from coordinator.statistics import layout, periods
from coordinator.statistics.counting import Counting

_PERSON_TIMES: Final = 1_000_000
_LARGEST: Final = 4
_GROUP: Final = 20_000
_YEAR: Final = periods.parse("2026")
_PROGRAMMES: Final = ("DIBAO_URBAN", "DIBAO_RURAL", "TEKUN", "TEMP_AID", "MEDICAL_AID")
_INSIDE: Final = "WHERE reported BETWEEN 202601 AND 202612"
_PEOPLE: Final = f"FROM check_line JOIN check_person USING (line) {_INSIDE}"
_BARE: Final = (
    f"SELECT programme, COUNT(*), SUM(persons) FROM check_line {_INSIDE} GROUP BY 1",  # noqa: S608 - fixed
    f"SELECT programme, COUNT(DISTINCT person) {_PEOPLE} GROUP BY programme",
    f"SELECT COUNT(DISTINCT person) {_PEOPLE}",
)


@dataclass(frozen=True, slots=True)
class _Contest:
    """The coordinator's own counting, and a bare connection to the same file."""

    counting: Counting
    bare: sqlite3.Connection

    def play(self) -> Round:
        """Count the year both ways."""
        began = perf_counter()
        found = self.counting.statistics(_YEAR)
        ours = perf_counter() - began
        began = perf_counter()
        by_programme, _, (people,) = [self.bare.execute(one).fetchall() for one in _BARE]
        baseline = perf_counter() - began
        counted = sum(persons for _, _, persons in by_programme), people[0]
        if counted != (found.total.persons, found.total.people):
            raise AssertionError("two ways of counting differ")
        return Round(ours=ours * 1_000, baseline=baseline * 1_000)


@contextmanager
def _contest(folder: Path) -> Iterator[Play]:
    """Fill a register and warm both up."""
    with (
        closing(open_database(url_of("", folder))) as database,
        closing(sqlite3.connect(folder / "coordinator.sqlite")) as bare,
    ):
        _fill(database)
        bare.execute("ANALYZE")
        play = _Contest(Counting(database, layout.load()), bare).play
        play()
        yield play


def _fill(database: Database) -> None:
    """Put in checks of a year; everybody comes twice on the average."""
    draw, number, times = Random(1), 0, 0  # noqa: S311 - made-up people
    while times < _PERSON_TIMES:
        lines, people = [], []
        for _ in range(_GROUP):
            number += 1
            size = draw.randint(1, _LARGEST)
            times += size
            lines.append(_row(draw, number, size))
            numbers = draw.sample(range(_PERSON_TIMES // 2), size)
            people += [{"line": number, "person": one} for one in numbers]
        with database.writing() as connection:
            connection.execute(insert(check_line), lines)
            connection.execute(insert(check_person), people)


def _row(draw: Random, number: int, persons: int) -> dict[str, int | str]:
    month = 202601 + draw.randrange(12)
    return {
        "line": number,
        "case_id": f"HD-{number}",
        "programme": draw.choice(_PROGRAMMES),
        "area": f"7903{draw.randrange(30):02d}",
        "entry": draw.randrange(2),
        "month": month,
        "reported": month,
        "persons": persons,
        "findings": draw.randrange(3),
        "seconds": draw.randrange(90_000),
        "timed": 1,
        "late": draw.randrange(2),
        "objected": 0,
        "sustained": 0,
        "granted": month,
        "ended": 0,
        "outcome": "",
        "household": number,
        "seen": "1:1:0",
    }


BENCHMARKS: Final = [
    Benchmark(
        name="stats.year",
        unit="ms",
        direction=Direction.LESS,
        target=None,
        stage=_contest,
    )
]
