"""The rules of every header, and how an outcome is written."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import exchange, limits
from federation.errors import Refused
from federation.exchange import Answer, Header, Outcome, Refusal, Scope
from federation.v1 import envelope_pb2, node_pb2

NOW = 1_795_000_000
HEADER = Header(
    method=exchange.ASK,
    sender="coordinator",
    audience="tax",
    qid=bytes(16),
    issued=NOW,
    expires=NOW + limits.REQUEST_LIFE,
    n=0,
    root=bytes(32),
)


def _check(header: Header, now: int = NOW) -> None:
    exchange.check_request(header, audience="tax", method=exchange.ASK, now=now)


def _refused(header: Header, code: str, now: int = NOW) -> None:
    with pytest.raises(Refused, match=code):
        _check(header, now)


@given(
    st.integers(1, limits.REQUEST_LIFE),
    st.integers(-limits.SKEW, limits.REQUEST_LIFE + limits.SKEW - 1),
)
def test_a_request_is_fresh_for_its_life_and_the_skew_around_it(life: int, age: int) -> None:
    header = replace(HEADER, expires=NOW + life)
    if age < life + limits.SKEW:
        _check(header, NOW + age)
    else:
        _refused(header, "REQUEST_NOT_FRESH why=clock", NOW + age)


@pytest.mark.parametrize("age", [-limits.SKEW - 1, limits.REQUEST_LIFE + limits.SKEW])
def test_an_old_request_or_one_from_the_future_is_refused(age: int) -> None:
    _refused(HEADER, "REQUEST_NOT_FRESH why=clock", NOW + age)


@pytest.mark.parametrize("life", [limits.REQUEST_LIFE + 1, 0, -1])
def test_a_request_lives_five_minutes_at_most(life: int) -> None:
    _refused(replace(HEADER, expires=NOW + life), "REQUEST_NOT_FRESH why=life")


def test_a_request_is_for_one_party_one_method_one_schema() -> None:
    _refused(replace(HEADER, audience="bank_a"), "WRONG_AUDIENCE")
    _refused(replace(HEADER, method=exchange.ISSUE_TOKENS), "WRONG_METHOD")
    _refused(replace(HEADER, schema=2), "WRONG_METHOD")


def test_an_answer_is_no_request() -> None:
    _refused(replace(HEADER, request_hash=bytes(32)), "WRONG_METHOD")


def test_the_audience_is_looked_at_first_and_the_clock_last() -> None:
    wrong = replace(HEADER, audience="x", method="y", expires=NOW)
    _refused(wrong, "WRONG_AUDIENCE")
    _refused(replace(wrong, audience="tax"), "WRONG_METHOD")
    _refused(replace(wrong, audience="tax", method=exchange.ASK), "REQUEST_NOT_FRESH")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer(outcome=Outcome.YES), "YES"),
        (Answer(outcome=Outcome.NO_RECORD), "NO_RECORD"),
        (Answer(outcome=Outcome.BAND, value=2), "BAND(2)"),
        (Answer(outcome=Outcome.COUNT, value=0), "COUNT(0)"),
        (Answer(outcome=Outcome.ENUM, value=1), "ENUM(married)"),
        (Answer(outcome=Outcome.ENUM, value=2), "ENUM(2)"),
        (
            Answer(outcome=Outcome.REFUSED, refusal=Refusal.CONSENT_EXPIRED),
            "REFUSED(CONSENT_EXPIRED)",
        ),
        (Answer(outcome=Outcome.UNAVAILABLE), "UNAVAILABLE"),
    ],
)
def test_an_outcome_is_written_as_reports_do(answer: Answer, text: str) -> None:
    assert exchange.outcome_text(answer, ("single", "married")) == text


@pytest.mark.parametrize(
    ("ours", "theirs", "zero"),
    [
        (Refusal, node_pb2.Refusal, "REFUSAL_UNSPECIFIED"),
        (Scope, node_pb2.Scope, "SCOPE_UNSPECIFIED"),
        (Outcome, node_pb2.Outcome, "OUTCOME_UNSPECIFIED"),
        (exchange.Purpose, envelope_pb2.Purpose, "PURPOSE_UNSPECIFIED"),
    ],
)
def test_the_closed_lists_are_those_of_the_proto(ours: object, theirs: object, zero: str) -> None:
    wire = dict(theirs.items())  # type: ignore[attr-defined]
    assert wire.pop(zero) == 0
    here = {one.name: int(one) for one in ours}  # type: ignore[attr-defined]
    here = {name: number for name, number in here.items() if number not in {0, Outcome.UNAVAILABLE}}
    assert here == wire
