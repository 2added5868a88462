"""Which rows of a file are good, and the form in which they are stored.

Knows the header and the rules for a cell. Deliberately does not know where rows come from or go,
and never repeats a cell's content: a row that is refused is a number, a code and a column.
"""

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, TypeAlias

from department_node.intake.spec import NO_TEXT, ImportSpec
from federation.errors import BadInput
from federation.ids import Notice, canonical_id

Values: TypeAlias = tuple[str | int | None, ...]

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


class RowRefused(Exception):
    """A row that is left out, with the code that says why."""

    def __init__(self, code: str, column: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.column = column


class Sieve:
    """Judge row after row and count what was put right."""

    def __init__(self, header: Sequence[str], integers: frozenset[str], spec: ImportSpec) -> None:
        self.notices: Counter[Notice] = Counter()
        self._header = header
        self._longest = spec.max_cell
        self._id = None if spec.id_column is None else header.index(spec.id_column)
        self._integers = [place for place, name in enumerate(header) if name in integers]

    def clean(self, cells: list[str]) -> Values | None:
        """Give a row as it is stored, empty cells as NULL; None for a row with nothing in it.

        Raises:
            RowRefused: ``ROW_WIDTH``, ``CELL_CHARACTERS``, ``CELL_TOO_LONG``, ``CELL_INTEGER`` or
                an ``ID_…`` of ``canonical_id``.
        """
        if not any(cells):
            return None
        if len(cells) != len(self._header):
            raise RowRefused("ROW_WIDTH")
        self._check_cells(cells)
        values: list[str | int | None] = [cell or None for cell in cells]
        if self._id is not None:
            values[self._id] = self._person(cells[self._id], self._header[self._id])
        for place in self._integers:
            values[place] = self._integer(cells[place].strip(), self._header[place])
        return tuple(values)

    def _check_cells(self, cells: list[str]) -> None:
        for name, cell in zip(self._header, cells, strict=True):
            if len(cell) > self._longest:
                raise RowRefused("CELL_TOO_LONG", name)
            if NO_TEXT in cell or not _encodable(cell):
                raise RowRefused("CELL_CHARACTERS", name)

    def _person(self, cell: str, column: str) -> str:
        try:
            person = canonical_id(cell)
        except BadInput as error:
            raise RowRefused(error.code, column) from error
        self.notices.update(person.notices)
        return person.id

    def _integer(self, cell: str, column: str) -> int | None:
        if not cell:
            return None
        if not _INTEGER.fullmatch(cell):
            raise RowRefused("CELL_INTEGER", column)
        return int(cell)


def digest(values: Sequence[object]) -> bytes:
    """Give 16 bytes by which equal rows are known; no value holds the NUL that parts them."""
    joined = "\0".join(["" if value is None else str(value) for value in values])
    return blake2b(joined.encode(), digest_size=16).digest()


def _encodable(cell: str) -> bool:
    return cell.isascii() or not any("\ud800" <= char <= "\udfff" for char in cell)
