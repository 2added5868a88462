"""Which case lists were imported, and which case was opened from which row of them.

Knows the tables. A case is opened and its row noted in one transaction, so that whoever is stopped
goes on behind the last case and opens none twice.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import insert, select, update

from coordinator.casework.cases import Case
from coordinator.casework.programmes import Role
from coordinator.database import Database, chunks
from coordinator.schema import case_closing, case_file, person
from coordinator.schema_imports import case_import, imported_case
from coordinator.store import open_cases
from federation.clock import business_date

_APPLICANTS: Final = (
    select(case_file.c.case_id, case_file.c.programme, case_file.c.purpose, person.c.id_number)
    .join(person, person.c.case_id == case_file.c.case_id)
    .outerjoin(case_closing, case_closing.c.case_id == case_file.c.case_id)
    .where(person.c.role == Role.APPLICANT.value, case_closing.c.case_id.is_(None))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """An import of one list: its number, its file's SHA-256, how many rows it has and rejects."""

    number: str
    file: bytes
    rows: int
    rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """How far a batch has come: cases by the row in which their household begins."""

    ended: bool
    opened: dict[int, str]


class ImportBook:
    """The book of imports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, number: str) -> Begun | None:
        """Tell how far a batch has come; nothing where it was never begun."""
        with self._database.reading() as connection:
            known = connection.execute(
                select(case_import).where(case_import.c.batch == number)
            ).one_or_none()
            if known is None:
                return None
            cases = connection.execute(
                select(imported_case.c.place, imported_case.c.case_id).where(
                    imported_case.c.batch == number
                )
            )
            opened = {row.place: row.case_id for row in cases}
        return Begun(ended=known.ended is not None, opened=opened)

    def begin(self, batch: Batch, operator: str, now: int) -> None:
        """Note that an import begins."""
        row = {
            "batch": batch.number,
            "begun": now,
            "operator": operator,
            "file": batch.file,
            "rows": batch.rows,
            "rejected": batch.rejected,
            "ended": None,
        }
        with self._database.writing() as connection:
            connection.execute(insert(case_import), row)

    def open(
        self,
        number: str,
        cases: Sequence[tuple[int, Case, str]],
        now: int,
        random: Callable[[int], bytes],
    ) -> list[str]:
        """Open cases, each from a row and with its plan, and note them: all or none."""
        with self._database.writing() as connection:
            pairs = [(case, plan) for _, case, plan in cases]
            numbers = open_cases(connection, pairs, now, business_date(now).year, random)
            rows = [
                {"batch": number, "place": place, "case_id": case_id}
                for (place, _, _), case_id in zip(cases, numbers, strict=True)
            ]
            connection.execute(insert(imported_case), rows)
        return numbers

    def end(self, number: str, rejected: int, now: int) -> None:
        """Note that an import has ended."""
        done = update(case_import).where(case_import.c.batch == number)
        with self._database.writing() as connection:
            connection.execute(done.values(ended=now, rejected=rejected))

    def applicants(self, ids: Sequence[str]) -> list[tuple[str, str, int, str]]:
        """Find cases that are not closed, with programme, purpose and the applicant, of these."""
        with self._database.reading() as connection:
            return [
                (row.case_id, row.programme, row.purpose, row.id_number)
                for some in chunks(ids)
                for row in connection.execute(_APPLICANTS.where(person.c.id_number.in_(some)))
            ]
