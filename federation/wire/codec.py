"""Bytes to values and back for every message of the protocol; refuses what is not canonical.

Knows protobuf. Does not verify signatures and does not judge what a message asks.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

from crypto.envelope import Envelope, Signature
from crypto.merkle import HASH_SIZE
from federation import limits
from federation.errors import PeerFault
from federation.exchange import Answer, Header, Outcome, Question, Refusal, SaltedItem, Scope
from federation.ledger import LedgerEntry
from federation.v1 import envelope_pb2, ledger_pb2, node_pb2

M = TypeVar("M", bound=Message)

ENTRY_END: Final = b"\x3a\x20"
"""Stands in a log's entry before its last 32 bytes, the digest of what lies beside it."""
_ENVELOPE_TAG: Final = 0x0A
_PART_TAGS: Final = {_ENVELOPE_TAG, 0x12, 0x1A}
"""Tags of envelope, items and presentations in a SignedBatch."""
_PARTS: Final = 1 + 2 * limits.ITEMS
_ENVELOPE_BYTES: Final = 4 * limits.HEADER_BYTES
_MORE: Final = 0x80
"""Set in every byte of a varint but the last."""
_TOKEN_NAMES: Final = {(HASH_SIZE, 0), (0, 16)}
"""Lengths of presentation and jti: a question names its token by one of them."""


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """A signed header with its salted items and the consent tokens they name."""

    envelope: Envelope
    items: tuple[SaltedItem, ...]
    presentations: tuple[bytes, ...] = ()


def strict(kind: type[M], data: bytes, limit: int) -> M:
    """Parse canonical protobuf: no unknown field, no repeated scalar, no odd order, no oversize.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    if len(data) > limit:
        raise PeerFault("OVERSIZE", limit=limit, size=len(data))
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as e:
        raise PeerFault("MALFORMED", message=kind.DESCRIPTOR.name) from e
    message.DiscardUnknownFields()
    if message.SerializeToString(deterministic=True) != data:
        raise PeerFault("MALFORMED", message=kind.DESCRIPTOR.name)
    return message


def encode_batch(batch: SignedBatch) -> bytes:
    """Write a signed batch as it travels."""
    envelope = batch.envelope
    return envelope_pb2.SignedBatch(
        envelope=envelope_pb2.Envelope(
            payload=envelope.payload,
            payload_type=envelope.payload_type,
            signatures=[envelope_pb2.Signature(kid=s.kid, sig=s.sig) for s in envelope.signatures],
        ),
        items=[envelope_pb2.SaltedItem(salt=i.salt, item=i.item) for i in batch.items],
        presentations=batch.presentations,
    ).SerializeToString(deterministic=True)


def decode_batch(data: bytes) -> SignedBatch:
    """Read a signed batch.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    if len(data) > limits.MESSAGE_BYTES:
        raise PeerFault("OVERSIZE", limit=limits.MESSAGE_BYTES, size=len(data))
    _check_parts(data)
    message = strict(envelope_pb2.SignedBatch, data, limits.MESSAGE_BYTES)
    if not message.HasField("envelope"):
        raise PeerFault("MALFORMED", message="SignedBatch")
    if len(message.items) > limits.ITEMS or len(message.presentations) > limits.ITEMS:
        raise PeerFault("OVERSIZE", limit=limits.ITEMS, size=len(message.items))
    items = tuple(SaltedItem(i.salt, i.item) for i in message.items)
    return SignedBatch(_envelope(message.envelope), items, tuple(message.presentations))


def envelope_of(data: bytes) -> Envelope:
    """Read the envelope that a signed message begins with, unverified, and nothing behind it.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    if data[:1] != bytes((_ENVELOPE_TAG,)):
        raise PeerFault("MALFORMED", message="Envelope")
    size, at = _varint(data, 1)
    if at + size > len(data):
        raise PeerFault("MALFORMED", message="Envelope")
    head = memoryview(data)[at : at + min(size, _ENVELOPE_BYTES + 1)]
    return _envelope(strict(envelope_pb2.Envelope, bytes(head), _ENVELOPE_BYTES))


def _envelope(message: envelope_pb2.Envelope) -> Envelope:
    return Envelope(
        payload=message.payload,
        payload_type=message.payload_type,
        signatures=tuple(Signature(kid=s.kid, sig=s.sig) for s in message.signatures),
    )


def _check_parts(data: bytes) -> None:
    """Count the parts of a batch before any of them is parsed: a small part costs much memory.

    Raises:
        PeerFault: OVERSIZE for too many parts or a large envelope, MALFORMED otherwise.
    """
    at, parts = 0, 0
    while at < len(data):
        tag = data[at]
        if tag not in _PART_TAGS:
            raise PeerFault("MALFORMED", message="SignedBatch")
        size, at = _varint(data, at + 1)
        parts += 1
        if parts > _PARTS or (tag == _ENVELOPE_TAG and size > _ENVELOPE_BYTES):
            raise PeerFault("OVERSIZE", limit=_PARTS, size=parts)
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 28, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at
    raise PeerFault("MALFORMED", message="SignedBatch")


def encode_header(header: Header, *, n: int | None = None, root: bytes = b"") -> bytes:
    """Write a header: the bytes that are signed; ``n`` and ``root`` replace its own if given."""
    return envelope_pb2.Header(
        method=header.method,
        schema=header.schema,
        sender=header.sender,
        audience=header.audience,
        qid=header.qid,
        issued=header.issued,
        expires=header.expires,
        purpose=envelope_pb2.Purpose.ValueType(header.purpose),
        policy_version=header.policy_version,
        n=header.n if n is None else n,
        root=root or header.root,
        request_hash=header.request_hash,
        status_list_digest=header.status_list_digest,
    ).SerializeToString(deterministic=True)


def decode_header(data: bytes) -> Header:
    """Read a header.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(envelope_pb2.Header, data, limits.HEADER_BYTES)
    if len(m.qid) != limits.QID_BYTES or len(m.root) != HASH_SIZE:
        raise PeerFault("MALFORMED", message="Header")
    return Header(
        method=m.method,
        schema=m.schema,
        sender=m.sender,
        audience=m.audience,
        qid=m.qid,
        issued=m.issued,
        expires=m.expires,
        purpose=int(m.purpose),
        policy_version=m.policy_version,
        n=m.n,
        root=m.root,
        request_hash=m.request_hash,
        status_list_digest=m.status_list_digest,
    )


def encode_question(question: Question) -> bytes:
    """Write one question."""
    return node_pb2.Question(
        presentation=question.presentation,
        jti=question.jti,
        predicate=question.predicate,
        parameter=question.parameter,
        case_ref=question.case_ref,
    ).SerializeToString(deterministic=True)


def decode_question(data: bytes) -> Question:
    """Read one question, which names exactly one of presentation and jti.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(node_pb2.Question, data, limits.ITEM_BYTES)
    if (len(m.presentation), len(m.jti)) not in _TOKEN_NAMES or len(m.case_ref) != HASH_SIZE:
        raise PeerFault("MALFORMED", message="Question")
    return Question(
        predicate=m.predicate,
        parameter=m.parameter,
        presentation=m.presentation,
        jti=m.jti,
        case_ref=m.case_ref,
    )


def recall_question(data: bytes) -> tuple[str, bytes]:
    """Give predicate and case reference of a question that was read before, in less time.

    Raises:
        PeerFault: MALFORMED when it cannot have been read.
    """
    try:
        m = node_pb2.Question.FromString(data)
    except DecodeError as e:
        raise PeerFault("MALFORMED", message="Question") from e
    return m.predicate, m.case_ref


@lru_cache(maxsize=4_096)
def encode_answer(answer: Answer, use_no: int = 0) -> bytes:
    """Write one answer of the one size that every answer has; ``use_no`` in place of its own."""
    message = node_pb2.Answer(
        outcome=node_pb2.Outcome.ValueType(answer.outcome),
        value=answer.value,
        refusal=node_pb2.Refusal.ValueType(answer.refusal),
        as_of=answer.as_of,
        scope=node_pb2.Scope.ValueType(answer.scope),
        enrolled_to=answer.enrolled_to,
        period_from=answer.period_from,
        period_to=answer.period_to,
        policy_version=answer.policy_version,
        use_no=use_no or answer.use_no,
    )
    message.pad = bytes(limits.ANSWER_ITEM_BYTES - message.ByteSize() - 2)
    return message.SerializeToString(deterministic=True)


@lru_cache(maxsize=4_096)
def decode_answer(data: bytes) -> Answer:
    """Read one answer of exactly the one size.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(node_pb2.Answer, data, limits.ANSWER_ITEM_BYTES)
    # UNAVAILABLE is the asker's own word for silence: nobody says it on the wire.
    silent = int(m.outcome) == Outcome.UNAVAILABLE
    numbers = (m.value, m.as_of, m.enrolled_to, m.period_from, m.period_to, m.policy_version)
    if len(data) != limits.ANSWER_ITEM_BYTES or any(m.pad) or silent:
        raise PeerFault("MALFORMED", message="Answer")
    if max(*numbers, m.use_no) > limits.ANSWER_NUMBER:
        raise PeerFault("MALFORMED", message="Answer")
    try:
        return Answer(
            outcome=Outcome(m.outcome),
            value=m.value,
            refusal=Refusal(m.refusal),
            as_of=m.as_of,
            scope=Scope(m.scope),
            enrolled_to=m.enrolled_to,
            period_from=m.period_from,
            period_to=m.period_to,
            policy_version=m.policy_version,
            use_no=m.use_no,
        )
    except ValueError as e:
        raise PeerFault("MALFORMED", message="Answer") from e


def encode_entry(entry: LedgerEntry) -> bytes:
    """Write one entry of a party's log."""
    return ledger_pb2.LedgerEntry(
        at=entry.at,
        kind=entry.kind,
        caller=entry.caller,
        request=entry.request,
        request_signature=entry.request_signature,
        answer=entry.answer,
        beside=entry.beside,
    ).SerializeToString(deterministic=True)


def decode_entry(data: bytes) -> LedgerEntry:
    """Read one entry of a log.

    Raises:
        PeerFault: MALFORMED or OVERSIZE.
    """
    m = strict(ledger_pb2.LedgerEntry, data, limits.MESSAGE_BYTES)
    return LedgerEntry(
        at=m.at,
        kind=m.kind,
        caller=m.caller,
        request=m.request,
        request_signature=m.request_signature,
        answer=m.answer,
        beside=m.beside,
    )


def entry_beside(data: bytes) -> bytes:
    """Give the digest of what lies beside a log's entry, its last field, without reading the rest.

    Raises:
        PeerFault: MALFORMED when it does not end with one.
    """
    if data[-HASH_SIZE - len(ENTRY_END) : -HASH_SIZE] != ENTRY_END:
        raise PeerFault("MALFORMED", message="LedgerEntry")
    return data[-HASH_SIZE:]
