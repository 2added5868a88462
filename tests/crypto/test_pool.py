"""A pool gives each value once, whatever the threads, and shows none."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from crypto.pool import Pool


def numbered(size: int) -> Pool[int]:
    numbers = count()
    return Pool(lambda: next(numbers), size)


def test_it_fills_up_to_its_size() -> None:
    pool = numbered(2)
    assert [pool.fill_one() for _ in range(4)] == [True, True, False, False]
    assert len(pool) == 2


def test_what_is_taken_is_gone() -> None:
    pool = numbered(2)
    pool.fill_one()
    pool.fill_one()
    assert [pool.take(), pool.take()] == [0, 1]
    assert len(pool) == 0


def test_an_empty_pool_makes_one() -> None:
    assert [numbered(3).take() for _ in range(2)] == [0, 0]
    pool = numbered(0)
    assert not pool.fill_one()
    assert [pool.take(), pool.take()] == [0, 1]


def test_threads_never_share_a_value() -> None:
    pool = numbered(50)

    def work(_: int) -> list[int]:
        pool.fill_one()
        return [pool.take() for _ in range(20)]

    with ThreadPoolExecutor(8) as threads:
        taken = [value for values in threads.map(work, range(50)) for value in values]
    assert len(taken) == len(set(taken)) == 1000


def test_two_that_fill_the_last_place_do_not_overfill() -> None:
    calls = count()

    def make() -> str:
        if next(calls) == 0:
            pool.fill_one()  # another thread, while this one is still at work
        return "made"

    pool = Pool(make, 1)
    pool.fill_one()
    assert len(pool) == 1


def test_values_are_neither_shown_nor_pickled() -> None:
    pool = Pool(lambda: "secret", 1)
    pool.fill_one()
    assert repr(pool) == "<Pool of 1>"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            attempt(pool)
