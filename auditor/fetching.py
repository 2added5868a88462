"""Bring another party's log into a folder, over whatever gives its resources; again, to go on.

Knows which files an exported log has, and what of an earlier copy still holds. Believes nothing of
what comes: ``logs`` verifies it afterwards, without any network.
"""

from collections.abc import Iterator
from pathlib import Path

from auditor import records
from auditor.logs import Tell
from crypto import checkpoint, note, tiles
from crypto.errors import BadNote
from federation.errors import BadInput, PeerFault
from federation.log import rows
from federation.log.reader import CHECKPOINT, LogReader, drop_outgrown, put
from federation.log.rows import BUNDLE


def fetch(read: LogReader, folder: Path, tell: Tell) -> int:
    """Write a log into a folder, or what an earlier copy in it lacks; give the number of its rows.

    What was erased meanwhile is fetched anew, so that it goes from the copy too.

    Raises:
        BadInput: EXPORT_FOLDER when it cannot be written.
        PeerFault: RECEIPT_CHECKPOINT; or as the reader.
        Unavailable: as the reader.
    """
    data = read(CHECKPOINT)
    try:
        size = checkpoint.parse(note.parse(data).text).size
    except BadNote as e:
        raise PeerFault("RECEIPT_CHECKPOINT", why=str(e)) from e
    try:
        needed = set(_tiles(read, folder, size, tell))
        put(folder / CHECKPOINT, [data])
        drop_outgrown(folder, needed)
    except OSError as e:
        raise BadInput("EXPORT_FOLDER", folder=folder.name) from e
    return size


def _tiles(read: LogReader, folder: Path, size: int, tell: Tell) -> Iterator[Path]:
    """Write all tiles and records that are not there; give all their places."""
    for level, index, width in tiles.widths(size):
        yield _tile(read, folder, tiles.path(level, index, width))
        if level == 0:
            yield _records(read, folder, index, size)
            tell(index * BUNDLE + width, size)


def _records(read: LogReader, folder: Path, index: int, size: int) -> Path:
    """Write a bundle, and before it those again of which it says that something was erased."""
    path = _bundle(index, size)
    place = folder / path
    if not place.exists():
        data = read(path)
        width = min(BUNDLE, size - index * BUNDLE)
        gone = {row // BUNDLE for row in _erased(data, width) if row < size}
        for stale in sorted(gone - {index}):
            again = _bundle(stale, size)
            put(folder / again, [read(again)])
        put(place, [data])
    return place


def _bundle(index: int, size: int) -> str:
    return tiles.path(None, index, min(BUNDLE, size - index * BUNDLE))


def _tile(read: LogReader, folder: Path, path: str) -> Path:
    place = folder / path
    if not place.exists():
        put(place, [read(path)])
    return place


def _erased(data: bytes, count: int) -> Iterator[int]:
    """Give the rows that the tombstones of a bundle name."""
    for row in rows.each(data, count):
        tombstone = records.tombstone(row[1]) if row and not row[2] else None
        if tombstone:
            yield from tombstone.rows
