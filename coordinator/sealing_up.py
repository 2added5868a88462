"""Seal what lies plainly in a database: some rows a transaction, so that it can be interrupted.

Knows which columns can be sealed: those whose type says so, in whatever table. Whoever is killed
goes on where it stood, for a sealed cell is left as it is.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    LargeBinary,
    Table,
    Text,
    bindparam,
    func,
    literal,
    select,
    type_coerce,
    update,
)

from coordinator import storage
from coordinator.database import Database
from coordinator.schema import metadata
from coordinator.sealing import MARK, SealedBytes, SealedNumber, SealedText

AT_ONCE: Final = 5_000
"""Most rows of one transaction."""


class Place(NamedTuple):
    """A column that can be sealed, and its table."""

    table: Table
    column: Column[Any]

    @property
    def name(self) -> str:
        """The two as one word."""
        return f"{self.table.name}.{self.column.name}"


def places() -> Iterator[Place]:
    """Give every column that can be sealed."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, SealedText | SealedNumber | SealedBytes):
                yield Place(table, column)


def seal_up(database: Database, tell: Callable[[str, int], object]) -> int:
    """Seal every plain cell and tell how many those were; ``tell`` hears of column and rows.

    An earlier release may have sealed fewer columns than this one.

    Raises:
        Unavailable: DATABASE_UNAVAILABLE.
    """
    if storage.state(database) != storage.SEALED or plain(database):
        storage.set_state(database, storage.UNDER_WAY)
    sealed = 0
    for place in places():
        while done := _seal(database, place):
            sealed += done
            tell(place.name, done)
    if storage.state(database) != storage.SEALED:
        database.compact({place.table.name: None for place in places()})
        storage.set_state(database, storage.SEALED)
    return sealed


def plain(database: Database) -> int:
    """Count the cells that could be sealed and are not."""
    with database.reading() as connection:
        return sum(
            connection.scalar(select(func.count()).select_from(one.table).where(*_plain(one))) or 0
            for one in places()
        )


def _seal(database: Database, place: Place) -> int:
    """Seal some plain cells of a column; 0 where there are none left."""
    keys = list(place.table.primary_key.columns)
    chosen = select(*keys, place.column).where(*_plain(place)).limit(AT_ONCE)
    here = [key == bindparam(f"of_{key.name}") for key in keys]
    sealing = update(place.table).where(*here).values({place.column: bindparam("held")})
    names = [*(f"of_{key.name}" for key in keys), "held"]
    with database.writing() as connection:
        found = [dict(zip(names, row, strict=True)) for row in connection.execute(chosen)]
        if found:
            connection.execute(sealing, found)
    return len(found)


def _plain(place: Place) -> tuple[Any, ...]:
    """Say which cells hold something that is not sealed."""
    isbytes = isinstance(place.column.type, SealedBytes)
    mark = literal(MARK.encode(), LargeBinary) if isbytes else literal(MARK, Text)
    raw = type_coerce(place.column, LargeBinary if isbytes else Text)
    return func.length(raw) > 0, func.substr(raw, 1, len(MARK)) != mark
