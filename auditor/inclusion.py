"""The links between an exchange and its department's log: entry, tree, checkpoint, witnesses.

Knows what must hold between them (protocol §6). Pure, as ``verify`` is. Does not know a log beyond
the one entry, nor whether two checkpoints of it agree.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from auditor.records import KINDS
from crypto import checkpoint, envelope, merkle, note
from crypto.checkpoint import Checkpoint
from crypto.errors import BadNote, BadProof
from crypto.note import Note, NoteKey, NoteSignature
from federation.errors import PeerFault
from federation.exchange import Header
from federation.ledger import LedgerEntry
from federation.log import proof
from federation.log.keys import log_keys, witness_keys
from federation.log.proof import Proof
from federation.manifest import Manifest
from federation.receipt import LogProof, Receipt
from federation.wire import codec

_KINDS: Final = {method: kind for kind, method in KINDS.items()}
_NAME_SHOWN: Final = 100
_TIME: Final = 8
_COSIGNATURE: Final = _TIME + 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """Where an exchange stands in a log, and under which checkpoint."""

    index: int
    note: Note
    checkpoint: Checkpoint


def recorded(receipt: Receipt, caller: str, said: Header) -> None:
    """Refuse a log entry that is not of this exchange.

    Raises:
        PeerFault: RECEIPT_LOG_RECORD.
    """
    asked, answer = receipt.request.envelope, receipt.answer.envelope
    try:
        entry = codec.decode_entry(receipt.log.record)
    except PeerFault as e:
        raise PeerFault("RECEIPT_LOG_RECORD", why=e.code) from e
    exchange = LedgerEntry(
        at=said.issued,
        kind=_KINDS.get(said.method, ""),
        caller=caller,
        request=asked.payload,
        request_signature=asked.signatures[0].sig,
        answer=answer.payload,
        beside=entry.beside,
    )
    if entry != exchange:
        fields = LedgerEntry.__slots__
        wrong = [name for name in fields if getattr(entry, name) != getattr(exchange, name)]
        raise PeerFault("RECEIPT_LOG_RECORD", why=", ".join(wrong))


def included(log: LogProof, origin: str) -> Logged:
    """Hold a record to the root of the checkpoint that comes with it; the origin is the log's name.

    Raises:
        PeerFault: RECEIPT_LOG_PROOF or RECEIPT_CHECKPOINT.
    """
    found = _proof(log.proof)
    try:
        signed = note.parse(found.checkpoint)
        tree = checkpoint.parse(signed.text)
    except BadNote as e:
        raise PeerFault("RECEIPT_CHECKPOINT", why=str(e)) from e
    if tree.origin != origin:
        raise PeerFault("RECEIPT_CHECKPOINT", why=tree.origin[:_NAME_SHOWN])
    leaf = envelope.item_leaf(log.salt, log.record)
    try:
        reached = merkle.root_by_path(leaf, found.index, tree.size, found.hashes)
    except BadProof as e:
        raise PeerFault("RECEIPT_LOG_PROOF", why=str(e)) from e
    if reached != tree.root:
        raise PeerFault("RECEIPT_LOG_PROOF", signed=tree.root.hex(), computed=reached.hex())
    return Logged(index=found.index, note=signed, checkpoint=tree)


def cosigned(signed: Note, party: str, document: Manifest) -> dict[str, int]:
    """Hold a checkpoint to its log's key and to witnesses; give the time at which each cosigned.

    A line of anybody else, or one that fails, is refused too: it could only be there to impress.

    Raises:
        PeerFault: RECEIPT_CHECKPOINT, RECEIPT_COSIGNATURE or RECEIPT_WITNESSES.
    """
    own = {(key.name, key.key_id): key for key in log_keys(document, party)}
    witnesses = {
        (key.name, key.key_id): (witness, key)
        for witness, keys in witness_keys(document).items()
        for key in keys
    }
    cosigners: dict[str, int] = {}
    log_signed = False
    for line in signed.signatures:
        named = line.name, line.key_id
        if named in witnesses:
            witness, key = witnesses[named]
            cosigners.setdefault(witness, _time(signed, key))
        else:
            _own(signed, line, own)
            log_signed = True
    if not log_signed:
        raise PeerFault("RECEIPT_CHECKPOINT", why=f"no signature of {party}")
    if len(cosigners) < document.quorum:
        raise PeerFault("RECEIPT_WITNESSES", witnesses=len(cosigners), needed=document.quorum)
    return cosigners


def fault(data: bytes, documents: Iterable[Manifest]) -> tuple[int, int] | None:
    """Find the part of a checkpoint that nobody vouches for: first byte and one past the last.

    That is the first line of signatures that fails, or the text where of several none holds it.
    """
    keys = {
        (key.name, key.key_id): key
        for document in documents
        for party in document.parties
        for key in (*log_keys(document, party), *witness_keys(document).get(party, ()))
    }
    text, blank, rest = data.rpartition(b"\n\n")
    start = len(text + blank)
    lines = rest.splitlines(keepends=True)
    if not blank or len(lines) > note.SIGNATURES_MAX:
        return 0, len(data)
    ends = accumulate(map(len, lines), initial=start)
    held = [_holds(data[:start] + line, keys) for line in lines]
    if not any(held):
        return 0, start if len(lines) > 1 else len(data)
    places = zip(pairwise(ends), held, strict=True)
    return next((place for place, holds in places if not holds), None)


def latest(signed: Note, least: int) -> int:
    """Read the latest time that a cosignature names, unverified, or the least if none is later."""
    values = (line.value for line in signed.signatures)
    times = [int.from_bytes(one[:_TIME], "big") for one in values if len(one) == _COSIGNATURE]
    return max([least, *times])


def _time(signed: Note, key: NoteKey) -> int:
    try:
        return note.verify_cosignature(signed, key)
    except BadNote as e:
        raise PeerFault("RECEIPT_COSIGNATURE", party=key.name, why=str(e)) from e


def _holds(data: bytes, keys: Mapping[tuple[str, bytes], NoteKey]) -> bool:
    """Tell whether the one signature of a note is by a key that is known."""
    try:
        signed = note.parse(data)
        (line,) = signed.signatures
        key = keys[line.name, line.key_id]
        if key.algorithm == note.SIGNED:
            note.verify(signed, key)
        else:
            note.verify_cosignature(signed, key)
    except (BadNote, KeyError):
        return False
    return True


def _own(signed: Note, line: NoteSignature, own: Mapping[tuple[str, bytes], NoteKey]) -> None:
    shown = line.name[:_NAME_SHOWN]
    try:
        note.verify(signed, own[line.name, line.key_id])
    except KeyError as e:
        raise PeerFault("RECEIPT_COSIGNATURE", party=shown, why="unknown key") from e
    except BadNote as e:
        raise PeerFault("RECEIPT_CHECKPOINT", why=str(e)) from e


def _proof(data: bytes) -> Proof:
    try:
        found = proof.parse(data)
    except PeerFault as e:
        raise PeerFault("RECEIPT_LOG_PROOF", why=e.code) from e
    if found.extra:  # nothing vouches for it
        raise PeerFault("RECEIPT_LOG_PROOF", why="extra")
    return found
