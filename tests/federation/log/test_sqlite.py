"""The log in a SQLite file: what somebody leaves there who edits it is named, never believed."""

from pathlib import Path

import pytest

from crypto.envelope import item_leaf
from federation.errors import BadInput, HeduiError, Unavailable
from federation.log import events, sqlite
from federation.log.book import Kept
from federation.log.events import Tombstone
from federation.log.sqlite import append, append_all, erase
from tests.federation.log.kept import File

ORDER = bytes(32)
KEPT = Kept(size=1, root=bytes(32), at=5, note=b"note")


@pytest.fixture
def file(tmp_path: Path) -> File:
    file = File(str(tmp_path / "log.sqlite"))
    for n in range(5):
        append(file.connection, b"record %d" % n, b"beside")
    return file


def stone(*rows: int) -> Tombstone:
    return Tombstone(at=1, order=ORDER, rows=rows)


def test_every_row_has_a_salt_of_its_own(file: File) -> None:
    rows = file.book().rows(0, 5)
    assert len({row.salt for row in rows}) == 5
    assert [row.leaf for row in rows] == [item_leaf(r.salt or b"", r.record or b"") for r in rows]


def test_several_are_appended_at_once(file: File) -> None:
    more = [(b"more", b"x"), (b"and more", b"")]
    assert append_all(file.connection, more) == 5
    assert append_all(file.connection, []) == 7
    rows = file.book().rows(5, 7)
    assert [(row.record, row.beside) for row in rows] == more
    assert all(row.sound for row in rows)
    assert rows[0].salt != rows[1].salt


def test_an_empty_log_has_no_rows(tmp_path: Path) -> None:
    book = File(str(tmp_path / "log.sqlite")).book()
    assert book.size() == 0
    assert book.leaves(0, 0) == []


def test_a_deleted_row_is_named(file: File) -> None:
    file.edit("DELETE FROM log WHERE seq = 3")
    book = file.book()
    for read in (book.leaves, book.rows, book.lengths):
        with pytest.raises(Unavailable, match="LOG_ALTERED row=2"):
            read(0, 5)
    assert len(book.rows(3, 5)) == 2


def test_the_first_row_must_be_there(file: File) -> None:
    file.edit("DELETE FROM log WHERE seq = 1")
    with pytest.raises(Unavailable, match="LOG_ALTERED row=0"):
        file.book().size()


def test_a_row_before_the_first_is_named(file: File) -> None:
    file.edit("INSERT INTO log SELECT -3, leaf, salt, record, beside FROM log WHERE seq = 1")
    with pytest.raises(Unavailable, match="LOG_ALTERED row=-4"):
        file.book().size()


@pytest.mark.parametrize("column", ["leaf", "salt", "record", "beside"])
@pytest.mark.parametrize("value", ["text", 1, 1.5])
def test_what_is_no_bytes_is_named(file: File, column: str, value: object) -> None:
    file.edit(f"UPDATE log SET {column} = ? WHERE seq = 4", value)
    with pytest.raises(Unavailable, match="LOG_ALTERED row=3"):
        file.book().rows(0, 5)


def test_a_leaf_of_another_length_is_named(file: File) -> None:
    file.edit("UPDATE log SET leaf = x'00' WHERE seq = 4")
    with pytest.raises(Unavailable, match="LOG_ALTERED row=3"):
        file.book().leaves(0, 5)


def test_a_tile_that_is_no_bytes_is_not_there(file: File) -> None:
    book = file.book()
    book.keep({(0, 0): bytes(32)}, KEPT)
    assert book.tile(0, 0) == bytes(32)
    file.edit("UPDATE log_tile SET hashes = 'text'")
    assert book.tile(0, 0) is None


@pytest.mark.parametrize("column", ["root", "at", "note"])
def test_a_checkpoint_that_is_none_is_named(file: File, column: str) -> None:
    book = file.book()
    book.keep({}, KEPT)
    file.edit(f"UPDATE log_checkpoint SET {column} = 'text'")
    with pytest.raises(Unavailable, match="LOG_ALTERED row=1"):
        book.newest()
    if column != "at":
        with pytest.raises(Unavailable, match="LOG_ALTERED row=1"):
            book.kept()


@pytest.mark.parametrize("value", ["text", -5])
def test_a_position_that_is_none_is_the_beginning(file: File, value: object) -> None:
    book = file.book()
    book.passed(3)
    file.edit("UPDATE log_check SET position = ?", value)
    assert book.position() == 0


def test_a_store_that_fails_is_typed(file: File) -> None:
    file.broken = True
    book = file.book()
    for read in (book.size, book.newest, book.kept, book.position):
        with pytest.raises(Unavailable, match="LOG_UNAVAILABLE why=OperationalError"):
            read()
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        book.passed(1)


def test_what_is_erased_is_gone_from_the_file(file: File, tmp_path: Path) -> None:
    secret = b"something that nobody is to find" * 300
    row = append(file.connection, b"record of it", secret)
    file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert secret[:64] in (tmp_path / "log.sqlite").read_bytes()
    file.writing(lambda c: _at(erase(c, stone(row)), row + 1))
    file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret[:64] not in left
    assert b"record of it" not in left


def _at(found: int, expected: int) -> None:
    assert found == expected


@pytest.mark.parametrize(
    "rows",
    [(), (2, 1), (1, 1), (5,), (-1,), (0, 99), tuple(range(sqlite.MOST_ERASED + 1))],
)
def test_rows_that_cannot_be_erased(file: File, rows: tuple[int, ...]) -> None:
    before = file.connection.total_changes
    with pytest.raises(BadInput, match="ERASURE_INVALID"):
        erase(file.connection, stone(*rows))
    assert file.connection.total_changes == before


def test_neither_twice_nor_a_tombstone(file: File) -> None:
    tombstone = erase(file.connection, stone(1, 3))
    for row in (1, tombstone):
        with pytest.raises(BadInput, match=f"ERASURE_INVALID row={row}"):
            erase(file.connection, stone(row))
    with pytest.raises(HeduiError):
        erase(file.connection, stone(0, 1))
    assert not file.book().rows(0, 1)[0].erased


def test_an_event_can_be_erased(file: File) -> None:
    row = append(file.connection, events.write(1, "started", {}))
    erase(file.connection, stone(row))
    assert file.book().rows(row, row + 1)[0].erased
