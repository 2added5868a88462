"""What the log says: requests and answers byte for byte, cases that open their references."""

import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator import log_entries
from coordinator.asking.requests import CaseTerms, case_reference
from coordinator.casework.cases import Case
from coordinator.casework.filed import ConsentStage, FiledCase, FiledConsent
from coordinator.log_book import Entry
from coordinator.log_entries import Exchange, Kept
from crypto.keys import SigningKey
from federation import exchange, ledger
from federation.errors import PeerFault
from federation.exchange import Header, Purpose, Question
from federation.ledger import LedgerEntry
from federation.log import events, kinds
from federation.log.coordinator_events import (
    CaseConsented,
    CaseEnded,
    CaseOpened,
    CaseResumed,
    CaseSuspended,
    MandateEnlisted,
)
from federation.strictjson import dumps
from federation.wire import codec, signed
from tests.coordinator.town import NOW

KEY = SigningKey.from_seed(b"k" * 32)
HEADER = Header(
    method=exchange.ASK,
    sender="coordinator",
    audience="tax",
    qid=bytes(range(16)),
    issued=NOW,
    expires=NOW + 300,
    purpose=Purpose.ENTRY,
    policy_version=3,
    n=1,
    root=signed.UNSET_ROOT,
)
FILED = FiledCase(
    id="HD-790301-2026-0001",
    case=Case(
        programme="DIBAO_URBAN",
        purpose=Purpose.ENTRY,
        area="790301",
        commission="790301-17",
        operator="op-lin",
        members=2,
        persons=(),
        declaration={},
    ),
    plan="demonstration",
    opened=NOW,
    salt=bytes(range(32)),
)
CONSENT = FiledConsent(case_id=FILED.id, reference=bytes(16), not_after=NOW)


def made(header: Header = HEADER) -> bytes:
    question = Question(predicate="P22", parameter="", jti=bytes(16), case_ref=bytes(32))
    prepared = signed.prepare(header, [codec.encode_question(question)])
    return codec.encode_batch(signed.sign(prepared, KEY, (b"token",)))


def entry(said: Entry) -> LedgerEntry:
    return codec.decode_entry(said.record)


REQUEST = made()
SENT = Exchange(department="tax", request=REQUEST, number=7)


@pytest.mark.parametrize("kept", list(Kept))
def test_a_request_is_told_with_its_header_and_by_its_bytes(kept: Kept) -> None:
    said = log_entries.sent(replace(SENT, kept=kept))
    batch = codec.decode_batch(REQUEST)
    assert entry(said) == LedgerEntry(
        at=NOW,
        kind="request",
        caller="tax",
        request=batch.envelope.payload,
        request_signature=batch.envelope.signatures[0].sig,
        answer=b"",
        beside=hashlib.sha256(REQUEST).digest(),
    )
    assert said[1:] == (kept.value[0], 7)


@pytest.mark.parametrize("kept", list(Kept))
def test_an_answer_is_told_with_both_headers(kept: Kept) -> None:
    reply = made(replace(HEADER, sender="tax", audience="coordinator", issued=NOW + 9))
    said = log_entries.came(replace(SENT, kept=kept), reply, NOW + 5)
    assert entry(said) == replace(
        entry(log_entries.sent(SENT)),
        at=NOW + 5,
        kind="reply",
        answer=codec.decode_batch(reply).envelope.payload,
        beside=hashlib.sha256(reply).digest(),
    )
    assert said[1:] == (kept.value[1], 7)


@pytest.mark.parametrize("reply", [b"", b"garbage", b"\x0a", b"\x0a\xff\xff\xff\x7f", REQUEST[:40]])
def test_what_is_no_answer_is_told_by_its_bytes_alone(reply: bytes) -> None:
    said = entry(log_entries.came(SENT, reply, NOW))
    assert (said.answer, said.beside) == (b"", ledger.digest(reply))


def test_a_case_is_told_without_anybody_of_it() -> None:
    happened = kinds.read(log_entries.opened(FILED).record)
    assert happened == (
        NOW,
        CaseOpened(
            case=FILED.id,
            programme="DIBAO_URBAN",
            plan="demonstration",
            purpose="ENTRY",
            area="790301",
            commission="790301-17",
            operator="op-lin",
            members=2,
            opening=FILED.salt,
        ),
    )


@given(
    salt=st.binary(min_size=32, max_size=32),
    words=st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=20)] * 3),
    department=st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
)
def test_a_cases_entry_opens_its_references(
    salt: bytes, words: tuple[str, str, str], department: str
) -> None:
    """Only what stands in the entry is used, as an auditor would (§4)."""
    case_id, commission, operator = words
    filed = replace(FILED, id=case_id, salt=salt, case=replace(FILED.case, commission=commission))
    filed = replace(filed, case=replace(filed.case, operator=operator))
    event = kinds.read(log_entries.opened(filed).record).event
    assert isinstance(event, CaseOpened)
    own = hmac.digest(event.opening, department.encode(), "sha256")
    text = dumps([event.case, event.commission, event.operator])
    terms = CaseTerms(
        case_id=case_id,
        commission=commission,
        operator=operator,
        purpose=Purpose.ENTRY,
        salt=salt,
    )
    assert hashlib.sha256(own + text).digest() == case_reference(terms, department)


S = ConsentStage


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (("", S.FILED), ("n", S.RECORDED), [CaseConsented]),
        (("", S.FILED), ("n", S.BLOCKED), [CaseConsented]),
        (("", S.FILED), ("n", S.REVOKED), [CaseConsented, CaseEnded]),
        (("", S.FILED), ("n", S.SUSPENDED), [CaseConsented, CaseSuspended]),
        (("n", S.BLOCKED), ("n", S.RECORDED), []),
        (("n", S.RECORDED), ("n", S.READY), []),
        (("n", S.READY), ("n", S.RECORDED), []),
        (("n", S.READY), ("n", S.SUSPENDED), [CaseSuspended]),
        (("n", S.SUSPENDED), ("n", S.SUSPENDED), []),
        (("n", S.SUSPENDED), ("n", S.RECORDED), [CaseResumed]),
        (("n", S.SUSPENDED), ("n", S.REVOKED), [CaseEnded]),
        (("n", S.READY), ("n", S.REVOKED), [CaseEnded]),
        (("n", S.REVOKED), ("n", S.REVOKED), []),
    ],
)
def test_what_becomes_of_a_consent_is_told_where_it_matters_to_others(
    before: tuple[str, S], after: tuple[str, S], told: list[type[CaseEnded]]
) -> None:
    one, other = (replace(CONSENT, consent_no=no, stage=stage) for no, stage in (before, after))
    happened = [kinds.read(said.record) for said in log_entries.changed(one, other, NOW + 1)]
    assert happened == [(NOW + 1, kind(case=FILED.id, consent_no="n")) for kind in told]


def test_a_list_of_a_mandate_is_told_by_its_digest() -> None:
    said = log_entries.enlisted(b"m" * 16, "tax", b"list", NOW)
    digest = hashlib.sha256(b"list").digest()
    expected = MandateEnlisted(mandate=b"m" * 16, department="tax", list=digest)
    assert kinds.read(said.record) == (NOW, expected)


def test_what_must_lie_beside_a_record() -> None:
    assert log_entries.beside(log_entries.sent(SENT).record) == ledger.digest(REQUEST)
    assert log_entries.beside(log_entries.opened(FILED).record) is None
    for record in (b"\x08", b"{}", b"{", events.write(NOW, "unknown.kind", {})):
        with pytest.raises(PeerFault, match="MALFORMED"):
            log_entries.beside(record)
