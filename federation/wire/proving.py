"""What proves to its asker that an exchange stands in a party's log (protocol §6).

Knows the log's book, and which of its checkpoints to prove by. Reads only. Does not know where a
query id is looked up, nor where status lists are kept: two ports say.
"""

from collections.abc import Callable, Sequence
from typing import Final

from federation import limits
from federation.errors import Refused, Unavailable
from federation.log import proof
from federation.log.book import Book, Kept
from federation.log.keys import cosigners, witness_keys
from federation.log.reader import published
from federation.log.witnessing import parsed
from federation.manifest import Manifest
from federation.receipt import LogProof
from federation.wire import codec, receipt_messages
from federation.wire.receipt_messages import Proved

Find = Callable[[bytes], tuple[str, int] | None]
"""Tells who asked under a query id, and in which row of the log it stands."""
Lists = Callable[[bytes], Sequence[bytes]]
"""Gives the signed status lists of a joint digest, none where they are not kept any more."""

_WITHIN: Final = limits.INCLUSION + limits.COSIGNATURE + limits.SKEW
"""How much later than an answer its first cosigned checkpoint is to be looked for, seconds."""


class Prover:
    """Gives out proofs of exchanges, to those who asked."""

    def __init__(
        self, manifest: Callable[[], Manifest], book: Book, find: Find, lists: Lists
    ) -> None:
        self._manifest = manifest
        self._book = book
        self._find = find
        self._lists = lists

    def prove(self, caller: str, data: bytes) -> bytes:
        """Answer a ``ProveRequest`` of a party about an exchange of its own.

        Raises:
            PeerFault: MALFORMED or OVERSIZE.
            Refused: EXCHANGE_UNKNOWN, also for another party's; EXCHANGE_ERASED.
            Unavailable: PROOF_NOT_READY until enough witnesses have cosigned; as ``Book``.
        """
        found = self._find(receipt_messages.decode_prove(data))
        if found is None or found[0] != caller:
            raise Refused("EXCHANGE_UNKNOWN")
        _, index = found
        (row,) = self._book.rows(index, index + 1)
        if row.record is None or row.salt is None:
            raise Refused("EXCHANGE_ERASED")
        entry = codec.decode_entry(row.record)
        kept = self._cosigned(index, entry.at)
        said = codec.decode_header(entry.answer)
        log = LogProof(record=row.record, salt=row.salt, proof=proof.prove(self._book, index, kept))
        lists = tuple(self._lists(said.status_list_digest)) if said.status_list_digest else ()
        return receipt_messages.encode_proved(Proved(log=log, status_lists=lists))

    def _cosigned(self, index: int, at: int) -> Kept:
        """Choose the checkpoint that shows best when a row was there: the first with a quorum.

        Where none of that time has one, the newest that has is as good as any later.

        Raises:
            Unavailable: PROOF_NOT_READY.
        """
        manifest = self._manifest()
        keys = witness_keys(manifest)
        candidates = self._book.kept(at - limits.SKEW, at + _WITHIN)
        if self._book.newest():
            candidates.append(published(self._book, manifest.quorum))
        for kept in candidates:
            if kept.size > index and len(cosigners(parsed(kept), keys)) >= manifest.quorum:
                return kept
        raise Unavailable("PROOF_NOT_READY")
