"""A department's file as a header and a stream of rows: CSV, XLSX, or a table of an SQLite file.

Knows what a department's import may cost. Does not know which rows are good or where they go.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from department_node.intake.database import database_rows
from department_node.intake.spec import ImportSpec
from federation.sheets import table
from federation.sheets.table import Sheet, Table


@contextmanager
def open_table(source: Path, spec: ImportSpec) -> Iterator[Table]:
    """Open a file, find out what it is and read its header.

    Raises:
        BadInput: any ``IMPORT_…`` about the file as a whole; reading the rows raises them too.
    """
    how = Sheet(
        max_bytes=spec.max_bytes,
        max_unpacked_bytes=spec.max_unpacked_bytes,
        max_columns=spec.max_columns,
        encoding=spec.encoding,
        sheet=spec.sheet,
        database=partial(database_rows, table=spec.source_table),
    )
    with table.open_table(source, how) as found:
        yield found
