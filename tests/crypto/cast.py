"""The cast of a comparison with small keys: departments, a referee and an aggregator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from random import Random as Seeded

import gmpy2

from crypto import comparison, elgamal, masks
from crypto.comparison import Aggregator, Bits, Referee, Run
from crypto.paillier import PrivateKey

SMALL = 512


@cache
def paillier_key(seed: int = 1, bits: int = SMALL) -> PrivateKey:
    """Derive a key, the same in every run of the tests."""
    drawn = Seeded(seed)
    half = bits // 2
    top = 3 << (half - 2)  # two such primes make a product of the full length
    primes = (int(gmpy2.next_prime(drawn.getrandbits(half) | top)) for _ in range(2))
    return PrivateKey.from_bytes(b"".join(prime.to_bytes(half // 8, "big") for prime in primes))


@dataclass(kw_only=True)
class Cast:
    """Departments that share keys with one another and with the referee."""

    departments: int = 3
    bits: int = 8
    kappa: int = 128
    paillier: PrivateKey = field(default_factory=paillier_key)
    random: Seeded = field(default_factory=lambda: Seeded(7))

    def __post_init__(self) -> None:
        secret, self.elgamal = elgamal.key_pair(self.random.randbytes)
        self.referee = Referee(self.paillier, secret)
        self.n = self.paillier.public.n
        self.towards = [self.random.randbytes(32) for _ in range(self.departments)]
        self.pairs: Mapping[tuple[int, int], bytes] = {
            pair: self.random.randbytes(32) for pair in combinations(range(self.departments), 2)
        }

    def run(self, context: bytes = b"qid|rung") -> Run:
        return Run(
            paillier=self.paillier.public,
            elgamal=self.elgamal,
            context=context,
            bits=self.bits,
            kappa=self.kappa,
        )

    def mask(self, number: int, context: bytes) -> int:
        pairwise = [
            (1 if number == pair[0] else -1, key)
            for pair, key in self.pairs.items()
            if number in pair
        ]
        return masks.mask(pairwise, self.towards[number], context, self.n)

    def masks(self, context: bytes = b"qid|rung") -> int:
        return sum(masks.prf(key, context, self.n) for key in self.towards) % self.n

    def contribute(self, amounts: Sequence[int], context: bytes = b"qid|rung") -> list[bytes]:
        public = self.paillier.public
        return [
            comparison.contribute(
                public,
                amount,
                self.mask(number, context),
                public.obfuscator(self.random.randbytes),
            )
            for number, amount in enumerate(amounts)
        ]

    def aggregator(self, context: bytes = b"qid|rung") -> Aggregator:
        return Aggregator(self.run(context), self.random.randbytes(32))

    def refer(self, z: bytes, threshold: int, context: bytes = b"qid|rung") -> Bits:
        return self.referee.bits(
            self.run(context),
            z,
            self.masks(context),
            threshold,
            lambda: self.referee.prepare_bit(self.random.randbytes),
        )

    def compare(self, amounts: Sequence[int], threshold: int) -> bool:
        """Play all roles: tell whether the amounts add up to the threshold or more."""
        aggregator, run = self.aggregator(), self.run()
        bits = self.refer(aggregator.start(self.contribute(amounts)), threshold)
        slots = aggregator.slots(bits.message)
        return aggregator.outcome(self.referee.test(run, slots, bits.high))
