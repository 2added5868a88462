"""Who takes which step of a case: one proposes, another decides, each in their own name."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator import cli, lifecycle_cli
from coordinator.casework import practice
from coordinator.casework.workdays import WorkDays
from coordinator.desk import Desk
from coordinator.life_book import LifeBook
from coordinator.life_desk import LifeDesk, Practised
from coordinator.store import Store
from tests.coordinator.people.staffed import Staffed

Run = Callable[..., Result]
REASON = ("--reason", "NOTHING_AGAINST", "--json")


@pytest.fixture
def run(staffed: Staffed, monkeypatch: pytest.MonkeyPatch) -> Run:
    town = staffed.town

    @contextmanager
    def opened(_: Path) -> Iterator[Desk]:
        with town.desk() as desk:
            yield desk

    @contextmanager
    def lives(_: Path) -> Iterator[LifeDesk]:
        with town.desk() as desk, town.database() as database:
            by = Practised(practice=practice.load(), days=WorkDays(), clock=town.clock)
            yield LifeDesk(desk, Store(database), LifeBook(database), by)

    monkeypatch.setattr(cli, "open_desk", opened)
    monkeypatch.setattr(lifecycle_cli, "open_life", lives)

    def invoke(who: str, *words: str) -> Result:
        shutil.copy(town.data / f"session-{who}", town.data / "session")
        return CliRunner().invoke(cli.app, list(words), env={"LANG": "zh_CN.UTF-8"})

    return invoke


def error(ended: Result) -> str:
    return str(json.loads(ended.stderr.splitlines()[-1])["error"])


def test_one_proposes_and_another_decides(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin", "op-rev", "op-mei")
    (case,) = staffed.open()
    for words in (("consent", case), ("run", case), ("show", case), ("visit", case)):
        assert run("op-lin", *words).exit_code == 0
    assert error(run("op-rev", "decide", case, "grant", *REASON)) == "SECOND_PERSON_NEEDED"
    assert error(run("op-mei", "decide", case, "grant", "--propose", *REASON)) == (
        "OPERATOR_FORBIDDEN"
    )
    assert run("op-lin", "decide", case, "grant", "--propose", *REASON).exit_code == 0
    assert error(run("op-lin", "decide", case, "grant", *REASON)) == "OPERATOR_FORBIDDEN"
    assert run("op-rev", "decide", case, "grant", *REASON).exit_code == 0
    told = json.loads(run("op-lin", "history", case, "--json").stdout)
    assert [(one["event"], one["operator"]) for one in told["events"][-3:]] == [
        ("visit", "op-lin"),
        ("propose", "op-lin"),
        ("grant", "op-rev"),
    ]


def test_nobody_acts_in_anothers_name(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin")
    (case,) = staffed.open()
    ended = run("op-lin", "accept", case, "--operator", "op-rev", "--json")
    assert (ended.exit_code, error(ended)) == (2, "OPERATOR_OTHER")
    assert run("op-lin", "accept", case, "--operator", "op-lin").exit_code == 0


def test_what_is_due_is_listed_for_ones_own_area(staffed: Staffed, run: Run) -> None:
    staffed.hire("op-lin", "op-mei")
    staffed.open()
    here = json.loads(run("op-lin", "due", "--json").stdout)
    there = json.loads(run("op-mei", "due", "--json").stdout)
    assert ({one["clock"] for one in here}, there) == ({"visit", "decision"}, [])
