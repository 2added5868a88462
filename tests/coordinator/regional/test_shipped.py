"""What is shipped, file by file: complete, with sources, zh and en, true to the catalogue."""

import re
import tomllib
from datetime import date
from itertools import chain

import pytest

from coordinator.casework import practice, programmes
from coordinator.casework.programmes import Question, Role
from coordinator.regional import filing
from coordinator.regional.sheets import Basis, Sheet
from federation import catalogue
from tests.coordinator.regional.sheeted import DAY, shipped

SHEETS = {one.id: one for one in shipped().sheets}
SETS = {one.id: one for one in shipped().sets}
FILES = {one.name: one.text for one in filing.shipped()}
NEEDS = {
    "DIBAO_URBAN": "P01 P02 P03 P04 P05 P06 P07 P08 P10 H1 H2 H3 P35 P40 P44 P45 P46 P47 P48 P25"
    " P26 P19 P57 P60",
    "DIBAO_RURAL": "P01 P02 P03 P04 P05 P06 P07 P08 P10 H1 H2 H3 P35 P40 P44 P45 P46 P47 P48 P25"
    " P26 P19 P57 P60",
    "TEKUN": "P01 P10 P17 H2 P33 P60 H6 P12",
    "DIBAO_MARGIN": "P01 P06 P10 H1 H2 H3 P35 P40 P46 P48 P61",
    "RIGID_EXPENSE": "H1 H4 P57 P60 P35 P40 P46 P61",
    "LOW_INCOME": "H1 H2 H3 P35 P40 P46",
    "TEMP_AID": "P10 P40 P33 P46 H2 P61",
    "MEDICAL_AID": "P61 P56 H1 H2 H4",
    "EDU_AID": "P57 P61 P60 P64 P67",
    "PUBLIC_RENTAL": "H1 P33 P34 H3 P35 P39 P40 P46 P61",
    "RENT_SUBSIDY": "H1 P33 P34 H3 P35 P39 P40 P46 P61",
    "DILAPIDATED_HOUSE": "P61 P38 P33",
    "DISABILITY_LIVING": "P60 P61",
    "DISABILITY_CARE": "P60 P12 P10",
    "DISABILITY_BASIC": "P60 H1 H2",
    "OLD_AGE": "P01 P10",
    "ORPHAN": "P67 P10 P12",
    "EMPLOYMENT_AID": "P18 P19 P61",
    "STATUS_CHECK": "P61",
    "ROSTER_GAP": "P64 P61",
    "DEATH_MATCH": "P10",
    "UNION_RELIEF": "P14 P40 P33 H2 P46",
}


def test_all_templates_and_rule_sets_are_there() -> None:
    assert SHEETS.keys() == NEEDS.keys()
    assert set(SETS) == {"guangdong-2022", "chongqing-2013", "ganzhou-supporter", "shanghai-like"}


@pytest.mark.parametrize("programme", NEEDS)
def test_a_programme_asks_what_it_needs(programme: str) -> None:
    asked = {one.predicate for one in shipped().programme(programme, "", DAY).asked}
    assert asked >= set(NEEDS[programme].split())


@pytest.mark.parametrize("name", FILES)
def test_every_text_is_there_in_both_languages_with_its_source(name: str) -> None:
    tables = [tomllib.loads(FILES[name])]
    while tables:
        table = tables.pop()
        tables += [
            row
            for value in table.values()
            if isinstance(value, list)
            for row in value
            if isinstance(row, dict)
        ]
        if "zh" in table:
            assert re.search(r"[一-鿿]|\d%", table["zh"])
            assert not re.search(r"[一-鿿]", table["en"])
            assert table["source"].strip()


@pytest.mark.parametrize("name", [n for n in FILES if n not in {"lines.toml", "standards.toml"}])
def test_no_rule_carries_an_amount(name: str) -> None:
    """Lines are named; an amount that a rule itself fixes stands in that rule's own line."""
    document = tomllib.loads(FILES[name])
    rows = chain.from_iterable(document.get(one, []) for one in ("question", "sum", "exemption"))
    for row in rows:
        numbers = {key for key, value in row.items() if isinstance(value, int)}
        assert numbers <= {"min_age", "max_age", "min_members", "max_members"}


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_what_must_not_bar_is_about_what_is_asked(sheet: Sheet) -> None:
    programme = shipped().programme(sheet.id, "", DAY)
    for one in sheet.exemptions:
        asked = {
            role
            for q in programme.asked
            if q.predicate == one.predicate
            for role in (q.roles if isinstance(q, Question) else programme.roles)
        }
        assert set(one.roles) & asked, one.predicate


def test_relatives_of_officials_are_barred_nowhere() -> None:
    for name in SHEETS:
        asked = {one.predicate for one in shipped().programme(name, "", DAY).asked}
        exempt = {(e.predicate, o) for e in shipped().exemptions(name, "", DAY) for o in e.outcomes}
        assert "P26" not in asked or ("P26", "YES") in exempt


def test_lists_are_asked_under_a_mandate_and_households_by_consent() -> None:
    listed = {name for name, one in SHEETS.items() if one.basis is Basis.MANDATE}
    assert listed == {"STATUS_CHECK", "ROSTER_GAP", "DEATH_MATCH"}


def test_supporters_are_asked_where_the_practice_asks_them() -> None:
    always = {n for n, one in SHEETS.items() if one.own.supporters.value == "always"}
    assert always == {"TEKUN", "UNION_RELIEF"}
    assert Role.SUPPORTER in shipped().programme("DIBAO_URBAN", "", DAY).roles


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_deadlines_and_emergencies_agree_with_the_clocks(sheet: Sheet) -> None:
    clocks = practice.load()
    for due in sheet.deadlines:
        clock = clocks.clock(due.id, sheet.id, "", DAY)
        if clock is not None:
            assert (clock.unit, clock.length) == (due.unit, due.length), due.id
    assert clocks.waiting(sheet.id, "", DAY).emergency == sheet.emergency


@pytest.mark.parametrize("name", sorted(set(programmes.load().programmes) & SHEETS.keys()))
def test_the_demonstration_s_layer_asks_what_its_template_asks(name: str) -> None:
    layer, template = programmes.load().programme(name), shipped().programme(name, "", DAY)
    assert [(q.predicate, q.roles, q.finding) for q in layer.questions] == [
        (q.predicate, q.roles, q.finding) for q in template.questions
    ]
    assert {(s.predicate, s.subject) for s in layer.sums} == {
        (s.predicate, s.subject) for s in template.sums
    }


def test_property_rules_are_in_force_where_they_were_made() -> None:
    areas = {"440311": "guangdong-2022", "500112": "chongqing-2013", "310101": "shanghai-like"}
    areas |= {"360702": "ganzhou-supporter", "794401": "guangdong-2022"}
    for area, name in areas.items():
        assert [one.id for one in shipped().rulesets(area, DAY)] == [name]
    assert shipped().rulesets("330201", DAY) == ()
    assert shipped().rulesets("440311", date(2021, 12, 31)) == ()


def test_the_supporter_of_the_elder_is_held_to_four_rules() -> None:
    """JX-08: homes with ample space, a dear vehicle, financial assets, subscribed capital."""
    tekun = shipped().programme("TEKUN", "360702", DAY, 1)
    lines = {
        (q.predicate, q.parameter)
        for q in tekun.questions
        if q.roles == (Role.SUPPORTER,) and q.finding and q.source == "赣州市义务人认定"
    }
    assert lines == {
        ("P33", ""),
        ("P34", "area-mean"),
        ("P41", "vehicle-15s"),
        ("P47", "capital-100k"),
    }
    assert ("H2", "assets-disposable") in {(s.predicate, s.parameter) for s in tekun.sums}


def test_two_homes_bar_only_with_ample_space() -> None:
    rules = SETS["chongqing-2013"].rules
    also = {one.asks.predicate: one.asks.also for one in rules if one.asks.also}
    assert also == {"P33": ("P34=NO",), "P34": ("P33=COUNT(2)",)}


def test_a_small_household_has_its_own_line_in_shanghai() -> None:
    found = {
        members: [
            s.parameter
            for s in shipped().programme("DIBAO_URBAN", "310101", DAY, members).sums
            if s.predicate == "H2"
        ]
        for members in (1, 2, 3, 8)
    }
    assert found == {1: ["assets-33k"], 2: ["assets-33k"], 3: ["assets-30k"], 8: ["assets-30k"]}


def test_rigid_expense_asks_no_single_department_what_a_sum_adds_up() -> None:
    known = catalogue.load()
    asked = {q.predicate for name in SHEETS for q in shipped().programme(name, "", DAY).questions}
    summed = set(chain.from_iterable(known.predicate(f"H{n}").components for n in range(1, 6)))
    measured = {known.predicate(one) for one in asked}
    assert not {p.id for p in measured if p.form.value == "threshold" and p.quantity in summed}
