"""Working days: known ones, those of an override, and those that nobody knows yet."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordinator.casework import workdays
from coordinator.casework.workdays import FILE, Due, WorkDays, of_folder, parse
from federation.errors import BadInput

KNOWN = WorkDays()
NOTICE = """
issued = 2026-11-10
until = 2027-12-31
source = "演示:2027年节假日安排"
[[off]]
from = 2027-01-01
to = 2027-01-03
zh = "元旦"
[[off]]
from = 2027-02-05
to = 2027-02-11
zh = "春节"
[[work]]
from = 2027-01-30
to = 2027-01-30
zh = "调休"
"""
DAYS = st.dates(date(2003, 1, 1), date(2030, 12, 31))


def test_the_days_of_the_articles() -> None:
    """Confirmed in 6 working days; 18 of them run over the make-up days of the Spring Festival."""
    begin = date(2022, 1, 18)
    assert KNOWN.between(begin, date(2022, 1, 26)) == 6
    assert KNOWN.add(begin, 18) == Due(date(2022, 2, 16), provisional=False)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2022, 1, 29), True),
        (date(2022, 2, 5), False),
        (date(2026, 10, 1), False),
        (date(2026, 10, 10), True),
        (date(2026, 11, 18), True),
    ],
)
def test_holidays_and_days_made_up_for_them(day: date, works: bool) -> None:
    assert KNOWN.is_workday(day) is works
    assert not KNOWN.provisional(day)


def test_beyond_what_is_known_weekdays_are_provisional() -> None:
    assert KNOWN.add(date(2026, 12, 30), 1) == Due(date(2026, 12, 31), provisional=False)
    assert KNOWN.add(date(2026, 12, 30), 2) == Due(date(2027, 1, 1), provisional=True)
    assert KNOWN.provisional(date(2003, 12, 31))
    assert not KNOWN.is_workday(date(2027, 1, 2))


def test_an_override_says_what_the_package_does_not() -> None:
    days = WorkDays(parse(NOTICE))
    assert days.add(date(2026, 12, 30), 2) == Due(date(2027, 1, 4), provisional=False)
    assert days.is_workday(date(2027, 1, 30))
    assert not days.is_workday(date(2027, 2, 8))
    assert days.is_workday(date(2027, 3, 1))
    assert not days.provisional(date(2027, 12, 31))
    assert days.provisional(date(2028, 1, 3))


def test_an_override_comes_before_the_package() -> None:
    corrected = """
issued = 2020-01-27
until = 2020-02-02
source = "2020年春节假期延长"
[[off]]
from = 2020-01-31
to = 2020-02-02
zh = "延长"
"""
    assert KNOWN.is_workday(date(2020, 2, 3))
    assert not WorkDays(parse(corrected)).is_workday(date(2020, 1, 31))


@settings(deadline=None, derandomize=True)
@given(DAYS, st.integers(0, 60))
def test_what_is_added_is_counted(day: date, n: int) -> None:
    due, _ = KNOWN.add(day, n)
    assert KNOWN.between(day, due) == n
    assert n == 0 or KNOWN.is_workday(due)


@settings(deadline=None, derandomize=True)
@given(DAYS, st.integers(0, 40), st.integers(0, 40))
def test_days_add_up(day: date, one: int, other: int) -> None:
    first, second = KNOWN.add(day, one), KNOWN.add(day, one + other)
    assert KNOWN.add(first.day, other).day == second.day
    assert second.provisional or not first.provisional


@settings(deadline=None, derandomize=True)
@given(DAYS, DAYS)
def test_no_days_lie_behind(one: date, other: date) -> None:
    count = KNOWN.between(one, other)
    assert 0 <= count <= max((other - one).days, 0)


@settings(deadline=None, derandomize=True)
@given(st.dates(date(2004, 1, 1), date(2026, 12, 31)))
def test_a_week_has_a_day_of_work_but_for_the_longest_holidays(day: date) -> None:
    assert any(KNOWN.is_workday(day + timedelta(days=n)) for n in range(11))


def test_the_file_of_an_installation(tmp_path: Path) -> None:
    assert of_folder(tmp_path).provisional(date(2027, 1, 1))
    (tmp_path / FILE).write_text(NOTICE, "utf-8")
    assert not of_folder(tmp_path).provisional(date(2027, 1, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("until = 2027-12-31", "until = 2026-01-01"),
        ("until = 2027-12-31", "until = '2027-12-31'"),
        ("to = 2027-02-11", "to = 2028-02-11"),
        ("to = 2027-02-11", "to = 2027-02-04"),
        ("from = 2027-01-30\nto = 2027-01-30", "from = 2027-02-05\nto = 2027-02-05"),
        ('zh = "调休"', ""),
        ('source = "演示:2027年节假日安排"', ""),
        ("[[work]]", "[[works]]"),
        ("[[work]]", "[[work]"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in NOTICE
    (tmp_path / FILE).write_text(NOTICE.replace(old, new), "utf-8")
    with pytest.raises(BadInput, match="HOLIDAYS_INVALID"):
        of_folder(tmp_path)


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff")
    with pytest.raises(BadInput, match="HOLIDAYS_INVALID"):
        of_folder(tmp_path)
    (tmp_path / FILE).write_bytes(b"#" * (workdays._BYTES + 1))
    with pytest.raises(BadInput, match="HOLIDAYS_INVALID"):
        of_folder(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    with pytest.raises(BadInput, match="HOLIDAYS_INVALID"):
        of_folder(tmp_path)
