"""The commands of statistics: what they print, write and refuse."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator import stats_cli
from coordinator.database import Database
from coordinator.people import operators
from coordinator.people.gate import Gate
from coordinator.people.sessions import Place
from coordinator.statistics.desk import StatisticsDesk
from coordinator.store import Store
from crypto.keys import SealCost
from tests.coordinator.people.staffed import Staffed
from tests.coordinator.statistics.test_gathering import statistics, verified
from tests.coordinator.town import APPLICANT, WIFE_TEXT, Town, case_text

Run = Callable[..., Result]


@pytest.fixture
def run(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def opened(_: Path) -> Iterator[StatisticsDesk]:
        with statistics(town) as (desk, _gathering):
            yield desk

    monkeypatch.setattr(stats_cli, "open_statistics", opened)
    verified(town, case_text(more=WIFE_TEXT))

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(stats_cli.app, list(words), env={"LANG": "zh_CN.UTF-8"})

    return invoke


def cheaply_staffed(town: Town, monkeypatch: pytest.MonkeyPatch) -> Staffed:
    """Give the town people whose passwords cost little."""
    cheap = (*(operators.Operators.__init__.__defaults__ or ())[:-1], SealCost.MINIMAL)
    monkeypatch.setattr(operators.Operators.__init__, "__defaults__", cheap)
    return Staffed(town)


def gate_of(town: Town, who: str) -> Callable[[Database], Gate]:
    """Make the gate as somebody stands before it."""
    place = Place(file=lambda: town.data / f"session-{who}", account=os.getuid())
    return lambda database: Gate(database, Store(database).cases, town.clock, town.data, place)


def test_a_month_half_a_year_and_a_year(run: Run) -> None:
    shown = [run("month", "2026-11"), run("half", "2026h2"), run("year", "2026", "--lang", "en")]
    assert [one.exit_code for one in shown] == [0] * 3, [one.output for one in shown]
    month, half, year = (one.output for one in shown)
    assert month.startswith("核对工作统计 2026-11\n")
    assert half.startswith("核对工作统计 2026年下半年\n")
    assert year.startswith("Verification statistics 2026\n")
    for output in (month, half):
        (line,) = [one.split() for one in output.splitlines() if "发现率" not in one][1:2]
        assert line == ["城市低保", "1", "2", "2", "1", "8", "100.0%", "0.0", "100.0%"]
    assert not any(secret in month + half + year for secret in (APPLICANT, "王", "李"))


def test_the_same_for_programs(run: Run) -> None:
    found = json.loads(run("month", "2026-11", "--by", "area", "--json").stdout)
    assert (found["period"], found["by"], found["differences"]) == ("2026-11", "area", [])
    assert found["parts"]["790301"]["persons"] == found["total"]["persons"] == 2
    elsewhere = json.loads(run("month", "2026-11", "--area", "7904", "--json").stdout)
    assert elsewhere["total"]["persons"] == 0
    (covered,) = json.loads(run("coverage", "2026-11", "--json").stdout)
    assert covered["new"] == {"wanted": 1, "checked": 1, "rate": 1.0}
    assert "100.0%" in run("coverage", "2026").stdout


def test_files(run: Run, tmp_path: Path) -> None:
    names = [f"{kind}=" + str(tmp_path / f"s.{kind[2:]}") for kind in ("--csv", "--xlsx", "--html")]
    written = run("export", "2026", *names)
    assert written.exit_code == 0, written.output
    assert written.stdout.count("已写入") == 3
    assert (tmp_path / "s.csv").read_text("utf-8-sig").startswith("项目,户次,人次")
    assert (tmp_path / "s.xlsx").read_bytes()[:2] == b"PK"
    assert (tmp_path / "s.html").read_text("utf-8").count("<svg") == 3
    missing = run("export", "2026", "--csv", str(tmp_path / "no" / "s.csv"))
    assert (missing.exit_code, "FILE_UNWRITABLE" in missing.stderr) == (2, True)
    assert run("export", "2026").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [("month", "2026"), ("half", "2026-11"), ("year", "2026H1"), ("coverage", "gestern")],
)
def test_what_is_no_period(run: Run, words: tuple[str, ...]) -> None:
    refused = run(*words)
    assert refused.exit_code == 2
    assert "PERIOD_INVALID" in refused.stderr


def test_statistics_are_of_ones_own_area(
    run: Run, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    staffed = cheaply_staffed(town, monkeypatch)
    staffed.hire("op-rev", "op-lin")
    for who, words, code in (
        ("op-rev", ("--area", "7903"), ""),
        ("op-rev", ("--area", "790301"), ""),
        ("op-rev", (), "OPERATOR_FORBIDDEN"),
        ("op-rev", ("--area", "7904"), "OPERATOR_FORBIDDEN"),
        ("op-lin", ("--area", "790301"), "OPERATOR_FORBIDDEN"),
        ("op-dir", (), ""),
    ):
        monkeypatch.setattr(town, "gate", gate_of(town, who))
        shown = run("month", "2026-11", *words)
        assert (shown.exit_code, code in shown.stderr) == (1 if code else 0, True), shown.output
