"""docs/errors.md is the page that the tool writes."""

import re
from pathlib import Path

import pytest

from federation.errors import ErrorKind, ErrorText, Fault, table
from tools.error_table import PAGE, main, render


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text("utf-8") == render(table().values())
    assert main(["--check"]) == 0


@pytest.mark.parametrize("code", list(table()))
def test_every_code_has_a_row_with_all_its_texts(code: str) -> None:
    kind = table()[code]
    (row,) = (
        line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| `{code}` |")
    )
    cells = [cell.replace("\\|", "|") for cell in re.split(r" (?<!\\)\| ", row.strip("| "))]
    assert cells == [
        f"`{code}`",
        kind.fault.value,
        kind.zh.title,
        kind.zh.help,
        kind.en.title,
        kind.en.help,
    ]


def test_rows_stand_by_code_and_a_bar_is_escaped() -> None:
    text = ErrorText(title="a|b", help="c")
    kinds = [ErrorKind(code=c, fault=Fault.PEER, zh=text, en=text) for c in ("B_B", "A_A")]
    *_, first, second = render(kinds).splitlines()
    assert first == r"| `A_A` | peer | a\|b | c | a\|b | c |"
    assert second.startswith("| `B_B` |")


def test_writing_and_checking(tmp_path: Path) -> None:
    page = tmp_path / "errors.md"
    assert main(["--check"], page) == 1
    assert main([], page) == 0
    assert main(["--check"], page) == 0
    page.write_text(page.read_text("utf-8") + "more\n", "utf-8")
    assert main(["--check"], page) == 1
    assert main(["--fix"], page) == 2
