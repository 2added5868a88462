"""Is the database whole: what keeps it, what its rows refer to, and the log from end to end.

Knows what every database of ours must satisfy. Does not know what rows mean, and mends nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, MetaData, and_, exists, func, select

from coordinator.database import Database
from coordinator.log_book import LogBook
from coordinator.log_keeping import RULES
from coordinator.schema import case_file
from federation.errors import Unavailable
from federation.log import checking


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What was looked through: tables, rows, cases, rows of the log."""

    tables: int
    rows: int
    cases: int
    logged: int


def check(database: Database) -> Whole:
    """Look through all of it.

    Raises:
        Unavailable: STORE_DAMAGED with the table, LOG_ALTERED with the row, DATABASE_UNAVAILABLE.
    """
    with database.reading() as connection:
        if database.dialect == "sqlite":
            _check_pages(connection)
        tables = MetaData()
        tables.reflect(connection)
        for name, why in _orphans(connection, tables):
            raise Unavailable("STORE_DAMAGED", table=name, why=why)
        rows = [
            connection.scalar(select(func.count()).select_from(one)) or 0
            for one in tables.sorted_tables
        ]
        cases = connection.scalar(select(func.count()).select_from(case_file)) or 0
    book = LogBook(database)
    check_log(book)
    return Whole(tables=len(rows), rows=sum(rows), cases=cases, logged=book.size())


def check_log(book: LogBook) -> None:
    """Hold the log to its tree, every row of it.

    Raises:
        Unavailable: LOG_ALTERED with the row, LOG_UNAVAILABLE or DATABASE_UNAVAILABLE.
    """
    checking.check_edge(book)
    position = checking.check_rows(book, 0, 1, RULES)
    while position:
        position = checking.check_rows(book, position, 1, RULES)


def _check_pages(connection: Connection) -> None:
    said = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
    if said != "ok":
        raise Unavailable("STORE_DAMAGED", table="sqlite", why=str(said).partition("\n")[0][:64])


def _orphans(connection: Connection, tables: MetaData) -> Iterator[tuple[str, str]]:
    """Find tables with a row that refers to one that is not there."""
    for table in tables.sorted_tables:
        for link in table.foreign_key_constraints:
            there = link.referred_table.alias()
            pairs = [(one.parent, there.c[one.column.name]) for one in link.elements]
            refers = and_(*(mine.is_not(None) for mine, _ in pairs))
            found = exists().where(and_(*(mine == other for mine, other in pairs)))
            lone = select(func.count()).select_from(table).where(refers, ~found)
            if number := connection.scalar(lone):
                yield table.name, f"{number} without {link.referred_table.name}"
