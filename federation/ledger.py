"""What a party writes into its log about one exchange.

Knows the fields that an audit joins. Does not know trees, files or who reads it.
"""

import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from federation.errors import PeerFault

LEAF: Final = 32
TOKEN: Final = 16
_COUNTS: Final = struct.Struct(">III")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One exchange: signed payloads, and the SHA-256 of what is kept beside the entry.

    Beside it lie a node's ``Items``, or the whole signed message that the coordinator sent or got.
    """

    at: int
    kind: str
    caller: str
    request: bytes
    request_signature: bytes
    answer: bytes
    beside: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """The items of an exchange: their leaves (32 bytes) and the ids of tokens (16), in order.

    The roots in the signed headers bind the leaves. A token's id is zeros where none was read.
    """

    request_leaves: tuple[bytes, ...]
    answer_leaves: tuple[bytes, ...]
    tokens: tuple[bytes, ...]

    def write(self) -> bytes:
        """Write three counts of four bytes, then the leaves and ids."""
        parts = self.request_leaves, self.answer_leaves, self.tokens
        counts = _COUNTS.pack(*map(len, parts))
        return counts + b"".join(map(b"".join, parts))


def read_items(data: bytes) -> Items:
    """Read what ``Items`` writes.

    Raises:
        PeerFault: MALFORMED.
    """
    second, third = _bounds(data)
    return Items(
        request_leaves=_cut(data, _COUNTS.size, second, LEAF),
        answer_leaves=_cut(data, second, third, LEAF),
        tokens=_cut(data, third, len(data), TOKEN),
    )


def read_tokens(data: bytes) -> tuple[bytes, ...]:
    """Read the ids of tokens alone out of what ``Items`` writes.

    Raises:
        PeerFault: MALFORMED.
    """
    return _cut(data, _bounds(data)[1], len(data), TOKEN)


def digest(beside: bytes) -> bytes:
    """Name what lies beside an entry."""
    return sha256(beside).digest()


def _bounds(data: bytes) -> tuple[int, int]:
    """Find where the leaves of answers begin, and where the ids of tokens."""
    try:
        asked, answered, tokens = _COUNTS.unpack_from(data)
    except struct.error as e:
        raise PeerFault("MALFORMED", message="Items") from e
    second = _COUNTS.size + int(asked) * LEAF
    third = second + int(answered) * LEAF
    if len(data) != third + tokens * TOKEN:
        raise PeerFault("MALFORMED", message="Items")
    return second, third


def _cut(data: bytes, start: int, stop: int, size: int) -> tuple[bytes, ...]:
    return tuple(data[i : i + size] for i in range(start, stop, size))
