"""The group ristretto255 (RFC 9496) on libsodium, as typed functions of 32-byte values.

Knows elements, scalars and hashing to either. Does not know any protocol. Every operation
decodes and encodes its elements, since libsodium keeps the inner form to itself: an addition
costs 12 µs, a product 40 µs, a product of the base point 13 µs. Products and sums release the
interpreter lock, so batches on several threads use several cores.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import reduce
from hashlib import sha512
from itertools import accumulate
from pathlib import Path

import rbcl

from crypto.errors import BadElement

ELEMENT_SIZE = 32
SCALAR_SIZE = 32
ORDER = 2**252 + 27742317777372353535851937790883648493
"""Number of elements (RFC 9496 §4)."""

add: Callable[[bytes, bytes], bytes] = rbcl.crypto_core_ristretto255_add
"""Add two valid elements."""

subtract: Callable[[bytes, bytes], bytes] = rbcl.crypto_core_ristretto255_sub
"""Subtract the second of two valid elements from the first."""

times_base: Callable[[bytes], bytes] = rbcl.crypto_scalarmult_ristretto255_base_allow_scalar_zero
"""Multiply the base point by any scalar; zero gives the identity."""

from_uniform: Callable[[bytes], bytes] = rbcl.crypto_core_ristretto255_from_hash
"""Map 64 uniform bytes to an element (RFC 9496 §4.3.4)."""

reduce_scalar: Callable[[bytes], bytes] = rbcl.crypto_core_ristretto255_scalar_reduce
"""Reduce 64 bytes, little-endian, to a scalar."""

multiply_scalars: Callable[[bytes, bytes], bytes] = rbcl.crypto_core_ristretto255_scalar_mul
"""Multiply two scalars."""

IDENTITY = bytes(ELEMENT_SIZE)
BASE = times_base((1).to_bytes(SCALAR_SIZE, "little"))

Random = Callable[[int], bytes]
"""A source of as many random bytes as are asked for."""

_BLOCK_OF_ZEROS = sha512(bytes(128))


def multiply(scalar: bytes, element: bytes) -> bytes:
    """Multiply an element by a scalar.

    Raises:
        BadElement: either is malformed, or the product is the identity.
    """
    try:
        product: bytes = rbcl.crypto_scalarmult_ristretto255(scalar, element)
    except (RuntimeError, ValueError) as error:
        raise BadElement("no product of this scalar and this element") from error
    return product


def multiply_base(scalar: bytes) -> bytes:
    """Multiply the base point by a scalar.

    Raises:
        BadElement: the scalar is malformed or zero.
    """
    try:
        product: bytes = rbcl.crypto_scalarmult_ristretto255_base(scalar)
    except (RuntimeError, ValueError) as error:
        raise BadElement("the base point is not multiplied by zero") from error
    return product


def weighted_sum(weights: Sequence[bytes], elements: Sequence[bytes]) -> bytes:
    """Add up elements, each multiplied by its weight.

    Raises:
        BadElement: none given, counts differ, one is malformed, or a product is the identity.
    """
    if not elements or len(weights) != len(elements):
        raise BadElement("as many weights as elements, at least one")
    # Bucket methods replace a product by some forty additions: slower at the costs above.
    return reduce(add, map(multiply, weights, elements))


def invert_all(scalars: Sequence[bytes]) -> list[bytes]:
    """Invert non-zero scalars together: one inversion and three products an item (Montgomery).

    Raises:
        BadElement: none given, or one is zero.
    """
    if not scalars:
        raise BadElement("nothing to invert")
    prefixes = list(accumulate(scalars, multiply_scalars))
    try:
        running: bytes = rbcl.crypto_core_ristretto255_scalar_invert(prefixes[-1])
    except ValueError as error:
        raise BadElement("zero has no inverse") from error
    inverses: list[bytes] = []
    for position in range(len(scalars) - 1, 0, -1):
        inverses.append(multiply_scalars(running, prefixes[position - 1]))
        running = multiply_scalars(running, scalars[position])
    inverses.append(running)
    inverses.reverse()
    return inverses


def is_element(data: bytes) -> bool:
    """Tell whether these bytes encode an element other than the identity."""
    # libsodium counts the identity, all zeros, as valid; RFC 9497 §2.1 refuses it.
    if len(data) != ELEMENT_SIZE or not any(data):
        return False
    valid: bool = rbcl.crypto_core_ristretto255_is_valid_point(data)
    return valid


def is_scalar(data: bytes) -> bool:
    """Tell whether these bytes encode a scalar other than zero, reduced."""
    return len(data) == SCALAR_SIZE and 0 < int.from_bytes(data, "little") < ORDER


def encode_scalar(number: int) -> bytes:
    """Encode any integer, reduced, as a scalar."""
    return (number % ORDER).to_bytes(SCALAR_SIZE, "little")


def random_scalar(random: Random) -> int:
    """Draw a scalar: 64 bytes, reduced."""
    return int.from_bytes(random(64), "little") % ORDER


def expand(data: bytes, label: bytes) -> bytes:
    """Expand a message into 64 uniform bytes under a label of at most 255 bytes.

    expand_message_xmd with SHA-512 (RFC 9380 §5.3.1), of which 64 bytes are a single block.
    """
    suffix = label + bytes((len(label),))
    first = _BLOCK_OF_ZEROS.copy()
    first.update(data + b"\x00\x40\x00" + suffix)
    return sha512(first.digest() + b"\x01" + suffix).digest()


def _discard_unpacked_library() -> None:
    # rbcl writes its libsodium into a new temporary file (2 MB) at each start and leaves it
    # there. Once loaded it needs no name; where the system objects, it stays.
    unpacked = Path(sys.modules["rbcl._sodium"].lib_path)
    if unpacked.parent == Path(tempfile.gettempdir()):
        with suppress(OSError):
            unpacked.unlink()


_discard_unpacked_library()
