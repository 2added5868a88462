"""The tally's part of a comparison: its keys, its masks, and what it says in both steps of a run.

Knows secrets and numbers (protocol note §7, steps 3 and 5). Does not know tokens, budgets, or what
was answered before: whoever calls it has paid for the run.
"""

import os
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

from crypto import comparison, masks
from crypto.comparison import Run
from crypto.elgamal import PreparedBit
from crypto.errors import BadCiphertext, BadElement, BadKey, OutOfRange
from crypto.paillier import PrivateKey
from crypto.pool import Pool
from federation import group as groups
from federation import summing
from federation.errors import Refused
from federation.group import Group

_VEIL: Final = b"veil|"
_SHARED: Final = 4_096
"""Most keys shared with departments that are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """The tally's three keys as they lie sealed: two primes, ElGamal scalar, X25519 key."""

    paillier: bytes = field(repr=False)
    elgamal: bytes = field(repr=False)
    mask: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One comparison: a run of a group, at a rung."""

    group: Group
    run: bytes
    rung: str

    @property
    def context(self) -> bytes:
        """What its proofs are bound to."""
        return summing.context(self.run, self.rung)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The encrypted bits of a blinded sum; ``high`` is kept until the slots come, veiled."""

    bits: bytes = field(repr=False)
    high: int = field(repr=False)


class Referee:
    """The tally's keys at work; ``pool`` holds bits that were encrypted beforehand."""

    def __init__(self, secrets: Secrets, prepared: int) -> None:
        """Take the keys, and room for so many comparisons that are prepared.

        Raises:
            BadKey: they are none.
        """
        self._own = comparison.Referee(PrivateKey.from_bytes(secrets.paillier), secrets.elgamal)
        self._public = masks.public_key(secrets.mask)
        self._shared = lru_cache(maxsize=_SHARED)(partial(masks.shared_key, secrets.mask))
        self._alone = self._shared(self._public)
        self.pool: Pool[PreparedBit] = Pool(
            lambda: self._own.prepare_bit(os.urandom), prepared * groups.BITS
        )

    def check_group(self, group: Group) -> None:
        """Refuse a group that names other keys than ours, or a department without a usable one.

        Raises:
            Refused: SUM_GROUP.
        """
        listed = group.tally.paillier, group.tally.elgamal, group.tally.mask
        if listed != (self._own.paillier.to_bytes(), self._own.elgamal, self._public):
            raise Refused("SUM_GROUP", why="keys")
        try:
            for one in group.departments:
                self._shared(one.mask)
        except BadKey as e:
            raise Refused("SUM_GROUP", why=one.id) from e

    def check_sum(self, z: bytes) -> None:
        """Refuse what is no ciphertext, before it costs a run.

        Raises:
            Refused: SUM_MALFORMED.
        """
        try:
            self._own.paillier.read(z)
        except BadCiphertext as e:
            raise Refused("SUM_MALFORMED") from e

    def compare(self, place: Place, z: bytes, threshold: int) -> Shown | None:
        """Give the encrypted bits of a blinded sum; None where it is not of this run: an abort."""
        modulus = self._own.paillier.n
        masked = sum(
            masks.prf(self._shared(one.mask), place.run, modulus) for one in place.group.departments
        )
        try:
            found = self._own.bits(self._run(place), z, masked, threshold, self.pool.take)
        except OutOfRange:
            return None
        return Shown(bits=found.message, high=found.high ^ self._veil(place))

    def test(self, place: Place, slots: bytes, high: int) -> int:
        """Give our share of the outcome: whether a slot is zero, under the bit that was kept.

        Raises:
            Refused: SUM_MALFORMED.
        """
        try:
            return self._own.test(self._run(place), slots, high ^ self._veil(place))
        except BadElement as e:
            raise Refused("SUM_MALFORMED") from e

    def _run(self, place: Place) -> Run:
        return Run(paillier=self._own.paillier, elgamal=self._own.elgamal, context=place.context)

    def _veil(self, place: Place) -> int:
        """Give the bit that hides the one we keep, under a key that we share with nobody."""
        return masks.prf(self._alone, _VEIL + place.context, 2)
