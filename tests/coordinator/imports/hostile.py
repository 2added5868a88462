"""Workbooks and texts that no honest program writes."""

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from tests.coordinator.imports import lists

SHEET = "xl/worksheets/sheet1.xml"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def with_sheet(file: Path, rows: bytes) -> Path:
    """Write a workbook whose sheet says this."""
    lists.xlsx(file, [])
    with ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    body = f'<worksheet xmlns="{_MAIN}"><sheetData>'.encode() + rows
    members[SHEET] = body + b"</sheetData></worksheet>"
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def wide(file: Path, cells: int = 1_000_000) -> Path:
    """Write a workbook with one row of many cells."""
    return with_sheet(file, b'<row r="1">' + b"<c/>" * cells + b"</row>")


def bomb(file: Path) -> Path:
    """Write a workbook that unpacks to a thousand times its size."""
    return with_sheet(file, b"<row>" + b" " * (200 << 20) + b"</row>")
