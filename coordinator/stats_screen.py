"""What the commands of statistics print: figures by part, coverage, and their JSON.

Knows tables for the terminal. Nobody's names stand here.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table

from coordinator.statistics.columns import (
    CHECKS,
    COLUMNS,
    OUTCOMES,
    Column,
    Form,
    Naming,
    difference,
    title,
)
from coordinator.statistics.figures import Coverage, Figures, Statistics, both
from coordinator.statistics.files import coverage_titles, coverage_values
from federation.terminal import Terminal

_SHARES = (2, 5)


def show(at: Terminal, one: Statistics, naming: Naming) -> None:
    """Show statistics: checks, outcomes, and what does not add up."""
    at.emit(to_json(one))
    if at.json:
        return
    console = at.console()
    console.print(title(one, naming), style="bold")
    for columns in (CHECKS, OUTCOMES):
        console.print(_table(one, columns, naming))
    for each in one.differences:
        console.print(f"▲ {difference(each, naming)}")


def coverage(at: Terminal, some: Sequence[Coverage], naming: Naming) -> None:
    """Show by programme who was to be checked, and who was."""
    at.emit([_coverage_json(one) for one in some])
    if at.json:
        return
    table = Table(naming.by("programme"), *coverage_titles(naming), box=None)
    for one in [*some, both(some)]:
        name = naming.part("programme", one.key) if one.key else naming.total
        table.add_row(name, *map(_share_or_count, range(6), coverage_values(one)))
    at.console().print(table)


def to_json(one: Statistics) -> dict[str, Any]:
    """Write statistics for programs."""
    return {
        "period": one.period.name,
        "area": one.area,
        "by": one.by,
        "total": _figures_json(one.total),
        "parts": {part.key: _figures_json(part.figures) for part in one.parts},
        "months": {part.key: _figures_json(part.figures) for part in one.months},
        "areas": {part.key: _figures_json(part.figures) for part in one.areas},
        "before": {"period": one.period.before.name, "total": _figures_json(one.before)},
        "differences": [asdict(each) for each in one.differences],
    }


def _figures_json(figures: Figures) -> dict[str, Any]:
    return {column.name: column.value(figures) for column in COLUMNS}


def _coverage_json(one: Coverage) -> dict[str, Any]:
    return {
        "programme": one.key,
        "new": {**asdict(one.new), "rate": one.new.rate},
        "existing": {**asdict(one.existing), "rate": one.existing.rate},
    }


def _table(one: Statistics, columns: Sequence[Column], naming: Naming) -> Table:
    table = Table(naming.by(one.by), box=None)
    for column in columns:
        table.add_column(column.title(naming.lang), justify="right")
    for part in one.parts:
        figures = (column.text(part.figures) for column in columns)
        table.add_row(naming.part(one.by, part.key), *figures)
    table.add_row(naming.total, *(column.text(one.total) for column in columns), style="bold")
    return table


def _share_or_count(place: int, value: float | None) -> str:
    if value is None:
        return "–"
    form: str = (Form.SHARE if place in _SHARES else Form.COUNT).value
    return form.format(value)
