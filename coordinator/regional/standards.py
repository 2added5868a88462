"""Local standards, and the lines that are multiples of them.

Knows the form of ``data/standards.toml`` and ``data/lines.toml``: an amount stands only in the
former, dated and for an area; a line says which measure it is a multiple of. Does not know which
programme asks which line.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor
from typing import Final

from federation import parameter
from federation.catalogue import NAMED, ParameterKind
from federation.errors import BadInput
from federation.fields import Fields
from federation.labelled import Labelled
from federation.limits import AMOUNT_END
from federation.parameter import Parameter

_AREA: Final = re.compile(r"([0-9]{2}){0,3}")
_TIMES: Final = re.compile(r"(0|[1-9][0-9]{0,3})(\.[0-9]{1,3})?")


class Measure(StrEnum):
    """What a standard fixes: fen a person and month or, for income, year; hundredths of m²."""

    DIBAO_URBAN = "dibao_urban"
    DIBAO_RURAL = "dibao_rural"
    MINIMUM_WAGE = "minimum_wage"
    DISPOSABLE_INCOME = "disposable_income"
    LIVING_SPACE = "living_space"
    MINIMUM_SPACE = "minimum_space"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard(Labelled):
    """What is in force in an area from a day on, until a later one follows."""

    area: str
    since: date
    values: Mapping[Measure, int]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Labelled):
    """A value that policies name by its id: a multiple of a measure, or plain.

    ``instead`` names another line that is used where both come to the same amount: one line under
    two names could be asked twice.
    """

    id: str
    kind: ParameterKind
    of: Measure | None
    times: tuple[Fraction, ...]
    plain: Mapping[str, object]
    instead: str
    source: str

    def value(self, standard: Standard) -> Parameter:
        """Give the line in force under a standard.

        Raises:
            BadInput: POLICY_INVALID when no comparison could hold the amount.
        """
        return parameter.read(Fields(self.row(standard), code="POLICY_INVALID", where="policy"))

    def row(self, standard: Standard) -> dict[str, object]:
        """Give the keys of the policy's ``[[parameter]]``.

        Whole fen without loss: at most T is at most its floor, at least T at least its ceiling.
        """
        row = {"id": self.id, "kind": self.kind.value, **self.plain}
        if self.of is not None:
            turn = ceil if self.plain.get("comparator") == "ge" else floor
            amounts = [turn(one * standard.values[self.of]) for one in self.times]
            band = self.kind is ParameterKind.BAND
            row |= {"edges": amounts} if band else {"per_head": amounts[0]}
        return row | {"zh": self.zh, "en": self.en, "source": self.source}


def in_force(rows: Iterable[Standard], area: str, day: date) -> Standard:
    """Find the standard of an area on a day: the closest area, then the newest that has begun.

    Of two for the same area and day the later in the order of the files counts.

    Raises:
        BadInput: STANDARD_MISSING.
    """
    fitting = [one for one in rows if area.startswith(one.area) and one.since <= day]
    if not fitting:
        raise BadInput("STANDARD_MISSING", area=area, day=day)
    return max(reversed(fitting), key=lambda one: (len(one.area), one.since))


def read_area(row: Fields, key: str = "area") -> str:
    """Take the beginning of an area's code: none, two, four or six digits.

    Raises:
        BadInput: with what is wrong.
    """
    area = row.text(key, blank=True)
    check_area(area, row, key)
    return area


def check_area(area: str, row: Fields, key: str) -> None:
    """Hold the beginning of an area's code to its form.

    Raises:
        BadInput: with what is wrong.
    """
    if not _AREA.fullmatch(area):
        raise row.fault(f"{key} is not none, two, four or six digits")


def read_standard(row: Fields) -> Standard:
    """Read one ``[[standard]]``.

    Raises:
        BadInput: with what is wrong.
    """
    found = Standard(
        area=read_area(row),
        since=row.day("since"),
        values={one: row.integer(one.value, 1, AMOUNT_END) for one in Measure},
        zh=row.text("zh"),
        en=row.text("en"),
        source=row.text("source"),
    )
    row.done()
    if not found.area:
        raise row.fault("a standard is an area's: there is none for the whole country")
    return found


def read_line(row: Fields) -> Line:
    """Read one ``[[line]]``.

    Raises:
        BadInput: with what is wrong.
    """
    kind = row.member("kind", ParameterKind)
    if kind not in NAMED or kind is ParameterKind.AREA:
        raise row.fault("kind is none that a line can have")
    of = row.member("of", Measure) if row.has("of") else None
    line = Line(
        id=row.text("id"),
        kind=kind,
        of=of,
        times=_times(row, kind) if of else (),
        plain=_plain(row, kind, scaled=of is not None),
        instead=row.text("instead") if row.has("instead") else "",
        zh=row.text("zh"),
        en=row.text("en"),
        source=row.text("source"),
    )
    row.done()
    return line


def _times(row: Fields, kind: ParameterKind) -> tuple[Fraction, ...]:
    words = row.texts("times")
    if not words or (len(words) > 1) is not (kind is ParameterKind.BAND):
        raise row.fault("times is a list: one number for a rung, several for a band")
    if not all(_TIMES.fullmatch(one) for one in words):
        raise row.fault("times holds something that is not a number like 1.5")
    return tuple(Fraction(one) for one in words)


def _plain(row: Fields, kind: ParameterKind, *, scaled: bool) -> dict[str, object]:
    """Take what does not depend on a standard."""
    match kind:
        case ParameterKind.WINDOW:
            return {"months": row.integer("months", 1, parameter.MONTHS_MOST)}
        case ParameterKind.VALUE:
            return {"value": row.text("value")}
        case ParameterKind.BAND if not scaled:
            return {"edges": list(row.integers("edges", 0, AMOUNT_END))}
        case ParameterKind.BAND:
            return {}
        case _:
            plain: dict[str, object] = {one: row.text(one) for one in ("comparator", "per")}
            return plain if scaled else plain | {"per_head": row.integer("per_head", 0, AMOUNT_END)}
