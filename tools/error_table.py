"""Write docs/errors.md from the table of error codes.

Usage: python -m tools.error_table [--check]
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from federation.errors import ErrorKind, table

PAGE: Final = Path(__file__).parents[1] / "docs" / "errors.md"

_HEAD: Final = """\
# Errors 错误代码

This page is written by `python -m tools.error_table` from `federation/data/errors.toml`, by code.
A code is shown behind its title, stands in `--json` as `error`, in answers as `REFUSED(code)` and
in the tables of refusals. Words in braces, such as `{file}`, are filled in where it is shown.

* `refused` 拒绝: a verifier, a policy or a budget says no to the one who asks; asking again as
  it is does not help.
* `peer` 对方有误: another party sent what the protocol does not allow; nothing of it was used.
* `unavailable` 暂不可用: something needed is not there now; the same again may work later.
* `input` 输入有误: a file, a number or a setting given by a person cannot be used as it is.

Commands end with 2 for `input` and with 1 for the others.

"""
_COLUMNS: Final = ("Code", "Fault", "错误", "怎么办", "Error", "What to do")


def render(kinds: Iterable[ErrorKind]) -> str:
    """Write the page as Markdown."""
    lines = [_COLUMNS, tuple("---" for _ in _COLUMNS), *map(_row, sorted(kinds, key=_code))]
    return _HEAD + "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _code(kind: ErrorKind) -> str:
    return kind.code


def _row(kind: ErrorKind) -> tuple[str, ...]:
    texts = (kind.zh.title, kind.zh.help, kind.en.title, kind.en.help)
    return f"`{kind.code}`", kind.fault.value, *(text.replace("|", "\\|") for text in texts)


def main(arguments: list[str], page: Path = PAGE) -> int:
    """Write the page, or with --check tell whether it is as it would be written."""
    text = render(table().values())
    if arguments == ["--check"]:
        return 0 if page.is_file() and page.read_text("utf-8") == text else 1
    if arguments:
        return 2
    page.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
