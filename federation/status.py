"""Revocation: the IETF Token Status List, one signed list per department, 2 bits an entry.

Knows the packed list and its JWT. Does not know who was revoked or why, and fetches nothing.
"""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from crypto.errors import CryptoError
from crypto.keys import SigningKey, VerifyKey
from federation import limits
from federation.errors import PeerFault, Refused
from federation.strictjson import b64, dumps, exactly, loads, unb64

TYPE: Final = "statuslist+jwt"
_PACKED: Final = limits.STATUS_ENTRIES // 4
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
        return Status(value) if value < 3 else Status.SUSPENDED


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
        "ttl": 60,
        "status_list": {"bits": 2, "lst": b64(zlib.compress(packed, 6))},
    }
    body = f"{b64(dumps(header))}.{b64(dumps(claims))}".encode()
    return body + b"." + b64(key.sign(body)).encode()


def read(jwt: bytes, *, uri: str, issuers: Mapping[str, VerifyKey]) -> StatusList:
    """Verify a signed list.

    Raises:
        PeerFault: STATUS_LIST_INVALID, whatever is wrong with it.
    """
    try:
        return _read(jwt, uri, issuers)
    except (PeerFault, CryptoError, KeyError, TypeError, ValueError, zlib.error) as e:
        raise PeerFault("STATUS_LIST_INVALID", why=type(e).__name__) from e


def check_fresh(current: StatusList | None, now: int) -> StatusList:
    """Refuse to go on with no list, an old one or one from the future.

    Raises:
        Refused: STATUS_LIST_STALE.
    """
    if current is None or not now - limits.STATUS_AGE <= current.issued <= now + limits.SKEW:
        raise Refused("STATUS_LIST_STALE")
    return current


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
    if claims["sub"] != uri or listed["bits"] != 2 or type(claims["iat"]) is not int:
        raise ValueError("claims")
    inflate = zlib.decompressobj()
    packed = inflate.decompress(unb64(listed["lst"], "list"), _PACKED)
    # A tail inside the stream is a bomb cut short; one behind it was never part of the list.
    tail = inflate.unconsumed_tail or inflate.unused_data
    if len(packed) != _PACKED or tail or not inflate.eof:
        raise ValueError("length")
    return StatusList(
        uri=uri, issued=claims["iat"], packed=packed, digest=hashlib.sha256(jwt).digest()
    )
