"""``hedui audit witness`` as its operator and an auditor run it."""

import json
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from auditor.witness_server import Witness
from crypto import checkpoint, note
from federation import ceremony, changes
from federation.clock import SystemClock
from federation.errors import HeduiError
from hedui.cli import app
from tests.auditor import witnessing
from tests.auditor.witnessing import LOG, OTHER, TwinLog, leaves, say
from tests.scenarios.played import command, environment
from tests.support.founder import amend


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["audit", "witness", *map(str, words)])


def rows(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return witnessing.found(tmp_path / "f", SystemClock().now())


@pytest.fixture
def witness(folder: Path) -> Witness:
    return witnessing.witness(folder, SystemClock())


def _log(folder: Path) -> TwinLog:
    return TwinLog(witnessing.load(folder, LOG, SystemClock().now()), leaves(12))


def alarmed(witness: Witness, log: TwinLog, old: int, size: int) -> None:
    with pytest.raises(HeduiError):
        say(witness, log.request(old, size))


def test_all_logs_are_listed_with_what_was_seen_of_them(folder: Path, witness: Witness) -> None:
    log = _log(folder)
    with closing(witness.store):
        say(witness, log.request(0, 5))
        say(witness, log.request(5))
    done = run("status", "-C", folder / "witness_a", "--json")
    assert done.exit_code == 0
    first, second, third = rows(done)
    assert (first["log"], first["size"], first["cosigned"]) == ("test/registrar", 0, 0)
    assert second["log"] == "test/coordinator"
    assert third["log"] == "test/tax"
    assert (third["size"], third["root"], third["cosigned"]) == (12, log.tree().root.hex(), 2)
    text = run("status", "-C", folder / "witness_a", "--lang", "en").stdout
    assert "test/registrar" in text
    assert "not witnessed yet" in text
    assert "12 entries" in text
    assert "cosigned 2 times" in text
    assert "共签 2 次" in run("status", "-C", folder / "witness_a", "--lang", "zh").stdout


def test_an_alarm_ends_status_with_1_until_a_shorter_log_has_gone_on(
    folder: Path, witness: Witness
) -> None:
    log = _log(folder)
    with closing(witness.store):
        say(witness, log.request(0, 5))
        alarmed(witness, log, 0, 4)
        done = run("status", "-C", folder / "witness_a", "--json")
        assert done.exit_code == 1
        assert [(row["code"], row["open"]) for row in rows(done)[3:]] == [("LOG_ROLLED_BACK", True)]
        assert "✗ alarm 1" in run("status", "-C", folder / "witness_a", "--lang", "en").stdout
        say(witness, log.request(5))
    done = run("status", "-C", folder / "witness_a", "--lang", "en")
    assert done.exit_code == 0
    assert "· alarm 1" in done.stdout
    assert "no longer so" in done.stdout


@pytest.mark.parametrize(("old", "size"), [(0, 5), (5, 12)])
def test_other_alarms_stay_open_while_the_party_takes_part(
    folder: Path, witness: Witness, old: int, size: int
) -> None:
    log = _log(folder)
    with closing(witness.store):
        say(witness, log.request(0, 5))
        alarmed(witness, log.fork(3, 9), old, size)
        say(witness, log.request(5))
    assert run("status", "-C", folder / "witness_a").exit_code == 1
    now = SystemClock().now()
    amend(folder, now, lambda home: changes.remove(home.manifest, LOG, home.edition()))
    assert ceremony.open_home(folder, now).manifest.version == 2
    done = run("status", "-C", folder / "witness_a", "--json")
    assert done.exit_code == 0
    assert [row["log"] for row in rows(done)] == [
        *("test/registrar", "test/coordinator", "test/tax", "test/tax")
    ]


def test_evidence_is_written_and_anybody_can_verify_it(
    folder: Path, witness: Witness, tmp_path: Path
) -> None:
    log, out = _log(folder), tmp_path / "out" / "evidence"
    with closing(witness.store):
        say(witness, log.request(0, 5))
        alarmed(witness, log.fork(3, 9), 0, 5)
        alarmed(witness, log, 0, 4)
    done = run("evidence", out, "-C", folder / "witness_a", "--json")
    assert done.exit_code == 0
    files = [Path(str(row["file"])) for row in rows(done)]
    assert [one.name for one in files] == [
        "witness_a-0001-tax-LOG_SPLIT.json",
        "witness_a-0002-tax-LOG_ROLLED_BACK.json",
    ]
    read = run("verify", *files, "-C", folder / "auditor", "--json")
    assert read.exit_code == 0
    assert [(row["witness"], row["log"], row["code"], row["proven"]) for row in rows(read)] == [
        ("witness_a", "test/tax", "LOG_SPLIT", True),
        ("witness_a", "test/tax", "LOG_ROLLED_BACK", False),
    ]
    text = run("verify", *files, "-C", folder / OTHER, "--lang", "en").stdout
    assert "by the log's own signatures" in text
    assert "on the word of witness_a" in text
    assert "告警" in run("status", "-C", folder / "witness_a", "--lang", "zh").stdout
    again = run("evidence", out, "-C", folder / "witness_a", "--lang", "en").stdout
    assert f"wrote {files[0]}" in again


def test_the_newest_checkpoints_are_written_for_reconcile(
    folder: Path, witness: Witness, tmp_path: Path
) -> None:
    log = _log(folder)
    with closing(witness.store):
        say(witness, log.request(0, 5))
    out = tmp_path / "seen"
    done = run("checkpoints", out, "-C", folder / "witness_a", "--json")
    assert done.exit_code == 0
    assert rows(done) == [{"log": "test/tax", "size": 5, "file": str(out / "witness_a-tax.note")}]
    signed = note.parse((out / "witness_a-tax.note").read_bytes())
    assert checkpoint.parse(signed.text) == log.tree(5)
    assert [one.name for one in signed.signatures] == ["test/tax", "test/witness_a"]


def test_evidence_that_does_not_hold_or_is_not_there(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "alarm.json"
    absent = run("verify", file, "-C", folder / "auditor")
    assert (absent.exit_code, "FILE_MISSING" in absent.stderr) == (2, True)
    file.write_bytes(b"{}")
    wrong = run("verify", file, "-C", folder / "auditor")
    assert (wrong.exit_code, "ALARM_INVALID" in wrong.stderr) == (2, True)


def test_evidence_needs_a_place_to_be_written(
    folder: Path, witness: Witness, tmp_path: Path
) -> None:
    log = _log(folder)
    with closing(witness.store):
        say(witness, log.request(0, 5))
        alarmed(witness, log.fork(3, 9), 0, 5)
    (tmp_path / "taken").write_text("x", "utf-8")
    done = run("evidence", tmp_path / "taken", "-C", folder / "witness_a")
    assert (done.exit_code, "FILE_UNWRITABLE" in done.stderr) == (2, True)


def test_a_witness_that_never_ran_has_nothing_to_show(folder: Path) -> None:
    done = run("status", "-C", folder / "witness_b")
    assert (done.exit_code, "FILE_MISSING" in done.stderr) == (2, True)
    assert run("serve", "-C", folder / "tax").exit_code == 2


def test_it_serves_until_it_is_stopped(folder: Path) -> None:
    words = command("audit", "witness", "serve", "-C", str(folder / "witness_a"), "--json")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout
        said = json.loads(process.stdout.readline())
        assert said["party"] == "witness_a"
        assert said["port"] > 0
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
