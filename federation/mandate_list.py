"""The people of a batch mandate at one department: the list that the registrar signs.

Knows the signed list of protocol note §3, with the digest of each block of pseudonyms, and what
holds it to its mandate. Does not know whose pseudonyms they are, clocks, stores or revocation.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from crypto.errors import CryptoError
from crypto.keys import SigningKey, VerifyKey
from federation import limits
from federation.clock import epoch_end
from federation.errors import HeduiError, Refused
from federation.exchange import Answer, Outcome
from federation.mandate import BatchMandate
from federation.shapes import sized, text, whole
from federation.strictjson import Json, b64, dumps, exactly, loads, unb64

TYPE: Final = "hedui-mandate-list+jwt"
PSEUDONYM_BYTES: Final = 32
BLOCK_BYTES: Final = limits.MANDATE_BLOCK * PSEUDONYM_BYTES

_CLAIMS: Final = frozenset(
    {"iss", "aud", "jti", "iat", "nbf", "exp", "cnf", "status", "mandate", "epoch", "size"}
    | {"blocks"}
)


WHOLE: Final = frozenset({Outcome.REFUSED, Outcome.PRESENT_AGAIN, Outcome.STALE})
"""Outcomes that concern a block as a whole and none of its people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockQuestion:
    """One question about everybody in a block; ``signed_list`` is the SHA-256 of the list."""

    signed_list: bytes
    block: int
    predicate: str
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class BlockAnswer:
    """What is said of a block: the first person's answer, and one outcome a person, a byte each.

    The others' answers differ from the first in nothing but the outcome. One outcome of ``WHOLE``
    stands for the block.
    """

    answer: Answer
    outcomes: bytes

    @property
    def whole(self) -> bool:
        """Whether it is about the block and nobody in it."""
        return self.answer.outcome in WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateList:
    """A verified list. Times in UTC seconds; ``blocks`` are SHA-256 of pseudonyms in rising order.

    Nothing in it is equal at two departments beyond the mandate. ``mandate`` is the SHA-256 of the
    signed mandate; ``digest`` that of this signed list, by which requests name it.
    """

    issuer: str
    audience: str
    jti: bytes
    issued: int
    not_before: int
    expires: int
    holder: bytes
    status_index: int
    status_uri: str
    mandate: bytes
    epoch: int
    size: int
    blocks: tuple[bytes, ...] = field(repr=False)
    digest: bytes = b""

    @property
    def people(self) -> bytes:
        """Name the same people the same way, in whatever list they stand."""
        return hashlib.sha256(b"".join(self.blocks)).digest()

    def persons(self, block: int) -> int:
        """Count the people of a block.

        Raises:
            Refused: QUESTION_MALFORMED when the list has no such block.
        """
        if not 0 <= block < len(self.blocks):
            raise Refused("QUESTION_MALFORMED", why="block")
        return min(limits.MANDATE_BLOCK, self.size - block * limits.MANDATE_BLOCK)


def blocks_of(pseudonyms: Sequence[bytes]) -> Iterator[bytes]:
    """Cut pseudonyms in rising order into the blocks of a list."""
    for start in range(0, len(pseudonyms), limits.MANDATE_BLOCK):
        yield b"".join(pseudonyms[start : start + limits.MANDATE_BLOCK])


def issue(listed: MandateList, key: SigningKey) -> bytes:
    """Sign a list for its department."""
    header = {"alg": "Ed25519", "kid": key.kid, "typ": TYPE}
    body = f"{b64(dumps(header))}.{b64(dumps(_claims(listed)))}".encode()
    return body + b"." + b64(key.sign(body)).encode()


def read(jwt: bytes, issuers: Mapping[str, VerifyKey]) -> MandateList:
    """Verify a signed list; ``issuers`` maps kid to key.

    Raises:
        Refused: MANDATE_INVALID, whatever is wrong with it.
    """
    if len(jwt) > limits.MANDATE_LIST_BYTES:
        raise Refused("MANDATE_INVALID", why="size")
    try:
        body, _, signature = jwt.rpartition(b".")
        head, _, payload = body.partition(b".")
        issuers[_kid(head)].verify(body, unb64(signature, "signature"))
        return _read(loads(unb64(payload, "claims"), "claims"), hashlib.sha256(jwt).digest())
    except (HeduiError, CryptoError, KeyError, TypeError, ValueError) as e:
        raise Refused("MANDATE_INVALID", why=type(e).__name__) from e


def check(listed: MandateList, *, audience: str, holder: bytes, now: int) -> None:
    """Hold a verified list to this node, this requester's key and this moment.

    Raises:
        Refused: CONSENT_WRONG_AUDIENCE, CONSENT_WRONG_HOLDER, CONSENT_NOT_YET_VALID or
            CONSENT_EXPIRED.
    """
    if listed.audience != audience:
        raise Refused("CONSENT_WRONG_AUDIENCE")
    if listed.holder != holder:
        raise Refused("CONSENT_WRONG_HOLDER")
    if now < listed.not_before - limits.SKEW:
        raise Refused("CONSENT_NOT_YET_VALID")
    if listed.expires <= now:
        raise Refused("CONSENT_EXPIRED")


def check_fit(listed: MandateList, mandate: BatchMandate) -> None:
    """Hold a list to the mandate that it was signed for.

    Raises:
        Refused: MANDATE_INVALID; MANDATE_EXHAUSTED when it has more people than the mandate.
    """
    if listed.audience not in mandate.departments:
        raise Refused("MANDATE_INVALID", why="department")
    if listed.expires > mandate.expires:
        raise Refused("MANDATE_INVALID", why="times")
    if listed.size > mandate.size:
        raise Refused("MANDATE_EXHAUSTED")


@lru_cache(maxsize=64)
def _kid(head: bytes) -> str:
    header = exactly(loads(unb64(head, "header"), "header"), {"alg", "kid", "typ"}, "header")
    if header["alg"] != "Ed25519" or header["typ"] != TYPE:
        raise ValueError("header")
    return text(header["kid"])


def _read(value: Any, digest: bytes) -> MandateList:
    c = exactly(value, _CLAIMS, "claims")
    jwk = exactly(exactly(c["cnf"], {"jwk"}, "cnf")["jwk"], {"crv", "kty", "x"}, "cnf")
    if (jwk["kty"], jwk["crv"]) != ("OKP", "Ed25519"):
        raise ValueError("cnf")
    entry = exactly(c["status"], {"status_list"}, "status")["status_list"]
    status = exactly(entry, {"idx", "uri"}, "status")
    blocks = unb64(c["blocks"], "blocks")
    listed = MandateList(
        issuer=text(c["iss"]),
        audience=text(c["aud"]),
        jti=sized(c["jti"], 16),
        issued=whole(c["iat"], 0, limits.CONSENT_END),
        not_before=whole(c["nbf"], 0, limits.CONSENT_END),
        expires=whole(c["exp"], 0, limits.CONSENT_END),
        holder=sized(jwk["x"], 32),
        status_index=whole(status["idx"], 0, limits.STATUS_ENTRIES - 1),
        status_uri=text(status["uri"]),
        mandate=sized(c["mandate"], 32),
        epoch=whole(c["epoch"], 1, 9_998),
        size=whole(c["size"], 1, limits.MANDATE_PERSONS),
        blocks=tuple(blocks[i : i + 32] for i in range(0, len(blocks), 32)),
        digest=digest,
    )
    latest = epoch_end(listed.epoch) + limits.EPOCH_GRACE
    if not listed.issued <= listed.not_before < listed.expires <= latest:
        raise ValueError("times")
    if len(blocks) != 32 * -(-listed.size // limits.MANDATE_BLOCK):
        raise ValueError("blocks")
    return listed


def _claims(listed: MandateList) -> Json:
    return {
        "iss": listed.issuer,
        "aud": listed.audience,
        "jti": b64(listed.jti),
        "iat": listed.issued,
        "nbf": listed.not_before,
        "exp": listed.expires,
        "cnf": {"jwk": {"crv": "Ed25519", "kty": "OKP", "x": b64(listed.holder)}},
        "status": {"status_list": {"idx": listed.status_index, "uri": listed.status_uri}},
        "mandate": b64(listed.mandate),
        "epoch": listed.epoch,
        "size": listed.size,
        "blocks": b64(b"".join(listed.blocks)),
    }
