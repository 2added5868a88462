"""Requests and replies as bytes: what is signed, what is shown, and what fits into one message."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.asking import requests
from coordinator.asking.requests import (
    Asker,
    CaseTerms,
    Held,
    Pair,
    Subject,
    Wanted,
    case_reference,
    compose,
    department_salt,
    parts,
    read_reply,
)
from crypto.keys import SigningKey
from federation import consent, limits
from federation.consent import Grant
from federation.errors import PeerFault, Refused
from federation.exchange import ASK, Header, Outcome, Purpose
from federation.wire import codec, signed
from federation.wire.signed import Random
from tests.coordinator.town import CLAIMS, NOW, header_of, questions_of, told

KEY = SigningKey.from_seed(b"c" * 32)
NODE = SigningKey.from_seed(b"n" * 32)
ISSUER = SigningKey.from_seed(b"r" * 32)
ASKER = Asker(party="coordinator", key=KEY, policy_version=3)
PAIRS: list[Pair] = [("P22", ""), ("P23", ""), ("P50", "deposit-12s")]


def terms(case_id: str = "HD-1", **more: object) -> CaseTerms:
    plain = CaseTerms(
        case_id=case_id, commission="c", operator="o", purpose=Purpose.ENTRY, salt=b"s" * 32
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def subject(
    case: CaseTerms, place: int = 0, *, presented: frozenset[Pair] = frozenset()
) -> Subject:
    jti = hashlib.sha256(f"{case.case_id}/{place}".encode()).digest()[:16]
    grants = {
        bytes([i]) * 16: Grant(predicate=pair[0], parameter=pair[1], form="boolean", max_uses=1)
        for i, pair in enumerate(PAIRS)
    }
    token = consent.issue(replace(CLAIMS, jti=jti), grants, ISSUER)
    return Subject(case=case, place=place, held=Held(jti=jti, token=token, presented=presented))


def wanted(*subjects: Subject, pairs: list[Pair] = PAIRS[:2]) -> list[Wanted]:
    each = [(one, pair) for one in subjects for pair in pairs]
    return [Wanted(ask_id=i, subject=s, pair=pair) for i, (s, pair) in enumerate(each)]


def counting() -> Random:
    state = [0]

    def random(size: int) -> bytes:
        state[0] += 1
        return hashlib.shake_256(bytes(state)).digest(size)

    return random


def reply_to(request: bytes, outcomes: list[Outcome], **more: object) -> bytes:
    header = header_of(request)
    payload = codec.decode_batch(request).envelope.payload
    plain = Header(
        method=ASK,
        sender="tax",
        audience="coordinator",
        qid=header.qid,
        issued=NOW,
        expires=NOW + 300,
        n=0,
        root=signed.UNSET_ROOT,
        request_hash=hashlib.sha256(payload).digest(),
    )
    items = [codec.encode_answer(told(outcome)) for outcome in outcomes]
    full = replace(plain, **more)  # type: ignore[arg-type]
    return codec.encode_batch(signed.sign(signed.prepare(full, items), NODE))


def test_a_request_is_signed_for_one_department_and_five_minutes() -> None:
    request = compose(ASKER, "tax", wanted(subject(terms())), NOW, counting())
    header = header_of(request.data)
    assert (header.sender, header.audience, header.method) == ("coordinator", "tax", ASK)
    assert (header.issued, header.expires) == (NOW, NOW + limits.REQUEST_LIFE)
    assert (header.purpose, header.policy_version, header.n) == (Purpose.ENTRY, 3, 2)
    assert (request.qid, request.items, request.expires) == (header.qid, 2, header.expires)
    signed.verify(codec.decode_batch(request.data), header, {KEY.kid: KEY.verify_key})


def test_the_same_randomness_gives_the_same_bytes() -> None:
    asked = wanted(subject(terms()), subject(terms(), 1))
    first = compose(ASKER, "tax", asked, NOW, counting())
    assert first.data == compose(ASKER, "tax", asked, NOW, counting()).data


def test_a_presentation_discloses_what_is_asked_and_nothing_more() -> None:
    request = compose(ASKER, "tax", wanted(subject(terms())), NOW, counting())
    (shown,) = codec.decode_batch(request.data).presentations
    read = consent.read(shown, {ISSUER.kid: ISSUER.verify_key})
    assert set(read.grants) == set(PAIRS[:2])
    names = {q.presentation for q in questions_of(request.data)}
    assert names == {hashlib.sha256(shown).digest()}


def test_who_was_shown_before_is_named_and_who_was_not_is_presented() -> None:
    known = subject(terms(), 0, presented=frozenset(PAIRS))
    partly = subject(terms(), 1, presented=frozenset(PAIRS[:1]))
    request = compose(ASKER, "tax", wanted(known, partly), NOW, counting())
    first, second, third, fourth = questions_of(request.data)
    assert {first.jti, second.jti} == {known.held.jti}
    assert third.presentation == fourth.presentation != b""
    assert len(codec.decode_batch(request.data).presentations) == 1


def test_what_was_never_granted_cannot_be_asked() -> None:
    asked = wanted(subject(terms()), pairs=[("P40", "")])
    with pytest.raises(Refused) as caught:
        compose(ASKER, "tax", asked, NOW, counting())
    assert caught.value.code == "CONSENT_NOT_GRANTED"


@pytest.mark.parametrize(
    "other",
    [
        terms("HD-2"),
        terms(commission="d"),
        terms(operator="p"),
        terms(salt=b"t" * 32),
        terms(commission="", operator="co"),
    ],
)
def test_a_case_reference_commits_to_every_word(other: CaseTerms) -> None:
    assert case_reference(terms(), "tax") != case_reference(other, "tax")


def test_references_of_one_case_cannot_be_compared_between_departments() -> None:
    assert case_reference(terms(), "tax") != case_reference(terms(), "bank_a")
    assert department_salt(terms(), "tax") != department_salt(terms(), "bank_a")


def test_a_reply_is_read_in_order_with_what_was_shown() -> None:
    known = subject(terms(), 1, presented=frozenset(PAIRS))
    request = compose(ASKER, "tax", wanted(subject(terms()), known), NOW, counting())
    outcomes = [Outcome.YES, Outcome.NO, Outcome.REFUSED, Outcome.PRESENT_AGAIN]
    reply = read_reply(request.data, reply_to(request.data, outcomes), {NODE.kid: NODE.verify_key})
    assert [one.outcome for one in reply.answers] == outcomes
    assert reply.shown == (True, True, False, False)
    assert reply.refused == 1


@pytest.mark.parametrize(
    ("outcomes", "more", "code"),
    [
        ([Outcome.YES], {}, "WRONG_ANSWER"),
        ([Outcome.YES] * 3, {}, "WRONG_ANSWER"),
        ([Outcome.YES] * 2, {"qid": bytes(16)}, "WRONG_ANSWER"),
        ([Outcome.YES] * 2, {"sender": "bank_a"}, "WRONG_ANSWER"),
        ([Outcome.YES] * 2, {"audience": "stranger"}, "WRONG_ANSWER"),
        ([Outcome.YES] * 2, {"request_hash": bytes(32)}, "WRONG_ANSWER"),
    ],
)
def test_a_reply_that_does_not_fit_is_refused(
    outcomes: list[Outcome], more: dict[str, object], code: str
) -> None:
    request = compose(ASKER, "tax", wanted(subject(terms())), NOW, counting())
    with pytest.raises(PeerFault) as caught:
        read_reply(
            request.data, reply_to(request.data, outcomes, **more), {NODE.kid: NODE.verify_key}
        )
    assert caught.value.code == code


@given(st.data())
def test_no_flipped_bit_of_a_reply_is_believed(data: st.DataObject) -> None:
    request = compose(ASKER, "tax", wanted(subject(terms())), NOW, counting())
    reply = bytearray(reply_to(request.data, [Outcome.YES, Outcome.NO]))
    place = data.draw(st.integers(0, len(reply) * 8 - 1))
    reply[place // 8] ^= 1 << place % 8
    with pytest.raises(PeerFault):
        read_reply(request.data, bytes(reply), {NODE.kid: NODE.verify_key})


def test_cases_stay_whole_and_messages_within_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    subjects = [subject(terms(f"HD-{i}"), place) for i in range(6) for place in range(2)]
    asked = wanted(*subjects)
    assert [len(part) for part in parts(asked)] == [24]
    monkeypatch.setattr(limits, "ITEMS", 9)
    assert [len(part) for part in parts(asked)] == [8, 8, 8]
    monkeypatch.setattr(limits, "ITEMS", 1000)
    monkeypatch.setattr(requests, "REQUEST_BYTES", len(subjects[0].held.token) * 4)
    found = list(parts(asked))
    assert [len(part) for part in found] == [8, 8, 8]
    assert [one for part in found for one in part] == asked
    assert all(len({one.subject.case.case_id for one in part}) == 2 for part in found)


def test_a_case_that_is_too_large_for_a_message_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = wanted(*[subject(terms(), place) for place in range(5)])
    monkeypatch.setattr(limits, "ITEMS", 4)
    assert [len(part) for part in parts(asked)] == [4, 4, 2]


def test_different_purposes_never_share_a_request() -> None:
    cases = [terms("HD-1"), terms("HD-2", purpose=Purpose.REVIEW), terms("HD-3")]
    found = list(parts(wanted(*[subject(case) for case in cases])))
    assert [{one.subject.case.purpose for one in part} for part in found] == [
        {Purpose.ENTRY},
        {Purpose.REVIEW},
        {Purpose.ENTRY},
    ]


# ---- a household is shown whole


def household(case: CaseTerms, *presented: frozenset[Pair]) -> list[Subject]:
    """Make the subjects of one household, each with what was shown of it before."""
    alone = [subject(case, place, presented=shown) for place, shown in enumerate(presented)]
    everybody = tuple(one.held for one in alone)
    return [replace(one, household=everybody) for one in alone]


def shown_in(asked: list[Wanted]) -> dict[bytes, set[Pair]]:
    """Give the pairs that a request discloses of each token that it presents."""
    request = compose(ASKER, "tax", asked, NOW, counting())
    read = [
        consent.read(one, {ISSUER.kid: ISSUER.verify_key})
        for one in codec.decode_batch(request.data).presentations
    ]
    assert len({one.claims.jti for one in read}) == len(read)
    return {one.claims.jti: set(one.grants) for one in read}


NEW: frozenset[Pair] = frozenset()
KNOWN: frozenset[Pair] = frozenset(PAIRS)


def test_with_a_new_token_goes_its_household_with_nothing_disclosed() -> None:
    first, second, third = household(terms(), NEW, NEW, frozenset(PAIRS[:1]))
    assert shown_in(wanted(first)) == {
        first.held.jti: set(PAIRS[:2]),
        second.held.jti: set(),
        third.held.jti: set(PAIRS[:1]),
    }


def test_a_household_that_is_known_is_not_shown_again() -> None:
    first, second = household(terms(), KNOWN, frozenset(PAIRS[:1]))
    assert shown_in(wanted(first)) == {}
    assert shown_in(wanted(second)) == {second.held.jti: set(PAIRS[:2])}


def test_who_stands_alone_takes_nobody_along() -> None:
    first, second = household(terms(), NEW, NEW)
    alone = replace(first, household=(), recheck=True)
    assert set(shown_in(wanted(alone))) == {first.held.jti}
    both = wanted(alone, replace(second, household=()))
    assert set(shown_in(both)) == {first.held.jti, second.held.jti}


def test_a_recheck_beside_an_ordinary_question_is_shown_by_its_own_token() -> None:
    (ordinary,) = household(terms(), NEW)
    recheck = replace(subject(terms("HD-1"), 7), place=0, recheck=True)
    asked = [*wanted(ordinary), *wanted(recheck)]
    assert set(shown_in(asked)) == {ordinary.held.jti, recheck.held.jti}


@given(st.lists(st.lists(st.sampled_from([NEW, KNOWN]), min_size=1, max_size=4), max_size=4))
def test_whoever_is_new_never_comes_without_the_household(
    cases: list[list[frozenset[Pair]]],
) -> None:
    subjects = [s for i, one in enumerate(cases) for s in household(terms(f"HD-{i}"), *one)]
    asked = wanted(*subjects[::2])
    if not asked:
        return
    shown = shown_in(asked)
    for one in {question.subject.held.jti: question.subject for question in asked}.values():
        if not one.held.presented:
            assert {held.jti for held in one.household} <= shown.keys()


def test_a_household_counts_whole_for_the_size_of_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases = [household(terms(f"HD-{i}"), NEW, NEW, NEW)[0] for i in range(4)]
    monkeypatch.setattr(requests, "REQUEST_BYTES", len(cases[0].held.token) * 7)
    assert [len(part) for part in parts(wanted(*cases))] == [4, 4]
