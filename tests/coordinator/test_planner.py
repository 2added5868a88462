"""Plans: who is asked what, where, and what stays unasked or uncovered."""

from dataclasses import replace
from datetime import date

import pytest

from coordinator.asking.planner import NO_GROUP, NotAsked, NotCovered, plan
from coordinator.casework import cases, programmes
from coordinator.casework.cases import Case
from federation import catalogue
from federation.catalogue import ParameterKind
from federation.errors import BadInput
from federation.exchange import Purpose
from federation.policy import Policy
from tests.coordinator.town import (
    APPLICANT,
    CHILD,
    PROGRAMMES,
    WIFE,
    WIFE_TEXT,
    Town,
    case_text,
    person_text,
)

TODAY = date(2026, 11, 18)
CHILD_TEXT = person_text(CHILD, "丙", "CHILD", "MEMBER", method="GUARDIAN", signer=APPLICANT)
SUPPORTER_TEXT = person_text(WIFE, "李乙", "CHILD", "SUPPORTER")


def a_case(more: str = "") -> Case:
    return cases.read(case_text(more=more).encode(), TODAY).case


def permissive(town: Town) -> Policy:
    """Allow every question that names no parameter."""
    rules = dict(town.around.policy.rules)
    for one in catalogue.load():
        if one.parameter in {ParameterKind.NONE, ParameterKind.NAME}:
            rules[one.id] = replace(rules["P40"], predicate=one.id)
    return replace(town.around.policy, rules=rules)


def test_each_person_is_asked_by_role_and_age_at_every_node_of_the_kind(town: Town) -> None:
    found = plan(a_case(WIFE_TEXT + CHILD_TEXT), "", town.around, TODAY)
    by_person = {
        place: {(a.department, a.predicate, a.parameter) for a in found.asks if a.person == place}
        for place in range(3)
    }
    property_asks = {
        ("public_security", "P40", ""),
        ("bank_a", "P50", "deposit-12s"),
        ("bank_b", "P50", "deposit-12s"),
    }
    grown_up = property_asks | {("tax", "P22", ""), ("market_regulation", "P46", "")}
    assert by_person == {0: grown_up, 1: grown_up, 2: property_asks}
    assert len(set(found.asks)) == len(found.asks)


def test_a_programme_may_name_the_applicant_as_its_only_subject(town: Town) -> None:
    text = PROGRAMMES.replace('["APPLICANT", "MEMBER"]', '["APPLICANT"]')
    alone = programmes.parse_programmes(text, catalogue.load())
    found = plan(a_case(WIFE_TEXT), "", replace(town.around, programmes=alone), TODAY)
    assert {ask.person for ask in found.asks} == {0}


def test_sums_without_a_group_are_not_asked_and_missing_departments_are_named(town: Town) -> None:
    found = plan(a_case(), "", town.around, TODAY)
    assert found.not_asked == (NotAsked("H1", NO_GROUP),)
    assert found.not_covered == (
        NotCovered("P07", "civil_affairs"),
        NotCovered("P51", "securities"),
    )


def test_what_the_policy_does_not_allow_for_the_purpose_is_not_asked(town: Town) -> None:
    found = plan(replace(a_case(), purpose=Purpose.STATUS), "", town.around, TODAY)
    assert found.asks == ()
    refused = {one.predicate for one in found.not_asked if one.why == "POLICY_NOT_ANSWERED"}
    assert refused == {"P22", "P40", "P46", "P50"}


def test_a_parameter_that_the_policy_lacks_is_not_asked(town: Town) -> None:
    rules = dict(town.around.policy.rules)
    rules["P50"] = replace(rules["P50"], parameters=("wage-12s",))
    around = replace(town.around, policy=replace(town.around.policy, rules=rules))
    found = plan(a_case(), "", around, TODAY)
    assert NotAsked("P50", "POLICY_PARAMETER") in found.not_asked
    assert not any(ask.predicate == "P50" for ask in found.asks)


def test_an_area_question_names_the_area_of_the_case(town: Town) -> None:
    shipped = replace(town.around, programmes=programmes.load())
    local = replace(town.around.policy.rules["P40"], predicate="P01", parameters=("area-790301",))
    rules = dict(town.around.policy.rules) | {"P01": local}
    around = replace(shipped, policy=replace(town.around.policy, rules=rules))
    found = plan(a_case(), "", around, TODAY)
    assert ("P01", "area-790301") in {(a.predicate, a.parameter) for a in found.asks}


def test_supporters_are_asked_only_by_programmes_that_ask_supporters(town: Town) -> None:
    shipped = replace(town.around, programmes=programmes.load(), policy=permissive(town))
    case = a_case(SUPPORTER_TEXT)
    never = plan(replace(case, programme="TEMP_AID"), "", shipped, TODAY)
    always = plan(replace(case, programme="TEKUN"), "", shipped, TODAY)
    assert {ask.person for ask in never.asks} == {0}
    assert {ask.person for ask in always.asks} == {0, 1}


def test_a_plan_adds_questions(town: Town) -> None:
    shipped = replace(town.around, programmes=programmes.load())
    case = replace(a_case(), programme="TEMP_AID")
    plain = set(plan(case, "", shipped, TODAY).asks)
    more = set(plan(case, "demonstration", shipped, TODAY).asks)
    assert plain < more


@pytest.mark.parametrize(
    ("programme", "plan_id", "code"),
    [("DIBAO", "", "PROGRAMME_UNKNOWN"), ("DIBAO_URBAN", "festive", "PLAN_UNKNOWN")],
)
def test_unknown_names_are_refused(town: Town, programme: str, plan_id: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        plan(replace(a_case(), programme=programme), plan_id, town.around, TODAY)
    assert caught.value.code == code


def test_every_shipped_programme_names_questions_of_the_catalogue(town: Town) -> None:
    shipped = replace(town.around, programmes=programmes.load())
    known = {one.id for one in catalogue.load()}
    for programme in shipped.programmes.programmes:
        found = plan(replace(a_case(), programme=programme), "demonstration", shipped, TODAY)
        named = {one.predicate for part in (found.asks, found.not_asked) for one in part}
        assert named <= known
        assert found.not_covered
