"""An auditor's signed word on an aborted run of a sum: whether its opened seed replays.

Where it does, the coordinator sent what it had to, and the run may be tried a second time at this
one rung (protocol note §7). Knows the document. Does not know how a run is replayed.
"""

from dataclasses import dataclass
from typing import Final

from crypto import envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from federation import limits
from federation.errors import PeerFault
from federation.manifest import Manifest, PartyRole
from federation.shapes import sized, text
from federation.strictjson import b64, dumps, exactly, loads
from federation.summing import DIGEST

PAYLOAD_TYPE: Final = "application/vnd.hedui.verdict.v1+json"

_KEYS: Final = frozenset({"run", "rung", "replays"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the coordinator's part of a run at a rung is what its seed makes of it."""

    run: bytes
    rung: str
    replays: bool


def sign(verdict: Verdict, key: SigningKey) -> bytes:
    """Sign a verdict, as DSSE JSON."""
    payload = dumps(
        {"run": b64(verdict.run), "rung": verdict.rung, "replays": verdict.replays},
    )
    return envelope.to_json(envelope.sign(payload, PAYLOAD_TYPE, key))


def read(document: bytes, manifest: Manifest) -> Verdict:
    """Verify and read a verdict that an auditor of a federation has signed.

    Raises:
        PeerFault: VERDICT_INVALID, whatever is wrong with it.
    """
    auditors = manifest.having(PartyRole.AUDITOR)
    keys = {kid: key for one in auditors for kid, key in one.keys.items()}
    try:
        signed = envelope.from_json(document, max_bytes=limits.VERDICT_BYTES)
        return _read(envelope.verify(signed, keys, payload_type=PAYLOAD_TYPE))
    except (CryptoError, PeerFault, TypeError, ValueError) as e:
        raise PeerFault("VERDICT_INVALID", why=type(e).__name__) from e


def _read(payload: bytes) -> Verdict:
    raw = exactly(loads(payload, "verdict"), _KEYS, "verdict")
    if dumps(raw) != payload or type(raw["replays"]) is not bool:
        raise ValueError("spelling")
    return Verdict(run=sized(raw["run"], DIGEST), rung=text(raw["rung"]), replays=raw["replays"])
