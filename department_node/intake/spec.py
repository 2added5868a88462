"""What a department says about an import and what it is told afterwards.

Knows no file format and no database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from federation.ids import Notice

NO_TEXT: Final = "\0"
"""Stands for a cell that holds bytes; no accepted cell has this character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSpec:
    """What a department says about its file and where the rows go."""

    table: str
    id_column: str | None = None
    """Header of the column with resident numbers; it is brought into canonical form."""
    required: tuple[str, ...] = ()
    integers: tuple[str, ...] = ()
    """Columns of whole numbers: SQL compares and adds these as numbers, all others as text."""
    indexes: tuple[str, ...] = ()
    """Columns by which rows are looked up besides ``id_column``."""
    encoding: Literal["auto", "utf-8", "gbk"] = "auto"
    sheet: str | None = None
    """Sheet of a workbook; the first if not named."""
    source_table: str | None = None
    """Table of an SQLite file; the only one if not named."""
    append: bool = False
    """Add to the table instead of replacing it; rows it already has are duplicates."""
    allow_empty: bool = False
    """Let a file with a header and no rows empty the table."""
    as_of: date | None = None
    """The day that the data describe."""
    max_bytes: int = 200 << 20
    max_unpacked_bytes: int = 1 << 30
    """Largest workbook once unpacked, bytes."""
    max_columns: int = 200
    max_cell: int = 4_096
    """Longest cell, characters."""
    max_database_bytes: int | None = None
    """Size that the record database must not outgrow, bytes; None leaves it to the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A row that was left out: its number in the file, why, and the column if it is one's fault."""

    row: int
    code: str
    column: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import stored, left out and put right."""

    import_id: int
    table: str
    columns: tuple[str, ...]
    rows: int
    rejected: int
    rejects: tuple[Reject, ...]
    """The first of the rejected rows; the table ``import_reject`` has them all."""
    notices: Mapping[Notice, int]
    sha256: str
