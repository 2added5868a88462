"""The results file: every row has every field, and a part changes only its own rows."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from benchmarks import results
from benchmarks.measuring import Direction, Row

ROW = Row(
    name="ask.first",
    ours=1000.123456,
    baseline=4000.0,
    ratio=0.25,
    unit="requests/s",
    rounds=5,
    direction=Direction.MORE,
    target=0.2,
)
BARE = replace(ROW, name="alone", baseline=None, ratio=None, target=None, direction=Direction.LESS)


def test_a_row_is_written_as_the_issue_says(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.save([ROW, BARE], path)
    first, second = json.loads(path.read_text("utf-8"))
    assert first == {
        "name": "alone",
        "ours": 1000.1235,
        "baseline": None,
        "ratio": None,
        "unit": "requests/s",
        "rounds": 5,
        "direction": "less",
        "target": None,
    }
    assert (second["name"], second["ratio"], second["direction"]) == ("ask.first", 0.25, "more")


def test_a_part_changes_only_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.save([ROW, BARE], path)
    results.save([replace(ROW, ours=2000.0, ratio=0.5)], path)
    alone, first = json.loads(path.read_text("utf-8"))
    assert (alone["name"], alone["ours"]) == ("alone", 1000.1235)
    assert (first["ours"], first["ratio"]) == (2000.0, 0.5)


def test_the_table_shows_ratio_and_target() -> None:
    console = Console(width=100, file=StringIO(), record=True)
    console.print(results.table([ROW, BARE, replace(ROW, name="slow", ratio=0.1)]))
    text = console.export_text()
    assert "0.250 ✓" in text
    assert "0.100 ✗" in text
    assert "≥ 0.20" in text
    assert "ask.first" in text
