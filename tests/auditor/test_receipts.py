"""Receipts of real keys: proven as they are, and each broken link named by its own code."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import papers, receipts
from auditor.papers import Papers
from auditor.receipts import LINKS, Beside, Remark
from crypto import note
from crypto.note import Note
from federation import root, status
from federation.errors import PeerFault, table
from federation.exchange import ASK_MANDATE, Answer, Outcome, Purpose, Refusal, SaltedItem
from federation.log import proof
from federation.receipt import DocumentName, Receipt, proven_item
from federation.status import Status
from federation.wire import receipt_messages
from federation.wire.receipt_messages import places
from tests.support import exchanges
from tests.support.exchanges import NOW, YES, Story, key, tell

USUAL = tell()
DATA = USUAL.data


def usual_papers(**more: Any) -> Papers:
    chain = root.read_chain(exchanges.root_file(exchanges.root_document()))
    document = replace(exchanges.first_manifest(), **more)
    files = {"m": exchanges.manifest_file(document), "p": exchanges.policy_file()}
    return papers.gather(chain, files)


PAPERS = usual_papers()


def refused(data: bytes, by: Papers = PAPERS, beside: Beside | None = None) -> PeerFault:
    with pytest.raises(PeerFault) as caught:
        receipts.check(data, by, beside)
    return caught.value


def written(receipt: Receipt) -> bytes:
    return receipt_messages.encode_receipt(receipt)


def test_a_usual_receipt_proves_all_of_it() -> None:
    one = receipts.check(DATA, PAPERS)
    assert (one.asked.sender, one.said.sender) == ("coordinator", "public_security")
    assert (one.question.predicate, one.answer) == ("P40", YES)
    assert one.claims is not None
    assert one.claims.jti == exchanges.filler("jti")
    assert (one.index, one.size) == (3, 5)
    assert one.witnesses == ("witness_a", "witness_b", "witness_c")
    assert (one.cosigned_after, one.status_age) == (30, 10)
    assert (one.policy, one.document.version, one.remarks) == (("test", 1), 1, {})


def test_a_question_by_the_id_of_its_token() -> None:
    assert receipts.check(tell(Story(by_id=True)).data, PAPERS).remarks == {}


@pytest.mark.parametrize(("items", "place"), [(1, 0), (2, 1), (7, 6), (40, 17)])
def test_an_item_among_others(items: int, place: int) -> None:
    made = tell(Story(items=items, place=place))
    assert receipts.check(made.data, PAPERS).asked.n == items


def test_what_lies_beside_need_not_be_enclosed() -> None:
    made = tell(Story(enclosed=False))
    assert refused(made.data).code == "RECEIPT_TOKEN_MISSING"
    beside = Beside.of([made.presentation], [[made.status_list]])
    assert receipts.check(made.data, PAPERS, beside).status_age == 10


def test_a_list_beside_is_held_to_the_answer_too() -> None:
    made = tell(Story(enclosed=False))
    wrong = Beside(
        presentations=Beside.of([made.presentation]).presentations,
        lists={receipts.check(DATA, PAPERS).said.status_list_digest: (forged_list(),)},
    )
    error = refused(made.data, PAPERS, wrong)
    assert error.code == "RECEIPT_STATUS_LIST"
    assert "bytes" not in error.details


def test_two_witnesses_are_enough() -> None:
    one = receipts.check(tell(Story(cosigned={"witness_a": 70, "witness_c": 610})).data, PAPERS)
    assert one.witnesses == ("witness_a", "witness_c")
    assert one.cosigned_after == 610
    assert one.remarks == {Remark.LATE_INCLUSION: 70, Remark.LATE_COSIGNATURE: 610}


def test_the_last_second_of_the_promises() -> None:
    one = receipts.check(tell(Story(cosigned={"witness_a": 60, "witness_b": 600})).data, PAPERS)
    assert one.remarks == {}


def test_a_list_that_is_not_there_is_remarked() -> None:
    one = receipts.check(edited(status_lists=()), PAPERS)
    assert (one.status_age, one.remarks) == (None, {Remark.NO_STATUS_LIST: 0})


REFUSED = Answer(outcome=Outcome.REFUSED, refusal=Refusal.CONSENT_INVALID, policy_version=1)


@pytest.mark.parametrize(
    "story",
    [
        Story(answer=REFUSED, issuer="tax"),
        Story(answer=REFUSED, claims={"expires": NOW}),
        Story(answer=REFUSED, said={"issued": NOW + 10_000, "expires": NOW + 10_001}),
        Story(answer=REFUSED, said={"policy_version": 2}),
        Story(answer=REFUSED, states={7: Status.INVALID}, list_age=5_000),
        Story(answer=REFUSED, question={"predicate": "P99"}),
    ],
)
def test_a_refusal_needs_no_consent(story: Story) -> None:
    one = receipts.check(tell(story).data, PAPERS)
    assert (one.claims, one.status_age) == (None, None)
    assert one.remarks[Remark.REFUSED] == Refusal.CONSENT_INVALID


def test_a_refusal_to_a_token_by_its_id_shows_a_token_of_that_id() -> None:
    again = replace(YES, outcome=Outcome.PRESENT_AGAIN)
    story = Story(answer=again, by_id=True, grants=(exchanges.OTHER_GRANT,), disclosed=())
    assert receipts.check(tell(story).data, PAPERS).claims is not None
    other = Story(answer=again, by_id=True, question={"jti": bytes(16)})
    assert refused(tell(other).data).code == "RECEIPT_TOKEN_OTHER"
    forged = replace(story, issuer="tax")
    assert refused(tell(forged).data).code == "TOKEN_SIGNATURE"


GRANT = exchanges.CAR_GRANT
BROKEN: Mapping[str, list[Story]] = {
    "RECEIPT_REQUEST_SIGNATURE": [
        Story(asker="tax"),
        Story(asked={"sender": "tax"}),
        Story(asked={"sender": "nobody"}),
    ],
    "RECEIPT_ANSWER_SIGNATURE": [
        Story(teller="tax"),
        Story(asked={"audience": "registrar"}),
    ],
    "RECEIPT_REQUEST_HASH": [
        Story(said={"request_hash": bytes(32)}),
        Story(said={"request_hash": b""}),
    ],
    "RECEIPT_WRONG_ANSWER": [
        Story(said={"qid": bytes(16)}),
        Story(said={"method": ASK_MANDATE}),
        Story(asked={"method": ASK_MANDATE}),
        Story(asked={"schema": 2}, said={"schema": 2}),
        Story(said={"schema": 2}),
        Story(said={"purpose": Purpose.REVIEW}),
        Story(said={"sender": "tax"}),
        Story(said={"audience": "tax"}),
    ],
    "RECEIPT_TIMES": [
        Story(asked={"expires": NOW + 301}),
        Story(asked={"expires": NOW}),
        Story(said={"issued": NOW - 121, "expires": NOW}),
        Story(said={"issued": NOW + 421, "expires": NOW + 500}),
        Story(said={"expires": NOW + 302}),
        Story(said={"expires": NOW + 1}),
        Story(asked={"request_hash": bytes(32)}),
    ],
    "RECEIPT_TOKEN_OTHER": [
        Story(question={"presentation": bytes(32)}),
        Story(by_id=True, question={"jti": bytes(16)}),
    ],
    "TOKEN_SIGNATURE": [Story(issuer="tax")],
    "TOKEN_PARTIES": [
        Story(claims={"issuer": "tax"}),
        Story(claims={"audience": "nobody"}),
        Story(claims={"audience": "registrar"}),
        Story(claims={"holder": bytes(32)}),
    ],
    "TOKEN_TERMS": [
        Story(claims={"basis": "STATUTORY_MANDATE"}),
        Story(claims={"role": "NEIGHBOUR"}),
        Story(claims={"expires": NOW + 90 * 86_400}),
    ],
    "RECEIPT_CONSENT": [
        Story(claims={"audience": "tax"}),
        Story(claims={"not_before": NOW + 122}),
        Story(claims={"expires": NOW + 1}),
        Story(claims={"purpose": Purpose.REVIEW}),
        Story(disclosed=()),
        Story(disclosed=(("P42", "w12m"),)),
        Story(question={"parameter": "w12m"}),
    ],
    "RECEIPT_STATUS_LIST": [
        Story(said={"status_list_digest": bytes(32)}),
        Story(claims={"status_uri": status.uri_of("registrar", "public_security", 1)}),
    ],
    "RECEIPT_STATUS_AGE": [Story(list_age=901), Story(list_age=-121)],
    "RECEIPT_REVOKED": [Story(states={7: Status.INVALID}), Story(states={7: Status.SUSPENDED})],
    "RECEIPT_POLICY": [
        Story(asked={"policy_version": 2}),
        Story(said={"policy_version": 2}),
        Story(claims={"policy_family": "other"}),
        Story(claims={"policy_version": 2}),
        Story(
            question={"predicate": "P50"},
            grants=(replace(GRANT, predicate="P50"),),
            disclosed=(("P50", ""),),
        ),
        Story(
            question={"parameter": "w12m"},
            grants=(replace(GRANT, parameter="w12m"),),
            disclosed=(("P40", "w12m"),),
        ),
    ],
    "RECEIPT_LOG_RECORD": [
        Story(entry={"kind": "mandate"}),
        Story(entry={"caller": "tax"}),
        Story(entry={"at": NOW}),
        Story(entry={"request": b"another"}),
        Story(entry={"request_signature": bytes(64)}),
        Story(entry={"answer": b"another"}),
    ],
    "RECEIPT_COSIGNATURE": [Story(cosigned={"witness_a": 1, "witness_b": 1, "auditor": 1})],
    "RECEIPT_WITNESSES": [Story(cosigned={"witness_a": 1}), Story(cosigned={})],
    "RECEIPT_MANIFEST": [
        Story(cosigned={"witness_a": 400 * 86_400, "witness_b": 1}),
        Story(asked={"issued": NOW - 5_000, "expires": NOW - 4_900}),
    ],
}


@pytest.mark.parametrize(
    ("code", "story"), [(code, one) for code, stories in BROKEN.items() for one in stories]
)
def test_a_broken_link_is_named(code: str, story: Story) -> None:
    error = refused(tell(story).data)
    assert error.code == code
    assert error.details["bytes"]


def edited(**parts: Any) -> bytes:
    return written(replace(USUAL.receipt, **parts))


def with_log(**parts: Any) -> bytes:
    return edited(log=replace(USUAL.receipt.log, **parts))


def with_proof(**parts: Any) -> bytes:
    found = proof.parse(USUAL.receipt.log.proof)
    return with_log(proof=proof.write(replace(found, **parts)))


def with_note(edit: Callable[[Note], Note]) -> bytes:
    found = proof.parse(USUAL.receipt.log.proof)
    return with_proof(checkpoint=note.write(edit(note.parse(found.checkpoint))))


def other_item(part: Any) -> Any:
    return replace(part, item=SaltedItem(part.item.salt, part.item.item[:-1] + b"\x01"))


def of_other_department() -> bytes:
    uri = status.uri_of("registrar", "tax")
    return status.issue(uri, status.pack({}), NOW, key("registrar"))


def forged_list() -> bytes:
    uri = status.uri_of("registrar", "public_security")
    return status.issue(uri, status.pack({}), NOW, key("tax"))


def unsigned_by_the_log(signed: Note) -> Note:
    return replace(signed, signatures=signed.signatures[1:])


def failing_log(signed: Note) -> Note:
    first, *rest = signed.signatures
    return replace(signed, signatures=(replace(first, value=bytes(64)), *rest))


def failing_witness(signed: Note) -> Note:
    *rest, last = signed.signatures
    return replace(signed, signatures=(*rest, replace(last, value=last.value[:8] + bytes(64))))


R = USUAL.receipt
BESIDE_IT = proven_item(USUAL.answer.envelope, USUAL.answer.items, 1)
ALTERED: list[tuple[str, str, bytes]] = [
    ("RECEIPT_REQUEST_ITEM", "request", edited(request=other_item(R.request))),
    ("RECEIPT_REQUEST_ITEM", "request", edited(request=replace(R.request, index=9))),
    ("RECEIPT_REQUEST_ITEM", "request", edited(request=replace(R.request, path=()))),
    ("RECEIPT_ANSWER_ITEM", "answer", edited(answer=other_item(R.answer))),
    ("RECEIPT_WRONG_ANSWER", "answer", edited(answer=BESIDE_IT)),
    ("RECEIPT_TOKEN_OTHER", "consent", edited(consent=bytes(32))),
    ("RECEIPT_TOKEN_OTHER", "presentation", edited(presentation=USUAL.token)),
    ("RECEIPT_STATUS_LIST", "status_lists", edited(status_lists=(of_other_department(),))),
    ("RECEIPT_STATUS_LIST", "status_lists", edited(status_lists=(forged_list(),))),
    ("RECEIPT_STATUS_LIST", "status_lists", edited(status_lists=(b"a.b.c",))),
    ("RECEIPT_STATUS_LIST", "status_lists", edited(status_lists=(b"",))),
    ("RECEIPT_STATUS_LIST", "status_lists", edited(status_lists=R.status_lists * 2)),
    ("RECEIPT_MANIFEST", "manifest", edited(manifest=replace(R.manifest, version=2))),
    ("RECEIPT_MANIFEST", "manifest", edited(manifest=replace(R.manifest, digest=bytes(32)))),
    ("RECEIPT_POLICY", "policy", edited(policy=replace(R.policy, version=2))),
    ("RECEIPT_POLICY", "policy", edited(policy=DocumentName(version=1, digest=bytes(32)))),
    ("RECEIPT_LOG_RECORD", "log", with_log(record=b"garbage")),
    ("RECEIPT_LOG_PROOF", "log", with_log(salt=bytes(16))),
    ("RECEIPT_LOG_PROOF", "log", with_log(proof=b"garbage")),
    ("RECEIPT_LOG_PROOF", "log", with_proof(index=2)),
    ("RECEIPT_LOG_PROOF", "log", with_proof(index=5)),
    ("RECEIPT_LOG_PROOF", "log", with_proof(hashes=())),
    ("RECEIPT_LOG_PROOF", "log", with_proof(extra=b"more")),
    ("RECEIPT_CHECKPOINT", "log", with_proof(checkpoint=b"garbage")),
    ("RECEIPT_CHECKPOINT", "log", with_note(unsigned_by_the_log)),
    ("RECEIPT_CHECKPOINT", "log", with_note(failing_log)),
    ("RECEIPT_COSIGNATURE", "log", with_note(failing_witness)),
    ("RECEIPT_MALFORMED", "format", b""),
]


@pytest.mark.parametrize(("code", "part", "data"), ALTERED)
def test_an_altered_part_is_named_and_located(code: str, part: str, data: bytes) -> None:
    error = refused(data)
    assert error.code == code
    if data:
        first, last = map(int, str(error.details["bytes"]).split("-"))
        start, stop = places(data)[part]
        assert first <= start
        assert stop - 1 <= last


def test_the_checkpoint_of_another_log_proves_nothing() -> None:
    other = Story(said={"sender": "tax"}, asked={"audience": "tax"}, teller="tax")
    foreign = tell(other).receipt.log
    assert refused(with_log(proof=foreign.proof)).code == "RECEIPT_CHECKPOINT"


def test_the_log_of_another_key_proves_nothing() -> None:
    assert refused(tell(Story(log_key="tax")).data).code == "RECEIPT_COSIGNATURE"


def test_digests_stand_beside_one_another() -> None:
    error = refused(edited(answer=other_item(R.answer)))
    assert error.details["signed"] == receipts.check(DATA, PAPERS).said.root.hex()
    assert error.details["computed"] not in {"", error.details["signed"]}
    assert error.details["item"] == 2


@pytest.mark.parametrize("story", [Story(question={"case_ref": b""}), Story(answer=b"no answer")])
def test_signed_items_that_do_not_read_are_malformed(story: Story) -> None:
    assert refused(tell(story).data).code == "RECEIPT_MALFORMED"


def test_every_link_has_a_code_of_its_own() -> None:
    codes = [code for of in LINKS.values() for code in of]
    assert len(codes) == len(set(codes))
    assert set(codes) <= table().keys()
    tried = {*BROKEN, *(code for code, _, _ in ALTERED), "RECEIPT_TOKEN_MISSING"}
    assert set(codes) == tried


def located(data: bytes, at: int) -> None:
    error = refused(data)
    assert error.code in {code for of in LINKS.values() for code in of}
    first, last = map(int, str(error.details["bytes"]).split("-"))
    assert first <= at <= last


def test_every_byte_of_a_receipt_counts() -> None:
    """Flipping any byte is refused and located, exhaustively for one receipt."""
    for at in range(len(DATA)):
        located(DATA[:at] + bytes((DATA[at] ^ 0xFF,)) + DATA[at + 1 :], at)


@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_any_change_of_any_byte_is_refused_and_located(at: int, mask: int) -> None:
    located(DATA[:at] + bytes((DATA[at] ^ mask,)) + DATA[at + 1 :], at)


@given(st.integers(0, len(DATA) - 1), st.binary(max_size=40), st.integers(0, 40))
def test_cut_or_lengthened_receipts_are_refused(at: int, more: bytes, less: int) -> None:
    data = DATA[:at] + more + DATA[at + less :]
    if data != DATA:
        refused(data)


@given(st.binary(max_size=600))
def test_noise_is_malformed(data: bytes) -> None:
    assert refused(data).code == "RECEIPT_MALFORMED"
