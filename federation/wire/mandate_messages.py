"""Bytes to values and back for batch mandates, and the signed answer about a block of people.

Knows protobuf, DSSE and the leaves of a block (protocol note §3, §4). Does not judge what is asked,
and does not know whose pseudonyms they are.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from crypto import envelope, merkle
from crypto.envelope import Envelope, Signature
from crypto.errors import CryptoError
from crypto.keys import SigningKey, VerifyKey
from federation import limits, mandate
from federation.errors import PeerFault
from federation.exchange import PAYLOAD_TYPE, Answer, Header, Outcome
from federation.mandate import NUMBER_LENGTH, Order, Receipt, Step
from federation.mandate_list import PSEUDONYM_BYTES, WHOLE, BlockAnswer, BlockQuestion
from federation.v1 import envelope_pb2, node_pb2, registrar_pb2
from federation.wire import codec
from federation.wire.codec import strict
from federation.wire.signed import Random

NOBODY: Final = bytes(PSEUDONYM_BYTES)
"""Stands for the pseudonym in the one leaf of an answer about a whole block."""
ORDER_BYTES: Final = limits.MANDATE_BLOCK * NUMBER_LENGTH + limits.MANDATE_BYTES + 1_024
RECEIPT_BYTES: Final = limits.MANDATE_BLOCK * PSEUDONYM_BYTES + limits.MANDATE_LIST_BYTES + 64
_PERSONAL: Final = frozenset({Outcome.YES, Outcome.NO, Outcome.NO_RECORD, Outcome.UNKNOWN_IDENTITY})
_SALT: Final = limits.SALT_BYTES


@dataclass(frozen=True, slots=True)
class UnsignedBlock:
    """A complete header over a block's leaves, waiting for its signature."""

    payload: bytes
    said: BlockAnswer
    salts: bytes
    leaves: tuple[bytes, ...]


def encode_order(order: Order) -> bytes:
    """Write one step for the registrar."""
    return registrar_pb2.MandateOrder(
        step=registrar_pb2.MandateStep.ValueType(order.step),
        mandate_id=order.id,
        mandate=order.document,
        salt=order.salt,
        first=order.first,
        ids="".join(order.ids),
        department=order.department,
    ).SerializeToString(deterministic=True)


def decode_order(data: bytes) -> Order:
    """Read one step, holding each to what belongs to it.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(registrar_pb2.MandateOrder, data, ORDER_BYTES)
    records = int(m.step) == Step.RECORD
    sizes = len(m.salt) == mandate.SALT_BYTES if records else not (m.salt or m.mandate or m.ids)
    if len(m.mandate_id) != mandate.ID_BYTES or not sizes or records == bool(m.department):
        raise PeerFault("MALFORMED", message="MandateOrder")
    if len(m.ids) % NUMBER_LENGTH or len(m.ids) > limits.MANDATE_BLOCK * NUMBER_LENGTH:
        raise PeerFault("MALFORMED", message="MandateOrder")
    try:
        return Order(
            step=Step(m.step),
            id=m.mandate_id,
            document=m.mandate,
            salt=m.salt,
            first=m.first,
            ids=tuple(m.ids[i : i + NUMBER_LENGTH] for i in range(0, len(m.ids), NUMBER_LENGTH)),
            department=m.department,
        )
    except ValueError as e:
        raise PeerFault("MALFORMED", message="MandateOrder") from e


def encode_receipt(receipt: Receipt) -> bytes:
    """Write what a step gives."""
    return registrar_pb2.MandateReceipt(
        recorded=receipt.recorded, pseudonyms=receipt.pseudonyms, list=receipt.signed_list
    ).SerializeToString(deterministic=True)


def decode_receipt(data: bytes) -> Receipt:
    """Read what a step gives.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(registrar_pb2.MandateReceipt, data, RECEIPT_BYTES)
    if len(m.pseudonyms) % PSEUDONYM_BYTES:
        raise PeerFault("MALFORMED", message="MandateReceipt")
    return Receipt(recorded=m.recorded, pseudonyms=m.pseudonyms, signed_list=m.list)


def encode_question(question: BlockQuestion) -> bytes:
    """Write one question about a block."""
    return node_pb2.MandateQuestion(
        list=question.signed_list,
        block=question.block,
        predicate=question.predicate,
        parameter=question.parameter,
    ).SerializeToString(deterministic=True)


def decode_question(data: bytes) -> BlockQuestion:
    """Read one question about a block.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(node_pb2.MandateQuestion, data, limits.ITEM_BYTES)
    if len(m.list) != hashlib.sha256().digest_size:
        raise PeerFault("MALFORMED", message="MandateQuestion")
    return BlockQuestion(
        signed_list=m.list, block=m.block, predicate=m.predicate, parameter=m.parameter
    )


def leaves(pseudonyms: bytes, said: BlockAnswer, salts: bytes) -> tuple[bytes, ...]:
    """Hash each person's salt, pseudonym and answer: one person's receipt shows no other's."""
    items = {
        outcome: codec.encode_answer(replace(said.answer, outcome=Outcome(outcome)))
        for outcome in set(said.outcomes)
    }
    size = PSEUDONYM_BYTES
    return tuple(
        envelope.item_leaf(
            salts[i * _SALT : (i + 1) * _SALT],
            pseudonyms[i * size : (i + 1) * size] + items[outcome],
        )
        for i, outcome in enumerate(said.outcomes)
    )


def prepare(
    header: Header, pseudonyms: bytes, said: BlockAnswer, random: Random = os.urandom
) -> UnsignedBlock:
    """Salt the answers, set the header's count and root, and write the header's bytes."""
    salts = random(_SALT * len(said.outcomes))
    hashed = leaves(NOBODY if said.whole else pseudonyms, said, salts)
    payload = codec.encode_header(header, n=len(hashed), root=merkle.root(hashed))
    return UnsignedBlock(payload, said, salts, hashed)


def sign(unsigned: UnsignedBlock, key: SigningKey) -> bytes:
    """Sign a prepared answer and write it as it travels; the same one gives the same bytes."""
    signed = envelope.sign(unsigned.payload, PAYLOAD_TYPE, key)
    return node_pb2.MandateAnswer(
        envelope=envelope_pb2.Envelope(
            payload=signed.payload,
            payload_type=signed.payload_type,
            signatures=[envelope_pb2.Signature(kid=s.kid, sig=s.sig) for s in signed.signatures],
        ),
        answer=codec.encode_answer(unsigned.said.answer),
        outcomes=unsigned.said.outcomes,
        salts=unsigned.salts,
    ).SerializeToString(deterministic=True)


def open_answer(
    data: bytes, request: Header, pseudonyms: bytes, keys: Mapping[str, VerifyKey]
) -> BlockAnswer:
    """Verify an answer about a block and hold it to the request that it says it answers.

    Raises:
        PeerFault: OVERSIZE, MALFORMED, BAD_SIGNATURE, ITEMS_DO_NOT_MATCH or WRONG_ANSWER.
    """
    signed, m = _parts(data)
    try:
        envelope.verify(signed, keys, payload_type=PAYLOAD_TYPE)
    except CryptoError as e:
        raise PeerFault("BAD_SIGNATURE", sender=request.audience) from e
    header = codec.decode_header(signed.payload)
    said = BlockAnswer(codec.decode_answer(m.answer), m.outcomes)
    people = NOBODY if said.whole else pseudonyms
    _check_shape(said, m.salts, len(people) // PSEUDONYM_BYTES)
    if merkle.root(leaves(people, said, m.salts)) != header.root:
        raise PeerFault("ITEMS_DO_NOT_MATCH", sender=request.audience)
    if not _answers(header, request) or header.n != len(said.outcomes):
        raise PeerFault("WRONG_ANSWER", sender=request.audience)
    return said


def claimed(data: bytes) -> tuple[Envelope, BlockAnswer]:
    """Read what an answer about a block says, for those who do not know its people; unverified.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    signed, m = _parts(data)
    return signed, BlockAnswer(codec.decode_answer(m.answer), m.outcomes)


def _parts(data: bytes) -> tuple[Envelope, node_pb2.MandateAnswer]:
    m = strict(node_pb2.MandateAnswer, data, limits.MESSAGE_BYTES)
    signed = Envelope(
        payload=m.envelope.payload,
        payload_type=m.envelope.payload_type,
        signatures=tuple(Signature(kid=s.kid, sig=s.sig) for s in m.envelope.signatures),
    )
    return signed, m


def _check_shape(said: BlockAnswer, salts: bytes, people: int) -> None:
    """Refuse outcomes that nobody can have, and other numbers of people and salts.

    Raises:
        PeerFault: MALFORMED.
    """
    possible = WHOLE if said.whole else _PERSONAL
    numbers = len(said.outcomes) == people == len(salts) / _SALT
    if not numbers or said.outcomes[0] != said.answer.outcome:
        raise PeerFault("MALFORMED", message="MandateAnswer")
    if not set(said.outcomes) <= possible:
        raise PeerFault("MALFORMED", message="MandateAnswer")


def _answers(header: Header, request: Header) -> bool:
    expected = hashlib.sha256(codec.encode_header(request)).digest()
    return (
        header.sender == request.audience
        and header.audience == request.sender
        and (header.method, header.schema) == (request.method, request.schema)
        and header.qid == request.qid
        and header.request_hash == expected
    )


def stored(unsigned: UnsignedBlock) -> bytes:
    """Pack what a node keeps of an answer beside its header, so that a repeat is the same."""
    answer = codec.encode_answer(unsigned.said.answer)
    return answer + unsigned.said.outcomes + unsigned.salts


def restored(payload: bytes, packed: bytes) -> UnsignedBlock:
    """Unpack a stored answer; its leaves are not needed to sign it again."""
    size = limits.ANSWER_ITEM_BYTES
    people = (len(packed) - size) // (1 + _SALT)
    said = BlockAnswer(codec.decode_answer(packed[:size]), packed[size : size + people])
    return UnsignedBlock(payload, said, packed[size + people :], ())


def frozen(said: BlockAnswer) -> bytes:
    """Pack what was said of a block, without salts: asked again it is said again."""
    return codec.encode_answer(said.answer) + said.outcomes


def thawed(packed: bytes, use_no: int) -> BlockAnswer:
    """Unpack what was said of a block, for its next use."""
    size = limits.ANSWER_ITEM_BYTES
    answer: Answer = codec.decode_answer(packed[:size])
    return BlockAnswer(replace(answer, use_no=use_no), packed[size:])
