"""Sums and what follows from them in a report: who added up, who is capable, and which band."""

from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path

import pytest

from coordinator.asking.planner import NO_GROUP, NOT_DECLARED, NotAsked, NotCovered, plan
from coordinator.asking.questions import HOUSEHOLD, Ask, SumAsk, SumTold, Told
from coordinator.casework import cases
from coordinator.casework.cases import Case
from coordinator.findings import composites, screen
from coordinator.findings import report as reports
from coordinator.findings.assess import Row, Status
from federation.errors import Unavailable
from federation.exchange import Answer, Outcome, Purpose, Refusal
from tests.coordinator import summed
from tests.coordinator.summed import (
    ADDERS,
    ASSETS,
    BANKS,
    BENEFIT,
    GAP,
    INCOME,
    SUPPORTER,
    Summing,
)
from tests.coordinator.town import WIFE, WIFE_TEXT, case_text, person_text, told

TODAY = date(2026, 11, 18)
CHILD_ELSEWHERE = person_text(WIFE, "李乙", "CHILD", "SUPPORTER")
DECLARED = case_text(more=WIFE_TEXT).replace("operator", "declared_income = {}\noperator")


@pytest.fixture
def town(tmp_path: Path) -> Summing:
    return summed.build(tmp_path, INCOME + ASSETS + GAP + BENEFIT + SUPPORTER)


def a_case(text: str = "") -> Case:
    return cases.read((text or case_text()).encode(), TODAY).case


def test_a_plan_asks_a_sum_of_the_whole_household_over_the_whole_group(town: Summing) -> None:
    found = plan(
        a_case(case_text(more=WIFE_TEXT + CHILD_ELSEWHERE.replace(WIFE, GRANDMA))),
        "",
        town.around,
        TODAY,
    )
    income = SumAsk(
        predicate="H1",
        parameter="income-12s",
        subject=HOUSEHOLD,
        persons=(0, 1),
        departments=ADDERS,
        tally="tally",
    )
    own = SumAsk(
        predicate="H2",
        parameter="assets-12s",
        subject=2,
        persons=(2,),
        departments=BANKS,
        tally="tally",
    )
    assets = replace(own, subject=HOUSEHOLD, persons=(0, 1), after="H1=YES")
    assert set(found.sums) == {income, assets, own}
    assert len(income.parts) == 2 * 4
    assert {(one.person, one.department) for one in own.parts} == {
        (2, party) for party in (*BANKS, "tally")
    }
    assert NotAsked("H5", NOT_DECLARED) in found.not_asked
    assert NotAsked("H7", NOT_DECLARED) in found.not_asked


GRANDMA = "790501194601010313"


def test_components_that_nobody_of_the_group_holds_are_blind_spots(town: Summing) -> None:
    found = plan(a_case(), "", town.around, TODAY)
    blind = {(one.predicate, one.kind) for one in found.not_covered}
    assert {("H1", "collective_assets"), ("H2", "payment")} <= blind
    assert NotCovered("H1", "tax") not in found.not_covered


def test_without_a_group_or_a_rule_nothing_is_asked(town: Summing) -> None:
    bare = replace(town.around, manifest=replace(town.around.manifest, groups={}))
    assert NotAsked("H1", NO_GROUP) in plan(a_case(), "", bare, TODAY).not_asked
    elsewhere = replace(a_case(), purpose=Purpose.STATUS)
    refused = plan(elsewhere, "", town.around, TODAY)
    assert NotAsked("H1", "POLICY_NOT_ANSWERED") in refused.not_asked
    assert refused.sums == ()


def test_a_line_that_no_comparison_holds_is_not_asked(town: Summing) -> None:
    text = DECLARED.format((1 << 39) - 600)
    found = plan(a_case(text), "", town.around, TODAY)
    assert NotAsked("H5", "POLICY_PARAMETER") in found.not_asked
    assert "H5" not in {one.predicate for one in found.sums}


def rows(town: Summing, case_id: str) -> dict[tuple[str, int | None], Row]:
    with town.desk() as desk:
        return {(r.predicate, r.person): r for r in desk.show(case_id).rows if r.joint}


def test_a_report_says_who_added_up(town: Summing) -> None:
    town.amounts("H1", 3_000, 0, 0)
    (case,) = town.ready(case_text(more=WIFE_TEXT))
    with town.desk() as desk:
        desk.run([case])
        page = screen.plain(screen.report(desk.show(case), town.around, "zh"))
        value = reports.to_json(desk.show(case))
    row = rows(town, case)["H1", None]
    assert (row.status, row.outcome, row.parties) == (Status.FOUND, "NO", ADDERS)
    assert row.persons == (0, 1)
    (line,) = (one for one in page.splitlines() if "人均收入不超线(income-12s)" in one)
    assert "否 ▲" in line
    assert "合计:税务、市场监管、公安" in page.replace("\n", "").replace(" ", "")
    assert "H1" not in {one["predicate"] for one in value["rows"] if one["outcome"]}
    (shown,) = (one for one in value["sums"] if one["predicate"] == "H1")
    assert shown == {
        "predicate": "H1",
        "parameter": "income-12s",
        "category": 11,
        "persons": [1, 2],
        "departments": list(ADDERS),
        "status": "FOUND",
        "outcome": "NO",
        "as_of": "2026-11-17",
        "code": "",
        "absent": [],
        "rule": {"zh": "H1 需核实", "en": "H1: check"},
    }
    later = rows(town, case)["H2", None]
    assert (later.status, later.code, later.outcome) == (Status.NOT_ASKED, "CONDITION", "")


def test_a_report_says_who_is_missing(town: Summing) -> None:
    (case,) = town.ready(case_text(more=WIFE_TEXT))
    town.departments["tax"].script = [Unavailable("PEER_UNREACHABLE")] * 3
    with town.desk() as desk:
        desk.run([case])
        page = screen.plain(screen.report(desk.show(case), town.around, "en"))
    row = rows(town, case)["H1", None]
    assert (row.status, row.outcome, row.absent) == (Status.UNAVAILABLE, "UNAVAILABLE", ("tax",))
    assert row.code == "PEER_UNREACHABLE"
    assert "missing: Tax" in " ".join(page.split())


def test_before_its_consent_a_sum_is_not_asked(town: Summing) -> None:
    with town.desk() as desk:
        (case,) = desk.new([desk.read(case_text().encode()).case])
    row = rows(town, case)["H1", None]
    assert (row.status, row.code, row.outcome) == (Status.NOT_ASKED, "CONSENT", "")


@pytest.mark.parametrize(
    ("income", "band"),
    [(0, 2), (1_388, 2), (1_389, 1), (1_748, 1), (1_749, 0), (2_000, 0), (9_999, 0)],
)
def test_the_benefit_gap_comes_from_what_was_declared(
    town: Summing, income: int, band: int
) -> None:
    """The line of two people is 2,000 a year; the edges are 20 and 50 a month."""
    found = composites.assess(
        a_case(DECLARED.format(income)),
        plan(a_case(DECLARED.format(income)), "", town.around, TODAY),
        [],
        [],
        town.around,
    )
    (gap,) = (row for row in found if row.predicate == "H7")
    assert (gap.outcome, gap.status, gap.parties) == (f"BAND({band})", Status.INFORMATION, ())


SUPPORTED = case_text(more=CHILD_ELSEWHERE)


def answers(**said: Answer | None) -> list[Told]:
    return [
        Told(
            ask=Ask(person=1, department=f"d_{name}", predicate=name[:3].upper(), parameter=""),
            answer=answer,
        )
        for name, answer in said.items()
    ]


def capable(town: Summing, own: Answer | None, **said: Answer | None) -> Row:
    case = a_case(SUPPORTED)
    planned = plan(case, "", town.around, TODAY)
    (ask,) = (one for one in planned.sums if one.subject == 1)
    sums = [SumTold(ask=ask, answer=own)]
    found = composites.assess(case, planned, answers(**said), sums, town.around)
    (row,) = (one for one in found if one.predicate == "H6")
    assert row.person == 1
    return row


NOTHING = {
    "p33": told(Outcome.COUNT, 1),
    "p41": told(Outcome.NO),
    "p47": told(Outcome.NO),
}
WITHIN = told(Outcome.YES)


def test_a_supporter_who_meets_no_rule_is_not_capable(town: Summing) -> None:
    row = capable(town, WITHIN, **NOTHING)
    assert (row.outcome, row.status, row.code) == ("NO", Status.NOTHING_FOUND, "")
    assert row.parties == ("d_p33", "d_p41", "d_p47", *BANKS)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (told(Outcome.NO), {}),
        (WITHIN, {"p33": told(Outcome.COUNT, 2)}),
        (WITHIN, {"p33": told(Outcome.COUNT, 1), "p33b": told(Outcome.COUNT, 1)}),
        (WITHIN, {"p33": told(Outcome.COUNT, 2), "p34": told(Outcome.NO)}),
        (WITHIN, {"p41": WITHIN}),
        (WITHIN, {"p47": WITHIN}),
        (None, {"p47": WITHIN}),
        (WITHIN, {"p33": None, "p41": WITHIN}),
    ],
)
def test_one_rule_is_enough(
    town: Summing, own: Answer | None, said: dict[str, Answer | None]
) -> None:
    row = capable(town, own, **{**NOTHING, **said})
    assert (row.outcome, row.status) == ("YES", Status.FOUND)


@pytest.mark.parametrize(
    "said",
    [
        {"p33": told(Outcome.COUNT, 2), "p34": WITHIN},
        {"p41": WITHIN, "p43": WITHIN},
        {"p33": told(Outcome.NO_RECORD)},
    ],
)
def test_small_dwellings_and_vehicles_of_a_trade_make_nobody_capable(
    town: Summing, said: dict[str, Answer | None]
) -> None:
    assert capable(town, WITHIN, **{**NOTHING, **said}).outcome == "NO"


@pytest.mark.parametrize(
    ("part", "silence"),
    list(
        product(
            ("p33", "p41", "p47"),
            (None, told(Outcome.STALE), told(Outcome.REFUSED, refusal=Refusal.NODE_PAUSED)),
        )
    ),
)
def test_what_is_not_known_is_not_taken_for_no(
    town: Summing, part: str, silence: Answer | None
) -> None:
    row = capable(town, WITHIN, **{**NOTHING, part: silence})
    assert (row.outcome, row.status, row.code) == ("UNAVAILABLE", Status.UNAVAILABLE, "PARTLY")
    assert capable(town, None, **NOTHING).code == "PARTLY"


def test_a_supporters_own_assets_are_asked_of_him_alone(town: Summing) -> None:
    (case,) = town.ready(SUPPORTED)
    town.amounts("H2", 4_000, 1_000, 1)
    with town.desk() as desk:
        desk.run([case])
    assert town.told_of(case, "H2", 1) == ("NO", "")
    assert rows(town, case)["H6", 1].outcome == "YES"
    (form,) = town.registrar.forms.values()
    assert [person.role.name for person in form.persons] == ["APPLICANT", "SUPPORTER"]
