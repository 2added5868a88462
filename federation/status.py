"""Revocation: the IETF Token Status List, one signed list per department, 2 bits an entry.

Knows the packed list and its JWT. Does not know who was revoked or why, and fetches nothing.
"""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from crypto.errors import CryptoError
from crypto.keys import SigningKey, VerifyKey
from federation import limits
from federation.errors import PeerFault, Refused
from federation.shapes import text
from federation.strictjson import b64, dumps, exactly, loads, unb64

TYPE: Final = "statuslist+jwt"
_PACKED: Final = limits.STATUS_ENTRIES // 4
_BITS: Final = 2
_TTL: Final = 60
_LOW_BITS: Final = int.from_bytes(b"\x55" * _PACKED, "little")
_CLAIMS: Final = frozenset({"sub", "iat", "exp", "ttl", "status_list"})


class Status(IntEnum):
    """State of one token (draft-ietf-oauth-status-list §7)."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList:
    """A verified list: who it is for, when it was signed, its packed bits, its SHA-256."""

    uri: str
    issued: int
    packed: bytes
    digest: bytes

    def at(self, index: int) -> Status:
        """Look up one token's state; an unknown value counts as suspended."""
        value = self.packed[index >> 2] >> ((index & 3) * 2) & 3
        return Status(value) if value < len(Status) else Status.SUSPENDED

    def brings_back(self, earlier: "StatusList") -> bool:
        """Tell whether a token that an earlier list of this name ended has not ended here."""
        return bool(_ended(earlier.packed) & ~_ended(self.packed))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLists:
    """All current lists of one department by their names, in the order of their series.

    ``digest`` is the only list's SHA-256, or that of the digests of several in their order.
    """

    by_uri: Mapping[str, StatusList]
    issued: int
    digest: bytes

    @classmethod
    def of(cls, *lists: StatusList) -> "StatusLists":
        """Put lists together, at least one: they are as fresh as the oldest of them."""
        by_uri = {one.uri: one for one in lists}
        digest = _joint([one.digest for one in by_uri.values()])
        return cls(by_uri=by_uri, issued=min(one.issued for one in lists), digest=digest)

    def at(self, uri: str) -> StatusList:
        """Give the list that a token names.

        Raises:
            Refused: CONSENT_INVALID when it is none of this department's current ones.
        """
        try:
            return self.by_uri[uri]
        except KeyError as e:
            raise Refused("CONSENT_INVALID", why="status list") from e


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedList:
    """One list of a department as signed, its number, and whether a later one is current too."""

    jwt: bytes
    series: int
    more: bool


def uri_of(registrar: str, department: str, series: int = 0) -> str:
    """Name one list of a department's series: the next begins when the last is nearly full."""
    return f"hedui:{registrar}/status/{department}/{series}"


def pack(states: Mapping[int, Status]) -> bytes:
    """Pack the non-zero states into 2 bits an entry, lowest bits first."""
    packed = bytearray(_PACKED)
    for index, state in states.items():
        packed[index >> 2] |= state << ((index & 3) * 2)
    return bytes(packed)


def issue(uri: str, packed: bytes, now: int, key: SigningKey) -> bytes:
    """Sign a list, valid for the longest age that a node accepts."""
    header = {"alg": "Ed25519", "kid": key.kid, "typ": TYPE}
    claims = {
        "sub": uri,
        "iat": now,
        "exp": now + limits.STATUS_AGE,
        "ttl": _TTL,
        "status_list": {"bits": _BITS, "lst": b64(zlib.compress(packed, 6))},
    }
    body = f"{b64(dumps(header))}.{b64(dumps(claims))}".encode()
    return body + b"." + b64(key.sign(body)).encode()


def claimed_uri(jwt: bytes) -> str:
    """Read which list a signed one says it is: good for looking up, not for belief.

    Raises:
        PeerFault: STATUS_LIST_INVALID.
    """
    try:
        return text(loads(unb64(jwt.split(b".")[1], "claims"), "claims")["sub"])
    except (PeerFault, LookupError, TypeError) as e:
        raise PeerFault("STATUS_LIST_INVALID", why=type(e).__name__) from e


def read(jwt: bytes, *, uri: str, issuers: Mapping[str, VerifyKey]) -> StatusList:
    """Verify a signed list.

    Raises:
        PeerFault: STATUS_LIST_INVALID, whatever is wrong with it.
    """
    try:
        return _read(jwt, uri, issuers)
    except (PeerFault, CryptoError, KeyError, TypeError, ValueError, zlib.error) as e:
        raise PeerFault("STATUS_LIST_INVALID", why=type(e).__name__) from e


def check_fresh(current: StatusLists | None, now: int) -> StatusLists:
    """Refuse to go on with no list, an old one or one from the future.

    Raises:
        Refused: STATUS_LIST_STALE.
    """
    if current is None or not now - limits.STATUS_AGE <= current.issued <= now + limits.SKEW:
        raise Refused("STATUS_LIST_STALE")
    return current


def joint_digest(jwts: Sequence[bytes]) -> bytes:
    """Name signed lists, at least one, as an answer's header does."""
    return _joint([hashlib.sha256(jwt).digest() for jwt in jwts])


def _joint(digests: Sequence[bytes]) -> bytes:
    return digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()


def _ended(packed: bytes) -> int:
    """Mark the low bit of every entry that is INVALID."""
    bits = int.from_bytes(packed, "little")
    return bits & ~(bits >> 1) & _LOW_BITS


def _read(jwt: bytes, uri: str, issuers: Mapping[str, VerifyKey]) -> StatusList:
    if len(jwt) > limits.STATUS_BYTES:
        raise ValueError("size")
    body, _, signature = jwt.rpartition(b".")
    head, _, payload = body.partition(b".")
    header = exactly(loads(unb64(head, "header"), "header"), {"alg", "kid", "typ"}, "header")
    if header["alg"] != "Ed25519" or header["typ"] != TYPE:
        raise ValueError("header")
    issuers[header["kid"]].verify(body, unb64(signature, "signature"))
    claims = exactly(loads(unb64(payload, "claims"), "claims"), _CLAIMS, "claims")
    listed = exactly(claims["status_list"], {"bits", "lst"}, "status_list")
    issued = claims["iat"]
    if claims["sub"] != uri or listed["bits"] != _BITS or type(issued) is not int:
        raise ValueError("claims")
    if (claims["exp"], claims["ttl"]) != (issued + limits.STATUS_AGE, _TTL):
        raise ValueError("times")
    inflate = zlib.decompressobj()
    packed = inflate.decompress(unb64(listed["lst"], "list"), _PACKED)
    # A tail inside the stream is a bomb cut short; one behind it was never part of the list.
    tail = inflate.unconsumed_tail or inflate.unused_data
    if len(packed) != _PACKED or tail or not inflate.eof:
        raise ValueError("length")
    return StatusList(uri=uri, issued=issued, packed=packed, digest=hashlib.sha256(jwt).digest())
