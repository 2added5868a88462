"""Every message of the registrar: there and back, and nothing that is not canonical."""

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation import limits
from federation.consenting import (
    ConsentForm,
    ConsentPerson,
    ConsentReceipt,
    ConsentState,
    GrantRequest,
    IssuedToken,
    IssuedTokens,
    Objection,
    Role,
    SignatureMethod,
)
from federation.enrolment import TAGS, BlindBatch, BlindEvaluation
from federation.errors import PeerFault
from federation.exchange import Purpose
from federation.status import SignedList
from federation.v1 import registrar_pb2
from federation.wire import registrar_messages as messages

small = st.integers(0, 2**32 - 1)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
elements = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4).map(tuple)
persons = st.builds(
    ConsentPerson,
    id=text,
    name=text,
    role=st.sampled_from(Role),
    method=st.sampled_from(SignatureMethod),
    signer_id=text,
    evidence=st.sampled_from([b"", bytes(32)]),
)
grants = st.builds(
    GrantRequest,
    person=small,
    department=text,
    predicate=text,
    parameter=text,
    max_uses=small,
    declared=st.sampled_from([b"", bytes(range(32))]),
)
forms = st.builds(
    ConsentForm,
    reference=st.binary(min_size=16, max_size=16),
    purpose=st.sampled_from(Purpose),
    basis=text,
    persons=st.lists(persons, max_size=3).map(tuple),
    grants=st.lists(grants, max_size=3).map(tuple),
    members=small,
    not_after=st.integers(0, limits.CONSENT_END),
    renews=text,
)
receipts = st.builds(
    ConsentReceipt,
    reference=st.binary(min_size=16, max_size=16),
    consent_no=text,
    state=st.sampled_from(ConsentState),
    missing=st.lists(small, max_size=3).map(tuple),
)
tokens = st.builds(
    IssuedTokens,
    consent_no=text,
    tokens=st.lists(
        st.builds(IssuedToken, person=small, department=text, token=st.binary(max_size=9)),
        max_size=3,
    ).map(tuple),
)
batches = st.builds(
    BlindBatch,
    tag=st.sampled_from(sorted(TAGS)),
    epoch=small,
    batch_no=small,
    roll=small,
    commitment=st.binary(min_size=32, max_size=32),
    elements=elements,
)
evaluations = st.builds(
    BlindEvaluation, elements=elements, proof=st.binary(min_size=64, max_size=64)
)
lists = st.builds(SignedList, jwt=st.binary(max_size=99), series=small, more=st.booleans())
objections = st.builds(
    Objection,
    consent_no=text,
    person=small,
    predicate=text,
    parameter=text,
    evidence=st.binary(min_size=32, max_size=32),
)

Kind = tuple[st.SearchStrategy[Any], Callable[[Any], bytes], Callable[[bytes], Any]]
KINDS: list[Kind] = [
    (forms, messages.encode_form, messages.decode_form),
    (receipts, messages.encode_receipt, messages.decode_receipt),
    (text, messages.encode_order, messages.decode_order),
    (tokens, messages.encode_tokens, messages.decode_tokens),
    (batches, messages.encode_blind, messages.decode_blind),
    (evaluations, messages.encode_evaluation, messages.decode_evaluation),
    (
        st.tuples(text, small),
        lambda asked: messages.encode_status_request(*asked),
        messages.decode_status_request,
    ),
    (lists, messages.encode_status_list, messages.decode_status_list),
    (
        st.lists(text, max_size=3).map(tuple),
        messages.encode_ended,
        messages.decode_ended,
    ),
    (objections, messages.encode_objection, messages.decode_objection),
]
DECODERS = [decode for _, _, decode in KINDS]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[-1].__name__)
few = settings(max_examples=30)

FORM = ConsentForm(
    reference=bytes(16),
    purpose=Purpose.ENTRY,
    persons=(ConsentPerson(id="x", name="y", role=Role.APPLICANT),),
    grants=(),
    members=1,
    not_after=1,
)
GRANT = GrantRequest(person=0, department="tax", predicate="P22", parameter="", max_uses=1)
BATCH = BlindBatch(
    tag="id", epoch=2026, batch_no=0, roll=1, commitment=bytes(32), elements=(bytes(32),)
)


@each_kind
@few
@given(data=st.data())
def test_what_is_written_is_read(kind: Kind, data: st.DataObject) -> None:
    strategy, encode, decode = kind
    value = data.draw(strategy)
    assert decode(encode(value)) == value


@each_kind
@few
@given(data=st.data())
def test_bytes_after_a_message_are_refused(kind: Kind, data: st.DataObject) -> None:
    strategy, encode, decode = kind
    stray = b"\xfa\x01\x00"  # field 31, length-delimited, empty: nobody's
    wire = encode(data.draw(strategy))
    with pytest.raises(PeerFault, match="MALFORMED"):
        decode(wire + stray)


@each_kind
@few
@given(noise=st.binary(max_size=64))
def test_noise_is_refused_or_means_itself(kind: Kind, noise: bytes) -> None:
    _, encode, decode = kind
    with contextlib.suppress(PeerFault):
        assert encode(decode(noise)) == noise


@pytest.mark.parametrize(
    "wrong",
    [
        messages.encode_form(replace(FORM, reference=bytes(15))),
        messages.encode_form(
            replace(FORM, persons=(replace(FORM.persons[0], evidence=bytes(31)),))
        ),
        registrar_pb2.ConsentForm(reference=bytes(16), basis="CONSENT").SerializeToString(),
        registrar_pb2.ConsentForm(
            reference=bytes(16),
            purpose=1,  # type: ignore[arg-type]
            persons=[registrar_pb2.ConsentPerson(id="x", role=registrar_pb2.Role.APPLICANT)],
        ).SerializeToString(),
        messages.encode_form(replace(FORM, grants=(replace(GRANT, declared=bytes(31)),))),
        messages.encode_form(replace(FORM, not_after=-1)),
        messages.encode_form(replace(FORM, not_after=limits.CONSENT_END + 1)),
        messages.encode_form(replace(FORM, not_after=2**40)),
    ],
    ids=[
        "reference",
        "evidence",
        "purpose",
        "method",
        "declared",
        "before 1970",
        "too late",
        "far too late",
    ],
)
def test_a_form_of_another_shape_is_malformed(wrong: bytes) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        messages.decode_form(wrong)


@pytest.mark.parametrize(
    "changes",
    [
        {"tag": "birthday"},
        {"commitment": bytes(31)},
        {"elements": ()},
        {"elements": (bytes(31),)},
        {"elements": (bytes(32),) * (limits.BATCH + 1)},
    ],
)
def test_a_batch_of_another_shape_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        messages.decode_blind(messages.encode_blind(replace(BATCH, **changes)))


def test_the_largest_batch_fits() -> None:
    largest = replace(
        BATCH,
        tag="name",
        batch_no=2**32 - 1,
        roll=2**32 - 1,
        elements=(bytes(32),) * limits.BATCH,
    )
    assert messages.decode_blind(messages.encode_blind(largest)) == largest


def test_a_receipt_and_an_evaluation_have_their_sizes() -> None:
    receipt = ConsentReceipt(reference=b"short", consent_no="1", state=ConsentState.COMPLETE)
    with pytest.raises(PeerFault, match="MALFORMED"):
        messages.decode_receipt(messages.encode_receipt(receipt))
    stateless = registrar_pb2.ConsentReceipt(reference=bytes(16), consent_no="1")
    with pytest.raises(PeerFault, match="MALFORMED"):
        messages.decode_receipt(stateless.SerializeToString())
    evaluation = BlindEvaluation(elements=(bytes(32),), proof=bytes(63))
    with pytest.raises(PeerFault, match="MALFORMED"):
        messages.decode_evaluation(messages.encode_evaluation(evaluation))


def test_an_objection_names_its_paper() -> None:
    paper = Objection(consent_no="1", person=0, predicate="P40", parameter="", evidence=bytes(31))
    with pytest.raises(PeerFault, match="MALFORMED"):
        messages.decode_objection(messages.encode_objection(paper))


def test_messages_have_their_limits() -> None:
    huge = IssuedToken(person=0, department="d", token=bytes(limits.TOKEN_BYTES + 1))
    with pytest.raises(PeerFault, match="OVERSIZE"):
        messages.decode_tokens(messages.encode_tokens(IssuedTokens(consent_no="1", tokens=(huge,))))
    for decode, size in itertools.product(DECODERS, [limits.MESSAGE_BYTES + 1]):
        with pytest.raises(PeerFault, match="OVERSIZE"):
            decode(bytes(size))


def test_no_identity_stands_in_a_repr() -> None:
    person = ConsentPerson(
        id="79030119700312011X",
        name="父甲",
        role=Role.MEMBER,
        signer_id="79030119700312011X",
        evidence=b"\xab" * 32,
    )
    shown = repr(replace(FORM, persons=(person,)))
    assert "7903" not in shown
    assert "父甲" not in shown
    assert "xab" not in shown
