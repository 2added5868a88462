"""``hedui case import`` as a clerk runs it: seen first, done once, told in both languages."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator import import_cli
from coordinator.cli import app
from coordinator.imports.importing import ImportDesk
from coordinator.people.roles import OWNER, Operator, Role
from tests.coordinator.imports import lists
from tests.coordinator.imports.lists import cells_of, csv, families, number, row
from tests.coordinator.town import Town

Run = Callable[..., Result]
FIXED = [word for pair in lists.FIXED.items() for word in ("--set", "=".join(pair))]


@pytest.fixture
def run(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def opened(_: Path) -> Iterator[ImportDesk]:
        with lists.desk(town) as desk:
            yield desk

    monkeypatch.setattr(import_cli, "open_imports", opened)

    def invoke(*words: str | Path, lang: str = "zh") -> Result:
        return CliRunner().invoke(app, ["import", *map(str, words), "--lang", lang])

    return invoke


def opened(town: Town) -> list[str]:
    with town.desk() as desk:
        return desk.case_ids()


def test_a_preview_shows_columns_households_and_rejects(
    run: Run, town: Town, tmp_path: Path
) -> None:
    file = csv(tmp_path / "l.csv", [*families(2), row(3, 8, "邻居")])
    done = run(file, "--preview", *FIXED)
    assert done.exit_code == 1, done.output
    for word in ("身份证号", "按列名猜的", "备注", "790301-list", "ROW_WORD 1", "可立案 2 户"):
        assert word in done.stdout
    assert number(0) not in done.stdout
    assert "王甲" not in done.stdout
    english = run(file, "--preview", *FIXED, lang="en").stdout
    assert "2 households to open, 1 rows rejected; nothing was opened" in english
    assert opened(town) == []
    assert not list(tmp_path.glob("*.xlsx"))


def test_a_list_is_imported_and_its_rejects_are_written(
    run: Run, town: Town, tmp_path: Path
) -> None:
    file = csv(tmp_path / "l.csv", [*families(2), row(3, 8, id="1")])
    done = run(file, *FIXED)
    assert done.exit_code == 1, done.output
    assert "立案 2 户;拒绝 1 行" in done.stdout
    assert "HD-790301-2026-0001 … HD-790301-2026-0002" in done.stdout
    assert cells_of(tmp_path / "l.csv.rejects.xlsx")[1][:2] == ["6", "ID_LENGTH"]
    assert len(opened(town)) == 2
    again = run(file, *FIXED, lang="en")
    assert again.exit_code == 2
    assert "IMPORT_REPEATED" in again.stderr


def test_for_programs(run: Run, tmp_path: Path) -> None:
    file = csv(tmp_path / "l.csv", [*families(1), row(3, 8, id="1")])
    seen = json.loads(run(file, "--json", "--preview", *FIXED).stdout)
    done = json.loads(run(file, "--json", *FIXED, "--rejects", tmp_path / "r.xlsx").stdout)
    assert seen["rejects"] == [{"row": 4, "code": "ID_LENGTH", "field": "id"}] == done["rejects"]
    assert (seen["to_open"], seen["preview"]) == (1, True)
    assert done["opened"] == ["HD-790301-2026-0001"]
    assert done["rejects_file"] == str(tmp_path / "r.xlsx")
    assert done["batch"] == seen["batch"]


def test_a_whole_list_ends_with_nothing_left_over(run: Run, tmp_path: Path) -> None:
    done = run(csv(tmp_path / "l.csv", families(1)), *FIXED)
    assert done.exit_code == 0, done.output
    assert not list(tmp_path.glob("*.xlsx"))


def test_columns_by_a_mapping_file_and_by_words(run: Run, town: Town, tmp_path: Path) -> None:
    mapping = tmp_path / "m.toml"
    values = "\n".join(f'{name} = "{value}"' for name, value in lists.FIXED.items())
    mapping.write_text(f'[columns]\n"甲" = "household"\n[values]\n{values}\n', "utf-8")
    file = tmp_path / "l.csv"
    file.write_text(f"甲,乙,姓名,关系\n1,{number(1)},王甲,本人\n", "gbk")
    assert run(file, "--mapping", mapping).exit_code == 2
    done = run(file, "--mapping", mapping, "--map", "乙=id", "--encoding", "gbk")
    assert done.exit_code == 0, done.output
    assert len(opened(town)) == 1
    assert "IMPORT_MAPPING" in run(file, "--map", "乙=nothing").stderr
    assert "FILE_MISSING" in run(file, "--mapping", tmp_path / "none.toml").stderr
    assert run(file, "--encoding", "latin1").exit_code == 2


def test_rejects_that_cannot_be_written_stop_it_before_a_case_is_opened(
    run: Run, town: Town, tmp_path: Path
) -> None:
    file = csv(tmp_path / "l.csv", [*families(1), row(3, 8, id="1")])
    done = run(file, *FIXED, "--rejects", tmp_path / "nowhere" / "r.xlsx")
    assert "FILE_UNWRITABLE" in done.stderr
    assert opened(town) == []


@pytest.mark.parametrize(
    ("area", "role", "code"),
    [
        ("790301", Role.CLERK, ""),
        ("790302", Role.CLERK, "OPERATOR_FORBIDDEN"),
        ("*", Role.AUDITOR, "OPERATOR_FORBIDDEN"),
    ],
)
def test_a_list_is_imported_in_ones_own_name_and_area(
    run: Run, town: Town, tmp_path: Path, area: str, role: Role, code: str
) -> None:
    first, own = "a first long word", "another long word"
    with town.database() as database:
        gate = town.gate(database)
        for name, what, where in (("op-dir", Role.DIRECTOR, "*"), ("op-mei", role, area)):
            new = Operator(name=name, role=what, areas=(where,))
            gate.operators.add(OWNER, new, first)
        gate.sessions.login("op-mei", first)
        gate.sessions.change_password(first, own)
    done = run(csv(tmp_path / "l.csv", families(1)), *FIXED)
    assert (code in done.stderr) if code else (done.exit_code == 0), done.output
    with town.desk() as desk:
        names = [one.filed.case.operator for one in desk.standing(desk.case_ids())]
    assert names == ([] if code else ["op-mei"])
