"""Whose keys sign checkpoints and cosign them, by the manifest.

Knows the names under which parties sign notes. Does not know how many cosignatures are enough:
``Manifest.quorum`` does.
"""

from collections.abc import Mapping, Sequence

from crypto import note
from crypto.errors import BadNote
from crypto.note import Note, NoteKey
from federation.manifest import Manifest, PartyRole


def log_keys(manifest: Manifest, party: str) -> list[NoteKey]:
    """List the keys that may sign a party's checkpoints: all its Ed25519 keys.

    Raises:
        PeerFault: PARTY_UNKNOWN.
    """
    return manifest.note_keys(party, note.SIGNED)


def witness_keys(manifest: Manifest) -> dict[str, list[NoteKey]]:
    """List the keys that may cosign checkpoints, by the witness's id."""
    witnesses = manifest.having(PartyRole.WITNESS)
    return {one.id: manifest.note_keys(one.id, note.COSIGNED) for one in witnesses}


def cosigners(checkpoint: Note, keys: Mapping[str, Sequence[NoteKey]]) -> frozenset[str]:
    """Tell which witnesses have cosigned a checkpoint; lines that do not hold are ignored."""
    return frozenset(
        witness for witness, mine in keys.items() if any(cosigned(checkpoint, key) for key in mine)
    )


def cosigned(checkpoint: Note, key: NoteKey) -> bool:
    """Tell whether a witness's key has cosigned a checkpoint."""
    try:
        note.verify_cosignature(checkpoint, key)
    except BadNote:
        return False
    return True
