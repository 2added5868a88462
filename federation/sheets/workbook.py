"""The rows of an XLSX workbook as text.

Knows the ways in which a workbook is hostile or broken: a zip that unpacks to too much, a sheet
that claims a million rows, a row of a million cells, a number with more digits than a spreadsheet
keeps. Deliberately does not know what the columns mean.
"""

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import IO, BinaryIO, Final, TypeAlias, cast
from xml.etree.ElementTree import ParseError
from xml.parsers import expat

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet.worksheet import Worksheet
from openpyxl.xml.constants import ARC_CONTENT_TYPES, WORKSHEET_TYPE
from openpyxl.xml.functions import fromstring

from federation.errors import BadInput

Rows: TypeAlias = Iterator[tuple[int, list[str]]]
"""Row numbers as the file counts them, and cells; an empty cell is ""."""

# They are about styles and odd dates, and some quote a cell.
warnings.filterwarnings("ignore", module=r"openpyxl\.")

_SHEET_ROWS: Final = 1_048_576  # no worksheet has more
_ROW_ELEMENTS: Final = 1 << 17  # no row has more than 16,384 cells; a row is held in memory
_KEPT_DIGITS: Final = 10**15  # a spreadsheet keeps fifteen digits of a number
_STREAMED: Final = re.compile(r"/xl/worksheets/[^/]+\.xml")  # every other part is held in memory
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    expat.ExpatError,
    ParseError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What the reader of workbooks raises on a broken one; it has no error of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkbookLimits:
    """What a workbook may cost: bytes unpacked, bytes of a part held in memory, columns."""

    unpacked_bytes: int
    held_bytes: int
    columns: int


def workbook_rows(file: BinaryIO, sheet: str | None, limits: WorkbookLimits) -> Rows:
    """Give row numbers and cells of one sheet, from its first row with content.

    Every row is as wide as the first one, or one wider where it has content beyond.

    Raises:
        BadInput: ``IMPORT_UNPACKED``, ``IMPORT_COLUMNS``, ``IMPORT_SHEET_MISSING`` or
            ``IMPORT_GARBAGE``.
    """
    row = 0
    try:
        _check_unpacked(file, limits)
        for row, cells in _rows(file, sheet, limits):
            yield row, cells
    except _BROKEN:
        # Without its cause: the reader's own text may quote a cell.
        raise BadInput("IMPORT_GARBAGE", row=row + 1) from None


def _check_unpacked(file: BinaryIO, limits: WorkbookLimits) -> None:
    """Refuse a zip bomb by its directory; reading a member stops at the size stated there."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if size > limits.unpacked_bytes:
            raise BadInput("IMPORT_UNPACKED", size=size, limit=limits.unpacked_bytes)
        held = [m.file_size for m in members if not _STREAMED.fullmatch("/" + m.filename)]
        if max(held) > limits.held_bytes:
            raise BadInput("IMPORT_UNPACKED", size=max(held), limit=limits.held_bytes)
        for member in members:
            if _STREAMED.fullmatch("/" + member.filename):
                with archive.open(member) as part:
                    _RowCheck(limits.columns).check(part)
        parts = fromstring(archive.read(ARC_CONTENT_TYPES))
    for listed in parts:
        streamed = _STREAMED.fullmatch(listed.get("PartName", ""))
        if streamed and listed.get("ContentType") != WORKSHEET_TYPE:
            raise BadInput("IMPORT_GARBAGE", row=1)  # it would be held in memory after all


class _RowCheck:
    """Counts what stands in each row while a sheet passes by; refuses one that is endless."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._elements = 0

    def check(self, part: IO[bytes]) -> None:
        """Look at a whole sheet.

        Raises:
            BadInput: IMPORT_COLUMNS.
        """
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.ParseFile(part)

    def _begin(self, _name: str, _attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > _ROW_ELEMENTS:
            raise BadInput("IMPORT_COLUMNS", limit=self._limit)

    def _end(self, name: str) -> None:
        if name == "row" or name.endswith(":row"):
            self._elements = 0


def _rows(file: BinaryIO, sheet: str | None, limits: WorkbookLimits) -> Rows:
    with closing(load_workbook(file, read_only=True, data_only=True, keep_links=False)) as workbook:
        names = [worksheet.title for worksheet in workbook.worksheets]
        if not names or (sheet is not None and sheet not in names):
            raise BadInput("IMPORT_SHEET_MISSING", sheet=sheet or "", exist=", ".join(names))
        worksheet = workbook.worksheets[names.index(sheet) if sheet is not None else 0]
        worksheet.reset_dimensions()  # the stated size may be anything
        first, header = _header(worksheet, limits.columns)
        if not header:
            return
        yield first, header
        # A column more than the header has, so that a row that is too long is seen.
        for row, cells in _cells(worksheet, first + 1, len(header) + 1):
            yield row, cells if cells[-1] else cells[:-1]


def _header(worksheet: ReadOnlyWorksheet, columns: int) -> tuple[int, list[str]]:
    """Find the first row with content; it is one wider than allowed if it is too wide."""
    for row, cells in _cells(worksheet, 1, columns + 1):
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            return row, cells
    return 0, []


def _cells(worksheet: ReadOnlyWorksheet, first: int, width: int) -> Rows:
    # The read-only sheet borrows this method in a way that its type stub cannot express.
    found = cast("Worksheet", worksheet).iter_rows(
        min_row=first, max_row=_SHEET_ROWS, max_col=width, values_only=True
    )
    for row, values in enumerate(found, first):
        yield row, [_text(value) for value in values]


def _text(value: object) -> str:
    """Write a cell as text: integers plainly, dates by ISO 8601, nothing as nothing."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return str(int(value))
        case int() | float():
            return _number(value)
        case datetime():
            day, clock = value.date(), value.time()
            return day.isoformat() if clock == time.min else value.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)


def _number(value: float) -> str:
    """Write a number so that digits a spreadsheet has lost are seen to be lost."""
    if abs(value) >= _KEPT_DIGITS:
        return f"{value:.14E}"
    return str(int(value)) if value == int(value) else repr(value)
