"""Bytes to values and back for receipts and for the proofs that a log gives out.

Knows protobuf, and where in a receipt each part lies, so that what is wrong can be pointed at.
Refuses what is not canonical; believes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from crypto.envelope import Envelope, Signature
from crypto.merkle import HASH_SIZE
from federation import limits
from federation.errors import PeerFault
from federation.exchange import SaltedItem
from federation.receipt import FORMAT, DocumentName, LogProof, ProvenItem, Receipt
from federation.v1 import envelope_pb2, node_pb2, receipt_pb2
from federation.wire.codec import strict

PROVE: Final = "federation.v1.DepartmentNode/Prove"
PROVE_SUM: Final = "federation.v1.Tally/Prove"
_REQUEST_BYTES: Final = 32
_LEVELS: Final = 10
"""Levels of a tree over the most items of a batch."""
_PARTS: Final = frozenset({"request", "answer", "log", "manifest", "policy"})
_LENGTH: Final = 2
"""Wire type of a field that begins with its length."""
_MORE: Final = 0x80
_BITS: Final = 7
_VARINT: Final = 10

Places = Mapping[str, tuple[int, int]]
"""First byte and one past the last of each part of a receipt; of the lists, of all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """What a department gives out about an exchange; the lists while it still has them."""

    log: LogProof
    status_lists: tuple[bytes, ...] = field(default=(), repr=False)


def encode_receipt(receipt: Receipt) -> bytes:
    """Write a receipt."""
    return receipt_pb2.Receipt(
        format=FORMAT,
        request=_item_message(receipt.request),
        answer=_item_message(receipt.answer),
        consent=receipt.consent,
        presentation=receipt.presentation,
        log=_log_message(receipt.log),
        manifest=_name_message(receipt.manifest),
        policy=_name_message(receipt.policy),
        status_lists=receipt.status_lists,
    ).SerializeToString(deterministic=True)


def decode_receipt(data: bytes) -> Receipt:
    """Read a receipt.

    Raises:
        PeerFault: RECEIPT_MALFORMED with the bytes where reading ends.
    """
    try:
        message = strict(receipt_pb2.Receipt, data, limits.RECEIPT_BYTES)
        return _receipt(message)
    except PeerFault as e:
        raise PeerFault("RECEIPT_MALFORMED", bytes=span(*_unreadable(data)), why=e.code) from e


def places(data: bytes) -> Places:
    """Tell where each part of a receipt that was read lies, by the name of its field."""
    fields = receipt_pb2.Receipt.DESCRIPTOR.fields_by_number
    found: dict[str, tuple[int, int]] = {}
    for number, first, stop in _scan(data):
        name = fields[number].name
        found[name] = (found.get(name, (first, stop))[0], stop)
    return found


def span(first: int, stop: int) -> str:
    """Name bytes of a file by the first and the last of them, counted from 0."""
    return f"{first}-{max(first, stop - 1)}"


def encode_prove(qid: bytes) -> bytes:
    """Write the question for an exchange's proof."""
    return node_pb2.ProveRequest(qid=qid).SerializeToString(deterministic=True)


def decode_prove(data: bytes) -> bytes:
    """Read of which exchange the proof is wanted.

    Raises:
        PeerFault: MALFORMED or OVERSIZE.
    """
    message = strict(node_pb2.ProveRequest, data, _REQUEST_BYTES)
    if len(message.qid) != limits.QID_BYTES:
        raise PeerFault("MALFORMED", message="ProveRequest")
    return message.qid


def encode_proved(proved: Proved) -> bytes:
    """Write what proves an exchange."""
    return node_pb2.Proved(
        log=_log_message(proved.log), status_lists=proved.status_lists
    ).SerializeToString(deterministic=True)


def decode_proved(data: bytes) -> Proved:
    """Read what proves an exchange.

    Raises:
        PeerFault: MALFORMED or OVERSIZE.
    """
    message = strict(node_pb2.Proved, data, limits.MESSAGE_BYTES)
    if not message.HasField("log") or len(message.status_lists) > limits.RECEIPT_LISTS:
        raise PeerFault("MALFORMED", message="Proved")
    return Proved(log=_log(message.log), status_lists=tuple(message.status_lists))


def _item_message(one: ProvenItem) -> receipt_pb2.ProvenItem:
    return receipt_pb2.ProvenItem(
        envelope=envelope_pb2.Envelope(
            payload=one.envelope.payload,
            payload_type=one.envelope.payload_type,
            signatures=[
                envelope_pb2.Signature(kid=s.kid, sig=s.sig) for s in one.envelope.signatures
            ],
        ),
        index=one.index,
        item=envelope_pb2.SaltedItem(salt=one.item.salt, item=one.item.item),
        path=b"".join(one.path),
    )


def _log_message(log: LogProof) -> receipt_pb2.LogProof:
    return receipt_pb2.LogProof(record=log.record, salt=log.salt, proof=log.proof)


def _name_message(name: DocumentName) -> receipt_pb2.DocumentName:
    return receipt_pb2.DocumentName(version=name.version, digest=name.digest)


def _receipt(m: receipt_pb2.Receipt) -> Receipt:
    there = {one.name for one, _ in m.ListFields()}
    whole = m.format == FORMAT and there >= _PARTS
    fits = len(m.consent) == HASH_SIZE and len(m.presentation) <= limits.TOKEN_BYTES
    if not whole or not fits or len(m.status_lists) > limits.RECEIPT_LISTS:
        raise PeerFault("MALFORMED", message="Receipt")
    return Receipt(
        request=_item(m.request),
        answer=_item(m.answer),
        consent=m.consent,
        presentation=m.presentation,
        log=_log(m.log),
        manifest=_name(m.manifest),
        policy=_name(m.policy),
        status_lists=tuple(m.status_lists),
    )


def _item(m: receipt_pb2.ProvenItem) -> ProvenItem:
    levels, rest = divmod(len(m.path), HASH_SIZE)
    whole = m.HasField("envelope") and m.HasField("item") and len(m.envelope.signatures) == 1
    if not whole or rest or levels > _LEVELS or len(m.item.salt) != limits.SALT_BYTES:
        raise PeerFault("MALFORMED", message="ProvenItem")
    (signature,) = m.envelope.signatures
    return ProvenItem(
        envelope=Envelope(
            payload=m.envelope.payload,
            payload_type=m.envelope.payload_type,
            signatures=(Signature(kid=signature.kid, sig=signature.sig),),
        ),
        index=m.index,
        item=SaltedItem(m.item.salt, m.item.item),
        path=tuple(m.path[i : i + HASH_SIZE] for i in range(0, len(m.path), HASH_SIZE)),
    )


def _log(m: receipt_pb2.LogProof) -> LogProof:
    fits = len(m.record) <= limits.ENTRY_BYTES and len(m.proof) <= limits.PROOF_BYTES
    if not fits or len(m.salt) != limits.SALT_BYTES:
        raise PeerFault("MALFORMED", message="LogProof")
    return LogProof(record=m.record, salt=m.salt, proof=m.proof)


def _name(m: receipt_pb2.DocumentName) -> DocumentName:
    if len(m.digest) != HASH_SIZE:
        raise PeerFault("MALFORMED", message="DocumentName")
    return DocumentName(version=m.version, digest=m.digest)


def _unreadable(data: bytes) -> tuple[int, int]:
    """Find the first part that does not read by itself, together with the one before it.

    Where a part's length is wrong, it is the next one that does not read.
    """
    before = first = highest = 0
    for number, first, stop in _scan(data):
        lists = number == receipt_pb2.Receipt.STATUS_LISTS_FIELD_NUMBER
        if number <= highest - lists or not _reads(data[first:stop]):
            return before, stop
        before, highest = first, number
    return before, len(data)


def _reads(part: bytes) -> bool:
    """Tell whether one part is a canonical receipt of nothing else, and fits."""
    try:
        for one, value in strict(receipt_pb2.Receipt, part, limits.RECEIPT_BYTES).ListFields():
            match one.name:
                case "format":
                    return bool(value == FORMAT)
                case "request" | "answer":
                    _item(value)
                case "consent":
                    return len(value) == HASH_SIZE
                case "presentation":
                    return len(value) <= limits.TOKEN_BYTES
                case "log":
                    _log(value)
                case "manifest" | "policy":
                    _name(value)
    except PeerFault:
        return False
    return True


def _scan(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Walk over the fields of a message: number, first byte, one past the last.

    What cannot be walked over is a field of number 0 to the end.
    """
    at = 0
    while at < len(data):
        first = at
        key, at = _varint(data, at)
        size, at = _varint(data, at)
        if key & 7 == _LENGTH:
            at += size
        known = at <= len(data) and key & 7 in {0, _LENGTH}
        at = at if known else len(data)
        yield (key >> 3 if known else 0), first, at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number; one that does not end ends behind the data."""
    value = 0
    for place, byte in enumerate(data[at : at + _VARINT]):
        value |= (byte & ~_MORE) << _BITS * place
        if byte < _MORE:
            return value, at + place + 1
    return value, len(data) + 1
