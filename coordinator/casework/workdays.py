"""Working days of China: what a deadline counts.

Knows public holidays and make-up working days from ``chinesecalendar`` as far as its data go, and
the installation's own dated ``holidays.toml``, which comes first. Beyond both it goes by weekdays
and says so. Does not know any deadline.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import chinese_calendar

from federation.errors import BadInput
from federation.fields import Fields, read_toml

FILE: Final = "holidays.toml"
INVALID: Final = "HOLIDAYS_INVALID"
_BYTES: Final = 64 * 1024
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_LONGEST: Final = 31
"""Days of the longest row of an override: a typing error in a year is noticed."""


class Due(NamedTuple):
    """A day, and whether holidays that nobody knows yet may still move it."""

    day: date
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a notice of the State Council says of days, and up to which day it says all.

    ``issued`` is the day of the notice. Days of no row up to ``until`` go by weekdays.
    """

    issued: date
    until: date
    off: frozenset[date]
    work: frozenset[date]


NONE: Final = Overrides(issued=date.min, until=date.min, off=frozenset(), work=frozenset())


class WorkDays:
    """A calendar of working days."""

    def __init__(self, overrides: Overrides = NONE) -> None:
        self._overrides = overrides

    def is_workday(self, day: date) -> bool:
        """Tell whether offices work on a day."""
        return self._look(day)[0]

    def provisional(self, day: date) -> bool:
        """Tell whether that is by the weekday alone, for want of anything better."""
        return self._look(day)[1]

    def add(self, day: date, days: int) -> Due:
        """Give the last of so many working days, of which the first comes after ``day``."""
        provisional = False
        while days > 0:
            day += _DAY
            works, unsure = self._look(day)
            provisional |= unsure
            days -= works
        return Due(day, provisional)

    def between(self, begin: date, end: date) -> int:
        """Count the working days after ``begin`` up to ``end``; none when that is earlier."""
        days = range(1, (end - begin).days + 1)
        return sum(self.is_workday(begin + n * _DAY) for n in days)

    def _look(self, day: date) -> tuple[bool, bool]:
        """Tell whether a day is worked, and whether nobody has said so."""
        ours = self._overrides
        if day in ours.work:
            return True, False
        if day in ours.off:
            return False, False
        known = _known(day)
        if known is not None:
            return known, False
        # A notice is about a time that the package does not reach; before it, nobody knows.
        told = ours.issued <= day <= ours.until
        return day.weekday() < _SATURDAY, not told


@lru_cache(maxsize=4_096)
def _known(day: date) -> bool | None:
    """Ask the package; None for years that it has no data of."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return None


def of_folder(folder: Path) -> WorkDays:
    """Read the calendar of an installation; without ``holidays.toml`` it is the package's.

    Raises:
        BadInput: HOLIDAYS_INVALID.
    """
    try:
        with (folder / FILE).open("rb") as handle:
            data = handle.read(_BYTES + 1)
    except FileNotFoundError:
        return WorkDays()
    except OSError as e:
        raise BadInput(INVALID, where=FILE, why=type(e).__name__) from e
    if len(data) > _BYTES:
        raise BadInput(INVALID, where=FILE, why=f"more than {_BYTES} bytes")
    try:
        return WorkDays(parse(data.decode("utf-8")))
    except UnicodeDecodeError as e:
        raise BadInput(INVALID, where=FILE, why="not UTF-8") from e


def parse(text: str) -> Overrides:
    """Read an override file: ``issued``, ``until``, ``[[off]]`` and ``[[work]]`` rows of days.

    Raises:
        BadInput: HOLIDAYS_INVALID with ``where`` and ``why``.
    """
    document = read_toml(text, code=INVALID, where="holidays")
    issued, until = document.day("issued"), document.day("until")
    off = _days(document, "off")
    work = _days(document, "work")
    document.text("source")
    document.done()
    if until < issued:
        raise document.fault("until is before issued")
    if off & work:
        raise document.fault(f"{min(off & work)} is both off and worked")
    return Overrides(issued=issued, until=until, off=off, work=work)


def _days(document: Fields, key: str) -> frozenset[date]:
    days: set[date] = set()
    for row in document.tables(key):
        first, last = row.day("from"), row.day("to")
        row.text("zh")
        row.done()
        if not 0 <= (last - first).days < _LONGEST:
            raise row.fault(f"from {first} to {last} is not 1 to {_LONGEST} days")
        days |= {first + n * _DAY for n in range((last - first).days + 1)}
    return frozenset(days)
