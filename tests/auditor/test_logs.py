"""One log from its checkpoint down: proven as it is, or refused with where it breaks off."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from auditor import logs, records
from auditor.logs import Head, Log
from crypto import checkpoint, merkle, note
from crypto.checkpoint import Checkpoint
from crypto.note import Note
from federation.errors import PeerFault, Unavailable
from federation.ledger import LedgerEntry, digest
from federation.log import events, kinds, reader
from federation.log.events import Tombstone
from federation.log.kinds import Happened
from federation.log.node_events import NodePaused
from federation.log.reader import CHECKPOINT, LogReader, folder_reader
from federation.log.rows import Row
from federation.wire import codec
from tests.auditor import diaries
from tests.auditor.diaries import NOW, PAPERS, TAX, Diary, booked
from tests.federation.log.kept import Owner, keeper
from tests.support import exchanges
from tests.support.books import MemoryBook
from tests.support.exchanges import key

PAUSED = kinds.write(NodePaused(), NOW)


def entry(number: int) -> tuple[bytes, bytes]:
    """Make an exchange of nothing but its number, and what lies beside it."""
    beside = b"beside %d" % number
    made = LedgerEntry(
        at=NOW + number,
        kind="ask",
        caller="coordinator",
        request=b"request %d" % number,
        request_signature=b"",
        answer=b"",
        beside=digest(beside),
    )
    return codec.encode_entry(made), beside


def filled(count: int, *erased: int) -> MemoryBook:
    """Fill a log with exchanges and events, some erased in the end."""
    diary = Diary(TAX)
    for number in range(count):
        diary.add(PAUSED) if number % 5 == 4 else diary.add(*entry(number))
    if erased:
        diary.erase(NOW + count, bytes(32), *erased)
    return booked(diary, NOW + 10_000)


def reads(book: MemoryBook) -> LogReader:
    return lambda path: reader.resource(book, path)


def verified(read: LogReader) -> logs.Erasures:
    return logs.verify(Log(read, logs.head(read, PAPERS)))


def fault(read: LogReader) -> PeerFault:
    with pytest.raises(PeerFault) as caught:
        verified(read)
    return caught.value


@pytest.mark.parametrize("count", [1, 2, 5, 255, 256, 257, 511, 512, 700])
def test_a_log_of_any_size_is_proven(count: int) -> None:
    told: list[tuple[int, int]] = []
    read = reads(filled(count))
    head = logs.head(read, PAPERS)
    shown = [row for bundle in Log(read, head).bundles(lambda *n: told.append(n)) for row in bundle]
    assert len(shown) == head.tree.size == count
    assert told[-1] == (count, count)
    assert len(told) == -(-count // 256)
    assert head.party == TAX
    assert head.seen == NOW + 10_000
    assert set(head.cosigners) == {"witness_a", "witness_b", "witness_c"}


def test_a_log_of_many_levels_is_proven() -> None:
    """Hold tiles of three levels to one another; rows are given the same, to make it quick."""
    count = 256 * 256 + 300
    book = MemoryBook()
    row = booked(diary_of_one(), NOW).all[0]
    book.all = [row] * count
    own = Owner(id=TAX, manifest=exchanges.first_manifest(), key=key(TAX))
    keeper(book, owner=own).cut()
    read = reads(book)
    head = Head(party=TAX, tree=tree_of(read), cosigners={})
    assert logs.verify(Log(read, head)).erased == set()
    log = Log(read, head)
    for size in (1, 255, 256, 65_535, 65_536, 65_537, count):
        assert log.root_of(size) == merkle.root([row.leaf] * size)


def diary_of_one() -> Diary:
    diary = Diary(TAX)
    diary.add(*entry(0))
    return diary


def tree_of(read: LogReader) -> Checkpoint:
    return checkpoint.parse(note.parse(read(CHECKPOINT)).text)


def test_an_empty_log_is_proven() -> None:
    tree = Checkpoint(origin="test/tax", size=0, root=merkle.EMPTY_ROOT)
    log = Log(pytest.fail, Head(party=TAX, tree=tree, cosigners={}))
    assert list(log.bundles()) == []
    assert log.root_of(0) == merkle.EMPTY_ROOT


def test_erased_rows_are_told_with_their_tombstone() -> None:
    found = verified(reads(filled(300, 3, 280)))
    assert found.erased == {3, 280}
    assert {row: one.rows for row, one in found.tombstones.items()} == {300: (3, 280)}


def test_a_gap_without_a_tombstone_is_found() -> None:
    book = filled(300, 3)
    book.all[7] = Row(book.all[7].leaf, None, None, None)
    found = fault(reads(book))
    assert (found.code, found.details["row"]) == ("LOG_GAP", 7)


def test_a_row_that_its_tombstone_names_and_that_is_there_is_found() -> None:
    diary = Diary(TAX)
    for number in range(4):
        diary.add(*entry(number))
    diary.add(events.write_tombstone(Tombstone(at=NOW, order=bytes(32), rows=(3,))))
    found = fault(reads(booked(diary, NOW)))
    assert (found.code, found.details["row"]) == ("LOG_GAP", 3)


# -- files (every byte of them: test_flips)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export a log of two bundles with an erased row."""
    target = tmp_path_factory.mktemp("log") / "tax"
    reader.export(filled(263, 260), target)
    return target


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("cut", [b"", b"short"])
def test_a_torn_file_is_found(folder: Path, cut: bytes) -> None:
    for path in files(folder):
        plain = folder_reader(folder)

        def read(wanted: str, path: str = path, plain: LogReader = plain) -> bytes:
            return cut if wanted == path else plain(wanted)

        assert fault(read).code in {"RECEIPT_CHECKPOINT", "LOG_TILE", "LOG_ROW"}


def test_a_missing_file_is_named(folder: Path) -> None:
    plain = folder_reader(folder)
    for path in files(folder):

        def read(wanted: str, path: str = path) -> bytes:
            if wanted == path:
                raise Unavailable("LOG_PART_MISSING", path=path)
            return plain(wanted)

        with pytest.raises(Unavailable, match="LOG_PART_MISSING"):
            verified(read)


def test_a_file_that_is_too_long_is_refused(folder: Path) -> None:
    plain = folder_reader(folder)

    def read(path: str) -> bytes:
        return reader.checked(path, plain(path) + b"0" * 32) if "tile/0" in path else plain(path)

    found = fault(read)
    assert (found.code, found.details["why"]) == ("LOG_TILE", "OVERSIZE")


def test_a_reader_that_is_too_generous_is_refused(folder: Path) -> None:
    plain = folder_reader(folder)
    found = fault(lambda path: plain(path) + (b"0" * 32 if "tile/0" in path else b""))
    assert (found.code, found.details["why"]) == ("LOG_TILE", "length")


# -- what lies beside, and what is no record


def edited(number: int, **changes: bytes) -> LogReader:
    """Show a log one of whose rows has other bytes than its leaf, or beside it."""
    book = filled(5)
    book.all[number] = book.all[number]._replace(**changes)
    return reads(book)


@pytest.mark.parametrize(
    ("number", "changes", "code"),
    [
        (1, {"record": entry(9)[0]}, "LOG_ROW"),
        (1, {"salt": bytes(16)}, "LOG_ROW"),
        (1, {"beside": b"other"}, "LOG_BESIDE"),
        (1, {"beside": b""}, "LOG_BESIDE"),
        (4, {"beside": b"something"}, "LOG_BESIDE"),
    ],
)
def test_an_edited_row_is_found(number: int, changes: dict[str, bytes], code: str) -> None:
    found = fault(edited(number, **changes))
    assert (found.code, found.details["row"]) == (code, number)
    assert found.details["file"] == "tile/records/000.p/5"
    assert found.details["signed"] != found.details["computed"]


@pytest.mark.parametrize("record", [b"", b"nothing", b"{}", b"{", b'{"at":1,"kind":"unknown"}'])
def test_what_is_no_record_is_found(record: bytes) -> None:
    diary = Diary(TAX)
    diary.add(record)
    found = fault(reads(booked(diary, NOW)))
    assert (found.code, found.details["row"]) == ("LOG_RECORD", 0)


def test_a_record_is_read_as_what_it_is() -> None:
    made, beside = entry(3)
    assert isinstance(records.read(made), LedgerEntry)
    assert records.beside(made) == digest(beside)
    assert isinstance(records.read(PAUSED), Happened)
    assert records.beside(PAUSED) is None
    tombstone = Tombstone(at=NOW, order=bytes(32), rows=(1,))
    written = events.write_tombstone(tombstone)
    assert records.read(written) == records.tombstone(written) == tombstone
    assert records.beside(written) is None
    assert records.tombstone(made) is None


def test_a_tombstone_in_another_kinds_text_is_none() -> None:
    """A text with quotes is escaped, so that no party can write one into an event's field."""
    event = diaries.honest().openings[diaries.CASE]
    record = kinds.write(replace(event, operator='","kind":"tombstone"'), NOW)
    assert records.tombstone(record) is None
    assert records.beside(record) is None


# -- heads


def head_of(change: Callable[[Note], Note]) -> LogReader:
    """Show a log whose checkpoint somebody has changed."""
    book = filled(5)
    (kept,) = book.checkpoints
    book.checkpoints = [replace(kept, note=note.write(change(note.parse(kept.note))))]
    return reads(book)


def other_text(text: str) -> Callable[[Note], Note]:
    def change(signed: Note) -> Note:
        lines = [note.sign(text, text.split("\n", maxsplit=1)[0], key(TAX))]
        return Note(text=text, signatures=tuple(lines))

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda one: replace(one, signatures=one.signatures[1:]), "RECEIPT_CHECKPOINT"),
        (lambda one: replace(one, signatures=one.signatures[:2]), "RECEIPT_WITNESSES"),
        (lambda one: replace(one, signatures=one.signatures[:1]), "RECEIPT_WITNESSES"),
        (other_text("test/tax\nmany\n\n"), "RECEIPT_CHECKPOINT"),
        (
            other_text(checkpoint.write(Checkpoint(origin="other/tax", size=1, root=bytes(32)))),
            "RECEIPT_CHECKPOINT",
        ),
        (
            other_text(checkpoint.write(Checkpoint(origin="test/nobody", size=1, root=bytes(32)))),
            "RECEIPT_CHECKPOINT",
        ),
    ],
)
def test_a_head_that_is_not_believed(change: Callable[[Note], Note], code: str) -> None:
    assert fault(head_of(change)).code == code


def test_what_is_no_note_is_no_head() -> None:
    found = fault(lambda _: b"nothing")
    assert (found.code, found.details["file"]) == ("RECEIPT_CHECKPOINT", CHECKPOINT)


def test_a_tree_that_its_tiles_do_not_lead_to() -> None:
    read = reads(filled(5))
    head = logs.head(read, PAPERS)
    other = replace(head, tree=replace(head.tree, root=bytes(32)))
    with pytest.raises(PeerFault) as caught:
        list(Log(read, other).bundles())
    assert caught.value.code == "LOG_TILE"
    assert caught.value.details["signed"] == bytes(32).hex()
