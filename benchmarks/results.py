"""Where results go: a table for people, a JSON list for programs.

Knows the file's layout; a run of a part changes only its own rows. Does not know how anything was
measured.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.table import Column, Table

from benchmarks.measuring import Direction, Row

FILE: Final = Path(__file__).with_name("results.json")
_SIGN: Final = {Direction.MORE: "≥", Direction.LESS: "≤"}
_MARK: Final = {None: "", True: " ✓", False: " ✗"}
_DIGITS: Final = 4


def merge(before: list[dict[str, Any]], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Put rows in place of those of the same name; the list stays sorted by name."""
    by_name = {str(row["name"]): row for row in before}
    by_name |= {row.name: _written(row) for row in rows}
    return [by_name[name] for name in sorted(by_name)]


def save(rows: Sequence[Row], path: Path = FILE) -> None:
    """Write rows into the file, leaving all others as they are."""
    before = json.loads(path.read_text("utf-8")) if path.exists() else []
    text = json.dumps(merge(before, rows), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")


def table(rows: Sequence[Row]) -> Table:
    """Lay rows out for a person."""
    name = Column("", no_wrap=True)
    drawn = Table(name, "ours", "baseline", "unit", "ratio", "target", "rounds")
    for row in rows:
        target = "" if row.target is None else f"{_SIGN[row.direction]} {row.target:.2f}"
        drawn.add_row(
            row.name,
            f"{row.ours:,.1f}",
            "" if row.baseline is None else f"{row.baseline:,.1f}",
            row.unit,
            "" if row.ratio is None else f"{row.ratio:.3f}{_MARK[row.reached]}",
            target,
            str(row.rounds),
        )
    return drawn


def _written(row: Row) -> dict[str, Any]:
    ratio = None if row.ratio is None else round(row.ratio, _DIGITS)
    baseline = None if row.baseline is None else round(row.baseline, _DIGITS)
    return asdict(row) | {"ours": round(row.ours, _DIGITS), "baseline": baseline, "ratio": ratio}
