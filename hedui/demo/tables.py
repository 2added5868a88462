"""Tables as departments keep them: SQLite, CSV in the encoding of the house, a spreadsheet.

Knows how to write each form so that the same rows give the same bytes. Knows no register.
"""

import csv
import io
import re
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from openpyxl import Workbook

Cell = str | int | None
UNWRITABLE = "〓"
"""What old registers print for a character their encoding lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a department: ``file`` holds it, the node will know it as ``name``."""

    name: str
    file: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    id_column: str
    required: tuple[str, ...] = ()
    encoding: str = "utf-8"


def write_tables(folder: Path, tables: Sequence[Table]) -> None:
    """Write every table into its file, several tables to one SQLite file where they share it."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in dict.fromkeys(table.file for table in tables):
        together = [table for table in tables if table.file == file]
        path = folder / file
        path.unlink(missing_ok=True)
        if path.suffix == ".sqlite":
            _write_sqlite(path, together)
        elif path.suffix == ".xlsx":
            path.write_bytes(_xlsx(together[0]))
        else:
            path.write_bytes(_csv(together[0]))


def _write_sqlite(path: Path, tables: Sequence[Table]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in tables:
            names = ", ".join(f'"{column}"' for column in table.columns)
            marks = ", ".join("?" for _ in table.columns)
            connection.execute(f'CREATE TABLE "{table.name}" ({names})')
            connection.executemany(
                f'INSERT INTO "{table.name}" VALUES ({marks})',  # noqa: S608 - own names
                table.rows,
            )


def _csv(table: Table) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return "".join(_writable(c, table.encoding) for c in text.getvalue()).encode(table.encoding)


def _writable(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return UNWRITABLE
    return character


def _xlsx(table: Table) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(table.name)
    sheet.append(table.columns)
    for row in table.rows:
        sheet.append(row)
    raw = io.BytesIO()
    book.save(raw)
    return _without_times(raw.getvalue())


def _without_times(workbook: bytes) -> bytes:
    """Rewrite the archive without the time of writing, which openpyxl puts in three places."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(out, "w") as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb">\d{4}-\d\d-\d\dT[\d:]+Z<", b">2020-01-01T00:00:00Z<", content)
            new.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def day(value: date | None) -> str:
    """Write a date; an open end is an empty cell."""
    return "" if value is None else value.isoformat()


def two_decimals(hundredths: int) -> str:
    """Write fen as yuan, or square-metre hundredths as square metres."""
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def ten_thousand_yuan(fen: int) -> str:
    """Write fen in units of ten thousand yuan, as company registers do."""
    return f"{fen // 1_000_000}.{fen % 1_000_000:06d}"
