"""Logs written by hand: an honest federation has no findings, each dishonest deed its own.

A deed is one changed argument or one changed row; what it is found by is named exactly, so that a
finding too much is seen like one too few.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.findings import Place, Severity
from auditor.reconcile import Source, reconcile
from federation import alert, closing, limits
from federation.alert import Alert
from federation.closing import ClosingCount, GrantUses
from federation.errors import PeerFault, table
from federation.exchange import Answer, Outcome, Purpose, Refusal
from federation.log.alert_events import AlertRaised
from federation.log.coordinator_events import CaseEnded, CaseResumed, CaseSuspended
from federation.log.node_events import NodePaused, UsesCounted
from federation.log.registrar_events import (
    ConsentEnded,
    ConsentResumed,
    ConsentSigned,
    ConsentSuspended,
    MandateBegun,
    MandateRecorded,
    MandateRevoked,
)
from federation.mandate_list import BlockAnswer
from federation.sentinel import Bounds, Rule, State
from federation.wire import codec, signed
from tests.auditor import diaries
from tests.auditor.diaries import (
    BOUGHT,
    CAR,
    CASE,
    CENTRE,
    CONSENT,
    END,
    MANDATE,
    NOW,
    PAPERS,
    POLICE,
    REGISTRAR,
    TAX,
    YES,
    Federation,
    begun,
    honest,
    jti_of,
    refused,
)
from tests.support.exchanges import filler, key

OTHER = "20261118-000002"
SECOND = "HD-790301-2026-0002"
ZEROS = bytes(16)
AGAIN = Answer(outcome=Outcome.PRESENT_AGAIN)


def test_an_honest_federation_has_no_findings() -> None:
    found = honest().reconciled()
    assert found.findings == []
    assert found.proven
    assert found.sizes == {REGISTRAR: 5, CENTRE: 10, POLICE: 2, TAX: 2}
    assert [one.node for one in found.exchanges] == [0, 1, 0, 1]


def test_so_it_is_while_everybody_runs() -> None:
    assert honest().codes(settled=False) == []


def test_refusals_are_no_findings() -> None:
    town, token = begun()
    town.ask(token, answers=[refused(Refusal.SOURCE_UNAVAILABLE)])
    town.ask(token, answers=[AGAIN], by_id=True)
    assert town.codes() == []


def test_what_nobody_heard_may_have_been_a_use() -> None:
    town, token = begun()
    town.ask(token, logged=("request", "answer"))
    town.ask(token)
    assert town.codes() == []


def test_an_answer_that_never_came_is_none() -> None:
    town, token = begun()
    town.ask(token, logged=("request",), answers=[AGAIN])
    assert town.codes() == []


def test_a_renewed_token_goes_on_counting() -> None:
    town, token = begun()
    town.ask(token)
    first = jti_of(token)
    renewed = town.issue(claims={"chain": first}, event={"chain": first, "round": 2})
    town.ask(renewed, answers=[replace(YES, use_no=2)])
    assert town.codes() == []


def test_a_recheck_stands_alone() -> None:
    town, _ = begun()
    town.object()
    again = town.issue(pairs=(CAR,), recheck=True, max_uses=1)
    town.ask(again)
    assert town.codes() == []


def test_a_token_may_be_shown_part_by_part() -> None:
    town, token = begun()
    town.ask(token, CAR)
    town.ask(token, BOUGHT)
    town.ask(token, CAR, BOUGHT, by_id=True)
    assert town.codes() == []


def test_a_case_may_rest_and_go_on() -> None:
    town, token = begun()
    town.change(CaseSuspended)
    town.registrar.note(_changed(ConsentSuspended), town.later())
    town.registrar.note(_changed(ConsentResumed), town.later())
    town.publish()
    town.change(CaseResumed)
    town.later(limits.SKEW)
    town.ask(token)
    assert town.codes() == []


def test_two_suspensions_are_lifted_one_by_one() -> None:
    town, token = begun()
    for kind, by in (
        (ConsentSuspended, CENTRE),
        (ConsentSuspended, REGISTRAR),
        (ConsentResumed, CENTRE),
    ):
        town.registrar.note(_changed(kind, by=by), town.later())
    town.publish()
    town.ask(token, answers=[refused(Refusal.CONSENT_SUSPENDED)])
    town.registrar.note(_changed(ConsentResumed, by=REGISTRAR), town.later())
    town.publish()
    town.ask(token)
    assert town.codes() == []


def test_an_end_that_everybody_sees() -> None:
    town, token = begun()
    town.ask(token)
    town.revoke()
    town.change(CaseEnded)
    town.publish()
    town.ask(token, answers=[refused(Refusal.CONSENT_REVOKED)])
    assert town.codes() == []


def test_a_department_may_answer_by_a_list_of_before() -> None:
    town, token = begun()
    before = town.published[POLICE]
    town.revoke()
    town.publish()
    town.ask(token, said={"status_list_digest": before})
    assert town.codes() == []


def test_signatures_may_come_later() -> None:
    town = Federation()
    town.record(missing=1)
    town.registrar.note(
        ConsentSigned(consent_no=CONSENT, evidence=(filler("paper", 32),), missing=0), town.later()
    )
    town.open()
    token = town.issue()
    town.publish()
    town.ask(token)
    assert town.codes() == []


def test_a_joint_list_of_two_series() -> None:
    town, token = begun()
    first = town.published[POLICE]
    second = town.publish(series=1)
    joint = hashlib.sha256(first + second).digest()
    town.ask(token, said={"status_list_digest": joint})
    again = town.publish(series=0)
    later = hashlib.sha256(again + second).digest()
    town.ask(token, by_id=True, said={"status_list_digest": later})
    assert town.codes() == []


def test_signed_counts_fit() -> None:
    town, token = begun()
    town.ask(token)
    town.ask(token)
    digest = _counted(town, token, 2)
    town.close(CASE, digest)
    assert town.codes() == []


def test_what_other_parties_log_beside_is_let_be() -> None:
    town = honest()
    town.diaries[POLICE].note(NodePaused(), town.later())
    assert town.codes() == []


def test_the_same_answer_twice_is_the_same_answer() -> None:
    town, token = begun()
    town.log_reply(town.ask(token))
    assert town.codes() == []


def test_events_that_nobody_joins_are_let_be() -> None:
    town = honest()
    town.centre.note(NodePaused(), town.later())
    event = MandateRecorded(mandate=MANDATE, version=1, size=3, people=bytes(32))
    town.registrar.note(event, town.later())
    assert town.codes() == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from([POLICE, TAX]),
            st.sampled_from([(CAR,), (BOUGHT,), (CAR, BOUGHT), (BOUGHT, CAR)]),
            st.booleans(),
            st.sampled_from(["told", "refused", "again", "unheard", "publish"]),
        ),
        max_size=12,
    )
)
def test_whatever_honest_parties_do_is_in_order(deeds: list[tuple[str, Any, bool, str]]) -> None:
    town = Federation()
    town.record()
    town.open()
    tokens = {one: town.issue(one, max_uses=2) for one in (POLICE, TAX)}
    for department, token in tokens.items():
        town.publish(department)
        town.ask(token, CAR, BOUGHT, department=department, answers=[AGAIN, AGAIN])
    for department, pairs, by_id, what in deeds:
        how: dict[str, Any] = {"department": department, "by_id": by_id}
        used = [town.uses.get((department, jti_of(tokens[department]), *one), 0) for one in pairs]
        if what == "publish":
            town.publish(department)
        elif what == "told" and max(used) < 2:
            town.ask(tokens[department], *pairs, **how)
        elif what == "unheard" and max(used) < 2:
            town.ask(tokens[department], *pairs, **how, logged=("request", "answer"))
        else:
            said = AGAIN if what == "again" else refused(Refusal.USES_EXHAUSTED)
            town.ask(tokens[department], *pairs, **how, answers=[said] * len(pairs))
    assert town.codes() == []


# -- one deed, one finding


def _no_request(town: Federation, token: bytes) -> None:
    town.ask(token, logged=("answer",))


def _hidden_answer(town: Federation, token: bytes) -> None:
    town.ask(token, logged=("request", "reply"))


def _reply_without_request(town: Federation, token: bytes) -> None:
    town.ask(token, logged=("reply",))


def _forged_request(town: Federation, token: bytes) -> None:
    town.ask(token, asker="tax", logged=("request",))


def _request_for_another(town: Federation, token: bytes) -> None:
    one = town.ask(token, logged=())
    town.log_request(one, caller=TAX)


def _request_of_another_time(town: Federation, token: bytes) -> None:
    one = town.ask(token, logged=())
    town.log_request(one, at=NOW)


def _entry_of_nobody(town: Federation, token: bytes) -> None:
    town.ask(token, asker="tax", logged=("answer",))


def _entry_of_a_stranger(town: Federation, token: bytes) -> None:
    one = town.ask(token, asked={"sender": "nobody"}, logged=())
    town.log_answer(one)


def _entry_for_another(town: Federation, token: bytes) -> None:
    one = town.ask(token, logged=("request", "reply"))
    town.log_answer(one, caller="stranger")


def _forged_answer(town: Federation, token: bytes) -> None:
    town.ask(token, teller="tax")


def _answer_to_another(town: Federation, token: bytes) -> None:
    town.ask(token, said={"request_hash": bytes(32)}, logged=("request", "reply"))


def _reply_of_another_entry(town: Federation, token: bytes) -> None:
    one = town.ask(token, logged=("request",))
    town.log_reply(one, answer=b"")


def _garbled_reply(town: Federation, token: bytes) -> None:
    one = town.ask(token, logged=("request",))
    town.log_reply(one, b"\x0a\x00garbage", answer=b"")


def _two_requests(town: Federation, token: bytes) -> None:
    one = town.ask(token)
    town.log_request(one)


def _two_entries(town: Federation, token: bytes) -> None:
    one = town.ask(token)
    town.log_answer(one)


def _two_answers(town: Federation, token: bytes) -> None:
    one = town.ask(token)
    town.log_reply(one, answer=b"another")


def _other_signature(town: Federation, token: bytes) -> None:
    one = town.ask(token, logged=("request", "reply"))
    town.log_answer(one, request_signature=bytes(64))


def _other_answer(town: Federation, token: bytes) -> None:
    one = town.ask(token)
    other = town.ask(token, CAR, logged=())
    row = town.diaries[POLICE].rows[one.node_row or 0]
    assert row
    entry = replace(codec.decode_entry(row[1]), answer=b"")
    header = codec.encode_header(replace(one.said, qid=one.asked.qid, expires=one.said.expires - 1))
    beside = town.items(one).write()
    entry = replace(entry, answer=header)
    town.diaries[POLICE].rows[one.node_row or 0] = (row[0], codec.encode_entry(entry), beside)
    assert other


def _other_tokens(town: Federation, token: bytes) -> None:
    town.ask(token, tokens=[filler("other")])


def _no_tokens(town: Federation, token: bytes) -> None:
    town.ask(token, tokens=[])


def _as_a_mandate(town: Federation, token: bytes) -> None:
    one = town.ask(token, logged=("request", "reply"))
    town.log_answer(one, kind="mandate")


def _entry_at_another_time(town: Federation, token: bytes) -> None:
    one = town.ask(token, logged=("request", "reply"))
    town.log_answer(one, at=NOW)


def _forged_token(town: Federation, _: bytes) -> None:
    forged = town.issue(issuer="tax", logged=False)
    town.ask(forged, answers=[refused(Refusal.CONSENT_INVALID)], tokens=[ZEROS])


def _token_of_nobody(town: Federation, _: bytes) -> None:
    town.ask(town.issue(logged=False))


def _id_of_nobody(town: Federation, token: bytes) -> None:
    town.ask(town.issue(logged=False), by_id=True, answers=[AGAIN], tokens=[ZEROS])


def _unseen_token(town: Federation, token: bytes) -> None:
    town.ask(token, by_id=True, answers=[AGAIN])


def _unshown_token(town: Federation, token: bytes) -> None:
    town.ask(token, shown=False, answers=[refused(Refusal.CONSENT_INVALID)], tokens=[ZEROS])


def _longer_token(town: Federation, _: bytes) -> None:
    town.ask(town.issue(claims={"expires": END - 1}))


def _richer_token(town: Federation, _: bytes) -> None:
    town.ask(town.issue(pairs=(CAR, ("P06", "")), name="rich"), ("P06", ""), CAR)


def _token_of_more_uses(town: Federation, _: bytes) -> None:
    town.ask(town.issue(max_uses=3))


def _token_of_other_terms(town: Federation, _: bytes) -> None:
    town.ask(town.issue(claims={"basis": "IN_FORCE_AID"}))


def _token_of_another_coordinators_consent(town: Federation, _: bytes) -> None:
    town.record(OTHER, coordinator="stranger")
    town.ask(town.issue(number=OTHER), answers=[refused(Refusal.SOURCE_UNAVAILABLE)])


def _another_token_than_issued(town: Federation, _: bytes) -> None:
    town.ask(town.issue(event={"token": bytes(32)}), CAR, BOUGHT)


def _two_tokens_of_one_id(town: Federation, _: bytes) -> None:
    town.ask(town.issue(name="twin"))
    town.ask(
        town.issue(name="twin", logged=False, claims={"status_index": 1}), CAR, answers=[AGAIN]
    )


def _id_used_twice(town: Federation, token: bytes) -> None:
    town.issue(name="again")
    town.issue(name="again")


def _for_another_department(town: Federation, _: bytes) -> None:
    town.issue("bank_a")


def _of_no_consent(town: Federation, _: bytes) -> None:
    town.issue(number=OTHER)


def _without_signature(town: Federation, _: bytes) -> None:
    town.record(OTHER, missing=2)
    town.issue(number=OTHER)


def _recheck_without_objection(town: Federation, _: bytes) -> None:
    town.issue(recheck=True, max_uses=1, pairs=(CAR,))


def _issued_after_the_end(town: Federation, _: bytes) -> None:
    town.revoke()
    town.issue()


def _issued_while_resting(town: Federation, _: bytes) -> None:
    town.registrar.note(_changed(ConsentSuspended), town.later())
    town.issue()


def _resumed_after_the_end(town: Federation, _: bytes) -> None:
    town.registrar.note(_changed(ConsentSuspended), town.later())
    town.revoke()
    town.registrar.note(_changed(ConsentResumed), town.later())


def _resumed_by_another(town: Federation, _: bytes) -> None:
    town.registrar.note(_changed(ConsentResumed, by="stranger"), town.later())


def _recorded_again(town: Federation, _: bytes) -> None:
    town.revoke()
    town.record(OTHER, origin=CONSENT)


def _end_that_only_the_centre_knows(town: Federation, _: bytes) -> None:
    town.change(CaseEnded)


def _end_that_only_a_list_knows(town: Federation, token: bytes) -> None:
    town.ask(token, answers=[refused(Refusal.CONSENT_REVOKED)])


def _changed_without_a_record(town: Federation, _: bytes) -> None:
    town.registrar.note(_changed(ConsentEnded, number=OTHER), town.later())


def _of_another_coordinator(town: Federation, _: bytes) -> None:
    town.record(OTHER, coordinator="stranger")
    town.open(SECOND, OTHER)


def _answered_after_the_end(town: Federation, token: bytes) -> None:
    town.revoke()
    town.publish()
    town.ask(token)


def _answered_while_resting(town: Federation, token: bytes) -> None:
    town.registrar.note(_changed(ConsentSuspended), town.later())
    town.publish()
    town.ask(token)


def _unpublished_list(town: Federation, token: bytes) -> None:
    town.publish(logged=False)
    town.ask(token)


def _no_list(town: Federation, token: bytes) -> None:
    town.ask(token, said={"status_list_digest": b""})


def _list_of_another_series(town: Federation, token: bytes) -> None:
    town.ask(token, said={"status_list_digest": town.publish(series=1)})


def _list_of_another_series_alone(town: Federation, _: bytes) -> None:
    token = town.issue(TAX)
    digest = town.publish(TAX, series=1)
    town.ask(token, department=TAX, said={"status_list_digest": digest})


def _stale_list(town: Federation, token: bytes) -> None:
    town.later(limits.STATUS_AGE)
    town.ask(token)


def _use_left_out(town: Federation, token: bytes) -> None:
    town.ask(token, answers=[replace(YES, use_no=2)])


def _use_twice(town: Federation, token: bytes) -> None:
    town.ask(token, answers=[replace(YES, use_no=1)])
    town.ask(token, answers=[replace(YES, use_no=1)])


def _no_use(town: Federation, token: bytes) -> None:
    town.ask(token, answers=[YES])


def _count_too_high(town: Federation, token: bytes) -> None:
    town.ask(token)
    _counted(town, token, 2)


def _count_too_low(town: Federation, token: bytes) -> None:
    town.ask(token)
    town.ask(token)
    _counted(town, token, 1)


def _count_of_nobody(town: Federation, token: bytes) -> None:
    town.close(CASE, bytes(32))


def _too_many_uses(town: Federation, token: bytes) -> None:
    for _ in range(3):
        town.ask(token)


def _too_many_a_month(town: Federation, _: bytes) -> None:
    token = town.issue(claims={"uses_a_month": 1})
    town.ask(token)
    town.ask(token)


def _no_case(town: Federation, token: bytes) -> None:
    town.ask(token, question={"case_ref": bytes(32)})


def _event_of_no_case(town: Federation, _: bytes) -> None:
    town.centre.note(CaseEnded(case=SECOND, consent_no=CONSENT), town.later())


def _another_case(town: Federation, token: bytes) -> None:
    town.record(OTHER)
    town.open(SECOND, OTHER)
    town.ask(token, case=SECOND)


def _case_twice(town: Federation, _: bytes) -> None:
    event = town.openings[CASE]
    town.centre.note(replace(event, operator="op-other"), town.later())


def _consent_of_two_cases(town: Federation, _: bytes) -> None:
    town.open(SECOND, CONSENT)


def _no_commission(town: Federation, _: bytes) -> None:
    town.record(OTHER)
    town.open(SECOND, OTHER, commission="")


def _asked_after_the_end(town: Federation, token: bytes) -> None:
    town.revoke()
    town.change(CaseEnded)
    town.publish()
    town.later(limits.SKEW)
    town.ask(token, answers=[refused(Refusal.CONSENT_REVOKED)])


def _asked_while_resting(town: Federation, token: bytes) -> None:
    town.change(CaseSuspended)
    town.later(limits.SKEW)
    town.publish()
    town.ask(token)


def _outside_the_grant(town: Federation, _: bytes) -> None:
    token = town.issue(pairs=(CAR,), name="car")
    town.ask(token, CAR, question={"predicate": "P42", "parameter": "w12m"})


def _another_purpose(town: Federation, token: bytes) -> None:
    town.ask(token, asked={"purpose": Purpose.REVIEW})


def _another_policy(town: Federation, token: bytes) -> None:
    town.ask(token, asked={"policy_version": 2})


def _against_policy(town: Federation, _: bytes) -> None:
    pair = ("P99", "")
    town.record(OTHER, pair)
    town.open(SECOND, OTHER)
    token = town.issue(number=OTHER, pairs=(pair,))
    town.ask(token, pair, case=SECOND)


def _too_late(town: Federation, token: bytes) -> None:
    town.ask(token, asked={"expires": town.now + 10 + limits.REQUEST_LIFE + 1})


def _by_no_consent(town: Federation, _: bytes) -> None:
    town.ask(town.issue(number=OTHER))
    town.ask(town.issue(number=OTHER), answers=[refused(Refusal.CONSENT_REVOKED)])


def _unseen_and_answered(town: Federation, token: bytes) -> None:
    town.ask(token, by_id=True)


def _a_use_far_away(town: Federation, _: bytes) -> None:
    last = limits.ANSWER_NUMBER
    token = town.issue(name="far")
    town.ask(token, answers=[replace(YES, use_no=last)])


def _gap(town: Federation, token: bytes) -> None:
    one = town.ask(token, logged=("answer",))
    town.diaries[POLICE].rows[one.node_row or 0] = None


def _named_and_there(town: Federation, token: bytes) -> None:
    one = town.ask(token)
    order = town.order(POLICE, town.pseudonyms[jti_of(token)])
    town.diaries[POLICE].erase(town.later(), order, 0)
    town.diaries[POLICE].rows[0] = None
    town.log_answer(one)
    row = town.diaries[POLICE].rows.pop()
    town.diaries[POLICE].rows[0] = row


def _unordered(town: Federation, token: bytes) -> None:
    town.ask(token)
    sub = town.pseudonyms[jti_of(token)]
    order = town.order(POLICE, sub, logged=False)
    town.diaries[POLICE].erase(town.later(), order, 0)


def _ordered_elsewhere(town: Federation, token: bytes) -> None:
    town.ask(token)
    order = town.order(TAX, town.pseudonyms[jti_of(token)])
    town.diaries[POLICE].erase(town.later(), order, 0)


def _somebody_else(town: Federation, token: bytes) -> None:
    town.ask(token)
    order = town.order(POLICE, filler("somebody", 32))
    town.diaries[POLICE].erase(town.later(), order, 0)


def _one_row_for_two(town: Federation, token: bytes) -> None:
    town.ask(token)
    town.ask(token, logged=("request", "reply"))
    order = town.order(POLICE, town.pseudonyms[jti_of(token)])
    town.diaries[POLICE].erase(town.later(), order, 0)


def _erasing_centre(town: Federation, _: bytes) -> None:
    town.registrar.erase(town.later(), filler("order", 32), 0)


def _garbage(town: Federation, _: bytes) -> None:
    town.centre.add(b"\x08garbage")


def _kind_of_nobody(town: Federation, token: bytes) -> None:
    one = town.ask(token)
    town.log_request(one, kind="ask")


def _exchange_at_the_registrar(town: Federation, token: bytes) -> None:
    one = town.ask(token)
    row = town.diaries[POLICE].rows[one.node_row or 0]
    assert row
    town.registrar.add(row[1], row[2])


def _request_at_a_department(town: Federation, token: bytes) -> None:
    one = town.ask(token)
    row = town.centre.rows[one.request_row or 0]
    assert row
    town.diaries[POLICE].add(row[1], row[2])


def _garbled_items(town: Federation, token: bytes) -> None:
    one = town.ask(token)
    row = town.diaries[POLICE].rows.pop()
    assert row
    town.diaries[POLICE].add(row[1], b"garbage")
    assert one


def _garbled_grants(town: Federation, _: bytes) -> None:
    row = town.registrar.rows[0]
    assert row
    town.record(OTHER)
    last = town.registrar.rows.pop()
    assert last
    town.registrar.add(last[1], b"garbage")


def _garbled_order(town: Federation, _: bytes) -> None:
    town.order(POLICE, bytes(32))
    row = town.registrar.rows.pop()
    assert row
    town.registrar.add(row[1], b"garbage")


def _garbled_count(town: Federation, token: bytes) -> None:
    event = UsesCounted(token=jti_of(token), caller=CENTRE, count=bytes(32))
    town.diaries[POLICE].note(event, town.later(), b"garbage")


def _sent_elsewhere(town: Federation, token: bytes) -> None:
    reference = {"case_ref": town.reference(CASE, TAX)}
    one = town.ask(token, asked={"audience": TAX}, question=reference, logged=())
    town.log_request(one, caller=TAX)
    town.log_answer(one)


def _garbled_question_at_all(town: Federation, token: bytes) -> None:
    one = town.ask(token, logged=())
    header = signed.claimed_header(one.request)
    made = signed.sign(signed.prepare(header, [b"garbage"], bytes), key(CENTRE))
    town.log_request(replace(one, request=made))


DEEDS: list[tuple[Callable[[Federation, bytes], None], list[str]]] = [
    (_no_request, ["REQUEST_UNLOGGED"]),
    (_hidden_answer, ["ANSWER_UNLOGGED"]),
    (_reply_without_request, ["REQUEST_UNLOGGED"]),
    (_forged_request, ["REQUEST_INVALID"]),
    (_request_for_another, ["REQUEST_INVALID"]),
    (_request_of_another_time, ["REQUEST_INVALID"]),
    (_garbled_question_at_all, ["REQUEST_INVALID"]),
    (_entry_of_nobody, ["REQUEST_INVALID"]),
    (_entry_of_a_stranger, ["REQUEST_INVALID"]),
    (_entry_for_another, ["EXCHANGE_DIFFERS"]),
    (_forged_answer, ["ANSWER_INVALID"]),
    (_answer_to_another, ["ANSWER_INVALID"]),
    (_reply_of_another_entry, ["ANSWER_INVALID"]),
    (_garbled_reply, ["ANSWER_INVALID"]),
    (_two_requests, ["EXCHANGE_TWICE"]),
    (_two_entries, ["EXCHANGE_TWICE"]),
    (_two_answers, ["EXCHANGE_TWICE"]),
    (_other_signature, ["EXCHANGE_DIFFERS"]),
    (_other_answer, ["EXCHANGE_DIFFERS"]),
    (_other_tokens, ["EXCHANGE_DIFFERS"]),
    (_no_tokens, ["EXCHANGE_DIFFERS"]),
    (_as_a_mandate, ["EXCHANGE_DIFFERS"]),
    (_entry_at_another_time, ["EXCHANGE_DIFFERS"]),
    (_forged_token, ["TOKEN_SIGNATURE"]),
    (_token_of_nobody, ["TOKEN_UNKNOWN"]),
    (_id_of_nobody, ["TOKEN_UNKNOWN"]),
    (_unseen_token, ["TOKEN_UNSEEN"]),
    (_unshown_token, ["TOKEN_UNSEEN"]),
    (_longer_token, ["TOKEN_DIFFERS"]),
    (_richer_token, ["TOKEN_DIFFERS"]),
    (_token_of_more_uses, ["TOKEN_DIFFERS"]),
    (_token_of_other_terms, ["TOKEN_DIFFERS"]),
    (_token_of_another_coordinators_consent, ["TOKEN_DIFFERS", "CASE_OTHER"]),
    (_another_token_than_issued, ["TOKEN_DIFFERS"]),
    (_two_tokens_of_one_id, ["TOKEN_DIFFERS"]),
    (_id_used_twice, ["TOKEN_DIFFERS"]),
    (_for_another_department, ["TOKEN_DIFFERS"]),
    (_of_no_consent, ["CONSENT_UNRECORDED"]),
    (_changed_without_a_record, ["CONSENT_UNRECORDED"]),
    (_of_another_coordinator, ["CONSENT_UNRECORDED"]),
    (_without_signature, ["CONSENT_UNSIGNED"]),
    (_recheck_without_objection, ["CONSENT_UNSIGNED"]),
    (_issued_after_the_end, ["CONSENT_UNREVOKED"]),
    (_issued_while_resting, ["CONSENT_UNREVOKED"]),
    (_resumed_after_the_end, ["CONSENT_UNREVOKED"]),
    (_resumed_by_another, ["CONSENT_UNREVOKED"]),
    (_recorded_again, ["CONSENT_UNREVOKED"]),
    (_end_that_only_the_centre_knows, ["CONSENT_UNENDED"]),
    (_end_that_only_a_list_knows, ["CONSENT_UNREVOKED"]),
    (_answered_after_the_end, ["ANSWER_AFTER_END"]),
    (_answered_while_resting, ["ANSWER_AFTER_END"]),
    (_unpublished_list, ["STATUS_UNPUBLISHED"]),
    (_no_list, ["STATUS_UNPUBLISHED"]),
    (_list_of_another_series, ["STATUS_UNPUBLISHED"]),
    (_list_of_another_series_alone, ["STATUS_UNPUBLISHED"]),
    (_stale_list, ["STATUS_STALE"]),
    (_use_left_out, ["USES_BROKEN"]),
    (_use_twice, ["USES_BROKEN"]),
    (_no_use, ["USES_BROKEN"]),
    (_count_too_high, ["USES_BROKEN"]),
    (_count_too_low, ["USES_BROKEN"]),
    (_count_of_nobody, ["USES_BROKEN"]),
    (_too_many_uses, ["USES_EXCEEDED"]),
    (_too_many_a_month, ["USES_EXCEEDED"]),
    (_no_case, ["CASE_UNLOGGED"]),
    (_event_of_no_case, ["CASE_UNLOGGED"]),
    (_another_case, ["CASE_OTHER"]),
    (_case_twice, ["CASE_OTHER"]),
    (_consent_of_two_cases, ["CASE_OTHER"]),
    (_no_commission, ["CASE_UNCOMMISSIONED"]),
    (_asked_after_the_end, ["CASE_ENDED"]),
    (_asked_while_resting, ["CASE_ENDED"]),
    (_outside_the_grant, ["RECEIPT_CONSENT"]),
    (_another_purpose, ["RECEIPT_CONSENT"]),
    (_another_policy, ["RECEIPT_POLICY"]),
    (_against_policy, ["RECEIPT_POLICY"]),
    (_too_late, ["RECEIPT_TIMES"]),
    (_by_no_consent, ["CONSENT_UNRECORDED", "CONSENT_UNRECORDED", "CASE_OTHER", "CASE_OTHER"]),
    (_unseen_and_answered, ["TOKEN_UNSEEN"]),
    (_a_use_far_away, ["USES_EXCEEDED", "USES_BROKEN"]),
    (_gap, ["LOG_GAP"]),
    (_named_and_there, ["LOG_GAP"]),
    (_unordered, ["ERASURE_UNORDERED", "ANSWER_UNLOGGED"]),
    (_ordered_elsewhere, ["ERASURE_UNORDERED", "ANSWER_UNLOGGED"]),
    (_somebody_else, ["ANSWER_UNLOGGED"]),
    (_one_row_for_two, ["ANSWER_UNLOGGED"]),
    (_garbage, ["LOG_RECORD"]),
    (_kind_of_nobody, ["LOG_RECORD"]),
    (_exchange_at_the_registrar, ["LOG_RECORD"]),
    (_request_at_a_department, ["LOG_RECORD"]),
    (_garbled_items, ["LOG_RECORD", "ANSWER_UNLOGGED"]),
    (_garbled_grants, ["LOG_RECORD"]),
    (_garbled_order, ["LOG_RECORD"]),
    (_garbled_count, ["LOG_RECORD"]),
    (_sent_elsewhere, ["EXCHANGE_DIFFERS"]),
]


@pytest.mark.parametrize(("deed", "codes"), DEEDS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_deed_is_found(deed: Callable[[Federation, bytes], None], codes: list[str]) -> None:
    town, token = begun()
    deed(town, token)
    found = town.reconciled()
    assert [one.code for one in found.findings] == codes
    assert not found.proven
    for one in found.findings:
        assert one.severity is Severity.BROKEN
        assert one.places
        assert one.code in table()


def _changed(kind: Any, number: str = CONSENT, by: str = CENTRE) -> Any:
    return kind(consent_no=number, origin=number, by=by, request=b"")


def _counted(town: Federation, token: bytes, used: int) -> bytes:
    """Let the department sign how often the first grant of a token was used."""
    at = town.later()
    count = ClosingCount(
        federation="test",
        department=POLICE,
        at=at,
        token=jti_of(token),
        chain=jti_of(token),
        uses=(GrantUses(predicate=CAR[0], parameter=CAR[1], used=used),),
    )
    document = closing.sign(count, key(POLICE))
    digest = hashlib.sha256(document).digest()
    event = UsesCounted(token=jti_of(token), caller=CENTRE, count=digest)
    town.diaries[POLICE].note(event, at, document)
    return digest


# -- batch mandates


def mandated() -> tuple[Federation, bytes]:
    town, _ = begun()
    return town, town.enlist()


def test_a_mandate_that_is_listed_and_enlisted() -> None:
    town, listed = mandated()
    town.ask_mandate(listed)
    town.ask_mandate(listed, refused_block(), tokens=[ZEROS])
    assert town.codes() == []


def refused_block() -> BlockAnswer:
    said = refused(Refusal.MANDATE_EXHAUSTED)
    return BlockAnswer(said, bytes([Outcome.REFUSED]))


MANDATED: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("nobody listed it", {"logged": False}, {"tokens": [ZEROS]}, ["MANDATE_UNLISTED"]),
    ("it is another's", {"department": TAX}, {}, ["MANDATE_UNLISTED"]),
    ("never enlisted", {"noted": False}, {}, ["MANDATE_UNLISTED"]),
    ("forged", {}, {"teller": TAX}, ["ANSWER_INVALID"]),
    ("another answer", {}, {"said": {"qid": bytes(16)}}, ["ANSWER_INVALID", "EXCHANGE_DIFFERS"]),
    ("another list at the node", {}, {"tokens": [filler("x")]}, ["EXCHANGE_DIFFERS"]),
    ("another policy", {}, {"asked": {"policy_version": 2}}, ["RECEIPT_POLICY"]),
    ("another purpose", {}, {"asked": {"purpose": Purpose.STATUS}}, ["RECEIPT_POLICY"]),
    ("too long", {}, {"asked": {"expires": NOW + 9_999}}, ["RECEIPT_TIMES"]),
    ("hidden", {}, {"logged": ("request", "reply")}, ["ANSWER_UNLOGGED"]),
    ("unheard", {}, {"logged": ("request", "answer")}, []),
    ("no list", {}, {"said": {"status_list_digest": b""}}, ["STATUS_UNPUBLISHED"]),
]


@pytest.mark.parametrize(
    ("listing", "asking", "codes"),
    [case[1:] for case in MANDATED],
    ids=[case[0] for case in MANDATED],
)
def test_a_deed_under_a_mandate_is_found(
    listing: dict[str, Any], asking: dict[str, Any], codes: list[str]
) -> None:
    town, _ = begun()
    town.ask_mandate(town.enlist(**listing), **asking)
    assert town.codes() == codes


@pytest.mark.parametrize("again", [False, True])
def test_a_mandate_that_has_ended(again: bool) -> None:
    town, listed = mandated()
    if again:
        begins = MandateBegun(mandate=MANDATE, coordinator=CENTRE, version=2, document=bytes(32))
        town.registrar.note(begins, town.later())
    else:
        town.registrar.note(MandateRevoked(mandate=MANDATE, by=CENTRE), town.later())
    town.ask_mandate(listed)
    assert town.codes() == [], "by a list of before"
    town.publish()
    town.ask_mandate(listed)
    assert town.codes() == ["ANSWER_AFTER_END"]


def test_a_list_of_another_mandate_does_not_end_it() -> None:
    town, listed = mandated()
    begins = MandateBegun(mandate=ZEROS, coordinator=CENTRE, version=1, document=bytes(32))
    town.registrar.note(begins, town.later())
    town.publish()
    town.ask_mandate(listed)
    assert town.codes() == []


def test_a_mandate_whose_list_has_run_out() -> None:
    town, listed = mandated()
    town.now = END + 1
    town.publish()
    town.ask_mandate(listed)
    assert town.codes() == ["RECEIPT_CONSENT"]


def test_a_question_about_a_block_that_is_none() -> None:
    town, listed = mandated()
    one = town.ask_mandate(listed, logged=("request",))
    header = signed.claimed_header(one.request)
    made = signed.sign(signed.prepare(header, [b"garbage"], bytes), key(CENTRE))
    town.log_request(replace(one, request=made))
    assert town.codes() == ["REQUEST_INVALID"]


# -- what a checkpoint cannot tell yet


def pending(town: Federation, **more: Any) -> list[tuple[str, Severity]]:
    found = town.reconciled(settled=False, **more).findings
    return [(one.code, one.severity) for one in found]


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (_no_request, "REQUEST_UNLOGGED"),
        (_hidden_answer, "ANSWER_UNLOGGED"),
        (_token_of_nobody, "TOKEN_UNKNOWN"),
        (_id_of_nobody, "TOKEN_UNKNOWN"),
        (_unpublished_list, "STATUS_UNPUBLISHED"),
        (_end_that_only_the_centre_knows, "CONSENT_UNENDED"),
        (_count_of_nobody, "USES_BROKEN"),
    ],
)
def test_the_last_rows_are_doubts_until_a_witness_has_seen_more(
    deed: Callable[[Federation, bytes], None], code: str
) -> None:
    town, token = begun()
    deed(town, token)
    assert pending(town, seen=town.now) == [(code, Severity.DOUBT)]
    assert town.reconciled(settled=False, seen=town.now).proven
    assert pending(town, seen=town.now + 1_000) == [(code, Severity.BROKEN)]


def test_an_order_that_is_too_new_is_a_doubt() -> None:
    town, token = begun()
    _unordered(town, token)
    found = pending(town, seen=town.now)
    assert found[0] == ("ERASURE_UNORDERED", Severity.DOUBT)


def test_a_list_of_a_mandate_may_be_too_new() -> None:
    town, _ = begun()
    town.ask_mandate(town.enlist(logged=False), tokens=[ZEROS])
    assert pending(town, seen=town.now) == [("MANDATE_UNLISTED", Severity.DOUBT)]


def test_what_a_department_answered_before_cannot_come_later() -> None:
    """It logs each answer before it leaves: a later request of its asker proves that."""
    town, token = begun()
    town.ask(token, logged=("request", "reply"))
    town.ask(token)
    assert pending(town, seen=town.now) == [("ANSWER_UNLOGGED", Severity.BROKEN)]


def test_what_a_centre_asked_before_cannot_come_later() -> None:
    """It logs each request before it is sent: a later answer that it has proves that."""
    town, token = begun()
    town.ask(token, logged=("answer",))
    town.ask(token)
    assert pending(town, seen=town.now) == [("REQUEST_UNLOGGED", Severity.BROKEN)]


def test_a_log_that_has_not_moved_for_a_day_hides_nothing_more() -> None:
    town, token = begun()
    _hidden_answer(town, token)
    sources = town.sources(seen=town.now)
    sources[0] = replace(sources[0], seen=town.now + 2 * 86_400)
    (found,) = reconcile(sources, PAPERS).findings
    assert found.severity is Severity.BROKEN


# -- logs that are not there, or not whole


def test_a_log_that_nobody_needs_may_be_missing() -> None:
    town, _ = begun()
    assert [(one.code, one.severity, one.parties) for one in town.findings(TAX)] == [
        ("LOG_MISSING", Severity.DOUBT, (TAX,))
    ]


def test_a_department_whose_log_is_missing() -> None:
    town = honest()
    assert [(one.code, one.severity, one.evidence) for one in town.findings(TAX)] == [
        ("LOG_MISSING", Severity.BROKEN, {"exchanges": "2"})
    ]


def test_a_centre_whose_log_is_missing() -> None:
    town = honest()
    (found,) = town.findings(CENTRE)
    assert (found.code, found.parties, found.evidence) == (
        "LOG_MISSING",
        (CENTRE,),
        {"exchanges": "4"},
    )


def test_a_registrar_whose_log_is_missing() -> None:
    town = honest()
    found = town.findings(REGISTRAR)
    assert ("LOG_MISSING", Severity.BROKEN) in [(one.code, one.severity) for one in found]
    assert {one.severity for one in found if one.code != "LOG_MISSING"} == {Severity.DOUBT}


def test_a_log_that_breaks_off_is_named_with_its_row() -> None:
    town = honest()
    sources = town.sources()
    sources[2] = replace(sources[2], rows=_breaking(sources[2], 1))
    found = reconcile(sources, PAPERS, settled=True).findings
    assert found[0].code == "LOG_ROW"
    assert found[0].places == (Place(POLICE, 1),)
    assert [(one.code, one.severity) for one in found[1:]] == [("ANSWER_UNLOGGED", Severity.DOUBT)]


def _breaking(source: Source, at: int) -> Any:
    for row, shown in enumerate(source.rows):
        if row == at:
            raise PeerFault("LOG_ROW", row=row, file="tile/records/000.p/2")
        yield shown


def test_no_manifest_no_audit() -> None:
    with pytest.raises(PeerFault, match="RECEIPT_MANIFEST"):
        reconcile([], replace(PAPERS, manifests={}))


def test_a_manifest_that_is_missing_for_a_time() -> None:
    town, token = begun()
    town.ask(token, asked={"issued": NOW - 2_000, "expires": NOW - 1_900}, logged=("request",))
    assert town.codes() == ["REQUEST_INVALID"]
    late = diaries.gathered(issued=NOW + 100_000)
    assert {"REQUEST_INVALID", "ANSWER_UNLOGGED"} & set(town.codes(by=late))


# -- erasing


def test_an_order_explains_a_gap() -> None:
    town, token = begun()
    town.ask(token, CAR, BOUGHT)
    order = town.order(POLICE, town.pseudonyms[jti_of(token)])
    town.diaries[POLICE].erase(town.later(), order, 0)
    assert town.codes() == []


def test_a_count_may_be_erased_with_its_person() -> None:
    town, token = begun()
    town.ask(token)
    digest = _counted(town, token, 1)
    town.close(CASE, digest)
    order = town.order(POLICE, town.pseudonyms[jti_of(token)])
    town.diaries[POLICE].erase(town.later(), order, 0, 1)
    assert [(one.code, one.severity) for one in town.findings()] == [
        ("USES_BROKEN", Severity.DOUBT)
    ]


# -- alerts


def test_a_partys_alerts_are_kept() -> None:
    town = honest()
    alerted(town, State.CALM, State.ALARM)
    found = town.reconciled()
    assert found.findings == []
    ((place, told),) = found.alerts[POLICE]
    assert (place, told.state) == (Place(POLICE, 2), State.ALARM)


def test_an_alert_that_nobody_signed_is_found() -> None:
    town = honest()
    alerted(town, State.CALM, State.ALARM, signer=TAX)
    assert town.codes() == ["LOG_RECORD"]


def alerted(town: Federation, was: State, state: State, signer: str = POLICE) -> None:
    at = town.later()
    told = Alert(
        federation="test",
        party=POLICE,
        matter=filler("matter"),
        at=at,
        rule=Rule.VOLUME,
        about=CENTRE,
        was=was,
        state=state,
        level=1_000,
        bounds=Bounds(calm=1, suspect=2, alarm=3),
    )
    document = alert.sign(told, key(signer))
    event = AlertRaised(
        matter=told.matter,
        rule=told.rule.value,
        state=told.state.value,
        alert=hashlib.sha256(document).digest(),
    )
    town.diaries[POLICE].note(event, at, document)
