"""The tiles in which a log's tree is kept and read (C2SP tlog-tiles, height 8).

Knows levels, indexes, widths and the hashes between them. Does not know where tiles are kept, what
a leaf says, or how the records beside the tree are written: of those it only names the place.

Tile n of level l holds the roots of full subtrees of 256**l leaves, from the (256 n)-th on and at
most 256 of them. A full tile's own root thus stands in a tile of the level above; a partial one's
stands nowhere and is computed.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from crypto import merkle
from crypto.errors import BadProof
from crypto.merkle import EMPTY_ROOT, HASH_SIZE

Hashes = Callable[[int, int, int], bytes]
"""Level, index and width of a tile to its first `width` hashes, one after the other."""

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
"""Hashes in a full tile."""
SIZE_MAX: Final = 2**63 - 1
"""Most leaves of a tree (C2SP tlog-cosignature counts in 63 bits, too)."""
_LEVEL_MAX: Final = 63
_INDEX_MAX: Final = SIZE_MAX >> HEIGHT
_PATH: Final = re.compile(
    r"tile/(records|[0-9]{1,2})/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([0-9]{1,3}))?"
)


def grow(before: int, leaves: Sequence[bytes], read: Hashes) -> dict[tuple[int, int], bytes]:
    """Give the new content of every tile that changes when leaves join a tree of a size.

    Reads the partial tiles at the tree's right edge, one a level.

    Raises:
        BadProof: a size that no tree has, a leaf that does not have 32 bytes, or a tile read that
            does not have the bytes of its width.
    """
    _check_size(before)
    merkle.check_hashes(leaves)
    grown: dict[tuple[int, int], bytes] = {}
    level, joining = 0, leaves
    while joining:
        tile, width = divmod(before >> HEIGHT * level, WIDTH)
        hashes = [*_read(read, level, tile, width), *joining]
        for start in range(0, len(hashes), WIDTH):
            grown[level, tile + start // WIDTH] = b"".join(hashes[start : start + WIDTH])
        del hashes[len(hashes) // WIDTH * WIDTH :]
        for _ in range(HEIGHT):
            hashes = merkle.parents(hashes)
        level, joining = level + 1, hashes
    return grown


def root(size: int, read: Hashes) -> bytes:
    """Give the root of the tree of a size, of its partial tiles alone.

    Raises:
        BadProof: a size that no tree has, or a tile read that does not have the bytes of its width.
    """
    edge = _edge(size, read)
    return merkle.root(edge[-1]) if edge else EMPTY_ROOT


def inclusion(index: int, size: int, read: Hashes) -> list[bytes]:
    """Give the sibling hashes from one leaf up to the root (RFC 6962 §2.1.1).

    Raises:
        BadProof: no leaf has that index, or a tile read does not have the bytes of its width.
    """
    if not 0 <= index < size:
        raise BadProof(f"no leaf {index} in a tree of {size}")
    path: list[bytes] = []
    for place, slots in _way(index, size, read):
        path += merkle.inclusion_path(place, slots)
    return path


def consistency(first: int, second: int, read: Hashes) -> list[bytes]:
    """Give the hashes that join the root of a smaller tree to that of a larger (RFC 6962 §2.1.2).

    Raises:
        BadProof: the first tree is empty or the larger, or a tile read does not have the bytes of
            its width.
    """
    merkle.check_sizes(first, second)
    if first == second:
        return []
    # The way starts in the tile where the first tree's last full subtree ends.
    start = ((first & -first).bit_length() - 1) // HEIGHT
    way = _way(first - 1, second, read, start)
    place, slots = next(way)
    path = merkle.consistency_path(place + 1, slots)
    if not place & place + 1 and first & first - 1:
        # Left out where it is all of the tile so far; it must be where it is not all of the tree.
        path.insert(0, merkle.root(slots[: place + 1]))
    for place, slots in way:
        path += merkle.inclusion_path(place, slots)
    return path


def widths(size: int) -> Iterator[tuple[int, int, int]]:
    """Give level, index and width of every tile of a tree of a size, level by level.

    Raises:
        BadProof: a size that no tree has.
    """
    _check_size(size)
    for level in range(_levels(size)):
        full, rest = divmod(size >> HEIGHT * level, WIDTH)
        for index in range(full):
            yield level, index, WIDTH
        if rest:
            yield level, full, rest


def path(level: int | None, index: int, width: int) -> str:
    """Name the place of a tile, or of the records of one (level None), below a log's own place.

    Raises:
        BadProof: no tile has that level, index or width.
    """
    if not (0 <= (level or 0) <= _LEVEL_MAX and 0 <= index <= _INDEX_MAX and 0 < width <= WIDTH):
        raise BadProof(f"no tile {level}/{index} of width {width}")
    digits = str(index)
    digits = digits.zfill(-len(digits) // 3 * -3)
    *above, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    place = "/".join((*(f"x{group}" for group in above), last))
    kind = "records" if level is None else level
    return f"tile/{kind}/{place}" + (f".p/{width}" if width < WIDTH else "")


def parse_path(text: str) -> tuple[int | None, int, int]:
    """Read level (None: records), index and width of what `path` names.

    Raises:
        BadProof: it would not have named it so.
    """
    match = _PATH.fullmatch(text)
    if match is None:
        raise BadProof("not the path of a tile")
    kind, place, partial = match.groups()
    level = None if kind == "records" else int(kind)
    index = int(place.replace("x", "").replace("/", ""))
    width = WIDTH if partial is None else int(partial)
    if path(level, index, width) != text:
        raise BadProof("not the only path of a tile")
    return level, index, width


def _edge(size: int, read: Hashes) -> list[list[bytes]]:
    # For each level the hashes of its last tile, and after them the root over the leaves that fill
    # no subtree of that level: computed from the level below, it closes the tree's right edge.
    _check_size(size)
    edge: list[list[bytes]] = []
    unfilled: list[bytes] = []
    for level in range(_levels(size)):
        tile, width = divmod(size >> HEIGHT * level, WIDTH)
        hashes = [*_read(read, level, tile, width), *unfilled]
        unfilled = [merkle.root(hashes)] if hashes else []
        edge.append(hashes)
    return edge


def _way(index: int, size: int, read: Hashes, start: int = 0) -> Iterator[tuple[int, list[bytes]]]:
    # From a level up to the root: the hashes of the tile over one leaf, and which of them is.
    edge = _edge(size, read)
    for level in range(start, len(edge)):
        above = HEIGHT * (level + 1)
        tile = index >> above
        slots = edge[level] if tile == size >> above else _read(read, level, tile, WIDTH)
        yield index >> HEIGHT * level & WIDTH - 1, slots


def _levels(size: int) -> int:
    return -(-size.bit_length() // HEIGHT)


def _read(read: Hashes, level: int, index: int, width: int) -> list[bytes]:
    data = read(level, index, width) if width else b""
    if len(data) != width * HASH_SIZE:
        raise BadProof(f"tile {level}/{index} does not have {width} hashes")
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def _check_size(size: int) -> None:
    if not 0 <= size <= SIZE_MAX:
        raise BadProof(f"no tree of {size} leaves")
