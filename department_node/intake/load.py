"""Bring a department's file into its record database, wholly or not at all.

Knows the database: rows gather in a temporary one that vanishes with the process, and one
transaction swaps them in. Deliberately does not know predicates or whom the rows are about.
"""

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from department_node.intake.database import quoted
from department_node.intake.sieve import RowRefused, Sieve, Values, digest
from department_node.intake.spec import ImportResult, ImportSpec, Reject
from department_node.intake.tables import open_table
from department_node.records import BOOKKEEPING
from federation.clock import Clock, SystemClock
from federation.errors import BadInput, Unavailable
from federation.sheets.table import Table

_CHUNK: Final = 5_000
_SHOWN_REJECTS: Final = 20
_CACHE_KIB: Final = 8 * 1024
_BUSY_SECONDS: Final = 30.0
_TABLE_NAME: Final = re.compile(r"[^\W\d]\w{0,63}")
_SYSTEM_CLOCK: Final = SystemClock()
_REMEMBER: Final = "INSERT OR IGNORE INTO incoming.seen VALUES (?)"
_LOG_COLUMNS: Final = {
    "import_id": int,
    "table_name": str,
    "file_name": str,
    "sha256": str,
    "rows": int,
    "rejected": int,
    "as_of": str,
    "imported_at": int,  # UTC seconds
}
_REJECT_COLUMNS: Final = {"import_id": int, "row": int, "code": str, "column": str}


def import_table(
    source: Path,
    database: Path,
    spec: ImportSpec,
    *,
    progress: Callable[[int], None] = lambda _rows: None,
    clock: Clock = _SYSTEM_CLOCK,
) -> ImportResult:
    """Replace or extend one table by the good rows of a file; ``progress`` hears of rows read.

    After an error, a kill or a full disk the table is as it was.

    Raises:
        BadInput: an ``IMPORT_…`` about the file or the spec.
        Unavailable: ``DISK_FULL``, ``SOURCE_BUSY`` or ``STORE_UNWRITABLE``.
    """
    _check_table_name(spec.table)
    with open_table(source, spec) as table:
        _check_columns(table, spec)
        with _storing(database), closing(_connect(database, spec)) as connection:
            job = _Import(connection, table, spec)
            job.gather(progress)
            return job.swap_in(file_name=source.name, now=clock.now())


class _Import:
    """One import: a temporary database called ``incoming``, then one transaction."""

    def __init__(self, connection: sqlite3.Connection, table: Table, spec: ImportSpec) -> None:
        self._connection = connection
        self._database = Database(connection, recursive_triggers=False, execute_plugins=False)
        self._table = table
        self._spec = spec
        self._integers = (table.integers | frozenset(spec.integers)) - {spec.id_column}
        self._sieve = Sieve(table.header, self._integers, spec)
        self._rejects: list[Reject] = []
        self._codes: Counter[str] = Counter()
        self._stored = 0
        tables, views = (
            {name.lower() for name in names}
            for names in (self._database.table_names(), self._database.view_names())
        )
        if spec.table.lower() in views:
            raise BadInput("IMPORT_TABLE_NAME", table=spec.table)
        self._extends = spec.append and spec.table.lower() in tables
        self._version = self._data_version()

    def gather(self, progress: Callable[[int], None]) -> None:
        """Read all rows into the temporary database, in flat memory."""
        _attach_incoming(self._connection, len(self._table.header))
        if self._extends:
            self._remember_existing()
        read = 0
        while chunk := list(islice(self._table.rows, _CHUNK)):
            self._gather(chunk)
            read += len(chunk)
            progress(read)
        if self._stored or self._extends:
            return
        if self._codes:
            [(code, _)] = self._codes.most_common(1)
            raise BadInput("IMPORT_ALL_REJECTED", rejected=self._codes.total(), reason=code)
        if not self._spec.allow_empty:
            raise BadInput("IMPORT_EMPTY")

    def swap_in(self, *, file_name: str, now: int) -> ImportResult:
        """Make the gathered rows the table's rows and write the import's log, all at once."""
        self._connection.execute("BEGIN IMMEDIATE")
        if self._extends and self._data_version() != self._version:
            raise Unavailable("SOURCE_BUSY")  # what counts as a duplicate has changed
        self._fill_table()
        import_id = self._log(file_name, now)
        self._connection.execute("COMMIT")
        return ImportResult(
            import_id=import_id,
            table=self._spec.table,
            columns=self._table.header,
            rows=self._stored,
            rejected=self._codes.total(),
            rejects=tuple(self._rejects),
            notices=dict(self._sieve.notices),
            sha256=self._table.sha256,
        )

    def _gather(self, chunk: list[tuple[int, list[str]]]) -> None:
        accepted: list[Values] = []
        rejects: list[Reject] = []
        self._connection.execute("BEGIN")
        for row, cells in chunk:
            try:
                values = self._sieve.clean(cells)
                if values is not None:
                    self._remember(values)
                    accepted.append(values)
            except RowRefused as refusal:
                rejects.append(Reject(row=row, code=refusal.code, column=refusal.column))
        self._insert("accepted", len(self._table.header), accepted)
        self._insert("rejected", 3, ((r.row, r.code, r.column) for r in rejects))
        self._connection.execute("COMMIT")
        self._stored += len(accepted)
        self._codes.update(reject.code for reject in rejects)
        self._rejects.extend(rejects[: _SHOWN_REJECTS - len(self._rejects)])

    def _insert(self, table: str, width: int, rows: Iterable[tuple[object, ...]]) -> None:
        marks = ", ".join("?" * width)
        sql = f"INSERT INTO incoming.{table} VALUES ({marks})"  # noqa: S608 - own names
        self._connection.executemany(sql, rows)

    def _remember(self, values: Values) -> None:
        done = self._connection.execute(_REMEMBER, (digest(values),))
        if not done.rowcount:
            raise RowRefused("DUPLICATE_ROW")

    def _remember_existing(self) -> None:
        """Let rows that the table already has count as seen."""
        existing = set(self._database.table(self._spec.table).columns_dict)
        differing = sorted(existing ^ set(self._table.header))
        if differing:
            raise BadInput(
                "IMPORT_COLUMNS_DIFFER", table=self._spec.table, columns=", ".join(differing)
            )
        sql = f"SELECT {self._columns()} FROM main.{quoted(self._spec.table)}"  # noqa: S608 - quoted names
        rows = self._connection.execute(sql)
        self._connection.execute("BEGIN")
        self._connection.executemany(_REMEMBER, ((digest(row),) for row in rows))
        self._connection.execute("COMMIT")

    def _fill_table(self) -> None:
        table = self._database.table(self._spec.table)
        if not self._extends:
            table.drop(ignore=True)
            table.create(
                {name: int if name in self._integers else str for name in self._table.header}
            )
        into = f"main.{quoted(self._spec.table)} ({self._columns()})"
        sql = f"INSERT INTO {into} SELECT * FROM incoming.accepted ORDER BY rowid"  # noqa: S608 - own names
        self._connection.execute(sql)
        looked_up = {self._spec.id_column, *self._spec.indexes} - {None}
        for column in sorted(map(str, looked_up)):
            name = f"{self._spec.table}_by_{column}"
            table.create_index([column], index_name=name, if_not_exists=True)

    def _log(self, file_name: str, now: int) -> int:
        log, reject = (self._database.table(name) for name in BOOKKEEPING)
        log.create(_LOG_COLUMNS, pk="import_id", if_not_exists=True)
        reject.create(_REJECT_COLUMNS, if_not_exists=True)
        as_of = self._spec.as_of.isoformat() if self._spec.as_of else None
        rejected = self._codes.total()
        done = self._connection.execute(
            "INSERT INTO main.import_log VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
            (self._spec.table, file_name, self._table.sha256, self._stored, rejected, as_of, now),
        )
        import_id = int(done.lastrowid or 0)
        self._connection.execute(
            "INSERT INTO main.import_reject SELECT ?, * FROM incoming.rejected ORDER BY rowid",
            (import_id,),
        )
        return import_id

    def _columns(self) -> str:
        return ", ".join(map(quoted, self._table.header))

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA main.data_version").fetchone()[0])


def _check_table_name(table: str) -> None:
    taken = table.lower().startswith("sqlite_") or table.lower() in BOOKKEEPING
    if taken or not _TABLE_NAME.fullmatch(table):
        raise BadInput("IMPORT_TABLE_NAME", table=table)


def _check_columns(table: Table, spec: ImportSpec) -> None:
    identity = () if spec.id_column is None else (spec.id_column,)
    wanted = dict.fromkeys((*identity, *spec.required, *spec.integers, *spec.indexes))
    missing = [name for name in wanted if name not in table.header]
    if missing:
        raise BadInput(
            "IMPORT_COLUMN_MISSING", column=", ".join(missing), exist=", ".join(table.header)
        )


def _connect(database: Path, spec: ImportSpec) -> sqlite3.Connection:
    connection = sqlite3.connect(database, isolation_level=None, timeout=_BUSY_SECONDS)
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    if spec.max_database_bytes is not None:
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA main.max_page_count = {spec.max_database_bytes // page}")
    return connection


def _attach_incoming(connection: sqlite3.Connection, width: int) -> None:
    """Attach a database whose file has no name: nothing of it is left behind after a kill."""
    connection.execute("ATTACH '' AS incoming")
    connection.execute("PRAGMA incoming.journal_mode = OFF")
    connection.execute("PRAGMA incoming.synchronous = OFF")
    connection.execute(f"PRAGMA incoming.cache_size = -{_CACHE_KIB}")
    columns = ", ".join(f"c{place}" for place in range(width))
    connection.execute(f"CREATE TABLE incoming.accepted ({columns})")
    connection.execute("CREATE TABLE incoming.rejected (row, code, column_name)")
    connection.execute("CREATE TABLE incoming.seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")


@contextmanager
def _storing(database: Path) -> Iterator[None]:
    """Translate what SQLite says while rows are stored."""
    try:
        yield
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise Unavailable("DISK_FULL", database=database.name) from error
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise Unavailable("SOURCE_BUSY") from error
        raise Unavailable("STORE_UNWRITABLE", reason=str(error)) from error
