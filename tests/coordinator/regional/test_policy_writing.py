"""The policy that programmes need: their lines under the standard of the day, and nothing else."""

from datetime import date

import pytest

from coordinator.casework.programmes import CASE_AREA
from coordinator.regional.policy_writing import Title, policy_for
from federation import catalogue, policy
from federation.catalogue import Form
from federation.errors import BadInput
from federation.policy import Policy
from tests.coordinator.regional.sheeted import DAY, SET, SHEET, read, shipped, standard, standards

TITLE = Title(family="somewhere", version=3, zh="某地", en="Somewhere")


def written(area: str, day: date) -> Policy:
    known = catalogue.load()
    return policy.parse(policy_for(shipped(), area, day, TITLE, known).encode(), known)


PLACES = [
    ("790301", date(2025, 1, 1)),
    ("790301", date(2026, 11, 22)),
    ("790301", date(2027, 7, 1)),
    ("793101", date(2026, 11, 22)),
    ("793601", date(2026, 11, 22)),
    ("794401", date(2026, 11, 22)),
    ("795001", date(2026, 11, 22)),
]


@pytest.mark.parametrize(("area", "day"), PLACES)
def test_every_question_of_every_programme_is_allowed_with_its_line(area: str, day: date) -> None:
    found = written(area, day)
    for programme in shipped().programmes(area, day).values():
        for one in programme.asked:
            if catalogue.load().predicate(one.predicate).form is Form.COMPOSITE:
                continue
            local = one.parameter == CASE_AREA
            allowed = found.rules[one.predicate].parameters or ("",)
            assert (f"area-{area}" if local else one.parameter) in allowed


@pytest.mark.parametrize(("area", "day"), PLACES)
def test_nothing_that_no_programme_names_is_allowed(area: str, day: date) -> None:
    found = written(area, day)
    used = {p for rule in found.rules.values() for p in rule.parameters}
    assert used == found.parameters.keys()
    asked = {q.predicate for p in shipped().programmes(area, day).values() for q in p.asked}
    assert found.rules.keys() <= asked


def test_amounts_are_the_standard_s_of_the_day() -> None:
    before, after = (written("790301", day) for day in (date(2026, 12, 31), date(2027, 1, 1)))
    assert before.parameters["income-12s"].per_head == 12 * 83000
    assert after.parameters["income-12s"].per_head == 12 * 87000
    assert before.parameters["income-disposable"].per_head == 3984000
    assert after.parameters["pension-s"].edges == (0, 87000, 174000)
    assert (after.issued, after.expires) == (date(2027, 1, 1), date(2028, 12, 31))
    assert (after.family, after.version, after.title["en"]) == ("somewhere", 3, "Somewhere")


def test_property_rules_bring_their_lines() -> None:
    lines = {area: set(written(area, DAY).parameters) for area, _ in PLACES}
    assert {"assets-30k", "assets-33k", "area-mean"} <= lines["793101"]
    assert "area-3min" in lines["795001"]
    assert not {"area-3min", "assets-30k", "area-mean"} & lines["794401"]


def test_one_standard_for_town_and_country_gives_one_line() -> None:
    found = written("793101", DAY)
    assert "income-12s" in found.parameters
    assert "income-12r" not in found.parameters


def test_a_policy_needs_a_standard_and_a_rule_of_permission() -> None:
    known = catalogue.load()
    with pytest.raises(BadInput) as caught:
        policy_for(shipped(), "330201", DAY, TITLE, known)
    assert caught.value.code == "STANDARD_MISSING"
    strange = read(SHEET.replace('predicate = "P40"', 'predicate = "P49"'), standards(standard()))
    with pytest.raises(BadInput) as strange_caught:
        policy_for(strange, "790101", DAY, TITLE, known)
    assert strange_caught.value.code == "PROGRAMMES_INVALID"
    assert "no rule for P49" in str(strange_caught.value.details["why"])


def test_what_is_written_is_small_where_little_is_asked() -> None:
    known = catalogue.load()
    text = policy_for(read(SHEET, SET, standards()), "790101", DAY, TITLE, known)
    found = policy.parse(text.encode(), known)
    assert set(found.rules) == {"P40", "H2"}
    assert set(found.parameters) == {"assets-small"}
