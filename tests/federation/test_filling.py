"""Pools are filled in the background, behind everybody else, until that is enough."""

import os
import threading
from queue import SimpleQueue

import pytest

from crypto.pool import Pool
from federation import filling
from federation.filling import Filler


def test_a_pool_is_filled_at_the_lowest_priority_and_again_when_a_value_is_taken() -> None:
    made: SimpleQueue[int] = SimpleQueue()

    def make() -> int:
        made.put(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return 0

    pool = Pool(make, 2)
    filler = Filler(pool.fill_one)
    filler.start()
    assert [made.get(timeout=20) for _ in range(2)] == [filling.LOWEST] * 2
    pool.take()
    assert made.get(timeout=20) == filling.LOWEST
    filler.stop()
    pool.take()
    assert made.empty()


def test_where_priorities_cannot_be_set_it_is_filled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    made: SimpleQueue[int] = SimpleQueue()
    filler = Filler(Pool(lambda: made.put(0), 1).fill_one)
    filler.start()
    assert made.get(timeout=20) == 0
    filler.stop()


def test_what_was_never_started_is_stopped_all_the_same() -> None:
    Filler(lambda: False).stop()
