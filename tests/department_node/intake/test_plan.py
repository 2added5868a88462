"""The list of files to import is read whole, or refused with what is wrong."""

from datetime import date
from pathlib import Path

import pytest

from department_node.intake import plan
from department_node.intake.plan import PlannedImport
from department_node.intake.spec import ImportSpec
from federation.errors import BadInput

GOOD = """\
[[table]]
file = "people.csv"
table = "people"
as_of = 2026-11-01
required = ["id"]
encoding = "gbk"
append = true

[[table]]
file = "cars.xlsx"
table = "cars"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "import.toml"
    path.write_text(text, "utf-8")
    return path


def test_files_are_read_beside_the_plan(tmp_path: Path) -> None:
    first, second = plan.read(written(tmp_path, GOOD))
    assert first.spec == ImportSpec(
        table="people",
        as_of=date(2026, 11, 1),
        required=("id",),
        encoding="gbk",
        append=True,
    )
    assert second == PlannedImport(tmp_path / "cars.xlsx", ImportSpec(table="cars"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no table"),
        ("table = 5", "not iterable"),
        ('table = ["people"]', "no table"),
        ('table = "people"', "no table"),
        ('[[table]]\ntable = "people"', "no file"),
        ('[[table]]\nfile = "x.csv"', "no table"),
        (GOOD + "rows = 5", "unknown key or no date: rows"),
        (GOOD + 'as_of = "2026-11-01"', "unknown key or no date: as_of"),
        (GOOD + "required = 5", "not iterable"),
        (GOOD + 'encoding = "latin-1"', "encoding is auto, utf-8 or gbk"),
        ("[[table]", "Expected"),
    ],
)
def test_a_hostile_plan_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadInput, match=f"IMPORT_PLAN_INVALID.*{why}"):
        plan.read(written(tmp_path, text))


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="IMPORT_PLAN_INVALID"):
        plan.read(tmp_path / "absent.toml")
    path = tmp_path / "import.toml"
    path.write_bytes(GOOD.replace("people", "人").encode("gb18030"))
    with pytest.raises(BadInput, match="IMPORT_PLAN_INVALID"):
        plan.read(path)
