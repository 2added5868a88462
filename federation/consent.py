"""Consent tokens: SD-JWT (RFC 9901) with a disclosable grant per predicate, and their strict reader.

Knows the claims of protocol note §3. Does not know clocks, revocation lists or policies: a reader
gives verified claims, and ``check_consent`` compares them with what the caller says of the moment.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from crypto.errors import CryptoError
from crypto.keys import SigningKey, VerifyKey
from federation import limits
from federation.errors import PeerFault, Refused
from federation.exchange import Purpose
from federation.strictjson import Json, b64, dumps, exactly, loads, unb64

ALGORITHM: Final = "Ed25519"
TYPE: Final = "dc+sd-jwt"
KIND: Final = "hedui-consent/v1"

_CLAIMS: Final = frozenset(
    {"iss", "vct", "aud", "sub", "iat", "nbf", "exp", "jti", "cnf", "status", "purpose"}
    | {"policy", "frequency", "data_life", "role", "household", "evidence", "chain", "grants"}
    | {"_sd_alg"}
)
_GRANT_KEYS: Final = frozenset({"predicate", "parameter", "form", "max_uses"})
_GRANT_OPTIONAL: Final = frozenset({"members", "args", "recheck"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Permission for one question: predicate, policy parameter, form and number of uses.

    ``members`` is the signed household size of a threshold; ``args`` are 32-byte pseudonyms; a
    ``recheck`` is looked up anew, once, on a signed objection (protocol §5).
    """

    predicate: str
    parameter: str
    form: str
    max_uses: int
    members: int = 0
    args: tuple[bytes, ...] = ()
    recheck: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The visible claims of a token. Times in UTC seconds; ``sub`` is the 32-byte pseudonym.

    ``chain`` is the id of the first token of a row of renewals at this department: uses count along
    it.
    """

    issuer: str
    audience: str
    sub: bytes = field(repr=False)
    issued: int
    not_before: int
    expires: int
    jti: bytes
    holder: bytes
    status_index: int
    status_uri: str
    purpose: Purpose
    basis: str
    policy_family: str
    policy_version: int
    uses_a_month: int
    data_life_days: int
    role: str
    household_salt: bytes
    household_commitment: bytes
    members: int
    evidence: bytes
    chain: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A verified token: its claims and the grants that were disclosed, by (predicate, parameter).

    ``slots`` counts all its grants, ``signed`` is the SHA-256 of what the issuer signed.
    """

    claims: Claims
    grants: Mapping[tuple[str, str], Grant]
    slots: int
    signed: bytes


def household_commitment(salt: bytes, pseudonyms: Iterable[bytes]) -> bytes:
    """Commit to a household by its members' pseudonyms at one department."""
    return hashlib.sha256(salt + b"".join(sorted(pseudonyms))).digest()


def issue(claims: Claims, grants: Mapping[bytes, Grant], key: SigningKey) -> bytes:
    """Sign a token with all its disclosures.

    ``grants`` maps a fresh 16-byte salt to each grant; the order of digests is by digest, so that
    it tells nothing.
    """
    disclosures = {}
    for salt, grant in grants.items():
        text = b64(dumps([b64(salt), _grant_json(grant)]))
        disclosures[b64(hashlib.sha256(text.encode()).digest())] = text
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}
    payload = {
        **_claims_json(claims),
        "grants": [{"...": digest} for digest in sorted(disclosures)],
    }
    body = f"{b64(dumps(header))}.{b64(dumps(payload))}"
    signature = b64(key.sign(body.encode()))
    return "~".join([f"{body}.{signature}", *disclosures.values(), ""]).encode()


def disclose(token: bytes, wanted: Iterable[tuple[str, str]]) -> bytes:
    """Keep only the disclosures of the wanted (predicate, parameter) pairs.

    Raises:
        Refused: CONSENT_NOT_GRANTED when the token holds no such grant.
    """
    head, *disclosures, _ = token.split(b"~")
    by_pair = {}
    for text in disclosures:
        grant = _read_grant(text)
        by_pair[grant.predicate, grant.parameter] = text
    try:
        kept = [by_pair[pair] for pair in dict.fromkeys(wanted)]
    except KeyError as e:
        raise Refused("CONSENT_NOT_GRANTED", predicate=e.args[0][0]) from e
    return b"~".join([head, *kept, b""])


def joined(first: Consent, second: Consent) -> Consent:
    """Join what was disclosed of one token in two presentations."""
    return replace(first, grants={**first.grants, **second.grants})


def join(first: bytes, second: bytes) -> bytes:
    """Join two presentations of one token into one that discloses what either does."""
    head, *disclosures, _ = first.split(b"~")
    both = dict.fromkeys([*disclosures, *second.split(b"~")[1:-1]])
    return b"~".join([head, *both, b""])


def signed_digest(presentation: bytes) -> bytes:
    """Give the SHA-256 of what the issuer signed, whatever is disclosed beside it."""
    return hashlib.sha256(presentation.partition(b"~")[0].rpartition(b".")[0]).digest()


def grants_of(token: bytes) -> dict[tuple[str, str], Grant]:
    """Read the grants that a token's disclosures hold, without believing them."""
    grants = (_read_grant(text) for text in token.split(b"~")[1:-1])
    return {(grant.predicate, grant.parameter): grant for grant in grants}


def read(presentation: bytes, issuers: Mapping[str, VerifyKey]) -> Consent:
    """Verify signature and structure of a presentation; ``issuers`` maps kid to key.

    Raises:
        PeerFault: CONSENT_INVALID, whatever is wrong (signature, structure, a stray disclosure).
    """
    try:
        return _read(presentation, issuers)
    except (PeerFault, CryptoError, KeyError, TypeError, ValueError) as e:
        why = e.details.get("message", "") if isinstance(e, PeerFault) else type(e).__name__
        raise PeerFault("CONSENT_INVALID", why=why) from e


def check_consent(consent: Consent, *, audience: str, holder: bytes, now: int) -> None:
    """Hold a verified token to this node, this requester's key and this moment.

    Raises:
        Refused: CONSENT_WRONG_AUDIENCE, CONSENT_WRONG_HOLDER, CONSENT_NOT_YET_VALID or
            CONSENT_EXPIRED.
    """
    claims = consent.claims
    if claims.audience != audience:
        raise Refused("CONSENT_WRONG_AUDIENCE")
    if claims.holder != holder:
        raise Refused("CONSENT_WRONG_HOLDER")
    if now < claims.not_before - limits.SKEW:
        raise Refused("CONSENT_NOT_YET_VALID")
    if claims.expires <= now:
        raise Refused("CONSENT_EXPIRED")


def _malformed(why: str) -> PeerFault:
    return PeerFault("MALFORMED", message=why)


def _read(presentation: bytes, issuers: Mapping[str, VerifyKey]) -> Consent:
    if len(presentation) > limits.TOKEN_BYTES:
        raise _malformed("size")
    jwt, *disclosures, last = presentation.split(b"~")
    if last:
        raise _malformed("key binding")
    body, _, signature = jwt.rpartition(b".")
    head, dot, payload = body.partition(b".")
    if not dot or len(disclosures) > limits.TOKEN_GRANTS:
        raise _malformed("parts")
    issuers[_kid(head)].verify(body, unb64(signature, "signature"))
    claims = exactly(loads(unb64(payload, "claims"), "claims"), _CLAIMS, "claims")
    return Consent(
        claims=_read_claims(claims),
        grants=_read_grants(claims["grants"], disclosures),
        slots=len(claims["grants"]),
        signed=hashlib.sha256(body).digest(),
    )


@lru_cache(maxsize=64)
def _kid(head: bytes) -> str:
    """Read a protected header; an issuer's tokens all have the same one."""
    header = exactly(loads(unb64(head, "header"), "header"), {"alg", "kid", "typ"}, "header")
    if header["alg"] != ALGORITHM or header["typ"] != TYPE:
        raise _malformed("header")
    return _text(header["kid"])


def _read_grants(slots: Any, disclosures: list[bytes]) -> dict[tuple[str, str], Grant]:
    if type(slots) is not list or len(slots) > limits.TOKEN_GRANTS:
        raise _malformed("grants")
    digests = {_text(exactly(slot, {"..."}, "slot")["..."]) for slot in slots}
    if len(digests) != len(slots):
        raise _malformed("repeated digest")
    grants: dict[tuple[str, str], Grant] = {}
    for text in disclosures:
        digest = b64(hashlib.sha256(text).digest())
        if digest not in digests:
            raise _malformed("stray or repeated disclosure")
        digests.remove(digest)
        grant = _read_grant(text)
        if (grant.predicate, grant.parameter) in grants:
            raise _malformed("repeated grant")
        grants[grant.predicate, grant.parameter] = grant
    return grants


def _read_grant(text: bytes) -> Grant:
    disclosure = loads(unb64(text, "disclosure"), "disclosure")
    if type(disclosure) is not list or len(disclosure) != 2:
        raise _malformed("disclosure")
    if len(unb64(_text(disclosure[0]), "salt")) != 16:
        raise _malformed("salt")
    value = disclosure[1]
    if type(value) is not dict or not _GRANT_KEYS <= value.keys() <= _GRANT_KEYS | _GRANT_OPTIONAL:
        raise _malformed("grant")
    return Grant(
        predicate=_text(value["predicate"]),
        parameter=_text(value["parameter"]),
        form=_text(value["form"]),
        max_uses=_whole(value["max_uses"], 10_000),
        members=_whole(value.get("members", 0), 1_000),
        args=tuple(_sized(a, 32) for a in _list(value.get("args", []), 100)),
        recheck=_true(value, "recheck"),
    )


def _read_claims(c: Json) -> Claims:
    if c["vct"] != KIND or c["_sd_alg"] != "sha-256":
        raise _malformed("claims")
    jwk = exactly(exactly(c["cnf"], {"jwk"}, "cnf")["jwk"], {"crv", "kty", "x"}, "cnf")
    if (jwk["kty"], jwk["crv"]) != ("OKP", "Ed25519"):
        raise _malformed("cnf")
    listed = exactly(c["status"], {"status_list"}, "status")["status_list"]
    status = exactly(listed, {"idx", "uri"}, "status")
    purpose = exactly(c["purpose"], {"class", "basis"}, "purpose")
    policy = exactly(c["policy"], {"family", "version"}, "policy")
    household = exactly(c["household"], {"salt", "commitment", "members"}, "household")
    issued, not_before, expires = (_whole(c[name], 1 << 40) for name in ("iat", "nbf", "exp"))
    if not issued <= not_before < expires:
        raise _malformed("times")
    return Claims(
        issuer=_text(c["iss"]),
        audience=_text(c["aud"]),
        sub=_sized(c["sub"], 32),
        issued=issued,
        not_before=not_before,
        expires=expires,
        jti=_sized(c["jti"], 16),
        holder=_sized(jwk["x"], 32),
        status_index=_whole(status["idx"], limits.STATUS_ENTRIES - 1),
        status_uri=_text(status["uri"]),
        purpose=Purpose[_text(purpose["class"])],
        basis=_text(purpose["basis"]),
        policy_family=_text(policy["family"]),
        policy_version=_whole(policy["version"], 1 << 31),
        uses_a_month=_whole(c["frequency"], 10_000),
        data_life_days=_whole(c["data_life"], 36_600),
        role=_text(c["role"]),
        household_salt=_sized(household["salt"], 16),
        household_commitment=_sized(household["commitment"], 32),
        members=_whole(household["members"], limits.HOUSEHOLD_PERSONS),
        evidence=_sized(c["evidence"], 32),
        chain=_sized(c["chain"], 16),
    )


def _claims_json(c: Claims) -> Json:
    return {
        "iss": c.issuer,
        "vct": KIND,
        "aud": c.audience,
        "sub": b64(c.sub),
        "iat": c.issued,
        "nbf": c.not_before,
        "exp": c.expires,
        "jti": b64(c.jti),
        "cnf": {"jwk": {"crv": "Ed25519", "kty": "OKP", "x": b64(c.holder)}},
        "status": {"status_list": {"idx": c.status_index, "uri": c.status_uri}},
        "purpose": {"class": c.purpose.name, "basis": c.basis},
        "policy": {"family": c.policy_family, "version": c.policy_version},
        "frequency": c.uses_a_month,
        "data_life": c.data_life_days,
        "role": c.role,
        "household": {
            "salt": b64(c.household_salt),
            "commitment": b64(c.household_commitment),
            "members": c.members,
        },
        "evidence": b64(c.evidence),
        "chain": b64(c.chain),
        "_sd_alg": "sha-256",
    }


def _grant_json(grant: Grant) -> Json:
    value: Json = {
        "predicate": grant.predicate,
        "parameter": grant.parameter,
        "form": grant.form,
        "max_uses": grant.max_uses,
    }
    if grant.members:
        value["members"] = grant.members
    if grant.args:
        value["args"] = [b64(a) for a in grant.args]
    if grant.recheck:
        value["recheck"] = True
    return value


def _list(value: Any, most: int) -> list[Any]:
    if type(value) is not list or len(value) > most:
        raise _malformed("list")
    return value


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > 128:
        raise _malformed("text")
    return value


def _whole(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise _malformed("integer")
    return value


def _true(value: Json, name: str) -> bool:
    """Read a mark that is either there and true, or not there."""
    if value.get(name, True) is not True:
        raise _malformed(name)
    return name in value


def _sized(value: Any, size: int) -> bytes:
    data = unb64(_text(value), "bytes")
    if len(data) != size:
        raise _malformed("length")
    return data
