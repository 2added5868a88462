"""``log.append``: what a node writes down a second for 64 callers, and how long one of them waits.

Ours is the node's writer: callers on threads, each waiting until its entry is durable, and a keeper
that cuts checkpoints meanwhile. What it is held against inserts the same rows, their leaves hashed
beforehand, 64 a transaction, by bare SQLite on a connection of its own. ``log.append.p99`` compares
waits with each other: the 99th of a hundred while checkpoints are cut, and the middle one.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from threading import Event
from time import perf_counter
from typing import Final

from benchmarks import town
from benchmarks.measuring import Benchmark, Direction, Play, Round
from crypto.envelope import SALT_SIZE, item_leaf
from department_node import node_log
from department_node.ledger import Ledger
from department_node.store import Store
from federation.clock import SystemClock
from federation.ledger import digest
from federation.log.checking import Rules
from federation.log.keeper import Keeper, Plan

_CALLERS: Final = 64
_GROUP: Final = 64
_ENTRIES: Final = 20_000
_RECORD: Final = 520
_BESIDE: Final = 92
_DIGEST: Final = 32
_EVERY: Final = 0.5
"""Seconds between two checkpoints while it is measured: twenty times as often as in service."""


@dataclass(frozen=True, slots=True)
class _Contest:
    """A node's own store with a keeper at work, and a bare file with the same table."""

    store: Store
    bare: sqlite3.Connection

    def append(self) -> Round:
        """Append entries, then insert as many bare rows."""
        began = perf_counter()
        self._waits()
        ours = _ENTRIES / (perf_counter() - began)
        rows = [
            (item_leaf(salt, record), salt, record, beside)
            for record, beside in _entries()
            for salt in [os.urandom(SALT_SIZE)]
        ]
        began = perf_counter()
        for start in range(0, _ENTRIES, _GROUP):
            self.bare.execute("BEGIN IMMEDIATE")
            sql = "INSERT INTO log (leaf, salt, record, beside) VALUES (?, ?, ?, ?)"
            self.bare.executemany(sql, rows[start : start + _GROUP])
            self.bare.execute("COMMIT")
        return Round(ours=ours, baseline=_ENTRIES / (perf_counter() - began))

    def waiting(self) -> Round:
        """Compare the waits of one run."""
        waits = [wait * 1_000 for wait in self._waits()]
        return Round(ours=quantiles(waits, n=100)[98], baseline=median(waits))

    def _waits(self) -> list[float]:
        """Append entries from many threads; give how long each waited, seconds."""
        entries = _entries()
        share = _ENTRIES // _CALLERS

        def caller(mine: Sequence[tuple[bytes, bytes]]) -> list[float]:
            waits = []
            for one in mine:
                began = perf_counter()
                self.store.writer.settle(_append, one)
                waits.append(perf_counter() - began)
            return waits

        parts = [entries[n * share : (n + 1) * share] for n in range(_CALLERS)]
        with ThreadPoolExecutor(_CALLERS) as pool:
            return [wait for part in pool.map(caller, parts) for wait in part]


def _append(connection: sqlite3.Connection, entries: Sequence[tuple[bytes, bytes]]) -> list[int]:
    first = Ledger(connection).append(entries)
    return list(range(first, first + len(entries)))


def _entries() -> list[tuple[bytes, bytes]]:
    drawn = os.urandom(_ENTRIES * (_RECORD + _BESIDE))
    size = _RECORD + _BESIDE
    pairs = [
        (drawn[n : n + _RECORD], drawn[n + _RECORD : n + size]) for n in range(0, len(drawn), size)
    ]
    return [(digest(beside) + record[_DIGEST:], beside) for record, beside in pairs]


@contextmanager
def contest(measured: str, folder: Path) -> Iterator[Play]:
    """Open a node's store, have its log kept, make the bare file and warm both up."""
    place = town.build(folder / "federation", departments=["public_security"], people=1)
    stop = Event()
    with (
        closing(Store(place.registrar.data)) as store,
        closing(sqlite3.connect(folder / "bare.sqlite", isolation_level=None)) as bare,
    ):
        schema = "CREATE TABLE log (seq INTEGER PRIMARY KEY, leaf BLOB, salt BLOB, record BLOB,"
        bare.execute("PRAGMA journal_mode = WAL")
        bare.execute("PRAGMA synchronous = FULL")
        bare.execute(f"{schema} beside BLOB)")
        book = node_log.book(store)
        plan = Plan(every=_EVERY, rules=Rules(beside=lambda record: record[:_DIGEST]))
        keeping = Keeper(book, place.registrar, SystemClock(), plan=plan).serve(stop)
        try:
            play = getattr(_Contest(store, bare), measured)
            play()
            yield play
        finally:
            stop.set()
            keeping.join()


BENCHMARKS: Final = [
    Benchmark(
        name="log.append",
        unit="entries/s",
        direction=Direction.MORE,
        target=0.5,
        stage=partial(contest, "append"),
    ),
    Benchmark(
        name="log.append.p99",
        unit="ms",
        direction=Direction.LESS,
        target=3.0,
        stage=partial(contest, "waiting"),
    ),
]
