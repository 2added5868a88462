"""A look at the tally's state beside whatever runs: never written, never locked.

Knows the tables and counts their rows. Shows no pseudonym, and no part of a comparison.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from federation import party as installation
from federation.log.book import Book
from federation.log.sqlite import SqliteBook
from tally.gate import CELLS_A_YEAR, RUNS_A_YEAR
from tally.store import beside


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """The runs of one quantity in a year: outcomes told, waiting for slots, aborted, unanswered."""

    quantity: str
    told: int
    waiting: int
    aborted: int
    unanswered: int


class Look:
    """What the tally has compared and refused."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._c = connection
        self.book = SqliteBook(lambda: nullcontext(connection), _never)

    def quantities(self, year: int) -> list[Quantity]:
        """Count the runs of a year."""
        rows = self._c.execute(
            "SELECT quantity, sum(told IS NOT NULL),"
            " sum(told IS NULL AND compared IS NOT NULL AND NOT aborted), sum(aborted),"
            " sum(compared IS NULL) FROM comparison WHERE year = ?"
            " GROUP BY quantity ORDER BY quantity",
            (year,),
        )
        return [
            Quantity(quantity=name, told=told, waiting=waiting, aborted=aborted, unanswered=rest)
            for name, told, waiting, aborted, rest in rows
        ]

    def spent(self, year: int) -> int:
        """Count those of whom nothing more of a quantity, or at all, is compared in a year."""
        (found,) = self._c.execute(
            "SELECT count(DISTINCT subject) FROM"
            " (SELECT subject FROM charged WHERE year = ? AND length(subject) = 32"
            " GROUP BY subject, quantity HAVING count(*) >= ?"
            " UNION SELECT subject FROM charged WHERE year = ? AND length(subject) = 32"
            " GROUP BY subject HAVING count(*) >= ?)",
            (year, RUNS_A_YEAR, year, CELLS_A_YEAR),
        ).fetchone()
        return int(found)

    def refused(self) -> dict[str, int]:
        """Count the transport refusals by code."""
        sql = "SELECT code, sum(n) FROM refused GROUP BY code ORDER BY code"
        return {code: int(n) for code, n in self._c.execute(sql)}


@contextmanager
def look(data: Path) -> Iterator[Look]:
    """Open the state of a data folder read-only.

    Raises:
        BadInput: FILE_MISSING when it has never run.
        Unavailable: LOG_UNAVAILABLE.
    """
    with beside(data) as connection:
        yield Look(connection)


@contextmanager
def opened_log(folder: Path) -> Iterator[Book]:
    """Open the log of an installation.

    Raises:
        BadInput: FILE_MISSING or SETTINGS_INVALID.
    """
    with look(data_folder(folder)) as own:
        yield own.book


def data_folder(folder: Path) -> Path:
    """Find the data folder of an installation; opens no key.

    Raises:
        BadInput: SETTINGS_INVALID.
    """
    return folder / str(installation.read_settings(folder).get("data", "data"))


def _never(_: object) -> NoReturn:
    raise TypeError("looked at, never written")
