"""When a witness puts its name to a checkpoint: a pure decision, deny by default.

Knows what was cosigned last and what is presented now. Does not know files, sockets or clocks.

    seen (size, root)      presented                       verdict
    ─────────────────────────────────────────────────────────────────────────────
    any                    the same size, the same root    COSIGN, again
    any                    the same size, another root     SPLIT          alarm
    any                    a smaller size                  ROLLED_BACK    alarm
    any                    larger, from another old size   BEHIND: told what is seen
    nothing                larger                          COSIGN: the first one is believed
    a tree                 larger, its proof holds         COSIGN
    a tree                 larger, its proof does not      INCONSISTENT   alarm
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from crypto import checkpoint, merkle, note
from crypto.checkpoint import Checkpoint
from crypto.errors import BadNote, BadProof
from crypto.merkle import EMPTY_ROOT
from crypto.note import Note, NoteKey, NoteSignature
from federation.errors import PeerFault
from federation.wire.log_messages import AddCheckpoint


class Verdict(StrEnum):
    """What a witness does with a checkpoint; an alarm's value is its error code."""

    COSIGN = "COSIGN"
    BEHIND = "BEHIND"
    SPLIT = "LOG_SPLIT"
    ROLLED_BACK = "LOG_ROLLED_BACK"
    INCONSISTENT = "LOG_INCONSISTENT"

    @property
    def alarm(self) -> bool:
        """Whether the log contradicts itself."""
        return self not in {Verdict.COSIGN, Verdict.BEHIND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The checkpoint of a log that was cosigned last, and when; nothing at first.

    ``note`` has the log's signatures and our own; ``count`` is how often we have cosigned the log.
    """

    size: int = 0
    root: bytes = EMPTY_ROOT
    at: int = 0
    note: bytes = field(default=b"", repr=False)
    count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A checkpoint that its log has signed, and how it is to follow from the one before."""

    old_size: int
    proof: tuple[bytes, ...]
    tree: Checkpoint
    note: Note = field(repr=False)


def present(request: AddCheckpoint, origin: str, keys: Sequence[NoteKey]) -> Presented:
    """Read what a log presents, and believe that it is the log's; others' signatures are let go.

    Raises:
        PeerFault: MALFORMED; WRONG_PARTY for another log's; BAD_SIGNATURE when no key of the log
            signed it, or somebody else did under its name.
    """
    try:
        signed = note.parse(request.checkpoint)
        tree = checkpoint.parse(signed.text)
    except BadNote as e:
        raise PeerFault("MALFORMED", message="checkpoint") from e
    if tree.origin != origin:
        raise PeerFault("WRONG_PARTY")
    # Nobody puts a name to a line that it does not understand.
    if tree.extensions or request.old_size > tree.size:
        raise PeerFault("MALFORMED", message="checkpoint")
    if request.proof and request.old_size in {0, tree.size}:
        raise PeerFault("MALFORMED", message="proof")
    own = Note(text=signed.text, signatures=_by_log(signed, origin, keys))
    return Presented(old_size=request.old_size, proof=request.proof, tree=tree, note=own)


def judge(seen: Seen, presented: Presented) -> Verdict:
    """Decide about a checkpoint; see the table above."""
    tree = presented.tree
    if tree.size == seen.size:
        return Verdict.COSIGN if tree.root == seen.root else Verdict.SPLIT
    if tree.size < seen.size:
        return Verdict.ROLLED_BACK
    if presented.old_size != seen.size:
        return Verdict.BEHIND
    if seen.size and not _follows(seen, presented):
        return Verdict.INCONSISTENT
    return Verdict.COSIGN


def after(seen: Seen, presented: Presented, cosignature: NoteSignature, at: int) -> Seen:
    """Give what is seen once a checkpoint is cosigned."""
    tree, own = presented.tree, presented.note
    signed = Note(text=own.text, signatures=(*own.signatures, cosignature))
    return Seen(
        size=tree.size, root=tree.root, at=at, note=note.write(signed), count=seen.count + 1
    )


def _follows(seen: Seen, presented: Presented) -> bool:
    tree = presented.tree
    try:
        merkle.verify_consistency(seen.size, tree.size, presented.proof, seen.root, tree.root)
    except BadProof:
        return False
    return True


def _by_log(signed: Note, origin: str, keys: Sequence[NoteKey]) -> tuple[NoteSignature, ...]:
    own = tuple(one for one in signed.signatures if one.name == origin)
    known = {key.key_id: key for key in keys}
    try:
        for one in own:
            note.verify(signed, known[one.key_id])
    except (BadNote, KeyError) as e:
        raise PeerFault("BAD_SIGNATURE") from e
    if not own:
        raise PeerFault("BAD_SIGNATURE")
    return own
