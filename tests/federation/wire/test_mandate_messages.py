"""Messages of batch mandates: canonical or refused, and one leaf a person in a signed answer."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import envelope, merkle
from crypto.keys import SigningKey
from federation import exchange, limits
from federation.errors import PeerFault
from federation.exchange import Answer, Header, Outcome, Refusal, Scope
from federation.mandate import Order, Receipt, Step
from federation.mandate_list import BlockAnswer, BlockQuestion
from federation.v1 import node_pb2, registrar_pb2
from federation.wire import codec, mandate_messages
from federation.wire.signed import UNSET_ROOT

KEY = SigningKey.from_seed(bytes(32))
KEYS = {KEY.kid: KEY.verify_key}
REQUEST = Header(
    method=exchange.ASK_MANDATE,
    sender="coordinator",
    audience="civil_affairs",
    qid=bytes(16),
    issued=100,
    expires=200,
    n=1,
    root=bytes(32),
)
ANSWER = Answer(
    outcome=Outcome.NO,
    as_of=20261117,
    scope=Scope.CITY,
    enrolled_to=20261118,
    period_from=20261101,
    period_to=20261201,
    policy_version=3,
    use_no=1,
)
PEOPLE = b"".join(bytes([n]) * 32 for n in range(1, 4))
SAID = BlockAnswer(ANSWER, bytes([Outcome.NO, Outcome.YES, Outcome.NO]))
REFUSED = BlockAnswer(
    Answer(outcome=Outcome.REFUSED, refusal=Refusal.MANDATE_INVALID), bytes([Outcome.REFUSED])
)


def header(**changes: Any) -> Header:
    """Answer the request, unless told otherwise."""
    asked = codec.encode_header(REQUEST)
    plain = replace(
        REQUEST,
        sender="civil_affairs",
        audience="coordinator",
        n=0,
        root=UNSET_ROOT,
        request_hash=hashlib.sha256(asked).digest(),
    )
    return replace(plain, **changes)


def answered(said: BlockAnswer = SAID, key: SigningKey = KEY, **changes: Any) -> bytes:
    return mandate_messages.sign(mandate_messages.prepare(header(**changes), PEOPLE, said), key)


def opened(data: bytes, people: bytes = PEOPLE) -> BlockAnswer:
    return mandate_messages.open_answer(data, REQUEST, people, KEYS)


def refused(data: bytes, code: str, people: bytes = PEOPLE) -> None:
    with pytest.raises(PeerFault, match=code):
        opened(data, people)


@given(
    st.lists(
        st.sampled_from([Outcome.YES, Outcome.NO, Outcome.NO_RECORD, Outcome.UNKNOWN_IDENTITY]),
        min_size=1,
        max_size=40,
    )
)
def test_an_answer_about_a_block_is_read_as_it_was_signed(outcomes: list[Outcome]) -> None:
    people = os.urandom(32 * len(outcomes))
    said = BlockAnswer(replace(ANSWER, outcome=outcomes[0]), bytes(outcomes))
    data = mandate_messages.sign(mandate_messages.prepare(header(), people, said), KEY)
    assert opened(data, people) == said


def test_every_answer_of_a_size_takes_as_many_bytes() -> None:
    other = BlockAnswer(replace(ANSWER, outcome=Outcome.YES), bytes([Outcome.YES] * 3))
    assert len(answered(other)) == len(answered())


def test_one_persons_receipt_shows_no_other() -> None:
    made = mandate_messages.prepare(header(), PEOPLE, SAID)
    root = codec.decode_header(made.payload).root
    item = PEOPLE[32:64] + codec.encode_answer(replace(ANSWER, outcome=Outcome.YES))
    leaf = envelope.item_leaf(made.salts[16:32], item)
    merkle.verify_inclusion(leaf, 1, 3, merkle.inclusion_path(1, made.leaves), root)


def test_a_refusal_is_about_the_block_and_nobody() -> None:
    data = answered(REFUSED)
    assert opened(data) == REFUSED
    assert opened(data, bytes(64)) == REFUSED


def test_what_was_not_signed_is_refused() -> None:
    data = answered()
    refused(answered(key=SigningKey.generate()), "BAD_SIGNATURE")
    refused(data, "ITEMS_DO_NOT_MATCH", people=PEOPLE[:64] + bytes(32))
    swapped = data.replace(SAID.outcomes, bytes([Outcome.NO, Outcome.NO, Outcome.YES]))
    assert swapped != data
    refused(swapped, "ITEMS_DO_NOT_MATCH")
    refused(data + b"\0", "MALFORMED")
    refused(b"", "BAD_SIGNATURE")


@pytest.mark.parametrize(
    "changes",
    [
        {"sender": "tax"},
        {"audience": "stranger"},
        {"method": exchange.ASK},
        {"qid": bytes([1]) * 16},
        {"request_hash": bytes(32)},
        {"schema": 2},
    ],
)
def test_an_answer_to_something_else(changes: dict[str, Any]) -> None:
    refused(answered(**changes), "WRONG_ANSWER")


def edited(change: Callable[[node_pb2.MandateAnswer], object]) -> bytes:
    message = node_pb2.MandateAnswer.FromString(answered())
    change(message)
    return message.SerializeToString(deterministic=True)


def _one_more(m: node_pb2.MandateAnswer) -> None:
    m.outcomes += bytes([Outcome.NO])


def _fewer_salts(m: node_pb2.MandateAnswer) -> None:
    m.salts = m.salts[:-1]


def _banded(m: node_pb2.MandateAnswer) -> None:
    m.outcomes = bytes([Outcome.NO, Outcome.BAND, Outcome.NO])


def _refused_inside(m: node_pb2.MandateAnswer) -> None:
    m.outcomes = bytes([Outcome.NO, Outcome.REFUSED, Outcome.NO])


def _another_first(m: node_pb2.MandateAnswer) -> None:
    m.outcomes = bytes([Outcome.YES, Outcome.YES, Outcome.NO])


@pytest.mark.parametrize(
    "change", [_one_more, _fewer_salts, _banded, _refused_inside, _another_first]
)
def test_an_answer_of_another_shape(change: Callable[[node_pb2.MandateAnswer], object]) -> None:
    refused(edited(change), "MALFORMED")


def test_a_stored_answer_is_signed_again_to_the_same_bytes() -> None:
    for said in (SAID, REFUSED):
        made = mandate_messages.prepare(header(), PEOPLE, said)
        again = mandate_messages.restored(made.payload, mandate_messages.stored(made))
        assert mandate_messages.sign(again, KEY) == mandate_messages.sign(made, KEY)


def test_what_was_said_is_said_again_with_its_next_number() -> None:
    assert mandate_messages.thawed(mandate_messages.frozen(SAID), 9) == BlockAnswer(
        replace(ANSWER, use_no=9), SAID.outcomes
    )


ID = "79030119700312011X"
RECORD = Order(
    step=Step.RECORD, id=bytes(16), document=b"{}", salt=bytes(32), first=0, ids=(ID, ID)
)
SIGN = Order(step=Step.SIGN, id=bytes(16), department="tax")


@pytest.mark.parametrize(
    "order", [RECORD, replace(RECORD, ids=()), SIGN, replace(SIGN, step=Step.EVALUATE, first=4096)]
)
def test_orders(order: Order) -> None:
    assert mandate_messages.decode_order(mandate_messages.encode_order(order)) == order


@pytest.mark.parametrize(
    "order",
    [
        replace(RECORD, department="tax"),
        replace(RECORD, salt=b""),
        replace(RECORD, id=b""),
        replace(RECORD, ids=(ID, ID[1:])),
        replace(RECORD, ids=(ID,) * (limits.MANDATE_BLOCK + 1)),
        replace(SIGN, salt=bytes(32)),
        replace(SIGN, document=b"{}"),
        replace(SIGN, ids=(ID,)),
        replace(SIGN, department=""),
    ],
)
def test_orders_that_mix_steps(order: Order) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        mandate_messages.decode_order(mandate_messages.encode_order(order))


def test_an_order_without_a_step() -> None:
    message = registrar_pb2.MandateOrder(mandate_id=bytes(16), department="tax")
    with pytest.raises(PeerFault, match="MALFORMED"):
        mandate_messages.decode_order(message.SerializeToString())


def test_receipts() -> None:
    receipt = Receipt(recorded=5, pseudonyms=bytes(64), signed_list=b"x.y.z")
    data = mandate_messages.encode_receipt(receipt)
    assert mandate_messages.decode_receipt(data) == receipt
    torn = mandate_messages.encode_receipt(replace(receipt, pseudonyms=bytes(63)))
    with pytest.raises(PeerFault, match="MALFORMED"):
        mandate_messages.decode_receipt(torn)


def test_questions() -> None:
    question = BlockQuestion(signed_list=bytes(32), block=3, predicate="P61", parameter="aid-dibao")
    data = mandate_messages.encode_question(question)
    assert mandate_messages.decode_question(data) == question
    with pytest.raises(PeerFault, match="MALFORMED"):
        mandate_messages.decode_question(
            mandate_messages.encode_question(replace(question, signed_list=b""))
        )
