"""Deadlines and emergencies: the programme's own file says them, unless a row is closer."""

from dataclasses import replace
from datetime import date

import pytest

from coordinator.casework import practice
from coordinator.casework.lifecycle import Fact
from coordinator.casework.practice import Practice, Unit
from coordinator.casework.programmes import Programmes
from coordinator.regional import filing
from coordinator.regional.deadlines import Sheeted
from coordinator.regional.sheets import Sheet
from tests.coordinator.regional.sheeted import DAY, SHEET, changed, read

HASTE = changed(SHEET, id='"DIBAO_URBAN"', decides='"REVIEWER"\nemergency = true')
HASTE = HASTE.replace("workdays = 30", "days = 7")
COUNTY = changed(HASTE, area='"360313"').replace("days = 7", "hours = 9")
HEIR = changed(SHEET, area='"790401"', id='"DIBAO_URBAN"\nlike = "DIBAO_URBAN"')
HEIR = HEIR.partition("[[deadline]]")[0]


def local(*texts: str) -> Practice:
    return filing.shelved(read(*texts), demonstration=False).sheeted(practice.load())


def length(local: Practice, area: str, clock: str = "decision", day: date = DAY) -> str:
    rule = local.clock(clock, "DIBAO_URBAN", area, day)
    return f"{rule.length} {rule.unit.value}" if rule else ""


def test_the_file_in_force_says_how_long_a_step_may_take() -> None:
    found = local(HASTE)
    rule, plain = (
        one.clock("decision", "DIBAO_URBAN", "330203", DAY) for one in (found, practice.load())
    )
    assert rule is not None
    assert plain is not None
    assert (rule.unit, rule.length, rule.source) == (Unit.DAYS, 7, "JX-17")
    assert replace(rule, unit=plain.unit, length=plain.length, source=plain.source) == plain
    assert length(found, "330203", "commission") == "3 workdays"  # it does not say
    assert length(found, "330203", "moon") == ""


@pytest.mark.parametrize(
    ("area", "expected"),
    [("360702", "18 workdays"), ("360313", "9 hours"), ("790401", "7 days"), ("11", "7 days")],
)
def test_the_closer_area_counts_and_a_county_takes_over_what_it_does_not_say(
    area: str, expected: str
) -> None:
    assert length(local(HASTE, COUNTY, HEIR), area) == expected


def test_before_its_file_begins_and_without_files_local_practice_counts() -> None:
    later = local(changed(HASTE, valid_from="2026-01-01"))
    assert length(later, "330203", day=date(2025, 12, 31)) == "30 workdays"
    assert length(later, "330203", day=date(2026, 1, 1)) == "7 days"
    assert Programmes(programmes={}, plans={}).sheeted(practice.load()) is practice.load()


def test_whether_aid_may_come_first_is_the_programme_s_to_say() -> None:
    found = local(HASTE, HEIR)
    assert Fact.URGENT in found.waiting("DIBAO_URBAN", "330203", DAY).waived
    assert Fact.URGENT not in found.waiting("DIBAO_URBAN", "790401", DAY).waived
    assert Fact.URGENT in found.waiting("TEMP_AID", "330203", DAY).waived  # no file: practice


def test_what_was_found_is_remembered_within_bounds() -> None:
    asked: list[date] = []

    def line(programme: str, area: str, day: date) -> tuple[Sheet, ...]:
        asked.append(day)
        return ()

    local = practice.load()
    found = Sheeted(rules=local.rules, clocks=local.clocks, reasons=local.reasons, line_of=line)
    for _ in range(2):
        found.clock("decision", "DIBAO_URBAN", "330203", DAY)
    assert len(asked) == 1
    for ordinal in range(4_100):
        found.clock("decision", "AID", "11", date.fromordinal(DAY.toordinal() + ordinal))
    assert len(found._found) <= 4_096
