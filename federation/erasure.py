"""Orders to erase what is kept about a person whose consents have all ended.

The registrar signs one for each department, which names the person by its pseudonyms there and
nowhere else: two departments' orders have nothing in common but registrar, day and reason. Does not
know whose pseudonyms they are, nor what a party keeps.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from crypto import envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from federation import limits
from federation.errors import BadInput, PeerFault
from federation.manifest import Manifest
from federation.shapes import sized, text, whole
from federation.strictjson import b64, dumps, exactly, loads

PAYLOAD_TYPE: Final = "application/vnd.hedui.erasure.v1+json"
ID_BYTES: Final = 16
SUB_BYTES: Final = 32
SUBS_MOST: Final = 100
"""Most pseudonyms of a person at one department: it has a new one each year."""

_KEYS: Final = frozenset(
    {"federation", "registrar", "order", "issued", "department", "subs", "reason"}
)


class Reason(StrEnum):
    """Why something is erased (Personal Information Protection Law, article 47)."""

    REQUESTED = "REQUESTED"
    PURPOSE_ENDED = "PURPOSE_ENDED"
    WITHDRAWN = "WITHDRAWN"
    UNLAWFUL = "UNLAWFUL"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureOrder:
    """A verified order; ``issued`` is the beginning of its day, UTC seconds.

    ``subs`` are the person's 32-byte pseudonyms at the department, in rising order.
    """

    federation: str
    registrar: str
    id: bytes
    issued: int
    department: str
    subs: tuple[bytes, ...] = field(repr=False)
    reason: Reason


def sign(order: ErasureOrder, key: SigningKey) -> bytes:
    """Sign an order, as DSSE JSON."""
    payload = dumps(
        {
            "federation": order.federation,
            "registrar": order.registrar,
            "order": b64(order.id),
            "issued": order.issued,
            "department": order.department,
            "subs": [b64(sub) for sub in order.subs],
            "reason": order.reason.value,
        }
    )
    return envelope.to_json(envelope.sign(payload, PAYLOAD_TYPE, key))


def read(document: bytes, manifest: Manifest) -> ErasureOrder:
    """Verify and read an order of a federation's registrar.

    Raises:
        BadInput: ERASURE_INVALID, whatever is wrong with it.
    """
    registrar = manifest.registrar
    try:
        signed = envelope.from_json(document, max_bytes=limits.ERASURE_BYTES)
        payload = envelope.verify(signed, registrar.keys, payload_type=PAYLOAD_TYPE)
        order = _read(loads(payload, "erasure"))
    except (CryptoError, PeerFault, ValueError) as e:
        raise BadInput("ERASURE_INVALID", why=type(e).__name__) from e
    if (order.federation, order.registrar) != (manifest.federation, registrar.id):
        raise BadInput("ERASURE_INVALID", why="federation")
    return order


def _read(value: Any) -> ErasureOrder:
    raw = exactly(value, _KEYS, "erasure")
    subs = raw["subs"]
    if type(subs) is not list or not 1 <= len(subs) <= SUBS_MOST:
        raise ValueError("subs")
    order = ErasureOrder(
        federation=text(raw["federation"]),
        registrar=text(raw["registrar"]),
        id=sized(raw["order"], ID_BYTES),
        issued=whole(raw["issued"], 0, limits.CONSENT_END),
        department=text(raw["department"]),
        subs=tuple(sized(sub, SUB_BYTES) for sub in subs),
        reason=Reason(text(raw["reason"])),
    )
    if any(one >= other for one, other in pairwise(order.subs)):
        raise ValueError("order of subs")
    return order
