"""Every way in which a consent token can be wrong that a verifier has to notice.

Most faults are signed by the registrar's own key: then only the structure is wrong, and a verifier
that looks at nothing but the signature is found out.
"""

import base64
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from federation import limits
from federation.strictjson import b64, dumps, unb64
from tests.interop import token_readers
from tests.interop.tokens import (
    BODY,
    DAY,
    EXPECTED,
    HOLDER,
    JWT,
    KEY,
    NOW,
    SIGNATURE,
    SOUND,
    THIEF,
    TOKEN,
    claims_text,
    claims_with,
    digest,
    disclosing,
    disclosure,
    header_with,
    times,
    without,
)
from tests.interop.verdicts import Reader

_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def readers() -> list[Reader]:
    """Give all three readers, expecting the sound token."""
    return token_readers.readers(EXPECTED)


def faults() -> Mapping[str, bytes]:
    """Give all faulty tokens by what is wrong with them."""
    found = [*_signatures(), *_headers(), *_times(), *_claims(), *_disclosures(), *_encodings()]
    by_name = dict(found)
    assert len(by_name) == len(found), "one name twice"
    return by_name


def _signatures() -> Iterator[tuple[str, bytes]]:
    signature = unb64(SIGNATURE, "signature")
    low, high = signature[:32], int.from_bytes(signature[32:], "little")
    changed = json.loads(SOUND.claims) | {"exp": NOW + 300 * DAY}
    claims = b64(dumps(changed)).encode()
    yield "signature: one bit changed", _signature(bytes([signature[0] ^ 1]) + signature[1:])
    yield (
        "signature: claims changed after it",
        SOUND.joined(BODY.partition(b".")[0] + b"." + claims + b"." + SIGNATURE),
    )
    yield "signature: missing", SOUND.joined(BODY + b".")
    yield "signature: all zero", _signature(bytes(64))
    yield "signature: one byte short", _signature(signature[:-1])
    yield "signature: one byte long", _signature(signature + b"\0")
    yield (
        "signature: S not reduced (RFC 8032 §5.1.7)",
        _signature(low + (high + _ORDER).to_bytes(32, "little")),
    )
    yield "signature: a stranger's, under the registrar's `kid`", SOUND.signed(THIEF)
    yield "signature: a stranger's, under the stranger's `kid`", header_with(THIEF, kid=THIEF.kid)
    yield (
        "signature: a stranger's, whose key is in the header",
        header_with(THIEF, jwk={"kty": "OKP", "crv": "Ed25519", "x": b64(THIEF.verify_key.raw)}),
    )
    yield "signature: the holder's (`cnf`)", SOUND.signed(HOLDER)


def _signature(raw: bytes) -> bytes:
    return SOUND.joined(BODY + b"." + b64(raw).encode())


def _headers() -> Iterator[tuple[str, bytes]]:
    for name in ("none", "None"):
        yield f"`alg`: `{name}`, no signature", _unsigned(name)
    yield "`alg`: `HS256`, keyed with the public key", _hmac()
    for name in ("EdDSA", "ed25519", "Ed448", "ES256"):
        yield f"`alg`: `{name}`, signed with Ed25519", header_with(alg=name)
    yield "`alg`: a list", header_with(alg=["Ed25519"])
    yield "`alg`: missing", header_with(alg=None)
    for name in ("JWT", "vc+sd-jwt", "DC+SD-JWT", "application/dc+sd-jwt"):
        yield f"`typ`: `{name}`", header_with(typ=name)
    yield "`typ`: missing", header_with(typ=None)
    yield "`kid`: missing", header_with(kid=None)
    yield "`kid`: a list", header_with(kid=[KEY.kid])
    yield "`crit`: an unknown extension", header_with(crit=["hedui"], hedui=True)
    yield "`crit`: an extension that is not there", header_with(crit=["hedui"])
    yield "`crit`: empty", header_with(crit=[])
    yield "`crit`: `b64` (RFC 7797)", header_with(crit=["b64"], b64=True)
    yield "header: a parameter of no use (`cty`)", header_with(cty="json")
    yield (
        "header: `alg` twice",
        replace(SOUND, header=SOUND.header[:-1] + b',"alg":"Ed25519"}').signed(),
    )


def _unsigned(alg: str) -> bytes:
    body = header_with(alg=alg).partition(b"~")[0].rpartition(b".")[0]
    return SOUND.joined(body + b".")


def _hmac() -> bytes:
    body = header_with(alg="HS256").partition(b"~")[0].rpartition(b".")[0]
    mac = hmac.digest(KEY.verify_key.raw, body, "sha256")
    return SOUND.joined(body + b"." + b64(mac).encode())


def _times() -> Iterator[tuple[str, bytes]]:
    old = {"iat": NOW - 400 * DAY, "nbf": NOW - 400 * DAY}
    yield "time: expired a year ago", times(**old, exp=NOW - 365 * DAY)
    yield "time: expired a second ago", times(**old, exp=NOW - 1)
    yield "time: expires now", times(**old, exp=NOW)
    yield "time: not valid for another hour", times(nbf=NOW + 3_600)
    yield "time: issued in an hour", times(iat=NOW + 3_600, nbf=NOW + 3_600)
    yield "time: issued after its beginning", times(iat=NOW - 1, nbf=NOW - DAY)
    for name in ("iat", "nbf", "exp"):
        yield f"time: `{name}` missing", without(name)
    exp = f'"exp":{NOW + 30 * DAY}'.encode()
    for text in (f"{NOW + 30 * DAY}.0", "1.8e9", "NaN", "Infinity", "1e400"):
        yield (
            f"time: `exp` is `{text.replace(str(NOW + 30 * DAY), '…')}`",
            claims_text(exp, f'"exp":{text}'.encode()),
        )
    yield "time: `exp` is text", times(exp=str(NOW + 30 * DAY))
    yield "time: `exp` is null", times(exp=None)
    yield "time: `exp` is true", times(exp=True)
    yield "time: `nbf` is true", times(nbf=True)
    yield "time: `iat` is false", times(iat=False)
    yield "time: `iat` is negative", times(iat=-1)
    yield "time: `exp` in the year 37,000", times(exp=(1 << 40) + 1)


def _claims() -> Iterator[tuple[str, bytes]]:
    for name in ("iss", "vct", "aud", "sub", "jti", "cnf", "status", "purpose", "_sd_alg"):
        yield f"claim: `{name}` missing", without(name)
    yield "claim: for another department", times(aud="bank_a")
    yield "claim: for several departments", times(aud=["bank_a", "tax"])
    yield "claim: of another kind (`vct`)", times(vct="hedui-consent/v2")
    yield (
        "claim: for another requester's key (`cnf`)",
        claims_with(lambda claims: claims["cnf"]["jwk"].update(x=b64(THIEF.verify_key.raw))),
    )
    yield (
        "claim: a private key in `cnf`",
        claims_with(lambda claims: claims["cnf"]["jwk"].update(d=b64(HOLDER.seed))),
    )
    yield "claim: `_sd_alg` is sha-512", times(_sd_alg="sha-512")
    yield (
        "claim: status index beyond the list",
        claims_with(
            lambda claims: claims["status"]["status_list"].update(idx=limits.STATUS_ENTRIES)
        ),
    )
    yield (
        "claim: status index is true",
        claims_with(lambda claims: claims["status"]["status_list"].update(idx=True)),
    )
    yield "claim: pseudonym a byte short", times(sub=b64(bytes(31)))
    yield "claim: one that is not ours", times(nickname="x")
    yield "claim: named `_sd`", times(_sd=[digest(b"decoy")])
    yield "claim: named `...`", times(**{"...": digest(b"decoy")})
    yield "claim: `exp` twice", claims_text(b'"frequency":', b'"exp":9999999999,"frequency":')
    yield "claim: half a surrogate pair", times(role="\ud800")
    yield "claim: nested 9 deep", times(role=_nested(8))
    yield "claim: nested 200 deep", times(role=_nested(199))
    yield "claims: a list", replace(SOUND, claims=b"[" + SOUND.claims + b"]").signed()
    yield "claims: more after them", replace(SOUND, claims=SOUND.claims + b"{}").signed()
    yield (
        "claims: in UTF-16",
        replace(SOUND, claims=SOUND.claims.decode().encode("utf-16")).signed(),
    )
    yield (
        "claims: a byte order mark before them",
        replace(SOUND, claims=b"\xef\xbb\xbf" + SOUND.claims).signed(),
    )


def _nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = [value]
    return value


def _disclosures() -> Iterator[tuple[str, bytes]]:
    first, second = SOUND.disclosures
    salt, grant = json.loads(unb64(first, "disclosure"))
    more = disclosure(salt, grant | {"max_uses": 9_999})
    yield "disclosure: tampered with", replace(SOUND, disclosures=(more, second)).joined(JWT)
    yield "disclosure: repeated", TOKEN + second + b"~"
    yield "disclosure: one that no digest names", TOKEN + more + b"~"
    yield "disclosure: empty", TOKEN + b"~"
    yield "disclosure: not closed by `~`", TOKEN[:-1]
    yield "disclosure: not even one `~`", JWT
    yield "disclosure: a key binding JWT behind it", TOKEN + _key_binding()
    yield "disclosure: trailing bytes", TOKEN + b"more"
    yield "disclosure: an object's, in a list", disclosing(disclosure(salt, "exp", NOW + DAY))
    yield (
        "disclosure: a claim, by `_sd`",
        disclosing(_sd=[digest(named := disclosure(salt, "nickname", "x"))]) + named + b"~",
    )
    yield (
        "disclosure: a claim that is there already, by `_sd`",
        disclosing(_sd=[digest(named := disclosure(salt, "role", "MEMBER"))]) + named + b"~",
    )
    yield (
        "disclosure: a claim named `_sd`, by `_sd`",
        disclosing(_sd=[digest(named := disclosure(salt, "_sd", []))]) + named + b"~",
    )
    yield "disclosure: its grant holds `_sd`", disclosing(disclosure(salt, grant | {"_sd": []}))
    yield "disclosure: its grant holds `...`", disclosing(disclosure(salt, grant | {"...": "x"}))
    yield (
        "disclosure: its grant holds something else",
        disclosing(disclosure(salt, grant | {"comment": "x"})),
    )
    yield (
        "disclosure: its grant lacks `max_uses`",
        disclosing(disclosure(salt, {k: v for k, v in grant.items() if k != "max_uses"})),
    )
    yield (
        "disclosure: its grant holds a key twice",
        disclosing(b64(unb64(first, "")[:-2] + b',"max_uses":9}]').encode()),
    )
    yield (
        "disclosure: its grant holds a boolean for a number",
        disclosing(disclosure(salt, grant | {"max_uses": True})),
    )
    yield "disclosure: its salt has 5 bytes", disclosing(disclosure(b64(b"short"), grant))
    yield "disclosure: its salt is a number", disclosing(disclosure(7, grant))
    yield "disclosure: of a single value", disclosing(disclosure(salt))
    yield "disclosure: padded base64url", disclosing(first + b"=" * (-len(first) % 4 or 4))
    yield "disclosure: one digest in two slots", _grants(lambda slots: slots.append(slots[0]))
    yield (
        "disclosure: a grant not hidden behind a digest",
        _grants(lambda slots: slots.__setitem__(0, grant)),
    )
    yield "disclosure: two of the same grant", disclosing(first, more)
    many = [disclosure(salt, grant | {"predicate": f"X{n}"}) for n in range(129)]
    yield f"disclosure: {limits.TOKEN_GRANTS + 1} grants", disclosing(*many)


def _grants(change: Callable[[list[Any]], object]) -> bytes:
    return claims_with(lambda claims: change(claims["grants"]))


def _key_binding() -> bytes:
    header = {"alg": "Ed25519", "typ": "kb+jwt"}
    claims = {"iat": NOW, "aud": "tax", "nonce": "n", "sd_hash": digest(TOKEN)}
    body = f"{b64(dumps(header))}.{b64(dumps(claims))}".encode()
    return body + b"." + b64(HOLDER.sign(body)).encode()


def _encodings() -> Iterator[tuple[str, bytes]]:
    header, _, claims = BODY.partition(b".")
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    stray = alphabet[alphabet.index(SIGNATURE[-1:]) ^ 1 :][:1]
    yield "encoding: stray bits at the signature's end", SOUND.joined(JWT[:-1] + stray)
    yield "encoding: signature padded", SOUND.joined(JWT + b"==")
    # Four each, so that the length still tells the right padding to a decoder that skips them.
    for what, skipped in (("white space", b"\n\n\n\n"), ("foreign characters", b"!!!!")):
        yield f"encoding: {what} in the signature", SOUND.joined(JWT[:-9] + skipped + JWT[-9:])
    yield "encoding: standard alphabet in the signature", _standard()
    yield (
        "encoding: claims padded, signed so",
        SOUND.with_body(header + b"." + claims + b"=" * (-len(claims) % 4 or 4)),
    )
    yield (
        "encoding: white space in the claims, signed so",
        SOUND.with_body(header + b"." + claims[:9] + b"\n\n\n\n" + claims[9:]),
    )
    yield "encoding: four parts", SOUND.joined(JWT + b"." + SIGNATURE)
    yield "encoding: a byte that is not ASCII", SOUND.joined(JWT + b"\xff")
    yield (
        "encoding: JWS in JSON (RFC 7515 §7.2)",
        dumps(
            {
                "protected": header.decode(),
                "payload": claims.decode(),
                "signature": SIGNATURE.decode(),
                "disclosures": [text.decode() for text in SOUND.disclosures],
            }
        ),
    )
    yield "encoding: white space before the token", b" " + TOKEN
    yield "encoding: a new line after the token", TOKEN + b"\n"
    yield f"encoding: more than {limits.TOKEN_BYTES} bytes", times(role="x" * limits.TOKEN_BYTES)


def _standard() -> bytes:
    """Write a signature that needs the two letters in which the alphabets differ in the other."""
    for n in range(100):
        body = claims_with(lambda claims, n=n: claims.update(frequency=n)).partition(b"~")[0]  # type: ignore[misc]
        start, _, signature = body.rpartition(b".")
        if {*b"-_"} & {*signature}:
            other = base64.b64encode(unb64(signature, "")).rstrip(b"=")
            return SOUND.joined(start + b"." + other)
    raise AssertionError("no signature with either letter")
