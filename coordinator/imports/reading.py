"""The rows of a case list as households, each a checked case or what is wrong with which row.

Knows how rows of a household are put together and how words and amounts are written. Does not know
files, columns' headings or the books. A household with one bad row is no case: its other rows are
held back with it, so that they can be corrected together.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from coordinator.asking.planner import Surroundings, plan
from coordinator.casework import cases
from coordinator.casework.cases import ADULT, Case, CasePerson, Method
from coordinator.casework.programmes import Role
from coordinator.imports import mapping
from coordinator.imports.mapping import OF_HOUSEHOLD, Columns
from federation import ids
from federation.errors import BadInput
from federation.ids import Notice

MOST_CELL: Final = 256
_AMOUNT: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,2})?")
_COUNT: Final = re.compile(r"[0-9]{1,3}")
_WORDS: Final = ("relation", "role", "method")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of the list, by its number there."""

    row: int
    cells: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Why a row is left out; ``field`` is the one to blame, if it is one's."""

    line: Line
    error: BadInput
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """A household's rows, with its case or with all its rejects; ``notices`` by row."""

    lines: tuple[Line, ...]
    case: Case | None = None
    rejects: tuple[Reject, ...] = ()
    notices: tuple[tuple[int, Notice], ...] = ()

    @property
    def place(self) -> int:
        """The row in which it begins."""
        return self.lines[0].row


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By what a list is held: what may be asked, by which plan, on which day, by whom."""

    around: Surroundings
    plan: str
    today: date
    operator: str


def read(lines: Sequence[Line], columns: Columns, terms: Terms) -> list[Household]:
    """Put rows together to households, in the order in which these begin."""
    groups: dict[str, list[Line]] = {}
    found: list[Household] = []
    place = columns.places["household"]
    for line in lines:
        key = line.cells[place].strip() if place < len(line.cells) else ""
        if key:
            groups.setdefault(key, []).append(line)
        else:
            error = BadInput("ROW_HOUSEHOLD")
            found.append(Household(lines=(line,), rejects=(_reject(line, error, "household"),)))
    reader = _Reader(columns, terms)
    found += [reader.household(tuple(group)) for group in groups.values()]
    return sorted(found, key=lambda one: one.place)


def refused(household: Household, faults: Mapping[int, Reject]) -> Household:
    """Refuse a household for faults by row; its other rows are held back."""
    first = min(faults)
    return Household(
        lines=household.lines,
        rejects=tuple(
            faults.get(line.row) or _reject(line, BadInput("ROW_HELD", row=first))
            for line in household.lines
        ),
    )


class _Reader:
    """Reads households of one list; it remembers who stands where."""

    def __init__(self, columns: Columns, terms: Terms) -> None:
        self._columns = columns
        self._terms = terms
        self._rows: dict[str, int] = {}  # of whoever belongs to a household, by number

    def household(self, lines: tuple[Line, ...]) -> Household:
        """Make a case of a household's rows, or say what is wrong with each."""
        faults: dict[int, Reject] = {}
        notices: list[tuple[int, Notice]] = []
        raws: list[dict[str, Any]] = []
        for number, line in enumerate(lines, start=1):
            try:
                raws.append(self._person(number, line, notices))
            except _Fault as fault:
                faults[line.row] = _reject(line, fault.error, fault.field)
        bare = Household(lines=lines)
        if faults:
            return refused(bare, faults)
        line = lines[0]
        try:
            case = self._case(lines, raws)
        except _Fault as fault:
            line = fault.line or line
            return refused(bare, {line.row: _reject(line, fault.error, fault.field)})
        except BadInput as error:
            line = lines[int(str(error.details.get("person", 1))) - 1]
            return refused(bare, {line.row: _reject(line, error)})
        rows = tuple((lines[number - 1].row, notice) for number, notice in notices)
        return Household(lines=lines, case=case, notices=rows)

    def _person(self, number: int, line: Line, notices: list[tuple[int, Notice]]) -> dict[str, Any]:
        """Read one row as a person of a case file; who stands in the list twice is refused.

        Raises:
            _Fault: for the row.
        """
        if len(line.cells) != self._columns.width:
            raise _Fault(BadInput("ROW_WIDTH"))
        if any(len(cell) > MOST_CELL for cell in line.cells):
            raise _Fault(BadInput("CELL_TOO_LONG"))
        raw = self._raw(line)
        seen: list[tuple[int, Notice]] = []
        try:
            person = cases.read_person(number, raw, seen)
        except BadInput as error:
            raise _Fault(error, _blamed(error)) from error
        if Notice.FIFTEEN_DIGITS in {notice for _, notice in seen}:
            raise _Fault(BadInput("ROW_FIFTEEN"), "id")
        self._check_first(person, line.row)
        notices += seen
        return raw

    def _check_first(self, person: CasePerson, row: int) -> None:
        if person.role is not Role.SUPPORTER:
            first = self._rows.setdefault(person.id, row)
            if first != row:
                raise _Fault(BadInput("ROW_PERSON_TWICE", first=first), "id")

    def _raw(self, line: Line) -> dict[str, Any]:
        """Write a row as a person of a case file."""
        found = {name: self._word(line, name) for name in _WORDS}
        relation, signer = found["relation"], self._cell(line, "signer")
        role = found["role"] or (Role.APPLICANT if relation == "SELF" else Role.MEMBER).value
        number = self._cell(line, "id")
        method = found["method"] or _method(number, signer, self._terms.today)
        return {
            "id": number,
            "name": self._cell(line, "name"),
            "relation": relation,
            "role": role,
            "consent": {
                "method": method,
                "signer": signer,
                "evidence": self._cell(line, "evidence").lower(),
            },
        }

    def _case(self, lines: Sequence[Line], raws: Sequence[dict[str, Any]]) -> Case:
        """Put a household's persons together with what is said of all of them.

        Raises:
            _Fault: a row says otherwise than one before it, or what nobody understands.
            BadInput: as ``cases.assemble`` and ``plan``.
        """
        of_all = {name: self._agreed(lines, name) for name in OF_HOUSEHOLD}
        raw: dict[str, Any] = {
            "programme": self._programme(of_all["programme"]),
            "trigger": _known("trigger", of_all["trigger"] or "ENTRY"),
            "area": of_all["area"],
            "commission": of_all["commission"],
            "operator": of_all["operator"] or self._terms.operator,
            "person": list(raws),
        }
        if of_all["members"]:
            raw["members"] = _number("members", of_all["members"], _COUNT, 1)
        if of_all["declared_yuan"]:
            raw["declared_income"] = _number("declared_yuan", of_all["declared_yuan"], _AMOUNT, 100)
        case = cases.assemble(raw, self._terms.today).case
        plan(case, self._terms.plan, self._terms.around, self._terms.today)
        return case

    def _agreed(self, lines: Sequence[Line], name: str) -> str:
        """Take what the rows say of all; blank cells say nothing, and then the list's value does.

        Raises:
            _Fault: ROW_DIFFERS.
        """
        said = ""
        for line in lines:
            cell = self._cell(line, name)
            if said and cell and cell != said:
                raise _Fault(BadInput("ROW_DIFFERS", field=name), name, line)
            said = said or cell
        return said or self._columns.values.get(name, "")

    def _programme(self, word: str) -> str:
        """Take a programme by its id, or by its name in either language."""
        for one in self._terms.around.programmes.programmes.values():
            if word in {one.id, one.zh, one.en}:
                return one.id
        return word

    def _word(self, line: Line, name: str) -> str:
        cell = self._cell(line, name)
        return _known(name, cell) if cell or name == "relation" else ""

    def _cell(self, line: Line, name: str) -> str:
        place = self._columns.places.get(name)
        return line.cells[place].strip() if place is not None else ""


class _Fault(Exception):
    """Something wrong with a row."""

    def __init__(self, error: BadInput, name: str = "", line: Line | None = None) -> None:
        super().__init__(error.code)
        self.error = error
        self.field = name
        self.line = line


def _reject(line: Line, error: BadInput, name: str = "") -> Reject:
    return Reject(line=line, error=error, field=name)


def _known(name: str, word: str) -> str:
    found = mapping.value(name, word)
    if found is None:
        raise _Fault(BadInput("ROW_WORD", field=name), name)
    return found


def _number(name: str, word: str, pattern: re.Pattern[str], times: int) -> int:
    """Read a number without its separators of thousands, in units of a fraction."""
    plain = word.replace(",", "").replace("\uff0c", "")
    if not pattern.fullmatch(plain):
        raise _Fault(BadInput("ROW_AMOUNT", field=name), name)
    return int(Decimal(plain) * times)


def _method(number: str, signer: str, today: date) -> str:
    """Tell how somebody signed of whom the list says only who did."""
    if not signer:
        return Method.SELF.value
    try:
        born = ids.birth_date(ids.canonical_id(number).id)
    except BadInput:
        return Method.AGENT.value  # the number is refused by itself
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return (Method.GUARDIAN if age < ADULT else Method.AGENT).value


def _blamed(error: BadInput) -> str:
    prefix = error.code.partition("_")[0]
    return {"ID": "id", "NAME": "name"}.get(prefix, "")
