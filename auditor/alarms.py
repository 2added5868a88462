"""Alarms: two checkpoints that a log signed and that cannot both be, kept and shown to others.

Knows the document in which a witness hands an alarm on (DSSE over JSON), and how it is believed: by
the signatures of log and witness, and by judging once more. Does not know where alarms are kept.
"""

from dataclasses import dataclass, field
from typing import Final

from auditor import witness
from auditor.witness import Presented, Seen, Verdict
from crypto import envelope, note
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from crypto.merkle import HASH_SIZE
from crypto.note import NOTE_MAX, TIME_MAX
from crypto.tiles import SIZE_MAX
from federation.errors import BadInput, PeerFault
from federation.log.keys import log_keys, witness_keys
from federation.manifest import Manifest, PartyRole
from federation.shapes import sized, text, whole
from federation.strictjson import Json, b64, dumps, exactly, loads, unb64
from federation.wire.log_messages import PROOF, AddCheckpoint

PAYLOAD_TYPE: Final = "application/vnd.hedui.log-alarm.v1+json"
MAX_BYTES: Final = 4 * NOTE_MAX
_KEYS: Final = frozenset(
    {"witness", "at", "origin", "code", "known", "presented", "old_size", "proof"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """What a log presented (``presented``, from ``old_size`` by ``proof``), what it had shown.

    ``count`` is how often the witness had cosigned the log by then; 0 where that is not known.
    """

    at: int
    origin: str
    code: Verdict
    known: bytes = field(repr=False)
    presented: bytes = field(repr=False)
    old_size: int
    proof: tuple[bytes, ...] = field(repr=False)
    count: int = field(default=0, compare=False)

    @property
    def proven(self) -> bool:
        """Whether the log's own signatures prove it; else it rests on the witness's word."""
        return self.code is Verdict.SPLIT


def raised(verdict: Verdict, seen: Seen, presented: Presented, at: int) -> Alarm:
    """Put an alarm together."""
    return Alarm(
        at=at,
        origin=presented.tree.origin,
        code=verdict,
        known=seen.note,
        presented=note.write(presented.note),
        old_size=presented.old_size,
        proof=presented.proof,
        count=seen.count,
    )


def write(alarm: Alarm, by: str, key: SigningKey) -> bytes:
    """Write and sign the document in which a witness hands an alarm on."""
    payload = dumps(
        {
            "witness": by,
            "at": alarm.at,
            "origin": alarm.origin,
            "code": alarm.code.value,
            "known": b64(alarm.known),
            "presented": b64(alarm.presented),
            "old_size": alarm.old_size,
            "proof": [b64(one) for one in alarm.proof],
        }
    )
    return envelope.to_json(envelope.sign(payload, PAYLOAD_TYPE, key))


def read(document: bytes, manifest: Manifest) -> tuple[str, Alarm]:
    """Verify an alarm by the manifest's keys; give the witness's id with it.

    Raises:
        BadInput: ALARM_INVALID, whatever is wrong with it.
    """
    witnesses = manifest.having(PartyRole.WITNESS)
    known = {kid: key for entry in witnesses for kid, key in entry.keys.items()}
    try:
        signed = envelope.from_json(document, max_bytes=MAX_BYTES)
        payload = envelope.verify(signed, known, payload_type=PAYLOAD_TYPE)
        raw = exactly(loads(payload, "alarm"), _KEYS, "alarm")
        by, alarm = text(raw["witness"]), _read(raw)
        _check_signers(by, [one.kid for one in signed.signatures], manifest)
        _check_cosigned(alarm.known, by, manifest)
        _check(alarm, manifest)
    except (CryptoError, PeerFault, ValueError) as e:
        raise BadInput("ALARM_INVALID", why=getattr(e, "code", type(e).__name__)) from e
    return by, alarm


def _read(raw: Json) -> Alarm:
    proof = raw["proof"]
    if type(proof) is not list or len(proof) > PROOF:
        raise ValueError("proof")
    return Alarm(
        at=whole(raw["at"], 0, TIME_MAX),
        origin=text(raw["origin"]),
        code=Verdict(text(raw["code"])),
        known=unb64(raw["known"], "note"),
        presented=unb64(raw["presented"], "note"),
        old_size=whole(raw["old_size"], 0, SIZE_MAX),
        proof=tuple(sized(one, HASH_SIZE) for one in proof),
    )


def _check_signers(by: str, kids: list[str], manifest: Manifest) -> None:
    """Refuse unless the witness itself is one of those who signed the document."""
    if manifest.party(by, PartyRole.WITNESS).keys.keys().isdisjoint(kids):
        raise ValueError("signed by another witness")


def _check_cosigned(data: bytes, by: str, manifest: Manifest) -> None:
    """Refuse unless the witness had put its name to what it says that it knew."""
    signed = note.parse(data)
    lines = {one.key_id for one in signed.signatures if one.name == manifest.note_name(by)}
    mine = [key for key in witness_keys(manifest)[by] if key.key_id in lines]
    if not mine:
        raise ValueError("not cosigned")
    for key in mine:
        note.verify_cosignature(signed, key)


def _check(alarm: Alarm, manifest: Manifest) -> None:
    """Refuse unless the log signed both notes, and they contradict each other as it is said."""
    log = alarm.origin.rpartition("/")[2]
    keys = log_keys(manifest, log)
    origin = manifest.note_name(log)

    def signed(old_size: int, proof: tuple[bytes, ...], checkpoint: bytes) -> Presented:
        request = AddCheckpoint(old_size=old_size, proof=proof, checkpoint=checkpoint)
        return witness.present(request, origin, keys)

    tree = signed(0, (), alarm.known).tree
    presented = signed(alarm.old_size, alarm.proof, alarm.presented)
    verdict = witness.judge(Seen(size=tree.size, root=tree.root), presented)
    if alarm.origin != origin or verdict is not alarm.code or not verdict.alarm:
        raise ValueError("another verdict")
