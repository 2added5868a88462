"""What is counted of blind enrolment: batches, and the rolls that departments declared.

Knows the SQL of these two tables, within a transaction of ``store``. Does not know which batch is
admitted.
"""

import sqlite3
from dataclasses import dataclass

from federation.enrolment import BlindBatch
from federation.log.registrar_events import PseudonymsEvaluated, RollDeclared
from registrar.journal import Journal
from registrar.pseudonyms import Admitted, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A roll that was larger than any before, in persons, and when it was declared."""

    department: str
    epoch: int
    roll: int
    declared: int


class Rolls:
    """Batches and rolls, as one transaction sees them."""

    def __init__(self, connection: sqlite3.Connection, journal: Journal) -> None:
        self._sql = connection
        self._journal = journal

    def standing(self, department: str, batch: BlindBatch) -> Standing:
        """Give what is counted for a department in the year of a batch, and under its number."""
        known = self._sql.execute(
            "SELECT digest FROM batch"
            " WHERE department = ? AND tag = ? AND epoch = ? AND batch_no = ?",
            (department, batch.tag, batch.epoch, batch.batch_no),
        ).fetchone()
        return Standing(
            roll=self.largest(department, batch.epoch),
            used=self.evaluated(department, batch.tag, batch.epoch),
            digest=known[0] if known else b"",
        )

    def evaluated(self, department: str, tag: str, epoch: int) -> int:
        """Count the elements that were evaluated for a department."""
        (used,) = self._sql.execute(
            "SELECT coalesce(sum(size), 0) FROM batch"
            " WHERE department = ? AND tag = ? AND epoch = ?",
            (department, tag, epoch),
        ).fetchone()
        return int(used)

    def count(self, department: str, batch: BlindBatch, new: Admitted, now: int) -> None:
        """Store an admitted batch, and its roll if that has grown."""
        self._sql.execute(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(department, batch.tag, batch.epoch, batch.batch_no, new.digest),
                *(len(batch.elements), batch.roll, batch.commitment, now),
            ),
        )
        event = PseudonymsEvaluated(
            department=department,
            tag=batch.tag,
            epoch=batch.epoch,
            batch_no=batch.batch_no,
            digest=new.digest,
            size=len(batch.elements),
            roll=batch.roll,
            commitment=batch.commitment,
        )
        self._journal.note(event, now)
        if new.grows:
            self.grow(department, batch.epoch, new.roll, now)

    def largest(self, department: str, epoch: int) -> int:
        """Give the largest roll accepted of a department; 0 before the first."""
        (roll,) = self._sql.execute(
            "SELECT coalesce(max(roll), 0) FROM roll WHERE department = ? AND epoch = ?",
            (department, epoch),
        ).fetchone()
        return int(roll)

    def grow(self, department: str, epoch: int, roll: int, now: int) -> None:
        """Store a roll that is larger than any before."""
        self._sql.execute("INSERT INTO roll VALUES (?, ?, ?, ?)", (department, epoch, roll, now))
        self._journal.note(RollDeclared(department=department, epoch=epoch, roll=roll), now)

    def growths(self) -> list[Growth]:
        """List the first roll and every growth, by department and year."""
        rows = self._sql.execute(
            "SELECT department, epoch, roll, declared FROM roll ORDER BY department, epoch, roll"
        )
        return [Growth(department=d, epoch=e, roll=r, declared=at) for d, e, r, at in rows]
