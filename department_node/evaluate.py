"""From one person's record to one minimized outcome.

Knows the forms of answers and business periods (protocol note §5). Asks a record source for exactly
one scalar and lets nothing else out. Does not know consent, budgets or who asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Protocol

from department_node.gate import Admitted
from federation.catalogue import Form, ParameterKind, Predicate, Register
from federation.clock import months_before
from federation.errors import BadInput, Unavailable
from federation.exchange import Outcome


class Scalars(Protocol):
    """A source of records that gives one value for one read-only statement."""

    def scalar(self, sql: str, parameters: Mapping[str, object]) -> object | None:
        """Run a statement and give its one value, None for no row or NULL."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """An enrolled person: the register's own key and the name's pseudonym (or none)."""

    key: str = field(repr=False)
    name: bytes


class Enrolled(Protocol):
    """The roll, from a record key back to pseudonyms."""

    def pseudonyms(self, key: str) -> tuple[bytes, ...]:
        """Give the pseudonyms of a record key, one for each live epoch it is enrolled in."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The period an answer speaks of, half open, and the business day it was asked on."""

    start: date
    end: date
    today: date


@dataclass(frozen=True, slots=True)
class Minimized:
    """What may leave: an outcome and, for bands, counts and enums, one small number."""

    outcome: Outcome
    value: int = 0


def period_of(rule_period: str, today: date) -> Period:
    """Compute the period: the month of asking, or the twelve full months before it."""
    first = today.replace(day=1)
    if rule_period == "12m":
        return Period(start=months_before(first, 12), end=first, today=today)
    following = (first + timedelta(days=32)).replace(day=1)
    return Period(start=first, end=following, today=today)


def evaluate(
    admitted: Admitted, person: Person | None, period: Period, records: Scalars, roll: Enrolled
) -> Minimized:
    """Answer one admitted question.

    Raises:
        BadInput, Unavailable: the source cannot be read, or the catalogue's SQL does not fit.
    """
    value = None
    if person is not None and reads(admitted):
        bound = {**bindings(admitted, period), "key": person.key}
        value = records.scalar(admitted.answering.sql, bound)
    return judge(admitted, person, period, value, roll)


def reads(admitted: Admitted) -> bool:
    """Tell whether a question is about a value in the records: names are compared on the roll."""
    return admitted.answering.predicate.parameter is not ParameterKind.NAME


def judge(
    admitted: Admitted,
    person: Person | None,
    period: Period,
    value: object | None,
    roll: Enrolled,
) -> Minimized:
    """Make an outcome of what the records have of a person.

    Raises:
        BadInput, Unavailable: the value is not what the predicate's form wants.
    """
    predicate = admitted.answering.predicate
    if person is None:
        absent = predicate.register is Register.POPULATION
        return _absent(predicate) if absent else _nothing(admitted)
    if predicate.parameter is ParameterKind.NAME:
        if not person.name:  # a register without a name contradicts nobody
            return Minimized(Outcome.NO_RECORD)
        return _yes(person.name == admitted.grant.args[0])
    if predicate.parameter is ParameterKind.MEMBERS:
        declared = set(admitted.grant.args)
        return _yes(value is None or not declared.isdisjoint(roll.pseudonyms(str(value))))
    if predicate.form is Form.ENUM:
        return _enum(predicate, value)
    return _minimize(admitted, value, period)


def bindings(admitted: Admitted, period: Period) -> dict[str, object]:
    """Give what a catalogue's statement may bind, the record's key apart."""
    parameter = admitted.parameter
    since = months_before(period.today, parameter.months) if parameter else period.today
    return {
        "from": period.start.isoformat(),
        "to": period.end.isoformat(),
        "today": period.today.isoformat(),
        "since": since.isoformat(),
        "prefix": parameter.prefix if parameter else "",
        "value": parameter.value if parameter else "",
        "size": admitted.grant.members,
    }


def _minimize(admitted: Admitted, value: object | None, period: Period) -> Minimized:
    predicate, parameter = admitted.answering.predicate, admitted.parameter
    match predicate.form:
        case Form.BOOLEAN:
            return _yes(bool(_number(predicate, value)))
        case Form.COUNT:
            return Minimized(Outcome.COUNT, min(max(_number(predicate, value), 0), predicate.cap))
        case Form.WINDOW if parameter is not None:
            return _yes(_since(predicate, value, months_before(period.today, parameter.months)))
        case Form.BAND if parameter is not None:
            number = _number(predicate, value)
            return Minimized(Outcome.BAND, sum(number > edge for edge in parameter.edges))
        case Form.THRESHOLD if parameter is not None:
            number, bound = _number(predicate, value), parameter.threshold(admitted.grant.members)
            return _yes(number <= bound if parameter.comparator == "le" else number >= bound)
    raise BadInput("NODE_CATALOGUE_INVALID", where=predicate.id, why="form has no parameter")


def _absent(predicate: Predicate) -> Minimized:
    if predicate.form in {Form.BOOLEAN, Form.ENUM}:
        return Minimized(Outcome.NO_RECORD)
    raise BadInput("NODE_CATALOGUE_INVALID", where=predicate.id, why="population register")


def _nothing(admitted: Admitted) -> Minimized:
    """Answer for somebody an event register does not know: as if nothing had ever happened."""
    predicate = admitted.answering.predicate
    if predicate.form is Form.ENUM:
        return _enum(predicate, None)
    day = date(1970, 1, 1)
    return _minimize(admitted, None, Period(start=day, end=day, today=day))


def _enum(predicate: Predicate, value: object | None) -> Minimized:
    if value is None:
        if predicate.register is Register.POPULATION:
            return Minimized(Outcome.NO_RECORD)
        if "none" not in predicate.values:
            return Minimized(Outcome.NO)
        value = "none"
    if value not in predicate.values:
        raise Unavailable("SOURCE_VALUE", predicate=predicate.id)
    return Minimized(Outcome.ENUM, predicate.values.index(str(value)))


def _since(predicate: Predicate, value: object | None, first: date) -> bool:
    if value is None:
        return False
    try:
        event = date.fromisoformat(str(value)[:10])
    except ValueError as e:
        raise Unavailable("SOURCE_VALUE", predicate=predicate.id) from e
    return event >= first


def _number(predicate: Predicate, value: object | None) -> int:
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    raise Unavailable("SOURCE_VALUE", predicate=predicate.id)


def _yes(truth: bool) -> Minimized:  # noqa: FBT001 - a truth is all it takes
    return Minimized(Outcome.YES if truth else Outcome.NO)
