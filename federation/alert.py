"""A signed alert: a party's word that a suspicion of misuse has begun, grown, shrunk or ended.

Knows the document. Does not know how anybody comes to suspect somebody (``sentinel``). It names
nobody but those who ask: a caller, an operator's word, a case.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from crypto import envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from federation import limits
from federation.errors import PeerFault
from federation.manifest import Manifest
from federation.sentinel import Bounds, Rule, State
from federation.shapes import sized, text, whole
from federation.strictjson import b64, dumps, exactly, loads

PAYLOAD_TYPE: Final = "application/vnd.hedui.alert.v1+json"
MATTER_BYTES: Final = 16

_KEYS: Final = frozenset(
    {"federation", "party", "matter", "at", "rule", "about", "was", "state", "level", "bounds"}
)
_MOST: Final = (1 << 53) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One change of a suspicion, at a time (UTC seconds).

    ``matter`` is the same from its beginning to its end. ``about`` is a caller, an operator, a case
    or its reference, or a quantity, as the rule says; ``level`` is what was counted, ``bounds``
    what it was held to.
    """

    federation: str
    party: str
    matter: bytes
    at: int
    rule: Rule
    about: str
    was: State
    state: State
    level: int
    bounds: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """One change of a suspicion; ``record`` is the key or pseudonym of what it is about."""

    at: int
    matter: bytes
    rule: Rule
    about: str
    state: State
    level: int
    record: bytes = field(default=b"", repr=False)


def sign(alert: Alert, key: SigningKey) -> bytes:
    """Sign an alert, as DSSE JSON."""
    payload = dumps(
        {
            "federation": alert.federation,
            "party": alert.party,
            "matter": b64(alert.matter),
            "at": alert.at,
            "rule": alert.rule.value,
            "about": alert.about,
            "was": alert.was.value,
            "state": alert.state.value,
            "level": alert.level,
            "bounds": [alert.bounds.calm, alert.bounds.suspect, alert.bounds.alarm],
        }
    )
    return envelope.to_json(envelope.sign(payload, PAYLOAD_TYPE, key))


def read(document: bytes, manifest: Manifest, party: str) -> Alert:
    """Verify and read an alert that a party of a federation has signed.

    Raises:
        PeerFault: ALERT_INVALID, whatever is wrong with it; PARTY_UNKNOWN.
    """
    keys = manifest.party(party).keys
    try:
        signed = envelope.from_json(document, max_bytes=limits.ALERT_BYTES)
        alert = _read(envelope.verify(signed, keys, payload_type=PAYLOAD_TYPE))
    except (CryptoError, PeerFault, TypeError, ValueError) as e:
        raise PeerFault("ALERT_INVALID", party=party, why=type(e).__name__) from e
    if (alert.federation, alert.party) != (manifest.federation, party):
        raise PeerFault("ALERT_INVALID", party=party, why="party")
    return alert


def _read(payload: bytes) -> Alert:
    raw = exactly(loads(payload, "alert"), _KEYS, "alert")
    alert = Alert(
        federation=text(raw["federation"]),
        party=text(raw["party"]),
        matter=sized(raw["matter"], MATTER_BYTES),
        at=whole(raw["at"], 0, limits.CONSENT_END),
        rule=Rule(text(raw["rule"])),
        about=text(raw["about"]),
        was=State(text(raw["was"])),
        state=State(text(raw["state"])),
        level=whole(raw["level"], 0, _MOST),
        bounds=_bounds(raw["bounds"]),
    )
    if dumps(raw) != payload or alert.was is alert.state:
        raise ValueError("no change")
    return alert


def _bounds(value: Any) -> Bounds:
    calm, suspect, alarm = (whole(one, 0, _MOST) for one in value)
    return Bounds(calm=calm, suspect=suspect, alarm=alarm)
