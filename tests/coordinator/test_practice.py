"""Local practice: which row is in force where and when, and which reasons may be said."""

from datetime import date
from typing import Final

import pytest

from coordinator.casework import practice
from coordinator.casework.lifecycle import Event, Fact
from coordinator.casework.practice import Practice, Unit, load, parse
from federation.errors import BadInput

DAY: Final = date(2026, 11, 18)
RULE: Final = """
[[rule]]
programmes = {programmes}
area = "{area}"
since = {since}
zh = "{name}"
en = "{name}"
source = "测试"
"""
CLOCK: Final = """
[[clock]]
id = "report"
programmes = []
area = ""
since = 2020-01-01
begins = ["open"]
ends = ["report"]
hours = 24
zh = "报告"
en = "report"
source = "测试"
"""
REASON: Final = """
[[reason]]
id = "ONE"
events = ["grant", "refuse"]
zh = "一"
en = "one"
"""


def rows(*some: tuple[str, str, str]) -> Practice:
    """Make rules named by their number, of (programmes, area, since)."""
    text = "".join(
        RULE.format(programmes=programmes, area=area, since=since, name=f"r{n}")
        for n, (programmes, area, since) in enumerate(some)
    )
    return parse(text, REASON)


@pytest.mark.parametrize(
    ("programme", "area", "day", "found"),
    [
        ("TEKUN", "330203", DAY, "r0"),
        ("TEKUN", "360313", DAY, "r2"),
        ("TEKUN", "360313", date(2021, 12, 31), "r1"),
        ("DIBAO_URBAN", "330203", DAY, "r3"),
        ("DIBAO_URBAN", "360313", DAY, "r2"),
        ("DIBAO_URBAN", "360300", date(2019, 1, 1), "r0"),
    ],
)
def test_the_closest_row_is_in_force_and_of_those_the_newest(
    programme: str, area: str, day: date, found: str
) -> None:
    known = rows(
        ("[]", "", "2014-05-01"),
        ("[]", "36", "2020-01-01"),
        ("[]", "36", "2022-01-01"),
        ('["DIBAO_URBAN"]', "", "2020-01-01"),
    )
    assert known.waiting(programme, area, day).en == found


def test_without_a_row_nothing_can_be_decided() -> None:
    with pytest.raises(BadInput, match="PRACTICE_INVALID"):
        rows(("[]", "36", "2020-01-01")).waiting("TEKUN", "330203", DAY)


def test_the_shipped_practice() -> None:
    local = load()
    assert local.waiting("DIBAO_URBAN", "790301", DAY).waived == frozenset()
    assert local.waiting("TEMP_AID", "790401", DAY).waived == {Fact.VISIT, Fact.URGENT}
    lengths = {
        (programme, area): local.clock("decision", programme, area, DAY)
        for programme, area in (
            *(("DIBAO_URBAN", "330203"), ("DIBAO_URBAN", "360313"), ("TEKUN", "790501")),
            *(("TEMP_AID", "330203"), ("MEDICAL_AID", "410102")),
        )
    }
    assert [one and (one.length, one.unit) for one in lengths.values()] == [
        (n, Unit.WORKDAYS) for n in (30, 18, 18, 15, 25)
    ]
    report = local.clock("report", "DIBAO_URBAN", "330203", DAY)
    assert report is not None
    assert (report.length, report.unit) == (24, Unit.HOURS)
    assert local.clock("report", "DIBAO_URBAN", "330203", date(2012, 1, 1)) is None


def test_every_decision_has_reasons_to_choose_from() -> None:
    said = {event for one in load().reasons.values() for event in one.events}
    assert said == {
        *(Event.GRANT, Event.REFUSE, Event.TRANSFER),
        *(Event.WITHDRAW, Event.SETTLE, Event.EMERGENCY),
    }


def test_reasons_are_said_where_they_belong() -> None:
    known = parse("", REASON)
    known.check_reasons(Event.GRANT, ["ONE"])
    known.check_reasons(Event.VISIT, [])
    for event, reasons, code in (
        (Event.GRANT, [], "REASON_MISSING"),
        (Event.GRANT, ["ONE", "TWO"], "REASON_UNKNOWN"),
        (Event.VISIT, ["ONE"], "REASON_UNKNOWN"),
    ):
        with pytest.raises(BadInput, match=code):
            known.check_reasons(event, reasons)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hours = 24", "hours = 24\nworkdays = 3"),
        ("hours = 24", ""),
        ("hours = 24", "hours = 0"),
        ('begins = ["open"]', "begins = []"),
        ('begins = ["open"]', 'begins = ["opened"]'),
        ('ends = ["report"]', 'ends = ["open"]'),
        ('area = ""', 'area = "36x"'),
        ("since = 2020-01-01", 'since = "2020"'),
        ("[[clock]]", "[[clocks]]"),
        ('source = "测试"', 'source = "测试"\nmore = 1'),
    ],
)
def test_a_row_that_is_wrong_is_refused(old: str, new: str) -> None:
    assert old in CLOCK
    with pytest.raises(BadInput, match="PRACTICE_INVALID"):
        parse(CLOCK.replace(old, new), REASON)


def test_a_reason_stands_once() -> None:
    with pytest.raises(BadInput, match="PRACTICE_INVALID"):
        parse("", REASON + REASON)
    assert practice.parse(CLOCK, REASON).reasons["ONE"].label("zh") == "一"
