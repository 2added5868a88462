"""What an auditor sees of cases' lives: decisions without a report, a reason or a name."""

from dataclasses import replace
from typing import Any, Final

import pytest

from auditor.casebook import Casebook
from federation.log.coordinator_events import CaseMoved, CaseOpened
from federation.log.kinds import Happened

OPENED: Final = CaseOpened(
    case="HD-1",
    programme="TEKUN",
    plan="",
    purpose="ENTRY",
    area="790301",
    commission="c-1",
    operator="op-lin",
    members=1,
    opening=bytes(32),
)
MOVED: Final = CaseMoved(
    case="HD-1",
    event="accept",
    state="ACCEPTED",
    operator="op-lin",
    reasons=(),
    document=b"",
    other="",
)


def found(*steps: dict[str, Any]) -> list[str]:
    """Give the codes that the steps of a case lead to."""
    book = Casebook("coordinator")
    events: list[CaseOpened | CaseMoved] = [OPENED, *(replace(MOVED, **one) for one in steps)]
    taken = [list(book.take(n, Happened(100 + n, event))) for n, event in enumerate(events)]
    return [one.code for some in taken for one in some]


REPORT: Final = {"event": "report"}
GRANT: Final = {"event": "grant", "reasons": ("NOTHING_AGAINST",)}


@pytest.mark.parametrize("decision", ["grant", "refuse"])
def test_a_decision_rests_on_a_report(decision: str) -> None:
    decided = GRANT | {"event": decision}
    assert found(REPORT, decided) == []
    assert found(decided) == ["CASE_DECIDED_UNVERIFIED"]
    assert found(decided, REPORT) == ["CASE_DECIDED_UNVERIFIED"]
    assert found({"event": "emergency"}, decided) == ["CASE_DECIDED_UNVERIFIED"]


def test_a_decision_is_somebodys_and_has_reasons() -> None:
    assert found(REPORT, GRANT | {"operator": ""}) == ["CASE_DECIDED_UNREASONED"]
    assert found(REPORT, GRANT | {"reasons": ()}) == ["CASE_DECIDED_UNREASONED"]


def test_the_chance_to_reconfirm_comes_once() -> None:
    again = {"event": "reconfirm"}
    assert found(REPORT, again) == []
    assert found(REPORT, again, REPORT, again) == ["CASE_RECONFIRMED_TWICE"]


def test_steps_of_a_case_that_was_never_opened() -> None:
    assert found({"case": "HD-2"}) == ["CASE_UNLOGGED"]


def test_other_steps_are_the_centres_matter() -> None:
    assert found({"event": "visit"}, {"event": "withdraw"}, {"event": "transfer"}) == []
