"""Write docs/guides/roles.md from the table of who may do what at the centre.

Usage: python -m tools.role_table [--check]
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from coordinator.people.roles import TABLE, TITLES, Role, Rule

PAGE: Final = Path(__file__).parents[1] / "docs" / "guides" / "roles.md"

_HEAD: Final = """\
# Who may do what 谁能办什么

This page is written by `python -m tools.role_table` from `coordinator/people/roles.py`;
`hedui operator roles` prints the same. How to log in, and what holds in every row (one's own areas,
never one's own or a relative's case): [clerk.md](clerk.md).

✓ 可办;② 可办,但须由没有办理过前一步的另一人办理。表中没有的一律拒绝。
✓ may; ② may, if it is another person than whoever began it. What is not in the table is refused.

"""


def render(table: Mapping[str, Rule]) -> str:
    """Write the page as Markdown."""
    heads = ("", "", *(f"{zh} {en}" for zh, en in TITLES.values()))
    lines = [heads, tuple("---" for _ in heads), *(_row(*one) for one in table.items())]
    return _HEAD + "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _row(action: str, rule: Rule) -> tuple[str, ...]:
    mark = f"② {rule.second}" if rule.second else "✓"
    return action, f"{rule.zh} {rule.en}", *(mark if one in rule.roles else "" for one in Role)


def main(arguments: list[str], page: Path = PAGE) -> int:
    """Write the page, or with --check tell whether it is as it would be written."""
    text = render(TABLE)
    if arguments == ["--check"]:
        return 0 if page.is_file() and page.read_text("utf-8") == text else 1
    if arguments:
        return 2
    page.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
