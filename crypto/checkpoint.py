"""The text by which a log says how large its tree is, and its root (C2SP tlog-checkpoint).

Knows lines, sizes and roots. Does not know who signs the text (`crypto.note` does) nor what stands
in the tree.
"""

import re
from dataclasses import dataclass
from typing import Final

from crypto.errors import BadNote
from crypto.merkle import EMPTY_ROOT, HASH_SIZE
from crypto.note import check_text
from crypto.spelling import from_base64, to_base64
from crypto.tiles import SIZE_MAX

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log's name, the number of its leaves, and the root over them."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no checkpoint can say.

        Raises:
            BadNote: an empty line or one with an end of line in it, a size that no tree has, a
                root that is no hash, or an empty tree with another root than its own.
        """
        lines = (self.origin, *self.extensions)
        if any(not line or "\n" in line for line in lines):
            raise BadNote("a checkpoint's lines are not empty")
        check_text("".join(f"{line}\n" for line in lines))
        if not 0 <= self.size <= SIZE_MAX:
            raise BadNote(f"no tree of {self.size} leaves")
        if len(self.root) != HASH_SIZE:
            raise BadNote("a root has 32 bytes")
        if not self.size and self.root != EMPTY_ROOT:
            raise BadNote("the root over no leaf is the hash of nothing")


def parse(text: str) -> Checkpoint:
    """Read the text of a note as a checkpoint, refusing all that `write` would not have written.

    Raises:
        BadNote: fewer than three lines, an empty one, or a size or root in another spelling.
    """
    match text.split("\n"):
        case [origin, size, root, *extensions, ""]:
            pass
        case _:
            raise BadNote("a checkpoint has an origin, a size and a root, each in a line")
    if not _SIZE.fullmatch(size):
        raise BadNote("a checkpoint's size is a decimal number without leading zeros")
    try:
        digest = from_base64(root)
    except ValueError as error:
        raise BadNote("a checkpoint's root is base64 in its only spelling") from error
    return Checkpoint(origin=origin, size=int(size), root=digest, extensions=tuple(extensions))


def write(checkpoint: Checkpoint) -> str:
    """Write the text that is signed."""
    lines = (
        checkpoint.origin,
        str(checkpoint.size),
        to_base64(checkpoint.root),
        *checkpoint.extensions,
    )
    return "".join(f"{line}\n" for line in lines)
