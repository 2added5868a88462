"""What really happens to resident numbers in exported files.

Knows the usual spoilings: those an import can put right, and those it must reject. Touches only
the crowd, so that no case depends on them. Knows no department.
"""

from dataclasses import replace
from random import Random

from hedui.demo.tables import Cell, Table

_REJECTS = 2


def spoil(table: Table, rng: Random, crowd: frozenset[str]) -> Table:
    """Spoil a few numbers of the crowd in repairable ways and add a few rows beyond repair."""
    place = table.columns.index(table.id_column)
    rows = list(table.rows)
    ours = [number for number, row in enumerate(rows) if row[place] in crowd]
    rng.shuffle(ours)
    for number, repairable in zip(ours, (_full_width, _apostrophe, _legacy, _spaces), strict=False):
        rows[number] = _with(rows[number], place, repairable(str(rows[number][place])))
    for row in (
        row for row in table.rows if str(row[place]) in crowd and str(row[place])[-1] == "X"
    ):
        rows[table.rows.index(row)] = _with(row, place, str(row[place]).lower())
    for number, hopeless in zip(ours[-_REJECTS:], (_wrong_digit, _spreadsheet), strict=False):
        at = rng.randrange(len(rows) + 1)
        rows.insert(at, _with(table.rows[number], place, hopeless(str(table.rows[number][place]))))
    return replace(table, rows=tuple(rows))


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
