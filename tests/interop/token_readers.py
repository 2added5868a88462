"""Consent tokens as three programs read them: our own, openvc-core and joserfc.

Each is told all that it can be told of what it ought to find, and goes by the same clock. joserfc
reads JWTs and knows no SD-JWT: it is given what stands before the disclosures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter, in_choices, is_str
from openvc.errors import OpenvcError
from openvc.proof import _verify_common
from openvc.proof.sd_jwt import SdJwtVcProofSuite

from crypto.keys import VerifyKey
from federation import consent
from federation.consent import Consent
from federation.errors import HeduiError
from federation.strictjson import b64
from tests.interop.verdicts import Reader, RefusedError

Read = dict[str, Any]

# `grants` may be empty, and joserfc counts what is empty as missing unless it is told.
_ESSENTIAL: Final = {
    name: {"essential": True, "allow_blank": True}
    for name in (
        *("sub", "iat", "nbf", "exp", "jti", "chain", "cnf", "status", "purpose", "policy"),
        *("frequency", "data_life", "role", "household", "evidence", "grants"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a verifier knows beforehand. ``now`` in UTC seconds, ``keys`` by kid."""

    keys: Mapping[str, VerifyKey]
    issuer: str
    audience: str
    holder: bytes
    now: int


def jwk(key: VerifyKey) -> dict[str, str]:
    """Write a public key for the others."""
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(key.raw), "kid": key.kid, "use": "sig"}


def hedui(token: bytes, expected: Expected) -> Consent:
    """Read as a department node does."""
    try:
        read = consent.read(token, expected.keys)
        consent.check_consent(
            read, audience=expected.audience, holder=expected.holder, now=expected.now
        )
    except HeduiError as e:
        raise RefusedError from e
    return read


def openvc(token: bytes, expected: Expected) -> Read:
    """Read with openvc-core; its caller finds the key."""
    suite = SdJwtVcProofSuite(leeway_s=0)
    try:
        _, kid = suite.peek_issuer(token.decode())
        with mock.patch.object(_verify_common, "time", SimpleNamespace(time=lambda: expected.now)):
            verified = suite.verify(
                token.decode(),
                public_key_jwk=jwk(expected.keys[str(kid)]),
                audience=expected.audience,
                expected_vct=consent.KIND,
            )
    except (OpenvcError, KeyError, UnicodeDecodeError) as e:
        raise RefusedError from e
    return dict(verified.claims)


def joserfc(token: bytes, expected: Expected) -> Read:
    """Read the JWT of a token with joserfc."""
    keys = KeySet([OKPKey.import_key(jwk(key)) for key in expected.keys.values()])  # type: ignore[arg-type]
    claims = {
        **_ESSENTIAL,
        "iss": {"essential": True, "value": expected.issuer},
        "aud": {"essential": True, "value": expected.audience},
        "vct": {"essential": True, "value": consent.KIND},
        "_sd_alg": {"essential": True, "value": "sha-256"},
    }
    try:
        read = jwt.decode(_jwt(token), keys, registry=registry(consent.TYPE))
        jwt.JWTClaimsRegistry(expected.now, **claims).validate(read.claims)  # type: ignore[arg-type]
    except JoseError as e:
        raise RefusedError from e
    return read.claims


def registry(kind: str) -> JWSRegistry:
    """Tell joserfc what a protected header holds."""
    header = {
        "typ": HeaderParameter("Type", in_choices([kind]), required=True),
        "kid": HeaderParameter("Key ID", is_str, required=True),
    }
    return JWSRegistry(header_registry=header, algorithms=["Ed25519"])


def readers(expected: Expected) -> list[Reader]:
    """Give all three, for one expectation."""

    def sound_in_itself(token: bytes) -> bool:
        try:
            hedui(_jwt(token) + b"~", expected)
        except RefusedError:
            return False
        return True

    return [
        Reader(name="Hedui", read=lambda token: hedui(token, expected)),
        Reader(name="openvc-core", read=lambda token: openvc(token, expected)),
        Reader(name="joserfc", read=lambda token: joserfc(token, expected), blind=sound_in_itself),
    ]


def _jwt(token: bytes) -> bytes:
    return token.partition(b"~")[0]
