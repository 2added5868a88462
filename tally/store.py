"""The tally's state in one SQLite file, with its log.

Knows the file, its connections and locks; all writing goes through the group-committing writer.
Does not know what a row means.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

import sqlite_utils

from federation import party as installation
from federation.errors import BadInput, Unavailable
from federation.log.sqlite import LOG_SCHEMA, SqliteBook
from federation.writer import Writer
from tally.books import Books

T = TypeVar("T")

FILE: Final = "tally.sqlite"
BUSY_MS: Final = 5_000


class Store:
    """One writer; readers never wait for it."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        try:
            installation.private_file(path)
        except OSError as e:
            raise Unavailable("LOG_UNAVAILABLE", why=type(e).__name__) from e
        with typed_errors():
            connection = _connect(path)
            connection.execute("PRAGMA journal_mode = WAL")
            schema = resources.files("tally").joinpath("schema.sql").read_text("utf-8")
            sqlite_utils.Database(connection).executescript(LOG_SCHEMA + schema)
            # What is cleared must be gone: the bit that is kept between the steps of a run.
            connection.execute("PRAGMA secure_delete = ON")
            self._reader = _Reader(path)
            self._log_reader = _Reader(path)
        self._writer = Writer(connection)

    def close(self) -> None:
        """Finish all writes and close."""
        self._writer.close()
        self._reader.close()
        self._log_reader.close()

    def write(self, job: Callable[[Books], T]) -> T:
        """Run a job in a transaction, and return when it is durable.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        return self._writer.write(lambda connection: job(Books(connection)))

    @contextmanager
    def read(self) -> Iterator[Books]:
        """Look at the newest state.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        with typed_errors(), self._reader.lent() as connection:
            yield Books(connection)

    def keep_lists(self, digest: bytes, lists: Sequence[bytes], now: int) -> None:
        """Keep signed status lists by their joint digest."""
        self.write(lambda books: books.keep_lists(digest, lists, now))

    def exchange(self, qid: bytes) -> tuple[str, int] | None:
        """Tell who asked under a query id, and in which row of the log it stands."""
        with self.read() as books:
            return books.exchange(qid)

    def lists(self, digest: bytes) -> tuple[bytes, ...]:
        """Give the signed status lists of a joint digest."""
        with self.read() as books:
            return books.lists(digest)

    def book(self) -> SqliteBook:
        """Give the log as its keeper and its readers see it: they hold nobody else up."""
        return SqliteBook(self._log_reader.lent, self._writer.write)


class _Reader:
    """A connection to read by, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._connection = _connect(path)
        self._lock = Lock()

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection

    def close(self) -> None:
        with self._lock:
            self._connection.close()


@contextmanager
def beside(data: Path) -> Iterator[sqlite3.Connection]:
    """Open the file of a data folder read-only, while the tally may be running.

    Raises:
        BadInput: FILE_MISSING when it has never run.
        Unavailable: LOG_UNAVAILABLE.
    """
    path = data / FILE
    if not path.exists():
        raise BadInput("FILE_MISSING", file=FILE, folder=data.name)
    with typed_errors():
        connection = sqlite3.connect(path.resolve().as_uri() + "?mode=ro", uri=True)
        try:
            yield connection
        finally:
            connection.close()


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


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    return connection
