"""A log held against itself: whether rows, tiles and the newest checkpoint still say the same.

Knows how to find a row that was edited, deleted, inserted or emptied behind the server's back. Does
not know when this is done, nor what records say: the party whose log it is tells what must lie
beside a record, and which orders of erasure it knows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import zip_longest
from typing import Final

from crypto import checkpoint, merkle, note, tiles
from crypto.errors import BadNote
from crypto.merkle import HASH_SIZE
from crypto.tiles import HEIGHT, Hashes
from federation.errors import PeerFault, Unavailable
from federation.log.book import Book, Kept, altered, hashes, spans, split
from federation.log.events import Tombstone, read_tombstone
from federation.log.rows import BUNDLE, Row


def _nothing(_record: bytes) -> bytes | None:
    return None


def _any(_book: Book, _row: int, _order: bytes) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What only the party knows of its records.

    ``beside`` gives the SHA-256 of what must lie beside a record, None if that is nothing; it may
    raise PeerFault for a record it cannot read. ``ordered`` tells whether the tombstone in a row of
    a book may stand there: whether there is an order of erasure with its digest.
    """

    beside: Callable[[bytes], bytes | None] = _nothing
    ordered: Callable[[Book, int, bytes], bool] = _any


LAX: Final = Rules()
"""Nothing lies beside any record, and every order counts."""


def check_edge(book: Book) -> Kept | None:
    """Hold the tree's right edge to the newest checkpoint and to the rows; give that checkpoint.

    Raises:
        Unavailable: LOG_ALTERED, or LOG_UNAVAILABLE.
    """
    while True:
        kept = book.newest()
        try:
            _check_edge(book, kept)
        except Unavailable:
            if book.newest() == kept:  # else one was cut while we looked
                raise
        else:
            return kept


def check_rows(book: Book, first: int, n: int, rules: Rules = LAX) -> int:
    """Hold at least ``n`` rows from ``first`` on, whole tiles of them, to the tree.

    Gives where to go on: 0 once the newest checkpoint's last row is done.

    Raises:
        Unavailable: LOG_ALTERED with the row, or LOG_UNAVAILABLE.
    """
    kept = book.newest()
    size = kept.size if kept else 0
    first -= first % BUNDLE
    stop = min(-(-(first + n) // BUNDLE) * BUNDLE, size)
    read = _exact(book, growing=True)
    for start in range(first, stop, BUNDLE):
        tile = read(0, start // BUNDLE, min(BUNDLE, stop - start))
        _check_tile(book, start, tile, rules)
        if len(tile) == BUNDLE * HASH_SIZE:
            _check_above(read, start // BUNDLE, tile)
    return stop if stop < size else 0


def _check_edge(book: Book, kept: Kept | None) -> None:
    size = kept.size if kept else 0
    if book.size() < size:
        raise altered(book.size())
    first = size - size % BUNDLE
    edge = split(book.tile(0, first // BUNDLE) or b"")
    for at, pair in enumerate(zip_longest(edge, book.leaves(first, size)), first):
        if pair[0] != pair[1]:  # a tile that is wider has lost its checkpoint
            raise altered(at)
    if kept and (tiles.root(size, _exact(book)) != kept.root or not _says(kept)):
        raise altered(size - 1)


def _exact(book: Book, *, growing: bool = False) -> Hashes:
    """Give the way to tiles that hold no more than they should.

    While checkpoints are cut (``growing``) a partial one may be wider than it was.
    """
    read = hashes(book)

    def exact(level: int, index: int, width: int) -> bytes:
        tile = read(level, index, width)
        partial = growing and width < BUNDLE
        if not partial and len(book.tile(level, index) or b"") != len(tile):
            raise altered(index << HEIGHT * (level + 1))
        return tile

    return exact


def _check_tile(book: Book, first: int, tile: bytes, rules: Rules) -> None:
    stop = first + len(tile) // HASH_SIZE
    erased: list[int] = []
    for start, end in spans(book, first, stop):
        for at, row in enumerate(book.rows(start, end), start):
            offset = (at - first) * HASH_SIZE
            if row.leaf != tile[offset : offset + HASH_SIZE] or not row.sound:
                raise altered(at)
            if row.erased:
                erased.append(at)
            else:
                _check_beside(row, at, rules)
    if erased:
        _check_erased(book, erased, rules)


def _check_erased(book: Book, erased: Sequence[int], rules: Rules) -> None:
    """Find for each of some erased rows the tombstone that names it."""
    said = book.tombstones(erased[0], erased[-1] + 1)
    named = {row: _erased_by(book, row, rules) for row in {*said.values()}}
    for at in erased:
        if at not in said or at not in named[said[at]]:
            raise altered(at)


def _check_beside(row: Row, at: int, rules: Rules) -> None:
    try:
        expected = rules.beside(row.record or b"")
    except PeerFault as e:
        raise altered(at) from e
    found = row.beside or b""
    if found if expected is None else sha256(found).digest() != expected:
        raise altered(at)


def _erased_by(book: Book, row: int, rules: Rules) -> frozenset[int]:
    """Give the rows that a tombstone erases: none where it is no tombstone, or nobody ordered it.

    Its own leaf is held to the tree when the walk comes to it.
    """
    if not 0 <= row < book.size():
        return frozenset()
    (found,) = book.rows(row, row + 1)
    if not found.sound:
        raise altered(row)
    tombstone = _tombstone(found.record) if found.record else None
    if tombstone is None or not rules.ordered(book, row, tombstone.order):
        return frozenset()
    return frozenset(tombstone.rows)


def _tombstone(record: bytes) -> Tombstone | None:
    try:
        return read_tombstone(record)
    except PeerFault:
        return None


def _check_above(read: Hashes, index: int, tile: bytes) -> None:
    """Hold a full tile to the hash above it, and so on while it is the last of a full one."""
    level = 0
    while len(tile) == BUNDLE * HASH_SIZE:
        above, place = divmod(index, BUNDLE)
        parent = read(level + 1, above, place + 1)
        if merkle.root(split(tile)) != parent[-HASH_SIZE:]:
            raise altered(index << HEIGHT * (level + 1))
        level, index, tile = level + 1, above, parent


def _says(kept: Kept) -> bool:
    """Tell whether the note of a checkpoint says what is kept of it."""
    try:
        said = checkpoint.parse(note.parse(kept.note).text)
    except BadNote:
        return False
    return (said.size, said.root) == (kept.size, kept.root)
