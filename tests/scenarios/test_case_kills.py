"""A centre is killed at any moment, on either database, and no case that was opened is lost.

The seed says when, as far as the machine lets it. After each kill the database is opened, looked
through from end to end, and held to what the centre had said was done.
"""

import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from coordinator import integrity
from coordinator.casework.filed import ConsentStage
from coordinator.log_book import LogBook
from federation.log.coordinator_events import CaseOpened
from federation.log.kinds import Happened
from tests.coordinator import dying_centre, logged
from tests.coordinator.town import Town
from tests.support import servers

SEED: Final = 6
SERVING: Final = 0.8
"""Longest time that it works before it is killed, seconds."""

Said = defaultdict[str, set[str]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give a database of each kind; empty: the file in the folder."""
    yield servers.migrated() if request.param == "postgresql" else ""
    servers.stop()


def killed(folder: Path, url: str, chance: random.Random) -> Said:
    """Let a centre work, kill it a moment after it began, and give what it had said."""
    words = [sys.executable, "-m", "tests.coordinator.dying_centre", str(folder), url]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        lines = [process.stdout.readline()]
        assert lines[0], process.stderr.read().decode() if process.stderr else ""
        time.sleep(chance.random() * SERVING)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)
    said: Said = defaultdict(set)
    for line in lines:
        if line.endswith(b"\n"):  # else it died while it spoke
            word, number = line.decode().split()
            said[word].add(number)
    assert "error" not in said
    return said


def look(town: Town, said: Said) -> None:
    """Hold the books to what was said: nothing of it is missing, and the whole is sound."""
    with town.database() as database:
        integrity.check(database)
        logged.keeper(town, database).cut()
        integrity.check_log(LogBook(database))
    with town.desk() as desk:
        there = desk.case_ids()
        assert said["opened"] <= set(there)
        assert len(there) == len(set(there))
        standing = {one.filed.id: one for one in desk.standing(there)}
    assert all(one.filed.case.persons for one in standing.values())
    assert all(standing[one].stage is ConsentStage.READY for one in said["ready"])
    assert all(standing[one].answered == standing[one].asked > 0 for one in said["answered"])
    events = [one.event for one in logged.said(town) if isinstance(one, Happened)]
    opened = [one.case for one in events if isinstance(one, CaseOpened)]
    assert sorted(opened) == sorted(there)


def drill(folder: Path, url: str, kills: int) -> None:
    """Kill so many times; then let the last one come to the end of all that was left."""
    chance, said = random.Random(SEED), defaultdict[str, set[str]](set)
    for _ in range(kills):
        for word, numbers in killed(folder, url, chance).items():
            said[word] |= numbers
        look(dying_centre.build(folder, url), said)
    town = dying_centre.build(folder, url)
    dying_centre.work(town, 0)
    with town.desk() as desk:
        everything = {one.filed.id for one in desk.standing(desk.case_ids())}
    look(town, said | {"answered": everything, "ready": everything})
    assert len(said["opened"]) > kills


@pytest.mark.timeout(300)
def test_killed_at_any_moment_a_centre_has_every_case(tmp_path: Path, url: str) -> None:
    drill(tmp_path, url, 10)


@pytest.mark.system
@pytest.mark.timeout(1_800)
def test_killed_at_fifty_moments(tmp_path: Path, url: str) -> None:
    drill(tmp_path, url, 50)
