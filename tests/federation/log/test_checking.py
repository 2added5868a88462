"""The self-check: what is done to a log behind the server's back is found, and the row named."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from crypto.envelope import item_leaf
from federation.errors import PeerFault, Unavailable
from federation.log import events
from federation.log.book import Kept
from federation.log.checking import Rules, check_edge, check_rows
from federation.log.events import Tombstone
from federation.log.sqlite import SqliteBook, append, erase
from tests.federation.log.kept import File, keeper
from tests.support.books import MemoryBook

ORDER = sha256(b"order").digest()
SIZE = 700
ERASED = (5, 300)
TOMBSTONE = SIZE
ALL = SIZE + 1


def beside(record: bytes) -> bytes | None:
    """Records here commit to what lies beside them after a colon."""
    if record.startswith(b"{"):
        return None
    if b":" not in record:
        raise PeerFault("MALFORMED", message="record")
    return record.partition(b":")[2]


RULES = Rules(beside=beside, ordered=lambda _, __, order: order == ORDER)


def record(lying: bytes) -> bytes:
    return b"\x08record:" + sha256(lying).digest()


def filled(file: File) -> SqliteBook:
    for n in range(SIZE):
        append(file.connection, record(b"beside %d" % n), b"beside %d" % n)
    erase(file.connection, Tombstone(at=1, order=ORDER, rows=ERASED))
    book = file.book()
    keeper(book, rules=RULES).cut()
    return book


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    place = tmp_path_factory.mktemp("log") / "log.sqlite"
    file = File(str(place))
    filled(file)
    file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.connection.close()
    return place.read_bytes()


@pytest.fixture
def file(template: bytes, tmp_path: Path) -> Iterator[File]:
    (tmp_path / "log.sqlite").write_bytes(template)
    file = File(str(tmp_path / "log.sqlite"))
    yield file
    file.connection.close()


def found(file: File) -> object:
    """Give the row that edge or walk name; None when all is sound."""
    book = file.book()
    try:
        check_edge(book)
        position = check_rows(book, 0, 1, RULES)
        while position:
            position = check_rows(book, position, 1, RULES)
    except Unavailable as error:
        return error.details["row"] if error.code == "LOG_ALTERED" else error
    return None


def test_a_log_that_nobody_touched_is_sound(file: File) -> None:
    assert found(file) is None


def test_an_empty_log_is_sound(tmp_path: Path) -> None:
    book = File(str(tmp_path / "empty.sqlite")).book()
    assert check_edge(book) is None
    assert check_rows(book, 0, 100) == 0


def test_the_walk_goes_by_whole_tiles_and_begins_anew(file: File) -> None:
    book = file.book()
    assert check_rows(book, 0, 1, RULES) == 256
    assert check_rows(book, 300, 1, RULES) == 512
    assert check_rows(book, 256, 257, RULES) == 0
    assert check_rows(book, 512, 1, RULES) == 0
    assert check_rows(book, 5000, 1, RULES) == 0


@pytest.mark.parametrize("row", [0, 255, 256, 511, 512, SIZE])
@pytest.mark.parametrize("column", ["leaf", "salt", "record", "beside"])
def test_a_flipped_byte_is_found(file: File, row: int, column: str) -> None:
    sql = f"SELECT {column} FROM log WHERE seq = ?"
    value = bytearray(file.connection.execute(sql, (row + 1,)).fetchone()[0] or b"\0")
    value[-1] ^= 1
    file.edit(f"UPDATE log SET {column} = ? WHERE seq = ?", bytes(value), row + 1)
    assert found(file) == row


@pytest.mark.parametrize("column", ["salt", "record", "beside"])
def test_an_emptied_column_is_found(file: File, column: str) -> None:
    file.edit(f"UPDATE log SET {column} = NULL WHERE seq = 8")
    assert found(file) == 7


def test_a_row_that_was_written_anew_is_found(file: File) -> None:
    salt, forged = bytes(16), record(b"")
    file.edit(
        "UPDATE log SET leaf = ?, salt = ?, record = ?, beside = x'' WHERE seq = 8",
        item_leaf(salt, forged),
        salt,
        forged,
    )
    assert found(file) == 7


@pytest.mark.parametrize(("seq", "row"), [(1, 0), (8, 7), (256, 255), (600, 599), (ALL, 700)])
def test_a_deleted_row_is_found(file: File, seq: int, row: int) -> None:
    file.edit("DELETE FROM log WHERE seq = ?", seq)
    assert found(file) == row


def test_an_inserted_row_is_found(file: File) -> None:
    file.edit("UPDATE log SET seq = -seq WHERE seq >= 8")
    file.edit("UPDATE log SET seq = 1 - seq WHERE seq < 0")
    append(file.connection, b"inserted")
    file.edit("UPDATE log SET seq = 8 WHERE seq = (SELECT max(seq) FROM log)")
    assert found(file) == 512  # the edge is looked at first
    with pytest.raises(Unavailable, match="LOG_ALTERED row=7"):
        check_rows(file.book(), 0, 256, RULES)


def test_rows_that_changed_places_are_found(file: File) -> None:
    file.edit("UPDATE log SET seq = -1 WHERE seq = 8")
    file.edit("UPDATE log SET seq = 8 WHERE seq = 9")
    file.edit("UPDATE log SET seq = 9 WHERE seq = -1")
    assert found(file) == 7


def test_a_row_erased_without_tombstone_is_found(file: File) -> None:
    file.edit("UPDATE log SET salt = NULL, record = NULL, beside = NULL WHERE seq = 8")
    assert found(file) == 7


@pytest.mark.parametrize("tombstone", [1, TOMBSTONE + 1, 999, 0, 6, 8])
def test_a_row_that_its_tombstone_does_not_name_is_found(file: File, tombstone: int) -> None:
    file.edit("UPDATE log SET salt = NULL, record = NULL, beside = NULL WHERE seq = 8")
    file.edit("INSERT INTO log_erased VALUES (8, ?)", tombstone)
    assert found(file) == 7


def test_an_erased_row_whose_tombstone_is_forgotten_is_found(file: File) -> None:
    file.edit("DELETE FROM log_erased WHERE seq = 301")
    assert found(file) == 300


def test_a_forged_tombstone_is_found(file: File) -> None:
    forged = events.write_tombstone(Tombstone(at=1, order=ORDER, rows=(*ERASED[:1], 7, 300)))
    file.edit("UPDATE log SET salt = NULL, record = NULL, beside = NULL WHERE seq = 8")
    file.edit("INSERT INTO log_erased VALUES (8, ?)", TOMBSTONE + 1)
    file.edit("UPDATE log SET record = ? WHERE seq = ?", forged, TOMBSTONE + 1)
    assert found(file) == TOMBSTONE


def test_an_erasure_that_nobody_ordered_is_found(file: File) -> None:
    with pytest.raises(Unavailable, match="LOG_ALTERED row=5"):
        check_rows(file.book(), 0, 1, replace(RULES, ordered=lambda *_: False))


def test_an_event_that_is_no_tombstone_erases_nothing(file: File) -> None:
    row = append(file.connection, b'{"kind":"tombstone"}')
    file.edit("UPDATE log_erased SET tombstone = ?", row + 1)
    assert found(file) == 5


def test_what_lies_beside_without_being_named_is_found(file: File) -> None:
    file.edit("UPDATE log SET beside = x'01' WHERE seq = ?", TOMBSTONE + 1)
    assert found(file) == TOMBSTONE


def test_a_record_that_its_party_cannot_read_is_found(tmp_path: Path) -> None:
    file = File(str(tmp_path / "other.sqlite"))
    append(file.connection, b"no record")
    keeper(file.book(), rules=RULES).cut()
    assert found(file) == 0


def test_without_rules_nothing_lies_beside_and_every_order_counts() -> None:
    book = MemoryBook()
    book.append(b"one")
    book.append(b"two")
    book.erase(Tombstone(at=1, order=bytes(32), rows=(0,)))
    keeper(book).cut()
    assert check_rows(book, 0, 1) == 0
    book.all[1] = book.all[1]._replace(beside=b"x")
    with pytest.raises(Unavailable, match="LOG_ALTERED row=1"):
        check_rows(book, 0, 1)


@pytest.mark.parametrize(("level", "index"), [(0, 0), (0, 1), (0, 2), (1, 0)])
@pytest.mark.parametrize("at", [0, -1])
def test_a_flipped_byte_of_a_tile_is_found(file: File, level: int, index: int, at: int) -> None:
    key = "WHERE level = ? AND n = ?"
    sql = f"SELECT hashes FROM log_tile {key}"
    hashes = bytearray(file.connection.execute(sql, (level, index)).fetchone()[0])
    hashes[at] ^= 1
    file.edit(f"UPDATE log_tile SET hashes = ? {key}", bytes(hashes), level, index)
    assert found(file) is not None


@pytest.mark.parametrize(("level", "index"), [(0, 0), (0, 1), (0, 2), (1, 0)])
def test_a_tile_with_bytes_left_over_is_found(file: File, level: int, index: int) -> None:
    sql = "UPDATE log_tile SET hashes = CAST(hashes || x'00' AS BLOB) WHERE level = ? AND n = ?"
    file.edit(sql, level, index)
    assert found(file) is not None


def test_a_missing_tile_is_found(file: File) -> None:
    file.edit("DELETE FROM log_tile WHERE level = 0 AND n = 1")
    assert found(file) == 256


def test_a_full_tile_that_was_recomputed_is_found_above(file: File) -> None:
    # Leaf, row and lowest tile agree: only the level above still knows.
    salt, forged = bytes(16), record(b"")
    leaf = item_leaf(salt, forged)
    file.edit(
        "UPDATE log SET leaf = ?, salt = ?, record = ?, beside = x'' WHERE seq = 8",
        leaf,
        salt,
        forged,
    )
    where = "WHERE level = 0 AND n = 0"
    (hashes,) = file.connection.execute(f"SELECT hashes FROM log_tile {where}").fetchone()
    changed = hashes[: 7 * 32] + leaf + hashes[8 * 32 :]
    file.edit(f"UPDATE log_tile SET hashes = ? {where}", changed)
    assert found(file) == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [("root", bytes(32)), ("note", b"no note"), ("size", ALL - 1), ("size", ALL + 1)],
)
def test_an_edited_checkpoint_is_found(file: File, column: str, value: object) -> None:
    file.edit(f"UPDATE log_checkpoint SET {column} = ?", value)
    assert found(file) is not None


def test_a_note_about_another_tree_is_found() -> None:
    book = MemoryBook()
    book.append(b"one")
    first = keeper(book).cut()
    book.append(b"two")
    second = keeper(book).cut()
    assert first
    assert second
    book.checkpoints[-1] = replace(second, note=first.note)
    with pytest.raises(Unavailable, match="LOG_ALTERED row=1"):
        check_edge(book)


def test_a_checkpoint_that_was_taken_away_is_found(file: File) -> None:
    file.edit("DELETE FROM log_checkpoint")
    assert found(file) == 0


def test_a_log_without_its_last_checkpoint_and_row_is_found() -> None:
    book = MemoryBook()
    for n in range(600):
        book.append(b"%d" % n)
    keeper(book).cut()
    book.append(b"the last")
    keeper(book).cut()
    del book.all[-1], book.checkpoints[-1]
    with pytest.raises(Unavailable, match="LOG_ALTERED row=600"):
        check_edge(book)


class Moving(MemoryBook):
    """A book to which a checkpoint is added while its tile is read."""

    def __init__(self) -> None:
        super().__init__()
        self.next: Kept | None = None

    def tile(self, level: int, index: int) -> bytes | None:
        if self.next:
            self.checkpoints.append(self.next)
            self.next = None
        return super().tile(level, index)


def test_a_checkpoint_that_is_cut_meanwhile_is_no_alarm() -> None:
    book = Moving()
    book.append(b"one")
    keeper(book).cut()
    book.append(b"two")
    book.next = keeper(book).cut()
    book.checkpoints.pop()
    assert check_edge(book) == book.newest()
    assert len(book.checkpoints) == 2


def test_full_tiles_are_held_to_all_levels() -> None:
    book = MemoryBook()
    for n in range(256 * 256):
        book.append(b"%d" % n)
    keeper(book).cut()
    assert check_rows(book, 255 * 256, 256) == 0
    book.tiles[2, 0] = bytes(32)
    with pytest.raises(Unavailable, match="LOG_ALTERED row=0"):
        check_rows(book, 255 * 256, 256)
