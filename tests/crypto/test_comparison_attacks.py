"""Attacks that broke earlier designs: they find the sum there, and stop at their first step here.

The earlier design had no masks towards the tally, and whoever asked chose what made a run: one set
of contributions could be asked about again and again, shifted, scaled and subtracted from another.
"""

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from crypto import comparison, elgamal, group, masks
from crypto.comparison import Aggregator
from crypto.elgamal import BIT_SIZE, CIPHERTEXT_SIZE, ZERO
from crypto.errors import BadElement, OutOfRange
from tests.crypto.cast import Cast

BITS = 14
THRESHOLD = 100
AMOUNTS, OTHERS = (3100, -250, 87), (2900, 0, 12)
Ask = Callable[[int], bool]


class Earlier(Cast):
    """The same cast with masks that cancel out by themselves, the same in every run."""

    def mask(self, number: int, context: bytes) -> int:
        towards = masks.prf(self.towards[number], b"always", self.n)
        return (super().mask(number, b"always") - towards) % self.n

    def masks(self, context: bytes = b"") -> int:
        return 0


def asking(cast: Cast, contributions: Sequence[bytes], runs: list[int]) -> Ask:
    """Ask about one product of ciphertexts as often as wanted, shifted, each time in a new run."""
    public = cast.paillier.public

    def ask(shift: int) -> bool:
        context = b"qid %d" % len(runs)
        runs.append(shift)
        shifted = public.encrypt(shift, public.obfuscator(cast.random.randbytes))
        aggregator = cast.aggregator(context)
        bits = cast.refer(aggregator.start([*contributions, shifted]), THRESHOLD, context)
        slots = aggregator.slots(bits.message)
        return aggregator.outcome(cast.referee.test(cast.run(context), slots, bits.high))

    return ask


def search(ask: Ask, low: int, high: int) -> int:
    """Find a total between two bounds by bisection."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if ask(THRESHOLD - middle) else (low, middle)
    return low


def power(cast: Cast, exponent: int, ciphertexts: Sequence[bytes]) -> list[bytes]:
    public = cast.paillier.public
    return [public.write(pow(public.read(one), exponent, public.square)) for one in ciphertexts]


def scaled(cast: Cast) -> list[bytes]:
    return power(cast, 2, cast.contribute(AMOUNTS, b"a"))


def differenced(cast: Cast) -> list[bytes]:
    others = cast.contribute(OTHERS, b"b")
    return [*cast.contribute(AMOUNTS, b"a"), *power(cast, -1, others)]


ATTACKS: dict[str, tuple[Callable[[Cast], list[bytes]], int]] = {
    "replayed": (lambda cast: cast.contribute(AMOUNTS, b"a"), sum(AMOUNTS)),
    "scaled": (scaled, 2 * sum(AMOUNTS)),
    "differenced": (differenced, sum(AMOUNTS) - sum(OTHERS)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_the_earlier_design_gives_the_sum_in_as_many_runs_as_bits(name: str) -> None:
    make, total = ATTACKS[name]
    cast = Earlier(bits=BITS)
    runs: list[int] = []
    found = search(asking(cast, make(cast), runs), -(1 << (BITS - 1)) + THRESHOLD, 1 << (BITS - 1))
    assert found == total
    assert len(runs) <= BITS


@pytest.mark.parametrize("name", ATTACKS)
def test_the_same_attack_stops_at_its_first_step(name: str) -> None:
    make, _ = ATTACKS[name]
    cast = Cast(bits=BITS)
    runs: list[int] = []
    with pytest.raises(OutOfRange):
        search(asking(cast, make(cast), runs), -(1 << (BITS - 1)) + THRESHOLD, 1 << (BITS - 1))
    assert len(runs) == 1


def test_what_was_contributed_once_gives_nothing_in_any_later_run() -> None:
    cast = Cast(bits=BITS)
    contributions = cast.contribute(AMOUNTS, b"first")
    cast.refer(cast.aggregator(b"first").start(contributions), THRESHOLD, b"first")
    for number in range(30):
        context = b"qid %d" % number
        with pytest.raises(OutOfRange):
            cast.refer(cast.aggregator(context).start(contributions), THRESHOLD, context)


def test_no_multiple_of_contributions_is_accepted() -> None:
    cast = Cast(bits=BITS)
    contributions = cast.contribute(AMOUNTS)
    for exponent in (-2, -1, 2, 3, 1 << 20):
        with pytest.raises(OutOfRange):
            cast.refer(cast.aggregator().start(power(cast, exponent, contributions)), THRESHOLD)


def encrypted(cast: Cast, number: int) -> bytes:
    return elgamal.encrypt(number, cast.elgamal, cast.random.randbytes)


def probe(cast: Cast, bit: bytes) -> bytes:
    """Make slots of which one is zero exactly if an encrypted bit is 0: well formed, not honest."""
    scalar = partial(group.random_scalar, cast.random.randbytes)
    first = elgamal.scale(group.encode_scalar(scalar()), elgamal.add(bit, encrypted(cast, 0)))
    return first + b"".join(encrypted(cast, 2 + i) for i in range(cast.bits))


def test_a_tally_that_answered_several_slot_messages_would_give_the_sum() -> None:
    # The referee keeps nothing, so nothing in this package stops it: the tally stores its answer to
    # the first message and refuses every other. A single one gives a single bit.
    cast = Cast(bits=BITS)
    run, aggregator = cast.run(), cast.aggregator()
    bits = cast.refer(aggregator.start(cast.contribute(AMOUNTS)), THRESHOLD)
    ciphertexts = [bits.message[i * BIT_SIZE :][:CIPHERTEXT_SIZE] for i in range(BITS)]
    nothing = cast.referee.test(run, probe(cast, encrypted(cast, 1)), bits.high)
    answers = [cast.referee.test(run, probe(cast, one), bits.high) for one in ciphertexts]
    low = sum(1 << i for i, answer in enumerate(answers) if answer == nothing)
    high = nothing << BITS
    difference = (high + low - aggregator._prepared.blind) % (2 << BITS) - (1 << BITS)
    assert difference == sum(AMOUNTS) - THRESHOLD
    assert len(answers) + 1 == BITS + 1


def test_what_the_blind_is_moved_by_moves_the_threshold_and_replays_as_something_else() -> None:
    # Stated, not prevented: an aggregator can ask about another threshold by a blind that is not of
    # its seed. One run, one bit; the replay of the committed seed shows it.
    cast = Cast(bits=BITS)
    seed = cast.random.randbytes(32)
    aggregator = Aggregator(cast.run(), seed)
    contributions = cast.contribute(AMOUNTS)
    public = cast.paillier.public
    shift = THRESHOLD - sum(AMOUNTS)
    moved = [*contributions, public.encrypt(shift, public.obfuscator(cast.random.randbytes))]
    z = aggregator.start(moved)
    bits = cast.refer(z, THRESHOLD)
    slots = aggregator.slots(bits.message)
    assert aggregator.outcome(cast.referee.test(cast.run(), slots, bits.high))
    assert comparison.replay(cast.run(), seed, contributions, bits.message).z != z


def test_slots_of_nothing_but_the_zero_ciphertext_are_refused() -> None:
    cast = Cast(bits=BITS)
    with pytest.raises(BadElement):
        cast.referee.test(cast.run(), ZERO * (BITS + 1), 0)
