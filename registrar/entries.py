"""The entries of status lists: one a token, drawn at random, never used twice.

Knows the SQL of series and entries, within a transaction of ``store``, and when a series goes on
with a further list. Does not know whose token an entry is, and signs nothing.
"""

import sqlite3
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from federation.limits import SKEW, STATUS_ENTRIES
from federation.log.registrar_events import StatusPublished
from federation.status import Status
from registrar.journal import Journal
from registrar.tokens import Random

FULL_AT: Final = STATUS_ENTRIES * 9 // 10
"""Used entries at which a department's next list begins (protocol §3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list of a department's series: how often it has changed, whether a later one is current."""

    series: int
    changes: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How much of one list is used, and how many of its tokens are not valid any more."""

    series: int
    used: int
    suspended: int
    revoked: int


class Entries:
    """Series and entries, as one transaction sees them."""

    def __init__(self, connection: sqlite3.Connection, journal: Journal) -> None:
        self._sql = connection
        self._journal = journal

    def draw(self, department: str, expires: int, random: Random) -> tuple[int, int]:
        """Take a random unused entry for a token that ends at ``expires``: series and index."""
        series = self._open_series(department)
        while True:
            index = int.from_bytes(random(3), "big") % STATUS_ENTRIES
            taken = self._sql.execute(
                "INSERT OR IGNORE INTO status_entry VALUES (?, ?, ?, ?)",
                (department, series, index, Status.VALID),
            )
            if taken.rowcount:
                break
        self._sql.execute(
            "UPDATE status_series SET used = used + 1, latest = max(latest, ?)"
            " WHERE department = ? AND series = ?",
            (expires, department, series),
        )
        return series, index

    def listing(self, department: str, least: int, now: int) -> Listing | None:
        """Find the first current list of at least a number; a department begins with an empty one.

        Current are the newest list and every one with a token that has not expired.
        """
        rows = self._sql.execute(
            "SELECT series, changes FROM status_series AS one WHERE department = ? AND series >= ?"
            " AND (latest > ? OR series = (SELECT max(series) FROM status_series"
            " WHERE department = one.department)) ORDER BY series LIMIT 2",
            (department, least, now - SKEW),
        ).fetchall()
        if rows:
            return Listing(series=rows[0][0], changes=rows[0][1], more=len(rows) > 1)
        begun = self._newest(department) is not None
        return None if begun or least else Listing(series=0, changes=0, more=False)

    def states(self, department: str, series: int) -> dict[int, Status]:
        """Give the states of those tokens of one list that are not valid."""
        rows = self._sql.execute(
            "SELECT status_index, state FROM status_entry"
            " WHERE department = ? AND series = ? AND state <> 0",
            (department, series),
        )
        return {index: Status(state) for index, state in rows}

    def published(self, department: str, series: int, jwt: bytes, now: int) -> None:
        """Note that a list was signed anew."""
        digest = sha256(jwt).digest()
        event = StatusPublished(department=department, series=series, list=digest, iat=now)
        self._journal.note(event, now)

    def usage(self, department: str) -> list[Usage]:
        """Count the entries of all lists of a department."""
        rows = self._sql.execute(
            "SELECT series, used FROM status_series WHERE department = ? ORDER BY series",
            (department,),
        ).fetchall()
        return [
            Usage(
                series=series,
                used=used,
                suspended=sum(state is Status.SUSPENDED for state in states.values()),
                revoked=sum(state is Status.INVALID for state in states.values()),
            )
            for series, used in rows
            for states in [self.states(department, series)]
        ]

    def move(self, origin: str, after: Status, *, only: Status | None = None) -> None:
        """Change the state of all tokens of a signed consent and of what renews it.

        ``only`` those in one state; none leaves INVALID.
        """
        self._sql.execute(
            "UPDATE status_entry SET state = ? WHERE (department, series, status_index) IN"
            " (SELECT department, series, status_index FROM token JOIN consent USING (consent_no)"
            " WHERE origin = ?) AND state = coalesce(?, state)",
            (after, origin, only),
        )

    def _open_series(self, department: str) -> int:
        newest = self._newest(department)
        if newest is not None and newest[1] < FULL_AT:
            return newest[0]
        series = newest[0] + 1 if newest else 0
        self._sql.execute("INSERT INTO status_series VALUES (?, ?, 0, 0, 0)", (department, series))
        return series

    def _newest(self, department: str) -> tuple[int, int] | None:
        found: tuple[int, int] | None = self._sql.execute(
            "SELECT series, used FROM status_series WHERE department = ?"
            " ORDER BY series DESC LIMIT 1",
            (department,),
        ).fetchone()
        return found
