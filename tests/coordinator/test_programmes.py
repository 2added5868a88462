"""Programmes and plans: what is shipped, whom it asks, and what the parser refuses."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.casework import programmes
from coordinator.casework.programmes import CASE_AREA, Question, Role, Supporters, parse_programmes
from coordinator.regional import filing
from federation import catalogue
from federation.catalogue import Form, ParameterKind
from federation.errors import BadInput

GLOSSARY = Path(__file__).parents[2] / "docs" / "glossary.md"
ALL = ("DIBAO_URBAN", "DIBAO_RURAL", "TEKUN", "DIBAO_MARGIN", "RIGID_EXPENSE", "TEMP_AID")

VALID = """\
[[programme]]
id = "DIBAO_URBAN"
zh = "城市低保"
en = "Urban dibao"
subjects = ["APPLICANT", "MEMBER"]
supporters = "never"
[[programme.sum]]
predicate = "H1"
parameter = "income-12s"
subject = "household"
finding = ["NO"]
zh = "超线"
en = "above"
[[programme.question]]
predicate = "P33"
parameter = ""
roles = ["APPLICANT", "MEMBER"]
min_age = 16
max_age = 200
finding = ["COUNT(2)"]
zh = "需核实"
en = "check"
"""
PLAN = """\
[[plan]]
id = "more"
zh = "更多"
en = "More"
[[plan.question]]
programmes = []
predicate = "P40"
parameter = ""
roles = ["APPLICANT"]
min_age = 0
max_age = 200
finding = ["YES"]
zh = "需核实"
en = "check"
"""


def parse(text: str) -> programmes.Programmes:
    return parse_programmes(text, catalogue.load())


def changed(text: str = VALID, **lines: str) -> str:
    """Give a valid text with the last line of each key replaced."""
    for key, value in lines.items():
        before, line, after = text.rpartition(f"\n{key} = ")
        assert line
        text = before + line + value + "\n" + after.partition("\n")[2]
    return text


def words(text: str) -> set[str]:
    return {one.strip() for one in text.split(";")}


def asked(programme: str, role: str, age: int = 40, plan: str | None = None) -> set[str]:
    load = programmes.load()
    chosen = load.plan(plan) if plan else None
    found = load.questions_for(load.programme(programme), chosen, role, age)
    return {f"{one.predicate} {one.parameter}".strip() for one in found}


def summed(programme: str) -> set[str]:
    sums = programmes.load().programme(programme).sums
    return {f"{one.predicate} {one.parameter}".strip() for one in sums}


def every_question() -> list[Question]:
    load = programmes.load()
    own = [one for programme in load.programmes.values() for one in programme.questions]
    return own + [one.question for plan in load.plans.values() for one in plan.questions]


def test_the_core_programmes_are_there() -> None:
    assert tuple(programmes.load().programmes) == (*ALL, "FAMILIES")
    assert tuple(programmes.load().plans) == ("demonstration",)


def test_urban_dibao_asks_what_its_template_names() -> None:
    grown = asked("DIBAO_URBAN", "APPLICANT", 30) | asked("DIBAO_URBAN", "MEMBER", 30)
    assert grown == words(
        """P01 area:case; P02; P03; P04; P05 w6m; P06; P07; P08; P10; P19; P25; P26; P35; P40; P44;
        P45; P46; P47 capital-100k; P48; P57; P60"""
    )
    assert summed("DIBAO_URBAN") == words(
        "H1 income-12s; H2 assets-12s; H3 homes-1; H5 gap-3s; H7 benefit-gap"
    )


def test_rural_asks_the_same_with_its_own_words_for_machines() -> None:
    load = programmes.load()
    urban, rural = load.programme("DIBAO_URBAN"), load.programme("DIBAO_RURAL")
    assert [(q.predicate, q.roles) for q in urban.questions] == [
        (q.predicate, q.roles) for q in rural.questions
    ]
    differing = {
        a.predicate for a, b in zip(urban.questions, rural.questions, strict=True) if a != b
    }
    assert differing == {"P45"}


def test_margin_asks_more_than_dibao() -> None:
    more = asked("DIBAO_MARGIN", "MEMBER") - asked("DIBAO_URBAN", "MEMBER")
    assert more == {"P61 aid-dibao", "P61 aid-tekun"}


def test_tekun_always_asks_supporters_and_their_excuses_are_no_doubts() -> None:
    load = programmes.load()
    tekun = load.programme("TEKUN")
    assert tekun.supporters is Supporters.ALWAYS
    assert {"P33", "P41 vehicle-15s", "P47 capital-100k", "P12", "P60"} <= asked(
        "TEKUN", "SUPPORTER"
    )
    excuses = {
        one.predicate: one.finding for one in load.questions_for(tekun, None, Role.SUPPORTER, 30)
    }
    assert excuses["P12"] == excuses["P57"] == excuses["P60"] == excuses["P61"] == ()
    own = {one.predicate: one for one in load.questions_for(tekun, None, Role.APPLICANT, 70)}
    assert own["P12"].is_finding("YES")
    assert summed("TEKUN") == words("H2 assets-12s; H2 assets-54s; H6")


def test_rigid_expense_and_temporary_aid() -> None:
    assert asked("RIGID_EXPENSE", "APPLICANT") == words(
        """P06; P35; P40; P44; P45; P46; P47 capital-100k; P48; P60;
        P61 aid-dibao; P61 aid-margin; P61 aid-tekun"""
    )
    assert {"P10", "P40", "P33", "P46"} <= asked("TEMP_AID", "APPLICANT")
    assert "H4 expense-60" in summed("RIGID_EXPENSE")


@pytest.mark.parametrize("programme", ["RIGID_EXPENSE", "TEMP_AID"])
def test_who_is_never_asked_is_not_asked(programme: str) -> None:
    assert asked(programme, "SUPPORTER", plan="demonstration") == set()
    assert asked(programme, "NEIGHBOUR", plan="demonstration") == set()


@pytest.mark.parametrize("programme", ALL)
def test_the_demonstration_covers_the_twelve_categories(programme: str) -> None:
    """Wages (11) and deposits (30) are parts of sums."""
    ningbo = [*range(1, 12), *range(14, 21), *range(22, 25), *range(27, 30), *range(33, 44)]
    found = asked(programme, "APPLICANT", 45, "demonstration")
    found |= asked(programme, "MEMBER", 45, "demonstration")
    assert {f"P{n:02}" for n in [*ningbo, 46, 47, 48, 56]} <= {one[:3] for one in found}


@pytest.mark.parametrize("programme", ALL)
@pytest.mark.parametrize("role", list(Role))
def test_nothing_is_asked_twice_and_all_is_in_order(programme: str, role: Role) -> None:
    load = programmes.load()
    for age in (0, 8, 17, 30, 64, 90):
        found = load.questions_for(load.programme(programme), load.plan("demonstration"), role, age)
        keys = [(one.predicate, one.parameter) for one in found]
        assert keys == sorted(set(keys))


def test_the_programmes_own_question_stands_over_the_plans() -> None:
    load = programmes.load()
    found = load.questions_for(
        load.programme("DIBAO_RURAL"), load.plan("demonstration"), Role.MEMBER, 40
    )
    own = load.programme("DIBAO_RURAL").questions
    assert next(one for one in found if one.predicate == "P40") in own


def test_children_are_not_asked_of_marriage_work_or_business() -> None:
    child = {one[:3] for one in asked("DIBAO_URBAN", "MEMBER", 8, "demonstration")}
    assert not child & words("P07;P08;P09;P14;P15;P16;P18;P19;P20;P21;P22;P25;P46;P47;P48")
    assert {"P33", "P40", "P57"} <= child  # property may be in a child's name
    assert not {"P19", "P14"} & asked("DIBAO_URBAN", "MEMBER", 80)


def test_ages_include_both_ends() -> None:
    marriage = next(one for one in every_question() if one.predicate == "P07")
    assert [marriage.asked_of("MEMBER", age) for age in (17, 18, 200)] == [False, True, True]


def test_whoever_supports_the_claim_is_no_doubt() -> None:
    for one in every_question():
        if one.predicate in {"P56", "P57", "P60", "P07", "P38"}:
            assert one.finding == ()


def test_a_threshold_is_a_doubt_on_its_far_side_only() -> None:
    for one in every_question():
        predicate = catalogue.load().predicate(one.predicate)
        if predicate.form is Form.THRESHOLD and one.finding:
            within = predicate.name.endswith("_le")
            assert one.finding == (("NO",) if within else ("YES",))


def test_area_is_the_areas_of_the_case() -> None:
    for one in every_question():
        if catalogue.load().predicate(one.predicate).parameter is ParameterKind.AREA:
            assert one.parameter == CASE_AREA


def test_rules_are_in_both_languages() -> None:
    for one in every_question():
        assert re.search(r"[一-鿿]", one.rule("zh"))
        assert not re.search(r"[一-鿿]", one.rule("en"))


def test_unknown_programme_and_plan() -> None:
    with pytest.raises(BadInput) as programme:
        programmes.load().programme("MOON")
    with pytest.raises(BadInput) as plan:
        programmes.load().plan("moon")
    assert programme.value.code == "PROGRAMME_UNKNOWN"
    assert plan.value.code == "PLAN_UNKNOWN"


def test_the_valid_texts_are_valid() -> None:
    load = parse(VALID + PLAN)
    found = load.questions_for(load.programme("DIBAO_URBAN"), load.plan("more"), "APPLICANT", 20)
    assert [one.predicate for one in found] == ["P33", "P40"]
    assert load.programme("DIBAO_URBAN").label("zh") == "城市低保"
    assert load.plan("more").label("en") == "More"


QUESTION = VALID[VALID.index("[[programme.question]]") :]


SUM = VALID[: VALID.index("[[programme.question]]")]
TABLE = SUM[SUM.index("[[programme.sum]]") :]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (VALID + VALID, "twice"),
        (VALID + QUESTION, "asked twice"),
        (VALID + PLAN + PLAN, "twice"),
        (VALID + PLAN + PLAN[PLAN.index("[[plan.question]]") :], "asked twice"),
        (VALID + "note = 1\n", "unknown: note"),
        ("version = 1\n" + VALID, "unknown: version"),
        ("[[programme]\n", "xpected"),
        ("programme = [1]\n", "not a table"),
        (changed(predicate='"P99"'), "no predicate P99"),
        (changed(predicate='"H1"'), "is a sum, not a question"),
        (changed(parameter='"w6m"'), "parameter kind is none"),
        (changed(predicate='"P50"'), "parameter kind is rung"),
        (changed(predicate='"P50"', parameter='"area:case"', finding="[]"), "malformed"),
        (changed(predicate='"P50"', parameter='"x y"', finding="[]"), "malformed"),
        (changed(roles="[]"), "asked of nobody"),
        (changed(roles='["NEIGHBOUR"]'), "roles is none of"),
        (changed(roles='["SUPPORTER"]'), "a role that the programme does not ask"),
        (changed(roles='["MEMBER", "MEMBER"]'), "twice"),
        (changed(min_age="-1"), "between 0 and 200"),
        (changed(min_age="true"), "not of type int"),
        (changed(max_age="201"), "between 0 and 200"),
        (changed(max_age="15"), "asked of nobody"),
        (changed(finding='["COUNT(3)"]'), "cannot answer COUNT(3)"),
        (changed(finding='["YES"]'), "cannot answer YES"),
        (changed(finding='["NO_RECORD"]'), "cannot answer NO_RECORD"),
        (changed(finding='["UNAVAILABLE"]'), "cannot answer UNAVAILABLE"),
        (changed(finding='"COUNT(2)"'), "not of type list"),
        (changed(predicate='"P07"', finding='["ENUM(happy)"]'), "cannot answer ENUM(happy)"),
        (changed(predicate='"P07"', finding='["NO"]'), "cannot answer NO"),
        (changed(predicate='"P40"', finding='["UNKNOWN_IDENTITY"]'), "UNKNOWN_IDENTITY"),
        (
            changed(predicate='"P15"', parameter='"si-base"', finding='["BAND(02)"]'),
            "cannot answer BAND(02)",
        ),
        (changed(zh='""'), "zh is empty"),
        (changed(id='"dibao"'), "malformed"),
        (changed(subjects="[]"), "subjects"),
        (changed(subjects='["SUPPORTER"]'), "subjects"),
        (changed(supporters='"sometimes"'), "supporters is none of"),
        (changed(SUM, predicate='"P40"'), "not a sum"),
        (changed(SUM, predicate='"H9"'), "no predicate H9"),
        (changed(SUM, parameter='""'), "a composite names no parameter"),
        (changed(SUM, predicate='"H6"'), "a composite names no parameter"),
        (changed(SUM, parameter='"x y"'), "malformed"),
        (changed(SUM, subject='"neighbour"'), "subject is none of"),
        (changed(SUM, subject='"supporter"'), "whom the programme does not ask"),
        (changed(SUM, finding='["COUNT(2)"]'), "cannot answer COUNT(2)"),
        (changed(SUM, predicate='"H7"'), "cannot answer NO"),
        (changed(SUM, finding='["NO"]\nafter = "H1"'), "like H1=YES"),
        (changed(SUM, predicate='"H7"', finding='[]\nafter = "H1=YES"'), "like H1=YES"),
        (changed(SUM, finding='["NO"]\nafter = "H2=YES"'), "not asked before it"),
        (changed(SUM, finding='["NO"]\nafter = "H1=YES"'), "not asked before it"),
        (SUM + TABLE, "there twice"),
        (changed(supporters='"never"\nlike = "TEKUN"'), "no programme above"),
        (VALID + changed(PLAN, programmes='["MOON"]'), "not there"),
        (VALID + changed(PLAN, id='"More"'), "malformed"),
    ],
)
def test_hostile_texts_are_refused(text: str, why: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert caught.value.code == "PROGRAMMES_INVALID"
    assert set(caught.value.details) == {"where", "why"}
    assert why in str(caught.value.details["why"])


@given(st.integers(0, len((VALID + PLAN).splitlines()) - 1))
def test_no_line_may_be_missing(number: int) -> None:
    lines = (VALID + PLAN).splitlines()
    del lines[number]
    with pytest.raises(BadInput):
        parse("\n".join(lines))


def test_like_takes_over_and_replaces() -> None:
    tail = changed(id='"DIBAO_RURAL"\nlike = "DIBAO_URBAN"', zh='"农村"', max_age="60")
    tail = tail.replace(TABLE, "")
    load = parse(changed(VALID + QUESTION, predicate='"P40"', finding='["YES"]') + tail)
    urban, rural = load.programme("DIBAO_URBAN"), load.programme("DIBAO_RURAL")
    assert [one.predicate for one in rural.questions] == ["P33", "P40"]
    assert rural.questions[0].max_age == 60
    assert rural.questions[1] == urban.questions[1]
    assert rural.sums == urban.sums != ()


def test_own_sums_stand_for_all_that_would_be_taken_over() -> None:
    own = changed(SUM, id='"TEKUN"\nlike = "DIBAO_URBAN"', predicate='"H2"')
    load = parse(VALID + own)
    assert [one.predicate for one in load.programme("TEKUN").sums] == ["H2"]


def test_a_sum_may_wait_for_another() -> None:
    waiting = changed(TABLE, predicate='"H2"', finding='["NO"]\nafter = "H1=YES"')
    first, second = parse(SUM + waiting).programme("DIBAO_URBAN").sums
    assert (first.after, second.after) == ("", "H1=YES")
    assert second.rule("zh") == "超线"
    assert second.rule("en") == "above"


def test_the_same_question_may_differ_between_roles_but_not_within_one() -> None:
    split = changed(VALID, roles='["APPLICANT"]') + changed(QUESTION, roles='["MEMBER"]')
    assert len(parse(split).programme("DIBAO_URBAN").questions) == 2


def test_a_plan_may_ask_programmes_differently() -> None:
    extra = PLAN[PLAN.index("[[plan.question]]") :]
    only = changed(PLAN, programmes='["DIBAO_URBAN"]')
    other = changed(extra, programmes='["TEKUN"]')
    load = parse(VALID + changed(VALID, id='"TEKUN"') + only + other)
    assert [one.joins("TEKUN") for one in load.plan("more").questions] == [False, True]


@pytest.mark.parametrize("word", [*(one.id for one in filing.stock().sheets), *Role, *Supporters])
def test_the_glossary_explains_every_programme_and_role(word: str) -> None:
    assert f"`{word}`" in GLOSSARY.read_text("utf-8")
