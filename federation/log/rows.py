"""One row of a party's log, and rows as they are shown: 256 of them a bundle.

Knows what a leaf is made of, which row is erased, and the bytes of a bundle. Does not know trees,
what a record says, or where rows are kept.

A row of a bundle is one byte: 0 for an erased one, 1 for one that is there, and then the salt (16
bytes), the record and what lies beside it, each after its length (4 bytes, big-endian).
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from crypto.envelope import SALT_SIZE, item_leaf
from federation.errors import PeerFault

BUNDLE: Final = 256
"""Rows of a full bundle: as many as a tile has hashes."""
_ERASED: Final = b"\x00"
_PRESENT: Final = b"\x01"
_GONE: Final = _ERASED[0]
_NOTHING: Final = (None, None, None)
_LENGTH: Final = struct.Struct(">I")
_HEAD: Final = struct.Struct(f">c{SALT_SIZE}sI")
FIXED: Final = 1 + SALT_SIZE + 2 * _LENGTH.size
"""Bytes of a row that is there, beside its record and what lies beside that."""


class Row(NamedTuple):
    """A leaf, which stays for ever, and what it was made of: None once it is erased."""

    leaf: bytes
    salt: bytes | None
    record: bytes | None
    beside: bytes | None

    def __repr__(self) -> str:
        """Leave out what the record says."""
        return f"Row({self.leaf.hex()[:16]})"

    @property
    def erased(self) -> bool:
        """Whether nothing but the leaf is left."""
        return self.record is None

    @property
    def sound(self) -> bool:
        """Whether the leaf is of this record, or all of it is erased; whatever lies in the row."""
        _, salt, record, beside = self
        if salt is None and record is None and beside is None:
            return True
        if type(salt) is not bytes or type(record) is not bytes or type(beside) is not bytes:
            return False
        return len(salt) == SALT_SIZE and item_leaf(salt, record) == self.leaf


def made(record: bytes, beside: bytes, salt: bytes) -> Row:
    """Make the row of a record."""
    return Row(item_leaf(salt, record), salt, record, beside)


def write(rows: Iterable[Row]) -> bytes:
    """Write rows as a bundle shows them; one that is no whole row is shown as erased."""
    return b"".join(part for row in rows for part in _parts(row))


def read(data: bytes, leaves: Sequence[bytes]) -> list[Row]:
    """Read the rows of a bundle, one for each leaf; whether a leaf is of its record is not checked.

    Raises:
        PeerFault: MALFORMED.
    """
    found = zip(leaves, each(data, len(leaves)), strict=True)
    return [Row(leaf, *(one or _NOTHING)) for leaf, one in found]


def each(data: bytes, count: int) -> Iterator[tuple[bytes, bytes, bytes] | None]:
    """Give salt, record and what lies beside it, row by row of a bundle; None where it is erased.

    Raises:
        PeerFault: MALFORMED with the byte, once all rows before it were given.
    """
    at, size = 0, len(data)
    for _ in range(count):
        try:
            if data[at] == _GONE:
                at += 1
                yield None
                continue
            flag, salt, length = _HEAD.unpack_from(data, at)
            start = at + _HEAD.size
            middle = start + length
            (length,) = _LENGTH.unpack_from(data, middle)
        except (IndexError, struct.error) as e:
            raise _malformed(at) from e
        end = middle + _LENGTH.size + length
        if flag != _PRESENT or end > size:
            raise _malformed(at)
        yield salt, data[start:middle], data[end - length : end]
        at = end
    if at != size:
        raise _malformed(at)


def _parts(row: Row) -> Iterator[bytes]:
    _, salt, record, beside = row
    if type(salt) is not bytes or type(record) is not bytes or type(beside) is not bytes:
        yield _ERASED
        return
    yield _PRESENT + salt + _LENGTH.pack(len(record))
    yield record
    yield _LENGTH.pack(len(beside))
    yield beside


def _malformed(at: int) -> PeerFault:
    return PeerFault("MALFORMED", message="records", byte=at)
