"""Findings that stand only beside another answer, and outcomes that alone bar nobody."""

from dataclasses import replace
from datetime import date
from itertools import product

import pytest

from coordinator.asking.planner import NotAsked, NotCovered, Plan
from coordinator.asking.questions import Ask, Told
from coordinator.casework import cases
from coordinator.findings import composites, screen
from coordinator.findings import report as reports
from coordinator.findings.assess import Beside, Row, Status, assess
from coordinator.findings.weighing import weigh
from coordinator.regional import filing
from federation.exchange import Answer, Outcome, Refusal
from tests.coordinator.town import WIFE, Town, case_text, person_text, told

TODAY = date(2026, 11, 18)
SET = "chongqing-2013 2013-01-01"
GANZHOU = "ganzhou-supporter 2021-01-01"
TWO, ONE = told(Outcome.COUNT, 2), told(Outcome.COUNT, 1)
WITHIN, ABOVE = told(Outcome.YES), told(Outcome.NO)
SILENT = (
    None,
    told(Outcome.STALE),
    told(Outcome.REFUSED, refusal=Refusal.NODE_PAUSED),
    told(Outcome.PRESENT_AGAIN),
    told(Outcome.NO_RECORD),
)
LINES = {"P34": "area-3min"}


def weighed(
    town: Town,
    *said: tuple[str, str, Answer | None],
    area: str = "500112",
    lines: dict[str, str] = LINES,
    role: str = "MEMBER",
    planned: Plan | None = None,
) -> dict[tuple[str, str], Row]:
    """Weigh answers, (department, predicate, answer), about the second person of a case there."""
    around = replace(town.around, programmes=filing.shelved(filing.stock(), demonstration=False))
    second = person_text(WIFE, "李乙", "SPOUSE", role)
    case = replace(cases.read(case_text(more=second).encode(), TODAY).case, area=area)
    plan = planned or Plan(day=TODAY, asks=(), not_asked=(), not_covered=())
    heard = [
        Told(
            ask=Ask(person=1, department=where, predicate=what, parameter=lines.get(what, "")),
            answer=answer,
        )
        for where, what, answer in said
    ]
    rows = assess(case, "", plan, heard, around)
    rows += composites.assess(case, plan, heard, [], around)
    found = weigh(case, rows, around.programme(case, TODAY), around.catalogue)
    return {(row.predicate, row.department): row for row in found}


def test_two_homes_with_ample_space_are_found_and_each_row_says_why(town: Town) -> None:
    found = weighed(town, ("tax", "P33", TWO), ("tax", "P34", ABOVE))
    homes, space = found["P33", "tax"], found["P34", "tax"]
    assert (homes.status, space.status) == (Status.FOUND, Status.FOUND)
    assert homes.rule["version"] == space.rule["version"] == SET
    assert homes.beside == (Beside(predicate="P34", outcome="NO", met=True, parties=("tax",)),)
    assert space.beside == (
        Beside(predicate="P33", outcome="COUNT(2)", met=True, parties=("tax",)),
    )


@pytest.mark.parametrize(("homes", "space"), [(TWO, WITHIN), (ONE, ABOVE)])
def test_one_alone_is_nothing_to_look_at_and_its_answer_stays(
    town: Town, homes: Answer, space: Answer
) -> None:
    found = weighed(town, ("tax", "P33", homes), ("tax", "P34", space))
    assert {row.status for row in found.values()} == {Status.NOTHING_FOUND}
    assert found["P33", "tax"].answer == homes
    (row,) = (one for one in found.values() if one.beside)
    assert [(one.met, one.parties) for one in row.beside] == [(False, ("tax",))]


@pytest.mark.parametrize(
    ("missing", "silence"), list(product(("P33", "P34"), SILENT)), ids=lambda one: str(one)[:24]
)
def test_what_is_not_known_is_not_taken_for_no(
    town: Town, missing: str, silence: Answer | None
) -> None:
    said = {"P33": TWO, "P34": ABOVE, missing: silence}
    found = weighed(town, *(("tax", name, answer) for name, answer in said.items()))
    (row,) = (one for one in found.values() if one.predicate != missing)
    assert (row.status, row.code, row.answer) == (
        Status.UNAVAILABLE,
        "PARTLY",
        said[row.predicate],
    )
    assert [(one.predicate, one.met) for one in row.beside] == [(missing, None)]


def test_what_was_not_asked_or_is_not_covered_is_not_known(town: Town) -> None:
    plain = weighed(town, ("tax", "P33", TWO))["P33", "tax"]
    assert (plain.status, plain.beside[0].parties) == (Status.UNAVAILABLE, ())
    bare = Plan(
        day=TODAY,
        asks=(),
        not_asked=(NotAsked("P34", "POLICY_PARAMETER"),),
        not_covered=(NotCovered("P33", "natural_resources"),),
    )
    for said in (("tax", "P33", TWO), ("tax", "P34", ABOVE)):
        row = weighed(town, said, planned=bare)[said[1], "tax"]
        assert (row.status, row.code) == (Status.UNAVAILABLE, "PARTLY")
    unsigned = Ask(person=1, department="tax", predicate="P34", parameter="area-3min")
    row = weighed(town, ("tax", "P33", TWO), planned=replace(bare, asks=(unsigned,)))["P33", "tax"]
    assert (row.status, row.beside[0].parties) == (Status.UNAVAILABLE, ("tax",))


def test_homes_of_two_cities_are_counted_together(town: Town) -> None:
    found = weighed(town, ("bank_a", "P33", ONE), ("bank_b", "P33", ONE), ("bank_a", "P34", ABOVE))
    space = found["P34", "bank_a"]
    assert (space.status, space.beside[0].parties) == (Status.FOUND, ("bank_a", "bank_b"))
    open_still = weighed(
        town, ("bank_a", "P33", ONE), ("bank_b", "P33", None), ("bank_a", "P34", ABOVE)
    )
    assert open_still["P34", "bank_a"].status is Status.UNAVAILABLE
    full = weighed(town, ("bank_a", "P33", TWO), ("bank_b", "P33", None), ("bank_a", "P34", ABOVE))
    assert full["P34", "bank_a"].status is Status.FOUND


def test_a_vehicle_is_weighed_where_it_is_registered(town: Town) -> None:
    both = (
        *(("bank_a", "P41", WITHIN), ("bank_a", "P43", WITHIN)),
        *(("bank_b", "P41", WITHIN), ("bank_b", "P43", ABOVE)),
    )
    lines = {"P41": "vehicle-15s"}
    found = weighed(town, *both, area="360702", role="SUPPORTER", lines=lines)
    assert found["P41", "bank_a"].status is Status.NOTHING_FOUND
    private = found["P41", "bank_b"]
    assert (private.status, private.rule["version"]) == (Status.FOUND, GANZHOU)
    assert [one.zh for one in found["P43", "bank_a"].exempt] == ["营运车辆是谋生工具,不计"]
    assert found["P43", "bank_b"].exempt == ()


def test_the_line_of_another_rule_does_not_count(town: Town) -> None:
    """A plan may ask living space against another line: only the set's own is weighed."""
    ask = Ask(person=1, department="tax", predicate="P34", parameter="area-3min")
    consented = Plan(day=TODAY, asks=(ask,), not_asked=(), not_covered=())
    found = weighed(
        town,
        ("tax", "P33", TWO),
        ("tax", "P34", ABOVE),
        lines={"P34": "other"},
        planned=consented,
    )
    assert found["P33", "tax"].status is Status.UNAVAILABLE


@pytest.mark.parametrize(
    ("vehicle", "status"),
    [
        (told(Outcome.YES), Status.FOUND),
        (told(Outcome.NO), Status.NOTHING_FOUND),
        (None, Status.UNAVAILABLE),
    ],
)
def test_a_sum_may_need_an_answer_about_anybody_whose_amounts_it_adds(
    town: Town, vehicle: Answer | None, status: Status
) -> None:
    ((_, row),) = weighed(town, ("tax", "P40", vehicle)).items()
    alone = replace(row, person=0, answer=told(Outcome.NO), outcome="NO", beside=())
    needs = (Beside(predicate="P40", outcome="YES"),)
    household = replace(
        row,
        predicate="H2",
        department="",
        person=None,
        persons=(0, 1),
        joint=True,
        status=Status.FOUND,
        answer=ABOVE,
        outcome="NO",
        beside=needs,
    )
    around = replace(town.around, programmes=filing.shelved(filing.stock(), demonstration=False))
    second = person_text(WIFE, "李乙", "SPOUSE", "MEMBER")
    case = replace(cases.read(case_text(more=second).encode(), TODAY).case, area="500112")
    programme = around.programme(case, TODAY)
    *_, last = weigh(case, (alone, row, household), programme, around.catalogue)
    assert (last.status, last.answer) == (status, ABOVE)
    supporter = replace(household, persons=(0,))
    *_, last = weigh(case, (row, supporter), programme, around.catalogue)
    assert last.status is Status.UNAVAILABLE


def test_an_exemption_is_of_its_roles_and_its_place_and_takes_nothing_away(town: Town) -> None:
    kin = weighed(town, ("tax", "P26", told(Outcome.YES)))["P26", "tax"]
    assert (kin.status, len(kin.exempt)) == (Status.FOUND, 1)
    here = weighed(town, ("tax", "P40", told(Outcome.YES)), area="310101")["P40", "tax"]
    there = weighed(town, ("tax", "P40", told(Outcome.YES)), area="330201")["P40", "tax"]
    assert here.status is there.status is Status.FOUND
    assert [one.source for one in here.exempt] != [one.source for one in there.exempt]
    none = weighed(town, ("tax", "P40", told(Outcome.NO)))["P40", "tax"]
    assert (none.status, none.exempt) == (Status.NOTHING_FOUND, ())
    other = weighed(town, ("tax", "P40", told(Outcome.YES)), role="SUPPORTER")["P40", "tax"]
    assert other.exempt == ()


def test_report_and_screen_say_both(town: Town) -> None:
    weighing = town.around.programmes.programme("DIBAO_URBAN")
    questions = tuple(
        replace(one, also=("P46=YES",), version="place-2026 2026-01-01")
        if one.predicate == "P40"
        else one
        for one in weighing.questions
    )
    stock = filing.stock().exemptions("DIBAO_URBAN", "500112", TODAY)
    own = {"DIBAO_URBAN": replace(weighing, questions=questions, exemptions=stock)}
    town.around = replace(town.around, programmes=replace(town.around.programmes, programmes=own))
    town.departments["public_security"].answer = lambda _: told(Outcome.YES)
    (case,) = town.ready(case_text())
    with town.desk() as desk:
        desk.run([case])
        shown = desk.show(case)
        zh, en = (screen.plain(screen.report(shown, town.around, lang)) for lang in ("zh", "en"))
    (row,) = (one for one in reports.to_json(shown)["rows"] if one["predicate"] == "P40")
    assert row["status"] == "FOUND"
    assert row["rule"]["version"] == "place-2026 2026-01-01"
    assert row["also"] == [
        {"predicate": "P46", "outcome": "YES", "met": True, "departments": ["market_regulation"]}
    ]
    assert row["exempt"][0].keys() == {"zh", "en", "source"}
    assert "同时成立:企业法人或股东有(市场监管)" in "".join(zh.split()).replace(" ", "")
    assert "this alone bars nobody" in " ".join(en.split())
