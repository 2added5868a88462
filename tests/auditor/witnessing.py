"""A federation with three witnesses, and logs that can show anybody any past they like.

A log is a list of leaves: a fork, a rewrite or a rollback is a one-line edit of it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auditor.witness_server import Witness
from auditor.witness_store import FILE, WitnessStore
from crypto import checkpoint, merkle, note
from crypto.checkpoint import Checkpoint
from crypto.keys import SealCost
from crypto.note import Note, NoteSignature
from federation import founding
from federation import party as parties
from federation.clock import Clock, FixedClock
from federation.founding import FederationPlan, PartyPlan
from federation.log.keys import witness_keys
from federation.manifest import Manifest, PartyRole
from federation.party import Party
from federation.wire import log_messages as messages
from federation.wire.log_messages import AddCheckpoint, Cosigned
from hedui.demo.stage import free_ports
from tests.support.twin import NOW, POLICY

LOG = "tax"
OTHER = "coordinator"
WITNESSES = ("witness_a", "witness_b", "witness_c")


def found(
    folder: Path, now: int = NOW, logs: Sequence[str] = (LOG,), *, reachable: bool = False
) -> Path:
    """Found a federation whose registrar, centre and departments have three witnesses."""
    roles = {
        "registrar": PartyRole.REGISTRAR,
        OTHER: PartyRole.COORDINATOR,
        **dict.fromkeys(logs, PartyRole.NODE),
        "auditor": PartyRole.AUDITOR,
        **dict.fromkeys(WITNESSES, PartyRole.WITNESS),
    }
    ports = free_ports(len(roles)) if reachable else [0] * len(roles)
    parties = [
        PartyPlan(
            id=name,
            role=role,
            kind="tax" if role is PartyRole.NODE else "",
            zh="某",
            en=name,
            endpoint=f"127.0.0.1:{port}",
        )
        for (name, role), port in zip(roles.items(), ports, strict=True)
    ]
    founding.found(
        folder,
        FederationPlan(
            federation="test",
            parties=parties,
            policy=POLICY.encode(),
            now=now,
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )
    return folder


def load(folder: Path, party: str, now: int = NOW) -> Party:
    """Open a party's folder."""
    return parties.load(folder / party, None, now)


def witness(folder: Path, clock: Clock | None = None, name: str = "witness_a") -> Witness:
    """Wire a witness without its server."""
    told = clock or FixedClock(NOW)
    party = load(folder, name, told.now())
    return Witness(party, WitnessStore(party.data / FILE), told)


def leaves(count: int, view: str = "") -> list[bytes]:
    """Make leaf hashes; each view has its own."""
    return [hashlib.sha256(f"{view} {n}".encode()).digest() for n in range(count)]


@dataclass
class TwinLog:
    """A party's log in memory, and the key that signs for it."""

    party: Party
    leaves: list[bytes] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return self.party.manifest.note_name(self.party.id)

    def tree(self, size: int | None = None) -> Checkpoint:
        seen = self.leaves if size is None else self.leaves[:size]
        return Checkpoint(origin=self.origin, size=len(seen), root=merkle.root(seen))

    def note(self, size: int | None = None) -> bytes:
        return self.sign(checkpoint.write(self.tree(size)))

    def sign(self, text: str) -> bytes:
        line = note.sign(text, self.origin, self.party.key)
        return note.write(Note(text=text, signatures=(line,)))

    def proof(self, old: int, size: int | None = None) -> tuple[bytes, ...]:
        seen = self.leaves[: len(self.leaves) if size is None else size]
        return tuple(merkle.consistency_path(old, seen)) if 0 < old < len(seen) else ()

    def request(self, old: int, size: int | None = None) -> AddCheckpoint:
        """Say what an honest log says."""
        return AddCheckpoint(old_size=old, proof=self.proof(old, size), checkpoint=self.note(size))

    def fork(self, at: int, more: int, view: str = "forked") -> "TwinLog":
        """Make a log of the same party that has another past from a leaf on."""
        return TwinLog(self.party, self.leaves[:at] + leaves(more, view))


def say(witness: Witness, request: AddCheckpoint, caller: str = LOG) -> Cosigned:
    """Present a checkpoint as it comes off the wire."""
    reply = witness.add_checkpoint(caller, messages.encode_checkpoint(request))
    return messages.decode_cosigned(reply)


def cosigned_at(said: Cosigned, request: AddCheckpoint, manifest: Manifest, by: str) -> int:
    """Believe a witness's lines, and give their time."""
    text = note.parse(request.checkpoint).text
    signed = note.parse(f"{text}\n{said.lines}".encode())
    (line,) = signed.signatures
    assert isinstance(line, NoteSignature)
    (key,) = witness_keys(manifest)[by]
    return note.verify_cosignature(signed, key)
