"""The log in the coordinator's database: rows in order, what lies beside them, and edits found."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from coordinator import log_book
from coordinator.database import Database, open_database, url_of
from coordinator.log_book import Beside, Entry, LogBook
from crypto import merkle
from crypto.envelope import item_leaf
from federation.errors import Unavailable
from federation.log import checking, events
from federation.log.book import Kept
from tests.coordinator import logged
from tests.coordinator import town as towns
from tests.coordinator.town import NOW, WIFE_TEXT, Town, case_text


@contextmanager
def opened(folder: Path) -> Iterator[Database]:
    database = open_database(url_of("", folder))
    try:
        yield database
    finally:
        database.close()


def appended(database: Database, *entries: Entry) -> None:
    with database.writing() as connection:
        log_book.append(connection, entries)


def note(number: int) -> Entry:
    return Entry(events.write(NOW, "note", {"number": number}))


def edit(database: Database, sql: str, **values: Any) -> None:
    """Change the database as the program never would."""
    with database.writing() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        assert connection.execute(text(sql), values).rowcount > 0


def altered(book: LogBook) -> int:
    """Have the alteration found; give the row that is named."""
    with pytest.raises(Unavailable) as caught:
        logged.check(book)
    assert caught.value.code == "LOG_ALTERED"
    return int(str(caught.value.details["row"]))


def test_a_log_begins_empty(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        appended(database)
        book = LogBook(database)
        assert (book.size(), book.leaves(0, 0), book.rows(0, 0), book.lengths(0, 0)) == (
            0,
            [],
            [],
            [],
        )
        assert (book.newest(), book.kept(), book.tile(0, 0), book.position()) == (None, [], None, 0)
        logged.check(book)


def test_entries_are_numbered_in_order_with_a_salt_of_their_own(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        appended(database, note(0), note(0), note(1))
        appended(database, note(2))
        book = LogBook(database)
        rows = book.rows(0, 4)
    assert [row.record for row in rows] == [note(n).record for n in (0, 0, 1, 2)]
    assert len({row.salt for row in rows}) == 4
    assert all(row.leaf == item_leaf(row.salt or b"", row.record or b"") for row in rows)
    assert [row.beside for row in rows] == [b""] * 4


def test_a_change_that_is_undone_leaves_no_gap(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        appended(database, note(0))
        with database.writing() as connection:
            log_book.append(connection, [note(1), note(2)])
            connection.rollback()
        appended(database, note(3))
        assert [row.record for row in LogBook(database).rows(0, 2)] == [
            note(0).record,
            note(3).record,
        ]


@settings(max_examples=15, deadline=None)
@given(groups=st.lists(st.integers(0, 300), min_size=1, max_size=5))
def test_any_growth_gives_the_tree_of_its_leaves(groups: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as database:
        town = towns.build(Path(folder))
        book, keeper = LogBook(database), logged.keeper(town, database)
        for size in groups:
            appended(database, *map(note, range(size)))
            kept = keeper.cut()
            assert (kept is None) is (size == 0)
        total = sum(groups)
        leaves = book.leaves(0, total)
        newest = book.newest()
        assert (newest.size, newest.root) == (total, merkle.root(leaves)) if newest else not total
        assert [row.leaf for row in book.rows(0, total)] == leaves
        assert book.lengths(0, total) == [len(row.record or b"") for row in book.rows(0, total)]
        checking.check_edge(book)


def test_checkpoints_are_kept_in_order_and_only_grow(tmp_path: Path) -> None:
    first, second = (
        Kept(size=n, root=bytes([n]) * 32, at=NOW + n, note=b"note %d" % n) for n in (1, 2)
    )
    with opened(tmp_path) as database:
        book = LogBook(database)
        book.keep({(0, 0): b"one"}, first)
        book.keep({(0, 0): b"two", (1, 0): b"up"}, second)
        assert (book.tile(0, 0), book.tile(1, 0), book.tile(0, 1)) == (b"two", b"up", None)
        for late in (first, second):
            with pytest.raises(Unavailable, match="LOG_ALTERED"):
                book.keep({(0, 0): b"three"}, late)
        assert book.tile(0, 0) == b"two"
        assert (book.newest(), book.kept(), book.kept(NOW + 2)) == (
            second,
            [first, second],
            [second],
        )


def test_only_the_note_of_the_same_checkpoint_is_exchanged(tmp_path: Path) -> None:
    one = Kept(size=1, root=b"r" * 32, at=NOW, note=b"note")
    with opened(tmp_path) as database:
        book = LogBook(database)
        book.keep({(0, 0): b"one"}, one)
        book.cosigned(Kept(size=1, root=b"x" * 32, at=NOW, note=b"of another tree"))
        assert book.newest() == one
        book.cosigned(Kept(size=1, root=one.root, at=NOW, note=b"cosigned"))
        assert book.kept()[0].note == b"cosigned"


def test_the_self_check_goes_on_where_it_was(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for position in (512, 0, 256):
            LogBook(database).passed(position)
            assert LogBook(database).position() == position
        edit(database, "UPDATE log_check SET position = 'x'")
        assert LogBook(database).position() == 0


def test_what_lies_beside_is_read_from_where_it_is_kept(town: Town) -> None:
    """More exchanges than one statement compares with."""
    ids = town.ready(*[case_text(commission=f"c-{n}") for n in range(3)])
    with town.desk() as desk:
        desk.run(ids)
    with town.database() as database:
        book = LogBook(database)
        size = book.size()
        again = [
            Entry(b"{}", place, number)
            for place in (Beside.REQUEST, Beside.REPLY)
            for number in range(1, 16)
        ]
        appended(database, *again * 40)
        with database.reading() as connection:
            held = connection.execute(text("SELECT request, receipt FROM question_batch")).all()
        expected = [row[column] for column in (0, 1) for row in held] * 40
        assert len(held) == 15
        assert [row.beside for row in book.rows(size, size + 1200)] == expected
        assert book.lengths(size, size + 1200) == [2 + len(one) for one in expected]


@pytest.fixture
def asked(town: Town) -> Iterator[tuple[Town, Database]]:
    """Give a town whose centre has asked about one household, all of it under a checkpoint."""
    (case,) = town.ready(case_text(more=WIFE_TEXT))
    with town.desk() as desk:
        desk.run([case])
    with town.database() as database:
        logged.keeper(town, database).cut()
        logged.check(LogBook(database))
        yield town, database


REQUEST, REPLY = "request", "reply"
OF_ROW = "batch_id = (SELECT beside_of FROM log WHERE seq = :seq)"
EDITS = {
    "leaf": ("UPDATE log SET leaf = :junk WHERE seq = :seq", REQUEST),
    "leaf that is none": ("UPDATE log SET leaf = 'text' WHERE seq = :seq", REQUEST),
    "salt": ("UPDATE log SET salt = :salt WHERE seq = :seq", REQUEST),
    "salt that is none": ("UPDATE log SET salt = 5 WHERE seq = :seq", REPLY),
    "salt gone": ("UPDATE log SET salt = NULL WHERE seq = :seq", REPLY),
    "record": ("UPDATE log SET record = :junk WHERE seq = :seq", REPLY),
    "record as text": ("UPDATE log SET record = 'text' WHERE seq = :seq", "case.opened"),
    "record gone": ("UPDATE log SET record = NULL WHERE seq = :seq", REQUEST),
    "emptied": ("UPDATE log SET record = NULL, salt = NULL WHERE seq = :seq", REQUEST),
    "place": ("UPDATE log SET beside_in = 'question_batch.receipt' WHERE seq = :seq", REQUEST),
    "no place": ("UPDATE log SET beside_in = '' WHERE seq = :seq", REQUEST),
    "unknown place": ("UPDATE log SET beside_in = 'elsewhere' WHERE seq = :seq", REQUEST),
    "a place for an event": (
        "UPDATE log SET beside_in = 'question_batch.request', beside_of = 1 WHERE seq = :seq",
        "case.consented",
    ),
    "number": ("UPDATE log SET beside_of = beside_of + 1 WHERE seq = :seq", REQUEST),
    "number that is none": ("UPDATE log SET beside_of = 'x' WHERE seq = :seq", REPLY),
    "request": (
        f"UPDATE question_batch SET request = :junk WHERE {OF_ROW}",
        REQUEST,
    ),
    "request as text": (
        f"UPDATE question_batch SET request = 'x' WHERE {OF_ROW}",
        REQUEST,
    ),
    "receipt": (
        f"UPDATE question_batch SET receipt = :junk WHERE {OF_ROW}",
        REPLY,
    ),
    "receipt gone": (
        f"UPDATE question_batch SET receipt = NULL WHERE {OF_ROW}",
        REPLY,
    ),
    "row gone": ("DELETE FROM log WHERE seq = :seq", REPLY),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_behind_the_programs_back_is_found_and_located(
    asked: tuple[Town, Database], name: str
) -> None:
    town, database = asked
    sql, kind = EDITS[name]
    row = logged.named(town).index(kind)
    junk = {"junk": b"j" * 32, "salt": b"s" * 16}
    used = {key: value for key, value in junk.items() if f":{key}" in sql}
    edit(database, sql, seq=row + 1, **used)
    assert altered(LogBook(database)) == row


def test_rows_that_change_places_are_found(asked: tuple[Town, Database]) -> None:
    _, database = asked
    for one, other in ((2, -1), (3, 2), (-1, 3)):
        edit(database, "UPDATE log SET seq = :other WHERE seq = :one", one=one, other=other)
    assert altered(LogBook(database)) == 1


def test_a_log_cut_short_is_found(asked: tuple[Town, Database]) -> None:
    _, database = asked
    size = LogBook(database).size()
    edit(database, "DELETE FROM log WHERE seq > :left", left=size - 2)
    assert altered(LogBook(database)) == size - 2


def test_a_log_without_its_beginning_is_found(asked: tuple[Town, Database]) -> None:
    _, database = asked
    edit(database, "DELETE FROM log WHERE seq = 1")
    with pytest.raises(Unavailable, match="LOG_ALTERED"):
        LogBook(database).size()
    assert altered(LogBook(database)) == 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE log_tile SET hashes = zeroblob(length(hashes))",
        "UPDATE log_tile SET hashes = 'text'",
        "DELETE FROM log_tile",
        "UPDATE log_checkpoint SET root = zeroblob(32)",
        "UPDATE log_checkpoint SET root = 'text'",
        "UPDATE log_checkpoint SET note = 'text'",
        "UPDATE log_checkpoint SET note = CAST('text' AS BLOB)",
        "UPDATE log_checkpoint SET at = 'never'",
        "UPDATE log_checkpoint SET size = size + 1",
        "UPDATE log_checkpoint SET size = size - 1",
        "DELETE FROM log_checkpoint",
    ],
)
def test_an_edited_tree_or_checkpoint_is_found(asked: tuple[Town, Database], sql: str) -> None:
    _, database = asked
    edit(database, sql)
    altered(LogBook(database))


def test_a_database_that_is_away_is_unavailable(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        edit_sql = text("DROP TABLE log")
        with database.writing() as connection:
            connection.execute(edit_sql)
        for read in (LogBook(database).size, lambda: LogBook(database).rows(0, 1)):
            with pytest.raises(Unavailable, match="DATABASE_UNAVAILABLE"):
                read()


def test_nothing_was_erased(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        assert LogBook(database).tombstones(0, 10) == {}


def test_a_request_lies_beside_its_entry_once(asked: tuple[Town, Database]) -> None:
    """The signed messages are not stored twice: the log's table holds none of them."""
    _, database = asked
    with database.reading() as connection:
        (size,) = connection.execute(text("SELECT sum(length(record)) FROM log")).one()
        (held,) = connection.execute(text("SELECT sum(length(request)) FROM question_batch")).one()
    beside = [row.beside for row in logged.rows(database) if row.beside]
    assert sum(map(len, beside)) > held > 3 * size
    assert len({hashlib.sha256(one).digest() for one in beside}) == len(beside) == 10
