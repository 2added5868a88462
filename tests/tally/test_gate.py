"""The gate: a sum is compared for a whole household, by its group, on the ladder, or not at all."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from federation import consent, exchange
from federation.consent import Claims, Grant
from federation.errors import Refused
from federation.exchange import Header, Purpose, Question
from federation.status import Status
from federation.summing import SumGrant, SumOrder
from federation.wire import codec, sum_messages
from tally import gate
from tally.rpc import TallyRpc
from tests.tally.town import LINE, LOWER, NOW, PERIOD, Home, Play, Town

TABLE = Path(__file__).parents[2] / "docs" / "protocol" / "sum.md"
Z = bytes(767) + b"\x01"
"""A ciphertext of nothing: what is refused here is refused before it is looked at."""


def asked(home: Home, slots: list[int], rung: str = LINE) -> list[Question]:
    return [
        Question(
            predicate=home.predicate,
            parameter=rung,
            presentation=home.shown[slot],
            case_ref=bytes(32),
        )
        for slot in slots
    ]


def message(order: SumOrder | None = None) -> bytes:
    return sum_messages.encode_comparison(
        sum_messages.Comparison(
            order=order or SumOrder(period=PERIOD), z=Z, seed_commitment=bytes(32)
        )
    )


def said(town: Town, home: Home, slots: list[int]) -> str:
    questions = asked(home, slots)
    request = town.request(town.header(exchange.COMPARE), questions, message(), home.tokens)
    return town.call(request).said


@pytest.mark.parametrize("slots", [[0], [1], [0, 1], [1, 2], [1, 0, 2], [0, 0, 2], [0, 1, 2, 2]])
def test_a_part_of_a_household_is_never_compared(town: Town, slots: list[int]) -> None:
    assert said(town, town.home(3), slots) == "SUM_SLOTS"


def test_more_slots_than_people_are_refused_before_their_tokens_are_read(town: Town) -> None:
    assert said(town, town.home(1), [0] * 31) == "SUM_SLOTS"


def test_two_lines_in_one_request_are_refused(town: Town) -> None:
    home = town.home(2)
    questions = [*asked(home, [0]), *asked(home, [1], LOWER)]
    request = town.request(town.header(exchange.COMPARE), questions, message(), home.tokens)
    assert town.call(request).said == "SUM_SLOTS"


def test_one_person_in_two_slots_is_refused(town: Town) -> None:
    assert said(town, town.home(2, subs=[bytes(32)] * 2), [0, 1]) == "SUM_SLOTS"


DIFFERING: list[Callable[[SumGrant], SumGrant]] = [
    lambda one: replace(one, ref=bytes([one.slot]) * 16),
    lambda one: replace(one, group=bytes([one.slot]) * 32),
    lambda one: replace(one, ladder=bytes([one.slot]) * 32),
    lambda one: replace(one, first=one.first + one.slot),
    lambda one: replace(one, last=one.last - one.slot),
    lambda one: replace(one, slots=one.slots + one.slot),
]


@pytest.mark.parametrize("joint", DIFFERING)
def test_slots_that_differ_in_any_field_are_refused(
    town: Town, joint: Callable[[SumGrant], SumGrant]
) -> None:
    assert said(town, town.home(2, joint=joint), [0, 1]) == "SUM_SLOTS"


def test_slots_with_other_numbers_of_members_are_refused(town: Town) -> None:
    def more(one: Grant) -> Grant:
        return replace(one, members=one.members + (one.joint.slot if one.joint else 0))

    assert said(town, town.home(2, grant=more), [0, 1]) == "SUM_SLOTS"


def test_a_household_is_recomputed_from_its_tokens(town: Town) -> None:
    wrong = town.home(2, claims=lambda one: replace(one, household_salt=bytes(16)))
    assert said(town, wrong, [0, 1]) == "HOUSEHOLD_MISMATCH"
    unlike = town.home(2, claims=lambda one: replace(one, role="SUPPORTER"))
    assert said(town, unlike, [0, 1]) == "HOUSEHOLD_MISMATCH"


def test_a_supporter_is_compared_alone(town: Town) -> None:
    def supporter(one: Claims) -> Claims:
        return replace(one, role="SUPPORTER", household_commitment=os.urandom(32))

    assert said(town, town.home(1, claims=supporter), [0]) == "ABORTED"


@pytest.mark.parametrize("period", [202512, 202612, 202701])
def test_a_month_that_is_not_granted_or_has_not_begun_is_refused(town: Town, period: int) -> None:
    assert town.compare(town.home(1), Z, order=SumOrder(period=period)).said == "SUM_PERIOD"


def test_a_month_after_the_last_is_refused(town: Town) -> None:
    home = town.home(1, joint=lambda one: replace(one, last=202610))
    assert town.compare(home, Z).said == "SUM_PERIOD"


def test_a_rung_that_the_policy_does_not_name_is_refused(town: Town) -> None:
    home = town.home(1, rungs=["income-9s"])
    assert town.compare(home, Z, "income-9s").said == "POLICY_PARAMETER"


def test_a_rung_that_is_not_shown_is_refused(town: Town) -> None:
    assert town.compare(town.home(1, rungs=[LOWER]), Z).said == "CONSENT_NOT_GRANTED"


UNGRANTED: list[Callable[[Grant], Grant]] = [
    lambda one: replace(one, form="threshold"),
    lambda one: replace(one, joint=None),
    lambda one: replace(one, members=0),
    lambda one: replace(one, recheck=True, max_uses=1),
]


@pytest.mark.parametrize("grant", UNGRANTED)
def test_a_grant_that_lacks_what_a_sum_needs_is_none(
    town: Town, grant: Callable[[Grant], Grant]
) -> None:
    assert town.compare(town.home(1, grant=grant), Z).said == "CONSENT_NOT_GRANTED"


def test_another_ladder_is_refused(town: Town) -> None:
    home = town.home(1, joint=lambda one: replace(one, ladder=bytes(32)))
    assert town.compare(home, Z).said == "POLICY_VERSION"


def test_another_group_is_refused(town: Town) -> None:
    home = town.home(1, joint=lambda one: replace(one, group=bytes(32)))
    assert town.compare(home, Z).said == "SUM_GROUP"


def test_a_group_of_another_tally_or_none_is_refused(town: Town) -> None:
    group = town.group()
    home = town.home(1)
    token = consent.read(home.tokens[0], town.parties["registrar"].entry.keys)
    (question,) = asked(home, [0])
    for groups in ({}, {"H1": replace(group, tally=replace(group.tally, id="other"))}):
        moment = replace(_moment(town), groups=groups)
        with pytest.raises(Refused, match="SUM_GROUP"):
            gate.admit(question, [token], SumOrder(period=PERIOD), moment)


FAULTS = ("slots", "group", "ladder", "period", "attempt", "household", "declared", "keys")


def _faulty(town: Town, faults: Sequence[str]) -> str:
    """Ask what is wrong in all these ways, and give what it is refused with."""

    def granted(one: SumGrant) -> SumGrant:
        return replace(
            one,
            group=bytes(32) if "group" in faults else one.group,
            ladder=bytes(32) if "ladder" in faults else one.ladder,
            declared=b"d" * 32 if "declared" in faults else b"",
        )

    def salted(one: Claims) -> Claims:
        return replace(one, household_salt=bytes(16)) if "household" in faults else one

    home = town.home(joint=granted, claims=salted)
    order = SumOrder(
        period=202612 if "period" in faults else PERIOD,
        attempt=int("attempt" in faults),
    )
    questions = asked(home, [1, 0] if "slots" in faults else [0, 1])
    header = town.header(exchange.COMPARE)
    return town.call(town.request(header, questions, message(order), home.tokens)).said


def test_the_first_step_that_says_no_is_the_first_in_the_protocols_table(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(town.running._rpc._desk._referee, "_public", bytes(32))
    heard = [_faulty(town, FAULTS[n:]) for n in range(len(FAULTS))]
    table = TABLE.read_text("utf-8").partition("## At the tally")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")]
    listed = [code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)]
    start = listed.index(heard[0], listed.index("POLICY_PARAMETER"))
    assert heard == listed[start : start + len(FAULTS)]


def _moment(town: Town) -> gate.Moment:
    rpc: TallyRpc = town.running._rpc
    holder = town.parties["coordinator"].key.verify_key.raw
    return rpc._moment(Purpose.ENTRY, holder)


CLAIMS: list[tuple[str, Callable[[Claims], Claims]]] = [
    ("CONSENT_WRONG_AUDIENCE", lambda one: replace(one, audience="tax")),
    ("CONSENT_WRONG_HOLDER", lambda one: replace(one, holder=bytes(32))),
    ("CONSENT_NOT_YET_VALID", lambda one: replace(one, not_before=NOW + 1_000)),
    ("CONSENT_EXPIRED", lambda one: replace(one, expires=NOW)),
    ("CONSENT_INVALID", lambda one: replace(one, basis="STATUTORY_MANDATE")),
    ("CONSENT_INVALID", lambda one: replace(one, role="CLERK")),
    ("CONSENT_INVALID", lambda one: replace(one, expires=NOW + 100 * 86_400)),
    ("CONSENT_INVALID", lambda one: replace(one, status_uri="hedui:registrar/status/tax/0")),
    ("CONSENT_INVALID", lambda one: replace(one, issuer="coordinator")),
    ("CONSENT_WRONG_PURPOSE", lambda one: replace(one, purpose=Purpose.REVIEW)),
    ("POLICY_VERSION", lambda one: replace(one, policy_family="other")),
    ("POLICY_VERSION", lambda one: replace(one, policy_version=2)),
]


@pytest.mark.parametrize(("code", "claims"), CLAIMS)
def test_a_token_that_does_not_hold_now_is_refused(
    town: Town, code: str, claims: Callable[[Claims], Claims]
) -> None:
    assert town.compare(town.home(1, claims=claims), Z).said == code


def test_one_bad_token_refuses_the_household(town: Town) -> None:
    home = town.home(2)
    forged = home.tokens[1][:-30] + b"A" * 30
    broken = replace(home, tokens=(home.tokens[0], forged))
    assert town.compare(broken, Z).said == "CONSENT_INVALID"


@pytest.mark.parametrize(
    ("state", "code"),
    [(Status.INVALID, "CONSENT_REVOKED"), (Status.SUSPENDED, "CONSENT_SUSPENDED")],
)
def test_the_status_is_looked_at_in_both_steps(town: Town, state: Status, code: str) -> None:
    play = Play(town, town.home(2))
    slots = play.slots(play.compare())
    last = consent.visible(play.home.tokens[1]).status_index
    town.clock.seconds = NOW + 1
    town.states[last] = state
    town.refresh()
    assert play.test(slots).said == code
    assert play.compare().said == code
    if state is Status.SUSPENDED:
        town.states.clear()
        town.refresh()
        assert play.test(slots).said == "COMPARED"
    town.running._status._away = {}
    town.running._status.current = None


def test_nothing_is_compared_by_an_old_list_of_ended_consents(town: Town) -> None:
    home = town.home(1)
    town.clock.seconds = NOW + 901
    assert town.compare(home, Z).said == "STATUS_LIST_STALE"
    town.running._status.current = None
    assert town.compare(home, Z).said == "STATUS_LIST_STALE"


HEADERS: list[tuple[str, Callable[[Header], Header]]] = [
    ("REQUEST_NOT_FRESH", lambda one: replace(one, issued=NOW - 1_000, expires=NOW - 800)),
    ("REQUEST_NOT_FRESH", lambda one: replace(one, expires=NOW + 301)),
    ("POLICY_VERSION", lambda one: replace(one, policy_version=2)),
]


def test_the_policy_must_name_the_purpose(town: Town) -> None:
    home = town.home(1, claims=lambda one: replace(one, purpose=Purpose.REVIEW))
    header = replace(town.header(exchange.COMPARE), purpose=Purpose.REVIEW)
    request = town.request(header, asked(home, [0]), message(), home.tokens)
    assert town.call(request).said == "POLICY_NOT_ANSWERED"


@pytest.mark.parametrize(("code", "change"), HEADERS)
def test_a_request_that_does_not_hold_now_is_refused(
    town: Town, code: str, change: Callable[[Header], Header]
) -> None:
    home = town.home(1)
    header = change(town.header(exchange.COMPARE))
    request = town.request(header, asked(home, [0]), message(), home.tokens)
    assert town.call(request).said == code


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("WRONG_AUDIENCE", lambda one: replace(one, audience="tax")),
        ("WRONG_METHOD", lambda one: replace(one, method=exchange.TEST)),
        ("WRONG_METHOD", lambda one: replace(one, method=exchange.ASK)),
    ],
)
def test_a_request_for_another_party_or_call_is_refused(
    town: Town, code: str, change: Callable[[Header], Header]
) -> None:
    home = town.home(1)
    header = change(town.header(exchange.COMPARE))
    request = town.request(header, asked(home, [0]), message(), home.tokens)
    raw = town.running._rpc.methods()["Compare"]("coordinator", request)
    answer, last = (one.item for one in codec.decode_batch(raw).items)
    assert (codec.decode_answer(answer).refusal.name, last) == (code, b"")


def test_what_cannot_be_read_is_refused_by_its_kind(town: Town) -> None:
    home = town.home(1)
    header = town.header(exchange.COMPARE)
    garbled = town.request(header, asked(home, [0]), b"\xff", home.tokens)
    assert town.call(garbled).said == "SUM_MALFORMED"
    long = replace(asked(home, [0])[0], predicate="H" * 600)
    request = town.request(town.header(exchange.COMPARE), [long], message(), home.tokens)
    assert town.call(request).said == "QUESTION_MALFORMED"
