"""The demonstration's processes: one that cannot start is told at once, a dead one is started."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from federation.errors import Unavailable
from hedui.demo import processes
from hedui.demo.processes import Troupe

SERVING = "import time; print('{\"port\": 1}', flush=True); time.sleep(60)"


@pytest.fixture(autouse=True)
def python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a member's words run as a Python program."""
    monkeypatch.setattr(processes, "command", lambda *words: [sys.executable, "-c", *words])


def starts(folder: Path, name: str) -> int:
    return (folder / f"{name}.log").read_bytes().count(b"--- start")


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_process_that_cannot_start_is_told_after_three_deaths(tmp_path: Path) -> None:
    began = time.monotonic()
    with Troupe(tmp_path) as troupe:
        troupe.start("bad", ["raise SystemExit(1)"])
        with pytest.raises(Unavailable, match="DEMO_PROCESS"):
            list(troupe.ready())
        time.sleep(0.3)
    assert starts(tmp_path, "bad") == 3
    assert time.monotonic() - began < 20


def test_a_process_that_served_is_started_again_every_time(tmp_path: Path) -> None:
    with Troupe(tmp_path) as troupe:
        troupe.start("good", [SERVING])
        assert list(troupe.ready()) == ["good"]
        for _ in range(4):
            troupe.kill("good")
            until(lambda: list(troupe.ready()) == ["good"])
    assert starts(tmp_path, "good") == 5


def test_a_start_that_the_system_refuses_does_not_end_the_watcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = subprocess.Popen
    refused: list[int] = []

    def popen(*args: Any, **more: Any) -> Any:
        if len(refused) < 2:
            refused.append(1)
            raise OSError("no more processes")
        return real(*args, **more)

    with Troupe(tmp_path) as troupe:
        troupe.start("good", [SERVING])
        list(troupe.ready())
        monkeypatch.setattr(subprocess, "Popen", popen)
        troupe.kill("good")
        assert list(troupe.ready()) == ["good"]
    assert len(refused) == 2


def test_a_held_process_stays_away_until_it_is_released(tmp_path: Path) -> None:
    with Troupe(tmp_path) as troupe:
        troupe.start("good", [SERVING])
        list(troupe.ready())
        troupe.hold("good")
        time.sleep(0.3)
        assert not troupe.runs("good")
        assert not troupe.kill("good"), "nobody is there to be killed"
        assert list(troupe.ready()) == [], "nobody waits for one who is held"
        troupe.release("good")
        until(lambda: troupe.runs("good"))
        assert troupe.kill("good")
        until(lambda: list(troupe.ready()) == ["good"])
    assert starts(tmp_path, "good") == 3
