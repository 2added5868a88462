"""A file of rows that somebody hands in, as a header and a stream of rows, whatever its format.

Knows how to tell CSV, XLSX and SQLite apart by their first bytes and what a header may look like.
SQLite is read by those who say how.
Deliberately does not know which rows are good or where they go.
"""

import codecs
import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeAlias

from federation.errors import BadInput
from federation.sheets.text import Encoding, EncodingGuess, text_rows
from federation.sheets.workbook import Rows, WorkbookLimits, workbook_rows

_BLOCK: Final = 1 << 20
_HEAD: Final = 4_096
_HEADER_CHARS: Final = 64
_HELD_BYTES: Final = 1 << 26
_SQLITE: Final = b"SQLite format 3\0"
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f]")
# A header that holds a number of fourteen digits is no header but the first person.
_DATA: Final = re.compile(r"\d(?:\s*\d){13}|\d[eE]\+\d")


Found: TypeAlias = tuple[Rows, frozenset[str]]
"""The rows, the header first, and the columns that the file itself declares as whole numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """How a file is read, and what it may cost.

    ``sheet`` of a workbook is its first if not named; ``database`` reads an SQLite file.
    """

    max_bytes: int
    max_unpacked_bytes: int
    max_columns: int
    encoding: Literal["auto", "utf-8", "gbk"] = "auto"
    sheet: str | None = None
    database: Callable[[Path], AbstractContextManager[Found]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An opened file: its digest, its header and its rows, which can be read once."""

    sha256: str
    header: tuple[str, ...]
    rows: Rows
    integers: frozenset[str]
    """Columns that the file itself declares to hold whole numbers."""


@contextmanager
def open_table(source: Path, how: Sheet) -> Iterator[Table]:
    """Open a file, find out what it is and read its header.

    Raises:
        BadInput: any ``IMPORT_…`` about the file as a whole; reading the rows raises them too.
    """
    with _opened(source) as file:
        before = os.fstat(file.fileno())
        if before.st_size > how.max_bytes:
            raise BadInput("IMPORT_TOO_LARGE", size=before.st_size, limit=how.max_bytes)
        sha256, guess = _survey(file)
        with _rows(source, file, how, guess) as (found, integers):
            first = next(found, None)
            if first is None:
                raise BadInput("IMPORT_EMPTY")
            yield Table(
                sha256=sha256,
                header=_header(first[1], how.max_columns),
                rows=_while_unchanged(found, file, before),
                integers=integers,
            )


def _opened(source: Path) -> BinaryIO:
    if not source.is_file():  # opening a pipe would wait for ever
        raise BadInput("IMPORT_FILE_MISSING", file=source.name)
    try:
        return source.open("rb")
    except OSError as error:
        raise BadInput("IMPORT_FILE_MISSING", file=source.name) from error


def _survey(file: BinaryIO) -> tuple[str, Encoding]:
    """Read the file once: its SHA-256 and, in case it is text, its encoding."""
    digest, guess = hashlib.sha256(), EncodingGuess()
    block = file.read(_BLOCK)
    while block:
        digest.update(block)
        guess.feed(block)
        block = file.read(_BLOCK)
    guess.feed(b"")
    file.seek(0)
    return digest.hexdigest(), guess.encoding


@contextmanager
def _rows(source: Path, file: BinaryIO, how: Sheet, guess: Encoding) -> Iterator[Found]:
    """Tell the format by the file's first bytes; the first row is the header."""
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(_SQLITE) and how.database:
        with how.database(source) as found:
            yield found
    elif head.startswith(_OLE):
        raise BadInput("IMPORT_OLD_WORKBOOK")
    elif head.startswith(_ZIP):
        yield workbook_rows(file, how.sheet, _workbook_limits(how)), frozenset()
    elif head.startswith(_UTF16):
        raise BadInput("IMPORT_ENCODING", row=1)
    elif _CONTROLS.search(head):
        raise BadInput("IMPORT_GARBAGE", row=1)
    else:
        encodings: dict[str, Encoding] = {"auto": guess, "utf-8": "utf-8", "gbk": "gb18030"}
        yield text_rows(file, encodings[how.encoding]), frozenset()


def _workbook_limits(how: Sheet) -> WorkbookLimits:
    return WorkbookLimits(
        unpacked_bytes=how.max_unpacked_bytes,
        held_bytes=min(how.max_unpacked_bytes, _HELD_BYTES),
        columns=how.max_columns,
    )


def _header(cells: Sequence[str], limit: int) -> tuple[str, ...]:
    """Check the header; errors name columns by position, for the first row may be a person."""
    if len(cells) > limit:
        raise BadInput("IMPORT_COLUMNS", limit=limit)
    names: dict[str, int] = {}
    for position, cell in enumerate(cells, 1):
        name = cell.strip()
        if not name:
            raise BadInput("IMPORT_HEADER_EMPTY", column=position)
        if _DATA.search(name):
            raise BadInput("IMPORT_HEADER_DATA", column=position)
        if len(name) > _HEADER_CHARS:
            raise BadInput("IMPORT_HEADER_LONG", column=position, limit=_HEADER_CHARS)
        if any(unicodedata.category(char)[0] == "C" for char in name):
            raise BadInput("IMPORT_HEADER_CHARACTERS", column=position)
        first = names.setdefault(name.casefold(), position)
        if first != position:
            raise BadInput("IMPORT_HEADER_DUPLICATE", column=position, first=first)
    return tuple(cell.strip() for cell in cells)


def _while_unchanged(rows: Rows, file: BinaryIO, before: os.stat_result) -> Rows:
    """Give all rows, then refuse if the file was written to meanwhile."""
    yield from rows
    after = os.fstat(file.fileno())
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise BadInput("IMPORT_CHANGED")
