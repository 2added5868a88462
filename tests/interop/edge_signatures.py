"""Ed25519 at its edges: which of others' 914 odd keys and signatures each library takes.

Knows the vectors of C2SP/CCTV: small orders, encodings that are not canonical, mixed components.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry
from openvc.keys import verify_signature
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature, SSlibKey  # type: ignore[attr-defined]

from crypto.errors import BadSignature
from crypto.keys import VerifyKey
from tests.interop.token_readers import jwk
from tests.interop.verdicts import titled

Edge = tuple[bytes, bytes, bytes]
"""Key, message and signature."""


def edges(vectors: Path) -> list[Edge]:
    """Read the vectors."""
    rows = json.loads((vectors / "cctv-ed25519" / "ed25519vectors.json").read_text("utf-8"))
    return [
        (bytes.fromhex(row["key"]), row["msg"].encode(), bytes.fromhex(row["sig"])) for row in rows
    ]


def accepted(edges: list[Edge]) -> dict[str, set[int]]:
    """Give the places of those that each library takes; some stand there twice."""
    return {
        name: {place for place, edge in enumerate(edges) if takes(*edge)}
        for name, takes in _TAKES.items()
    }


def table(taken: Mapping[str, set[int]], of: int) -> str:
    """Write the counts as a Markdown table."""
    rows = [f"| {titled(name)} | {len(some)} of {of} |\n" for name, some in taken.items()]
    return "".join(["| library | takes |\n", "| --- | --- |\n", *rows])


def _hedui(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(key).verify(message, signature)
    except BadSignature:
        return False
    return True


def _openvc(key: bytes, message: bytes, signature: bytes) -> bool:
    return verify_signature(
        alg="Ed25519",
        public_jwk=jwk(VerifyKey(key)),
        signing_input=message,
        signature=signature,
    )


def _joserfc(key: bytes, message: bytes, signature: bytes) -> bool:
    public = OKPKey.import_key(jwk(VerifyKey(key)))  # type: ignore[arg-type]
    return JWSRegistry.algorithms["Ed25519"].verify(message, signature, public)


def _securesystemslib(key: bytes, message: bytes, signature: bytes) -> bool:
    public = SSlibKey("k", "ed25519", "ed25519", {"public": key.hex()})
    try:
        public.verify_signature(Signature("k", signature.hex()), message)
    except UnverifiedSignatureError:
        return False
    return True


_TAKES: Final[Mapping[str, Callable[[bytes, bytes, bytes], bool]]] = {
    "Hedui": _hedui,
    "openvc-core": _openvc,
    "joserfc": _joserfc,
    "securesystemslib": _securesystemslib,
}
