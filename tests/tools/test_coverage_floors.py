"""What the tests covered is held to floors, and what is missing is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools.coverage_floors import main

FLOORS = """\
[tool.hedui.coverage]
"gates" = 90
"gates/gate.py" = 100
"""


def seen(lines: int, of: int, **more: Any) -> dict[str, Any]:
    """Report a file as coverage does: half of what there is are branches."""
    summary = {"covered_lines": lines, "num_statements": of}
    summary |= {"covered_branches": lines, "num_branches": of}
    return {"summary": summary, "missing_lines": [], "missing_branches": []} | more


def told(
    folder: Path, capsys: pytest.CaptureFixture[str], **files: dict[str, Any]
) -> tuple[int, list[str]]:
    """Give the exit code and what is printed under the head of the table."""
    (folder / "pyproject.toml").write_text(FLOORS, "utf-8")
    named = {name.replace("__", "/") + ".py": one for name, one in files.items()}
    (folder / "report.json").write_text(json.dumps({"files": named}), "utf-8")
    code = main([str(folder / "report.json")], folder / "pyproject.toml")
    _, *rows = capsys.readouterr().out.splitlines()
    return code, rows


def test_enough_is_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"gates__gate": seen(4, 4), "gates__a": seen(8, 10), "gates__deep__b": seen(10, 10)}
    code, rows = told(tmp_path, capsys, **files)
    assert code == 0
    assert [row.split() for row in rows] == [
        ["90.00", "90", "gates"],
        ["100.00", "100", "gates/gate.py"],
    ]


def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = seen(9_999, 10_000, missing_lines=[7], missing_branches=[[3, 5], [9, -1]])
    code, rows = told(tmp_path, capsys, gates__gate=gate, gates__a=seen(1, 1))
    assert code == 1
    assert rows[1].split() == ["99.99", "100", "gates/gate.py"]
    assert rows[2:] == ["gates/gate.py is below 100", "  gates/gate.py: 7, 3→5, 9→exit"]


def test_of_much_that_is_missing_some_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, rows = told(tmp_path, capsys, gates__gate=seen(0, 99, missing_lines=list(range(99))))
    assert rows[-1].endswith(": " + ", ".join(map(str, range(20))) + ", and 79 more")


def test_one_file_s_wealth_does_not_pay_for_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = told(tmp_path, capsys, gates__gate=seen(1, 2), gates__a=seen(1_000, 1_000))
    assert (code, rows[-1]) == (1, "gates/gate.py is below 100")


def test_a_floor_that_stands_for_nothing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = told(tmp_path, capsys, gates__a=seen(1, 1))
    assert (code, rows[-1]) == (1, "gates/gate.py is below 100")


def test_a_file_without_a_floor_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {"gates__gate": seen(1, 1), "gates__a": seen(1, 1), "other__c": seen(1, 1)}
    code, rows = told(tmp_path, capsys, **files)
    assert (code, rows[-1]) == (1, "other/c.py has no floor")
