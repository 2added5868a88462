"""A department's file as a header and a stream of rows, whatever its format.

Knows how to tell CSV, XLSX and SQLite apart by their first bytes and what a header may look like.
Deliberately does not know which rows are good or where they go.
"""

import codecs
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from department_node.intake.database import database_rows
from department_node.intake.spec import ImportSpec, Rows
from department_node.intake.text import Encoding, EncodingGuess, text_rows
from department_node.intake.workbook import WorkbookLimits, workbook_rows
from federation.errors import BadInput

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """An opened file: its digest, its header and its rows, which can be read once."""

    sha256: str
    header: tuple[str, ...]
    rows: Rows
    integers: frozenset[str]
    """Columns that the file itself declares to hold whole numbers."""


@contextmanager
def open_table(source: Path, spec: ImportSpec) -> Iterator[Table]:
    """Open a file, find out what it is and read its header.

    Raises:
        BadInput: any ``IMPORT_…`` about the file as a whole; reading the rows raises them too.
    """
    with _opened(source) as file:
        before = os.fstat(file.fileno())
        if before.st_size > spec.max_bytes:
            raise BadInput("IMPORT_TOO_LARGE", size=before.st_size, limit=spec.max_bytes)
        sha256, guess = _survey(file)
        with _rows(source, file, spec, guess) as (found, integers):
            first = next(found, None)
            if first is None:
                raise BadInput("IMPORT_EMPTY")
            yield Table(
                sha256=sha256,
                header=_header(first[1], spec.max_columns),
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
def _rows(
    source: Path, file: BinaryIO, spec: ImportSpec, guess: Encoding
) -> Iterator[tuple[Rows, frozenset[str]]]:
    """Tell the format by the file's first bytes; the first row is the header."""
    head = file.read(_HEAD)
    file.seek(0)
    if head.startswith(_SQLITE):
        with database_rows(source, spec.source_table) as found:
            yield found
    elif head.startswith(_OLE):
        raise BadInput("IMPORT_OLD_WORKBOOK")
    elif head.startswith(_ZIP):
        yield workbook_rows(file, spec.sheet, _workbook_limits(spec)), frozenset()
    elif head.startswith(_UTF16):
        raise BadInput("IMPORT_ENCODING", row=1)
    elif _CONTROLS.search(head):
        raise BadInput("IMPORT_GARBAGE", row=1)
    else:
        encodings: dict[str, Encoding] = {"auto": guess, "utf-8": "utf-8", "gbk": "gb18030"}
        yield text_rows(file, encodings[spec.encoding]), frozenset()


def _workbook_limits(spec: ImportSpec) -> WorkbookLimits:
    return WorkbookLimits(
        unpacked_bytes=spec.max_unpacked_bytes,
        held_bytes=min(spec.max_unpacked_bytes, _HELD_BYTES),
        columns=spec.max_columns,
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
