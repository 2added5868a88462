"""Statistics as CSV and XLSX: one line a part, the total, and where parts do not add up to it.

Knows both formats. Numbers go in as numbers, shares as fractions; a spreadsheet reads the CSV as
UTF-8 by its mark.
"""

import csv
from collections.abc import Iterator
from io import BytesIO, StringIO
from typing import Final

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from coordinator.statistics.columns import (
    COLUMNS,
    Form,
    Naming,
    Number,
    difference,
    period_name,
    title,
)
from coordinator.statistics.figures import Coverage, Figures, Part, Statistics, both

Cell = str | Number
_FORMATS: Final = {Form.COUNT: "#,##0", Form.SHARE: "0.0%", Form.HOURS: "#,##0.0"}
_MARK: Final = "\ufeff"
_WIDTH: Final = 16


def to_csv(one: Statistics, naming: Naming) -> bytes:
    """Write the breakdown as CSV."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow([naming.by(one.by), *(column.title(naming.lang) for column in COLUMNS)])
    writer.writerows(_lines(one.by, one.parts, one.total, naming))
    for each in one.differences:
        writer.writerow([difference(each, naming)])
    return (_MARK + text.getvalue()).encode()


def to_xlsx(one: Statistics, coverage: list[Coverage], naming: Naming) -> bytes:
    """Write a workbook: the breakdown, months, areas, coverage."""
    book = Workbook()
    book.remove(book.worksheets[0])
    first = book.create_sheet(naming.by(one.by))
    _sheet(first, one.by, one.parts, one.total, naming)
    first.append([])
    for each in one.differences:
        first.append([difference(each, naming)])
    first.append([title(one, naming)])
    for by, parts in (("month", one.months), ("area", one.areas)):
        if by != one.by:
            _sheet(book.create_sheet(naming.by(by)), by, parts, None, naming)
    _coverage(book.create_sheet(naming.pick("双百", "coverage")), coverage, naming)
    book.properties.title = title(one, naming)
    book.properties.subject = period_name(one.period, naming)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(
    sheet: Worksheet, by: str, parts: tuple[Part, ...], whole: Figures | None, naming: Naming
) -> None:
    sheet.append([naming.by(by), *(column.title(naming.lang) for column in COLUMNS)])
    for line in _lines(by, parts, whole, naming):
        sheet.append(line)
    for number, column in enumerate(COLUMNS, 2):
        for (cell,) in sheet.iter_rows(min_row=2, min_col=number, max_col=number):
            cell.number_format = _FORMATS[column.form]
    _finish(sheet)


def _coverage(sheet: Worksheet, coverage: list[Coverage], naming: Naming) -> None:
    sheet.append([naming.by("programme"), *coverage_titles(naming)])
    for one in [*coverage, both(coverage)]:
        name = naming.part("programme", one.key) if one.key else naming.total
        sheet.append([name, *coverage_values(one)])
    for number in (4, 7):
        for (cell,) in sheet.iter_rows(min_row=2, min_col=number, max_col=number):
            cell.number_format = _FORMATS[Form.SHARE]
    _finish(sheet)


def coverage_titles(naming: Naming) -> tuple[str, ...]:
    """Name the columns of coverage."""
    return (
        *naming.pick("新申请 已核对 新申请覆盖率", "new checked coverage").split(),
        *naming.pick("在保户 已复核 在保覆盖率", "in-aid rechecked coverage").split(),
    )


def coverage_values(one: Coverage) -> tuple[Number, ...]:
    """Give the figures of coverage, in the order of their titles."""
    new, old = one.new, one.existing
    return new.wanted, new.checked, new.rate, old.wanted, old.checked, old.rate


def _lines(
    by: str, parts: tuple[Part, ...], whole: Figures | None, naming: Naming
) -> Iterator[list[Cell]]:
    for part in parts:
        yield [naming.part(by, part.key), *(column.value(part.figures) for column in COLUMNS)]
    if whole:
        yield [naming.total, *(column.value(whole) for column in COLUMNS)]


def _finish(sheet: Worksheet) -> None:
    """Make the first row bold and keep it and the first column in view."""
    sheet.freeze_panes = "B2"
    for number, cell in enumerate(sheet[1], 1):
        cell.font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTH
