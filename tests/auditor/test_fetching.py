"""Logs brought here: whole, gone on with, and without what was erased meanwhile."""

from pathlib import Path

import pytest

from auditor import fetching, logs
from auditor.logs import Log
from federation.errors import BadInput, PeerFault, Unavailable
from federation.log import events, reader
from federation.log.events import Tombstone
from federation.log.reader import CHECKPOINT, LogReader, folder_reader
from federation.log.rows import Row
from tests.auditor.diaries import NOW, PAPERS, TAX, Diary, booked, kept
from tests.auditor.test_logs import entry
from tests.support.books import MemoryBook


def diary(count: int) -> Diary:
    made = Diary(TAX)
    for number in range(count):
        made.add(*entry(number))
    return made


def book(of: Diary) -> MemoryBook:
    return booked(of, NOW)


class Asked:
    """Gives a log's resources, and notes which were asked for."""

    def __init__(self, of: MemoryBook, missing: str = "") -> None:
        self.paths: list[str] = []
        self._book = of
        self._missing = missing

    def read(self, path: str) -> bytes:
        self.paths.append(path)
        if path == self._missing:
            raise Unavailable("PEER_UNREACHABLE", peer=TAX)
        return reader.resource(self._book, path)


def fetched(read: LogReader, folder: Path) -> int:
    return fetching.fetch(read, folder, lambda *_: None)


def proven(folder: Path) -> logs.Erasures:
    read = folder_reader(folder)
    return logs.verify(Log(read, logs.head(read, PAPERS)))


def test_a_log_is_brought_whole(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    read = Asked(book(diary(600))).read
    assert fetching.fetch(read, tmp_path, lambda *n: told.append(n)) == 600
    assert told == [(256, 600), (512, 600), (600, 600)]
    assert proven(tmp_path).erased == set()


def test_it_is_the_same_as_an_export(tmp_path: Path) -> None:
    whole = book(diary(300))
    fetched(Asked(whole).read, tmp_path / "a")
    reader.export(whole, tmp_path / "b")
    files = [
        {file.relative_to(base): file.read_bytes() for file in base.rglob("*") if file.is_file()}
        for base in (tmp_path / "a", tmp_path / "b")
    ]
    assert files[0] == files[1]


def test_what_is_there_is_not_asked_for_again(tmp_path: Path) -> None:
    longer = diary(600)
    fetched(Asked(book(diary(300))).read, tmp_path)
    asked = Asked(book(longer))
    assert fetched(asked.read, tmp_path) == 600
    assert "tile/records/000" not in asked.paths
    assert "tile/records/001" in asked.paths
    assert not (tmp_path / "tile" / "records" / "001.p").exists()
    assert proven(tmp_path).erased == set()


def test_what_was_erased_meanwhile_goes_from_the_copy(tmp_path: Path) -> None:
    made = diary(300)
    before = book(made)
    fetched(Asked(before).read, tmp_path)
    secret = made.rows[3]
    assert secret
    made.erase(NOW, bytes(32), 3, 299)
    erased = MemoryBook()
    for number, row in enumerate(book(made).all):
        gone = Row(before.all[number].leaf, None, None, None) if row.erased else row
        erased.all.append(gone)  # the leaves stay what they were
    kept(erased, TAX, NOW)
    fetched(Asked(erased).read, tmp_path)
    assert proven(tmp_path).erased == {3, 299}
    assert secret[1] not in (tmp_path / "tile" / "records" / "000").read_bytes()


def test_what_broke_off_goes_on(tmp_path: Path) -> None:
    made = diary(600)
    with pytest.raises(Unavailable):
        fetched(Asked(book(made), "tile/records/001").read, tmp_path)
    assert not (tmp_path / CHECKPOINT).exists(), "a copy that is not whole is none"
    asked = Asked(book(made))
    fetched(asked.read, tmp_path)
    assert "tile/records/000" not in asked.paths
    assert proven(tmp_path).erased == set()


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PeerFault, match="RECEIPT_CHECKPOINT"):
        fetched(lambda _: b"nothing", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInput, match="EXPORT_FOLDER"):
        fetched(Asked(book(diary(3))).read, tmp_path / "file")


def test_a_tombstone_of_rows_that_are_not_there_is_left_to_the_verifier(tmp_path: Path) -> None:
    made = diary(3)
    made.add(events.write_tombstone(Tombstone(at=NOW, order=bytes(32), rows=(9_999_999,))))
    assert fetched(Asked(book(made)).read, tmp_path) == 4
    with pytest.raises(PeerFault, match="LOG_GAP"):
        proven(tmp_path)
