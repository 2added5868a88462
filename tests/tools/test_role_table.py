"""docs/guides/roles.md is the page that the tool writes."""

from pathlib import Path

from coordinator.people.roles import TABLE, Action, Role, Rule
from tools.role_table import PAGE, main, render


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text("utf-8") == render(TABLE)
    assert main(["--check"]) == 0


def test_every_action_has_a_row_with_a_cell_for_every_role() -> None:
    rows = [line.split(" | ") for line in render(TABLE).splitlines() if line.startswith("| ")]
    assert {len(row) for row in rows} == {2 + len(Role)}
    assert [row[0].strip("| ") for row in rows[2:]] == list(TABLE)


def test_a_table_that_differs_is_found(tmp_path: Path) -> None:
    page = tmp_path / "roles.md"
    assert main([], page) == 0
    assert main(["--check"], page) == 0
    page.write_text(render({Action.BACKUP: Rule(zh="备份", en="back up", roles=frozenset(Role))}))
    assert main(["--check"], page) == 1
    assert main(["--else"], page) == 2
