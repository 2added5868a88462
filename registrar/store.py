"""The registrar's state in one SQLite file, with its log.

Knows the file, its connections and locks: one call of the protocol is one transaction, durable
before it is answered. Does not know what a transaction does.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Final

import sqlite_utils

from federation import party as installation
from federation.errors import BadInput, Unavailable
from federation.log.sqlite import LOG_SCHEMA, SqliteBook
from registrar.entries import Entries, Listing
from registrar.transaction import Transaction

FILE: Final = "registrar.sqlite"
BUSY_SECONDS: Final = 30.0
"""Patience with another process (the command line) that is writing."""


class Store:
    """One writer at a time; readers of status lists never wait for it."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            BadInput: REGISTRAR_DATABASE_VERSION when another release made it.
            Unavailable: LOG_UNAVAILABLE.
        """
        try:
            installation.private_file(path)
        except OSError as e:
            raise Unavailable("LOG_UNAVAILABLE") from e
        with _durable():
            self._writer = _connect(path)
            _prepare(self._writer)
            self._reader = _connect(path)
            self._log_reader = _connect(path)
        self._write_lock = Lock()
        self._read_lock = Lock()
        self._log_lock = Lock()

    def close(self) -> None:
        """Close the file."""
        with self._write_lock, self._read_lock, self._log_lock:
            self._writer.close()
            self._reader.close()
            self._log_reader.close()

    def book(self) -> SqliteBook:
        """Give the log as its keeper and its readers see it: they hold nobody else up."""
        return SqliteBook(self._reading_log, self._writing_log)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Hold the one transaction; it is on disk when the block ends, or nothing is.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        with self._writing() as connection:
            yield Transaction(connection)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Hold one consistent view.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        with self._read_lock, _durable():
            self._reader.execute("BEGIN")
            try:
                yield Transaction(self._reader)
            finally:
                if self._reader.in_transaction:
                    self._reader.execute("ROLLBACK")

    def listing(self, department: str, least: int, now: int) -> Listing | None:
        """Find the first current status list of a department of at least a number."""
        with self.read() as view:
            return view.entries.listing(department, least, now)

    @contextmanager
    def publishing(self) -> Iterator[Entries]:
        """Hold the transaction in which a status list is signed: nothing changes meanwhile."""
        with self.write() as tx:
            yield tx.entries

    def scrub(self) -> None:
        """Empty the journal beside the file: it still holds what was removed from that.

        What another process is reading at this moment stays there until that process writes.
        """
        with self._write_lock, _durable():
            self._writer.execute("PRAGMA wal_checkpoint (TRUNCATE)")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock, _durable():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    def _writing_log(self, job: Callable[[sqlite3.Connection], None]) -> None:
        with self._writing() as connection:
            job(connection)

    @contextmanager
    def _reading_log(self) -> Iterator[sqlite3.Connection]:
        with self._log_lock:
            yield self._log_reader


@contextmanager
def _durable() -> Iterator[None]:
    """Turn a failing file (disk full, no rights, damaged, busy) into what a caller can name."""
    try:
        yield
    except sqlite3.DatabaseError as e:
        if isinstance(e, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise Unavailable("LOG_UNAVAILABLE") from e


def _prepare(connection: sqlite3.Connection) -> None:
    """Make what is missing, and leave alone what another release made.

    Raises:
        BadInput: REGISTRAR_DATABASE_VERSION.
    """
    schema = resources.files("registrar").joinpath("schema.sql").read_text("utf-8") + LOG_SCHEMA
    with closing(sqlite3.connect(":memory:")) as empty:
        sqlite_utils.Database(empty).executescript(schema)
        ours = _columns(empty)
    found = _columns(connection)
    if any(columns != ours.get(table, columns) for table, columns in found.items()):
        connection.close()
        raise BadInput("REGISTRAR_DATABASE_VERSION")
    sqlite_utils.Database(connection).executescript(schema)


def _columns(connection: sqlite3.Connection) -> Mapping[str, Sequence[object]]:
    return {one.name: one.columns for one in sqlite_utils.Database(connection).tables}


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
