"""Seconds, days and months as the parties see them."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import clock
from federation.clock import FixedClock, SystemClock

NEVER_SUMMER = 700_000_000
"""Since 1992 China's clocks keep to UTC+8 all the year."""
since_summer_time = st.integers(NEVER_SUMMER, 4_000_000_000)
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


@given(since_summer_time)
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


@given(since_summer_time)
def test_a_day_starts_at_midnight_in_china(now: int) -> None:
    start = clock.day_start(now)
    assert start <= now < start + 86_400
    assert clock.business_date(start) == clock.business_date(now)
    assert clock.business_time(start).strftime("%H:%M:%S") == "00:00:00"


@given(since_summer_time)
def test_a_day_is_of_one_epoch(now: int) -> None:
    assert clock.epoch_of(clock.day_start(now)) == clock.epoch_of(now)


def test_the_first_hours_of_a_year_are_rounded_into_it() -> None:
    """Before eight in the morning it is still last year in UTC."""
    new_year = _utc(2026, 12, 31, 16)
    for second in (new_year, new_year + 1, new_year + 8 * 3600 - 1):
        assert clock.day_start(second) == new_year
        assert clock.epoch_of(clock.day_start(second)) == 2027


@given(since_summer_time)
def test_a_month_starts_and_ends_in_itself(now: int) -> None:
    start, end = clock.month_start(now), clock.month_end(now)
    here, first, last, after = (clock.business_date(t) for t in (now, start, end, end + 1))
    assert start <= now <= end
    assert {(d.year, d.month) for d in (here, first, last)} == {(here.year, here.month)}
    assert (first.day, after.day) == (1, 1)
    assert clock.month_start(end + 1) == end + 1


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (_utc(2026, 11, 18), _utc(2026, 11, 30, 16) - 1),
        (_utc(2026, 12, 31, 15, 59, 59), _utc(2026, 12, 31, 16) - 1),
        (_utc(2026, 12, 31, 16), _utc(2027, 1, 31, 16) - 1),
        (_utc(2028, 2, 1), _utc(2028, 2, 29, 16) - 1),
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
