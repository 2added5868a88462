"""The node's own state in one SQLite file: roll, consents, uses, frozen cells, answers, log.

Knows SQL and nothing of the protocol's meaning: what is admitted and what is answered is decided by
the callers. Reads run on a connection a thread; all writes go through the group-committing writer.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from threading import local
from typing import Final

import sqlite_utils

from department_node.evaluate import Person
from department_node.gate import Usage
from department_node.writer import Writer
from federation import consent
from federation.errors import Unavailable

FILE: Final = "node.sqlite"


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer that left before: whose request it answered and the unsigned bytes."""

    sender: str
    request: bytes
    payload: bytes
    items: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RollEntry:
    """One enrolled person as it is stored."""

    psn: bytes
    key: str
    name: bytes
    fingerprint: bytes


class Store:
    """The node's database."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._local = local()
        with closing_errors():
            connection = self._connect()
            connection.execute("PRAGMA journal_mode = WAL")
            schema = resources.files("department_node").joinpath("schema.sql").read_text("utf-8")
            sqlite_utils.Database(connection).executescript(schema)
        self.writer = Writer(connection)

    def close(self) -> None:
        """Finish all writes and close."""
        self.writer.close()

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
        return connection

    def meta(self, name: str) -> object | None:
        """Read one fact about this node."""
        row = self._read.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_meta(self, **facts: object) -> None:
        """Write facts about this node."""
        rows = list(facts.items())
        self.writer.write(lambda c: c.executemany("REPLACE INTO meta VALUES (?, ?)", rows))

    def answered(self, qid: bytes) -> StoredAnswer | None:
        """Find the answer to a query id."""
        row = self._read.execute(
            "SELECT sender, request, payload, items FROM answered WHERE qid = ?", (qid,)
        ).fetchone()
        return StoredAnswer(*row) if row else None

    def person(self, psn: bytes) -> Person | None:
        """Find an enrolled person."""
        row = self._read.execute("SELECT key, name FROM person WHERE psn = ?", (psn,)).fetchone()
        return Person(key=row[0], name=row[1]) if row else None

    def pseudonyms(self, key: str) -> tuple[bytes, ...]:
        """Give the pseudonyms of a record key, one for each live epoch it is enrolled in."""
        return tuple(
            row[0] for row in self._read.execute("SELECT psn FROM person WHERE key = ?", (key,))
        )

    def presentation(self, jti: bytes) -> bytes | None:
        """Find a token that was presented before."""
        row = self._read.execute(
            "SELECT presentation FROM consent WHERE jti = ?", (jti,)
        ).fetchone()
        return row[0] if row else None

    def fingerprint(self, epoch: int, key: str) -> bytes | None:
        """Give the fingerprint under which a record key was enrolled."""
        row = self._read.execute(
            "SELECT fingerprint FROM person WHERE key = ? AND epoch = ?", (key, epoch)
        ).fetchone()
        return row[0] if row else None

    def pending_batches(self, epoch: int) -> list[tuple[int, bytes, list[str]]]:
        """List the batches that were begun and not finished: number, key, record keys."""
        rows = self._read.execute(
            "SELECT batch_no, batch_key, keys FROM enrolment WHERE epoch = ? AND done = 0", (epoch,)
        )
        return [(number, key, json.loads(keys)) for number, key, keys in rows]

    def begin_batch(self, epoch: int, batch_key: bytes, keys: str) -> int:
        """Write a batch down before it is sent, and number it."""

        def job(c: sqlite3.Connection) -> int:
            number = c.execute(
                "SELECT coalesce(max(batch_no), 0) + 1 FROM enrolment WHERE epoch = ?", (epoch,)
            ).fetchone()[0]
            c.execute(
                "INSERT INTO enrolment VALUES (?, ?, ?, ?, 0)", (epoch, number, batch_key, keys)
            )
            return int(number)

        return self.writer.write(job)

    def finish_batch(self, epoch: int, number: int, rows: list[RollEntry]) -> None:
        """Enrol a batch's people, in place of what stood under their record keys."""

        def job(c: sqlite3.Connection) -> None:
            c.executemany(
                "DELETE FROM person WHERE key = ? AND epoch = ?", [(r.key, epoch) for r in rows]
            )
            c.executemany(
                "REPLACE INTO person VALUES (?, ?, ?, ?, ?)",
                [(r.psn, epoch, r.key, r.name, r.fingerprint) for r in rows],
            )
            c.execute(
                "UPDATE enrolment SET done = 1 WHERE epoch = ? AND batch_no = ?", (epoch, number)
            )

        self.writer.write(job)

    def drop_batch(self, epoch: int, number: int) -> None:
        """Give up a batch whose records have changed since it was begun."""
        self.writer.write(
            lambda c: c.execute(
                "UPDATE enrolment SET done = 2 WHERE epoch = ? AND batch_no = ?", (epoch, number)
            )
        )

    def enrolled(self, epoch: int) -> int:
        """Count the enrolled people."""
        row = self._read.execute("SELECT count(*) FROM person WHERE epoch = ?", (epoch,))
        return int(row.fetchone()[0])

    def counts(self) -> dict[str, int]:
        """Count answers, log entries, known tokens and transport refusals."""
        tables = {"answers": "answered", "log": "log", "tokens": "consent"}
        counts = {
            name: int(self._read.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608
            for name, table in tables.items()
        }
        rows = self._read.execute("SELECT code, sum(n) FROM refused GROUP BY code ORDER BY code")
        return counts | {f"refused {code}": int(n) for code, n in rows}

    def entries(self) -> Iterator[tuple[int, bytes, bytes, bytes]]:
        """Read the log: sequence number, leaf, salt, record."""
        yield from self._read.execute("SELECT seq, leaf, salt, record FROM log ORDER BY seq")

    def ledger(self) -> "Ledger":
        """Look at what was spent and frozen, outside any transaction of the writer."""
        return Ledger(self._read)


class Ledger:
    """What one exchange reads and writes inside the group's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._c = connection

    def answered(self, qid: bytes) -> StoredAnswer | None:
        """Find the answer to a query id, as this transaction sees it."""
        row = self._c.execute(
            "SELECT sender, request, payload, items FROM answered WHERE qid = ?", (qid,)
        ).fetchone()
        return StoredAnswer(*row) if row else None

    def usage(self, jti: bytes, grant: str, month: str) -> Usage:
        """Read what was spent of a grant and of its token in this month."""
        used = dict(
            self._c.execute(
                "SELECT name, used FROM uses WHERE jti = ? AND name IN (?, ?)", (jti, grant, month)
            )
        )
        return Usage(grant_uses=used.get(grant, 0), month_uses=used.get(month, 0))

    def cells(self, subject: bytes, year: int) -> int:
        """Count the cells that were opened of a record in a year."""
        counted = self._c.execute(
            "SELECT count(*) FROM cell WHERE subject = ? AND year = ?", (subject, year)
        )
        return int(counted.fetchone()[0])

    def spend(self, jti: bytes, grant: str, month: str) -> None:
        """Count one more use of a grant and of its token in this month."""
        self._c.executemany(
            "INSERT INTO uses VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET used = used + 1",
            [(jti, grant), (jti, month)],
        )

    def cell(self, subject: bytes, year: int, question: bytes) -> bytes | None:
        """Find a frozen answer."""
        row = self._c.execute(
            "SELECT answer FROM cell WHERE subject = ? AND year = ? AND question = ?",
            (subject, year, question),
        ).fetchone()
        return row[0] if row else None

    def freeze(self, subject: bytes, year: int, question: bytes, answer: bytes) -> None:
        """Freeze an answer for its period."""
        self._c.execute("INSERT INTO cell VALUES (?, ?, ?, ?)", (subject, year, question, answer))

    def keep_consents(self, shown: Iterable[tuple[bytes, bytes]]) -> None:
        """Remember presentations by token id, with all that was ever disclosed of each."""
        for jti, presentation in shown:
            row = self._c.execute("SELECT presentation FROM consent WHERE jti = ?", (jti,))
            before = row.fetchone()
            whole = consent.join(before[0], presentation) if before else presentation
            self._c.execute("REPLACE INTO consent VALUES (?, ?)", (jti, whole))

    def keep_answer(self, qid: bytes, answer: StoredAnswer, at: int) -> None:
        """Store an answer by query id; its bytes are what every repeat gets."""
        self._c.execute(
            "INSERT INTO answered VALUES (?, ?, ?, ?, ?, ?)",
            (qid, answer.sender, answer.request, answer.payload, answer.items, at),
        )

    def append(self, leaf: bytes, salt: bytes, record: bytes) -> None:
        """Append one entry to the log."""
        self._c.execute(
            "INSERT INTO log (leaf, salt, record) VALUES (?, ?, ?)", (leaf, salt, record)
        )

    def seen_time(self, now: int) -> None:
        """Remember the highest time this node has seen."""
        self._c.execute(
            "INSERT INTO meta VALUES ('time', ?) ON CONFLICT DO UPDATE"
            " SET value = max(value, excluded.value)",
            (now,),
        )

    def count_refusal(self, day: str, code: str, n: int) -> None:
        """Count transport refusals of a day."""
        self._c.execute(
            "INSERT INTO refused VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            (day, code, n),
        )


@contextmanager
def closing_errors() -> Iterator[None]:
    """Turn SQLite's failures into typed ones.

    Raises:
        Unavailable: LOG_UNAVAILABLE.
    """
    try:
        yield
    except sqlite3.Error as e:
        raise Unavailable("LOG_UNAVAILABLE", why=type(e).__name__) from e
