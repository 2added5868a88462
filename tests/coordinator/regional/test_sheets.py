"""A programme's file: what it has to say, and what is refused."""

import pytest

from coordinator.casework.practice import Unit
from coordinator.people.roles import Role as Decider
from coordinator.regional.sheets import Basis
from federation.errors import BadInput
from tests.coordinator.regional.sheeted import SHEET, changed, read, without

QUESTION = SHEET[SHEET.index("[[question]]") :]
OTHER = QUESTION.replace("P40", "P44")
DEADLINE = SHEET[SHEET.index("[[deadline]]") : SHEET.index("[[exemption]]")]


def test_all_is_read() -> None:
    (sheet,) = read(SHEET).sheets
    assert (sheet.id, sheet.basis, sheet.decides) == ("AID", Basis.CONSENT, Decider.REVIEWER)
    assert (sheet.cadence_months, sheet.report_months, sheet.emergency) == (12, 6, False)
    assert [(d.id, d.unit, d.length) for d in sheet.deadlines] == [("decision", Unit.WORKDAYS, 30)]
    assert sheet.exemptions[0].label("en") == "a mobility vehicle does not count"
    assert sheet.own.questions[0].source == "GM-02"
    assert sheet.text == SHEET


@pytest.mark.parametrize("number", range(len(SHEET.splitlines())))
def test_no_line_may_be_missing(number: int) -> None:
    lines = SHEET.splitlines()
    del lines[number]
    with pytest.raises(BadInput):
        read("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (changed(SHEET, area='"791"'), "area is not"),
        (changed(SHEET, area='"79010101"'), "area is not"),
        (changed(SHEET, valid_from='"2020-01-01"'), "not of type date"),
        (changed(SHEET, valid_from="2020-01-01\nvalid_to = 2019-12-31"), "before valid_from"),
        (changed(SHEET, basis='"tip-off"'), "basis is none"),
        (changed(SHEET, basis='"mandate"'), "may not be asked under a mandate"),
        (changed(SHEET, decides='"KING"'), "decides is none"),
        (changed(SHEET, cadence_months="-1"), "between 0 and 120"),
        (changed(SHEET, decides='"CENTRE"\nemergency = false'), "emergency is true or"),
        (changed(SHEET, workdays="0"), "between 1 and 366"),
        (changed(SHEET, workdays="3\nhours = 24"), "one of them"),
        (changed(SHEET, workdays='"3"'), "not of type int"),
        (changed(SHEET, outcomes="[]"), "of some outcomes"),
        (changed(SHEET, outcomes='["COUNT(2)"]'), "P40 cannot answer COUNT(2)"),
        (changed(SHEET, predicate='"P99"'), "no predicate P99"),
        (changed(SHEET, predicate='"H1"', outcomes='["BAND(1)"]'), "H1 cannot answer BAND(1)"),
        (SHEET + DEADLINE, "a deadline is there twice"),
        (SHEET + without(OTHER, "source"), "P44 names no source"),
        (SHEET + QUESTION, "asked twice"),
        (changed(SHEET, decides='"CENTRE"\nmoon = 1'), "unknown: moon"),
    ],
)
def test_hostile_files_are_refused(text: str, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(text)
    assert caught.value.code == "PROGRAMMES_INVALID"
    assert words in str(caught.value.details["why"])


def test_an_exemption_may_be_of_a_sum() -> None:
    found = read(changed(SHEET, predicate='"H3"', outcomes='["NO"]')).sheets[0].exemptions
    assert found[0].predicate == "H3"
