"""The drill keeps its number, its seed and its pace; whoever comes and goes is left running."""

import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from hedui.demo import drill
from hedui.demo.centre import Centre
from hedui.demo.drill import Drill, Flapping
from hedui.demo.processes import Troupe


class Stage:
    """A troupe and a centre that only remember; ``absent`` are not there to be killed."""

    names = ("registrar", "tax", "police")

    def __init__(self, absent: str = "") -> None:
        self.absent = absent
        self.said: list[str] = []

    def kill(self, name: str = "coordinator") -> bool:
        return name != self.absent

    def hold(self, name: str) -> None:
        self.said.append(f"hold {name}")

    def release(self, name: str) -> None:
        self.said.append(f"release {name}")

    def drill(self, kills: int, seed: int, **more: Any) -> Drill:
        both = cast("Troupe", self), cast("Centre", self)
        return Drill(*both, kills=kills, seed=seed, **more)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait."""
    monkeypatch.setattr(drill, "_FASTEST", 0.0)
    monkeypatch.setattr(drill, "_SLOWEST", 0.001)
    monkeypatch.setattr(drill, "_UP", (0.0, 0.001))
    monkeypatch.setattr(drill, "_DOWN", (0.0, 0.001))


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def killed(seed: int, absent: str = "") -> list[str]:
    with Stage(absent).drill(30, seed) as running:
        running.wait()
        assert not running.unfinished
        return running.killed


def test_it_kills_as_often_as_it_was_told_and_one_seed_kills_the_same() -> None:
    assert len(killed(1)) == 30
    assert killed(1) == killed(1) != killed(2)
    assert set(killed(1)) == {"coordinator", *Stage.names}


def test_whoever_is_not_there_does_not_count() -> None:
    found = killed(1, absent="tax")
    assert len(found) == 30
    assert "tax" not in found


def test_kills_keep_pace_with_the_work() -> None:
    done = [0.0]
    with Stage().drill(50, 1, done=lambda: done[0]) as running:
        until(lambda: len(running.killed) == 6)  # a tenth may come before any answer
        time.sleep(0.1)
        assert len(running.killed) == 6
        done[0] = 0.5
        until(lambda: len(running.killed) == 31)
        time.sleep(0.1)
        assert len(running.killed) == 31
        done[0] = 0.97  # one department never answers
        running.wait()
    assert len(running.killed) == 50


def test_it_can_be_called_off() -> None:
    with Stage().drill(10, 1, done=lambda: 0.0) as running:
        pass
    assert running.unfinished


def test_whoever_comes_and_goes_ends_up_running() -> None:
    stage = Stage()
    with Flapping(cast("Troupe", stage), ["tax"], seed=1) as flapping:
        until(lambda: flapping.times > 3)
    assert stage.said == ["hold tax", "release tax"] * flapping.times


def test_kills_that_were_held_back_come_when_nothing_more_is_answered() -> None:
    """A department that is never there keeps the share of answers below all."""
    with Stage().drill(50, 1, done=lambda: 0.86) as running:
        until(lambda: len(running.killed) > 48)
        assert running.unfinished
        running.hurry()
        running.wait()
        assert len(running.killed) == 50
