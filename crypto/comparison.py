"""Whether a masked sum reaches a threshold: three roles that take messages and give messages.

Departments contribute encrypted, masked amounts. The aggregator multiplies them and adds a blind.
The referee, who has the keys, sees the blinded sum only and gives its lowest bits, encrypted. The
aggregator compares them with those of its blind under encryption (Damgård, Geisler, Krøigaard 2007)
and the referee tells whether one of the slots is zero. One bit each makes the outcome: neither
learns the sum, the referee not even the outcome.

Knows integers, keys and bytes. Does not know whose sum it is, who may ask, or what was answered
before: callers store every message before they release it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256, shake_256
from typing import NoReturn

from crypto import elgamal, group
from crypto.elgamal import BIT_SIZE, CIPHERTEXT_SIZE, PreparedBit
from crypto.errors import BadAmount, BadElement, BadKey, BadProof, OutOfRange, Spent
from crypto.group import Random
from crypto.labels import SUM_DRAW, SUM_SEED
from crypto.paillier import PrivateKey, PublicKey

BITS = 40
"""Sums and thresholds are below 2**39 in size: fen, so 5.5 thousand million yuan."""

KAPPA = 128
"""Bits by which the blind is longer than what it hides."""

SEED_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One comparison: the referee's keys, and a context that no other comparison has."""

    paillier: PublicKey
    elgamal: bytes
    context: bytes
    bits: int = BITS
    kappa: int = KAPPA

    def __post_init__(self) -> None:
        """Check the key.

        Raises:
            BadKey: the ElGamal key is no element.
        """
        if not group.is_element(self.elgamal):
            raise BadKey("an ElGamal key is a group element")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Prepared:
    """All that an aggregator draws from one seed, for one use.

    `scalars` and `maskers` (64-byte ciphertexts of each slot's constant) go from the highest bit to
    the lowest, then equality; `order` says which of them stands at each place of the message.
    """

    seed: bytes
    blind: int
    encrypted: int
    flip: int
    scalars: tuple[bytes, ...]
    maskers: tuple[bytes, ...]
    order: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bits:
    """The referee's message, and the bit that it keeps for the end."""

    message: bytes = field(repr=False)
    high: int = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What an aggregator with this seed must have sent."""

    z: bytes = field(repr=False)
    slots: bytes = field(repr=False)


def clip(departments: int, bits: int = BITS) -> int:
    """Give the largest size of an amount so that the sum of all is below 2**(bits - 1)."""
    return (1 << (bits - 1 - (departments - 1).bit_length())) - 1


def contribute(paillier: PublicKey, amount: int, mask: int, obfuscator: int) -> bytes:
    """Encrypt an amount, which may be negative, under a mask."""
    return paillier.encrypt(amount + mask, obfuscator)


def commitment(seed: bytes) -> bytes:
    """Give the hash that commits to a seed."""
    return sha256(SUM_SEED + seed).digest()


def prepare(
    paillier: PublicKey, elgamal_key: bytes, seed: bytes, bits: int = BITS, kappa: int = KAPPA
) -> Prepared:
    """Draw all that a comparison needs from a seed, which no other comparison has: 31 ms.

    Raises:
        BadKey: the seed does not have 32 bytes.
    """
    if len(seed) != SEED_SIZE:
        raise BadKey(f"a comparison's seed has {SEED_SIZE} bytes")
    count = bits + 1
    size = (bits + kappa + 7) // 8
    blind = int.from_bytes(_draw(seed, b"blind", size), "big") % (1 << (bits + kappa))
    flip = _draw(seed, b"flip", 1)[0] & 1
    keys = [_draw(seed, b"place %d" % i, 16) for i in range(count)]
    return Prepared(
        seed=seed,
        blind=blind,
        encrypted=paillier.encrypt_raw(
            blind, paillier.obfuscator(partial(_draw, seed, b"obfuscator"))
        ),
        flip=flip,
        scalars=tuple(group.reduce_scalar(_draw(seed, b"scalar %d" % i, 64)) for i in range(count)),
        maskers=tuple(
            elgamal.encrypt(constant, elgamal_key, partial(_draw, seed, b"masker %d" % i))
            for i, constant in enumerate(_constants(blind, flip, bits))
        ),
        order=tuple(sorted(range(count), key=keys.__getitem__)),
    )


class Aggregator:
    """Who adds up contributions and learns the outcome. Not pickled; the seed is kept by others."""

    __slots__ = ("_given", "_prepared", "_run")

    def __init__(self, run: Run, seed: bytes, prepared: Prepared | None = None) -> None:
        """Begin a comparison, with what was prepared of this seed if anything was.

        Raises:
            BadKey: the seed does not have 32 bytes, or something else was prepared.
        """
        self._run = run
        self._prepared = prepared or prepare(run.paillier, run.elgamal, seed, run.bits, run.kappa)
        if self._prepared.seed != seed or len(self._prepared.order) != run.bits + 1:
            raise BadKey("prepared of another seed or for another length")
        self._given: dict[str, bytes] = {}

    @property
    def commitment(self) -> bytes:
        """The hash that commits to the seed."""
        return commitment(self._prepared.seed)

    def start(self, contributions: Sequence[bytes]) -> bytes:
        """Add all contributions and the blind up, in one fresh ciphertext.

        Raises:
            BadCiphertext: a contribution is none.
            Spent: other contributions were added up before.
        """
        paillier = self._run.paillier
        values = [paillier.read(one) for one in contributions]
        self._once("contributions", b"".join(contributions))
        return paillier.write(paillier.product((*values, self._prepared.encrypted)))

    def slots(self, bits_message: bytes) -> bytes:
        """Compare the referee's bits with those of the blind, in one slot a bit and one more.

        Raises:
            BadProof: the message is malformed, or one of the bits is not proven to be one.
            Spent: other bits were compared before.
        """
        run, drawn = self._run, self._prepared
        if len(bits_message) != run.bits * BIT_SIZE:
            raise BadProof(f"{run.bits} bits are wanted")
        ciphertexts = [
            elgamal.verify_bit(
                bits_message[i * BIT_SIZE : (i + 1) * BIT_SIZE], run.elgamal, run.context, i
            )
            for i in range(run.bits)
        ]
        self._once("bits", bits_message)
        # First masked, then scaled: no choice of the referee's makes an element the identity, and
        # so none makes this fail depending on the blind.
        slots = [
            elgamal.scale(scalar, elgamal.add(term, masker))
            for term, masker, scalar in zip(
                _terms(ciphertexts, drawn.blind), drawn.maskers, drawn.scalars, strict=True
            )
        ]
        return b"".join(slots[place] for place in drawn.order)

    def outcome(self, t: int) -> bool:
        """Tell, by the referee's last bit, whether the sum is the threshold or more.

        Raises:
            BadElement: not a bit.
        """
        if t not in {0, 1}:
            raise BadElement("the referee answers one bit")
        high = self._prepared.blind >> self._run.bits & 1
        return bool(high ^ self._prepared.flip ^ 1 ^ t)

    def _once(self, step: str, given: bytes) -> None:
        # Two answers from one seed differ by what was given alone: the randomness cancels out.
        if self._given.setdefault(step, given) != given:
            raise Spent(f"this comparison had other {step} before")

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied.

        Raises:
            TypeError: always.
        """
        raise TypeError("a comparison is not pickled; replay it from its seed")


class Referee:
    """Who has the keys and sees nothing but blinded sums. It keeps nothing of a comparison."""

    __slots__ = ("_paillier", "_secret", "elgamal", "paillier")

    def __init__(self, paillier: PrivateKey, elgamal_secret: bytes) -> None:
        """Take both keys.

        Raises:
            BadKey: the ElGamal secret is malformed.
        """
        self._paillier = paillier
        self._secret = elgamal_secret
        self.paillier = paillier.public
        self.elgamal = elgamal.public_key(elgamal_secret)

    def prepare_bit(self, random: Random) -> PreparedBit:
        """Prepare one encrypted bit, for one use."""
        return elgamal.prepare_bit(self._secret, self.elgamal, random)

    def bits(
        self, run: Run, z: bytes, masks: int, threshold: int, prepared: Callable[[], PreparedBit]
    ) -> Bits:
        """Give the lowest bits of the blinded sum, encrypted, each with its proof.

        `masks` is the sum of all departments' masks towards the referee. `prepared` gives another
        prepared bit at each call.

        Raises:
            BadAmount: the threshold is larger than a comparison can hold.
            BadCiphertext: no ciphertext.
            BadKey: the run is under other keys.
            OutOfRange: a contribution is missing, doubled, scaled or of another context.
        """
        self._check_keys(run)
        if abs(threshold) > 1 << (run.bits - 1):
            raise BadAmount("a threshold is at most half of what sums may be")
        plain = self._paillier.decrypt(run.paillier.read(z))
        blinded = (plain - masks + (1 << run.bits) - threshold) % run.paillier.n
        if blinded >> (run.bits + run.kappa + 1):
            raise OutOfRange("the contributions are not those of this comparison")
        message = b"".join(
            elgamal.prove_bit(prepared(), blinded >> i & 1, run.context, i) for i in range(run.bits)
        )
        return Bits(message=message, high=blinded >> run.bits & 1)

    def test(self, run: Run, slots: bytes, high: int) -> int:
        """Give the last bit: whether a slot is zero, under the bit that `bits` gave to keep.

        Raises:
            BadElement: not the right number of slots, or one is no ciphertext.
            BadKey: the run is under other keys.
        """
        self._check_keys(run)
        if len(slots) != (run.bits + 1) * CIPHERTEXT_SIZE:
            raise BadElement(f"{run.bits + 1} slots are wanted")
        # All of them, so that the time does not tell which one is zero.
        zeros = sum(
            elgamal.is_zero(self._secret, slots[start : start + CIPHERTEXT_SIZE])
            for start in range(0, len(slots), CIPHERTEXT_SIZE)
        )
        return high ^ (zeros > 0)

    def _check_keys(self, run: Run) -> None:
        if run.paillier != self.paillier or run.elgamal != self.elgamal:
            raise BadKey("a comparison under other keys")

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied.

        Raises:
            TypeError: always.
        """
        raise TypeError("a referee's keys are not pickled; seal them")


def replay(run: Run, seed: bytes, contributions: Sequence[bytes], bits_message: bytes) -> Replay:
    """Give both messages of an aggregator with this seed, byte for byte.

    Raises:
        BadCiphertext: a contribution is none.
        BadKey: the seed does not have 32 bytes.
        BadProof: one of the bits is not proven to be one.
    """
    aggregator = Aggregator(run, seed)
    return Replay(z=aggregator.start(contributions), slots=aggregator.slots(bits_message))


def _draw(seed: bytes, name: bytes, size: int) -> bytes:
    return shake_256(SUM_DRAW + name + b"|" + seed).digest(size)


def _constants(blind: int, flip: int, bits: int) -> Iterator[int]:
    """Give what of each slot the blind decides: s + α + 3 Σ α above, at last 3 (δ + Σ α)."""
    above = 0
    for i in reversed(range(bits)):
        bit = blind >> i & 1
        yield 1 - 2 * flip + bit + 3 * above
        above += bit
    yield 3 * (flip + above)


def _terms(ciphertexts: Sequence[bytes], blind: int) -> Iterator[bytes]:
    """Give what of each slot the encrypted bits decide: -β + 3 Σ (1 - 2α) β above, at last the sum.

    With the constants that makes s + α - β + 3 Σ (α xor β). Equality is three times δ + Σ (α xor β)
    and so zero in the same case; the factor goes under in the random one.
    """
    above = elgamal.ZERO
    for i, ciphertext in reversed(tuple(enumerate(ciphertexts))):
        yield elgamal.subtract(above, ciphertext)
        tripled = elgamal.add(elgamal.add(ciphertext, ciphertext), ciphertext)
        combine = elgamal.subtract if blind >> i & 1 else elgamal.add
        above = combine(above, tripled)
    yield above
