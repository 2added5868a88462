"""Open the coordinator's database and bring its tables to the newest form.

Knows SQLAlchemy engines, SQLite's durability settings and Alembic. Does not know what the tables
hold. Whoever writes has all of it on the disk when the ``with`` block ends, or none of it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from federation import party
from federation.errors import BadInput, Unavailable

V = TypeVar("V")

IN: Final = 900
"""Most values one statement compares with; SQLite's older limit is 999."""
_WRITING: Final = "hedui_writing"
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=30000",
)


class Database:
    """An open database, safe for the threads of one process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one consistent state.

        Raises:
            Unavailable: DATABASE_UNAVAILABLE.
        """
        with _typed_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Change all or nothing; durable when the block ends.

        Raises:
            Unavailable: DATABASE_UNAVAILABLE.
        """
        with _typed_errors(), self._writer, self._engine.connect() as connection:
            writer = connection.execution_options(**{_WRITING: True})
            with writer.begin():
                yield writer

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def chunks(values: Sequence[V]) -> Iterable[Sequence[V]]:
    """Cut a list to what one statement takes."""
    return (values[i : i + IN] for i in range(0, len(values), IN))


@contextmanager
def _typed_errors() -> Iterator[None]:
    """Tell a database that is away, full or damaged from a bug of ours."""
    try:
        yield
    except DatabaseError as e:
        if type(e) in {DatabaseError, OperationalError}:
            raise Unavailable("DATABASE_UNAVAILABLE") from e
        raise


def url_of(setting: str, data: Path) -> str:
    """Give the database's URL: the setting, or a SQLite file in the data folder."""
    return setting or f"sqlite:///{(data / 'coordinator.sqlite').absolute()}"


def open_database(url: str) -> Database:
    """Open a database and migrate it to the newest version.

    Raises:
        BadInput: SETTINGS_INVALID when the URL is none, DATABASE_NEWER when a later release has
            migrated it.
        Unavailable: DATABASE_UNAVAILABLE.
    """
    try:
        place = make_url(url)
        # Without parameters, since ids and names would reach whoever reads an error's text.
        engine = create_engine(place, pool_size=64, hide_parameters=True)
    except (ArgumentError, ImportError) as e:
        raise BadInput("SETTINGS_INVALID", file="party.toml", why="coordinator.database") from e
    if engine.dialect.name == "sqlite":
        _close_to_others(place)
        event.listen(engine, "connect", _durable)
        event.listen(engine, "begin", _begin)
    database = Database(engine)
    with database.writing() as connection:
        _migrate(connection)
    return database


def _close_to_others(place: URL) -> None:
    """Make the file before SQLite does; its journals take over the file's mode."""
    name = place.database or ":memory:"
    if name == ":memory:" or name.startswith("file:"):
        return
    try:
        party.private_file(Path(name))
    except OSError as e:
        raise Unavailable("DATABASE_UNAVAILABLE") from e


def _migrate(connection: Connection) -> None:
    with resources.as_file(resources.files("coordinator").joinpath("migrations")) as scripts:
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        newest = ScriptDirectory.from_config(config)
        present = MigrationContext.configure(connection).get_current_revision()
        if present == newest.get_current_head():
            return
        if present is not None and present not in {r.revision for r in newest.walk_revisions()}:
            raise BadInput("DATABASE_NEWER", version=present)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _durable(raw: Any, _: ConnectionPoolEntry) -> None:
    if isinstance(raw, sqlite3.Connection):
        raw.isolation_level = None  # transactions are begun by _begin, not by the driver
        for pragma in _PRAGMAS:
            raw.execute(pragma)


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
