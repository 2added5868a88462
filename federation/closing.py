"""A department's signed word on how often the grants of a token have been used.

A token's uses count along the chain of its renewals, and every answer says which use it was: with
all answers 1 … k at hand and the department's word that there were k, nothing is missing. Knows the
document. Does not know what was asked or answered, when a consent ends, or whom a token is about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from crypto import envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from federation import limits
from federation.errors import PeerFault
from federation.manifest import Manifest, PartyRole
from federation.shapes import sized, text, whole
from federation.strictjson import b64, dumps, exactly, loads

PAYLOAD_TYPE: Final = "application/vnd.hedui.count.v1+json"
ID_BYTES: Final = 16

_KEYS: Final = frozenset({"federation", "department", "at", "token", "chain", "uses"})


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class GrantUses:
    """A grant that was used, and how often."""

    predicate: str
    parameter: str
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingCount:
    """What a department says of a token at a time (UTC seconds), by grant in rising order.

    ``chain`` is the id of the first token of its renewals there, and empty where the department
    does not know the token: it was never shown there, or was erased since. Then it says nothing of
    uses.
    """

    federation: str
    department: str
    at: int
    token: bytes
    chain: bytes = b""
    uses: tuple[GrantUses, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the department knows the token."""
        return bool(self.chain)


def sign(count: ClosingCount, key: SigningKey) -> bytes:
    """Sign a count, as DSSE JSON."""
    payload = dumps(
        {
            "federation": count.federation,
            "department": count.department,
            "at": count.at,
            "token": b64(count.token),
            "chain": b64(count.chain),
            "uses": [[one.predicate, one.parameter, one.used] for one in count.uses],
        }
    )
    return envelope.to_json(envelope.sign(payload, PAYLOAD_TYPE, key))


def read(document: bytes, manifest: Manifest, department: str) -> ClosingCount:
    """Verify and read a count that a department of a federation has signed.

    Raises:
        PeerFault: COUNT_INVALID, whatever is wrong with it; PARTY_UNKNOWN for no department.
    """
    keys = manifest.party(department, PartyRole.NODE).keys
    try:
        signed = envelope.from_json(document, max_bytes=limits.COUNT_BYTES)
        payload = envelope.verify(signed, keys, payload_type=PAYLOAD_TYPE)
        count = _read(payload)
    except (CryptoError, PeerFault, ValueError) as e:
        raise PeerFault("COUNT_INVALID", department=department, why=type(e).__name__) from e
    if (count.federation, count.department) != (manifest.federation, department):
        raise PeerFault("COUNT_INVALID", department=department, why="department")
    return count


def _read(payload: bytes) -> ClosingCount:
    raw = exactly(loads(payload, "count"), _KEYS, "count")
    if dumps(raw) != payload:
        raise ValueError("spelling")
    count = ClosingCount(
        federation=text(raw["federation"]),
        department=text(raw["department"]),
        at=whole(raw["at"], 0, limits.CONSENT_END),
        token=sized(raw["token"], ID_BYTES),
        chain=sized(raw["chain"], ID_BYTES) if raw["chain"] != "" else b"",
        uses=tuple(_uses(one) for one in _listed(raw["uses"])),
    )
    if count.uses and not count.known:
        raise ValueError("uses of an unknown token")
    if any(_grant(one) >= _grant(other) for one, other in pairwise(count.uses)):
        raise ValueError("order of uses")
    return count


def _uses(value: Any) -> GrantUses:
    predicate, parameter, used = _listed(value)
    return GrantUses(
        predicate=text(predicate),
        parameter=text(parameter),
        used=whole(used, 1, limits.GRANT_USES),
    )


def _grant(one: GrantUses) -> tuple[str, str]:
    return one.predicate, one.parameter


def _listed(value: Any) -> Sequence[Any]:
    if type(value) is not list or len(value) > limits.COUNT_GRANTS:
        raise ValueError("list")
    return value
