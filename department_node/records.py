"""A department's own records, read and never written.

Knows one SQLite database: a connection a thread, a budget of steps a query, and the rule that
nothing but SELECT passes. Deliberately does not know predicates, people, pseudonyms or how the
records came in.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from department_node import statements
from department_node.statements import FAILURES, Guard, Statement
from federation.errors import BadInput, HeduiError

BOOKKEEPING: Final = ("import_log", "import_reject")
"""Tables that an import keeps beside the department's own."""

_TICK: Final = 1_000  # virtual machine steps between two looks at the budget
_FETCH: Final = 1_000
_TEXT_BYTES: Final = 1_000_000  # longest value a query may build
_PROBE = "SELECT count(*) FROM sqlite_master"
_SCHEMA = """
SELECT tables.name, columns.name
FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns
WHERE tables.type = 'table' AND substr(tables.name, 1, 7) <> 'sqlite_'
ORDER BY tables.name, columns.cid
"""


class RecordSource(Protocol):
    """Whatever holds a department's records and answers SQL about them."""

    def scalar(self, sql: str, parameters: Mapping[str, object]) -> object | None:
        """Give the one value a query finds, or None."""
        ...

    def scalars(
        self, sql: str, keys: Sequence[str], parameters: Mapping[str, object], *, prompt: bool
    ) -> list[object | None]:
        """Give what a query finds for each record key, in their order.

        If it has to be ``prompt``, little work is allowed for each: others wait.
        """
        ...

    def rows(self, sql: str) -> Iterator[tuple[object, ...]]:
        """Stream the rows of a query without parameters."""
        ...

    def check(self, sql: str) -> None:
        """Refuse a statement that cannot be answered or is not read-only."""
        ...

    def inspect(self, sql: str) -> Statement:
        """Tell what a statement reads, binds and returns without running it."""
        ...

    def columns_read(self, sql: str) -> list[tuple[str, str]]:
        """List the (table, column) pairs a statement reads."""
        ...

    def all_columns(self) -> list[tuple[str, str]]:
        """List every (table, column) of the department's own tables."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """How much work one reading may cost."""

    steps: int = 20_000_000
    """Virtual machine steps of one query, about half a second."""
    prompt_steps: int = 200_000
    """Virtual machine steps for one key while others wait, about five milliseconds; for a set of
    them at most ten times as many."""
    scan_steps: int = 2_000_000_000
    """Virtual machine steps between two thousand rows of a streamed query."""
    busy_seconds: float = 5.0
    """How long to wait for an import that is just swapping a table, seconds."""


class _Reader:
    """One connection with its guard and what is left of its budget."""

    __slots__ = ("budget", "connection", "guard")

    def __init__(self, uri: str, busy_seconds: float) -> None:
        self.guard = Guard()
        self.budget = _Budget()
        self.connection = _connect(uri, busy_seconds)
        # SQLite makes this table when it is first named, which the guard takes for a CREATE.
        self.connection.execute("SELECT 1 FROM json_each('[]')").fetchone()
        self.connection.set_authorizer(self.guard)
        self.connection.set_progress_handler(self.budget.spend, _TICK)


class _Budget:
    """Ticks of the virtual machine that a query may still use."""

    __slots__ = ("ticks",)

    def __init__(self) -> None:
        self.ticks = 0

    def spend(self) -> bool:
        """Use one tick; true stops the query."""
        self.ticks -= 1
        return self.ticks < 0


class SqliteRecords:
    """A record source over one SQLite database that is opened read-only."""

    def __init__(self, database: Path | str, limits: ReadLimits | None = None) -> None:
        """Open a file, or a ``file:`` URI such as a shared database in memory.

        Raises:
            Unavailable: ``SOURCE_UNREADABLE`` or ``SOURCE_BUSY``.
        """
        self._uri = database if isinstance(database, str) else _read_only(database)
        self._limits = limits or ReadLimits()
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._strict: dict[str, str] = {}
        self._sets: dict[str, str] = {}
        self._schema()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._opened:
            self._opened.pop().close()
        self._local = threading.local()

    def scalar(self, sql: str, parameters: Mapping[str, object]) -> object | None:
        """Give the one value a query finds; None for no row or NULL.

        Raises:
            BadInput: ``CATALOGUE_SQL`` for more than one row or column, or any ``CATALOGUE_…``.
            Unavailable: ``SOURCE_TIMEOUT``, ``SOURCE_BUSY``, ``SOURCE_UNREADABLE``.
        """
        return self._value(self._reader(), sql, parameters, self._limits.steps)

    def scalars(
        self,
        sql: str,
        keys: Sequence[str],
        parameters: Mapping[str, object],
        *,
        prompt: bool = False,
    ) -> list[object | None]:
        """Give what a query finds for each record key, in their order; many in one statement.

        Raises:
            BadInput, Unavailable: as ``scalar``, for all keys together; if it has to be ``prompt``,
                SOURCE_TIMEOUT beyond ``prompt_steps``, and SOURCE_BUSY without waiting.
        """
        reader = self._reader(prompt=prompt)
        if len(keys) == 1:
            steps = self._limits.prompt_steps if prompt else self._limits.steps
            return [self._value(reader, sql, {**parameters, "key": keys[0]}, steps)]
        text = self._sets.get(sql)
        if text is None:
            text = self._sets[sql] = statements.for_each(sql)
        own = self._limits
        one, most = (
            (own.prompt_steps, 10 * own.prompt_steps) if prompt else (own.steps, own.scan_steps)
        )
        steps = min(one * len(keys), most)
        bound = {**parameters, statements.KEYS: json.dumps(keys)}
        try:
            found = self._query(reader, text, bound, len(keys), steps)
        except FAILURES as error:
            raise self._fault(error, reader.guard, sql) from error
        values = [value for (value,) in found]
        if statements.SEVERAL in values:
            raise BadInput("CATALOGUE_SQL", reason="more than one row or column")
        return values

    def rows(self, sql: str) -> Iterator[tuple[object, ...]]:
        """Stream the rows of a query without parameters; an import waits until the last is read.

        Raises:
            BadInput: any ``CATALOGUE_…``.
            Unavailable: ``SOURCE_TIMEOUT``, ``SOURCE_BUSY``, ``SOURCE_UNREADABLE``.
        """
        reader = _Reader(self._uri, self._limits.busy_seconds)
        try:
            with closing(reader.connection) as connection:
                reader.budget.ticks = self._limits.scan_steps // _TICK
                cursor = connection.execute(statements.strict(sql))
                while chunk := cursor.fetchmany(_FETCH):
                    yield from chunk
                    reader.budget.ticks = self._limits.scan_steps // _TICK
        except FAILURES as error:
            raise self._fault(error, reader.guard, sql) from error

    def check(self, sql: str) -> None:
        """Refuse a statement that cannot be answered or is not read-only.

        Raises:
            BadInput: ``CATALOGUE_TABLE_MISSING``, ``CATALOGUE_COLUMN_MISSING``,
                ``CATALOGUE_WRITES``, ``CATALOGUE_FUNCTION`` or ``CATALOGUE_SQL``.
        """
        self.inspect(sql)

    def columns_read(self, sql: str) -> list[tuple[str, str]]:
        """List the (table, column) pairs a statement reads; the column is "" for mere counting."""
        return list(self.inspect(sql).reads)

    def inspect(self, sql: str) -> Statement:
        """Tell what a statement reads, binds and returns without running it.

        Raises:
            BadInput: as ``check``.
            Unavailable: ``SOURCE_BUSY``, ``SOURCE_UNREADABLE``.
        """
        reader = _Reader(self._uri, self._limits.busy_seconds)
        reader.budget.ticks = self._limits.steps // _TICK
        try:
            with closing(reader.connection) as connection:
                found = statements.inspect(connection, reader.guard, sql)
                if "key" in found.bindings and len(found.columns) == 1:
                    statements.check_for_each(connection, sql)
        except FAILURES as error:
            raise self._fault(error, reader.guard, sql) from error
        tables = {table for table, _ in self._schema()}
        reads = tuple(pair for pair in found.reads if pair[0] in tables)  # a view's own are none
        return Statement(reads=reads, bindings=found.bindings, columns=found.columns)

    def all_columns(self) -> list[tuple[str, str]]:
        """List every (table, column) of the department's own tables."""
        return [pair for pair in self._schema() if pair[0] not in BOOKKEEPING]

    def _one(self, sql: str) -> str:
        text = self._strict.get(sql)
        if text is None:
            text = self._strict[sql] = statements.strict(sql)
        return text

    def _value(
        self, reader: _Reader, sql: str, parameters: Mapping[str, object], steps: int
    ) -> object | None:
        try:
            found = self._query(reader, self._one(sql), parameters, 2, steps)
        except FAILURES as error:
            raise self._fault(error, reader.guard, sql) from error
        if not found:
            return None
        if len(found) > 1 or len(found[0]) != 1:
            raise BadInput("CATALOGUE_SQL", reason="more than one row or column")
        return found[0][0]

    def _query(
        self, reader: _Reader, text: str, parameters: Mapping[str, object], most: int, steps: int
    ) -> list[tuple[object, ...]]:
        """Fetch at most some rows within some steps."""
        reader.budget.ticks = steps // _TICK
        try:
            return reader.connection.execute(text, parameters).fetchmany(most)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
        _finish_killed_import(self._uri)
        return reader.connection.execute(text, parameters).fetchmany(most)

    def _reader(self, *, prompt: bool = False) -> _Reader:
        """Give this thread's connection; the ``prompt`` one waits for no import."""
        kind = "prompt" if prompt else "patient"
        reader: _Reader | None = getattr(self._local, kind, None)
        if reader is None:
            reader = _Reader(self._uri, 0.0 if prompt else self._limits.busy_seconds)
            setattr(self._local, kind, reader)
            self._opened.append(reader.connection)
        return reader

    def _schema(self) -> list[tuple[str, str]]:
        with closing(_connect(self._uri, self._limits.busy_seconds)) as connection:
            try:
                return connection.execute(_SCHEMA).fetchall()
            except FAILURES as error:
                raise statements.fault(error, Guard()) from error

    def _fault(self, error: Exception, guard: Guard, sql: str) -> HeduiError:
        """Add to a missing table or column what there is instead."""
        found = statements.fault(error, guard)
        if found.code == "CATALOGUE_TABLE_MISSING":
            found.details["exist"] = ", ".join(sorted({table for table, _ in self.all_columns()}))
        elif found.code == "CATALOGUE_COLUMN_MISSING":
            near = [f"{table}.{column}" for table, column in self.all_columns() if table in sql]
            found.details["exist"] = ", ".join(near)
        return found


def _read_only(database: Path) -> str:
    return database.resolve().as_uri() + "?mode=ro"


def _connect(uri: str, busy_seconds: float) -> sqlite3.Connection:
    """Open a connection that can read; SQLite looks into the file only at the first query."""
    try:
        connection = _open(uri, busy_seconds)
        try:
            connection.execute(_PROBE).fetchone()
        except sqlite3.Error as error:
            connection.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
                raise
            _finish_killed_import(uri)
            connection = _open(uri, busy_seconds)
    except FAILURES as error:
        raise statements.fault(error, Guard()) from error
    return connection


def _open(uri: str, busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,  # only ``close`` comes from another thread
        cached_statements=256,
    )
    # SQLite's own complaint about a bad text would quote the text.
    connection.text_factory = bytes.decode
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _TEXT_BYTES)
    connection.execute("PRAGMA query_only = 1")
    connection.execute("PRAGMA trusted_schema = 0")
    return connection


def _finish_killed_import(uri: str) -> None:
    """Let SQLite put back what a killed import had begun: a read-only connection may not."""
    writable = uri.replace("?mode=ro", "?mode=rw")
    with closing(sqlite3.connect(writable, uri=True)) as connection:
        connection.execute(_PROBE).fetchone()
