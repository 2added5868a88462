"""What every maker of hostile files starts from: names, keys, hours, and others' ways to sign.

Signatures are made by joserfc (JWS), securesystemslib (DSSE) and cryptography, trees by pymerkle:
not by the code that is to refuse them. Everything follows from names, so that the same bytes come
out each time. Does not know what is wrong with any file.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry
from pymerkle import InmemoryTree
from securesystemslib import dsse
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

from crypto.keys import SigningKey
from federation.exchange import Purpose
from tests.support import exchanges

NOW: Final = exchanges.NOW
DAY: Final = 86_400
DEPARTMENT: Final = exchanges.DEPARTMENT
ENTRY: Final = Purpose.ENTRY
COMMITTED_MOST: Final = 8 * 1024
"""A larger file is made when it is tested, and not kept."""

Json = dict[str, Any]
Change = Callable[[Json], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """A file, who looks at it, how it is refused (no code: not at all), and what is wrong with it.

    ``twin`` is the accepted file from which it was made.
    """

    file: str
    verifier: str
    code: str
    zh: str
    en: str
    data: bytes = field(repr=False)
    twin: str = ""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the files of one kind lie: their folder, verifier, ending and accepted twin."""

    folder: str
    verifier: str
    ending: str

    def path(self, name: str) -> str:
        return f"{self.folder}/{name}{self.ending}"

    def sound(self, data: bytes, zh: str, en: str, name: str = "sound") -> Hostile:
        return Hostile(
            file=self.path(name), verifier=self.verifier, code="", zh=zh, en=en, data=data
        )

    def hostile(self, name: str, code: str, words: tuple[str, str], data: bytes) -> Hostile:
        """Name a file that was made from the sound one."""
        return Hostile(
            file=self.path(name),
            verifier=self.verifier,
            code=code,
            zh=words[0],
            en=words[1],
            data=data,
            twin=self.path("sound"),
        )


def b64(data: bytes) -> str:
    """Write unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str | bytes) -> bytes:
    """Read unpadded base64url."""
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))


def compact(value: object) -> bytes:
    """Write JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def signature(signer: SigningKey, message: bytes) -> bytes:
    """Sign with cryptography's Ed25519."""
    return Ed25519PrivateKey.from_private_bytes(signer.seed).sign(message)


def jwt(header: Mapping[str, object], claims: bytes, signer: SigningKey) -> str:
    """Sign with joserfc."""
    public = {"kty": "OKP", "crv": "Ed25519", "x": b64(signer.verify_key.raw)}
    mine = OKPKey.import_key({**public, "d": b64(signer.seed)})
    registry = JWSRegistry(algorithms=["Ed25519", "EdDSA"], strict_check_header=False)
    return jws.serialize_compact(dict(header), claims, mine, registry=registry)


def odd_jwt(header: bytes, claims: bytes, signer: SigningKey) -> str:
    """Sign what joserfc would not write."""
    body = f"{b64(header)}.{b64(claims)}"
    return f"{body}.{b64(signature(signer, body.encode()))}"


def enveloped(payload: bytes, kind: str, signers: Sequence[SigningKey]) -> Json:
    """Sign with securesystemslib, as DSSE."""
    envelope = dsse.Envelope(payload, kind, {})
    for one in signers:
        public = SSlibKey(one.kid, "ed25519", "ed25519", {"public": one.verify_key.raw.hex()})
        envelope.sign(CryptoSigner(Ed25519PrivateKey.from_private_bytes(one.seed), public))
    return dict(envelope.to_dict())


def tree(entries: Sequence[bytes]) -> InmemoryTree:
    """Grow a tree with pymerkle."""
    return InmemoryTree.init_from_entries(list(entries), algorithm="sha256")


def root(entries: Sequence[bytes]) -> bytes:
    """Give the root over entries, or of no tree."""
    return bytes(tree(entries).get_root()) if entries else hashlib.sha256(b"").digest()


def flipped(data: bytes, at: int = 0) -> bytes:
    """Change one bit."""
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
