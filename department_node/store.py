"""The node's own state in one SQLite file: roll, consents, uses, frozen cells, answers, log.

Knows SQL and nothing of the protocol's meaning: what is admitted and what is answered is decided by
the callers. Reads run on a connection a thread; all writes go through the group-committing writer.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from threading import local
from typing import Final

import sqlite_utils

from department_node.evaluate import Person
from department_node.ledger import Ledger
from federation.errors import BadInput, Unavailable
from federation.log.sqlite import LOG_SCHEMA
from federation.party import private_file
from federation.writer import Writer

FILE: Final = "node.sqlite"
VERSION: Final = 3
"""Version of the tables in ``schema.sql``."""
ENROLLED: Final = "enrolled "
"""Begins the name of the fact that an epoch's roll was enrolled to the end."""
_CACHE_KIB: Final = 64 * 1024
_WAL_PAGES: Final = 8_192
"""Pages of 4 KiB in the journal before they are moved to the database: callers wait meanwhile."""
LISTS_KEPT: Final = 7 * 86_400
"""How long status lists are kept for receipts, seconds."""
DONE: Final = 1
GIVEN_UP: Final = 2


_END_BATCH: Final = (
    "UPDATE enrolment SET done = ?, ids = x'', names = x'' WHERE epoch = ? AND batch_no = ?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollEntry:
    """One enrolled person as it is stored; ``present`` while the roll has the person."""

    psn: bytes
    key: str = field(repr=False)
    name: bytes
    fingerprint: bytes
    present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBatch:
    """A batch of an enrolment as it is written down before it is sent."""

    key: bytes = field(repr=False)
    people: str = field(repr=False)
    ids: bytes
    names: bytes


class Store:
    """The node's database."""

    def __init__(self, folder: Path) -> None:
        """Open or make the database.

        Raises:
            BadInput: NODE_DATABASE_NEWER when a later version of this program wrote it, or
                NODE_DATABASE_OLDER.
            Unavailable: LOG_UNAVAILABLE.
        """
        self._path = folder / FILE
        self._local = local()
        self._readers: list[sqlite3.Connection] = []
        try:
            private_file(self._path)
        except OSError as e:
            raise Unavailable("LOG_UNAVAILABLE", why=type(e).__name__) from e
        with typed_errors():
            connection = self._connect()
            _prepare(connection)
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        self.writer = Writer(connection)

    def close(self) -> None:
        """Finish all writes and close."""
        self.writer.close()
        while self._readers:
            self._readers.pop().close()
        self._local = local()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA busy_timeout = 5000")
        return connection

    @property
    def _read(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._readers.append(connection)
        return connection

    @property
    def reader(self) -> sqlite3.Connection:
        """The calling thread's connection to read by."""
        return self._read

    def meta(self, name: str) -> object | None:
        """Read one fact about this node."""
        row = self._read.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_meta(self, **facts: object) -> None:
        """Write facts about this node."""
        rows = list(facts.items())
        self.writer.write(lambda c: c.executemany("REPLACE INTO meta VALUES (?, ?)", rows))

    def person(self, psn: bytes) -> Person | None:
        """Find an enrolled person whom the roll still has."""
        row = self._read.execute(
            "SELECT key, name FROM person WHERE psn = ? AND present = 1", (psn,)
        ).fetchone()
        return Person(key=row[0], name=row[1]) if row else None

    def pseudonyms(self, key: str) -> tuple[bytes, ...]:
        """Give the pseudonyms of a record key, one for each live epoch it is enrolled in."""
        return tuple(
            row[0] for row in self._read.execute("SELECT psn FROM person WHERE key = ?", (key,))
        )

    def enrolled_as(self, epoch: int, key: str) -> RollEntry | None:
        """Give what a record key was enrolled as, present or not."""
        row = self._read.execute(
            "SELECT psn, name, fingerprint, present FROM person WHERE key = ? AND epoch = ?",
            (key, epoch),
        ).fetchone()
        if row is None:
            return None
        return RollEntry(psn=row[0], key=key, name=row[1], fingerprint=row[2], present=bool(row[3]))

    def present_keys(self, epoch: int) -> Iterator[str]:
        """Read the record keys of everybody the roll had at the last enrolment."""
        sql = "SELECT key FROM person WHERE epoch = ? AND present = 1"
        for row in self._read.execute(sql, (epoch,)):
            yield row[0]

    def enrolled_epochs(self) -> frozenset[int]:
        """Give the epochs whose roll was enrolled to the end."""
        rows = self._read.execute("SELECT name FROM meta WHERE name GLOB ?", (f"{ENROLLED}[0-9]*",))
        return frozenset(int(name.removeprefix(ENROLLED)) for (name,) in rows)

    def mark_present(self, keys: list[str], *, present: bool) -> None:
        """Mark people as gone from the roll, or as back; their pseudonyms stay."""
        rows = [(int(present), key) for key in keys]
        sql = "UPDATE person SET present = ? WHERE key = ?"
        if rows:
            self.writer.write(lambda c: c.executemany(sql, rows))

    def pending_batches(self, epoch: int) -> list[tuple[int, StoredBatch]]:
        """List the batches that were begun and not finished, by number."""
        rows = self._read.execute(
            "SELECT batch_no, batch_key, people, ids, names FROM enrolment"
            " WHERE epoch = ? AND done = 0",
            (epoch,),
        )
        return [
            (row[0], StoredBatch(key=row[1], people=row[2], ids=row[3], names=row[4]))
            for row in rows
        ]

    def begin_batch(self, epoch: int, batch: StoredBatch, *, least: int = 1) -> int:
        """Write a batch down before it is sent, and number it: ``least`` or more."""

        def job(c: sqlite3.Connection) -> int:
            sql = "SELECT max(?, coalesce(max(batch_no), 0) + 1) FROM enrolment WHERE epoch = ?"
            number = c.execute(sql, (least, epoch)).fetchone()[0]
            c.execute(
                "INSERT INTO enrolment VALUES (?, ?, ?, ?, ?, ?, 0)",
                (epoch, number, batch.key, batch.people, batch.ids, batch.names),
            )
            return int(number)

        return self.writer.write(job)

    def finish_batch(self, epoch: int, number: int, rows: list[RollEntry]) -> None:
        """Enrol a batch's people, in place of what stood under their record keys.

        An older epoch's row goes too where the key has come to stand for another id: the first half
        of a fingerprint is the id's.
        """

        def job(c: sqlite3.Connection) -> None:
            c.executemany(
                "DELETE FROM person WHERE key = ?"
                " AND (epoch = ? OR substr(fingerprint, 1, 16) <> substr(?, 1, 16))",
                [(r.key, epoch, r.fingerprint) for r in rows],
            )
            c.executemany(
                "REPLACE INTO person VALUES (?, ?, ?, ?, ?, 1)",
                [(r.psn, epoch, r.key, r.name, r.fingerprint) for r in rows],
            )
            c.execute(_END_BATCH, (DONE, epoch, number))

        self.writer.write(job)

    def drop_batch(self, epoch: int, number: int) -> None:
        """Give up a batch whose number the registrar knows as another one."""
        self.writer.write(lambda c: c.execute(_END_BATCH, (GIVEN_UP, epoch, number)))

    def enrolled(self, epoch: int) -> int:
        """Count the enrolled people whom the roll has."""
        sql = "SELECT count(*) FROM person WHERE epoch = ? AND present = 1"
        return int(self._read.execute(sql, (epoch,)).fetchone()[0])

    def keep_lists(self, digest: bytes, lists: Sequence[bytes], now: int) -> None:
        """Keep signed status lists by their joint digest for a week."""
        text = json.dumps([one.decode("ascii") for one in lists])

        def job(c: sqlite3.Connection) -> None:
            c.execute("REPLACE INTO status_list VALUES (?, ?, ?)", (digest, text, now))
            c.execute("DELETE FROM status_list WHERE at < ?", (now - LISTS_KEPT,))

        self.writer.write(job)

    def lists(self, digest: bytes) -> tuple[bytes, ...]:
        """Give the signed status lists of a joint digest; none where they are not kept any more."""
        sql = "SELECT lists FROM status_list WHERE digest = ?"
        row = self._read.execute(sql, (digest,)).fetchone()
        return tuple(one.encode("ascii") for one in json.loads(row[0])) if row else ()

    def exchange(self, qid: bytes) -> tuple[str, int] | None:
        """Tell who asked under a query id, and in which row of the log it stands."""
        sql = (
            "SELECT sender, entry FROM answered WHERE qid = ?1"
            " UNION ALL SELECT sender, entry FROM mandate_answered WHERE qid = ?1"
        )
        row: tuple[str, int] | None = self._read.execute(sql, (qid,)).fetchone()
        return row

    def entries(self) -> Iterator[tuple[int, bytes, bytes, bytes]]:
        """Read the log: sequence number, leaf, salt, record."""
        yield from self._read.execute("SELECT seq, leaf, salt, record FROM log ORDER BY seq")

    def scrub(self) -> bool:
        """Empty the journal beside the file: it still holds what was removed from that.

        Tells whether it could; not while somebody reads or writes.
        """
        with typed_errors():
            busy, _, _ = self._read.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchone()
        return not busy

    def ledger(self) -> Ledger:
        """Look at what was spent and frozen, outside any transaction of the writer."""
        return Ledger(self._read)


@contextmanager
def typed_errors() -> Iterator[None]:
    """Turn SQLite's failures into typed ones.

    Raises:
        Unavailable: LOG_UNAVAILABLE.
    """
    try:
        yield
    except sqlite3.Error as e:
        raise Unavailable("LOG_UNAVAILABLE", why=type(e).__name__) from e


def _prepare(connection: sqlite3.Connection) -> None:
    """Make what is missing, and leave alone what another version made.

    The records of an older log cannot be written anew without breaking its leaves.
    """
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > VERSION:
        connection.close()
        raise BadInput("NODE_DATABASE_NEWER")
    connection.execute("PRAGMA journal_mode = WAL")
    if 0 < found < VERSION:
        connection.close()
        raise BadInput("NODE_DATABASE_OLDER")
    schema = resources.files("department_node").joinpath("schema.sql").read_text("utf-8")
    sqlite_utils.Database(connection).executescript(LOG_SCHEMA + schema)
    connection.execute(f"PRAGMA user_version = {VERSION}")
