"""Periods of statistics: whole months, named as people name them.

Pure. A month is a number yyyymm. Does not know what is counted.
"""

import re
from dataclasses import dataclass
from typing import Final

from federation.errors import BadInput

_MONTH: Final = r"(20[0-9]{2})-(0[1-9]|1[0-2])"
_NAMED: Final = re.compile(rf"(?:(20[0-9]{{2}})(?:H([12]))?|{_MONTH}(?:\.\.{_MONTH})?)")
_YEAR: Final = 12
_HALF: Final = 6
_MOST: Final = 60
"""Months of the longest period: beyond, somebody has mistyped a year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From one month to another, both included."""

    first: int
    last: int

    @property
    def months(self) -> tuple[int, ...]:
        """List the months."""
        return tuple(map(_number, range(_place(self.first), _place(self.last) + 1)))

    @property
    def before(self) -> "Period":
        """Give the period of the same length that ends where this one begins."""
        first, length = _place(self.first), len(self.months)
        return Period(first=_number(first - length), last=_number(first - 1))

    @property
    def name(self) -> str:
        """Name the period as ``parse`` reads it."""
        year, month = divmod(self.first, 100)
        length = len(self.months)
        if month == 1 and length == _YEAR:
            return str(year)
        if length == _HALF and month in {1, _HALF + 1}:
            return f"{year}H{1 if month == 1 else 2}"
        return (
            month_name(self.first)
            if length == 1
            else (f"{month_name(self.first)}..{month_name(self.last)}")
        )


def parse(text: str) -> Period:
    """Read 2026, 2026H1, 2026-10 or 2026-01..2026-08.

    Raises:
        BadInput: PERIOD_INVALID.
    """
    found = _NAMED.fullmatch(text.strip().upper())
    if not found:
        raise BadInput("PERIOD_INVALID", period=text[:32])
    year, half, *months = found.groups()
    if year:
        first = int(year) * 100 + (_HALF + 1 if half == "2" else 1)
        return Period(first=first, last=first + (_HALF if half else _YEAR) - 1)
    first = int(months[0] + months[1])
    last = int(months[2] + months[3]) if months[2] else first
    period = Period(first=first, last=last)
    if not 1 <= len(period.months) <= _MOST:
        raise BadInput("PERIOD_INVALID", period=text[:32])
    return period


def month_name(month: int) -> str:
    """Write a month as yyyy-mm."""
    return f"{month // 100}-{month % 100:02d}"


def _place(month: int) -> int:
    """Count months from year 0."""
    return month // 100 * _YEAR + month % 100 - 1


def _number(place: int) -> int:
    return place // _YEAR * 100 + place % _YEAR + 1
