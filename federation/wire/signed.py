"""Sign a batch of items and open one: the only way a message of the protocol is made or believed.

Knows DSSE, the header and the tree of items (protocol note §4). Does not know what items say.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crypto import envelope, merkle
from crypto.errors import CryptoError
from crypto.keys import SigningKey, VerifyKey
from federation import limits
from federation.errors import PeerFault
from federation.exchange import PAYLOAD_TYPE, Header, SaltedItem
from federation.wire import codec
from federation.wire.codec import SignedBatch

UNSET_ROOT: Final = bytes(32)

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A verified batch: its header, its items, and the SHA-256 of the signed payload."""

    header: Header
    items: tuple[bytes, ...]
    leaves: tuple[bytes, ...]
    presentations: tuple[bytes, ...]
    digest: bytes


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A complete header over salted items, waiting for its signature."""

    payload: bytes
    items: tuple[SaltedItem, ...]
    leaves: tuple[bytes, ...]


def prepare(header: Header, items: Sequence[bytes], random: Random = os.urandom) -> Unsigned:
    """Salt the items, set the header's count and root, and write the header's bytes."""
    size = limits.SALT_BYTES
    salts = random(size * len(items))
    salted = tuple(
        SaltedItem(salts[i * size : (i + 1) * size], item) for i, item in enumerate(items)
    )
    leaves = tuple(envelope.item_leaf(s.salt, s.item) for s in salted)
    payload = codec.encode_header(header, n=len(items), root=merkle.root(leaves))
    return Unsigned(payload, salted, leaves)


def sign(unsigned: Unsigned, key: SigningKey, presentations: tuple[bytes, ...] = ()) -> SignedBatch:
    """Sign a prepared batch; Ed25519 is deterministic, so the same batch gives the same bytes."""
    signed = envelope.sign(unsigned.payload, PAYLOAD_TYPE, key)
    return SignedBatch(signed, unsigned.items, presentations)


def claimed_header(batch: SignedBatch) -> Header:
    """Read the header before its signature is checked: good for routing, not for belief.

    Raises:
        PeerFault: MALFORMED or OVERSIZE.
    """
    if batch.envelope.payload_type != PAYLOAD_TYPE:
        raise PeerFault("MALFORMED", message="payload type")
    return codec.decode_header(batch.envelope.payload)


def verify(batch: SignedBatch, header: Header, keys: Mapping[str, VerifyKey]) -> Opened:
    """Check the signature over the header and the tree over the items.

    Raises:
        PeerFault: BAD_SIGNATURE when no key of the sender signed it; ITEMS_DO_NOT_MATCH when the
            items are not those that were signed.
    """
    if len(batch.envelope.signatures) != 1:
        raise PeerFault("MALFORMED", message="signatures")
    try:
        envelope.verify(batch.envelope, keys, payload_type=PAYLOAD_TYPE)
    except CryptoError as e:
        raise PeerFault("BAD_SIGNATURE", sender=header.sender) from e
    if any(len(s.salt) != limits.SALT_BYTES for s in batch.items):
        raise PeerFault("MALFORMED", message="salt")
    leaves = tuple(envelope.item_leaf(s.salt, s.item) for s in batch.items)
    if header.n != len(leaves) or merkle.root(leaves) != header.root:
        raise PeerFault("ITEMS_DO_NOT_MATCH", sender=header.sender)
    return Opened(
        header=header,
        items=tuple(s.item for s in batch.items),
        leaves=leaves,
        presentations=batch.presentations,
        digest=hashlib.sha256(batch.envelope.payload).digest(),
    )


def open_answer(batch: SignedBatch, request: Header, keys: Mapping[str, VerifyKey]) -> Opened:
    """Verify an answer and hold it to the request that it says it answers.

    Raises:
        PeerFault: BAD_SIGNATURE, ITEMS_DO_NOT_MATCH or WRONG_ANSWER.
    """
    header = claimed_header(batch)
    opened = verify(batch, header, keys)
    expected = hashlib.sha256(codec.encode_header(request)).digest()
    same = (
        header.sender == request.audience
        and header.audience == request.sender
        and (header.method, header.schema) == (request.method, request.schema)
        and header.qid == request.qid
        and header.n == request.n
        and header.request_hash == expected
    )
    if not same:
        raise PeerFault("WRONG_ANSWER", sender=header.sender)
    return opened
