"""Periods are read as people write them, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.statistics.periods import Period, parse
from federation.errors import BadInput


@pytest.mark.parametrize(
    ("text", "first", "last", "before"),
    [
        ("2026", 202601, 202612, "2025"),
        ("2026H1", 202601, 202606, "2025H2"),
        ("2026h2", 202607, 202612, "2026H1"),
        ("2026-01", 202601, 202601, "2025-12"),
        ("2018-01..2018-08", 201801, 201808, "2017-05..2017-12"),
        ("2025-11..2026-02", 202511, 202602, "2025-07..2025-10"),
    ],
)
def test_a_period_and_the_one_before(text: str, first: int, last: int, before: str) -> None:
    period = parse(text)
    assert (period.first, period.last) == (first, last)
    assert period.name == text.upper().replace("..", "..")
    assert period.before.name == before
    assert len(period.before.months) == len(period.months)


@pytest.mark.parametrize(
    "text",
    [
        *("", "26", "2026H3", "2026-13", "2026-00", "2026-1", "1999", "2026-02..2026-01"),
        *("2026-01..", "2020-01..2026-01", "2026..2027", "2026 H1", "二〇二六"),
    ],
)
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(BadInput, match="PERIOD_INVALID"):
        parse(text)


@given(st.integers(2000, 2099), st.integers(1, 12), st.integers(0, 59))
def test_names_are_read_again(year: int, month: int, more: int) -> None:
    last = year * 12 + month - 1 + more
    if last // 12 > 2099:
        return
    period = Period(first=year * 100 + month, last=last // 12 * 100 + last % 12 + 1)
    assert len(period.months) == more + 1
    assert parse(period.name) == period
