"""A sound consent token, and how one is signed with something in it changed.

Does not know which changes matter: ``token_faults`` does.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from crypto.keys import SigningKey
from federation import consent, status
from federation.consent import Claims, Grant
from federation.exchange import Purpose
from federation.strictjson import b64, dumps, unb64
from tests.interop.token_readers import Expected

NOW: Final = 1_795_000_000  # 2026-11-18T14:26:40Z
DAY: Final = 86_400
KEY: Final = SigningKey.from_seed(b"r" * 32)
THIEF: Final = SigningKey.from_seed(b"t" * 32)
HOLDER: Final = SigningKey.from_seed(b"h" * 32)
EXPECTED: Final = Expected(
    keys={KEY.kid: KEY.verify_key},
    issuer="registrar",
    audience="tax",
    holder=HOLDER.verify_key.raw,
    now=NOW,
)
CLAIMS: Final = Claims(
    issuer="registrar",
    audience="tax",
    sub=b"s" * 32,
    issued=NOW - DAY,
    not_before=NOW - DAY,
    expires=NOW + 30 * DAY,
    jti=b"j" * 16,
    holder=HOLDER.verify_key.raw,
    status_index=7,
    status_uri=status.uri_of("registrar", "tax"),
    purpose=Purpose.ENTRY,
    basis="CONSENT",
    policy_family="test",
    policy_version=1,
    uses_a_month=10,
    data_life_days=30,
    role="APPLICANT",
    household_salt=b"t" * 16,
    household_commitment=b"c" * 32,
    members=3,
    evidence=b"e" * 32,
    chain=b"j" * 16,
)
WAGE: Final = Grant(predicate="P20", parameter="", form="boolean", max_uses=2)
INCOME: Final = Grant(
    predicate="P21", parameter="wage-12s", form="threshold", max_uses=1, members=3
)
TOKEN: Final = consent.issue(CLAIMS, {b"1" * 16: WAGE, b"2" * 16: INCOME}, KEY)

Json = dict[str, Any]
Change = Callable[[Json], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A token taken apart: raw JSON of header and claims, disclosures as they travel."""

    header: bytes
    claims: bytes
    disclosures: tuple[bytes, ...]

    def signed(self, key: SigningKey = KEY) -> bytes:
        """Put the token together and sign it."""
        return self.with_body(f"{b64(self.header)}.{b64(self.claims)}".encode(), key)

    def with_body(self, body: bytes, key: SigningKey = KEY) -> bytes:
        """Sign a body that was put together otherwise."""
        return self.joined(body + b"." + b64(key.sign(body)).encode())

    def joined(self, jwt: bytes) -> bytes:
        """Put a JWT in front of the disclosures."""
        return b"~".join([jwt, *self.disclosures, b""])


def parts(token: bytes = TOKEN) -> Parts:
    """Take a token apart."""
    jwt, *disclosures, _ = token.split(b"~")
    header, claims, _ = jwt.split(b".")
    return Parts(
        header=unb64(header, "header"), claims=unb64(claims, "claims"), disclosures=(*disclosures,)
    )


SOUND: Final = parts()
JWT: Final = TOKEN.partition(b"~")[0]
BODY, _, SIGNATURE = (part for part in JWT.rpartition(b"."))


def claims_with(change: Change) -> bytes:
    """Sign changed claims."""
    claims = json.loads(SOUND.claims)
    change(claims)
    return replace(SOUND, claims=loose(claims)).signed()


def claims_text(old: bytes, new: bytes) -> bytes:
    """Sign claims in which one text stands for another: JSON that no encoder writes."""
    assert SOUND.claims.count(old) == 1, old
    return replace(SOUND, claims=SOUND.claims.replace(old, new)).signed()


def header_with(key: SigningKey = KEY, **changes: object) -> bytes:
    """Sign a changed header; None removes a parameter."""
    header = json.loads(SOUND.header) | changes
    kept = {name: value for name, value in header.items() if value is not None}
    return replace(SOUND, header=loose(kept)).signed(key)


def times(**changes: object) -> bytes:
    """Sign other times."""
    return claims_with(lambda claims: claims.update(changes))


def without(*names: str) -> bytes:
    """Sign claims of which some are missing."""
    return claims_with(lambda claims: [claims.pop(name) for name in names])


def disclosing(*texts: bytes, **claims: object) -> bytes:
    """Sign a token over just these disclosures, as its only grants."""
    slots = [{"...": digest(text)} for text in texts]
    body = json.loads(SOUND.claims) | {"grants": slots} | claims
    return replace(SOUND, claims=loose(body), disclosures=texts).signed()


def disclosure(*values: object) -> bytes:
    """Write a disclosure."""
    return b64(loose(list(values))).encode()


def digest(text: bytes) -> str:
    """Name a disclosure the way the issuer does."""
    return b64(hashlib.sha256(text).digest())


def loose(value: object) -> bytes:
    """Write JSON without holding it to anything: half a surrogate pair is written as an escape."""
    try:
        return dumps(value)
    except UnicodeEncodeError:
        return json.dumps(value).encode()
