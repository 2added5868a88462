"""Signature suites: which algorithm a key belongs to, and the port through which another is added.

Knows Ed25519 as libsodium does it, and the suites that providers have registered by name. Does not
know who holds a key: its entry in a signed document names its suite, a message never does. So the
one who signs cannot choose by which rules the signature is judged.
"""

import re
from dataclasses import dataclass
from typing import Final, Protocol

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import CryptoError as NaclError

from crypto.errors import BadKey, BadSignature, UnknownSuite

SEED_SIZE: Final = 32
"""Bytes of secret from which every suite derives its keys: so all are sealed alike."""
_KEY_SIZE: Final = 32
_SIGNATURE_SIZE: Final = 64
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


class Suite(Protocol):
    """One signature algorithm over bytes; what it is called stands in every key's name (kid)."""

    @property
    def name(self) -> str:
        """Small letters, digits and hyphens, at most 32."""
        ...

    def admit(self, public: bytes) -> None:
        """Refuse what can be no public key.

        Raises:
            BadKey: it cannot.
        """
        ...

    def expand(self, seed: bytes) -> tuple[bytes, bytes]:
        """Derive from a 32-byte seed the public key, and the secret form that ``sign`` takes."""
        ...

    def sign(self, secret: bytes, message: bytes) -> bytes:
        """Sign with an expanded secret; the same message gives the same bytes."""
        ...

    def verify(self, public: bytes, message: bytes, signature: bytes) -> None:
        """Refuse unless the key signed the message.

        Raises:
            BadSignature: it did not.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Ed25519:
    """RFC 8032 by libsodium, whose acceptance rules are the protocol's."""

    name: str = "ed25519"

    def admit(self, public: bytes) -> None:
        if len(public) != _KEY_SIZE:
            raise BadKey("a verification key has 32 bytes")

    def expand(self, seed: bytes) -> tuple[bytes, bytes]:
        return crypto_sign_seed_keypair(seed)

    def sign(self, secret: bytes, message: bytes) -> bytes:
        return crypto_sign(message, secret)[:_SIGNATURE_SIZE]

    def verify(self, public: bytes, message: bytes, signature: bytes) -> None:
        if len(signature) != _SIGNATURE_SIZE:
            raise BadSignature("a signature has 64 bytes")
        try:
            crypto_sign_open(signature + message, public)
        except NaclError as error:
            raise BadSignature("a signature does not hold") from error


ED25519: Final = _Ed25519()
_REGISTERED: Final[dict[str, Suite]] = {ED25519.name: ED25519}


def register(suite: Suite) -> None:
    """Offer a further suite to this process; done once, before any document is read.

    Raises:
        ValueError: the name is taken or is none: replacing a suite would change what keys mean.
    """
    if suite.name in _REGISTERED or not _NAME.fullmatch(suite.name):
        raise ValueError(f"no new suite can be called {suite.name!r}")
    _REGISTERED[suite.name] = suite


def named(name: str) -> Suite:
    """Find the suite that a key's entry names.

    Raises:
        UnknownSuite: no provider has registered it here.
    """
    try:
        return _REGISTERED[name]
    except KeyError as error:
        raise UnknownSuite(name) from error
