"""Backups of the database: one file a table, and a manifest with the digest of each.

Knows rows and files. A backup is one state of the whole, whatever keeps it, and goes into an empty
database of either kind: so it is also the way from SQLite to PostgreSQL. Sealed cells stay sealed.
Does not know what rows mean, nor the party's keys, of which it holds none.

    manifest.json     written last: without it there is no backup
    case_file.jsonl   a line with the columns, then one a row; bytes are {"b": base64}
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, func, insert, select
from sqlalchemy.exc import OperationalError, StatementError

from coordinator.database import Database, migrate
from coordinator.schema_people import operator
from federation import keyfile, party
from federation.errors import BadInput

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
_VERSIONS: Final = "alembic_version"
_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A table's file: how many rows, and the SHA-256 of the file in hexadecimal."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What a manifest says: whose state, of when (UTC seconds), of which form, and its parts."""

    party: str
    made: int
    version: str
    tables: Mapping[str, Part]

    @property
    def rows(self) -> int:
        """Count all rows."""
        return sum(one.rows for one in self.tables.values())


def make(database: Database, folder: Path, of: str, now: int) -> Backup:
    """Write a backup into a new folder; others may go on reading meanwhile.

    Raises:
        BadInput: BACKUP_EXISTS or FILE_UNWRITABLE.
        Unavailable: DATABASE_UNAVAILABLE.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput("BACKUP_EXISTS", folder=folder.name)
        with database.reading() as connection:
            tables = {
                table.name: _write(connection, table, folder)
                for table in _reflected(connection).sorted_tables
            }
            backup = Backup(party=of, made=now, version=_version(connection), tables=tables)
        keyfile.write_private(folder / MANIFEST, _manifest(backup))
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=folder.name, folder=folder.parent.name) from e
    return backup


def read(folder: Path) -> Backup:
    """Read a backup's manifest, and hold each file to its digest.

    Raises:
        BadInput: BACKUP_INVALID.
    """
    try:
        backup = _read_manifest(json.loads((folder / MANIFEST).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        raise BadInput("BACKUP_INVALID", file=MANIFEST) from e
    for name, part in backup.tables.items():
        if not name.isidentifier() or _digest(folder, name) != part.sha256:
            raise BadInput("BACKUP_INVALID", file=_file(name))
    return backup


def restore(database: Database, folder: Path, backup: Backup) -> None:
    """Fill an empty database of the backup's version, and migrate it: all, or nothing.

    Raises:
        BadInput: DATABASE_NOT_EMPTY, or BACKUP_INVALID when a file is not what it should be.
        Unavailable: DATABASE_UNAVAILABLE.
    """
    with database.writing() as connection:
        tables = _reflected(connection).sorted_tables
        for table in tables:
            if connection.execute(select(table).limit(1)).first() is not None:
                raise BadInput("DATABASE_NOT_EMPTY", table=table.name)
        if _version(connection) != backup.version:
            raise BadInput("DATABASE_NOT_EMPTY", table=_VERSIONS)
        if {table.name for table in tables} != backup.tables.keys():
            raise BadInput("BACKUP_INVALID", file=MANIFEST)
        for table in tables:
            _fill(connection, table, folder, backup.tables[table.name])
        if database.dialect == "postgresql":
            for table in tables:
                _count_on(connection, table)
        migrate(connection)


def staffed(database: Database) -> bool:
    """Tell whether operators work with what is there, whatever its form."""
    with database.reading() as connection:
        there = _reflected(connection).tables.get(operator.name)
        return there is not None and connection.execute(select(there).limit(1)).first() is not None


def _reflected(connection: Connection) -> MetaData:
    """Take the tables as they are there: their form may be that of an earlier release."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name != _VERSIONS)
    return found


def _version(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or ""


def _file(table: str) -> str:
    return f"{table}.jsonl"


def _write(connection: Connection, table: Table, folder: Path) -> Part:
    path = folder / _file(table.name)
    party.private_file(path)
    digest, rows = sha256(), 0
    wanted = select(table).order_by(*table.primary_key.columns)
    streamed = connection.execution_options(stream_results=True, yield_per=_AT_ONCE)
    with path.open("wb") as file:
        for rows, row in enumerate(_lines(table, streamed.execute(wanted))):  # noqa: B007 - counted
            digest.update(row)
            file.write(row)
    return Part(rows=rows, sha256=digest.hexdigest())


def _lines(table: Table, rows: Any) -> Iterator[bytes]:
    yield _line([column.name for column in table.columns])
    for row in rows:
        yield _line([_plain(value) for value in row])


def _line(values: Sequence[Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _plain(value: Any) -> Any:
    return {"b": b64encode(value).decode()} if isinstance(value, bytes) else value


def _digest(folder: Path, table: str) -> str:
    try:
        with (folder / _file(table)).open("rb") as file:
            digest = sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except OSError:
        return ""


def _fill(connection: Connection, table: Table, folder: Path, part: Part) -> None:
    """Insert a file's rows; one that changed since it was held to its digest stops everything."""
    digest, found = sha256(), 0
    try:
        with (folder / _file(table.name)).open("rb") as file:
            first = file.readline()
            digest.update(first)
            names = _names(first, table)
            while lines := list(islice(file, _AT_ONCE)):
                digest.update(b"".join(lines))
                found += len(lines)
                rows = [
                    dict(zip(names, map(_value, json.loads(one)), strict=True)) for one in lines
                ]
                connection.execute(insert(table), rows)
    except OperationalError:  # of the database, and not of what is put into it
        raise
    except (OSError, ValueError, TypeError, KeyError, OverflowError, StatementError) as e:
        raise BadInput("BACKUP_INVALID", file=_file(table.name)) from e
    if (digest.hexdigest(), found) != (part.sha256, part.rows):
        raise BadInput("BACKUP_INVALID", file=_file(table.name))


def _names(line: bytes, table: Table) -> list[str]:
    names: list[str] = json.loads(line)
    if set(names) != {column.name for column in table.columns}:
        raise ValueError(names)
    return names


def _value(value: Any) -> Any:
    return b64decode(value["b"], validate=True) if isinstance(value, dict) else value


def _count_on(connection: Connection, table: Table) -> None:
    """Let a server's series go on behind the highest number that a table has."""
    for column in table.primary_key.columns:
        series = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        last = connection.scalar(select(func.max(column))) if series else None
        if last is not None:
            connection.execute(select(func.setval(series, last)))


def _manifest(backup: Backup) -> bytes:
    value = {
        "format": FORMAT,
        "party": backup.party,
        "made": backup.made,
        "version": backup.version,
        "tables": {
            name: {"rows": one.rows, "sha256": one.sha256} for name, one in backup.tables.items()
        },
    }
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"


def _read_manifest(value: Any) -> Backup:
    if value["format"] != FORMAT:
        raise ValueError(value["format"])
    return Backup(
        party=str(value["party"]),
        made=int(value["made"]),
        version=str(value["version"]),
        tables={
            str(name): Part(rows=int(one["rows"]), sha256=str(one["sha256"]))
            for name, one in value["tables"].items()
        },
    )
