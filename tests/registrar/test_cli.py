"""The registrar's commands, and that they see and change what the running server does."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from federation.consenting import Role
from federation.status import Status
from registrar.cli import app
from registrar.store import Store
from tests.registrar import town as towns
from tests.registrar.town import FATHER, Town, a_form, person_id, someone


def run(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.output


def folder(town: Town) -> str:
    return str(town.registrar.folder)


def test_consents_are_listed_without_people(town: Town) -> None:
    (receipt,) = town.client().record([a_form()])
    rows = json.loads(run("consents", "--folder", folder(town), "--json"))
    (row,) = (row for row in rows if row["consent"] == receipt.consent_no)
    assert (row["state"], row["persons"], row["missing"]) == ("COMPLETE", 2, 0)
    text = run("consents", "--folder", folder(town), "--lang", "en")
    assert f"{receipt.consent_no}  complete  persons 2  grants 6  missing 0" in text
    assert FATHER not in text
    assert "父甲" not in text


def test_a_revocation_by_command_shows_in_the_running_servers_next_list(town: Town) -> None:
    issued = town.issued(a_form())
    first = issued.tokens[0]

    def usage() -> dict[str, int]:
        words = ["status", first.department, "--folder", folder(town), "--json"]
        (listed,) = json.loads(run(*words))["lists"]
        return dict(listed)

    assert town.status(first.token) is Status.VALID
    before = usage()
    run("consent", "revoke", issued.consent_no, "--folder", folder(town), "--lang", "zh")
    assert town.status(first.token) is Status.INVALID
    here = [token for token in issued.tokens if token.department == first.department]
    assert usage() == before | {"revoked": before["revoked"] + len(here)}
    text = run("status", first.department, "--folder", folder(town), "--lang", "en")
    assert f"{first.department}/0: {before['used']} of 1048576 used" in text


def states_after(town: Town, command: str, number: str) -> dict[str, str]:
    rows = json.loads(run("consent", command, number, "--folder", folder(town), "--json"))
    return {row["consent"]: row["state"] for row in rows}


def test_the_operator_suspends_resumes_and_ends(town: Town) -> None:
    issued = town.issued(a_form())
    number, token = issued.consent_no, issued.tokens[0].token
    assert states_after(town, "suspend", number) == {number: "SUSPENDED"}
    assert town.status(token) is Status.SUSPENDED
    assert states_after(town, "resume", number) == {number: "COMPLETE"}
    assert town.status(token) is Status.VALID
    assert states_after(town, "revoke", number) == {number: "REVOKED"}
    for command in ("suspend", "resume"):
        words = ["consent", command, number, "--folder", folder(town), "--json"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 1
        assert "CONSENT_REVOKED" in result.output
    assert town.status(token) is Status.INVALID


def test_the_operator_ends_a_household_whoever_recorded_it(town: Town) -> None:
    persons = [
        someone(person_id("19660606", n), "某", role)
        for n, role in ((81, Role.APPLICANT), (83, Role.MEMBER))
    ]
    forms = [
        replace(a_form([replace(p, evidence=os.urandom(32)) for p in persons])) for _ in range(2)
    ]
    numbers = {
        town.client(name).record([form])[0].consent_no
        for name, form in zip(("coordinator", "stranger"), forms, strict=True)
    }
    assert states_after(town, "household", min(numbers)) == dict.fromkeys(numbers, "REVOKED")


def test_rolls_are_shown_with_every_growth_and_what_they_allow(town: Town) -> None:
    with town.running._store.write() as tx:
        tx.rolls.grow("bank_a", 2027, 900, 1_795_000_000)
        tx.rolls.grow("bank_a", 2027, 1000, 1_795_086_400)
    rows = json.loads(run("rolls", "--folder", folder(town), "--json"))
    (row,) = (row for row in rows if (row["department"], row["epoch"]) == ("bank_a", 2027))
    assert row == {
        "department": "bank_a",
        "epoch": 2027,
        "roll": 1000,
        "ceiling": 5_000_000,
        "evaluated": {"id": 0, "name": 0},
        "declared": [
            {"roll": 900, "at": 1_795_000_000},
            {"roll": 1000, "at": 1_795_086_400},
        ],
    }
    text = run("rolls", "--folder", folder(town), "--lang", "en")
    assert "bank_a 2027  roll 1,000 of at most 5,000,000  evaluated: ids 0, names 0" in text
    assert "    2026-11-18 19:06  900\n    2026-11-19 19:06  1,000\n" in text


def test_the_operators_ceiling_is_read_from_the_settings(tmp_path: Path) -> None:
    towns.found(tmp_path / "f")
    folder = tmp_path / "f" / "registrar"
    (folder / "data").mkdir(exist_ok=True)
    with closing(Store(folder / "data" / "registrar.sqlite")) as store, store.write() as tx:
        tx.rolls.grow("bank_a", 2026, 5, 0)
    settings = (folder / "party.toml").read_text("utf-8")
    (folder / "party.toml").write_text(settings + "[registrar]\nrolls = { bank_a = 7 }\n", "utf-8")
    (row,) = json.loads(run("rolls", "--folder", str(folder), "--json"))
    assert (row["roll"], row["ceiling"]) == (5, 7)


def test_an_unknown_consent_is_refused_by_name(town: Town) -> None:
    words = ["consent", "revoke", "20200101-000001", "--folder", folder(town), "--lang", "en"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "CONSENT_UNKNOWN" in result.output


def test_a_folder_without_state_is_refused(town: Town, tmp_path: Path) -> None:
    coordinator = str(town.folder / "coordinator")
    result = CliRunner().invoke(app, ["consents", "--folder", coordinator])
    assert result.exit_code == 2
    assert "FILE_MISSING" in result.output
    result = CliRunner().invoke(app, ["consents", "--folder", str(tmp_path)])
    assert result.exit_code == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_when_it_is_ready_and_stops_cleanly(
    tmp_path: Path, number: signal.Signals
) -> None:
    towns.found(tmp_path / "f", towns.now())
    script = "from registrar.cli import app; app()"
    words = [sys.executable, "-c", script, "serve", "--folder", str(tmp_path / "f" / "registrar")]
    with subprocess.Popen([*words, "--lang", "en"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("registrar answers on 127.0.0.1:")
        second = subprocess.run(
            [*words, "--lang", "en"], check=False, capture_output=True, text=True, timeout=60
        )
        assert second.returncode == 2
        assert "DATA_FOLDER_IN_USE" in second.stderr
        process.send_signal(number)
        assert process.wait(30) == 0
        assert process.stdout.read() == ""


def test_the_operator_looks_at_the_log_beside_the_running_server(town: Town) -> None:
    number = town.issued(a_form()).consent_no
    run("consent", "revoke", number, "--folder", folder(town))
    newest = json.loads(run("log", "show", "--last", "1", "--folder", folder(town), "--json"))
    assert (newest["kind"], newest["consent_no"]) == ("consent.revoked", number)
    assert (newest["by"], newest["request"]) == ("registrar", "")
    assert json.loads(run("log", "check", "--folder", folder(town), "--json"))["sound"] is True
