"""What answers mean: the whole table of statuses, on plain values."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.asking.planner import plan
from coordinator.asking.questions import Ask, Told
from coordinator.casework import cases
from coordinator.casework.programmes import Question, Role
from coordinator.findings.assess import Status, assess, status_of
from federation import catalogue
from federation.exchange import Answer, Outcome, Refusal
from tests.coordinator.town import WIFE_TEXT, Town, case_text, told

TODAY = date(2026, 11, 18)


def question(*finding: str) -> Question:
    return Question(
        predicate="P40",
        parameter="",
        roles=(Role.APPLICANT,),
        min_age=0,
        max_age=200,
        finding=finding,
        zh="看",
        en="look",
    )


@pytest.mark.parametrize(
    ("predicate", "answer", "finding", "status"),
    [
        ("P40", told(Outcome.YES), ("YES",), Status.FOUND),
        ("P40", told(Outcome.NO), ("YES",), Status.NOTHING_FOUND),
        ("P40", told(Outcome.YES), (), Status.INFORMATION),
        ("P01", told(Outcome.NO_RECORD), ("NO", "NO_RECORD"), Status.FOUND),
        ("P01", told(Outcome.NO_RECORD), ("NO",), Status.NO_RECORD),
        ("P06", told(Outcome.UNKNOWN_IDENTITY), ("UNKNOWN_IDENTITY",), Status.FOUND),
        ("P06", told(Outcome.UNKNOWN_IDENTITY), ("NO",), Status.NO_RECORD),
        ("P33", told(Outcome.COUNT, 2), ("COUNT(2)",), Status.FOUND),
        ("P33", told(Outcome.COUNT, 1), ("COUNT(2)",), Status.NOTHING_FOUND),
        ("P07", told(Outcome.ENUM, 1), ("ENUM(married)",), Status.FOUND),
        ("P07", told(Outcome.ENUM, 0), ("ENUM(married)",), Status.NOTHING_FOUND),
        ("P15", told(Outcome.BAND, 2), ("BAND(2)",), Status.FOUND),
        ("P40", told(Outcome.STALE), ("YES",), Status.STALE),
        ("P40", told(Outcome.REFUSED, refusal=Refusal.NODE_PAUSED), ("YES",), Status.REFUSED),
        ("P40", told(Outcome.PRESENT_AGAIN), ("YES",), Status.UNAVAILABLE),
        ("P40", None, ("YES",), Status.UNAVAILABLE),
    ],
)
def test_what_an_answer_means(
    predicate: str, answer: Answer | None, finding: tuple[str, ...], status: Status
) -> None:
    known = catalogue.load().predicate(predicate)
    assert status_of(answer, question(*finding), known) is status


def test_an_answer_that_no_programme_asks_for_any_more_is_information() -> None:
    known = catalogue.load().predicate("P40")
    assert status_of(told(Outcome.YES), None, known) is Status.INFORMATION


@given(st.sampled_from(list(Outcome)), st.integers(0, 9))
def test_nothing_but_a_named_outcome_is_ever_a_finding(outcome: Outcome, value: int) -> None:
    answer = told(outcome, value)
    for predicate in catalogue.load():
        assert status_of(answer, question(), predicate) is not Status.FOUND


def test_every_planned_question_has_exactly_one_row(town: Town) -> None:
    case = cases.read(case_text(more=WIFE_TEXT).encode(), TODAY).case
    planned = plan(case, "", town.around, TODAY)
    first, *rest = planned.asks
    outside = Ask(person=1, department="tax", predicate="P24", parameter="")
    heard = [Told(ask=first, answer=told(Outcome.NO)), Told(ask=outside, code="PEER_SLOW")]
    rows = assess(case, "", planned, heard, town.around)
    keys = [(r.person, r.department, r.predicate, r.parameter) for r in rows]
    assert len(set(keys)) == len(keys)
    assert len(rows) == len(planned.asks) + 1 + len(planned.not_asked) + len(planned.not_covered)
    by_key = dict(zip(keys, rows, strict=True))
    for ask in rest:
        row = by_key[ask.person, ask.department, ask.predicate, ask.parameter]
        assert (row.status, row.code) == (Status.NOT_ASKED, "CONSENT")
    lost = by_key[1, "tax", "P24", ""]
    assert (lost.status, lost.code, lost.outcome) == (
        Status.UNAVAILABLE,
        "PEER_SLOW",
        "UNAVAILABLE",
    )


def test_rows_come_by_department_then_question_then_person(town: Town) -> None:
    case = cases.read(case_text(more=WIFE_TEXT).encode(), TODAY).case
    planned = plan(case, "", town.around, TODAY)
    heard = [Told(ask=ask, answer=told(Outcome.NO)) for ask in reversed(planned.asks)]
    rows = [r for r in assess(case, "", planned, heard, town.around) if r.person is not None]
    parties = list(town.around.manifest.parties)
    keys = [(parties.index(r.department), int(r.predicate[1:]), r.person) for r in rows]
    assert keys == sorted(keys)
