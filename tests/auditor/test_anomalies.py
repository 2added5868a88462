"""What is unusual is noticed; what cannot be seen in a log is not made up."""

from dataclasses import replace

from auditor import anomalies, tally
from auditor.anomalies import Kind
from auditor.reconcile_screen import KINDS
from federation.exchange import Refusal
from federation.sentinel import State
from tests.auditor import diaries
from tests.auditor.diaries import (
    BOUGHT,
    CAR,
    CASE,
    CENTRE,
    POLICE,
    TAX,
    YES,
    Federation,
    begun,
    honest,
    refused,
)
from tests.auditor.test_reconcile import AGAIN, OTHER, SECOND, alerted

RUNG = ("P21", "wage-12s")


def kinds(town: Federation) -> list[tuple[str, str, int]]:
    found = anomalies.look(town.reconciled())
    return [(one.kind.value, one.about, one.level) for one in found]


LATE = 3_600
"""The day of these tests begins at 19:06 in China; an hour later nobody should ask."""


def asked(later: int = 0) -> Federation:
    """Ask one question, then or later."""
    town, token = begun()
    town.later(later)
    town.publish()
    town.ask(token)
    return town


def test_an_ordinary_day_has_none() -> None:
    assert kinds(honest()) == []


def test_who_asks_at_night_is_noticed() -> None:
    assert kinds(asked(LATE)) == [("HOURS", "op-lin", 1)]
    (one,) = anomalies.look(asked(LATE).reconciled())
    assert one.evidence == {"day": "2026-11-18"}
    assert one.places == ((CENTRE, 2),)


def test_many_questions_in_a_day_are_noticed() -> None:
    town = asked()
    for number in range(2, 5):
        name = f"{number}"
        town.record(name)
        town.open(f"case {number}", name, operator=f"op-{number}")
        town.ask(town.issue(number=name), case=f"case {number}")
    town.record(OTHER, *[CAR] * 1, BOUGHT)
    town.open(SECOND, OTHER, operator="op-many")
    token = town.issue(number=OTHER)
    for _ in range(20):
        town.ask(token, case=SECOND, answers=[refused(Refusal.SOURCE_UNAVAILABLE)])
    assert kinds(town) == [("VOLUME", "op-many", 20)]


def test_a_series_of_thresholds_is_noticed() -> None:
    town = asked()
    pairs = [("P21", f"wage-{n}") for n in range(3)]
    town.record(OTHER, *pairs)
    town.open(SECOND, OTHER)
    token = town.issue(number=OTHER, pairs=pairs)
    for pair in pairs:
        town.ask(token, pair, case=SECOND, answers=[refused(Refusal.POLICY_PARAMETER)])
    ((kind, about, level),) = kinds(town)
    assert (kind, about.split()[0], level) == ("SERIES", POLICE, 3)
    one = anomalies.look(town.reconciled())[0]
    assert one.evidence["asked"] == "wage-0 wage-1 wage-2"
    assert len(one.places) == 3


def test_two_thresholds_are_no_series() -> None:
    town = asked()
    pairs = [("P21", f"wage-{n}") for n in range(2)]
    town.record(OTHER, *pairs)
    town.open(SECOND, OTHER)
    token = town.issue(number=OTHER, pairs=pairs)
    town.ask(token, *pairs, case=SECOND, answers=[AGAIN, AGAIN])
    assert kinds(town) == []


def test_a_case_that_was_never_decided_is_noticed_where_others_are() -> None:
    town = asked()
    assert not anomalies.decides(town.reconciled())
    town.record(OTHER)
    town.open(SECOND, OTHER)
    town.ask(town.issue(number=OTHER), case=SECOND)
    town.close(CASE)
    assert anomalies.decides(town.reconciled())
    assert kinds(town) == [("UNDECIDED", SECOND, 1)]


def test_a_partys_own_alert_is_shown_until_it_is_calm() -> None:
    town = asked()
    alerted(town, State.CALM, State.ALARM)
    assert kinds(town) == [("ALERT", CENTRE, 1_000)]
    alerted(town, State.ALARM, State.CALM)
    assert kinds(town) == []


def test_questions_of_no_case_have_no_operator() -> None:
    town, token = begun()
    town.later(LATE)
    town.ask(token, question={"case_ref": bytes(32)})
    assert kinds(town) == [("HOURS", "", 1)]


def test_kinds_have_words() -> None:
    assert set(KINDS) == set(Kind)


# -- numbers


def test_what_logs_come_to() -> None:
    town, token = begun()
    town.ask(token, CAR, BOUGHT)
    town.later(LATE)
    town.ask(token, answers=[refused(Refusal.USES_EXHAUSTED)])
    town.ask(token, answers=[AGAIN], by_id=True)
    town.ask(token, answers=[replace(YES, use_no=2)], logged=("request", "answer"))
    town.ask(town.issue(TAX, logged=False), department=TAX, question={"case_ref": bytes(32)})
    town.ask_mandate(town.enlist())
    found = tally.count(town.reconciled())
    assert (found.requests, found.questions, found.blocks) == (6, 6, 1)
    assert (found.told, found.consented, found.commissioned) == (3, 2, 2)
    assert (found.unanswered, found.again, found.refused) == (1, 1, {"USES_EXHAUSTED": 1})
    assert (found.cases, found.consents, found.tokens) == (1, 1, 1)
    assert found.policies[1].requests == 6
    assert found.policies[1].first < found.policies[1].last
    desk = found.operators["op-lin"]
    assert (desk.questions, desk.told, desk.refused, desk.late) == (5, 2, 1, 3)
    assert found.operators[""].questions == 1
    assert diaries.CASE in desk.cases
