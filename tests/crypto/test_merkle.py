"""The tree against its definition, pymerkle and the vectors of transparency-dev."""

import base64
import json
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, InvalidProof, verify_consistency

from crypto import merkle
from crypto.errors import BadProof

ENTRIES = [bytes([number]) * number for number in range(70)]
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]


def defined_root(leaves: list[bytes]) -> bytes:
    """Follow RFC 6962 §2.1 word for word: split at the largest power of two below n."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return merkle.node_hash(defined_root(leaves[:split]), defined_root(leaves[split:]))


def defined_path(first: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """Follow SUBPROOF of RFC 6962 §2.1.2 word for word."""
    if first == len(leaves):
        return [] if whole else [defined_root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if first <= split:
        return [*defined_path(first, leaves[:split], whole), defined_root(leaves[split:])]
    return [
        *defined_path(first - split, leaves[split:], False),
        defined_root(leaves[:split]),
    ]


def test_hashes_of_the_standard() -> None:
    # Published by transparency-dev for the empty leaf and the empty tree.
    assert merkle.leaf_hash(b"").hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert merkle.root([]).hex() == (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    assert merkle.node_hash(b"l", b"r") == sha256(b"\x01lr").digest()


@pytest.mark.parametrize("size", range(len(LEAVES)))
def test_root_and_paths_follow_the_definition_and_pymerkle(size: int) -> None:
    leaves = LEAVES[:size]
    oracle = InmemoryTree.init_from_entries(ENTRIES[:size], algorithm="sha256")
    assert merkle.root(leaves) == defined_root(leaves) == oracle.get_root()
    for index in range(size):
        path = merkle.inclusion_path(index, leaves)
        # pymerkle counts from one and begins a path with the leaf itself.
        assert path == oracle.prove_inclusion(index + 1, size).path[1:]
        merkle.verify_inclusion(leaves[index], index, size, path, merkle.root(leaves))


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=300), st.data())
def test_a_path_proves_one_leaf_at_one_place(leaves: list[bytes], data: st.DataObject) -> None:
    size = len(leaves)
    index = data.draw(st.integers(0, size - 1))
    root, path = merkle.root(leaves), merkle.inclusion_path(index, leaves)
    merkle.verify_inclusion(leaves[index], index, size, path, root)
    other = data.draw(st.integers(0, size + 1).filter(lambda number: number != index))
    if other >= size or leaves[other] != leaves[index]:
        with pytest.raises(BadProof):
            merkle.verify_inclusion(leaves[index], other, size, path, root)


@given(st.integers(2, 200), st.data())
def test_every_changed_bit_is_refused(size: int, data: st.DataObject) -> None:
    leaves = [merkle.leaf_hash(number.to_bytes(2, "big")) for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(index, leaves)
    values = [leaves[index], merkle.root(leaves), *path]
    which = data.draw(st.integers(0, len(values) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = int.from_bytes(values[which], "big") ^ (1 << bit)
    values[which] = flipped.to_bytes(32, "big")
    with pytest.raises(BadProof, match="another root"):
        merkle.verify_inclusion(values[0], index, size, values[2:], values[1])


def test_wrong_lengths_and_places_are_refused() -> None:
    root, path = merkle.root(LEAVES), merkle.inclusion_path(3, LEAVES)
    size = len(LEAVES)
    for bad_path in (path[:-1], [*path, root], []):
        with pytest.raises(BadProof, match="does not fit"):
            merkle.verify_inclusion(LEAVES[3], 3, size, bad_path, root)
    for index, count in ((-1, size), (size, size), (0, 0)):
        with pytest.raises(BadProof, match="no leaf"):
            merkle.verify_inclusion(LEAVES[3], index, count, path, root)
    for leaf, top, hashes in (
        (LEAVES[3][:31], root, path),
        (LEAVES[3], root + b"\x00", path),
        (LEAVES[3], root, [*path[:-1], b""]),
    ):
        with pytest.raises(BadProof, match="32 bytes"):
            merkle.verify_inclusion(leaf, 3, size, hashes, top)


@pytest.mark.parametrize("index", [-1, 70])
def test_no_path_of_an_absent_leaf(index: int) -> None:
    with pytest.raises(BadProof, match="no leaf"):
        merkle.inclusion_path(index, LEAVES)


def test_a_tree_takes_hashes_only() -> None:
    with pytest.raises(BadProof, match="32 bytes"):
        merkle.root([LEAVES[0], b"entry"])
    with pytest.raises(BadProof, match="32 bytes"):
        merkle.inclusion_path(0, [LEAVES[0], b"entry"])


def test_consistency_paths_of_the_standard() -> None:
    # RFC 6962 §2.1.3, its tree of seven leaves and the letters that it gives the nodes.
    leaves = LEAVES[:7]
    c, d, j = leaves[2], leaves[3], leaves[6]
    g, h, i = (merkle.node_hash(leaves[at], leaves[at + 1]) for at in (0, 2, 4))
    k, left = merkle.node_hash(g, h), merkle.node_hash(i, j)
    assert merkle.consistency_path(3, leaves) == [c, d, g, left]
    assert merkle.consistency_path(4, leaves) == [left]
    assert merkle.consistency_path(6, leaves) == [i, j, k]


@pytest.mark.parametrize("second", range(1, len(LEAVES)))
def test_consistency_follows_the_definition_and_pymerkle(second: int) -> None:
    leaves = LEAVES[:second]
    # pymerkle's paths are its own (it goes down to a single leaf); its verdicts are the oracle.
    oracle = InmemoryTree.init_from_entries(ENTRIES[:second], algorithm="sha256")
    forked = merkle.root([*leaves[:-1], LEAVES[-1]])
    for first in range(1, second + 1):
        old, new = merkle.root(leaves[:first]), merkle.root(leaves)
        path = merkle.consistency_path(first, leaves)
        assert path == defined_path(first, leaves)
        merkle.verify_consistency(first, second, path, old, new)
        theirs = oracle.prove_consistency(first, second)
        verify_consistency(old, new, theirs)
        with pytest.raises(BadProof, match="another root"):
            merkle.verify_consistency(first, second, path, old, forked)
        with pytest.raises(InvalidProof):
            verify_consistency(old, forked, theirs)


@given(st.integers(1, 300), st.data())
def test_no_path_leads_from_a_tree_that_was_changed(second: int, data: st.DataObject) -> None:
    leaves = [merkle.leaf_hash(number.to_bytes(2, "big")) for number in range(second)]
    first = data.draw(st.integers(1, second))
    changed = data.draw(st.integers(0, first - 1))
    before = [*leaves[:first]]
    before[changed] = merkle.leaf_hash(b"as it was")
    path = merkle.consistency_path(first, leaves)
    with pytest.raises(BadProof, match="another root"):
        merkle.verify_consistency(first, second, path, merkle.root(before), merkle.root(leaves))


@given(st.integers(1, 300), st.data())
def test_every_changed_bit_of_a_consistency_path_is_refused(
    second: int, data: st.DataObject
) -> None:
    leaves = [merkle.leaf_hash(number.to_bytes(2, "big")) for number in range(second)]
    first = data.draw(st.integers(1, second))
    path = merkle.consistency_path(first, leaves)
    values = [merkle.root(leaves[:first]), merkle.root(leaves), *path]
    which = data.draw(st.integers(0, len(values) - 1))
    bit = data.draw(st.integers(0, 255))
    flipped = int.from_bytes(values[which], "big") ^ (1 << bit)
    values[which] = flipped.to_bytes(32, "big")
    with pytest.raises(BadProof, match="another root"):
        merkle.verify_consistency(first, second, values[2:], values[0], values[1])


@pytest.mark.parametrize("first", [1, 2, 6, 8, 64, 69, 70])
def test_a_consistency_path_has_one_length(first: int) -> None:
    size = len(LEAVES)
    old, new = merkle.root(LEAVES[:first]), merkle.root(LEAVES)
    path = merkle.consistency_path(first, LEAVES)
    for bad in ([*path, new], [old, *path], path[:-1], path[1:], []):
        if bad != path:
            with pytest.raises(BadProof, match="does not fit"):
                merkle.verify_consistency(first, size, bad, old, new)


def test_sizes_without_a_proof_are_refused() -> None:
    root = merkle.root(LEAVES)
    for first, second in ((0, 0), (0, 70), (-1, 70), (71, 70)):
        with pytest.raises(BadProof, match="no proof leads"):
            merkle.verify_consistency(first, second, [], root, root)
    for first in (0, -1, 71):
        with pytest.raises(BadProof, match="no proof leads"):
            merkle.consistency_path(first, LEAVES)


def test_a_consistency_proof_is_of_hashes_only() -> None:
    old, new = merkle.root(LEAVES[:3]), merkle.root(LEAVES)
    path = merkle.consistency_path(3, LEAVES)
    for first_root, second_root, hashes in (
        (old[:31], new, path),
        (old, new + b"\x00", path),
        (old, new, [*path[:-1], b""]),
    ):
        with pytest.raises(BadProof, match="32 bytes"):
            merkle.verify_consistency(3, 70, hashes, first_root, second_root)
    with pytest.raises(BadProof, match="32 bytes"):
        merkle.consistency_path(1, [LEAVES[0], b"entry"])


def test_building_does_not_change_the_leaves() -> None:
    leaves = list(LEAVES)
    merkle.root(leaves)
    merkle.inclusion_path(5, leaves)
    merkle.consistency_path(5, leaves)
    assert leaves == LEAVES


def test_inclusion_vectors_of_transparency_dev(vectors: Path) -> None:
    cases = json.loads((vectors / "rfc6962-merkle" / "inclusion.json").read_text())
    outcomes: Counter[bool] = Counter()
    for case in cases:
        decode = base64.b64decode
        path = [decode(digest) for digest in case["proof"] or []]
        leaf, root = decode(case["leafHash"] or ""), decode(case["root"] or "")
        try:
            merkle.verify_inclusion(leaf, case["leafIdx"], case["treeSize"], path, root)
            refused = False
        except BadProof:
            refused = True
        assert refused is case["wantErr"], case["name"]
        outcomes[refused] += 1
    assert outcomes == {True: 92, False: 6}


def test_consistency_vectors_of_transparency_dev(vectors: Path) -> None:
    cases = json.loads((vectors / "rfc6962-merkle" / "consistency.json").read_text())
    outcomes: Counter[bool] = Counter()
    for case in cases:
        path = [base64.b64decode(digest) for digest in case["proof"] or []]
        old, new = (base64.b64decode(case[which] or "") for which in ("root1", "root2"))
        # Twelve bytes "don't care" stand for roots here and there, once in a case that holds.
        old, new = (sha256(r).digest() if r.startswith(b"don't care") else r for r in (old, new))
        try:
            merkle.verify_consistency(case["size1"], case["size2"], path, old, new)
            refused = False
        except BadProof:
            refused = True
        assert refused is case["wantErr"], case["name"]
        outcomes[refused] += 1
    assert outcomes == {True: 92, False: 6}


def test_where_a_path_leads_whatever_root_was_meant() -> None:
    leaves = [merkle.leaf_hash(bytes((n,))) for n in range(6)]
    path = merkle.inclusion_path(4, leaves)
    assert merkle.root_by_path(leaves[4], 4, 6, path) == merkle.root(leaves)
    assert merkle.root_by_path(leaves[3], 4, 6, path) != merkle.root(leaves)
    with pytest.raises(BadProof, match="does not fit"):
        merkle.root_by_path(leaves[4], 4, 6, path[1:])
