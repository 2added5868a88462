"""Sizes are the system's, the filled store is a store, every row has the baseline it names."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from benchmarks import memory, town
from benchmarks.measuring import Round
from department_node.store import Store

EPOCH = 2026


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


def test_everybody_is_filled_in_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_AT_ONCE", 7)
    people = list(islice(town.invented(), 30))
    memory.fill(store, EPOCH, people[:20])
    memory.fill(store, EPOCH, people[20:])
    assert store.enrolled(EPOCH) == 30
    assert sorted(store.present_keys(EPOCH)) == sorted(people)
    found = store.enrolled_as(EPOCH, people[0])
    assert found is not None
    assert (len(found.psn), len(found.fingerprint), len(set(found.psn)) > 8) == (32, 32, True)


def test_sizes_are_those_of_the_process() -> None:
    found = memory.sizes(os.getpid())
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    resident = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    assert found["rss"] == pytest.approx(resident, rel=0.1)
    assert 0 < found["pss"] <= found["rss"]


def test_each_row_is_compared_with_the_state_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = [
        {"idle.rss": 1.0, "asked.rss": 2.0, "idle_1m.rss": 3.0, "asked_1m.rss": 4.0},
        {"idle.rss": 5.0, "asked.rss": 6.0, "idle_1m.rss": 7.0, "asked_1m.rss": 8.0},
    ]
    monkeypatch.setattr(memory, "rounds", lambda: measured)
    seen = {}
    for benchmark in memory.BENCHMARKS:
        if benchmark.name.endswith(".rss"):
            with benchmark.stage(tmp_path) as play:
                seen[benchmark.name] = (play(), play())
    assert seen == {
        "memory.idle.rss": (Round(ours=1.0), Round(ours=5.0)),
        "memory.asked.rss": (Round(ours=2.0, baseline=1.0), Round(ours=6.0, baseline=5.0)),
        "memory.idle_1m.rss": (Round(ours=3.0, baseline=1.0), Round(ours=7.0, baseline=5.0)),
        "memory.asked_1m.rss": (Round(ours=4.0, baseline=2.0), Round(ours=8.0, baseline=6.0)),
    }
