"""A witness's state in one SQLite file: what it cosigned last of each log, and its alarms.

Knows SQL, and that a cosignature leaves only after what it says is on the disk, in the place of
exactly what was there when it was decided. Does not know what may be cosigned.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Final

from auditor.alarms import Alarm
from auditor.witness import Seen, Verdict
from crypto.merkle import HASH_SIZE
from federation import party as installation
from federation.errors import Unavailable

FILE: Final = "witness.sqlite"
MOST_ALARMS: Final = 1_000
"""Alarms kept of one log: enough to convict it, too few to fill a disk."""
_BUSY_SECONDS: Final = 30.0
_SEEN: Final = "SELECT origin, size, root, at, note, cosigned FROM witnessed "
_ALARM: Final = (
    "SELECT no, at, origin, code, known, presented, old_size, proof, cosigned FROM alarm"
)


class WitnessStore:
    """One connection, one call at a time; another process may read beside it."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            Unavailable: WITNESS_STORE.
        """
        self._lock = Lock()
        with _durable():
            installation.private_file(path)
            self._sql = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._sql.execute("PRAGMA journal_mode = WAL")
            self._sql.execute("PRAGMA synchronous = FULL")
            schema = resources.files("auditor").joinpath("schema.sql").read_text("utf-8")
            self._sql.executescript(schema)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._sql.close()

    def seen(self, origin: str) -> Seen:
        """Give what was cosigned last of a log, or nothing.

        Raises:
            Unavailable: WITNESS_STORE.
        """
        with self._held() as sql:
            row = sql.execute(_SEEN + "WHERE origin = ?", (origin,)).fetchone()
        return _seen(row) if row else Seen()

    def every(self) -> dict[str, Seen]:
        """Give what was cosigned last of all logs.

        Raises:
            Unavailable: WITNESS_STORE.
        """
        with self._held() as sql:
            return {row[0]: _seen(row) for row in sql.execute(_SEEN + "ORDER BY origin")}

    def latest(self) -> int:
        """Give the latest time of any cosignature, UTC seconds; 0 before the first.

        Raises:
            Unavailable: WITNESS_STORE.
        """
        with self._held() as sql:
            (at,) = sql.execute("SELECT coalesce(max(at), 0) FROM witnessed").fetchone()
        return int(at)

    def advance(self, origin: str, before: Seen, after: Seen) -> bool:
        """Put what is seen now in the place of what was; False when that is there no more.

        It is on the disk when this returns True.

        Raises:
            Unavailable: WITNESS_STORE.
        """
        fresh = (after.size, after.root, after.at, after.note, after.count)
        with self._held() as sql:
            if not before.count:
                add = "INSERT INTO witnessed VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
                return sql.execute(add, (origin, *fresh)).rowcount == 1
            swap = (
                "UPDATE witnessed SET size = ?, root = ?, at = ?, note = ?, cosigned = ?"
                " WHERE origin = ? AND size = ? AND root = ? AND cosigned = ?"
            )
            held = (origin, before.size, before.root, before.count)
            return sql.execute(swap, (*fresh, *held)).rowcount == 1

    def keep(self, alarm: Alarm) -> bool:
        """Keep an alarm for good; False when it is there already, or too many of its log are.

        Raises:
            Unavailable: WITNESS_STORE.
        """
        row = (
            *(alarm.at, alarm.origin, alarm.code.value, alarm.known, alarm.presented),
            *(alarm.old_size, b"".join(alarm.proof), alarm.count),
        )
        add = (
            "INSERT INTO alarm (at, origin, code, known, presented, old_size, proof, cosigned)"
            " SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM alarm WHERE origin = ?) < ?"
            " ON CONFLICT DO NOTHING"
        )
        with self._held() as sql:
            return sql.execute(add, (*row, alarm.origin, MOST_ALARMS)).rowcount == 1

    def alarms(self) -> dict[int, Alarm]:
        """List all alarms by their numbers, oldest first.

        Raises:
            Unavailable: WITNESS_STORE.
        """
        with self._held() as sql:
            rows = sql.execute(_ALARM + " ORDER BY no").fetchall()
        return {row[0]: _alarm(row) for row in rows}

    @contextmanager
    def _held(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _durable():
            yield self._sql


def _seen(row: tuple[str, int, bytes, int, bytes, int]) -> Seen:
    _, size, root, at, note, count = row
    return Seen(size=size, root=root, at=at, note=note, count=count)


def _alarm(row: tuple[int, int, str, str, bytes, bytes, int, bytes, int]) -> Alarm:
    _, at, origin, code, known, presented, old_size, proof, count = row
    return Alarm(
        at=at,
        origin=origin,
        code=Verdict(code),
        known=known,
        presented=presented,
        old_size=old_size,
        proof=tuple(proof[n : n + HASH_SIZE] for n in range(0, len(proof), HASH_SIZE)),
        count=count,
    )


@contextmanager
def _durable() -> Iterator[None]:
    """Turn a failing file (disk full, no rights, damaged, busy) into what a caller can name."""
    try:
        yield
    except (OSError, sqlite3.DatabaseError) as e:
        if isinstance(e, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise Unavailable("WITNESS_STORE", why=type(e).__name__) from e
