"""Local practice as dated data: what a decision waits for, which clocks run, which reasons hold.

Knows ``data/practice.toml`` and ``data/reasons.toml``, and which of their rows is in force for a
programme and an area on a day. Does not know any case, nor what a working day is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final, Protocol, TypeVar

from coordinator.casework.lifecycle import Event, Fact
from federation.errors import BadInput
from federation.fields import Fields, read_toml
from federation.labelled import Labelled

INVALID: Final = "PRACTICE_INVALID"
OPENING: Final = "open"
"""The opening of a case among the events that a clock begins with."""
_MOST: Final = 366
R = TypeVar("R", bound="_Local")


class Unit(StrEnum):
    """What a clock counts."""

    WORKDAYS = "workdays"
    DAYS = "days"
    HOURS = "hours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """For which programmes (none named: all) and area a row is in force, and since when."""

    programmes: tuple[str, ...]
    area: str
    since: date

    def fits(self, programme: str, area: str, day: date) -> bool:
        """Tell whether a row is in force."""
        named = not self.programmes or programme in self.programmes
        return named and area.startswith(self.area) and self.since <= day

    @property
    def order(self) -> tuple[int, bool, date]:
        """Tell how close a row is: the greatest of those that fit is in force."""
        return len(self.area), bool(self.programmes), self.since


class _Local(Protocol):
    @property
    def where(self) -> Where:
        """Tell where it is in force."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What decisions wait for, and whether aid may come first."""

    where: Where
    visit: bool
    hearing: bool
    emergency: bool
    zh: str
    en: str
    source: str

    @property
    def waived(self) -> frozenset[Fact]:
        """List what practice does without, or allows."""
        given = {
            Fact.VISIT: not self.visit,
            Fact.HEARING: not self.hearing,
            Fact.URGENT: self.emergency,
        }
        return frozenset(fact for fact, there in given.items() if there)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockRule(Labelled):
    """How long something may take, from the newest of some events to the first of others."""

    id: str
    where: Where
    begins: tuple[str, ...]
    ends: tuple[Event, ...]
    unit: Unit
    length: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason(Labelled):
    """Why somebody decides, and with which events it may be said."""

    id: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """All rows of both files."""

    rules: tuple[Waiting, ...]
    clocks: tuple[ClockRule, ...]
    reasons: Mapping[str, Reason]

    def waiting(self, programme: str, area: str, day: date) -> Waiting:
        """Find what decisions wait for.

        Raises:
            BadInput: PRACTICE_INVALID when no row is in force.
        """
        found = _in_force(self.rules, programme, area, day)
        if found is None:
            raise BadInput(INVALID, where="rule", why=f"none for {programme} {area} on {day}")
        return found

    def clock(self, clock_id: str, programme: str, area: str, day: date) -> ClockRule | None:
        """Find the rule of a clock that begins on a day; None where there is none."""
        rows = [one for one in self.clocks if one.id == clock_id]
        return _in_force(rows, programme, area, day)

    def check_reasons(self, event: Event, reasons: Sequence[str]) -> None:
        """Hold reasons to the closed list: those that an event has must be said, others may not.

        Raises:
            BadInput: REASON_MISSING or REASON_UNKNOWN, with ``known`` ones.
        """
        known = [one.id for one in self.reasons.values() if event in one.events]
        wrong = [one for one in reasons if one not in known]
        if wrong:
            raise BadInput("REASON_UNKNOWN", reason=wrong[0][:64], known=", ".join(known))
        if known and not reasons:
            raise BadInput("REASON_MISSING", known=", ".join(known))


def _in_force(rows: Iterable[R], programme: str, area: str, day: date) -> R | None:
    fitting = [one for one in rows if one.where.fits(programme, area, day)]
    return max(fitting, key=lambda one: one.where.order, default=None)


@cache
def load() -> Practice:
    """Load the shipped practice.

    Raises:
        BadInput: PRACTICE_INVALID.
    """
    data = resources.files("coordinator").joinpath("data")
    return parse(
        data.joinpath("practice.toml").read_text("utf-8"),
        data.joinpath("reasons.toml").read_text("utf-8"),
    )


def parse(practice: str, reasons: str) -> Practice:
    """Read both files.

    Raises:
        BadInput: PRACTICE_INVALID with ``where`` and ``why``.
    """
    document = read_toml(practice, code=INVALID, where="practice")
    rules = tuple(_waiting(row) for row in document.tables("rule"))
    clocks = tuple(_clock(row) for row in document.tables("clock"))
    document.done()
    listed = read_toml(reasons, code=INVALID, where="reasons")
    named: dict[str, Reason] = {}
    for row in listed.tables("reason"):
        one = _reason(row)
        if one.id in named:
            raise row.fault(f"{one.id} is there twice")
        named[one.id] = one
    listed.done()
    return Practice(rules=rules, clocks=clocks, reasons=named)


def _where(row: Fields) -> Where:
    where = Where(
        programmes=row.texts("programmes"),
        area=row.text("area", blank=True),
        since=row.day("since"),
    )
    if where.area and not (where.area.isascii() and where.area.isdigit()):
        raise row.fault("area is not digits")
    return where


def _waiting(row: Fields) -> Waiting:
    made = Waiting(
        where=_where(row),
        visit=row.mark("visit"),
        hearing=row.mark("hearing"),
        emergency=row.mark("emergency"),
        zh=row.text("zh"),
        en=row.text("en"),
        source=row.text("source"),
    )
    row.done()
    return made


def _clock(row: Fields) -> ClockRule:
    units = [unit for unit in Unit if row.has(unit.value)]
    begins = row.texts("begins")
    if len(units) != 1 or not begins or not set(begins) <= {OPENING, *Event}:
        raise row.fault("it begins with events, and counts one of workdays, days, hours")
    made = ClockRule(
        id=row.text("id"),
        where=_where(row),
        begins=begins,
        ends=row.members("ends", Event),
        unit=units[0],
        length=row.integer(units[0].value, 1, _MOST),
        zh=row.text("zh"),
        en=row.text("en"),
        source=row.text("source"),
    )
    row.done()
    return made


def _reason(row: Fields) -> Reason:
    made = Reason(
        id=row.text("id"), events=row.members("events", Event), zh=row.text("zh"), en=row.text("en")
    )
    row.done()
    return made
