"""Open the coordinator's database and bring its tables to the newest form.

Knows SQLAlchemy engines, what SQLite and PostgreSQL are told so that nothing is lost, and Alembic.
Does not know what the tables hold. Whoever writes has all of it on the disk when the ``with`` block
ends, or none of it. One process at a time has a database: of a file the data folder's lock sees to
that, of a server a lock that it drops with the connection.
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
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from coordinator import sealing
from federation import party
from federation.errors import BadInput, Unavailable

V = TypeVar("V")

IN: Final = 900
"""Most values one statement compares with; SQLite's older limit is 999."""
_SQLITE: Final = "sqlite"
_SERVER: Final = "postgresql"
_WRITING: Final = "hedui_writing"
_ALONE: Final = "hedui_alone"
_PATIENCE: Final = 10
"""Seconds until a server that does not answer counts as away."""
_LOCK: Final = 0x6865_6475_6900_0001
"""Under which number a server's database is held; the same for whoever opens it."""
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=30000",
)


class Database:
    """An open database, safe for the threads of one process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = Lock()
        self._holder: Connection | None = None

    @property
    def dialect(self) -> str:
        """Tell what keeps it: ``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    def hold(self) -> None:
        """Keep other processes out of a server's database, until this one closes it or ends.

        Raises:
            BadInput: DATABASE_IN_USE.
            Unavailable: DATABASE_UNAVAILABLE.
        """
        if self.dialect != _SERVER:
            return
        with _typed_errors():
            holder = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            if not holder.scalar(select(func.pg_try_advisory_lock(_LOCK))):
                holder.close()
                raise BadInput("DATABASE_IN_USE")
        self._holder = holder

    def compact(self, tables: Iterable[str]) -> None:
        """Write the file or a server's tables anew, so that nothing is left of what was there.

        Raises:
            Unavailable: DATABASE_UNAVAILABLE.
        """
        with _typed_errors(), self._writer, self._engine.connect() as connection:
            if self.dialect == _SERVER:
                alone = connection.execution_options(isolation_level="AUTOCOMMIT")
                alone.exec_driver_sql(f"VACUUM FULL {', '.join(tables)}")
            else:
                alone = connection.execution_options(**{_ALONE: True})
                alone.exec_driver_sql("VACUUM")
                alone.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

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
        if self._holder:
            self._holder.close()
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


def open_database(
    url: str,
    *,
    password: str = "",
    key: bytes = b"",
    alone: bool = False,
    version: str = "head",
) -> Database:
    """Open a database and migrate it to a version; ``key`` seals what is about people.

    Raises:
        BadInput: SETTINGS_INVALID when the URL is none, or has a password in it; DATABASE_NEWER
            when a later release has migrated it; DATABASE_IN_USE when it is to be had ``alone``
            and another process has it.
        Unavailable: DATABASE_UNAVAILABLE.
    """
    engine = _engine(url, password)
    if key:
        sealing.use(engine.dialect, key)
    database = Database(engine)
    try:
        if alone:
            database.hold()
        with database.writing() as connection:
            migrate(connection, version)
    except BaseException:
        database.close()
        raise
    return database


def _engine(url: str, password: str) -> Engine:
    try:
        place = _place(url, password)
        # Without parameters, since ids and names would reach whoever reads an error's text.
        engine = create_engine(place, pool_size=64, hide_parameters=True, **_told(place))
    except (ArgumentError, ImportError) as e:
        raise BadInput("SETTINGS_INVALID", file="party.toml", why="coordinator.database") from e
    if engine.dialect.name == _SQLITE:
        _close_to_others(place)
        event.listen(engine, "connect", _durable)
        event.listen(engine, "begin", _begin)
    else:
        event.listen(engine, "connect", _committed)
    return engine


def _place(url: str, password: str) -> URL:
    """Read a URL; one with a password would show it to whoever reads the settings."""
    place = make_url(url)
    if place.password or place.get_backend_name() not in {_SQLITE, _SERVER}:
        raise ArgumentError
    return place.set(password=password) if password else place


def _told(place: URL) -> dict[str, Any]:
    """Tell a server that whoever reads sees one state, as in SQLite, and how long we wait."""
    if place.get_backend_name() != _SERVER:
        return {}
    waiting = {} if "connect_timeout" in place.query else {"connect_timeout": _PATIENCE}
    return {"isolation_level": "REPEATABLE READ", "connect_args": waiting}


def _close_to_others(place: URL) -> None:
    """Make the file before SQLite does; its journals take over the file's mode."""
    name = place.database or ":memory:"
    if name == ":memory:" or name.startswith("file:"):
        return
    try:
        party.private_file(Path(name))
    except OSError as e:
        raise Unavailable("DATABASE_UNAVAILABLE") from e


def migrate(connection: Connection, to: str = "head") -> None:
    """Bring the tables to a version.

    Raises:
        BadInput: DATABASE_NEWER when they have one that is not known here.
    """
    with resources.as_file(resources.files("coordinator").joinpath("migrations")) as scripts:
        config = Config()
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        newest = ScriptDirectory.from_config(config)
        present = MigrationContext.configure(connection).get_current_revision()
        if present == newest.get_current_head():
            return
        known = {None, "head", *(one.revision for one in newest.walk_revisions())}
        for version in (present, to):
            if version not in known:
                raise BadInput("DATABASE_NEWER", version=version)
        config.attributes["connection"] = connection
        command.upgrade(config, to)


def _durable(raw: Any, _: ConnectionPoolEntry) -> None:
    if isinstance(raw, sqlite3.Connection):
        raw.isolation_level = None  # transactions are begun by _begin, not by the driver
        for pragma in _PRAGMAS:
            raw.execute(pragma)


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get(_ALONE, False):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITING) else "BEGIN")


def _committed(raw: Any, _: ConnectionPoolEntry) -> None:
    """Let no setting of a server answer before what was written is on its disk."""
    raw.autocommit = True
    raw.execute("SET synchronous_commit = on")
    raw.autocommit = False
