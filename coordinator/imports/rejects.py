"""The rows of a case list that were left out, as a workbook to be corrected and imported again.

Knows the file's form: what was wrong stands before the row as it came, and every cell is text, so
that no program rounds a number or runs a formula. The file names people: its owner alone reads it.
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from coordinator.imports.mapping import OWN
from coordinator.imports.reading import Reject
from federation import keyfile
from federation.errors import BadInput

_TEXT: Final = "@"
_MOST: Final = 1_000  # characters of a cell that are written


def write(file: Path, header: Sequence[str], rejects: Sequence[Reject], lang: str) -> None:
    """Write the rows into a file, replacing it whole.

    Raises:
        BadInput: FILE_UNWRITABLE.
    """
    book = Workbook(write_only=True)
    sheet: WriteOnlyWorksheet = book.create_sheet("rejects")
    kept = [place for place, name in enumerate(header) if name not in OWN]
    _append(sheet, [*OWN, *(header[place] for place in kept)])
    for one in rejects:
        cells = one.line.cells
        row = [cells[place] if place < len(cells) else "" for place in kept]
        beyond = cells[len(header) :]  # of a row that is too wide
        _append(sheet, [str(one.line.row), one.error.code, why(one, lang), *row, *beyond])
    out = BytesIO()
    book.save(out)
    try:
        keyfile.write_private(file, out.getvalue())
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=file.name, folder=file.parent.name) from e


def why(one: Reject, lang: str) -> str:
    """Say in one line what is wrong and what to do."""
    end = "。" if lang == "zh" else ". "
    return f"{one.error.title(lang)}{end}{one.error.help(lang)}"


def _append(sheet: WriteOnlyWorksheet, texts: Sequence[str]) -> None:
    cells = []
    for text in texts:
        cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", text)[:_MOST])
        cell.data_type = "s"
        cell.number_format = _TEXT
        cells.append(cell)
    sheet.append(cells)
