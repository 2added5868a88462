"""Both books do the same: the one in memory that tests use, and the one in SQLite."""

from pathlib import Path

import pytest

from federation.errors import Unavailable
from federation.log import book as books
from federation.log import events
from federation.log.book import Book, Kept
from federation.log.events import Tombstone
from federation.log.rows import Row
from federation.log.sqlite import append, erase
from tests.federation.log.kept import File
from tests.support.books import MemoryBook

STONE = Tombstone(at=9, order=bytes(32), rows=(0, 2))


def kept(size: int, at: int = 0) -> Kept:
    return Kept(size=size, root=bytes([size] * 32), at=at, note=b"note %d" % size)


def in_memory() -> Book:
    book = MemoryBook()
    for n in range(3):
        book.append(b"record %d" % n, b"." * n)
    book.erase(STONE)
    return book


def in_sqlite(folder: Path) -> Book:
    file = File(str(folder / "log.sqlite"))

    def fill(n: int) -> None:
        salt = n.to_bytes(16, "big")
        file.writing(lambda c: _same(append(c, b"record %d" % n, b"." * n, salt), n))

    for n in range(3):
        fill(n)
    file.writing(lambda c: _same(erase(c, STONE), 3))
    return file.book()


def _same(found: int, expected: int) -> None:
    assert found == expected


@pytest.fixture(params=["memory", "sqlite"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Book:
    return in_memory() if request.param == "memory" else in_sqlite(tmp_path)


def test_rows_with_a_tombstone(book: Book) -> None:
    assert book.size() == 4
    rows = book.rows(0, 4)
    assert [row.erased for row in rows] == [True, False, True, False]
    assert all(row.sound for row in rows)
    assert rows[1].record == b"record 1"
    assert rows[1].beside == b"."
    assert events.read_tombstone(rows[3].record or b"") == STONE
    assert book.leaves(1, 3) == [rows[1].leaf, rows[2].leaf]
    assert book.lengths(0, 3) == [None, 9, None]
    assert book.tombstones(0, 4) == {0: 3, 2: 3}
    assert book.tombstones(1, 3) == {2: 3}


def test_nothing_is_a_range_too(book: Book) -> None:
    assert book.rows(2, 2) == []
    assert book.leaves(2, 2) == []


def test_rows_that_are_not_there_are_missed(book: Book) -> None:
    with pytest.raises(Unavailable, match="LOG_ALTERED row=4"):
        book.rows(3, 6)


def test_checkpoints_with_their_tiles(book: Book) -> None:
    assert book.newest() is None
    assert book.kept() == []
    assert book.tile(0, 0) is None
    book.keep({(0, 0): b"one"}, kept(2, at=5))
    book.keep({(0, 0): b"two", (1, 0): b"three"}, kept(4, at=7))
    assert book.newest() == kept(4, at=7)
    assert book.kept() == [kept(2, at=5), kept(4, at=7)]
    assert book.kept(6) == book.kept(6, 7) == [kept(4, at=7)]
    assert book.kept(0, 6) == [kept(2, at=5)]
    assert book.kept(8) == book.kept(0, 4) == []
    assert book.tile(0, 0) == b"two"
    assert book.tile(1, 0) == b"three"


@pytest.mark.parametrize("size", [3, 4])
def test_a_log_does_not_go_back(book: Book, size: int) -> None:
    book.keep({}, kept(4))
    with pytest.raises(Unavailable, match=f"LOG_ALTERED row={size}"):
        book.keep({(0, 0): b"other"}, kept(size))
    assert book.tile(0, 0) is None
    assert book.newest() == kept(4)


def test_cosignatures_come_later(book: Book) -> None:
    book.keep({}, kept(2))
    book.keep({}, kept(4))
    signed = Kept(size=2, root=kept(2).root, at=0, note=b"signed")
    book.cosigned(signed)
    assert book.kept() == [signed, kept(4)]
    book.cosigned(Kept(size=4, root=bytes(32), at=0, note=b"of another tree"))
    assert book.newest() == kept(4)


def test_the_position_of_the_check(book: Book) -> None:
    assert book.position() == 0
    book.passed(256)
    book.passed(512)
    assert book.position() == 512


def test_large_records_are_read_in_small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "SLICE", 4)
    monkeypatch.setattr(books, "SPAN_BYTES", 10)
    book = MemoryBook()
    for size in (3, 3, 3, 3, 3, 11, 1, 1, 4, 7):
        book.append(bytes(size))
    book.all[7] = Row(bytes(32), None, None, None)
    assert list(books.spans(book, 0, 10)) == [
        (0, 3),
        (3, 4),
        (4, 5),
        (5, 6),
        (6, 8),
        (8, 9),
        (9, 10),
    ]
    assert list(books.spans(book, 3, 3)) == []
