"""Time as the parties see it: protocol time in UTC seconds, business dates in Asia/Shanghai.

Does not know who asks for the time. The only module that reads the system clock.
"""

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Whatever tells the time in whole UTC seconds."""

    def now(self) -> int:
        """Give the present UTC time in seconds since 1970."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> int:
        """Give the present UTC time in seconds since 1970."""
        return int(time.time())


@dataclass(slots=True)
class FixedClock:
    """A clock that a test or a simulation sets by hand."""

    seconds: int

    def now(self) -> int:
        """Give the time that was set."""
        return self.seconds


@lru_cache(maxsize=256)
def business_date(now: int) -> date:
    """Give the calendar day in China at a UTC second."""
    return datetime.fromtimestamp(now, BUSINESS_ZONE).date()


def business_time(now: int) -> datetime:
    """Give the wall-clock time in China at a UTC second."""
    return datetime.fromtimestamp(now, BUSINESS_ZONE)


def epoch_of(now: int) -> int:
    """Give the pseudonym epoch: the calendar year in China (protocol §2)."""
    return business_date(now).year


def epoch_end(epoch: int) -> int:
    """Give the UTC second at which an epoch is over in China."""
    return _midnight(date(epoch + 1, 1, 1))


def day_start(now: int) -> int:
    """Give the UTC second at which the calendar day in China began."""
    return _midnight(business_date(now))


def month_start(now: int) -> int:
    """Give the UTC second at which the calendar month in China began."""
    return _midnight(business_date(now).replace(day=1))


def month_end(now: int) -> int:
    """Give the last UTC second of the calendar month in China."""
    day = business_date(now)
    return _midnight(date(day.year + day.month // 12, day.month % 12 + 1, 1)) - 1


def months_before(day: date, months: int) -> date:
    """Go back whole months, clamped to the end of a shorter month."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    month += 1
    following = date(year + month // 12, month % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return date(year, month, min(day.day, last))


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=BUSINESS_ZONE).timestamp())
