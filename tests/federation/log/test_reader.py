"""Resources, exports and folders: whole files only, nothing outside, nothing too large."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import checkpoint, note, tiles
from crypto.note import NOTE_MAX
from federation.clock import FixedClock
from federation.errors import BadInput, HeduiError, PeerFault, Unavailable
from federation.log import book as books
from federation.log import reader, rows
from federation.log.events import Tombstone
from federation.log.reader import LogReader
from tests.federation.log.kept import NOW, Witnesses, keeper
from tests.support.books import MemoryBook

ROWS = 300


def filled(count: int = ROWS) -> MemoryBook:
    book = MemoryBook()
    for n in range(count):
        book.append(b"record %d" % n, b"." * (n % 7))
    keeper(book).cut()
    return book


def grown(book: MemoryBook, count: int) -> None:
    for _ in range(count):
        book.append(b"more %d" % len(book.all))
    keeper(book).cut()


def whole(read: LogReader, book: MemoryBook) -> None:
    """Hold all that a reader gives to a book."""
    newest = book.newest()
    assert newest is not None
    assert read("checkpoint") == newest.note

    def tile(level: int, index: int, width: int) -> bytes:
        return read(tiles.path(level, index, width))

    assert tiles.root(newest.size, tile) == newest.root
    found = []
    for level, index, width in tiles.widths(newest.size):
        if level == 0:
            leaves = books.split(tile(level, index, width))
            found += rows.read(read(tiles.path(None, index, width)), leaves)
    assert found == book.all[: newest.size]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("count", [1, 255, 256, 257, 512, 700])
def test_a_book_is_read_whole(count: int) -> None:
    book = filled(count)
    whole(lambda path: reader.resource(book, path), book)


def test_a_tile_is_as_wide_as_it_is_asked_for() -> None:
    book = filled()
    leaves = b"".join(row.leaf for row in book.all)
    assert reader.resource(book, "tile/0/001.p/3") == leaves[256 * 32 : 259 * 32]
    assert reader.resource(book, "tile/0/000.p/3") == leaves[: 3 * 32]
    assert reader.resource(book, "tile/records/000.p/2") == rows.write(book.all[:2])


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001",
        "tile/0/001.p/45",
        "tile/0/002.p/1",
        "tile/1/000.p/2",
        "tile/2/000.p/1",
        "tile/63/000",
        "tile/records/001",
        "tile/records/001.p/45",
        "tile/records/x999/999",
    ],
)
def test_what_no_checkpoint_covers_is_missing(path: str) -> None:
    book = filled()
    book.append(b"not yet under a checkpoint")
    for read in (reader.resource, lambda b, p: reader.part(b, p, 0, 10)):
        with pytest.raises(Unavailable, match=f"LOG_PART_MISSING path={path}"):
            read(book, path)
    with pytest.raises(Unavailable, match="LOG_PART_MISSING"):
        reader.resource(MemoryBook(), path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint/",
        "Checkpoint",
        "tile/0/1",
        "tile/0/000.p/0",
        "tile/0/../../x",
        "/etc/passwd",
    ],
)
def test_other_paths_are_malformed(path: str, tmp_path: Path) -> None:
    book = filled(1)
    reads: Iterable[LogReader] = [
        lambda p: reader.resource(book, p),
        lambda p: reader.part(book, p, 0, 10)[0],
        lambda p: reader.checked(p, b""),
        reader.folder_reader(tmp_path),
    ]
    for read in reads:
        with pytest.raises(PeerFault, match="MALFORMED message=path"):
            read(path)


def test_there_is_no_checkpoint_yet(tmp_path: Path) -> None:
    book = MemoryBook()
    book.append(b"one")
    with pytest.raises(Unavailable, match="LOG_PART_MISSING path=checkpoint"):
        reader.resource(book, "checkpoint")
    with pytest.raises(Unavailable, match="LOG_PART_MISSING path=checkpoint"):
        reader.export(book, tmp_path)
    assert files(tmp_path) == set()


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 900), st.sampled_from(["tile/records/000", "tile/0/000", "checkpoint"]))
def test_parts_make_the_whole(most: int, path: str) -> None:
    book = filled(256)
    book.erase(Tombstone(at=1, order=bytes(32), rows=(3, 4, 255)))
    expected = reader.resource(book, path)
    parts = []
    for offset in range(0, len(expected), most):
        data, size = reader.part(book, path, offset, most)
        assert size == len(expected)
        parts.append(data)
    assert b"".join(parts) == expected
    assert reader.part(book, path, len(expected), most) == (b"", len(expected))


class Counting(MemoryBook):
    """Counts the rows that are read."""

    read = 0

    def rows(self, first: int, stop: int) -> list[rows.Row]:
        self.read += stop - first
        return super().rows(first, stop)

    def lengths(self, first: int, stop: int) -> list[int | None]:
        before = self.read
        found = super().lengths(first, stop)
        self.read = before
        return found


def test_a_part_reads_no_more_than_it_needs() -> None:
    book = Counting()
    for n in range(256):
        book.append(b"%03d" % n)
    keeper(book).cut()
    book.read = 0
    size = len(rows.write(book.all[:1]))
    assert (
        reader.part(book, "tile/records/000", 10 * size + 1, size)[0]
        == rows.write(book.all[10:12])[1 : size + 1]
    )
    assert book.read == 2


def witnessed() -> tuple[MemoryBook, Witnesses]:
    return filled(1), Witnesses(FixedClock(NOW))


def test_the_newest_with_enough_cosignatures_is_published() -> None:
    book, witnesses = witnessed()
    keeper(book, witnesses).witness()
    grown(book, 1)
    assert reader.published(book, 2).size == 1
    assert reader.published(book).size == 2
    assert reader.published(book, 4).size == 2
    keeper(book, witnesses).witness()
    assert reader.published(book, 2).size == 2
    assert checkpoint.parse(note.parse(reader.resource(book, "checkpoint", 2)).text).size == 2


def test_after_ten_minutes_the_newest_is_published_whoever_cosigned() -> None:
    book, witnesses = witnessed()
    keeper(book, witnesses).witness()
    book.append(b"second")
    later = Witnesses(FixedClock(NOW + 601))
    keeper(book, later).cut()
    assert reader.published(book, 2).size == 2
    book.checkpoints[-1] = replace(book.checkpoints[-1], at=NOW + 600)
    assert reader.published(book, 2).size == 1


def test_a_checkpoint_that_is_no_note_is_named() -> None:
    book = filled(1)
    book.checkpoints[0] = replace(book.checkpoints[0], note=b"no note")
    with pytest.raises(Unavailable, match="LOG_ALTERED row=1"):
        reader.resource(book, "checkpoint", 1)


@pytest.mark.parametrize("count", [1, 255, 256, 257, 700])
def test_an_export_is_read_whole(count: int, tmp_path: Path) -> None:
    book = filled(count)
    folder = tmp_path / "deep" / "log"
    assert reader.export(book, folder) == book.newest()
    whole(reader.folder_reader(folder), book)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {(folder / name).stat().st_mode & 0o777 for name in files(folder)} == {0o600}


def test_an_export_grows(tmp_path: Path) -> None:
    book = filled(200)
    reader.export(book, tmp_path)
    assert files(tmp_path) == {"checkpoint", "tile/0/000.p/200", "tile/records/000.p/200"}
    grown(book, 30)
    reader.export(book, tmp_path)
    assert files(tmp_path) == {"checkpoint", "tile/0/000.p/230", "tile/records/000.p/230"}
    grown(book, 30)
    reader.export(book, tmp_path)
    names = {"tile/0/000", "tile/0/001.p/4", "tile/1/000.p/1"}
    names |= {"checkpoint", "tile/records/000", "tile/records/001.p/4"}
    assert files(tmp_path) == names
    assert not (tmp_path / "tile/0/000.p").exists()
    whole(reader.folder_reader(tmp_path), book)


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    book = filled()
    reader.export(book, tmp_path)
    before = {name: (tmp_path / name).stat().st_ino for name in files(tmp_path)}
    del before["checkpoint"]
    reader.export(book, tmp_path)
    assert {name: (tmp_path / name).stat().st_ino for name in before} == before


def test_what_was_erased_goes_from_the_folder(tmp_path: Path) -> None:
    book = filled()
    reader.export(book, tmp_path)
    gone = [rows.write([book.all[row]]) for row in (7, 299)]
    book.erase(Tombstone(at=1, order=bytes(32), rows=(7, 299)))
    keeper(book).cut()
    reader.export(book, tmp_path)
    whole(reader.folder_reader(tmp_path), book)
    left = b"".join((tmp_path / name).read_bytes() for name in files(tmp_path))
    assert b"record 6" in left
    assert not [row for row in gone if row in left]


def test_large_records_are_exported_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "SPAN_BYTES", 100)
    book = filled()
    reader.export(book, tmp_path)
    whole(reader.folder_reader(tmp_path), book)


@pytest.mark.parametrize("after", range(8))
def test_an_export_that_is_killed_goes_on(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = filled(200)
    reader.export(book, tmp_path)
    sound = MemoryBook()
    sound.all, sound.checkpoints = list(book.all), list(book.checkpoints)
    grown(book, 100)
    replaced = Path.replace
    left = after

    def replace_some(self: Path, target: Path) -> Path:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        return replaced(self, target)

    with monkeypatch.context() as killing:
        killing.setattr(Path, "replace", replace_some)
        try:
            reader.export(book, tmp_path)
        except KeyboardInterrupt:
            whole(reader.folder_reader(tmp_path), sound)
        else:
            assert after > 5
    reader.export(book, tmp_path)
    whole(reader.folder_reader(tmp_path), book)
    assert not [name for name in files(tmp_path) if name.endswith(".fresh")]


def test_another_log_is_not_written_over(tmp_path: Path) -> None:
    reader.export(filled(), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    other = MemoryBook()
    for n in range(ROWS):
        other.append(b"other %d" % n)
    keeper(other).cut()
    with pytest.raises(BadInput, match="EXPORT_FOLDER"):
        reader.export(other, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a file")
    with pytest.raises(BadInput, match="EXPORT_FOLDER folder=log"):
        reader.export(filled(1), tmp_path / "log")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    reader.export(filled(), tmp_path / "log")
    return tmp_path / "log"


def refused(folder: Path, path: str) -> HeduiError:
    with pytest.raises(HeduiError) as caught:
        reader.folder_reader(folder)(path)
    return caught.value


def test_a_file_that_is_not_there_is_missing(folder: Path) -> None:
    (folder / "tile/0/000").unlink()
    assert str(refused(folder, "tile/0/000")) == "LOG_PART_MISSING path=tile/0/000"
    assert refused(folder / "elsewhere", "checkpoint").code == "LOG_PART_MISSING"


@pytest.mark.parametrize("inside", [True, False])
def test_links_are_not_followed(folder: Path, inside: bool) -> None:
    target = folder / "tile/0/001.p/44" if inside else folder.parent / "elsewhere"
    if not inside:
        target.write_bytes(bytes(256 * 32))
    (folder / "tile/0/000").unlink()
    (folder / "tile/0/000").symlink_to(target)
    assert refused(folder, "tile/0/000").code == "LOG_PART_MISSING"


def test_linked_folders_are_not_followed(folder: Path) -> None:
    (folder / "tile/0").rename(folder.parent / "0")
    (folder / "tile/0").symlink_to(folder.parent / "0")
    assert refused(folder, "tile/0/000").code == "LOG_PART_MISSING"


def test_a_pipe_keeps_nobody_waiting(folder: Path) -> None:
    (folder / "tile/0/000").unlink()
    os.mkfifo(folder / "tile/0/000")
    assert refused(folder, "tile/0/000").code == "LOG_PART_MISSING"
    (folder / "checkpoint").unlink()
    (folder / "checkpoint").mkdir()
    assert refused(folder, "checkpoint").code == "LOG_PART_MISSING"


@pytest.mark.parametrize(
    ("path", "limit"),
    [("checkpoint", NOTE_MAX), ("tile/0/000", 8192), ("tile/0/001.p/44", 44 * 32)],
)
def test_a_file_that_is_too_large_is_refused(folder: Path, path: str, limit: int) -> None:
    with (folder / path).open("r+b") as file:
        file.truncate(limit + 1)
    assert refused(folder, path).code == "OVERSIZE"
    with pytest.raises(PeerFault, match="OVERSIZE"):
        reader.checked(path, bytes(limit + 1))


def test_a_tile_that_is_too_short_is_refused(folder: Path) -> None:
    with (folder / "tile/0/000").open("r+b") as file:
        file.truncate(8191)
    assert str(refused(folder, "tile/0/000")) == "MALFORMED message=tile/0/000"


def test_records_have_a_limit() -> None:
    assert reader.limit("tile/records/000.p/2") == 2 * reader.ROW_BYTES
    assert reader.checked("tile/records/000.p/2", b"any") == b"any"
