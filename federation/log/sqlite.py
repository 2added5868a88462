"""A log in a SQLite file, among whatever else a party keeps there.

Knows the tables of the log, and that all writing goes the way of the party's one writer. Does not
know who opens the file, when it is written, or what a record says.

Row n of the log is ``seq`` n + 1. What comes from the file is held to its types: whoever edits a
row behind the server's back can put anything there.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from crypto.envelope import SALT_SIZE
from crypto.merkle import HASH_SIZE
from federation.errors import BadInput, Unavailable
from federation.log import events, rows
from federation.log.book import ALWAYS, Kept, altered
from federation.log.events import Tombstone
from federation.log.rows import Row

LOG_SCHEMA: Final = """
-- A party's log: leaf n of its tree is row n + 1. Salt, record and what lies beside are NULL once
-- they are erased; log_erased names the row of the tombstone that says by whose order.
CREATE TABLE IF NOT EXISTS log (
    seq INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL,
    salt BLOB,
    record BLOB,
    beside BLOB
);
CREATE TABLE IF NOT EXISTS log_erased (
    seq INTEGER PRIMARY KEY,
    tombstone INTEGER NOT NULL
);

-- Tiles of the tree (C2SP tlog-tiles), each as wide as the newest checkpoint needs it.
CREATE TABLE IF NOT EXISTS log_tile (
    level INTEGER NOT NULL,
    n INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, n)
);

-- Checkpoints, each a signed note with the cosignatures it has so far.
CREATE TABLE IF NOT EXISTS log_checkpoint (
    size INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    at INTEGER NOT NULL,
    note BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS log_checkpoint_at ON log_checkpoint (at);

-- Up to which row the self-check has come.
CREATE TABLE IF NOT EXISTS log_check (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL
);
"""
MOST_ERASED: Final = 1_024
"""Most rows of one tombstone: further ones are erased by further tombstones."""
# SQLite finds one end of a table by itself at once; asked for both together it reads all of it.
_ENDS: Final = (
    "SELECT coalesce((SELECT min(seq) FROM log), 1), coalesce((SELECT max(seq) FROM log), 0)"
)
_LEAVES: Final = "SELECT leaf FROM log WHERE seq > ? AND seq <= ? ORDER BY seq"
_ROWS: Final = "SELECT leaf, salt, record, beside FROM log WHERE seq > ? AND seq <= ? ORDER BY seq"
_LENGTHS: Final = (
    "SELECT length(record) + length(beside) FROM log WHERE seq > ? AND seq <= ? ORDER BY seq"
)
_NUMBERS: Final = "SELECT seq - 1 FROM log WHERE seq > ? AND seq <= ?"
_CHECKPOINT: Final = "SELECT size, root, at, note FROM log_checkpoint "

Reading = Callable[[], AbstractContextManager[sqlite3.Connection]]
"""Lends a connection to read by."""
Writing = Callable[[Callable[[sqlite3.Connection], None]], None]
"""Runs a job in a transaction and returns when it is durable."""


class SqliteBook:
    """A ``Book`` over the tables of ``LOG_SCHEMA``."""

    def __init__(self, reading: Reading, writing: Writing) -> None:
        self._reading = reading
        self._writing = writing

    def size(self) -> int:
        """Count the rows; the first of them must be there."""
        with self._read() as c:
            first, last = c.execute(_ENDS).fetchone()
        if first != 1:
            raise altered(min(first - 1, 0))
        return int(last)

    def leaves(self, first: int, stop: int) -> list[bytes]:
        """Read the leaves of rows."""
        return [_hash(leaf, at) for at, (leaf,) in self._numbered(_LEAVES, first, stop)]

    def rows(self, first: int, stop: int) -> list[Row]:
        """Read rows whole."""
        return [_row(row, at) for at, row in self._numbered(_ROWS, first, stop)]

    def lengths(self, first: int, stop: int) -> list[int | None]:
        """Read how many bytes record and beside of rows have together; None for erased ones."""
        return [length for _, (length,) in self._numbered(_LENGTHS, first, stop)]

    def tombstones(self, first: int, stop: int) -> dict[int, int]:
        """Tell which row is said to order the erasure of each erased row."""
        sql = "SELECT seq - 1, tombstone - 1 FROM log_erased WHERE seq > ? AND seq <= ?"
        with self._read() as c:
            return dict(c.execute(sql, (first, stop)).fetchall())

    def tile(self, level: int, index: int) -> bytes | None:
        """Read the hashes of a tile, as many as there are."""
        sql = "SELECT hashes FROM log_tile WHERE level = ? AND n = ?"
        with self._read() as c:
            found = c.execute(sql, (level, index)).fetchone()
        return found[0] if found and type(found[0]) is bytes else None

    def newest(self) -> Kept | None:
        """Read the newest checkpoint."""
        with self._read() as c:
            found = c.execute(_CHECKPOINT + "ORDER BY size DESC LIMIT 1").fetchone()
        return _kept(found) if found else None

    def kept(self, since: int = 0, until: int = ALWAYS) -> list[Kept]:
        """Read the checkpoints cut from one time to another, both included, oldest first."""
        sql = _CHECKPOINT + "WHERE at BETWEEN ? AND ? ORDER BY size"
        with self._read() as c:
            found = c.execute(sql, (since, until)).fetchall()
        return [_kept(row) for row in found]

    def keep(self, tiles: Mapping[tuple[int, int], bytes], kept: Kept) -> None:
        """Keep a checkpoint and the tiles that changed with it."""
        changed = [(level, n, data) for (level, n), data in tiles.items()]

        def job(c: sqlite3.Connection) -> None:
            (newest,) = c.execute("SELECT coalesce(max(size), 0) FROM log_checkpoint").fetchone()
            if newest >= kept.size:
                raise altered(kept.size)
            c.executemany("REPLACE INTO log_tile VALUES (?, ?, ?)", changed)
            row = (kept.size, kept.root, kept.at, kept.note)
            c.execute("INSERT INTO log_checkpoint VALUES (?, ?, ?, ?)", row)

        self._writing(job)

    def cosigned(self, kept: Kept) -> None:
        """Exchange the note of a checkpoint that is kept for one with more cosignatures."""
        sql = "UPDATE log_checkpoint SET note = ? WHERE size = ? AND root = ?"
        self._write(sql, kept.note, kept.size, kept.root)

    def position(self) -> int:
        """Tell up to which row the self-check has come."""
        with self._read() as c:
            found = c.execute("SELECT position FROM log_check").fetchone()
        return max(found[0], 0) if found and type(found[0]) is int else 0

    def passed(self, position: int) -> None:
        """Remember up to which row the self-check has come."""
        self._write("REPLACE INTO log_check VALUES (1, ?)", position)

    def _numbered(self, sql: str, first: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Read rows with their numbers, of which none may be missing."""
        with self._read() as c:
            found = c.execute(sql, (first, stop)).fetchall()
            if len(found) != stop - first:
                there = {row for (row,) in c.execute(_NUMBERS, (first, stop))}
                raise altered(next(row for row in range(first, stop) if row not in there))
        return enumerate(found, first)

    def _write(self, sql: str, *values: object) -> None:
        def job(c: sqlite3.Connection) -> None:
            c.execute(sql, values)

        self._writing(job)

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._reading() as connection:
                yield connection
        except sqlite3.Error as e:
            raise Unavailable("LOG_UNAVAILABLE", why=type(e).__name__) from e


def append(
    connection: sqlite3.Connection, record: bytes, beside: bytes = b"", salt: bytes | None = None
) -> int:
    """Append a record inside a transaction, with a salt drawn for it; give the row's number."""
    row = rows.made(record, beside, os.urandom(SALT_SIZE) if salt is None else salt)
    sql = "INSERT INTO log (leaf, salt, record, beside) VALUES (?, ?, ?, ?)"
    seq = connection.execute(sql, row).lastrowid
    return (seq or 0) - 1


def append_all(connection: sqlite3.Connection, records: Sequence[tuple[bytes, bytes]]) -> int:
    """Append records, each with what lies beside it; give the first one's row."""
    salts = os.urandom(SALT_SIZE * len(records))
    made = [
        rows.made(record, beside, salts[n * SALT_SIZE : (n + 1) * SALT_SIZE])
        for n, (record, beside) in enumerate(records)
    ]
    (size,) = connection.execute("SELECT coalesce(max(seq), 0) FROM log").fetchone()
    sql = "INSERT INTO log (seq, leaf, salt, record, beside) VALUES (?, ?, ?, ?, ?)"
    connection.executemany(sql, [(seq, *row) for seq, row in enumerate(made, start=size + 1)])
    return int(size)


def erase(connection: sqlite3.Connection, tombstone: Tombstone) -> int:
    """Erase rows inside a transaction and append the tombstone; give that one's row.

    What was there is overwritten in the file; its journal (WAL) still has it until it is
    checkpointed with TRUNCATE.

    Raises:
        BadInput: ERASURE_INVALID when there are none or more than 1,024, or when one is not there,
            is erased already or is itself a tombstone; nothing is written then.
    """
    wanted = sorted(set(tombstone.rows))
    if not 1 <= len(wanted) <= MOST_ERASED or list(tombstone.rows) != wanted:
        raise BadInput("ERASURE_INVALID", rows=len(tombstone.rows))
    for row in wanted:
        _check_erasable(connection, row)
    connection.execute("PRAGMA secure_delete = ON")
    seq = append(connection, events.write_tombstone(tombstone)) + 1
    sql = "UPDATE log SET salt = NULL, record = NULL, beside = NULL WHERE seq = ?"
    connection.executemany(sql, [(row + 1,) for row in wanted])
    pairs = [(row + 1, seq) for row in wanted]
    connection.executemany("REPLACE INTO log_erased VALUES (?, ?)", pairs)
    return seq - 1


def _check_erasable(connection: sqlite3.Connection, row: int) -> None:
    sql = "SELECT record FROM log WHERE seq = ?"
    record = (connection.execute(sql, (row + 1,)).fetchone() or (None,))[0]
    if type(record) is not bytes or events.read_tombstone(record):
        raise BadInput("ERASURE_INVALID", row=row)


def _hash(leaf: object, row: int) -> bytes:
    if type(leaf) is not bytes or len(leaf) != HASH_SIZE:
        raise altered(row)
    return leaf


def _row(found: Sequence[object], row: int) -> Row:
    leaf, *parts = found
    salt, record, beside = (part if type(part) is bytes else None for part in parts)
    if [salt, record, beside] != parts:
        raise altered(row)
    return Row(_hash(leaf, row), salt, record, beside)


def _kept(row: Sequence[Any]) -> Kept:
    size, root, at, note = row
    if type(at) is not int or type(note) is not bytes:
        raise altered(size)
    return Kept(size=size, root=_hash(root, size), at=at, note=note)
