"""TNO's secure comparison as oracle: the same answers, in an environment of its own."""

from collections.abc import Iterator
from random import Random

import pytest

from benchmarks.peers import comparing, environment
from benchmarks.peers.comparing import Comparer, Lengths
from tests.crypto.cast import Cast

BITS = 16
SMALL = Lengths(paillier=1024, dgk=256, v=20)
TOP = (1 << (BITS - 1)) - 1


@pytest.fixture(scope="module")
def oracle() -> Iterator[Comparer]:
    installed = environment.install([comparing.TNO])
    if installed.missing:
        pytest.skip(f"TNO's package cannot be installed here: {installed.missing[comparing.TNO]}")
    with comparing.comparer(installed, BITS, SMALL) as peer:
        yield peer


def pairs() -> Iterator[tuple[int, int]]:
    """Give thresholds and sums: boundaries, then random ones near and far."""
    for threshold in (1, 2, 1000, TOP):
        yield from ((threshold, threshold + i) for i in (-1, 0, 1) if threshold + i <= TOP)
    yield from ((0, 0), (0, TOP), (TOP, 0))
    random = Random(5)
    for _ in range(25):
        threshold = random.randrange(TOP)
        yield threshold, random.randrange(TOP)
        yield threshold, min(threshold + random.randint(-3, 3) % 7, TOP)


def test_both_say_the_same(oracle: Comparer) -> None:
    cast = Cast(bits=BITS)
    for threshold, total in pairs():
        ours = cast.compare([total - 7, 3, 4], threshold)
        assert ours is oracle.compare(threshold, total).holds is (total >= threshold)


def test_the_keys_are_as_long_as_wanted(oracle: Comparer) -> None:
    assert oracle.sizes == {"paillier": 1024, "dgk": 256}
