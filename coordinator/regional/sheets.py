"""A programme as a dated, regional sheet: what is asked of whom, and what must not bar anybody.

Knows the form of ``data/programmes/*.toml``, one sheet a file. What is asked is read by
``casework.programmes``. Does not know which sheet is in force where, nor any amount.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final, TypeVar

from coordinator.casework import programmes
from coordinator.casework.practice import Unit
from coordinator.casework.programmes import Exemption, Programme, Question, Role
from coordinator.casework.sums import Sum
from coordinator.people.roles import Role as Decider
from coordinator.regional.standards import read_area
from federation.catalogue import JOINT, Catalogue
from federation.errors import BadInput
from federation.fields import Fields

_MONTHS_MOST: Final = 120
_LENGTH_MOST: Final = 366
Q = TypeVar("Q", Question, Sum)


class Basis(StrEnum):
    """On what ground people are asked about: their consents, or a batch mandate for a list."""

    CONSENT = "consent"
    MANDATE = "mandate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """How long a step of this programme may take."""

    id: str
    unit: Unit
    length: int
    zh: str
    en: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Where something is in force, and from when until when, both days included."""

    area: str
    since: date
    until: date | None

    def covers(self, area: str, day: date) -> bool:
        """Tell whether it is in force."""
        return area.startswith(self.area) and self.since <= day <= (self.until or day)

    def meets(self, other: "Span") -> bool:
        """Tell whether both are in force in the same area on some day."""
        first, second = sorted((self, other), key=lambda one: one.since)
        return self.area == other.area and second.since <= (first.until or second.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One version of a programme for an area; ``own`` is what it asks beyond its ``like``."""

    span: Span
    own: Programme
    like: str
    basis: Basis
    cadence_months: int
    report_months: int
    decides: Decider
    emergency: bool
    deadlines: tuple[Deadline, ...]
    exemptions: tuple[Exemption, ...]
    source: str
    text: str

    @property
    def id(self) -> str:
        """The programme's id."""
        return self.own.id


def read_span(row: Fields) -> Span:
    """Take the area and the dates of validity.

    Raises:
        BadInput: with what is wrong.
    """
    span = Span(
        area=read_area(row),
        since=row.day("valid_from"),
        until=row.day("valid_to") if row.has("valid_to") else None,
    )
    if span.until is not None and span.until < span.since:
        raise row.fault("valid_to is before valid_from")
    return span


def read_sheet(row: Fields, predicates: Catalogue, text: str) -> Sheet:
    """Read one programme's file and hold it to the catalogue.

    Raises:
        BadInput: PROGRAMMES_INVALID with what is wrong.
    """
    span = read_span(row)
    like = row.text("like") if row.has("like") else ""
    basis = row.member("basis", Basis)
    cadence = row.integer("cadence_months", 0, _MONTHS_MOST)
    report = row.integer("report_months", 0, _MONTHS_MOST)
    decides = row.member("decides", Decider)
    emergency = row.mark("emergency")
    deadlines = tuple(_deadline(one) for one in row.tables("deadline"))
    exemptions = tuple(read_exemption(one, predicates) for one in row.tables("exemption"))
    source = row.text("source")
    own = programmes.read_programme(row, {}, predicates)
    version = f"{own.id} {span.since}"
    own = replace(own, sums=_of(own.sums, version), questions=_of(own.questions, version))
    sheet = Sheet(
        span=span,
        own=own,
        like=like,
        basis=basis,
        cadence_months=cadence,
        report_months=report,
        decides=decides,
        emergency=emergency,
        deadlines=deadlines,
        exemptions=exemptions,
        source=source,
        text=text,
    )
    _check(sheet, row, predicates)
    return sheet


def read_exemption(row: Fields, predicates: Catalogue) -> Exemption:
    """Read one ``[[exemption]]`` and hold its outcomes to what the predicate can answer.

    Raises:
        BadInput: with what is wrong.
    """
    found = Exemption(
        predicate=row.text("predicate"),
        outcomes=row.texts("outcomes"),
        roles=row.members("roles", Role),
        zh=row.text("zh"),
        en=row.text("en"),
        source=row.text("source"),
    )
    row.done()
    try:
        predicate = predicates.predicate(found.predicate)
    except BadInput as unknown:
        raise row.fault(f"no predicate {found.predicate}") from unknown
    if not found.outcomes or not found.roles:
        raise row.fault("an exemption is of some outcomes and roles")
    for outcome in found.outcomes:
        possible = (
            outcome in {"YES", "NO"}
            if predicate.form in JOINT
            else programmes.possible(outcome, predicate)
        )
        if not possible:
            raise row.fault(f"{predicate.id} cannot answer {outcome}")
    return found


def _of(rules: Iterable[Q], version: str) -> tuple[Q, ...]:
    return tuple(replace(one, version=version) for one in rules)


def _deadline(row: Fields) -> Deadline:
    named = [unit for unit in Unit if row.has(unit.value)]
    if len(named) != 1:
        raise row.fault("a deadline counts workdays, days or hours: one of them")
    found = Deadline(
        id=row.text("id"),
        unit=named[0],
        length=row.integer(named[0].value, 1, _LENGTH_MOST),
        zh=row.text("zh"),
        en=row.text("en"),
        source=row.text("source"),
    )
    row.done()
    return found


def _check(sheet: Sheet, row: Fields, predicates: Catalogue) -> None:
    asked = sheet.own.asked
    unfounded = [one.predicate for one in asked if not one.source]
    if unfounded:
        raise row.fault(f"{unfounded[0]} names no source")
    if sheet.basis is Basis.MANDATE:
        listed = [one.predicate for one in asked if not predicates.predicate(one.predicate).mandate]
        if listed:
            raise row.fault(f"{listed[0]} may not be asked under a mandate")
    ids = [one.id for one in sheet.deadlines]
    if len(set(ids)) < len(ids):
        raise row.fault("a deadline is there twice")
