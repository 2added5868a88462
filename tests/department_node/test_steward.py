"""What a serving node sees to besides answering."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from department_node.node import Node
from department_node.node_log import book
from department_node.steward import Pauses, Steward, Sweep
from federation.clock import FixedClock, epoch_end, epoch_of
from federation.errors import Unavailable
from federation.log import kinds
from tests.department_node import erasures
from tests.support import twin as twins
from tests.support.twin import NOW


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with twins.open_node(erasures.make(tmp_path / "f")) as node:
        yield node


def events(node: Node) -> list[str]:
    log = book(node.store)
    return [kinds.read(row.record or b"").event.kind for row in log.rows(0, log.size())]


def test_a_pause_is_logged_once_and_so_is_its_end(node: Node) -> None:
    pauses = Pauses(node.store, node.paused_file, node.clock)
    pauses.note()
    assert events(node) == []
    node.paused_file.touch()
    pauses.note()
    pauses.note()
    Pauses(node.store, node.paused_file, node.clock).note()  # after a start
    assert events(node) == ["node.paused"]
    node.paused_file.unlink()
    pauses.note()
    pauses.note()
    assert events(node) == ["node.paused", "node.resumed"]


def test_a_chore_that_fails_stops_neither_the_others_nor_the_next_round() -> None:
    done: list[str] = []

    def broken() -> None:
        done.append("broken")
        raise Unavailable("LOG_UNAVAILABLE")

    def gone() -> None:
        raise OSError

    steward = Steward(lambda: None, (broken, gone, lambda: done.append("done")))
    steward.round()
    steward.round()
    assert done == ["broken", "done"] * 2


def test_an_unsound_log_is_left_as_it_is() -> None:
    done: list[str] = []

    def unsound() -> None:
        raise Unavailable("LOG_ALTERED", row=3)

    Steward(unsound, (lambda: done.append("done"),)).round()
    assert done == []


def test_it_goes_on_until_it_is_stopped_and_then_once_more() -> None:
    rounds, enough = [0], Event()

    def chore() -> None:
        rounds[0] += 1
        if rounds[0] > 2:
            enough.set()

    steward = Steward(lambda: None, (chore,), every=0.001)
    steward.start()
    assert enough.wait(10)
    steward.stop()
    before = rounds[0]
    time.sleep(0.05)
    assert rounds[0] == before
    Steward(lambda: None, (chore,)).stop()


def test_it_sweeps_at_a_start_and_at_the_turn_of_a_year(node: Node) -> None:
    clock = FixedClock(NOW)
    sweep = Sweep(node.store, clock)
    year = epoch_of(NOW)
    node.store.writer.write(
        lambda c: c.executemany(
            "INSERT INTO cell VALUES (x'01', ?, ?, x'')", [(year - 1, b"a"), (year, b"b")]
        )
    )

    def left() -> int:
        return int(node.store.reader.execute("SELECT count(*) FROM cell").fetchone()[0])

    sweep.sweep()
    assert left() == 1
    node.store.writer.write(
        lambda c: c.execute("INSERT INTO cell VALUES (x'02', ?, x'', x'')", (year - 1,))
    )
    sweep.sweep()
    assert left() == 2
    clock.seconds = epoch_end(year)
    sweep.sweep()
    assert left() == 0
