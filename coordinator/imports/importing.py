"""Case lists at the desk: examined first, then opened some households at a time.

Composes a list's rows with the books: who has a case under way is refused, and a list that was
stopped goes on where it was. Does not know a command line. A list is known by its own bytes and by
how it was read, so nobody has to remember a number to go on.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final, Literal

from coordinator.casework.cases import Case
from coordinator.desk import Desk
from coordinator.imports import mapping, reading
from coordinator.imports.book import Batch, Begun, ImportBook
from coordinator.imports.mapping import Columns, Wanted
from coordinator.imports.reading import Household, Line, Reject, Terms
from coordinator.life_book import LifeBook, over
from coordinator.people.roles import Action
from federation.clock import Clock, business_date
from federation.errors import BadInput
from federation.sheets.table import Sheet, open_table
from federation.sheets.workbook import Rows

MOST_ROWS: Final = 50_000
_MOST_BYTES: Final = 20 << 20
_MOST_UNPACKED: Final = 128 << 20
_MOST_COLUMNS: Final = 60
_AT_ONCE: Final = 50
"""Households opened in one transaction."""

Progress = Callable[[int, int], None]
"""Hears of households opened, of how many."""
Permit = Callable[[Sequence[Case]], object]
"""Refuses cases by raising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """How a list is read: what its columns are, a plan with further questions, its encoding."""

    wanted: Wanted = field(default_factory=Wanted)
    plan: str = ""
    encoding: Literal["auto", "utf-8", "gbk"] = "auto"
    sheet: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """A list that was read and held to every rule; nothing was opened."""

    batch: Batch
    header: tuple[str, ...]
    columns: Columns
    plan: str
    households: tuple[Household, ...]
    begun: Begun | None

    @property
    def rejects(self) -> list[Reject]:
        """List all rows that are left out, in their order."""
        found = [reject for one in self.households for reject in one.rejects]
        return sorted(found, key=lambda one: one.line.row)

    @property
    def cases(self) -> list[tuple[int, Case, str]]:
        """List the cases that are to be opened: the row, the case, its plan."""
        done = self.begun.opened if self.begun else {}
        return [
            (one.place, one.case, self.plan)
            for one in self.households
            if one.case and one.place not in done
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import opened now, and what had been opened before it was stopped."""

    batch: str
    opened: tuple[str, ...]
    before: tuple[str, ...]


def check_new(examined: Examined, *, resume: bool) -> None:
    """Refuse a list that was begun before, unless it is resumed.

    Raises:
        BadInput: IMPORT_UNFINISHED, or IMPORT_REPEATED where it has ended.
    """
    begun, number = examined.begun, examined.batch.number
    if begun is None or resume:
        return
    if begun.ended:
        raise BadInput("IMPORT_REPEATED", batch=number)
    raise BadInput("IMPORT_UNFINISHED", batch=number)


class ImportDesk:
    """Everything that is done with case lists."""

    def __init__(self, desk: Desk, book: ImportBook, life: LifeBook, clock: Clock) -> None:
        self.desk = desk
        self._book = book
        self._life = life
        self._clock = clock

    def examine(
        self, file: Path, chosen: Chosen, operator: str, permit: Permit = lambda _: None
    ) -> Examined:
        """Read a list and hold it to every rule; ``operator`` stands where the list names none.

        ``permit`` refuses cases that somebody may not have, before the books say a word of them.

        Raises:
            BadInput: IMPORT_MAPPING, IMPORT_ROWS, PLAN_UNKNOWN, or any ``IMPORT_…`` about the file.
            BadInput, Refused: as ``permit``.
        """
        if chosen.plan:
            self.desk.around.programmes.plan(chosen.plan)
        with open_table(file, _sheet(chosen)) as table:
            columns = mapping.columns(table.header, chosen.wanted)
            lines = _lines(table.rows)
            header, digest = table.header, bytes.fromhex(table.sha256)
        terms = Terms(
            around=self.desk.around,
            plan=chosen.plan,
            today=business_date(self._clock.now()),
            operator=operator,
        )
        number = _number(digest, columns, chosen)
        found = reading.read(lines, columns, terms)
        permit([one.case for one in found if one.case])
        begun = self._book.find(number)
        households = self._held(found, begun)
        rejected = sum(len(one.rejects) for one in households)
        return Examined(
            batch=Batch(number=number, file=digest, rows=len(lines), rejected=rejected),
            header=header,
            columns=columns,
            plan=chosen.plan,
            households=tuple(households),
            begun=begun,
        )

    def open(self, examined: Examined, operator: str, progress: Progress) -> Imported:
        """Open the cases of a list, some at a time; what was opened before is left out."""
        batch, begun = examined.batch, examined.begun
        left = examined.cases
        if begun is None and left:
            self._book.begin(batch, operator, self._clock.now())
        opened: list[str] = []
        remaining = iter(left)
        while some := list(islice(remaining, _AT_ONCE)):
            opened += self._book.open(batch.number, some, self._clock.now(), os.urandom)
            progress(len(opened), len(left))
        if begun is not None or left:
            self._book.end(batch.number, batch.rejected, self._clock.now())
        before = tuple(begun.opened.values()) if begun else ()
        return Imported(batch=batch.number, opened=tuple(opened), before=before)

    def _held(self, households: Sequence[Household], begun: Begun | None) -> list[Household]:
        """Hold a list to the books: an applicant has one case at a time in a programme.

        Its number is named to whoever may read it; others hear only that there is one.
        """
        ids = [one.case.applicant.id for one in households if one.case]
        found = self._book.applicants(ids)
        lives = self._life.lives([case_id for case_id, *_ in found])
        own = set(begun.opened.values()) if begun else set()
        running = {
            (programme, purpose, number): case_id
            for case_id, programme, purpose, number in found
            if case_id not in own and not over(lives[case_id])
        }
        named = set(self.desk.gate.within(Action.CASE_READ, list(running.values())))
        said = {key: case_id if case_id in named else "-" for key, case_id in running.items()}
        return [_running(one, said) for one in households]


def _running(one: Household, running: dict[tuple[str, int, str], str]) -> Household:
    if not one.case:
        return one
    case, applicant = one.case, one.case.applicant
    known = running.get((case.programme, case.purpose.value, applicant.id))
    if known is None:
        return one
    line = one.lines[case.persons.index(applicant)]
    reject = Reject(line=line, error=BadInput("ROW_RUNNING", case=known), field="id")
    return reading.refused(one, {line.row: reject})


def _sheet(chosen: Chosen) -> Sheet:
    return Sheet(
        max_bytes=_MOST_BYTES,
        max_unpacked_bytes=_MOST_UNPACKED,
        max_columns=_MOST_COLUMNS,
        encoding=chosen.encoding,
        sheet=chosen.sheet,
    )


def _lines(rows: Rows) -> list[Line]:
    """Take all rows that are not empty.

    Raises:
        BadInput: IMPORT_ROWS; IMPORT_EMPTY where there is none.
    """
    lines: list[Line] = []
    for row, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(lines) == MOST_ROWS:
            raise BadInput("IMPORT_ROWS", limit=MOST_ROWS)
        lines.append(Line(row=row, cells=tuple(cells)))
    if not lines:
        raise BadInput("IMPORT_EMPTY")
    return lines


def _number(file: bytes, columns: Columns, chosen: Chosen) -> str:
    """Make the batch's number of the list and of how it is read."""
    how = [sorted(columns.places.items()), sorted(columns.values.items())]
    read = json.dumps([*how, chosen.plan, chosen.sheet]).encode()
    return f"IM-{sha256(file + read).hexdigest()[:16]}"
