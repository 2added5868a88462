"""The tree against its definition, pymerkle and the vectors of transparency-dev."""

import base64
import json
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

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


def test_building_does_not_change_the_leaves() -> None:
    leaves = list(LEAVES)
    merkle.root(leaves)
    merkle.inclusion_path(5, leaves)
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
