"""Have checkpoints cosigned: what is said to a witness, and which of its answers is believed.

Knows the log's side of C2SP tlog-witness, through a port. Does not know sockets, how often a
witness is asked, or how many cosignatures are enough.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

from crypto import note, tiles
from crypto.errors import BadNote
from crypto.note import Note, NoteKey, NoteSignature
from federation.errors import HeduiError, PeerFault, Unavailable
from federation.log.book import Book, Kept, altered, hashes
from federation.log.keys import cosigned, cosigners, witness_keys
from federation.manifest import Manifest
from federation.wire import log_messages as messages
from federation.wire.log_messages import AddCheckpoint, Cosigned

log = logging.getLogger(__name__)

Send = Callable[[str, bytes], bytes]
"""Sends an ``AddCheckpoint`` to a witness by its id and gives the ``Cosigned`` it answers."""

ACCUSATIONS: Final = frozenset({"LOG_SPLIT", "LOG_ROLLED_BACK", "LOG_INCONSISTENT"})
"""What a witness says of a log that contradicts what it has cosigned."""


class Witnesses:
    """The witnesses of one log, and how far each of them has followed it.

    ``accusing`` are those that say that the log contradicts an earlier checkpoint of itself.
    """

    def __init__(self, book: Book, send: Send) -> None:
        self._book = book
        self._send = send
        self._sizes: dict[str, int] = {}
        self.accusing: set[str] = set()

    def gather(self, kept: Kept, manifest: Manifest) -> frozenset[str]:
        """Ask all at once who have not cosigned a checkpoint, keep what they say; tell who have.

        Raises:
            Unavailable: LOG_UNAVAILABLE or LOG_ALTERED, of the own book.
        """
        keys = witness_keys(manifest)
        signed = parsed(kept)
        missing = sorted(keys.keys() - cosigners(signed, keys))
        if missing:
            with ThreadPoolExecutor(len(missing), thread_name_prefix="witness") as pool:
                asked = pool.map(lambda one: self._ask(one, kept, signed.text, keys[one]), missing)
                for lines in filter(None, asked):
                    signed = replace(signed, signatures=(*signed.signatures, *lines))
                    self._book.cosigned(replace(kept, note=note.write(signed)))
        return cosigners(signed, keys)

    def _ask(
        self, witness: str, kept: Kept, text: str, keys: Sequence[NoteKey]
    ) -> tuple[NoteSignature, ...]:
        """Give the lines of a witness that hold: none where it refuses or cannot be reached.

        One that has seen another size than we thought says so, and is asked once more.
        """
        for _ in range(2):
            request = self._request(witness, kept)
            try:
                answer = messages.decode_cosigned(self._send(witness, request))
                lines = _believed(witness, answer, text, keys)
            except HeduiError as error:
                if error.code in ACCUSATIONS:
                    self.accusing.add(witness)
                _warn(witness, error)
                return ()
            self._sizes[witness] = kept.size if lines else answer.known_size
            if lines:
                self.accusing.discard(witness)
                return lines
        _warn(witness, PeerFault("MALFORMED", message="another size each time"))
        return ()

    def _request(self, witness: str, kept: Kept) -> bytes:
        old = min(self._sizes.get(witness, 0), kept.size)
        proof: Sequence[bytes] = ()
        if old:
            proof = tiles.consistency(old, kept.size, hashes(self._book))
        return messages.encode_checkpoint(
            AddCheckpoint(old_size=old, proof=tuple(proof), checkpoint=kept.note)
        )


def parsed(kept: Kept) -> Note:
    """Read the note of a checkpoint that is kept.

    Raises:
        Unavailable: LOG_ALTERED when it is none.
    """
    try:
        return note.parse(kept.note)
    except BadNote as e:
        raise altered(kept.size) from e


def _warn(witness: str, why: HeduiError) -> None:
    missing = Unavailable("COSIGNATURE_MISSING", witness=witness)
    log.warning("%s: %s", missing.both(), why.both())


def _believed(
    witness: str, answer: Cosigned, text: str, keys: Sequence[NoteKey]
) -> tuple[NoteSignature, ...]:
    """Give those of a witness's lines that its listed keys have signed; none of no lines.

    Raises:
        PeerFault: MALFORMED, or BAD_SIGNATURE when no line holds.
    """
    if not answer.lines:
        return ()
    try:
        lines = note.parse(f"{text}\n{answer.lines}".encode()).signatures
    except BadNote as e:
        raise PeerFault("MALFORMED", message="Cosigned") from e
    held = tuple(line for line in lines if _holds(Note(text=text, signatures=(line,)), keys))
    if not held:
        raise PeerFault("BAD_SIGNATURE", sender=witness)
    return held


def _holds(line: Note, keys: Sequence[NoteKey]) -> bool:
    return any(cosigned(line, key) for key in keys)
