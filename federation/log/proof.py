"""The proof that a record stands in a log, as one text (C2SP tlog-proof@v1).

Knows the format: an index, the hashes up to the root, and the checkpoint with all its signatures.
Does not verify it, and does not know what the record says.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from crypto import tiles
from crypto.merkle import HASH_SIZE
from crypto.note import NOTE_MAX
from crypto.spelling import from_base64, to_base64
from federation.errors import PeerFault, Unavailable
from federation.log.book import Book, Kept, hashes

HEAD: Final = "c2sp.org/tlog-proof@v1"
HASHES_MAX: Final = 63
EXTRA_MAX: Final = 64 * 1024
PROOF_MAX: Final = NOTE_MAX + 2 * EXTRA_MAX + HASHES_MAX * 45
"""Most bytes of a proof."""
_INDEX: Final = re.compile("index (0|[1-9][0-9]{0,18})")
_EXTRA: Final = "extra "


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Where a leaf stands, the path from it to the root, and the checkpoint, a signed note.

    ``extra`` is whatever travels with it; nothing vouches for it.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = field(default=b"", repr=False)


def write(proof: Proof) -> bytes:
    """Write a proof."""
    lines = [HEAD]
    lines += [_EXTRA + to_base64(proof.extra)] if proof.extra else []
    lines += [f"index {proof.index}", *map(to_base64, proof.hashes), "", ""]
    return "\n".join(lines).encode() + proof.checkpoint


def parse(data: bytes) -> Proof:
    """Read a proof, refusing all that ``write`` would not have written; its note is not read.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    if len(data) > PROOF_MAX:
        raise PeerFault("OVERSIZE", limit=PROOF_MAX, size=len(data))
    front, blank, checkpoint = data.partition(b"\n\n")
    try:
        head, *lines = front.decode("ascii").split("\n")
        extra = from_base64(lines.pop(0)[len(_EXTRA) :]) if lines[0].startswith(_EXTRA) else b""
        index = _INDEX.fullmatch(lines.pop(0))
        path = tuple(map(from_base64, lines))
    except (ValueError, IndexError) as e:
        raise PeerFault("MALFORMED", message=HEAD) from e
    if index is None or head != HEAD or not blank:
        raise PeerFault("MALFORMED", message=HEAD)
    proof = Proof(index=int(index[1]), hashes=path, checkpoint=checkpoint, extra=extra)
    sizes = {len(digest) for digest in path}
    if not sizes <= {HASH_SIZE} or len(path) > HASHES_MAX or write(proof) != data:
        raise PeerFault("MALFORMED", message=HEAD)
    return proof


def prove(book: Book, index: int, kept: Kept | None = None) -> bytes:
    """Prove that a row stands under a checkpoint, the newest one if none is given.

    Raises:
        Unavailable: LOG_PART_MISSING while no checkpoint covers the row; LOG_ALTERED.
    """
    kept = kept or book.newest()
    if kept is None or not 0 <= index < kept.size:
        raise Unavailable("LOG_PART_MISSING", path=f"row {index}")
    path = tiles.inclusion(index, kept.size, hashes(book))
    return write(Proof(index=index, hashes=tuple(path), checkpoint=kept.note))
