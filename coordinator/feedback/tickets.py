"""A data-quality ticket: the centre's signed word to a department that an answer was wrong.

Knows the document. It names no person: the department finds its record by the exchange in which it
answered. What several departments told together is not in it, since each knows only its own share.
"""

from dataclasses import dataclass
from typing import Final

from coordinator.feedback.tasks import Result
from crypto import envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from federation import limits
from federation.errors import PeerFault
from federation.manifest import Manifest
from federation.shapes import sized, text, whole
from federation.strictjson import b64, dumps, exactly, loads, unb64

PAYLOAD_TYPE: Final = "application/vnd.hedui.quality-ticket.v1+json"
INVALID: Final = "TICKET_INVALID"
_LATEST_DAY: Final = 9999_12_31
_DIGEST: Final = 32
_KEYS: Final = frozenset(
    {
        *("federation", "centre", "department", "ticket", "issued", "fault", "predicate"),
        *("parameter", "outcome", "as_of", "exchange", "position", "document"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a department is asked to look at; ``issued`` in UTC seconds.

    ``exchange`` is the id of the request it answered, ``position`` the question's place in it; for
    a sum the run's, and its position is 0. ``document`` is the SHA-256 of the township's paper.
    """

    federation: str
    centre: str
    department: str
    ticket: str
    issued: int
    fault: Result
    predicate: str
    parameter: str
    outcome: str
    as_of: int
    exchange: bytes
    position: int
    document: bytes


def sign(one: Ticket, key: SigningKey) -> bytes:
    """Sign a ticket, as DSSE JSON."""
    payload = dumps(
        {
            "federation": one.federation,
            "centre": one.centre,
            "department": one.department,
            "ticket": one.ticket,
            "issued": one.issued,
            "fault": one.fault.value,
            "predicate": one.predicate,
            "parameter": one.parameter,
            "outcome": one.outcome,
            "as_of": one.as_of,
            "exchange": b64(one.exchange),
            "position": one.position,
            "document": b64(one.document),
        }
    )
    return envelope.to_json(envelope.sign(payload, PAYLOAD_TYPE, key))


def read(document: bytes, manifest: Manifest, centre: str) -> Ticket:
    """Verify and read a ticket that a centre has signed.

    Raises:
        PeerFault: TICKET_INVALID, whatever is wrong with it; PARTY_UNKNOWN.
    """
    keys = manifest.party(centre).keys
    try:
        signed = envelope.from_json(document, max_bytes=limits.ALERT_BYTES)
        one = _read(envelope.verify(signed, keys, payload_type=PAYLOAD_TYPE))
    except (CryptoError, PeerFault, TypeError, ValueError) as e:
        raise PeerFault(INVALID, party=centre, why=type(e).__name__) from e
    if (one.federation, one.centre) != (manifest.federation, centre):
        raise PeerFault(INVALID, party=centre, why="party")
    return one


def _read(payload: bytes) -> Ticket:
    raw = exactly(loads(payload, "ticket"), _KEYS, "ticket")
    return Ticket(
        federation=text(raw["federation"]),
        centre=text(raw["centre"]),
        department=text(raw["department"]),
        ticket=text(raw["ticket"]),
        issued=whole(raw["issued"], 0, limits.CONSENT_END),
        fault=Result(text(raw["fault"])),
        predicate=text(raw["predicate"]),
        parameter=text(raw["parameter"]),
        outcome=text(raw["outcome"]),
        as_of=whole(raw["as_of"], 0, _LATEST_DAY),
        exchange=unb64(raw["exchange"], "exchange"),
        position=whole(raw["position"], 0, limits.CONSENT_END),
        document=sized(raw["document"], _DIGEST),
    )
