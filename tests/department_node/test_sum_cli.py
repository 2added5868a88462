"""What an administrator is told of sums: components, conditions, what would leave, what left."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from department_node.cli import app
from department_node.contribution_books import ContributionBooks
from department_node.node import Node
from federation.clock import SystemClock
from federation.founding import SUM_FILE
from federation.wire.registrar_client import RegistrarClient
from tests.support import joint
from tests.support.joint import CATALOGUE, LOW, NOBODY, POOR, RICH, TAX, Town
from tests.support.sums import NOW

CASE = f"""
trigger = "ENTRY"
[[person]]
id = "{POOR}"
name = "王甲"
role = "APPLICANT"
[[person]]
id = "{RICH}"
name = "李乙"
"""
READ = ["pay.fen", "pay.id", "pay.month"]
LEAVES = "one encrypted, masked number"


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    made = joint.found(tmp_path / "f")
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW)
    monkeypatch.setattr(RegistrarClient, "status_lists", lambda _, d: made.status_lists(d))
    return made


@pytest.fixture
def node(town: Town) -> Iterator[Node]:
    with joint.open_node(town) as node:
        yield node


def run(town: Town, *words: str, lang: str = "en") -> Result:
    where = ["-C", str(town.folder / TAX), "--lang", lang]
    return CliRunner().invoke(app, [words[0], *where, *words[1:]])


def told(town: Town, *words: str, code: int = 0) -> list[dict[str, Any]]:
    result = run(town, *words, "--json")
    assert result.exit_code == code, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def catalogue(town: Town, text: str) -> None:
    (town.folder / TAX / "catalogue.toml").write_text(text, "utf-8")


def checks(town: Town) -> list[dict[str, Any]]:
    code = run(town, "doctor").exit_code
    return [row for row in told(town, "doctor", code=code) if row["check"] == "sums"]


def test_a_new_catalogue_lists_the_components_of_its_kind(town: Town) -> None:
    (town.folder / TAX / "catalogue.toml").unlink()
    assert run(town, "init").exit_code == 0
    written = (town.folder / TAX / "catalogue.toml").read_text("utf-8")
    assert '# [[component]]\n# id = "wage"\n' in written
    assert "a whole number of fen" in written
    assert '"pension"' not in written


def test_the_catalogue_shows_what_a_component_reads(town: Town) -> None:
    rows = told(town, "catalogue")
    (row,) = [row for row in rows if row.get("component") == "wage"]
    assert (row["ok"], row["columns"], row["predicate"]) == (True, READ, None)
    assert rows[-1] == {"allowed_not_answered": [], "answered_not_allowed": []}
    assert "part of sums" in run(town, "catalogue").stdout
    assert "合计的分项" in run(town, "catalogue", lang="zh").stdout


def test_what_group_and_catalogue_do_not_share_is_said(town: Town) -> None:
    catalogue(town, CATALOGUE.partition("[[component]]")[0])
    assert told(town, "catalogue")[-1]["allowed_not_answered"] == ["wage"]
    papers = town.folder / "public_security"
    text = CATALOGUE.replace('"tax"', '"public_security"')
    (papers / "catalogue.toml").write_text(text, "utf-8")
    result = CliRunner().invoke(app, ["catalogue", "-C", str(papers), "--json"])
    assert result.exit_code == 2
    assert "no component that departments of kind public_security register" in result.stderr


def test_a_broken_component_has_its_line(town: Town) -> None:
    catalogue(town, CATALOGUE.replace("sum(fen)", "sum(yuan)"))
    rows = told(town, "catalogue", code=2)
    (row,) = [row for row in rows if row.get("component") == "wage"]
    assert row["fault"]["code"] == "CATALOGUE_COLUMN_MISSING"
    assert row["fault"]["where"] == "catalogue.toml:14 wage"


@pytest.mark.parametrize("person", [POOR, NOBODY])
def test_trying_a_sum_shows_no_amount(town: Town, person: str) -> None:
    words = ("try", "--predicate", "H1", "--id", person, "--parameter", LOW)
    (row,) = told(town, *words)
    assert (row["answer"], row["words"], row["fault"]) == ("CONTRIBUTED", LEAVES, None)
    assert sorted(row["columns"]) == READ
    assert LEAVES in run(town, *words).stdout
    assert "一个加密、加掩码的数" in run(town, *words, lang="zh").stdout


def test_trying_a_sum_finds_what_would_be_refused(town: Town) -> None:
    huge = 1 << 50
    joint.records(town, f"UPDATE pay SET fen = {huge} WHERE id = '{POOR}' AND month = '202511'")
    words = ("--id", POOR, "--parameter")
    (row,) = told(town, "try", "--predicate", "H4", *words, "ratio-60")
    assert row["answer"] == "REFUSED(SUM_AMOUNT)"
    joint.records(town, "UPDATE pay SET fen = 'much'")
    (row,) = told(town, "try", "--predicate", "H1", *words, LOW)
    assert (row["answer"], row["fault"]) == ("REFUSED(SOURCE_UNAVAILABLE)", "SOURCE_VALUE")
    joint.records(town, "UPDATE as_of SET day = '2010-01-01'")
    (row,) = told(town, "try", "--predicate", "H1", *words, LOW)
    assert row["answer"] == "STALE"


def test_a_sum_that_is_not_answered_here_cannot_be_tried(town: Town) -> None:
    result = run(town, "try", "--predicate", "H2", "--id", POOR, "--json")
    assert json.loads(result.stderr)["error"] == "PREDICATE_NOT_HERE"


def test_a_preview_lists_sums_with_their_columns(town: Town, tmp_path: Path) -> None:
    case = tmp_path / "case.toml"
    case.write_text(CASE, "utf-8")
    rows = told(town, "preview", "--case", str(case))
    sums = [(row["person"], row["predicate"]) for row in rows if "predicate" in row]
    assert sums == [(n, one) for n in (1, 2) for one in ("H1", "H1", "H4", "H5")]
    assert {row["answer"] for row in rows if "predicate" in row} == {"CONTRIBUTED"}
    assert rows[-1]["columns_read"] == READ
    assert "for the whole household" in run(town, "preview", "--case", str(case)).stdout


def test_when_a_sum_is_contributed_to(town: Town, node: Node) -> None:
    rows = told(town, "explain", "H1")
    said = [row["condition"] for row in rows if "condition" in row]
    assert any("no slot may be missing" in one for one in said)
    assert "in the manifest's group of 3 departments this one adds wage × 1" in said
    assert any(LEAVES in one and "pay.fen" in one for one in said)
    assert rows[-1] == {"predicate": "H1", "would_answer": True, "code": None}
    assert "全户每人的授权" in run(town, "explain", "H1", lang="zh").stdout
    assert "wage × -60" in run(town, "explain", "H4").stdout


@pytest.mark.parametrize("change", ["group", "component", "sql", "key", "age"])
def test_why_a_sum_is_not_contributed_to(town: Town, node: Node, change: str) -> None:
    expected = "SOURCE_UNAVAILABLE"
    match change:
        case "group":
            expected = "POLICY_NOT_ANSWERED"
        case "component":
            catalogue(town, CATALOGUE.partition("[[component]]")[0])
            expected = "POLICY_NOT_ANSWERED"
        case "sql":
            catalogue(town, CATALOGUE.replace("sum(fen)", "sum(yuan)"))
        case "key":
            (town.folder / TAX / SUM_FILE).unlink()
        case "age":
            joint.records(town, "UPDATE as_of SET day = '2010-01-01'")
            expected = "STALE"
    rows = told(town, "explain", "H2" if change == "group" else "H1")
    assert rows[-1]["code"] == expected
    leaving = [row for row in rows if LEAVES in str(row.get("condition"))]
    assert len(leaving) == (change == "age")


def test_an_answered_request_is_explained_slot_by_slot(town: Town, node: Node) -> None:
    own = joint.contributor(node)
    own.contribute("coordinator", town.asked(town.household(POOR, RICH)))
    rows = told(town, "explain")
    assert rows[0]["items"] == 2
    assert rows[1] == {"period": "2026-11", "attempt": 0, "columns": READ}
    assert [(r["item"], r["predicate"], r["answer"], r["use"]) for r in rows[2:]] == [
        (1, "H1", "CONTRIBUTED", 1),
        (2, "H1", "CONTRIBUTED", 1),
    ]
    assert f"what left: {LEAVES} for the whole household" in run(town, "explain").stdout
    assert "离开本机:一个加密、加掩码的数" in run(town, "explain", lang="zh").stdout


def test_a_refused_request_says_why_and_that_nothing_left(town: Town, node: Node) -> None:
    own = joint.contributor(node)
    own.contribute("coordinator", town.asked(town.household(POOR, RICH)[:1]))
    rows = told(town, "explain")
    assert rows[1]["columns"] == []
    assert (rows[2]["answer"], len(rows)) == ("REFUSED(SUM_SLOTS)", 3)
    shown = run(town, "explain").stdout
    assert "what left" not in shown
    assert "A sum was not asked of the whole household" in shown


def test_an_order_that_could_not_be_read_is_left_out(town: Town, node: Node) -> None:
    slots = town.household(POOR)
    joint.contributor(node).contribute("coordinator", town.asked(slots, items=[b"\xff", b"\xff"]))
    rows = told(town, "explain")
    assert [row.get("answer") for row in rows] == [None, "REFUSED(QUESTION_MALFORMED)"]


def test_doctor_finds_every_group_answered(town: Town, node: Node) -> None:
    rows = checks(town)
    assert [(row["ok"], row["found"]) for row in rows] == [
        (True, "sum H1: adds wage"),
        (True, "sum H4: adds wage"),
        (True, "sum H5: adds wage"),
    ]
    found = {row["check"]: row["ok"] for row in told(town, "doctor")}
    assert found["catalogue"]
    assert found["freshness"]


def test_doctor_finds_what_a_share_lacks(town: Town, node: Node) -> None:
    catalogue(town, CATALOGUE.partition("[[component]]")[0])
    (town.folder / TAX / SUM_FILE).unlink()
    rows = checks(town)
    assert [row["ok"] for row in rows] == [False] * 6
    assert rows[0]["found"] == "sum H1: wage missing"
    assert "KEY_FILE_MISSING" in rows[1]["found"]
    assert rows[1]["help"].startswith("Restore it")
    catalogue(town, CATALOGUE.replace("sum(fen)", "sum(yuan)"))
    assert checks(town)[0]["found"] == "sum H1: wage missing"


def test_doctor_counts_shares_that_were_broken_off(town: Town, node: Node) -> None:
    node.store.writer.write(lambda c: ContributionBooks(c).begin(b"r" * 32, NOW))
    (row,) = [row for row in checks(town) if row["ok"] is None]
    assert row["found"].startswith("sums: 1 broken off")


def test_doctor_of_a_node_that_never_ran(town: Town) -> None:
    assert [row["ok"] for row in checks(town)] == [True] * 3
