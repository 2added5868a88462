"""What a log is kept in: rows, the tiles of their tree, and the checkpoints over it.

Knows the port. Does not know SQL (``sqlite``), when a checkpoint is made (``keeper``), or what a
record says. Rows are numbered from 0, as the leaves of the tree are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from crypto.merkle import HASH_SIZE
from crypto.tiles import Hashes
from federation.errors import Unavailable
from federation.log.rows import BUNDLE, Row

SLICE: Final = 4_096
"""Most rows that are read at once."""
SPAN_BYTES: Final = 16 * 1024 * 1024
"""Where records are large, fewer rows are read at once: so many bytes, or one row."""

ALWAYS: Final = 1 << 62
"""Later than any checkpoint, UTC seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A checkpoint as it is kept: size, root and time, and its note with all cosignatures so far.

    ``at`` is when this party cut it, in UTC seconds; the note itself names no time.
    """

    size: int
    root: bytes
    at: int
    note: bytes = field(repr=False)


class Book(Protocol):
    """The rows of one log with its tiles and checkpoints.

    All methods raise Unavailable LOG_UNAVAILABLE when the store fails, and LOG_ALTERED where a row
    that was there is missing or is no row.
    """

    def size(self) -> int:
        """Count the rows."""
        ...

    def leaves(self, first: int, stop: int) -> list[bytes]:
        """Read the leaves of rows."""
        ...

    def rows(self, first: int, stop: int) -> list[Row]:
        """Read rows whole."""
        ...

    def lengths(self, first: int, stop: int) -> list[int | None]:
        """Read how many bytes record and beside of rows have together; None for erased ones."""
        ...

    def tombstones(self, first: int, stop: int) -> dict[int, int]:
        """Tell which row is said to order the erasure of each erased row."""
        ...

    def tile(self, level: int, index: int) -> bytes | None:
        """Read the hashes of a tile, as many as there are."""
        ...

    def newest(self) -> Kept | None:
        """Read the newest checkpoint."""
        ...

    def kept(self, since: int = 0, until: int = ALWAYS) -> list[Kept]:
        """Read the checkpoints cut from one time to another, both included, oldest first."""
        ...

    def keep(self, tiles: Mapping[tuple[int, int], bytes], kept: Kept) -> None:
        """Keep a checkpoint and the tiles that changed with it; durable when it returns.

        Raises:
            Unavailable: LOG_ALTERED when one of this size or a larger one is kept already.
        """
        ...

    def cosigned(self, kept: Kept) -> None:
        """Exchange the note of a checkpoint that is kept for one with more cosignatures."""
        ...

    def position(self) -> int:
        """Tell up to which row the self-check has come."""
        ...

    def passed(self, position: int) -> None:
        """Remember up to which row the self-check has come."""
        ...


def altered(row: int) -> Unavailable:
    """Name the row at which a log is found to be another than it was."""
    return Unavailable("LOG_ALTERED", row=row)


def hashes(book: Book, fresh: Mapping[tuple[int, int], bytes] | None = None) -> Hashes:
    """Give the way to a book's tiles, for ``crypto.tiles``; those in ``fresh`` come first."""

    def read(level: int, index: int, width: int) -> bytes:
        tile = (fresh or {}).get((level, index)) or book.tile(level, index) or b""
        if len(tile) < width * HASH_SIZE:
            raise altered(index * BUNDLE ** (level + 1))
        return tile[: width * HASH_SIZE]

    return read


def spans(book: Book, first: int, stop: int) -> Iterator[tuple[int, int]]:
    """Cut a range of rows into ranges that can be read whole at once."""
    for begin in range(first, stop, SLICE):
        end = min(begin + SLICE, stop)
        start, size = begin, 0
        for at, length in enumerate(book.lengths(begin, end), begin):
            if at > start and size + (length or 0) > SPAN_BYTES:
                yield start, at
                start, size = at, 0
            size += length or 0
        yield start, end


def split(tile: bytes) -> list[bytes]:
    """Cut a tile into its hashes."""
    return [tile[at : at + HASH_SIZE] for at in range(0, len(tile), HASH_SIZE)]
