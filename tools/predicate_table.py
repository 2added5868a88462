"""Write docs/predicates.md from the catalogue of predicates and the kinds of departments.

Usage: python -m tools.predicate_table [--check]
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from federation.catalogue import (
    Catalogue,
    DepartmentKind,
    Form,
    Predicate,
    Unit,
    kinds,
    load,
)

PAGE: Final = Path(__file__).parents[1] / "docs" / "predicates.md"

_HEAD: Final = """\
# Predicates 核对项目

This page is written by `python -m tools.predicate_table` from `federation/data/predicates.toml`.
A question that is not in the first or second table cannot be asked.

* **Form**: what the answer looks like. `boolean` YES or NO; `band` and `count` BAND(k), COUNT(k) up
  to a cap; `enum` one of a closed list; `window` whether something happened within some months;
  `threshold` whether a quantity reaches (or stays within) a line. `sum`, `composite` and `derived`
  span departments and are not asked of one department.
* **Register**: `population` covers everybody, absence answers NO_RECORD. `event` holds only those
  to whom something happened: "never" and "no longer" both answer NO, and quantities count zero.
* **Parameter**: `window`, `rung`, `band`, `area` and `value` are ids of the signed policy;
  `members`, `name` and `size` are in the consent token; no requester chooses a value.
* **Quantity**: the figure that a threshold, a band, a count or a declared size is about. A
  department counts distinct thresholds and household sizes by it, and one policy asks it of single
  departments or as part of a sum, never both.
"""
_MANDATED: Final = """\
* **Batch mandate**: {} may also be asked of everybody on a list that the root has signed for,
  without consents.
"""
_JOINT: Final = """\
Listed so that reports can say what has not been asked; each component of a sum has exactly one
register by policy.
"""
_COLUMNS: Final = (
    "Id",
    "Name",
    "中文",
    "English",
    "Departments",
    "Form",
    "Register",
    "Parameter",
    "Quantity",
)


def render(catalogue: Catalogue, department_kinds: tuple[DepartmentKind, ...]) -> str:
    """Write the page as Markdown."""
    single = [_row(one) for one in catalogue if one.id.startswith("P")]
    joint = [_row(one) for one in catalogue if one.id.startswith("H")]
    kind_rows = [
        (f"`{one.id}`", one.zh, one.en, "、".join(one.aliases), str(_asked(catalogue, one)))
        for one in department_kinds
    ]
    mandated = ", ".join(one.id for one in catalogue if one.mandate)
    parts = (
        _HEAD + _MANDATED.format(mandated),
        "## Asked of single departments 单部门项目\n",
        _table(_COLUMNS, single),
        "## Of several departments and a whole household 跨部门项目\n",
        _JOINT,
        _table(_COLUMNS, joint),
        "## Kinds of departments 部门类别\n",
        _table(("Kind", "中文", "English", "Other names 别名", "Predicates"), kind_rows),
    )
    return "\n".join(parts)


def _asked(catalogue: Catalogue, one: DepartmentKind) -> int:
    return sum(predicate.id.startswith("P") for predicate in catalogue.for_kind(one.id))


def _row(one: Predicate) -> tuple[str, ...]:
    return (
        one.id,
        f"`{one.name}`",
        one.zh.label,
        one.en.label,
        ", ".join(f"`{kind}`" for kind in one.departments) or "none",
        _form(one),
        one.register.value,
        one.parameter.value,
        _quantity(one),
    )


def _quantity(one: Predicate) -> str:
    return f"{one.quantity} = {' + '.join(one.components)}" if one.components else one.quantity


def _form(one: Predicate) -> str:
    if one.form is Form.ENUM:
        return f"enum: {', '.join(one.values)}"
    if one.form is Form.COUNT:
        return f"count up to {one.cap}"
    if one.unit not in {Unit.NONE, Unit.MONTH}:
        return f"{one.form.value} ({one.unit.value})"
    return one.form.value


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def main(arguments: list[str], page: Path = PAGE) -> int:
    """Write the page, or with --check tell whether it is as it would be written."""
    text = render(load(), kinds())
    if arguments == ["--check"]:
        return 0 if page.is_file() and page.read_text("utf-8") == text else 1
    if arguments:
        return 2
    page.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
