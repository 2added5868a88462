"""The rows of one table of an SQLite file that somebody else made.

Knows that such a file may be cut short, hold bytes where text should be, or several tables.
Deliberately reads plain tables only: a view is somebody else's program.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from department_node.intake.spec import NO_TEXT
from federation.errors import BadInput
from federation.sheets.workbook import Rows

_VALUE_BYTES: Final = 1 << 22
_FETCH: Final = 1_000
_TABLES: Final = """
SELECT name FROM sqlite_master
WHERE type = 'table' AND rootpage > 0 AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name
"""


def quoted(name: str) -> str:
    """Quote a table or column name for SQL."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def database_rows(source: Path, table: str | None) -> Iterator[tuple[Rows, frozenset[str]]]:
    """Open a file; give its rows, the header as row 0, and the columns declared as integers.

    Raises:
        BadInput: ``IMPORT_TABLE_CHOICE`` or ``IMPORT_GARBAGE``; the rows also ``IMPORT_ENCODING``.
    """
    with closing(_connect(source)) as connection:
        try:
            _check_whole(source, connection)
            name = _chosen(connection, table)
            columns = connection.execute(f"PRAGMA table_info({quoted(name)})").fetchall()
        except sqlite3.Error as error:
            raise BadInput("IMPORT_GARBAGE", row=1) from error
        header = [str(column[1]) for column in columns]
        integers = frozenset(str(c[1]) for c in columns if "INT" in str(c[2]).upper())
        yield _rows(connection, name, header), integers


def _connect(source: Path) -> sqlite3.Connection:
    uri = source.resolve().as_uri() + "?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise BadInput("IMPORT_GARBAGE", row=1) from error
    # SQLite's own complaint about a bad text would quote the text.
    connection.text_factory = bytes.decode
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_BYTES)
    connection.execute("PRAGMA trusted_schema = 0")
    connection.execute("PRAGMA cell_size_check = 1")
    return connection


def _check_whole(source: Path, connection: sqlite3.Connection) -> None:
    """Refuse a file cut within its last page: SQLite would read zeros, and rows of nothing."""
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    if source.stat().st_size % page:
        raise BadInput("IMPORT_GARBAGE", row=1)


def _chosen(connection: sqlite3.Connection, table: str | None) -> str:
    names = [str(name) for (name,) in connection.execute(_TABLES)]
    if table is None and len(names) == 1:
        return names[0]
    if table is None or table not in names:
        raise BadInput("IMPORT_TABLE_CHOICE", table=table or "", exist=", ".join(names))
    return table


def _rows(connection: sqlite3.Connection, table: str, header: list[str]) -> Rows:
    yield 0, header
    row = 0
    try:
        columns = ", ".join(map(quoted, header))
        cursor = connection.execute(f"SELECT {columns} FROM {quoted(table)}")  # noqa: S608 - quoted names
        while chunk := cursor.fetchmany(_FETCH):
            for values in chunk:
                row += 1
                yield row, [_text(value) for value in values]
    except UnicodeDecodeError as error:
        raise BadInput("IMPORT_ENCODING", row=row + 1) from error
    except sqlite3.Error as error:
        raise BadInput("IMPORT_GARBAGE", row=row + 1) from error


def _text(value: object) -> str:
    if value is None:
        return ""
    return NO_TEXT if isinstance(value, bytes) else str(value)
