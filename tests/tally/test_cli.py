"""``hedui tally``: what its operator sees, and that it serves until it is told to stop."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from federation.clock import SystemClock
from federation.errors import Unavailable
from federation.party import Party
from federation.summing import SumOrder
from federation.wire import health
from tally import examining, looking, server
from tally.cli import app
from tests.tally import town as towns
from tests.tally.town import PERIOD, Play, Town


@pytest.fixture(scope="module")
def present(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tally's folder of today, which has never run."""
    folder = tmp_path_factory.mktemp("present") / "f"
    towns.found(folder, SystemClock().now())
    return folder / "tally"


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == code, result.output
    return result.output


def test_the_years_runs_are_counted(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tally.cli.SystemClock", lambda: town.clock)
    folder = str(town.parties["tally"].folder)
    home = town.home(1)
    plays = [Play(town, home, order=SumOrder(period=PERIOD - n)) for n in range(4)]

    def counts() -> dict[str, Any]:
        told: dict[str, Any] = json.loads(run("status", "--folder", folder, "--json"))
        found = {one.pop("quantity"): one for one in told.pop("runs")}
        return {**told, **found["income"]}

    plays[0].compare()
    before = counts()
    plays[1].test(plays[1].slots(plays[1].compare()))
    plays[2].compare()
    town.compare(home, plays[0].z, order=plays[3].order)
    after = counts()
    names = ("told", "waiting", "aborted", "unanswered", "spent", "log_entries")
    assert [after[one] - before[one] for one in names] == [1, 1, 1, 0, 1, 4]
    monkeypatch.setattr(looking.Look, "refused", lambda _: {"MALFORMED": 2})
    text = run("status", "--folder", folder, "--lang", "en")
    assert "refused unread: MALFORMED 2" in text
    assert f"waiting {after['waiting']:,}" in text
    assert "次数已用完" in run("status", "--folder", folder, "--lang", "zh")


def test_the_log_is_shown_and_checked(town: Town) -> None:
    Play(town, town.home(1)).compare()
    folder = str(town.parties["tally"].folder)
    town.running._keeper.cut()
    assert json.loads(run("log", "check", "--folder", folder, "--json"))["sound"] is True
    shown = json.loads(run("log", "show", "--folder", folder, "--last", "1", "--json"))
    assert (shown["kind"], shown["caller"]) == ("compare", "coordinator")
    with looking.opened_log(town.parties["tally"].folder) as book, pytest.raises(TypeError):
        book.passed(0)


def findings(folder: Path, code: int = 0) -> dict[str, Any]:
    lines = run("check", "--folder", str(folder), "--json", code=code).splitlines()
    return {one["check"]: one for one in map(json.loads, lines)}


def test_a_tally_that_never_ran_lacks_its_log_alone(present: Path) -> None:
    found = findings(present, code=1)
    assert [name for name, one in found.items() if one["ok"] is False] == ["log"]
    assert found["status_list"]["ok"] is None
    assert found["serving"]["ok"] is None
    assert "H1" in found["groups"]["said"]
    text = run("check", "--folder", str(present), "--lang", "zh", code=1)
    assert "✗ log" in text
    assert "启动:hedui tally serve" in text


def test_a_folder_that_is_none_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "party.toml").write_text('party = "tally"\n', "utf-8")
    found = findings(tmp_path, code=1)
    assert found["installation"]["ok"] is False


def test_a_federation_without_groups_asks_nothing(town: Town) -> None:
    party = town.parties["tally"]
    (found,) = examining._groups(without_groups(party), 0)
    assert (found.ok, found.said.en) == (False, "groups: none")


def without_groups(party: Party) -> Party:
    """Give a tally that no group names."""
    papers = party.papers
    listed = replace(papers.documents.manifest, groups={})
    documents = replace(papers.documents, manifest=listed)
    return replace(party, papers=replace(papers, documents=documents))


def test_a_sound_tally_passes(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examining, "SystemClock", lambda: town.clock)
    monkeypatch.setattr(examining, "_ROWS", 1)
    monkeypatch.setattr(health, "check", lambda _: None)
    monkeypatch.setattr(examining, "_ROWS", 1)
    Play(town, town.home(1)).compare()
    town.running._keeper.cut()
    found = findings(town.parties["tally"].folder)
    assert {one["ok"] for one in found.values()} == {True}


def test_keys_that_no_group_names_are_found(present: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Unavailable("LOG_UNAVAILABLE")

    monkeypatch.setattr("tally.referee.Referee.check_group", fail)
    assert findings(present, code=1)["keys"]["ok"] is False


class Stopping:
    """A tally that is told to stop as soon as it answers."""

    def __init__(self, running: server.TallyServer) -> None:
        self.running = running
        self.port = running.port

    def start(self) -> None:
        self.running.start()
        os.kill(os.getpid(), signal.SIGTERM)

    def stop(self) -> None:
        self.running.stop()


def test_a_stop_is_heeded_as_soon_as_it_answers(
    present: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FIRST", 0.1)
    build = server.build
    monkeypatch.setattr(server, "build", lambda *words: Stopping(build(*words)))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        said = run("serve", "--folder", str(present), "--lang", "en")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert said.startswith("tally answers on 127.0.0.1:")
    assert findings(present)["log"]["ok"] is True


IMPATIENT = "from tally import server; from hedui.cli import main; server.FIRST = 0.1; main()"
"""Without a registrar it would wait ten seconds for a first status list."""


def test_it_serves_until_it_is_stopped(present: Path) -> None:
    options = ["tally", "serve", "--folder", str(present), "--json"]
    words = [sys.executable, "-c", IMPATIENT, *options]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as served:
        assert served.stdout
        assert json.loads(served.stdout.readline())["party"] == "tally"
        served.send_signal(signal.SIGTERM)
        assert served.wait(30) == 0
    found = findings(present)
    assert found["log"]["ok"] is True
