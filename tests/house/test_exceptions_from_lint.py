"""All rules of the linter hold; whatever is excepted from one says why."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (
    *("crypto", "federation", "registrar", "department_node", "coordinator"),
    *("tally", "auditor", "hedui"),
)
MARK = re.compile("# (?:noqa|ruff|pragma).*")
REASONED = re.compile(r"# (?:noqa): [A-Z]+\d+(, [A-Z]+\d+)* - \S.*")
RULE = re.compile(r'"[A-Z]+\d*"')


def exceptions() -> Iterator[tuple[str, str]]:
    for folder in (*FOLDERS, "tests", "tools", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "v1" not in path.parts:
                for mark in MARK.finditer(path.read_text("utf-8")):
                    yield str(path.relative_to(ROOT)), mark[0]


def settings() -> list[str]:
    """Give the lines of the linter's settings that name a rule."""
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    lint = text.partition("[tool.ruff.lint]")[2].partition("[tool.mypy]")[0]
    return [line for line in lint.splitlines() if RULE.search(line) and '"ALL"' not in line]


@pytest.mark.parametrize(("place", "mark"), sorted(set(exceptions())))
def test_an_excepted_line_says_why(place: str, mark: str) -> None:
    assert REASONED.fullmatch(mark), place


def test_all_rules_are_selected() -> None:
    assert 'select = ["ALL"]' in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize("line", settings())
def test_an_excepted_rule_says_why_in_a_few_words(line: str) -> None:
    _, mark, why = line.partition(" # ")
    assert mark, "no reason"
    assert 2 <= len(why.split()) <= 4
    assert len(RULE.findall(line)) == 1
