"""A log as it is read: resources by path (C2SP tlog-tiles), from a book, and from a folder.

Knows which resources a book has, and how they lie in a folder. Does not know who asks for them, and
verifies nothing: a reader of logs trusts neither books nor folders.

Resources: ``checkpoint``; ``tile/<level>/<n>[.p/<width>]``; and, with the salted records,
``tile/records/<n>[.p/<width>]``, in the form of ``rows``.
"""

import os
import stat
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Final

from crypto import note, tiles
from crypto.errors import BadNote, BadProof
from crypto.merkle import HASH_SIZE
from federation import limits
from federation.errors import BadInput, PeerFault, Unavailable
from federation.log import rows
from federation.log.book import Book, Kept, altered, hashes, spans
from federation.log.rows import BUNDLE, FIXED

LogReader = Callable[[str], bytes]
"""Gives the bytes of a resource; raises Unavailable or PeerFault."""

CHECKPOINT: Final = "checkpoint"
COSIGNED_WITHIN: Final = 600
"""How long a checkpoint may wait for cosignatures (protocol §6), seconds."""
ROW_BYTES: Final = FIXED + 2 * limits.MESSAGE_BYTES
"""Most bytes of one row: a record, and beside it a whole message."""
_TILE: Final = "tile"
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_PLAIN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_PARTIAL: Final = "*.p"


def published(book: Book, cosignatures: int = 0) -> Kept:
    """Choose the checkpoint to show: the newest with enough cosignatures, of the last ten minutes.

    Where none has enough, it is the newest: then its readers see that witnesses are missing.

    Raises:
        Unavailable: LOG_PART_MISSING when there is none; LOG_ALTERED when one is no note.
    """
    newest = book.newest()
    if newest is None:
        raise _missing(CHECKPOINT)
    recent = reversed(book.kept(since=newest.at - COSIGNED_WITHIN))
    return next((kept for kept in recent if _cosignatures(kept) >= cosignatures), newest)


def resource(book: Book, path: str, cosignatures: int = 0) -> bytes:
    """Give a resource of a book; its checkpoint as ``published`` chooses it.

    Raises:
        PeerFault: MALFORMED when nothing has such a path.
        Unavailable: LOG_PART_MISSING when the newest checkpoint does not reach as far.
    """
    if path == CHECKPOINT:
        return published(book, cosignatures).note
    level, index, width = _parsed(path)
    first, stop = _within(book, path)
    if level is None:
        return rows.write(book.rows(first, stop))
    return hashes(book)(level, index, width)


def part(book: Book, path: str, offset: int, most: int, cosignatures: int = 0) -> tuple[bytes, int]:
    """Give at most so many bytes of a resource from an offset on, and the size of the whole.

    Of records, which can be large, no more rows are read than the part needs.

    Raises:
        PeerFault, Unavailable: as ``resource``.
    """
    if not is_records(path):
        whole = resource(book, path, cosignatures)
        return whole[offset : offset + most], len(whole)
    first, stop = _within(book, path)
    ends = list(accumulate(_sizes(book, first, stop)))
    begins = [0, *ends[:-1]]
    wanted = [n for n, end in enumerate(ends) if end > offset and begins[n] < offset + most]
    if not wanted:
        return b"", ends[-1]
    data = rows.write(book.rows(first + wanted[0], first + wanted[-1] + 1))
    skipped = offset - begins[wanted[0]]
    return data[skipped : skipped + most], ends[-1]


def is_records(path: str) -> bool:
    """Tell whether a path leads to records.

    Raises:
        PeerFault: MALFORMED.
    """
    return path != CHECKPOINT and _parsed(path)[0] is None


def limit(path: str) -> int:
    """Give the most bytes that a resource can have.

    Raises:
        PeerFault: MALFORMED.
    """
    if path == CHECKPOINT:
        return note.NOTE_MAX
    level, _, width = _parsed(path)
    return width * (ROW_BYTES if level is None else HASH_SIZE)


def checked(path: str, data: bytes) -> bytes:
    """Give what was read back if its length fits its path.

    Raises:
        PeerFault: OVERSIZE, or MALFORMED for a tile that is too short.
    """
    most = limit(path)
    if len(data) > most:
        raise PeerFault("OVERSIZE", limit=most, size=len(data))
    if path != CHECKPOINT and not is_records(path) and len(data) < most:
        raise PeerFault("MALFORMED", message=path)
    return data


def folder_reader(folder: Path) -> LogReader:
    """Read an exported log; nothing outside the folder, no links, nothing longer than it can be.

    Raises (the reader):
        Unavailable: LOG_PART_MISSING.
        PeerFault: MALFORMED or OVERSIZE.
    """
    root = folder.resolve()

    def read(path: str) -> bytes:
        most = limit(path)
        place = root / path
        try:
            if place.resolve(strict=True) != place:
                raise _missing(path)
            return checked(path, _read_file(place, most))
        except OSError as e:
            raise _missing(path) from e

    return read


def export(book: Book, folder: Path, cosignatures: int = 0) -> Kept:
    """Write a log into a folder, or what a folder with an earlier export of it lacks.

    A file is whole under its name or not there; the checkpoint comes after all that it needs. What
    was erased meanwhile goes from the folder too, and so do partial tiles that are outgrown.

    Raises:
        BadInput: EXPORT_FOLDER when another log lies there, or it cannot be written.
        Unavailable: LOG_PART_MISSING while there is no checkpoint, or as ``Book``.
    """
    kept = published(book, cosignatures)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        needed = _export_tiles(book, folder, kept.size)
        put(folder / CHECKPOINT, [kept.note])
        drop_outgrown(folder, needed)
    except OSError as e:
        raise BadInput("EXPORT_FOLDER", folder=folder.name) from e
    return kept


def _export_tiles(book: Book, folder: Path, size: int) -> set[Path]:
    """Write all tiles, and with each of the lowest level its records; give all their places."""
    needed: set[Path] = set()
    for level, index, width in tiles.widths(size):
        place = folder / tiles.path(level, index, width)
        _put_same(place, hashes(book)(level, index, width))
        needed.add(place)
        if level == 0:
            place = folder / tiles.path(None, index, width)
            _export_records(book, place, index * BUNDLE, width)
            needed.add(place)
    return needed


def _export_records(book: Book, place: Path, first: int, width: int) -> None:
    """Write a bundle, unless it lies there as long as it has to be: erasing shortens it."""
    stop = first + width
    if not place.exists() or place.stat().st_size != sum(_sizes(book, first, stop)):
        put(place, (rows.write(book.rows(*span)) for span in spans(book, first, stop)))


def _put_same(place: Path, data: bytes) -> None:
    """Write a file that never changes.

    Raises:
        BadInput: EXPORT_FOLDER when another one lies there.
    """
    if not place.exists():
        put(place, [data])
    elif place.read_bytes() != data:
        raise BadInput("EXPORT_FOLDER", folder=place.name)


def put(place: Path, parts: Iterable[bytes]) -> None:
    """Write a file of an exported log: it is whole under its name, or not there.

    Raises:
        OSError: as the system says.
    """
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}.fresh")
    with os.fdopen(os.open(fresh, _NEW, 0o600), "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(place)


def drop_outgrown(folder: Path, needed: set[Path]) -> None:
    """Remove from an exported log the partial tiles that are needed no more, and their records.

    Raises:
        OSError: as the system says.
    """
    for partials in list((folder / _TILE).rglob(_PARTIAL)):
        for file in set(partials.iterdir()) - needed:
            file.unlink()
        if not any(partials.iterdir()):
            partials.rmdir()


def _read_file(place: Path, most: int) -> bytes:
    """Read a plain file of at most so many bytes; nothing else there may keep us waiting."""
    with os.fdopen(os.open(place, _PLAIN), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError("not a file")
        if found.st_size > most:
            raise PeerFault("OVERSIZE", limit=most, size=found.st_size)
        return file.read(found.st_size)


@lru_cache(maxsize=4)  # asked several times of each path, one path after the other
def _parsed(path: str) -> tuple[int | None, int, int]:
    try:
        return tiles.parse_path(path)
    except BadProof as e:
        raise PeerFault("MALFORMED", message="path") from e


def _within(book: Book, path: str) -> tuple[int, int]:
    """Give first and last leaf of a tile that the newest checkpoint covers.

    Raises:
        Unavailable: LOG_PART_MISSING.
    """
    level, index, width = _parsed(path)
    under = BUNDLE ** (level or 0)
    first = index * BUNDLE * under
    stop = first + width * under
    newest = book.newest()
    if newest is None or stop > newest.size:
        raise _missing(path)
    return first, stop


def _sizes(book: Book, first: int, stop: int) -> list[int]:
    return [1 if length is None else FIXED + length for length in book.lengths(first, stop)]


def _cosignatures(kept: Kept) -> int:
    try:
        return len(note.parse(kept.note).signatures) - 1
    except BadNote as e:
        raise altered(kept.size) from e


def _missing(path: str) -> Unavailable:
    return Unavailable("LOG_PART_MISSING", path=path)
