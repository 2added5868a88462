"""Paillier encryption on `phe` and GMP: ciphertexts that add up.

Knows integers below N and ciphertexts below N². Does not know what is added, and keeps nothing:
obfuscators are handed in, so that they can be made beforehand. Nothing here may leave a party
before it was multiplied with an obfuscator of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import NoReturn, Self

import gmpy2
from phe import paillier
from phe.util import mulmod, powmod

from crypto.errors import BadCiphertext, BadKey
from crypto.group import Random

BITS = 3072
MODULUS_SIZE = BITS // 8
CIPHERTEXT_SIZE = 2 * MODULUS_SIZE
_SPARE_BYTES = 16
"""Beyond the modulus, so that what is reduced is uniform but for 2**-128."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A modulus N; `square` is N², `size` the bytes of a ciphertext."""

    n: int = field(repr=False)
    square: int = field(init=False, repr=False, compare=False)
    size: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "square", self.n * self.n)
        object.__setattr__(self, "size", 2 * ((self.n.bit_length() + 7) // 8))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a modulus of 3,072 bits.

        Raises:
            BadKey: another size, even, or a prime, under which nothing is secret.
        """
        n = int.from_bytes(data, "big")
        if len(data) != MODULUS_SIZE or n.bit_length() != BITS:
            raise BadKey(f"a Paillier modulus has {BITS} bits")
        if n % 2 == 0 or gmpy2.is_prime(n):
            raise BadKey("a Paillier modulus is the product of two large primes")
        return cls(n)

    def to_bytes(self) -> bytes:
        """Write the modulus, big-endian."""
        return self.n.to_bytes(self.size // 2, "big")

    def obfuscator(self, random: Random) -> int:
        """Make r to the power of N for a random r: 29 ms, to be used once."""
        drawn = int.from_bytes(random(self.size // 2 + _SPARE_BYTES), "big")
        with gmpy2.context(gmpy2.get_context(), allow_release_gil=True):  # others go on meanwhile
            return int(powmod(drawn % (self.n - 1) + 1, self.n, self.square))

    def encrypt(self, plain: int, obfuscator: int) -> bytes:
        """Encrypt an integer modulo N, as bytes of fixed length."""
        return self.write(self.encrypt_raw(plain, obfuscator))

    def encrypt_raw(self, plain: int, obfuscator: int) -> int:
        """Encrypt an integer modulo N."""
        # Not phe's raw_encrypt: it takes r and raises it to the power of N itself, which is what
        # has been done beforehand, and inverts modulo N² for the upper third of the plaintexts.
        return int(mulmod(1 + plain % self.n * self.n, obfuscator, self.square))

    def write(self, ciphertext: int) -> bytes:
        """Write a ciphertext, big-endian."""
        return ciphertext.to_bytes(self.size, "big")

    def read(self, ciphertext: bytes) -> int:
        """Read a ciphertext that has a plaintext.

        Raises:
            BadCiphertext: another size, zero, not below N², or with a factor of N in it.
        """
        value = int.from_bytes(ciphertext, "big")
        if len(ciphertext) != self.size or not 0 < value < self.square:
            raise BadCiphertext("a ciphertext is between zero and the square of the modulus")
        if gmpy2.gcd(value, self.n) != 1:
            raise BadCiphertext("a ciphertext has no factor in common with the modulus")
        return value

    def product(self, ciphertexts: Iterable[int]) -> int:
        """Multiply ciphertexts, which adds their plaintexts; multiply it with a fresh one."""
        return int(reduce(lambda one, other: mulmod(one, other, self.square), ciphertexts, 1))


class PrivateKey:
    """The two primes of a modulus; they are not shown, compared or pickled."""

    __slots__ = ("_key", "public")

    public: PublicKey
    _key: paillier.PaillierPrivateKey

    def __init__(self, key: paillier.PaillierPrivateKey) -> None:
        """Take a key of `phe`; use `generate` or `from_bytes` instead."""
        self._key = key
        self.public = PublicKey(key.public_key.n)

    @classmethod
    def generate(cls, bits: int = BITS) -> Self:
        """Draw two primes from the operating system's randomness: seconds."""
        return cls(paillier.generate_paillier_keypair(n_length=bits)[1])

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the two primes, of equal length, that `to_bytes` wrote.

        Raises:
            BadKey: they are not two different primes of equal length.
        """
        half = len(data) // 2
        p, q = (int.from_bytes(part, "big") for part in (data[:half], data[half:]))
        if len(data) % 2 or p == q or p.bit_length() != q.bit_length():
            raise BadKey("a Paillier key is two different primes of equal length")
        if not (gmpy2.is_prime(p) and gmpy2.is_prime(q)):
            raise BadKey("a Paillier key is two primes")
        return cls(paillier.PaillierPrivateKey(paillier.PaillierPublicKey(p * q), p, q))

    def to_bytes(self) -> bytes:
        """Write the two primes, for sealing only."""
        size = self.public.size // 4
        return b"".join(int(prime).to_bytes(size, "big") for prime in (self._key.p, self._key.q))

    def decrypt(self, ciphertext: int) -> int:
        """Decrypt what `PublicKey.read` gave, modulo each prime apart."""
        return int(self._key.raw_decrypt(ciphertext))

    def __repr__(self) -> str:
        """Show the length of the modulus, never a prime."""
        return f"<PrivateKey of {self.public.n.bit_length()} bits>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied.

        Raises:
            TypeError: always.
        """
        raise TypeError("a Paillier key is not pickled; seal its primes")
