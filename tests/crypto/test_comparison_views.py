"""What the referee sees is the same for every sum: by the tests that multiplicative blinding fails.

Statistics in plain Python, on seeded draws, so that a result is the same at every run.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import gcd, sqrt
from random import Random

import pytest

from crypto import elgamal, group
from crypto.elgamal import CIPHERTEXT_SIZE
from tests.crypto.cast import Cast

THRESHOLD = 60_000_000
SUMS = (THRESHOLD - 4_321, THRESHOLD + 98_765_432)
VIEWS = 500
RUNS = 300
RESIDUES = 16


def kolmogorov_smirnov(one: Sequence[int], other: Sequence[int]) -> bool:
    """Tell, at 0.1 %, whether two samples are of different distributions."""
    both = sorted([(value, 1) for value in one] + [(value, -1) for value in other])
    distance = running = 0
    for _, side in both:
        running += side
        distance = max(distance, abs(running))
    return distance / len(one) > 1.949 * sqrt(2 / len(one))


def chi_squared(counts: Sequence[int], expected: Sequence[float]) -> bool:
    """Tell, at 0.1 %, whether counts are not those that are expected (Wilson and Hilferty)."""
    freedom = len(counts) - 1
    statistic = sum((n - e) ** 2 / e for n, e in zip(counts, expected, strict=True))
    limit = freedom * (1 - 2 / (9 * freedom) + 3.09 * sqrt(2 / (9 * freedom))) ** 3
    return statistic > limit


def even(counts: Sequence[int]) -> bool:
    """Tell whether counts may come from equal chances."""
    return not chi_squared(counts, [sum(counts) / len(counts)] * len(counts))


def residues(views: Sequence[int], modulus: int) -> list[int]:
    found = Counter(view % modulus for view in views)
    return [found[i] for i in range(modulus)]


def common_divisors(views: Sequence[int], difference: int) -> float:
    """Give the share of neighbours whose greatest common divisor is the difference itself."""
    pairs = list(pairwise(views))
    return sum(gcd(one, other) == abs(difference) for one, other in pairs) / len(pairs)


def leaks(views: Sequence[Sequence[int]]) -> set[str]:
    """Name the tests that tell two sums by what was seen of them."""
    found = set()
    if kolmogorov_smirnov(*views):
        found.add("distribution")
    if not all(even(residues(one, RESIDUES)) for one in views):
        found.add("residues")
    if any(
        common_divisors(one, total - THRESHOLD) > 0.01
        for one, total in zip(views, SUMS, strict=True)
    ):
        found.add("divisors")
    return found


def blinded(total: int) -> list[int]:
    """Collect what the referee decrypts of one sum."""
    cast = Cast(bits=40, random=Random(total))
    key, towards = cast.paillier, cast.masks()
    found = []
    for _ in range(VIEWS):
        z = cast.aggregator().start(cast.contribute([total - 1_000_000, 400_000, 600_000]))
        plain = key.decrypt(key.public.read(z)) - towards
        found.append((plain + (1 << 40) - THRESHOLD) % cast.n)
    return found


def multiplied(total: int) -> list[int]:
    """Collect what a referee would see under multiplicative blinding of the same strength."""
    random = Random(total)
    return [random.getrandbits(168) * (total - THRESHOLD) for _ in range(VIEWS)]


def test_two_sums_are_not_told_apart_by_the_blinded_one() -> None:
    views = [blinded(total) for total in SUMS]
    assert leaks(views) == set()
    assert all(0 <= view < 1 << 169 for one in views for view in one)


def test_multiplicative_blinding_fails_every_one_of_these_tests() -> None:
    views = [multiplied(total) for total in SUMS]
    assert leaks(views) == {"distribution", "residues", "divisors"}
    assert 0.5 < common_divisors(views[0], SUMS[0] - THRESHOLD) < 0.7  # 6 / pi**2 = 0.61


@dataclass(frozen=True)
class Seen:
    """What the referee sees of the slots in many runs: where the zero is, and the other values."""

    zeros: list[int | None]
    high: list[int]
    others: set[bytes]


def slots_seen(total: int) -> Seen:
    cast = Cast(random=Random(total))
    secret = cast.referee._secret
    zeros: list[int | None] = []
    high: list[int] = []
    others: set[bytes] = set()
    for number in range(RUNS):
        context = b"%d" % number
        aggregator = cast.aggregator(context)
        bits = cast.refer(aggregator.start(cast.contribute([total, -7, 2], context)), 20, context)
        message = aggregator.slots(bits.message)
        slots = [message[i : i + CIPHERTEXT_SIZE] for i in range(0, len(message), CIPHERTEXT_SIZE)]
        found = [place for place, slot in enumerate(slots) if elgamal.is_zero(secret, slot)]
        assert len(found) <= 1
        zeros.append(found[0] if found else None)
        high.append(bits.high)
        shown = [group.subtract(s[32:], group.multiply(secret, s[:32])) for s in slots]
        others.update(value for value in shown if value != group.IDENTITY)
    return Seen(zeros, high, others)


@pytest.fixture(scope="module")
def seen() -> list[Seen]:
    return [slots_seen(total) for total in (25, 26, 90)]  # 20, 21 and 85 in all


def test_whether_there_is_a_zero_is_a_fair_coin(seen: list[Seen]) -> None:
    for one in seen:
        nothing = one.zeros.count(None)
        assert even([nothing, RUNS - nothing])


def test_where_the_zero_is_tells_nothing(seen: list[Seen]) -> None:
    for one in seen:
        places = Counter(place for place in one.zeros if place is not None)
        assert even([places[i] for i in range(9)])


def test_the_high_bit_and_the_zero_are_independent(seen: list[Seen]) -> None:
    for one in seen:
        pairs = Counter(zip(one.high, [zero is None for zero in one.zeros], strict=True))
        assert even([pairs[high, none] for high in (0, 1) for none in (True, False)])


def test_no_other_slot_shows_its_number(seen: list[Seen]) -> None:
    small = {group.times_base(group.encode_scalar(number)) for number in range(-10, 60)}
    for one in seen:
        assert small.isdisjoint(one.others)
        zeros = RUNS - one.zeros.count(None)
        assert len(one.others) == 9 * RUNS - zeros  # all different


def test_the_statistics_see_what_there_is_to_see() -> None:
    random = Random(1)
    fair = [random.getrandbits(100) for _ in range(VIEWS)]
    assert not kolmogorov_smirnov(fair, [random.getrandbits(100) for _ in range(VIEWS)])
    assert kolmogorov_smirnov(fair, [random.getrandbits(99) for _ in range(VIEWS)])
    assert even(residues(fair, RESIDUES))
    assert not even(residues([value & ~2 for value in fair], RESIDUES))
    assert not even([180, 270])
