"""Secrets sealed to a public key: whoever has its other half opens them, and nobody else.

Knows bytes and X25519 keys (libsodium's sealed boxes). Does not know whose key it is or what lies
inside, nor who sealed it: that is told by whatever the secret must fit.
"""

from nacl.exceptions import CryptoError as NaclError
from nacl.public import PrivateKey, PublicKey, SealedBox

from crypto.errors import BadElement, BadKey

OVERHEAD = 48
"""Bytes by which a sealed secret is longer."""


def seal_to(public: bytes, secret: bytes) -> bytes:
    """Seal a secret to an X25519 key.

    Raises:
        BadKey: the key does not have 32 bytes, or is of low order.
    """
    try:
        return SealedBox(PublicKey(public)).encrypt(secret)
    except NaclError as error:
        raise BadKey("nothing can be sealed to this key") from error


def open_sealed(secret_key: bytes, sealed: bytes) -> bytes:
    """Open what was sealed to the public half of an X25519 key.

    Raises:
        BadKey: the key does not have 32 bytes.
        BadElement: it was sealed to another key, or altered.
    """
    try:
        box = SealedBox(PrivateKey(secret_key))
    except NaclError as error:
        raise BadKey("an X25519 key has 32 bytes") from error
    try:
        return box.decrypt(sealed)
    except NaclError as error:
        raise BadElement("sealed to another key, or altered") from error
