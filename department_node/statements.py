"""What a catalogue's SQL may do, and what is wrong with it when it may not.

Knows SQLite's authorizer, its quoting rules and its messages. Deliberately knows no connection, no
predicate and no person: a statement is judged before it meets a record.
"""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from federation.errors import BadInput, HeduiError, Unavailable

_FUNCTION_NAMES = (
    "abs avg ceil ceiling coalesce count cume_dist date datetime dense_rank first_value floor"
    " format glob group_concat hex ifnull iif instr julianday lag last_value lead length like"
    " likelihood likely lower ltrim max min mod nth_value ntile nullif percent_rank printf quote"
    " rank replace round row_number rtrim sign strftime substr substring sum time total trim typeof"
    " unicode unixepoch unlikely upper"
)
FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
"""Functions a catalogue may call: they depend on their arguments and touch nothing else."""

FAILURES = (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError)
"""What running a statement may raise, if its connection decodes text with ``bytes.decode``."""

_QUOTED = re.compile(
    r"""'(?:[^']|'')*' | `(?:[^`]|``)*` | \[[^\]]*\] | --[^\n]* | /\*.*?\*/ | "(?:[^"]|"")*" """,
    re.VERBOSE | re.DOTALL,
)
_KEY = re.compile(_QUOTED.pattern + r"| ([:@$]key)\b", re.VERBOSE | re.DOTALL)
KEYS = "hedui_keys"
"""Name of the binding that takes the list of keys."""
# No name that a department's table might lack, and, as a parameter is, no column with a collation.
_ONE_KEY = "(hedui_key || '')"
SEVERAL = b"\x00"
"""Stands for a key for which there is more than one row."""
_MISSING = re.compile(r"no such (table|column): (.*)", re.DOTALL)
_ACTION_NAMES = (
    "INSERT UPDATE DELETE PRAGMA ATTACH DETACH TRANSACTION SAVEPOINT REINDEX ANALYZE CREATE_INDEX"
    " CREATE_TABLE CREATE_TEMP_TABLE CREATE_TEMP_VIEW CREATE_TRIGGER CREATE_VIEW CREATE_VTABLE"
    " DROP_INDEX DROP_TABLE DROP_TRIGGER DROP_VIEW DROP_VTABLE ALTER_TABLE"
)
_ACTIONS = {
    getattr(sqlite3, f"SQLITE_{name}"): name.replace("_", " ") for name in _ACTION_NAMES.split()
}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNREADABLE = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one statement reads, which names it binds and which columns it returns."""

    reads: tuple[tuple[str, str], ...]
    bindings: frozenset[str]
    columns: tuple[str, ...]


@dataclass(slots=True)
class Guard:
    """SQLite's authorizer: reading and safe functions pass, everything else is denied and noted."""

    selects: bool = False
    reads: set[tuple[str, str]] = field(default_factory=set)
    denied: HeduiError | None = None

    def __call__(
        self, action: int, first: str | None, second: str | None, *_origin: str | None
    ) -> int:
        """Allow or deny one thing a statement wants to do while it is prepared."""
        if action == sqlite3.SQLITE_SELECT:
            self.selects = True
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and not str(first).lower().startswith("sqlite_"):
            self.reads.add((str(first), str(second)))
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in FUNCTIONS:
            return sqlite3.SQLITE_OK
        self.denied = self.denied or _denial(action, str(first), str(second))
        return sqlite3.SQLITE_DENY


class Bindings(dict[str, None]):
    """Stand in for all parameters with NULL and note which were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def __missing__(self, name: str) -> None:
        """Give NULL for any name."""
        self.asked.add(name)


def strict(sql: str) -> str:
    """Quote names so that a misspelt one is an error.

    SQLite takes a double-quoted name that no table has for a text, so a misspelt column would
    silently compare as a constant; it never does so for a name between backticks.
    """
    return _QUOTED.sub(_with_backticks, sql)


def for_each(sql: str) -> str:
    """Write a statement about ``:key`` as one about a JSON list of keys: one value a key, in order.

    A key for which it finds more than one row gives ``SEVERAL``.
    """
    text = strict(sql).strip().removesuffix(";")
    correlated = _KEY.sub(lambda m: m[0] if m[1] is None else _ONE_KEY, text)
    one = f"SELECT * FROM ({correlated}\n) LIMIT 2"  # noqa: S608 - the department's own statement
    return (
        f"WITH hedui_each (hedui_no, hedui_key) AS (SELECT key, value FROM json_each(:{KEYS}))"  # noqa: S608 - own words
        f" SELECT (WITH hedui_found (hedui_value) AS ({one}) SELECT CASE count(*) WHEN 0 THEN NULL"
        f" WHEN 1 THEN max(hedui_value) ELSE x'00' END FROM hedui_found)"
        f" FROM hedui_each ORDER BY hedui_no"
    )


def check_for_each(connection: sqlite3.Connection, sql: str) -> None:
    """Refuse a statement that cannot be written for many keys.

    Raises:
        BadInput: ``CATALOGUE_SQL``.
    """
    try:
        connection.execute(f"EXPLAIN {for_each(sql)}", Bindings()).close()
    except sqlite3.Error as error:
        raise BadInput("CATALOGUE_SQL", reason=f"about many people at once: {error}") from error


def inspect(connection: sqlite3.Connection, guard: Guard, sql: str) -> Statement:
    """Prepare a statement without running it and tell what it reads, binds and returns.

    ``connection`` is fresh, with ``guard`` as its authorizer: a cached statement is not authorized
    again.

    Raises:
        BadInput: ``CATALOGUE_WRITES`` or ``CATALOGUE_FUNCTION``.
        sqlite3.Error: whatever SQLite says; ``fault`` knows what it means.
    """
    text = strict(sql).strip().removesuffix(";")
    if any(token.group().lower() == "'now'" for token in _QUOTED.finditer(text)):
        # The day is :today, in China's zone; SQLite's own clock speaks UTC.
        raise BadInput("CATALOGUE_FUNCTION", function="'now'")
    bindings = Bindings()
    connection.execute(f"EXPLAIN {text}", bindings).close()
    if not guard.selects:
        raise BadInput("CATALOGUE_WRITES", action="no SELECT")
    reads = tuple(sorted(_named(guard.reads)))
    cursor = connection.execute(f"SELECT * FROM ({text}\n) LIMIT 0", bindings)  # noqa: S608 - the same
    columns = tuple(column[0] for column in cursor.description)
    return Statement(reads=reads, bindings=frozenset(bindings.asked), columns=columns)


def fault(error: Exception, guard: Guard) -> HeduiError:
    """Translate one of ``FAILURES`` into whose fault it is."""
    if isinstance(error, UnicodeDecodeError):
        return Unavailable("SOURCE_UNREADABLE", reason="a text is not UTF-8")
    code = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR) & 0xFF
    reason = str(error)
    if code == sqlite3.SQLITE_INTERRUPT:
        return Unavailable("SOURCE_TIMEOUT")
    if code in _BUSY:
        return Unavailable("SOURCE_BUSY")
    if code in _UNREADABLE:
        return Unavailable("SOURCE_UNREADABLE", reason=reason)
    if guard.denied is not None:
        denied, guard.denied = guard.denied, None
        return denied
    missing = _MISSING.fullmatch(reason)
    if missing is None:
        return BadInput("CATALOGUE_SQL", reason=reason)
    kind, name = missing.groups()
    if kind == "table":
        return BadInput("CATALOGUE_TABLE_MISSING", table=name)
    return BadInput("CATALOGUE_COLUMN_MISSING", column=name)


def _denial(action: int, first: str, second: str) -> HeduiError:
    if action == sqlite3.SQLITE_FUNCTION:
        return BadInput("CATALOGUE_FUNCTION", function=second)
    if action == sqlite3.SQLITE_READ:
        return BadInput("CATALOGUE_TABLE_MISSING", table=first)
    if action == sqlite3.SQLITE_RECURSIVE:
        return BadInput("CATALOGUE_SQL", reason="recursive query")
    return BadInput("CATALOGUE_WRITES", action=_ACTIONS.get(action, str(action)))


def _with_backticks(match: re.Match[str]) -> str:
    token = match.group()
    if not token.startswith('"'):
        return token
    return "`" + token[1:-1].replace('""', '"').replace("`", "``") + "`"


def _named(reads: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Leave out a table's nameless read (as of ``count(*)``) where a column of it is read too."""
    with_columns = {table for table, column in reads if column}
    return ((table, column) for table, column in reads if column or table not in with_columns)
