"""What really happens to exported files: to resident numbers, to dates, to rows.

Knows the usual spoilings: those an import can put right, those it must reject, and those that only
show when a question is asked. Knows no department.
"""

from dataclasses import replace
from itertools import cycle
from random import Random

from hedui.demo.tables import Cell, Table

_REJECTS = 2
_LEAST = 4
_ONE_IN = 25
NO_DATE = "0000-00-00"
"""What old systems write where they have no date."""


def spoil(table: Table, rng: Random, crowd: frozenset[str]) -> Table:
    """Spoil some numbers of the crowd in repairable ways and add a few rows beyond repair.

    Whoever is not of the crowd is not touched, so that no case need depend on it.
    """
    place = table.columns.index(table.id_column)
    rows = list(table.rows)
    ours = [number for number, row in enumerate(rows) if row[place] in crowd]
    rng.shuffle(ours)
    some = ours[: max(_LEAST, len(ours) // _ONE_IN)]
    for number, repairable in zip(some, cycle(_REPAIRABLE), strict=False):
        rows[number] = _with(rows[number], place, repairable(str(rows[number][place])))
    for row in (
        row for row in table.rows if str(row[place]) in crowd and str(row[place])[-1] == "X"
    ):
        rows[table.rows.index(row)] = _with(row, place, str(row[place]).lower())
    for number, hopeless in zip(ours[-_REJECTS:], (_wrong_digit, _spreadsheet), strict=False):
        at = rng.randrange(len(rows) + 1)
        rows.insert(at, _with(table.rows[number], place, hopeless(str(table.rows[number][place]))))
    return replace(table, rows=tuple(rows))


def mistype(table: Table, people: frozenset[str]) -> Table:
    """Write these people's numbers with one digit wrong: an import rejects all their rows."""
    place = table.columns.index(table.id_column)
    rows = (
        _with(row, place, _wrong_digit(str(row[place]))) if row[place] in people else row
        for row in table.rows
    )
    return replace(table, rows=tuple(rows))


def garble(table: Table, column: str, people: frozenset[str]) -> Table:
    """Write no date where these people's rows should have one."""
    if column not in table.columns:
        return table
    place, at = table.columns.index(table.id_column), table.columns.index(column)
    rows = (_with(row, at, NO_DATE) if row[place] in people else row for row in table.rows)
    return replace(table, rows=tuple(rows))


def double(table: Table, rng: Random) -> Table:
    """Repeat a few rows: an import takes each once."""
    again = rng.sample(table.rows, min(len(table.rows), max(1, len(table.rows) // _ONE_IN)))
    return replace(table, rows=(*table.rows, *again))


def _with(row: tuple[Cell, ...], place: int, cell: str) -> tuple[Cell, ...]:
    return (*row[:place], cell, *row[place + 1 :])


def _full_width(number: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in number)


def _apostrophe(number: str) -> str:
    return "'" + number


def _legacy(number: str) -> str:
    """Give the fifteen-digit form, which only people of the last century have."""
    return number[:6] + number[8:17] if number[6:8] == "19" else number


def _spaces(number: str) -> str:
    return f" {number[:6]} {number[6:14]} {number[14:]}"


def _wrong_digit(number: str) -> str:
    """Change one digit: the check digit catches every single mistake."""
    return number[:15] + str((int(number[15]) + 1) % 10) + number[16:]


def _spreadsheet(number: str) -> str:
    return f"{number[0]}.{number[1:6]}E+17"


_REPAIRABLE = (_full_width, _apostrophe, _legacy, _spaces)
