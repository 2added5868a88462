"""A sum of three departments and a tally with real keys: all that travels, computed once.

Two people's income, asked in one month. Everything follows from names and numbers, so that the same
run gives the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random as Seeded
from typing import Final

from nacl.public import PrivateKey

from auditor.sums import run_of
from crypto import comparison, elgamal, masks, sealing
from crypto.comparison import Referee
from crypto.errors import CryptoError
from federation import summing
from federation.group import Group, TallyKeys
from federation.summing import SumGrant, SumOrder
from tests.crypto.cast import paillier_key
from tests.support import sums
from tests.support.exchanges import filler

RUNG: Final = "income-12s"
HIGHER: Final = "income-18s"
DEPARTMENTS: Final = ("tax", "human_resources", "finance")
TALLY: Final = "tally"
ORDER: Final = SumOrder(period=sums.MONTH)
SLOTS: Final = 2
LINE: Final = 2_000
"""Two heads' worth of the rung; the sum is held to one more."""
SEED: Final = filler("seed", 32)
AUDITOR: Final = filler("auditor's key", 32)
SECRET, ELGAMAL = elgamal.key_pair(Seeded(3).randbytes)


@cache
def group() -> Group:
    """Give the group of an income, with the tally's and the auditor's real keys."""
    keys = TallyKeys(
        id=TALLY, paillier=paillier_key(1, 3072).public.to_bytes(), elgamal=ELGAMAL, mask=b"m" * 32
    )
    return sums.group(tally=keys, auditor=bytes(PrivateKey(AUDITOR).public_key))


def grant(slot: int = 0) -> SumGrant:
    """Give what a slot's token grants."""
    return sums.grant(group(), slot)


@dataclass(frozen=True, kw_only=True)
class Computed:
    """A run at a rung: shares, Z, the tally's bits, the slots and the tally's share.

    Nothing follows Z where the tally aborts.
    """

    run: bytes
    shares: tuple[bytes, ...]
    z: bytes
    commitment: bytes
    bits: bytes = b""
    slots: bytes = b""
    share: int = 0

    @property
    def aborted(self) -> bool:
        return not self.bits


@cache
def compute(
    amounts: Sequence[int] = (300, 400, 500),
    seed: bytes = SEED,
    least: int = LINE + 1,
    rung: str = RUNG,
    attempt: int = 0,
) -> Computed:
    """Let three departments, a coordinator and a tally compare a sum with a T."""
    random = Seeded(5)
    key = paillier_key(1, 3072)
    order = SumOrder(period=sums.MONTH, attempt=attempt)
    run = summing.run_id(grant(), group(), order)
    crypto, n = run_of(group(), run, rung), key.public.n
    drawn = [masks.prf(random.randbytes(32), run, n) for _ in DEPARTMENTS]
    shares = tuple(
        comparison.contribute(key.public, amount, mask, key.public.obfuscator(random.randbytes))
        for amount, mask in zip(amounts, drawn, strict=True)
    )
    aggregator, referee = comparison.Aggregator(crypto, seed), Referee(key, SECRET)
    z = aggregator.start(shares)
    begun = Computed(run=run, shares=shares, z=z, commitment=aggregator.commitment)
    try:
        bits = referee.bits(
            crypto, z, sum(drawn) % n, least, lambda: referee.prepare_bit(random.randbytes)
        )
    except CryptoError:
        return begun
    slots = aggregator.slots(bits.message)
    return Computed(
        run=run,
        shares=shares,
        z=z,
        commitment=begun.commitment,
        bits=bits.message,
        slots=slots,
        share=referee.test(crypto, slots, bits.high),
    )


def without_the_last(whole: Computed) -> Computed:
    """Make Z of a run of all shares but the last, by the same seed: the tally aborts."""
    aggregator = comparison.Aggregator(run_of(group(), whole.run, RUNG), SEED)
    shares = whole.shares[:-1]
    return Computed(
        run=whole.run,
        shares=shares,
        z=aggregator.start(shares),
        commitment=aggregator.commitment,
    )


def sealed(seed: bytes = SEED) -> bytes:
    """Seal a seed to the auditor."""
    return sealing.seal_to(group().auditor, seed)
