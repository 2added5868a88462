"""The Merkle tree of RFC 6962 §2.1 over leaf hashes, as functions of plain values.

Knows hashes, indexes and sizes. Does not know what a leaf says, where a tree is stored, or
who signed its root.
"""

from collections.abc import Sequence
from hashlib import sha256

from crypto.errors import BadProof
from crypto.labels import LEAF, NODE

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash the content of one leaf (RFC 6962 §2.1)."""
    return sha256(LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two children into their parent (RFC 6962 §2.1)."""
    return sha256(NODE + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Give the root over leaf hashes; of no leaf, the hash of nothing (RFC 6962 §2.1).

    Raises:
        BadProof: a hash does not have 32 bytes.
    """
    level = _checked(leaves)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        level = parents(level)
    return level[0]


def parents(level: Sequence[bytes]) -> list[bytes]:
    """Give the level above one of unchecked hashes; a lone last one is carried up unhashed.

    Level by level this gives the tree that RFC 6962 defines by splitting at the largest power
    of two.
    """
    # Written out: this line is nearly all the work of a million leaves.
    above = [
        sha256(NODE + left + right).digest()
        for left, right in zip(level[::2], level[1::2], strict=False)
    ]
    if len(level) & 1:
        above.append(level[-1])
    return above


def inclusion_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Give the sibling hashes from one leaf up to the root (RFC 6962 §2.1.1).

    Raises:
        BadProof: no leaf has that index, or a hash does not have 32 bytes.
    """
    level = _checked(leaves)
    if not 0 <= index < len(level):
        raise BadProof(f"no leaf {index} in a tree of {len(level)}")
    path: list[bytes] = []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = parents(level)
        index >>= 1
    return path


def consistency_path(first: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Give the hashes that join the root over the first leaves to that over all (RFC 6962 §2.1.2).

    Raises:
        BadProof: the first tree is empty or the larger, or a hash does not have 32 bytes.
    """
    level = _checked(leaves)
    check_sizes(first, len(level))
    if first == len(level):
        return []
    # The way starts from the largest full subtree that ends where the first tree ends.
    height = _trailing_zeros(first)
    for _ in range(height):
        level = parents(level)
    index = (first - 1) >> height
    path = inclusion_path(index, level)
    return [level[index], *path] if index else path


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Refuse unless the path leads from the leaf hash to the root (RFC 9162 §2.1.3.2).

    Raises:
        BadProof: index outside the tree, a path of the wrong length, a hash that does not have
            32 bytes, or another root.
    """
    reached = root_by_path(leaf, index, size, path)
    check_hashes((root,))
    if reached != root:
        raise BadProof("the path leads to another root")


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Give the root to which a path leads from a leaf hash (RFC 9162 §2.1.3.2).

    Raises:
        BadProof: index outside the tree, a path of the wrong length, or a hash that does not have
            32 bytes.
    """
    if not 0 <= index < size:
        raise BadProof(f"no leaf {index} in a tree of {size}")
    check_hashes((leaf, *path))
    if len(path) != _path_length(index, size):
        raise BadProof("the path does not fit leaf and size")
    digest, last = leaf, size - 1
    for sibling in path:
        # A node without a right neighbour is its own parent: climb to where it has a sibling.
        while index == last and not index & 1:
            index, last = index >> 1, last >> 1
        digest = node_hash(sibling, digest) if index & 1 else node_hash(digest, sibling)
        index, last = index >> 1, last >> 1
    return digest


def verify_consistency(
    first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes
) -> None:
    """Refuse unless the second tree begins with all of the first (RFC 9162 §2.1.4.2).

    An empty tree needs no proof and is given none: every tree begins with it.

    Raises:
        BadProof: sizes that are no two trees, a path of the wrong length, a hash that does not
            have 32 bytes, or another root.
    """
    check_sizes(first, second)
    check_hashes((first_root, second_root, *path))
    height = _trailing_zeros(first)
    index, last = (first - 1) >> height, (second - 1) >> height
    # Where the first tree is one full subtree, or all of the second, the way starts at its root.
    start, *siblings = path if path and index and first < second else (first_root, *path)
    if len(siblings) != (_path_length(index, last + 1) if first < second else 0):
        raise BadProof("the path does not fit the two sizes")
    old = new = start
    for sibling in siblings:
        while index == last and not index & 1:
            index, last = index >> 1, last >> 1
        if index & 1:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
        index, last = index >> 1, last >> 1
    if (old, new) != (first_root, second_root):
        raise BadProof("the path leads to another root")


def check_hashes(hashes: Sequence[bytes]) -> None:
    """Refuse what are not hashes.

    Raises:
        BadProof: one does not have 32 bytes.
    """
    if not {*map(len, hashes)} <= {HASH_SIZE}:
        raise BadProof("a hash does not have 32 bytes")


def check_sizes(first: int, second: int) -> None:
    """Refuse sizes between which there is nothing to prove, or nothing that can be.

    Raises:
        BadProof: the first tree is empty, or larger than the second.
    """
    if not 0 < first <= second:
        raise BadProof(f"no proof leads from a tree of {first} to one of {second}")


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1


def _path_length(index: int, size: int) -> int:
    # Below the level where the leaf's way joins the right edge each level has a sibling; above
    # it only those levels where the edge is a right child.
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()


def _checked(leaves: Sequence[bytes]) -> list[bytes]:
    check_hashes(leaves)
    return list(leaves)
