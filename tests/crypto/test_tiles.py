"""Tiles against the whole tree, the examples of C2SP, and trees too large to hold."""

from collections.abc import Mapping
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import merkle, tiles
from crypto.errors import BadProof

COUNT = 66_100
"""Leaves enough for a third level, with a partial tile at each."""
LEAVES = [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(COUNT)]
SIZES = [1, 2, 3, 255, 256, 257, 384, 511, 512, 513, 1000, 65_535, 65_536, 65_537, 65_793, COUNT]

Tiles = Mapping[tuple[int, int], bytes]


def reader(kept: Tiles) -> tiles.Hashes:
    def read(level: int, index: int, width: int) -> bytes:
        return kept[level, index][: 32 * width]

    return read


def nothing_kept(level: int, index: int, width: int) -> bytes:
    raise AssertionError(f"{level}/{index} of width {width} was read")


@cache
def whole() -> dict[tuple[int, int], bytes]:
    return tiles.grow(0, LEAVES, nothing_kept)


@cache
def whole_root(size: int) -> bytes:
    return merkle.root(LEAVES[:size])


def defined_tiles(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    """Follow C2SP word for word: tile n of level l holds MTH(D[(n*256+i)*256**l : ...])."""
    found: dict[tuple[int, int], bytes] = {}
    level = 0
    while span := len(leaves) // 256**level:
        for at in range(span):
            root = merkle.root(leaves[at * 256**level : (at + 1) * 256**level])
            found[level, at // 256] = found.get((level, at // 256), b"") + root
        level += 1
    return found


@cache
def uniform(height: int) -> bytes:
    """Give the root over 2**height equal leaves."""
    below = uniform(height - 1) if height else b""
    return merkle.node_hash(below, below) if height else merkle.leaf_hash(b"")


def read_uniform(level: int, index: int, width: int) -> bytes:
    return uniform(8 * level) * width


def uniform_root(size: int) -> bytes:
    """Join the full subtrees of a tree of equal leaves, the smallest first."""
    root = b""
    for height in range(size.bit_length()):
        if size >> height & 1:
            root = merkle.node_hash(uniform(height), root) if root else uniform(height)
    return root


def test_example_of_c2sp() -> None:
    # "A tree of size 70,000 will be represented by 273 full level 0 tiles, ..."
    found = list(tiles.widths(70_000))
    assert found == [
        *((0, index, 256) for index in range(273)),
        (0, 273, 112),
        (1, 0, 256),
        (1, 1, 17),
        (2, 0, 1),
    ]
    # "... a tree of size 256 ... by a full level 0 tile and a partial level 1 tile of width 1."
    assert list(tiles.widths(256)) == [(0, 0, 256), (1, 0, 1)]
    assert list(tiles.widths(0)) == []


@pytest.mark.parametrize("size", [1, 255, 256, 257, 600, 65_537])
def test_tiles_are_as_defined(size: int) -> None:
    grown = tiles.grow(0, LEAVES[:size], nothing_kept)
    assert grown == defined_tiles(LEAVES[:size])
    widths = {(level, index): width for level, index, width in tiles.widths(size)}
    assert {place: len(hashes) // 32 for place, hashes in grown.items()} == widths


@given(st.lists(st.sampled_from([0, 1, 2, 100, 255, 256, 257, 700, 30_000]), max_size=12))
@settings(max_examples=25, deadline=None)
def test_growing_in_batches_gives_the_tiles_of_the_whole(batches: list[int]) -> None:
    kept: dict[tuple[int, int], bytes] = {}
    size = 0
    for batch in batches:
        grown = tiles.grow(size, LEAVES[size : size + batch], reader(kept))
        assert all(kept.get(place) != hashes for place, hashes in grown.items())
        kept |= grown
        size = min(size + batch, COUNT)
    assert kept == tiles.grow(0, LEAVES[:size], nothing_kept)


def test_growing_reads_partial_tiles_only() -> None:
    asked: list[tuple[int, int, int]] = []

    def read(level: int, index: int, width: int) -> bytes:
        asked.append((level, index, width))
        return whole()[level, index][: 32 * width]

    assert set(tiles.grow(65_793, LEAVES[65_793:65_800], read)) == {(0, 257)}
    assert asked == [(0, 257, 1)]
    asked.clear()
    assert set(tiles.grow(66_047, [LEAVES[66_047]], read)) == {(0, 257), (1, 1)}
    assert asked == [(0, 257, 255), (1, 1, 1)]
    asked.clear()
    assert tiles.grow(66_047, [], read) == {}
    assert asked == []


@pytest.mark.parametrize("size", [0, *SIZES])
def test_the_root_is_that_of_all_leaves(size: int) -> None:
    # Read from the tiles of a larger tree: what a smaller one had is their beginning.
    assert tiles.root(size, reader(whole())) == whole_root(size)


@pytest.mark.parametrize("size", SIZES)
def test_inclusion_is_that_of_all_leaves(size: int) -> None:
    read = reader(whole())
    indexes = {0, 1, 255, 256, 300, 65_535, 65_536, 65_792, size // 2, size - 1}
    for index in indexes & set(range(size)):
        path = tiles.inclusion(index, size, read)
        assert path == merkle.inclusion_path(index, LEAVES[:size])
        merkle.verify_inclusion(LEAVES[index], index, size, path, whole_root(size))


@pytest.mark.parametrize("size", SIZES)
def test_consistency_is_that_of_all_leaves(size: int) -> None:
    read = reader(whole())
    for first in {*SIZES, 128, 640, 768, 65_664, 65_792, size - 1} & set(range(1, size + 1)):
        path = tiles.consistency(first, size, read)
        assert path == merkle.consistency_path(first, LEAVES[:size])
        merkle.verify_consistency(first, size, path, whole_root(first), whole_root(size))


def test_every_pair_of_small_sizes_is_consistent() -> None:
    read = reader(tiles.grow(0, LEAVES[:600], nothing_kept))
    for first in range(1, 600, 7):
        for second in range(first, 600, 13):
            path = tiles.consistency(first, second, read)
            assert path == merkle.consistency_path(first, LEAVES[:second])


@given(st.integers(1, tiles.SIZE_MAX), st.data())
@settings(max_examples=60, deadline=None)
def test_trees_of_every_size_prove_their_leaves(size: int, data: st.DataObject) -> None:
    root = tiles.root(size, read_uniform)
    assert root == uniform_root(size)
    index = data.draw(st.integers(0, size - 1))
    path = tiles.inclusion(index, size, read_uniform)
    merkle.verify_inclusion(uniform(0), index, size, path, root)
    first = data.draw(st.integers(1, size))
    path = tiles.consistency(first, size, read_uniform)
    merkle.verify_consistency(first, size, path, uniform_root(first), root)


@given(st.sampled_from(SIZES[6:]), st.data())
@settings(max_examples=40, deadline=None)
def test_a_changed_tile_proves_nothing(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    place = data.draw(st.sampled_from([place for place in whole() if place[1] == 0]))
    changed = bytearray(whole()[place])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1
    read = reader({**whole(), place: bytes(changed)})
    path, true = tiles.inclusion(index, size, read), merkle.inclusion_path(index, LEAVES[:size])
    # What was changed may be no part of this proof; then it is the proof that it was.
    if path != true:
        with pytest.raises(BadProof, match="another root"):
            merkle.verify_inclusion(LEAVES[index], index, size, path, whole_root(size))


@pytest.mark.parametrize("answer", [b"", bytes(31), bytes(32 * 3), bytes(32 * 5), bytes(32 * 256)])
def test_a_tile_of_another_width_is_refused(answer: bytes) -> None:
    def read(level: int, index: int, width: int) -> bytes:
        return answer

    with pytest.raises(BadProof, match="does not have 4 hashes"):
        tiles.root(4, read)
    with pytest.raises(BadProof, match="does not have 4 hashes"):
        tiles.inclusion(0, 4, read)
    with pytest.raises(BadProof, match="does not have 4 hashes"):
        tiles.consistency(1, 4, read)
    with pytest.raises(BadProof, match="does not have 4 hashes"):
        tiles.grow(4, [LEAVES[0]], read)


def test_a_full_tile_off_the_edge_is_asked_for_whole() -> None:
    def read(level: int, index: int, width: int) -> bytes:
        return whole()[level, index][: 32 * min(width, 255)]

    with pytest.raises(BadProof, match="tile 0/0 does not have 256 hashes"):
        tiles.inclusion(0, 300, read)


def test_what_no_tree_has_is_refused() -> None:
    for size in (-1, tiles.SIZE_MAX + 1):
        with pytest.raises(BadProof, match="no tree"):
            tiles.root(size, read_uniform)
        with pytest.raises(BadProof, match="no tree"):
            tiles.grow(size, LEAVES[:1], read_uniform)
        with pytest.raises(BadProof, match="no tree"):
            list(tiles.widths(size))
    for index, size in ((-1, 4), (4, 4), (0, 0)):
        with pytest.raises(BadProof, match="no leaf"):
            tiles.inclusion(index, size, read_uniform)
    for first, second in ((0, 4), (5, 4), (-1, 4)):
        with pytest.raises(BadProof, match="no proof leads"):
            tiles.consistency(first, second, read_uniform)
    with pytest.raises(BadProof, match="32 bytes"):
        tiles.grow(0, [LEAVES[0], b"entry"], nothing_kept)
    assert tiles.consistency(4, 4, nothing_kept) == []


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((0, 1_234_067, 256), "tile/0/x001/x234/067"),  # C2SP's own example
        ((63, 999, 1), "tile/63/999.p/1"),
        ((1, 1000, 255), "tile/1/x001/000.p/255"),
        ((None, 273, 112), "tile/records/273.p/112"),
        ((None, 2**55 - 1, 256), "tile/records/x036/x028/x797/x018/x963/967"),
    ],
)
def test_paths(place: tuple[int | None, int, int], text: str) -> None:
    assert tiles.path(*place) == text
    assert tiles.parse_path(text) == place


@given(
    st.none() | st.integers(0, 63),
    st.integers(0, 2**55 - 1) | st.integers(0, 10_000),
    st.integers(1, 256),
)
def test_every_path_is_read_back(level: int | None, index: int, width: int) -> None:
    assert tiles.parse_path(tiles.path(level, index, width)) == (level, index, width)


def test_paths_of_one_kind_never_meet() -> None:
    # No file of an export may be where another needs a folder.
    for kind in (0, None):
        found = sorted(tiles.path(kind, index, 256) for index in (0, 1, 999, 1000, 10**6, 10**9))
        assert not any(longer.startswith(f"{shorter}/") for shorter, longer in pairwise(found))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "checkpoint",
        "tile/0/000/",
        "/tile/0/000",
        "tile//000",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/01/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/entries/000",
        "tile/records/0",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/X001/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1/",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/0/../000",
        "tile/0/000.p/-1",
        "tile/0/x036/x028/x797/x018/x963/968",
        "tile/0/x001/x036/x028/x797/x018/x963/967",
    ],
)
def test_other_paths_are_refused(text: str) -> None:
    with pytest.raises(BadProof):
        tiles.parse_path(text)


@pytest.mark.parametrize(
    "place", [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 2**55, 1), (0, 0, 0), (0, 0, 257)]
)
def test_tiles_that_are_none_have_no_path(place: tuple[int, int, int]) -> None:
    with pytest.raises(BadProof, match="no tile"):
        tiles.path(*place)


@given(st.text("tile/records0123456789x.p", max_size=40))
def test_whatever_is_read_is_written_the_same(text: str) -> None:
    try:
        place = tiles.parse_path(text)
    except BadProof:
        return
    assert tiles.path(*place) == text
