"""Batch mandates as the registrar keeps them: people in parts, their pseudonyms, the signed lists.

Knows the SQL of these tables, within a transaction of ``store``. Does not know which mandate may be
recorded, and computes nothing.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from federation.log.registrar_events import (
    MandateBegun,
    MandateEvaluated,
    MandateListed,
    MandateRecorded,
    MandateRevoked,
)
from federation.mandate import NUMBER_LENGTH, BatchMandate
from federation.mandate_list import PSEUDONYM_BYTES, MandateList
from federation.status import Status
from registrar.entries import Entries
from registrar.journal import Asked, Journal
from registrar.tokens import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A mandate that was recorded; ``complete`` when all its people are and fit its digest."""

    id: bytes
    coordinator: str
    version: int
    document: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    people: int
    complete: bool
    revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A signed list as it was issued: for whose key, and where its state stands."""

    holder: bytes
    jwt: bytes = field(repr=False)


class MandateRows:
    """Mandates, as one transaction sees them."""

    def __init__(self, connection: sqlite3.Connection, journal: Journal) -> None:
        self._sql = connection
        self._journal = journal

    def find(self, mandate: bytes) -> Recorded | None:
        """Find a mandate by its id."""
        row = self._sql.execute(
            "SELECT coordinator, version, document, salt, people, complete, revoked"
            " FROM mandate WHERE mandate = ?",
            (mandate,),
        ).fetchone()
        if row is None:
            return None
        return Recorded(
            id=mandate,
            coordinator=row[0],
            version=row[1],
            document=row[2],
            salt=row[3],
            people=row[4],
            complete=bool(row[5]),
            revoked=row[6] is not None,
        )

    def all(self) -> list[Recorded]:
        """List all mandates in the order they were recorded."""
        ids = self._sql.execute("SELECT mandate FROM mandate ORDER BY rowid").fetchall()
        return [one for (mandate,) in ids if (one := self.find(mandate))]

    def begin(self, one: Recorded, now: int) -> None:
        """Store a mandate without people, in place of an earlier version whose lists end."""
        self.end_lists(one.id)
        for table in ("mandate_part", "mandate_pseudonyms", "mandate"):
            self._sql.execute(f"DELETE FROM {table} WHERE mandate = ?", (one.id,))  # noqa: S608 - own names
        row = (one.id, one.coordinator, one.version, one.document, one.salt)
        self._sql.execute("INSERT INTO mandate VALUES (?, ?, ?, ?, ?, 0, 0, NULL)", row)
        event = MandateBegun(
            mandate=one.id,
            coordinator=one.coordinator,
            version=one.version,
            document=sha256(one.document).digest(),
        )
        self._journal.note(event, now)

    def add_part(self, mandate: bytes, first: int, numbers: Sequence[str]) -> None:
        """Store the next people of a mandate."""
        row = (mandate, first, "".join(numbers))
        self._sql.execute("INSERT INTO mandate_part VALUES (?, ?, ?)", row)
        self._sql.execute(
            "UPDATE mandate SET people = ? WHERE mandate = ?", (first + len(numbers), mandate)
        )

    def complete(self, given: BatchMandate, now: int) -> None:
        """Note that all people of a mandate are there."""
        self._sql.execute("UPDATE mandate SET complete = 1 WHERE mandate = ?", (given.id,))
        event = MandateRecorded(
            mandate=given.id, version=given.version, size=given.size, people=given.people
        )
        self._journal.note(event, now)

    def part(self, mandate: bytes, first: int) -> tuple[str, ...]:
        """Give the people of a part; none where no part begins there."""
        row = self._sql.execute(
            "SELECT ids FROM mandate_part WHERE mandate = ? AND first = ?", (mandate, first)
        ).fetchone()
        return _cut(row[0]) if row else ()

    def numbers(self, mandate: bytes) -> Iterator[str]:
        """Read all people of a mandate in their order."""
        rows = self._sql.execute(
            "SELECT ids FROM mandate_part WHERE mandate = ? ORDER BY first", (mandate,)
        )
        for (ids,) in rows:
            yield from _cut(ids)

    def last(self, mandate: bytes) -> str:
        """Give the last of the people recorded so far; empty before the first."""
        row = self._sql.execute(
            "SELECT ids FROM mandate_part WHERE mandate = ? ORDER BY first DESC LIMIT 1",
            (mandate,),
        ).fetchone()
        return row[0][-NUMBER_LENGTH:] if row else ""

    def pseudonyms(self, mandate: bytes, department: str, epoch: int, first: int) -> bytes:
        """Give the pseudonyms of a part at a department; empty before they are computed."""
        row = self._sql.execute(
            "SELECT pseudonyms FROM mandate_pseudonyms"
            " WHERE mandate = ? AND department = ? AND epoch = ? AND first = ?",
            (mandate, department, epoch, first),
        ).fetchone()
        return row[0] if row else b""

    def keep_pseudonyms(
        self, mandate: bytes, place: tuple[str, int], first: int, found: bytes, now: int
    ) -> None:
        """Store the pseudonyms of a part at a place: department and epoch."""
        kept = self._sql.execute(
            "INSERT OR IGNORE INTO mandate_pseudonyms VALUES (?, ?, ?, ?, ?)",
            (mandate, *place, first, found),
        )
        if kept.rowcount:
            event = MandateEvaluated(
                mandate=mandate,
                department=place[0],
                epoch=place[1],
                first=first,
                size=len(found) // PSEUDONYM_BYTES,
                digest=sha256(found).digest(),
            )
            self._journal.note(event, now)

    def everybody(self, mandate: bytes, department: str, epoch: int) -> list[bytes]:
        """Give all pseudonyms of a mandate at a department in rising order."""
        rows = self._sql.execute(
            "SELECT pseudonyms FROM mandate_pseudonyms"
            " WHERE mandate = ? AND department = ? AND epoch = ?",
            (mandate, department, epoch),
        )
        size = PSEUDONYM_BYTES
        return sorted(part[i : i + size] for (part,) in rows for i in range(0, len(part), size))

    def signed(self, mandate: bytes, department: str, epoch: int) -> Signed | None:
        """Find the list of a mandate at a department that is valid."""
        row = self._sql.execute(
            "SELECT holder, list FROM mandate_list"
            " JOIN status_entry USING (department, series, status_index)"
            " WHERE mandate = ? AND department = ? AND epoch = ? AND state = ?",
            (mandate, department, epoch, int(Status.VALID)),
        ).fetchone()
        return Signed(holder=row[0], jwt=row[1]) if row else None

    def add_list(
        self, mandate: bytes, listed: MandateList, series: int, jwt: bytes, now: int
    ) -> None:
        """Store a signed list."""
        self._sql.execute(
            "INSERT INTO mandate_list VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(listed.jti, mandate, listed.audience, listed.epoch, listed.holder),
                *(series, listed.status_index, jwt),
            ),
        )
        event = MandateListed(
            mandate=mandate,
            department=listed.audience,
            epoch=listed.epoch,
            jti=listed.jti,
            list=sha256(jwt).digest(),
            size=listed.size,
            series=series,
            index=listed.status_index,
            expires=listed.expires,
        )
        self._journal.note(event, now)

    def draw(self, department: str, expires: int, random: Random) -> tuple[int, int]:
        """Take an unused status entry for a list; give series and index."""
        return Entries(self._sql, self._journal).draw(department, expires, random)

    def end_lists(self, mandate: bytes, department: str = "") -> None:
        """End the lists of a mandate for good, everywhere or at one department."""
        self._sql.execute(
            "UPDATE status_entry SET state = ?1 WHERE (department, series, status_index) IN"
            " (SELECT department, series, status_index FROM mandate_list"
            " WHERE mandate = ?2 AND ?3 IN ('', department))",
            (int(Status.INVALID), mandate, department),
        )

    def revoke(self, mandate: bytes, asked: Asked) -> None:
        """End a mandate and its lists for good."""
        ended = self._sql.execute(
            "UPDATE mandate SET revoked = ? WHERE mandate = ? AND revoked IS NULL",
            (asked.at, mandate),
        )
        self.end_lists(mandate)
        if ended.rowcount:
            self._journal.note(MandateRevoked(mandate=mandate, by=asked.by), asked.at)


def _cut(ids: str) -> tuple[str, ...]:
    return tuple(ids[i : i + NUMBER_LENGTH] for i in range(0, len(ids), NUMBER_LENGTH))
