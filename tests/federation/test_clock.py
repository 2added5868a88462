"""Seconds, days and months as the parties see them."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import clock
from federation.clock import FixedClock, SystemClock

seconds = st.integers(0, 4_000_000_000)
NEVER_SUMMER = 700_000_000
"""Since 1992 China's clocks keep to UTC+8 all the year."""
days = st.dates(date(1950, 1, 1), date(2150, 1, 1))


def _utc(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


def test_the_system_s_clock_tells_whole_seconds() -> None:
    before = int(time.time())
    assert before <= SystemClock().now() <= before + 5


def test_a_fixed_clock_is_set_by_hand() -> None:
    fixed = FixedClock(7)
    fixed.seconds += 1
    assert fixed.now() == 8


@given(st.integers(NEVER_SUMMER, 4_000_000_000))
def test_the_day_in_china_is_eight_hours_ahead(now: int) -> None:
    ahead = datetime.fromtimestamp(now, UTC) + timedelta(hours=8)
    assert clock.business_date(now) == ahead.date()
    assert clock.business_time(now).strftime("%H:%M:%S") == ahead.strftime("%H:%M:%S")


def test_a_year_begins_at_midnight_in_china() -> None:
    new_year = _utc(2026, 12, 31, 16)
    assert (clock.epoch_of(new_year - 1), clock.epoch_of(new_year)) == (2026, 2027)


@given(st.integers(1990, 2100))
def test_an_epoch_ends_where_the_next_begins(epoch: int) -> None:
    end = clock.epoch_end(epoch)
    assert (clock.epoch_of(end - 1), clock.epoch_of(end)) == (epoch, epoch + 1)


@given(seconds)
def test_a_day_starts_at_or_before_its_second(now: int) -> None:
    start = clock.day_start(now)
    assert start <= now < start + 86_400
    assert start % 86_400 == 0


@given(seconds)
def test_a_month_ends_in_its_month(now: int) -> None:
    end = clock.month_end(now)
    here, there = (datetime.fromtimestamp(t, UTC) for t in (now, end))
    assert now <= end
    assert (here.year, here.month) == (there.year, there.month)
    assert datetime.fromtimestamp(end + 1, UTC).day == 1


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (_utc(2026, 11, 18), _utc(2026, 12, 1) - 1),
        (_utc(2026, 12, 31, 23, 59, 59), _utc(2027, 1, 1) - 1),
        (_utc(2028, 2, 1), _utc(2028, 3, 1) - 1),
    ],
)
def test_month_ends(now: int, end: int) -> None:
    assert clock.month_end(now) == end


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 11, 18), 12, date(2025, 11, 18)),
        (date(2026, 1, 31), 2, date(2025, 11, 30)),
        (date(2028, 2, 29), 12, date(2027, 2, 28)),
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2026, 12, 31), 0, date(2026, 12, 31)),
        (date(2026, 12, 15), 12, date(2025, 12, 15)),
    ],
)
def test_whole_months_back(day: date, months: int, before: date) -> None:
    assert clock.months_before(day, months) == before


@given(days, st.integers(0, 600))
def test_months_back_land_in_that_month_and_never_later(day: date, months: int) -> None:
    before = clock.months_before(day, months)
    assert (day.year * 12 + day.month) - (before.year * 12 + before.month) == months
    assert before.day <= day.day
    assert before.day == day.day or (before + timedelta(days=1)).day == 1
