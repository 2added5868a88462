"""Masks that hide a contribution to a sum and cancel out in it.

Every pair of departments, and every department with the tally, has a key from both parties' static
X25519 keys. A mask is a sum of pseudorandom numbers of these keys and a context that is used once.
Knows keys and integers. Does not know who the parties are or what a sum is about.
"""

from collections.abc import Sequence
from hashlib import sha256, shake_256

from nacl import bindings
from nacl.exceptions import CryptoError as NaclError

from crypto.errors import BadKey
from crypto.labels import MASK, MASK_KEY

KEY_SIZE = 32
_SPARE_BITS = 128
"""Beyond the modulus, so that what is reduced is uniform but for 2**-128."""


def public_key(secret: bytes) -> bytes:
    """Give the public half of an X25519 key (RFC 7748 §5).

    Raises:
        BadKey: the secret does not have 32 bytes.
    """
    _check_size(secret)
    return bindings.crypto_scalarmult_base(secret)


def shared_key(secret: bytes, peer_public: bytes, label: bytes = MASK_KEY) -> bytes:
    """Give the 32-byte key that two parties share, the same at both.

    SHA-256 of the label, the X25519 secret (RFC 7748 §6.1) and both public keys in rising order.

    Raises:
        BadKey: a key does not have 32 bytes, or the peer's is of low order.
    """
    _check_size(peer_public)
    own_public = public_key(secret)
    try:
        secret_point = bindings.crypto_scalarmult(secret, peer_public)
    except NaclError as error:  # the product is zero
        raise BadKey("a public key of low order") from error
    return sha256(label + secret_point + b"".join(sorted((own_public, peer_public)))).digest()


def prf(key: bytes, context: bytes, modulus: int) -> int:
    """Give the pseudorandom number below a modulus of a key in a context.

    Raises:
        BadKey: the key does not have 32 bytes.
    """
    _check_size(key)
    size = (modulus.bit_length() + _SPARE_BITS + 7) // 8
    return int.from_bytes(shake_256(MASK + key + context).digest(size), "big") % modulus


def mask(pairwise: Sequence[tuple[int, bytes]], tally: bytes, context: bytes, modulus: int) -> int:
    """Give a department's mask in a context.

    `pairwise` has the key with each other department and a sign, +1 at one of the two and -1 at the
    other; `tally` is the key with the tally, which takes its part off.

    Raises:
        BadKey: a key does not have 32 bytes, or a sign is neither +1 nor -1.
    """
    if any(sign not in {1, -1} for sign, _ in pairwise):
        raise BadKey("the sign of a pairwise mask is +1 or -1")
    shared = sum(sign * prf(key, context, modulus) for sign, key in pairwise)
    return (shared + prf(tally, context, modulus)) % modulus


def _check_size(key: bytes) -> None:
    if len(key) != KEY_SIZE:
        raise BadKey(f"a key has {KEY_SIZE} bytes")
