"""Every flipped byte of a checkpoint and of an exported log is found, and where it is.

Exhaustively for one cosigned checkpoint and one export of 64 kB, at ten thousand seeded positions
for a larger log. Tokens (test_verify), receipts (test_receipts) and bundles (test_bundles) have
theirs beside the rest of their tests.
"""

import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from hashlib import shake_256
from itertools import accumulate
from pathlib import Path
from typing import Final

import pytest

from auditor import inclusion, logs
from auditor.logs import Head, Log
from crypto import tiles
from crypto.merkle import HASH_SIZE
from crypto.tiles import HEIGHT
from federation.errors import PeerFault
from federation.ledger import LedgerEntry, digest
from federation.log import kinds, reader
from federation.log.node_events import NodePaused
from federation.log.reader import CHECKPOINT, LogReader, is_records
from federation.log.rows import BUNDLE
from federation.wire import codec
from tests.auditor.diaries import NOW, PAPERS, TAX, Diary, booked

SMALL: Final = 262
"""Rows of the log that is tried exhaustively: a full bundle, a partial one, a level above."""
LARGE: Final = 1_100
ERASED: Final = (17, 100, 101, 257)
SEED: Final = 4
POSITIONS: Final = 10_000
AUTHENTIC: Final = {"RECEIPT_CHECKPOINT", "RECEIPT_COSIGNATURE", "RECEIPT_MANIFEST"}


def entry(number: int) -> tuple[bytes, bytes]:
    """Make an exchange with a short header, and what lies beside it."""
    beside = shake_256(b"beside %d" % number).digest(80)
    made = LedgerEntry(
        at=NOW + number,
        kind="ask",
        caller="coordinator",
        request=b"request %d" % number,
        request_signature=shake_256(b"signature %d" % number).digest(64),
        answer=b"",
        beside=digest(beside),
    )
    return codec.encode_entry(made), beside


class Exported:
    """A log as it was exported, in memory."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self.head = logs.head(self.read, PAPERS)
        self._ends = {path: list(row_ends(files[path])) for path in files if is_records(path)}

    def read(self, path: str) -> bytes:
        """Read a file as it is."""
        return self.files[path]

    def flipped(self, path: str, at: int, mask: int) -> LogReader:
        """Read the log with another byte in one file."""
        data = self.files[path]
        other = data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
        return lambda wanted: other if wanted == path else self.files[wanted]

    def row(self, path: str, at: int) -> int:
        """Tell to which row of the log a byte of records belongs."""
        return tiles.parse_path(path)[1] * BUNDLE + bisect_right(self._ends[path], at)


def row_ends(data: bytes) -> Iterator[int]:
    """Give the byte after each row of a bundle, read by the page that describes it."""
    at = 0
    while at < len(data):
        if data[at] == 1:
            at += 17
            at += 4 + int.from_bytes(data[at : at + 4], "big")
            at += 3 + int.from_bytes(data[at : at + 4], "big")
        at += 1
        yield at


def exported(count: int, folder: Path) -> Exported:
    """Export a log with erased rows through the party's own way, and take it into memory."""
    diary = Diary(TAX)
    for number in range(count - 1):
        if number % 16 == 15:
            diary.add(kinds.write(NodePaused(), NOW + number))
        else:
            diary.add(*entry(number))
    diary.erase(NOW + count, bytes(32), *ERASED)
    reader.export(booked(diary, NOW + 10_000), folder)
    files = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    return Exported({path: file.read_bytes() for path, file in sorted(files.items())})


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported(SMALL, tmp_path_factory.mktemp("small") / TAX)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return exported(LARGE, tmp_path_factory.mktemp("large") / TAX)


def fault(read: LogReader, head: Head) -> PeerFault:
    """Audit a log under a head that is believed."""
    with pytest.raises(PeerFault) as caught:
        logs.verify(Log(read, head))
    return caught.value


def test_what_nobody_touched_holds(small: Exported, large: Exported) -> None:
    for log, count in ((small, SMALL), (large, LARGE)):
        assert log.head.tree.size == count
        assert logs.verify(Log(log.read, log.head)).erased == set(ERASED)
    assert 60_000 < sum(map(len, small.files.values())) < 70_000
    assert small.files.keys() == {
        CHECKPOINT,
        *("tile/0/000", "tile/0/001.p/6", "tile/1/000.p/1"),
        *("tile/records/000", "tile/records/001.p/6"),
    }


# -- a checkpoint


def parts(data: bytes) -> list[range]:
    """Cut a checkpoint into its text with the empty line, and its lines of signatures."""
    text = data.index(b"\n\n") + 2
    lengths = [text, *map(len, data[text:].splitlines(keepends=True))]
    return [range(end - size, end) for size, end in zip(lengths, accumulate(lengths), strict=True)]


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_every_byte_of_a_cosigned_checkpoint_counts(small: Exported, mask: int) -> None:
    """Flipping any byte is refused; it is told whether in the text or in which line it is."""
    data = small.files[CHECKPOINT]
    told = parts(data)
    assert len(told) == 5  # the log's line and three witnesses'
    for part in told:
        for at in part:
            with pytest.raises(PeerFault) as caught:
                logs.head(small.flipped(CHECKPOINT, at, mask), PAPERS)
            error = caught.value
            assert error.code in AUTHENTIC, at
            assert error.details["file"] == CHECKPOINT
            first, last = map(int, str(error.details["bytes"]).split("-"))
            assert first <= at <= last, (at, error.details)
            # Where ends of lines are made or lost, two parts look like one, or one like two.
            assert last < part.stop or data[at] == 0x0A or data[at] ^ mask == 0x0A, (at, error)


def shown(data: bytes) -> tuple[int, int] | None:
    """Tell which bytes of a checkpoint nobody vouches for."""
    return inclusion.fault(data, PAPERS.manifests.values())


def test_what_nobody_vouches_for_is_told_as_far_as_it_can_be(small: Exported) -> None:
    data = small.files[CHECKPOINT]
    text, own, *witnesses = (data[part.start : part.stop] for part in parts(data))
    assert shown(data) is None
    assert shown(text + own) is None
    other = text.replace(b"262", b"263")
    assert shown(other + own + witnesses[0]) == (0, len(text))
    for whole in (other + own, text, text.strip(), b"", text + own * 17):
        assert shown(whole) == (0, len(whole))
    stranger = own.replace(b"test/tax", b"test/sax")
    end = len(text + own)
    assert shown(text + own + stranger + witnesses[0]) == (end, end + len(own))


# -- an exported log


def located(log: Exported, path: str, at: int, mask: int) -> None:
    """Flip a byte of a tile or of records, and see whether its file and its row are named."""
    error = fault(log.flipped(path, at, mask), log.head)
    where = path, at, mask, error.code, error.details
    assert error.details["file"] == path, where
    if is_records(path):
        assert error.code in {"LOG_ROW", "LOG_BESIDE"}, where
        row = log.row(path, at)
        # Where a row is now said to be erased, the next one is the first that does not read.
        assert error.details["row"] in {row, row + 1}, where
        return
    assert error.code == "LOG_TILE", where
    level, index, width = tiles.parse_path(path)
    place = 0 if width == BUNDLE else at // HASH_SIZE  # a full tile is one hash of the one above
    row = index * BUNDLE + place << HEIGHT * (level or 0)
    assert error.details.get("row", row) == row, where
    assert "row" in error.details or row in ERASED, where


def test_every_byte_of_an_exported_log_counts(small: Exported) -> None:
    """Flipping any byte is refused and located, exhaustively for an export of 64 kB."""
    draw = random.Random(SEED)
    for path in sorted(small.files.keys() - {CHECKPOINT}):
        for at in range(len(small.files[path])):
            located(small, path, at, draw.randint(1, 255))


@pytest.mark.parametrize("records", [False, True])
def test_ten_thousand_bytes_of_a_larger_log_count(large: Exported, records: bool) -> None:
    """Flipping a byte is refused and located, at seeded positions of all tiles, or of records."""
    mine = [path for path in large.files if path != CHECKPOINT and is_records(path) is records]
    ends = list(accumulate(len(large.files[path]) for path in mine))
    draw = random.Random(SEED)
    for place in draw.choices(range(ends[-1]), k=POSITIONS):
        which = bisect_right(ends, place)
        at = place - (ends[which - 1] if which else 0)
        located(large, mine[which], at, draw.randint(1, 255))


@pytest.mark.parametrize("row", [0, 1, 16, *ERASED, 255, 256, 258, SMALL - 2])
def test_a_row_that_is_shown_as_erased_and_an_erased_one_that_is_shown(
    small: Exported, row: int
) -> None:
    path = "tile/records/000" if row < BUNDLE else "tile/records/001.p/6"
    starts = [0, *row_ends(small.files[path])]
    located(small, path, starts[row % BUNDLE], 0x01)


def test_of_an_edge_over_torn_records_no_more_is_told_than_is_known(small: Exported) -> None:
    """Somebody has altered the edge's leaves, and torn the rows by which they could be told."""
    edge, records = "tile/0/001.p/6", "tile/records/001.p/6"
    torn = {edge: bytes(192), records: b""}
    error = fault(lambda path: torn.get(path, small.files[path]), small.head)
    assert (error.code, error.details["file"]) == ("LOG_TILE", CHECKPOINT)
