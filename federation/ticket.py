"""A data-quality ticket: a centre's signed word to a department that an answer was wrong.

Knows the document. It names no person: the department finds its record by the exchange in which it
answered. What several departments told together is not in it, since each knows only its own share.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from crypto import envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from federation import catalogue, limits, words
from federation.errors import BadInput, PeerFault
from federation.manifest import Manifest, PartyRole, fits_id
from federation.shapes import sized, text, whole
from federation.strictjson import b64, dumps, exactly, loads, unb64
from federation.summing import DIGEST

PAYLOAD_TYPE: Final = "application/vnd.hedui.quality-ticket.v1+json"
INVALID: Final = "TICKET_INVALID"

_LATEST_DAY: Final = 9999_12_31
_PAPER: Final = 32
_NUMBER: Final = re.compile(r"QT-[a-z][a-z0-9_]*-[0-9]{4}-[0-9]{4,9}")
_PARAMETER: Final = re.compile(r"([a-z0-9]+(-[a-z0-9]+)*)?")
_OUTCOME: Final = re.compile(r"([A-Z_]+(\([A-Za-z0-9_]+\))?)?")
_EXCHANGES: Final = frozenset({0, limits.QID_BYTES, DIGEST})
_KEYS: Final = frozenset(
    {
        *("federation", "centre", "department", "ticket", "issued", "fault", "predicate"),
        *("parameter", "outcome", "as_of", "exchange", "position", "document"),
    }
)


class Fault(StrEnum):
    """What a township found wrong with an answer."""

    WRONG_PERSON = "WRONG_PERSON"
    WRONG_DATA = "WRONG_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a department is asked to look at; ``issued`` in UTC seconds.

    ``exchange`` is the id of the request it answered, ``position`` the question's place in it; for
    a sum the run's, and its position is 0; empty for what is found in no single exchange.
    ``document`` is the SHA-256 of the township's paper.
    """

    federation: str
    centre: str
    department: str
    ticket: str
    issued: int
    fault: Fault
    predicate: str
    parameter: str
    outcome: str
    as_of: int
    exchange: bytes
    position: int
    document: bytes

    @property
    def run(self) -> bool:
        """Whether the exchange is a run of a sum."""
        return len(self.exchange) == DIGEST


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


def read(document: bytes, manifest: Manifest) -> Ticket:
    """Verify and read a ticket that a centre of the federation has signed.

    Raises:
        PeerFault: TICKET_INVALID, whatever is wrong with it.
    """
    try:
        signed = envelope.from_json(document, max_bytes=limits.TICKET_BYTES)
        one = _read(signed.payload)
        keys = manifest.party(one.centre, PartyRole.COORDINATOR).keys
        envelope.verify(signed, keys, payload_type=PAYLOAD_TYPE)
    except (BadInput, CryptoError, PeerFault, ValueError) as e:
        raise PeerFault(INVALID, why=type(e).__name__) from e
    if one.federation != manifest.federation:
        raise PeerFault(INVALID, why="federation")
    return one


def _read(payload: bytes) -> Ticket:
    raw = exactly(loads(payload, "ticket"), _KEYS, "ticket")
    one = Ticket(
        federation=text(raw["federation"]),
        centre=text(raw["centre"]),
        department=text(raw["department"]),
        ticket=_spelled(raw["ticket"], _NUMBER),
        issued=whole(raw["issued"], 0, limits.CONSENT_END),
        fault=Fault(text(raw["fault"])),
        predicate=catalogue.load().predicate(text(raw["predicate"])).id,
        parameter=_spelled(raw["parameter"], _PARAMETER),
        outcome=_spelled(raw["outcome"], _OUTCOME),
        as_of=whole(raw["as_of"], 0, _LATEST_DAY),
        exchange=unb64(raw["exchange"], "exchange"),
        position=whole(raw["position"], 0, limits.ITEMS - 1),
        document=sized(raw["document"], _PAPER),
    )
    if dumps(raw) != payload or not _fits(one):
        raise ValueError("ticket")
    return one


def _spelled(value: object, form: re.Pattern[str]) -> str:
    """Hold a value to a short text of one form: nothing in it can lead a terminal astray."""
    if not form.fullmatch(text(value)):
        raise ValueError("form")
    return str(value)


def _fits(one: Ticket) -> bool:
    """Tell whether the parts of a ticket go together."""
    ours = one.ticket.startswith(f"QT-{one.department}-") and fits_id(one.department)
    placed = one.position == 0 or len(one.exchange) == limits.QID_BYTES
    dated = one.as_of == 0 or words.day(one.as_of) != ""
    return ours and placed and dated and len(one.exchange) in _EXCHANGES
