"""``hedui federation``, ``policy`` and ``predicates`` as their users run them."""

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hedui.cli import app


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("founded") / "federation"
    done = run("federation", "init", str(folder), "--lang", "en")
    assert done.exit_code == 0, done.output
    return folder


def test_one_command_makes_a_whole_federation(founded: Path) -> None:
    made = {path.name for path in founded.iterdir()}
    assert {"root", "registrar", "coordinator", "tax", "bank_c"} <= made
    assert {"auditor", "witness_a", "witness_b", "witness_c"} <= made
    for path in founded.rglob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not path.read_bytes().startswith(b"-----")
    for folder in founded.iterdir():
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_show_verifies_and_lists(founded: Path) -> None:
    done = run("federation", "show", "-C", str(founded / "tax"), "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in rows][:2] == ["registrar", "coordinator"]
    text = run("federation", "show", "-C", str(founded / "tax"), "--lang", "zh").stdout
    assert "根签名有效" in text


def test_a_changed_manifest_is_refused(founded: Path, tmp_path: Path) -> None:
    for name in ("root.json", "manifest.json"):
        (tmp_path / name).write_bytes((founded / "tax" / name).read_bytes())
    signed = json.loads((tmp_path / "manifest.json").read_text())
    signed["signatures"].pop()
    (tmp_path / "manifest.json").write_text(json.dumps(signed, separators=(",", ":")))
    done = run("federation", "show", "-C", str(tmp_path))
    assert done.exit_code == 1
    assert "ROOT_SIGNATURE" in done.stderr


def test_a_full_folder_is_left_alone(founded: Path) -> None:
    done = run("federation", "init", str(founded))
    assert done.exit_code == 2
    assert "FOLDER_NOT_EMPTY" in done.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('role = "registrar"', 'role = "king"'),
        ('id = "tax"', 'id = "bank_a"'),
        ('id = "tax"', 'id = "../tax"'),
        ("threshold = 2", "threshold = 9"),
        ('kind = "tax"', 'knd = "tax"'),
        ("federation =", "federation"),
    ],
)
def test_bad_plans(tmp_path: Path, old: str, new: str) -> None:
    text = run("federation", "example").stdout
    assert old in text
    plan = tmp_path / "federation.toml"
    plan.write_text(text.replace(old, new, 1), "utf-8")
    done = run("federation", "init", str(tmp_path / "out"), "--plan", str(plan))
    assert (done.exit_code, (tmp_path / "out").exists()) == (2, False)
    assert "PLAN_INVALID" in done.stderr


def test_missing_plan(tmp_path: Path) -> None:
    done = run("federation", "init", str(tmp_path / "out"), "--plan", str(tmp_path / "none"))
    assert (done.exit_code, "PLAN_INVALID" in done.stderr) == (2, True)


def test_policy_is_shown(founded: Path) -> None:
    text = run("policy", "explain", "P29", "-C", str(founded / "tax"), "--lang", "zh").stdout
    assert "hpf-12s" in text
    assert "根签名有效" in text


def test_predicates_by_kind() -> None:
    rows = [
        json.loads(row)
        for row in run("predicates", "--kind", "bank", "--json").stdout.split("\n")
        if row
    ]
    assert {"P50"} <= {row["id"] for row in rows}
    assert all("bank" in row["departments"] for row in rows)
