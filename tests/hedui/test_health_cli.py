"""``hedui health`` as whoever keeps a party running asks it: a real registrar behind mutual TLS."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner, Result

from crypto.keys import SealCost
from federation import founding, party
from federation.clock import SystemClock
from federation.founding import FederationPlan, PartyPlan
from federation.manifest import PartyRole
from federation.wire.channel import Peers
from hedui import health_cli
from hedui.cli import app
from hedui.demo.stage import free_ports
from hedui.federation_cli import example_policy
from registrar import server

REGISTRAR: Final = "registrar"


def ask(folder: Path) -> Result:
    return CliRunner().invoke(app, ["health", "-C", str(folder), "--json"])


def error(done: Result) -> str:
    return str(json.loads(done.stderr)["error"])


def make(folder: Path, endpoint: str) -> Path:
    alone = PartyPlan(
        id=REGISTRAR,
        role=PartyRole.REGISTRAR,
        kind="",
        zh="登记处",
        en="Registrar",
        endpoint=endpoint,
    )
    plan = FederationPlan(
        federation="test",
        parties=[alone],
        policy=example_policy(),
        now=SystemClock().now(),
        cost=SealCost.MINIMAL,
    )
    founding.found(folder, plan)
    return folder / REGISTRAR


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (port,) = free_ports(1)
    return make(tmp_path_factory.mktemp("health") / "federation", f"127.0.0.1:{port}")


@pytest.fixture(scope="module")
def running(founded: Path) -> Iterator[Path]:
    clock = SystemClock()
    answering = server.build(party.load(founded, PartyRole.REGISTRAR, clock.now()), clock)
    answering.start()
    yield founded
    answering.stop(0)


def test_who_answers_is_healthy(running: Path) -> None:
    done = ask(running)
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"party": REGISTRAR, "serving": True})
    text = CliRunner().invoke(app, ["health", "-C", str(running), "--lang", "en"]).stdout
    assert text == "registrar answers\n"


def test_it_is_asked_where_it_listens_and_not_where_others_reach_it(
    running: Path, tmp_path: Path
) -> None:
    behind = Path(shutil.copytree(running, tmp_path / "behind"))
    settings = (behind / "party.toml").read_text("utf-8")
    everywhere = settings.replace("127.0.0.1:", "0.0.0.0:")
    assert everywhere != settings
    (behind / "party.toml").write_text(everywhere, "utf-8")
    assert ask(behind).exit_code == 0


def test_who_does_not_answer_is_not(running: Path, tmp_path: Path) -> None:
    silent = Path(shutil.copytree(running, tmp_path / "silent"))
    (port,) = free_ports(1)
    (silent / "party.toml").write_text(f'party = "{REGISTRAR}"\nlisten = "127.0.0.1:{port}"\n')
    done = ask(silent)
    assert (done.exit_code, error(done)) == (1, "PEER_UNREACHABLE")


def test_who_is_about_to_stop_is_not(running: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peers, "call", lambda *_, **__: b"\x08\x02")  # NOT_SERVING
    done = ask(running)
    assert (done.exit_code, error(done)) == (1, "NOT_SERVING")


def test_somebody_else_in_its_place_is_not_it(running: Path, tmp_path: Path) -> None:
    here = party.load(running, None, SystemClock().now()).listen
    done = ask(make(tmp_path / "twin", here))
    assert (done.exit_code, error(done)) == (1, "PEER_UNREACHABLE")


def test_a_folder_that_is_none_is_bad_input(tmp_path: Path) -> None:
    done = ask(tmp_path)
    assert (done.exit_code, error(done)) == (2, "SETTINGS_INVALID")


def test_the_module_alone_is_the_command(running: Path) -> None:
    line = [sys.executable, "-m", health_cli.__name__]
    done = subprocess.run(
        line, env=os.environ | {"HEDUI_FOLDER": str(running)}, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    listed = "import sys, hedui.health_cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", listed], capture_output=True, check=True)
    heavy = {b"sqlalchemy", b"openpyxl", b"coordinator", b"department_node", b"registrar"}
    assert heavy & set(loaded.stdout.split()) == set()
