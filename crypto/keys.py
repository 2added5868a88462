"""Keys that sign and verify, whatever their suite, and the sealing of any key under a passphrase.

Knows keys, their names and a self-describing sealed form. Does not know files, who holds a key or
how long it is valid, nor any algorithm of signing: a key carries its suite.
"""

import unicodedata
from dataclasses import dataclass, field
from enum import Enum
from hashlib import blake2b, sha256
from typing import NoReturn, Self

from nacl.exceptions import CryptoError as NaclError
from nacl.pwhash import argon2id
from nacl.secret import SecretBox
from nacl.utils import random

from crypto.errors import BadKey, BadPassphrase, BadSignature
from crypto.labels import KID, SEAL
from crypto.suites import ED25519, SEED_SIZE, Suite

KEY_SIZE = 32
PLAIN_MAX = 2**20
"""Most bytes one sealed file holds: keys, not archives."""


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key of a suite; `kid` is its name: 32 hexadecimal digits of a hash of both."""

    raw: bytes
    suite: Suite = field(default=ED25519, repr=False)
    kid: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Name the key.

        Raises:
            BadKey: the bytes are no key of the suite.
        """
        self.suite.admit(self.raw)
        named = sha256(KID + self.suite.name.encode() + b"|" + self.raw).digest()
        object.__setattr__(self, "kid", named[:16].hex())

    def verify(self, message: bytes, signature: bytes) -> None:
        """Refuse unless this key signed the message, by the rules of its suite.

        Raises:
            BadSignature: it did not.
        """
        try:
            self.suite.verify(self.raw, message, signature)
        except BadSignature as error:
            raise BadSignature(f"not signed by {self.kid}: {error}") from error


class SigningKey:
    """A secret key of a suite; it is not shown, copied or pickled."""

    __slots__ = ("_expanded", "_seed", "verify_key")

    verify_key: VerifyKey
    _expanded: bytes
    _seed: bytes

    def __init__(self, seed: bytes, expanded: bytes, verify_key: VerifyKey) -> None:
        """Take what the suite has derived; use `generate` or `from_seed` instead."""
        self._seed = seed
        self._expanded = expanded
        self.verify_key = verify_key

    @classmethod
    def generate(cls, suite: Suite = ED25519) -> Self:
        """Draw a new key from the operating system's randomness."""
        return cls.from_seed(random(SEED_SIZE), suite)

    @classmethod
    def from_seed(cls, seed: bytes, suite: Suite = ED25519) -> Self:
        """Rebuild the key of a 32-byte seed (for Ed25519: RFC 8032 §5.1.5).

        Raises:
            BadKey: the seed does not have 32 bytes.
        """
        if len(seed) != SEED_SIZE:
            raise BadKey("a signing key's seed has 32 bytes")
        public, expanded = suite.expand(seed)
        return cls(seed, expanded, VerifyKey(public, suite))

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes, for sealing only."""
        return self._seed

    @property
    def kid(self) -> str:
        """The name of the public half."""
        return self.verify_key.kid

    def sign(self, message: bytes) -> bytes:
        """Give the signature of a message."""
        return self.verify_key.suite.sign(self._expanded, message)

    def __repr__(self) -> str:
        """Name the key, never show it."""
        return f"<SigningKey {self.kid}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied.

        Raises:
            TypeError: always.
        """
        raise TypeError("a signing key is not pickled; seal its seed")


class SealCost(Enum):
    """Passes and bytes of memory that Argon2id spends on one guess of a passphrase."""

    MINIMAL = (argon2id.OPSLIMIT_MIN, argon2id.MEMLIMIT_MIN)
    """Tests and demonstrations: no protection of a weak passphrase."""
    INTERACTIVE = (argon2id.OPSLIMIT_INTERACTIVE, argon2id.MEMLIMIT_INTERACTIVE)
    SENSITIVE = (argon2id.OPSLIMIT_SENSITIVE, argon2id.MEMLIMIT_SENSITIVE)


# magic 10 ‖ version 1 ‖ passes 4 ‖ memory 8 ‖ salt 16 ‖ nonce 24, then tag 16 ‖ ciphertext.
_MAGIC = b"HEDUI-SEAL"
_VERSION = 1
_FIXED = len(_MAGIC) + 1 + 4 + 8
_HEADER = _FIXED + argon2id.SALTBYTES + SecretBox.NONCE_SIZE


def seal(
    plain: bytes,
    passphrase: str | bytes,
    *,
    purpose: bytes,
    cost: SealCost = SealCost.INTERACTIVE,
) -> bytes:
    """Encrypt key material under a passphrase, for one purpose.

    Argon2id (RFC 9106) gives a key, BLAKE2b binds it to header and purpose, XSalsa20-Poly1305
    encrypts.

    Raises:
        BadKey: more than a mebibyte.
        BadPassphrase: the passphrase is empty or not Unicode text.
    """
    if len(plain) > PLAIN_MAX:
        raise BadKey(f"at most {PLAIN_MAX} bytes are sealed at once")
    passes, memory = cost.value
    header = b"".join(
        (
            _MAGIC,
            bytes((_VERSION,)),
            passes.to_bytes(4, "big"),
            memory.to_bytes(8, "big"),
            random(argon2id.SALTBYTES),
            random(SecretBox.NONCE_SIZE),
        )
    )
    box = SecretBox(_sealing_key(header, cost, passphrase, purpose))
    return header + box.encrypt(plain, header[-SecretBox.NONCE_SIZE :]).ciphertext


def unseal(sealed: bytes, passphrase: str | bytes, *, purpose: bytes) -> bytes:
    """Decrypt what `seal` wrote for the same purpose.

    Raises:
        BadKey: not a sealed key, of an unknown version, or of a cost that is not offered.
        BadPassphrase: wrong passphrase or purpose, or altered bytes.
    """
    cost = _read_cost(sealed)
    header, box = sealed[:_HEADER], sealed[_HEADER:]
    key = _sealing_key(header, cost, passphrase, purpose)
    try:
        return SecretBox(key).decrypt(box, header[-SecretBox.NONCE_SIZE :])
    except NaclError as error:
        raise BadPassphrase("wrong passphrase, other purpose or altered file") from error


def _read_cost(sealed: bytes) -> SealCost:
    body = len(sealed) - _HEADER - SecretBox.MACBYTES
    if not sealed.startswith(_MAGIC) or not 0 <= body <= PLAIN_MAX:
        raise BadKey("not a sealed key")
    version = sealed[len(_MAGIC)]
    if version != _VERSION:
        raise BadKey(f"sealed key of unknown version {version}")
    passes = int.from_bytes(sealed[_FIXED - 12 : _FIXED - 8], "big")
    memory = int.from_bytes(sealed[_FIXED - 8 : _FIXED], "big")
    try:
        # Only the offered costs: a hostile header must not make us allocate its memory.
        return SealCost((passes, memory))
    except ValueError as error:
        raise BadKey(f"sealed at a cost that is not offered: {passes} x {memory}") from error


def _sealing_key(header: bytes, cost: SealCost, passphrase: str | bytes, purpose: bytes) -> bytes:
    if isinstance(passphrase, str):
        # The same passphrase typed on another system may arrive in another Unicode form.
        try:
            passphrase = unicodedata.normalize("NFC", passphrase).encode()
        except UnicodeEncodeError as error:
            raise BadPassphrase("a passphrase is Unicode text") from error
    if not passphrase:
        raise BadPassphrase("a passphrase is not empty")
    passes, memory = cost.value
    salt = header[_FIXED : _FIXED + argon2id.SALTBYTES]
    stretched = argon2id.kdf(KEY_SIZE, passphrase, salt, opslimit=passes, memlimit=memory)
    # The header has a fixed length, so header ‖ purpose is unambiguous.
    return blake2b(header + purpose, digest_size=KEY_SIZE, key=stretched, person=SEAL).digest()
