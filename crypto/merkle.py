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
        BadProof: a leaf hash does not have 32 bytes.
    """
    level = _checked(leaves)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def inclusion_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Give the sibling hashes from one leaf up to the root (RFC 6962 §2.1.1).

    Raises:
        BadProof: no leaf has that index, or a leaf hash does not have 32 bytes.
    """
    level = _checked(leaves)
    if not 0 <= index < len(level):
        raise BadProof(f"no leaf {index} in a tree of {len(level)}")
    path: list[bytes] = []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level = _parents(level)
        index >>= 1
    return path


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Refuse unless the path leads from the leaf hash to the root (RFC 9162 §2.1.3.2).

    Raises:
        BadProof: index outside the tree, a path of the wrong length, a hash that does not have
            32 bytes, or another root.
    """
    if not 0 <= index < size:
        raise BadProof(f"no leaf {index} in a tree of {size}")
    if any(len(digest) != HASH_SIZE for digest in (leaf, root, *path)):
        raise BadProof("a hash does not have 32 bytes")
    if len(path) != _path_length(index, size):
        raise BadProof("the path does not fit leaf and size")
    digest, last = leaf, size - 1
    for sibling in path:
        # A node without a right neighbour is its own parent: climb to where it has a sibling.
        while index == last and not index & 1:
            index, last = index >> 1, last >> 1
        digest = node_hash(sibling, digest) if index & 1 else node_hash(digest, sibling)
        index, last = index >> 1, last >> 1
    if digest != root:
        raise BadProof("the path leads to another root")


def _path_length(index: int, size: int) -> int:
    # Below the level where the leaf's way joins the right edge each level has a sibling; above
    # it only those levels where the edge is a right child.
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()


def _parents(level: list[bytes]) -> list[bytes]:
    # Pairing level by level, with a lone last node carried up, gives the tree that RFC 6962
    # defines by splitting at the largest power of two.
    parents = [
        sha256(NODE + left + right).digest()
        for left, right in zip(level[::2], level[1::2], strict=False)
    ]
    if len(level) & 1:
        parents.append(level[-1])
    return parents


def _checked(leaves: Sequence[bytes]) -> list[bytes]:
    if any(len(leaf) != HASH_SIZE for leaf in leaves):
        raise BadProof("a leaf hash does not have 32 bytes")
    return list(leaves)
