"""``hedui store`` and ``hedui case erase`` in a real folder, on either database."""

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from coordinator import config, storage
from coordinator.log_book import LogBook
from coordinator.log_memory import FILE
from coordinator.opening import open_desk
from federation import party as parties
from hedui.cli import app
from tests.coordinator.town import APPLICANT, case_text
from tests.support import servers
from tests.support import twin as twins

Run = Callable[..., list[Any]]
CASE = "HD-790301-2026-0001"


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path, backend: str, server: None) -> Path:
    """Found a federation, and give its centre one case."""
    twin = twins.make(tmp_path / "f")
    home = twin.folder / "coordinator"
    if backend == "postgresql":
        settings(home, servers.create())
    return home


def settings(home: Path, url: str) -> None:
    text = (home / "party.toml").read_text("utf-8").partition("[coordinator]")[0]
    (home / "party.toml").write_text(f'{text}[coordinator]\ndatabase = "{url}"\n', "utf-8")


@pytest.fixture
def run(folder: Path) -> Run:
    def run(*words: str, code: int = 0, at: Path = folder) -> list[Any]:
        result = CliRunner().invoke(app, [*words, "--folder", str(at), "--json"])
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        return [
            json.loads(line) for line in (result.stderr if code else result.stdout).splitlines()
        ]

    return run


@pytest.fixture
def filed(folder: Path, run: Run) -> str:
    (folder / "case.toml").write_text(case_text(), "utf-8")
    (opened, *_) = run("case", "new", str(folder / "case.toml"))
    return str(opened["case"])


def cases(run: Run, **where: Path) -> list[str]:
    (listed,) = run("case", "list", **where)
    return [one["case"] for one in listed]


def size(folder: Path) -> int:
    """Count the rows of the log as they lie there."""
    party = parties.load(folder, None, twins.NOW)
    with closing(storage.opened(party, config.parse(party.settings))) as database:
        return LogBook(database).size()


def another(folder: Path, backend: str) -> Path:
    """Give the same party a folder whose database is empty."""
    fresh = folder.parent / "elsewhere"
    shutil.copytree(folder, fresh, ignore=shutil.ignore_patterns("data"))
    if backend == "sqlite":
        settings(fresh, servers.create())  # and to the other kind
    else:
        settings(fresh, "")
    return fresh


def test_back_up_check_and_restore(folder: Path, run: Run, filed: str, backend: str) -> None:
    place = str(folder.parent / "backup")
    (made,) = run("store", "backup", place)
    assert made["rows"] > 5
    assert run("store", "check", "--backup", place) == [made]
    (whole,) = run("store", "check")
    assert (whole["cases"], whole["dialect"], whole["sealed"]) == (1, backend, False)
    (refused,) = run("store", "restore", place, code=2)
    assert refused["error"] == "DATABASE_NOT_EMPTY"
    fresh = another(folder, backend)
    restored, looked = run("store", "restore", place, at=fresh)
    assert (restored, looked["behind"]) == (made, 0)
    assert size(fresh) == looked["logged"] + 1  # that it was restored, and by whom
    assert cases(run, at=fresh) == [filed]
    (again,) = run("store", "restore", place, at=fresh, code=2)
    assert again["error"] == "DATABASE_NOT_EMPTY"


def test_a_restored_older_state_is_told_and_then_nothing_is_cut(
    folder: Path, run: Run, filed: str, backend: str
) -> None:
    place = str(folder.parent / "backup")
    run("store", "backup", place)
    run("case", "new", str(folder / "case.toml"))
    fresh = another(folder, backend)
    (fresh / "data").mkdir(mode=0o700)
    shutil.copy(folder / "data" / FILE, fresh / "data" / FILE)
    _, looked = run("store", "restore", place, at=fresh)
    assert looked["behind"] > 0
    assert size(fresh) == looked["logged"]
    (refused, *_) = run("case", "new", str(folder / "case.toml"), at=fresh, code=1)[-1:]
    assert refused["error"] == "LOG_ALTERED"
    assert filed == CASE


def test_a_backup_of_another_party_is_refused(folder: Path, run: Run, filed: str) -> None:
    place = folder.parent / "backup"
    run("store", "backup", str(place))
    manifest = json.loads((place / "manifest.json").read_bytes())
    (place / "manifest.json").write_text(json.dumps(manifest | {"party": "stranger"}))
    (refused,) = run("store", "restore", str(place), code=2)
    assert refused["error"] == "BACKUP_INVALID"
    assert filed == CASE


def test_seal_and_go_on(folder: Path, run: Run, filed: str, backend: str) -> None:
    (done,) = run("store", "seal")
    assert done["sealed"] == 3  # number, name and declaration of one person
    assert run("store", "seal") == [{"sealed": 0}]
    (whole,) = run("store", "check")
    assert whole["sealed"] is True
    assert (folder / storage.KEY).stat().st_mode & 0o777 == 0o600
    run("store", "backup", str(folder.parent / "backup"))
    copied = (folder.parent / "backup" / "person.jsonl").read_text("utf-8")
    assert APPLICANT not in copied
    (folder / storage.KEY).rename(folder / "away")
    (refused,) = run("case", "list", code=2)
    assert (refused["error"], backend in {"sqlite", "postgresql"}) == ("CASE_KEY_MISSING", True)
    (folder / "away").rename(folder / storage.KEY)
    assert cases(run) == [filed]


def test_a_sealing_that_was_killed_is_finished_first(folder: Path, run: Run, filed: str) -> None:
    storage.make_key(parties.load(folder, None, twins.NOW))
    (refused,) = run("case", "list", code=2)
    assert refused["error"] == "SEALING_UNFINISHED"
    run("store", "seal")
    assert cases(run) == [filed]


def test_keep_and_erase(folder: Path, run: Run, filed: str) -> None:
    (kept,) = run("case", "retention")
    assert (kept["case"], kept["due"]) == (filed, False)
    assert run("case", "retention", "--due") == []
    (refused,) = run("case", "erase", filed, code=1)
    assert refused["error"] == "CASE_KEPT"
    (proposed,) = run("case", "erase", filed, "--reason", "REQUESTED")
    assert proposed["erased"] is False
    assert cases(run) == [filed]
    (erased,) = run("case", "erase", filed, "--reason", "REQUESTED", "--approve")
    assert erased["erased"] is True
    assert cases(run) == run("case", "retention") == []
    assert run("case", "show", filed, code=2)[-1]["error"] == "CASE_ERASED"
    run("store", "check")


def test_another_person_approves(folder: Path, run: Run, filed: str) -> None:
    def operator(name: str, role: str) -> None:
        words = ["operator", "add", name, "--role", role, "--area", "*", "--folder", str(folder)]
        result = CliRunner().invoke(app, words, input="a-long-word-17\na-long-word-17\n")
        assert result.exit_code == 0, result.output

    operator("director", "DIRECTOR")
    (refused,) = run("case", "erase", filed, "--reason", "REQUESTED", "--approve", code=1)
    assert refused["error"] == "SESSION_MISSING"


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # files: test_store
def test_two_processes_on_one_servers_database(folder: Path, run: Run) -> None:
    """The second is refused, also when it has a folder of its own."""
    fresh = folder.parent / "elsewhere"
    shutil.copytree(folder, fresh, ignore=shutil.ignore_patterns("data"))
    with open_desk(folder):
        (refused,) = run("case", "list", code=2, at=fresh)
    assert refused["error"] == "DATABASE_IN_USE"
    assert cases(run, at=fresh) == []
