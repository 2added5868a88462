"""Every cell of the stores that a leaf of the log covers is found when it is changed, and where.

``docs/data-model.md`` lists the covered columns, and the others with reasons; here that list is
held to the schemas, and the covered cells of real federations are changed, one after the other: a
played demonstration, a department that has erased people, a centre that has asked by a mandate.
"""

import random
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from auditor import inclusion
from coordinator import log_keeping
from coordinator.database import open_database, url_of
from coordinator.log_book import Beside, LogBook
from department_node import node_log
from department_node import store as node_store
from federation import limits, root
from federation import manifest as manifests
from federation.errors import Unavailable
from federation.log import checking
from federation.log.book import Book
from federation.log.checking import Rules
from federation.log.sqlite import SqliteBook
from federation.manifest import Manifest
from registrar import journal
from registrar import store as registrar_store
from tests.department_node import erasures
from tests.scenarios import settled
from tests.scenarios.played import CENTRE, REGISTRAR, REPOSITORY, Played
from tests.support import mandates
from tests.support import twin as twins
from tests.support.twin import WITH_CAR, WITHOUT_CAR

NODE: Final = "public_security"
_HEADINGS: Final = "### Covered", "### Not covered"
_QUOTED: Final = re.compile(r"`([a-z_]+)`")
_BESIDE: Final = {place.value.partition(".")[0] for place in Beside if place}
"""Tables of a coordinator that hold what lies beside rows of its log."""


class Column(NamedTuple):
    """A column of one kind of party's store."""

    store: str
    table: str
    name: str


# -- the list


def listed(heading: str) -> dict[Column, str]:
    """Read one of the two tables of the page: its columns, each with what is said of it."""
    page = (REPOSITORY / "docs" / "data-model.md").read_text("utf-8")
    part = page.partition(heading)[2].partition("\n#")[0]
    found: dict[Column, str] = {}
    for line in part.splitlines():
        if line.startswith("| ") and "`" in line:
            stores, table, names, said = (cell.strip() for cell in line.strip("| ").split(" | "))
            for store in stores.split(", "):
                for name in _QUOTED.findall(names):
                    column = Column(store, table.strip("`"), name)
                    assert column not in found, column
                    found[column] = said
    return found


COVERED: Final = frozenset(listed(_HEADINGS[0]))


def columns(store: str, file: Path) -> set[Column]:
    """List the columns that a store has."""
    with closing(sqlite3.connect(file)) as c:
        tables = c.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            Column(store, table, name)
            for (table,) in tables
            if not table.startswith("sqlite_")
            for _, name, *_ in c.execute(f"PRAGMA table_info({table})")
        }


def test_every_column_of_every_store_is_in_one_of_the_two_lists(tmp_path: Path) -> None:
    """Also none is listed that there is not, and each of the others has its reason."""
    made = {
        "registrar": tmp_path / registrar_store.FILE,
        "node": tmp_path / node_store.FILE,
        "coordinator": tmp_path / "coordinator.sqlite",
    }
    registrar_store.Store(made["registrar"]).close()
    node_store.Store(tmp_path).close()
    open_database(url_of("", tmp_path)).close()
    there = {column for store, file in made.items() for column in columns(store, file)}
    others = listed(_HEADINGS[1])
    assert COVERED & others.keys() == set()
    assert COVERED | others.keys() == there
    assert all(len(reason) > 10 for reason in others.values())
    held = {Column("coordinator", *place.value.split(".")) for place in Beside if place}
    assert held <= COVERED


# -- changes


@dataclass
class Ledger:
    """A party's database in the hand of somebody who can write it, and the party's self-check."""

    store: str
    raw: sqlite3.Connection
    book: Book
    rules: Rules
    manifest: Manifest

    @property
    def size(self) -> int:
        (size,) = self.raw.execute("SELECT max(seq) FROM log").fetchone()
        return int(size)

    def found(self, first: int = 0) -> object:
        """Look through the log from a row on, as ``log check`` does; name the row that is altered.

        Who signed the newest checkpoint is not the party's to say: that an auditor looks at.
        """
        try:
            checking.check_edge(self.book)
            position = checking.check_rows(self.book, first, 1, self.rules)
            while position:
                position = checking.check_rows(self.book, position, 1, self.rules)
        except Unavailable as error:
            return error.details["row"] if error.code == "LOG_ALTERED" else error
        kept = self.book.newest()
        assert kept
        return kept.size - 1 if inclusion.fault(kept.note, [self.manifest]) else None

    def cells(self, column: Column) -> Iterator[tuple[int, Any]]:
        """Give the cells of a column that a leaf covers: row id and content."""
        sql = f"SELECT rowid, {column.name} FROM {column.table}"
        if column.table in _BESIDE:
            held = f"{column.table}.{column.name}"
            place = held if held in set(Beside) else f"{column.table}.%"  # what is held, or the key
            sql += f" WHERE rowid IN (SELECT beside_of FROM log WHERE beside_in LIKE '{place}')"
        elif column.table == "log_checkpoint":
            sql += " ORDER BY size DESC LIMIT 1"
        elif column.name == "beside_of":
            sql += " WHERE beside_in <> ''"
        yield from self.raw.execute(sql).fetchall()

    def rows(self, column: Column, rowid: int) -> set[int]:
        """Tell which rows of the log may be named once a cell is another."""
        last = {self.size - 1}
        if column.name == "size":  # where what is now the newest checkpoint ends
            return set(range(self.size + 1))
        if column.table == "log_checkpoint":
            return last | {self.size}
        if column.table == "log_tile":
            sql = "SELECT level, n FROM log_tile WHERE rowid = ?"
            level, n = self.raw.execute(sql, (rowid,)).fetchone()
            first = n << 8 * (level + 1)
            return last | ({first} if level else set(range(first, first + 256)))
        if column.table in _BESIDE:
            sql = "SELECT seq - 1 FROM log WHERE beside_of = ? AND beside_in LIKE ?"
            return {row for (row,) in self.raw.execute(sql, (rowid, f"{column.table}.%"))}
        return {rowid - 1}

    def change(self, column: Column, rowid: int, old: Any, new: Any, first: int = 0) -> object:
        """Change a cell, look for it, and put it back; None when the file cannot hold it."""
        table, name = column.table, column.name
        update = f"UPDATE {table} SET {name} = ? WHERE rowid = ?"
        try:
            self.raw.execute(update, (new, rowid))
        except sqlite3.IntegrityError:
            return None
        moved = self.raw.execute(f"SELECT 1 FROM {table} WHERE rowid = ?", (rowid,)).fetchone()
        try:
            found = self.found(first)
        finally:
            self.raw.execute(update, (old, rowid if moved else new))
        assert found is not None, (column, rowid, new)
        return found


def flipped(draw: random.Random, value: Any) -> Any:
    """Give another value of the same type, a bit or a letter away; something where nothing is."""
    if isinstance(value, bytes) and value:
        at, bit = draw.randrange(len(value)), 1 << draw.randrange(8)
        return value[:at] + bytes([value[at] ^ bit]) + value[at + 1 :]
    if isinstance(value, int):
        return value + 1_000_003
    if isinstance(value, str):
        return value[:-1] + "_"
    return b"\x01"


def changes(draw: random.Random, column: Column, value: Any) -> Iterator[Any]:
    """Give what a cell may be changed to, besides a flipped bit: nothing, and other types."""
    yield from (None, b"", 7, "seven", b"\x00" * 32)
    if column.name == "beside_in":
        yield from ("", "question_batch.request", "question_batch.receipt", "suspicion.alert")
    if isinstance(value, int):
        yield from (value + 1, value - 1, 0)
    if isinstance(value, bytes) and value:
        yield from (value[:-1], value + b"\x00", value[::-1])


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


# -- the stores


@pytest.fixture(scope="module")
def federation(demo: Played, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the demonstration, with all its rows under checkpoints."""
    home = tmp_path_factory.mktemp("columns")
    shutil.copytree(demo.home / "federation", home / "federation")
    settled.export(home / "federation", home / "exported")
    return home / "federation"


@pytest.fixture(scope="module")
def erased(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let a department answer about two people, and erase one of them."""
    twin = erasures.make(tmp_path_factory.mktemp("erased") / "f")
    with twins.open_node(twin) as node:
        office = erasures.open_office(twin, node)
        for who in ((WITH_CAR,), (WITHOUT_CAR,), (WITH_CAR, WITHOUT_CAR)) * 4:
            office.answers(office.ask(*who))
        office.end(WITH_CAR)
        office.eraser.follow(office.order(WITH_CAR))
        office.check()
        assert len(office.erased()) == 4
    return twin.folder / erasures.HERE


@pytest.fixture(scope="module")
def mandated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let a centre ask two departments about the people of a mandate."""
    people = [mandates.person_id(n) for n in range(20)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MANDATE_BLOCK", 8)
        folder = tmp_path_factory.mktemp("mandated") / "f"
        with mandates.running(folder, 20) as town:
            filed = town.enlisted(people)
            with town.desk() as desk:
                desk.run.run(desk.books.find(filed.id))
    return folder / CENTRE


def _opened(stack: ExitStack, store: str, folder: Path) -> Ledger:
    file = folder / "data" / f"{store}.sqlite"
    raw = stack.enter_context(closing(sqlite3.connect(file, isolation_level=None)))
    raw.execute("PRAGMA synchronous = OFF")
    pinned = root.read((folder / "root.json").read_bytes())
    manifest = manifests.read((folder / "manifest.json").read_bytes(), pinned, now=0)
    if store == "coordinator":
        database = open_database(url_of("", folder / "data"))
        stack.callback(database.close)
        return Ledger(store, raw, LogBook(database), log_keeping.RULES, manifest)
    rules = journal.RULES if store == "registrar" else node_log.RULES
    return Ledger(store, raw, SqliteBook(lambda: nullcontext(raw), _never), rules, manifest)


def _never(_: object) -> None:
    raise TypeError("looked at, never written")


@pytest.fixture(scope="module")
def ledgers(federation: Path, erased: Path, mandated: Path) -> Iterator[Mapping[str, Ledger]]:
    """Open all the stores that are tried."""
    with ExitStack() as stack:
        opened = partial(_opened, stack)
        yield {
            "registrar": opened("registrar", federation / REGISTRAR),
            "coordinator": opened("coordinator", federation / CENTRE),
            "node": opened("node", federation / NODE),
            "node with erased rows": opened("node", erased),
            "coordinator with mandates": opened("coordinator", mandated),
        }


STORES: Final = (
    "registrar",
    "coordinator",
    "node",
    "node with erased rows",
    "coordinator with mandates",
)


@pytest.mark.parametrize("name", STORES)
def test_every_covered_cell_that_is_changed_is_found_at_its_row(
    ledgers: Mapping[str, Ledger], name: str
) -> None:
    """Every row and column; nothing is found before, nor once it is put back.

    Looked for from the first row on that may be named: the rest of the log is as it was.
    """
    ledger, draw = ledgers[name], random.Random(name)
    assert ledger.found() is None
    for column in sorted(one for one in COVERED if one.store == ledger.store):
        for rowid, value in ledger.cells(column):
            expected = ledger.rows(column, rowid)
            found = ledger.change(column, rowid, value, flipped(draw, value), min(expected))
            assert found in expected, (column, rowid, found)
    assert ledger.found() is None


@pytest.mark.parametrize("name", STORES)
def test_whatever_a_covered_cell_is_changed_to_is_found(
    ledgers: Mapping[str, Ledger], name: str
) -> None:
    """Nothing, another type, another length: at some cells of every covered column."""
    ledger, draw = ledgers[name], random.Random(name)
    for column in sorted(one for one in COVERED if one.store == ledger.store):
        cells = list(ledger.cells(column))
        for rowid, value in draw.sample(cells, min(4, len(cells))):
            expected = ledger.rows(column, rowid)
            for new in changes(draw, column, value):
                if not same(new, value):
                    stray = {new - 1} if column.name == "seq" and isinstance(new, int) else set()
                    found = ledger.change(column, rowid, value, new)
                    assert found in {None, *expected, *stray}, (column, rowid, new, found)
    assert ledger.found() is None


def test_there_are_cells_of_every_covered_column(ledgers: Mapping[str, Ledger]) -> None:
    """The registrar erases nothing of its log, so that it has no erased rows to change."""
    tried = {
        column
        for ledger in ledgers.values()
        for column in COVERED
        if column.store == ledger.store and any(ledger.cells(column))
    }
    never = {Column("registrar", "log_erased", name) for name in ("seq", "tombstone")}
    assert COVERED - tried == never
