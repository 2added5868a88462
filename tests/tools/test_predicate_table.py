"""docs/predicates.md is the page that the tool writes."""

from pathlib import Path

import pytest

from federation.catalogue import kinds, load
from tools.predicate_table import PAGE, main, render


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text("utf-8") == render(load(), kinds())
    assert main(["--check"]) == 0


@pytest.mark.parametrize("predicate", list(load()), ids=lambda one: one.id)
def test_every_predicate_has_a_row_with_all_columns(predicate: object) -> None:
    text = render(load(), kinds())
    one = next(p for p in load() if p is predicate)
    (row,) = (line for line in text.splitlines() if line.startswith(f"| {one.id} |"))
    assert row.count("|") == 10
    for word in (one.name, one.zh.label, one.en.label, one.register, *one.departments, *one.values):
        assert word in row


def test_every_kind_has_a_row() -> None:
    text = render(load(), kinds())
    for one in kinds():
        assert f"| `{one.id}` | {one.zh} | {one.en} |" in text


def test_writing_and_checking(tmp_path: Path) -> None:
    page = tmp_path / "predicates.md"
    assert main(["--check"], page) == 1
    assert main([], page) == 0
    assert main(["--check"], page) == 0
    page.write_text(page.read_text("utf-8") + "more\n", "utf-8")
    assert main(["--check"], page) == 1
    assert main(["--fix"], page) == 2
