"""Consent tokens: SD-JWT (RFC 9901) with a disclosable grant a predicate, and their strict reader.

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
from federation import limits, summing
from federation.errors import PeerFault, Refused
from federation.exchange import Purpose
from federation.shapes import sized, text, whole
from federation.strictjson import Json, b64, dumps, exactly, loads, unb64
from federation.summing import SumGrant

ALGORITHM: Final = "Ed25519"
TYPE: Final = "dc+sd-jwt"
KIND: Final = "hedui-consent/v1"

_CLAIMS: Final = frozenset(
    {"iss", "vct", "aud", "sub", "iat", "nbf", "exp", "jti", "cnf", "status", "purpose"}
    | {"policy", "frequency", "data_life", "role", "household", "evidence", "chain", "grants"}
    | {"_sd_alg"}
)
_GRANT_KEYS: Final = frozenset({"predicate", "parameter", "form", "max_uses"})
_GRANT_OPTIONAL: Final = frozenset({"members", "args", "recheck", "sum"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Permission for one question: predicate, policy parameter, form and number of uses.

    ``members`` is the signed household size of a threshold; ``args`` are 32-byte pseudonyms; a
    ``recheck`` is looked up anew, once, on a signed objection (protocol §5); ``joint`` is what a
    sum needs (§7).
    """

    predicate: str
    parameter: str
    form: str
    max_uses: int
    members: int = 0
    args: tuple[bytes, ...] = ()
    recheck: bool = False
    joint: SumGrant | None = None


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

    ``slots`` counts all its grants; ``signature`` is the issuer's, by which two tokens differ.
    """

    claims: Claims
    grants: Mapping[tuple[str, str], Grant]
    slots: int
    signature: bytes


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
        disclosure = b64(dumps([b64(salt), _grant_json(grant)]))
        disclosures[b64(hashlib.sha256(disclosure.encode()).digest())] = disclosure
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
    for disclosure in disclosures:
        grant = _read_grant(disclosure)
        by_pair[grant.predicate, grant.parameter] = disclosure
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


def signature(presentation: bytes) -> bytes:
    """Give the issuer's signature, whatever is disclosed beside it; canonical base64url."""
    return presentation.partition(b"~")[0].rpartition(b".")[2]


def grants_of(token: bytes) -> dict[tuple[str, str], Grant]:
    """Read the grants that a token's disclosures hold, without believing them."""
    grants = map(_read_grant, token.split(b"~")[1:-1])
    return {(grant.predicate, grant.parameter): grant for grant in grants}


def subject(token: bytes) -> bytes:
    """Read whom a token is about, without believing it.

    Raises:
        PeerFault: MALFORMED.
    """
    try:
        claims = loads(unb64(token.split(b".")[1], "claims"), "claims")
        return sized(claims["sub"], 32)
    except (IndexError, KeyError, TypeError) as e:
        raise _malformed("claims") from e


def visible(token: bytes) -> Claims:
    """Read the visible claims of a token, without believing them.

    Raises:
        PeerFault: MALFORMED.
    """
    try:
        claims = loads(unb64(token.split(b".")[1], "claims"), "claims")
        return _read_claims(exactly(claims, _CLAIMS, "claims"))
    except (IndexError, KeyError, TypeError, ValueError) as e:
        raise _malformed("claims") from e


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
        signature=signature,
    )


@lru_cache(maxsize=64)
def _kid(head: bytes) -> str:
    """Read a protected header; an issuer's tokens all have the same one."""
    header = exactly(loads(unb64(head, "header"), "header"), {"alg", "kid", "typ"}, "header")
    if header["alg"] != ALGORITHM or header["typ"] != TYPE:
        raise _malformed("header")
    return text(header["kid"])


def _read_grants(slots: Any, disclosures: list[bytes]) -> dict[tuple[str, str], Grant]:
    if type(slots) is not list or len(slots) > limits.TOKEN_GRANTS:
        raise _malformed("grants")
    digests = {text(exactly(slot, {"..."}, "slot")["..."]) for slot in slots}
    if len(digests) != len(slots):
        raise _malformed("repeated digest")
    grants: dict[tuple[str, str], Grant] = {}
    for disclosure in disclosures:
        digest = b64(hashlib.sha256(disclosure).digest())
        if digest not in digests:
            raise _malformed("stray or repeated disclosure")
        digests.remove(digest)
        grant = _read_grant(disclosure)
        if (grant.predicate, grant.parameter) in grants:
            raise _malformed("repeated grant")
        grants[grant.predicate, grant.parameter] = grant
    return grants


def _read_grant(disclosure: bytes) -> Grant:
    match loads(unb64(disclosure, "disclosure"), "disclosure"):
        case [salt, dict() as value]:
            sized(salt, 16)
        case _:
            raise _malformed("disclosure")
    if not _GRANT_KEYS <= value.keys() <= _GRANT_KEYS | _GRANT_OPTIONAL:
        raise _malformed("grant")
    return Grant(
        predicate=text(value["predicate"]),
        parameter=text(value["parameter"]),
        form=text(value["form"]),
        max_uses=whole(value["max_uses"], 0, limits.GRANT_USES),
        members=whole(value.get("members", 0), 0, 1_000),
        args=tuple(sized(a, 32) for a in _list(value.get("args", []), 100)),
        recheck=_true(value, "recheck"),
        joint=summing.read(value["sum"]) if "sum" in value else None,
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
    issued, not_before, expires = (whole(c[name], 0, 1 << 40) for name in ("iat", "nbf", "exp"))
    if not issued <= not_before < expires:
        raise _malformed("times")
    return Claims(
        issuer=text(c["iss"]),
        audience=text(c["aud"]),
        sub=sized(c["sub"], 32),
        issued=issued,
        not_before=not_before,
        expires=expires,
        jti=sized(c["jti"], 16),
        holder=_holder(jwk["x"]),
        status_index=whole(status["idx"], 0, limits.STATUS_ENTRIES - 1),
        status_uri=text(status["uri"]),
        purpose=Purpose[text(purpose["class"])],
        basis=text(purpose["basis"]),
        policy_family=text(policy["family"]),
        policy_version=whole(policy["version"], 0, 1 << 31),
        uses_a_month=whole(c["frequency"], 0, 10_000),
        data_life_days=whole(c["data_life"], 0, 36_600),
        role=text(c["role"]),
        household_salt=sized(household["salt"], 16),
        household_commitment=sized(household["commitment"], 32),
        members=whole(household["members"], 0, limits.HOUSEHOLD_PERSONS),
        evidence=sized(c["evidence"], 32),
        chain=sized(c["chain"], 16),
    )


@lru_cache(maxsize=64)
def _holder(value: str) -> bytes:
    """Read the requester's key; its tokens all have the same one."""
    return sized(value, 32)


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
    if grant.joint:
        value["sum"] = summing.write(grant.joint)
    return value


def _list(value: Any, most: int) -> list[Any]:
    if type(value) is not list or len(value) > most:
        raise _malformed("list")
    return value


def _true(value: Json, name: str) -> bool:
    """Read a mark that is either there and true, or not there."""
    if value.get(name, True) is not True:
        raise _malformed(name)
    return name in value
