"""``hedui case log`` over real sockets: checkpoints, three witnesses, exports, what was altered."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from auditor import witness_server
from coordinator import cli
from coordinator.opening import installation, open_desk
from crypto import checkpoint, merkle, note
from crypto.checkpoint import Checkpoint
from federation.clock import FixedClock, SystemClock
from federation.errors import Unavailable
from federation.log import reader, rows
from federation.log.keeper import WITNESS_OUTAGE
from federation.log.keys import cosigners, log_keys, witness_keys
from tests.auditor import witnessing
from tests.auditor.witnessing import WITNESSES
from tests.coordinator import logged
from tests.coordinator.town import case_text

CENTRE = "coordinator"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Found a federation with three witnesses, none of them running."""
    return witnessing.found(tmp_path / "federation", SystemClock().now(), reachable=True)


@contextmanager
def witnesses(home: Path, *names: str) -> Iterator[None]:
    """Run some of the witnesses."""
    with ExitStack() as stack:
        for name in names:
            now = SystemClock().now()
            server = witness_server.build(witnessing.load(home, name, now), SystemClock())
            server.start()
            stack.callback(server.stop, 0)
        yield


def case(*words: str, home: Path) -> Result:
    folder = ("--folder", str(home / CENTRE))
    return CliRunner().invoke(cli.app, [*words, *folder], env={"LANG": "zh_CN.UTF-8"})


def opened(home: Path, *commissions: str) -> None:
    """Open cases by the command: each is two entries, who acts and what was opened."""
    for one in commissions:
        file = home / f"{one}.toml"
        file.write_text(case_text(commission=one), "utf-8")
        done = case("new", str(file), home=home)
        assert done.exit_code == 0, done.output


def edit(home: Path, sql: str) -> None:
    with closing(sqlite3.connect(home / CENTRE / "data" / "coordinator.sqlite")) as connection:
        assert connection.execute(sql).rowcount == 1
        connection.commit()


def exported(home: Path, target: Path) -> Checkpoint:
    """Verify an exported log by the federation's public keys and nothing else."""
    manifest = witnessing.load(home, "auditor", SystemClock().now()).manifest
    read = reader.folder_reader(target)
    signed = note.parse(read("checkpoint"))
    (key,) = log_keys(manifest, CENTRE)
    note.verify(signed, key)
    tree = checkpoint.parse(signed.text)
    hashes = read(f"tile/0/000.p/{tree.size}")
    leaves = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    assert merkle.root(leaves) == tree.root
    found = rows.read(read(f"tile/records/000.p/{tree.size}"), leaves)
    assert all(row.sound and row.record for row in found)
    return tree


def cosigned(home: Path, target: Path) -> frozenset[str]:
    manifest = witnessing.load(home, "auditor", SystemClock().now()).manifest
    return cosigners(note.parse((target / "checkpoint").read_bytes()), witness_keys(manifest))


def test_a_command_ends_with_a_checkpoint_that_witnesses_have_cosigned(
    home: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    with witnesses(home, *WITNESSES):
        opened(home, "c-1", "c-2")
        done = case("log", "export", str(target), "--json", home=home)
    tree = exported(home, target)
    assert json.loads(done.stdout) == {"size": 4, "root": tree.root.hex()}
    assert cosigned(home, target) == set(WITNESSES)


def test_witnesses_that_are_away_stop_nobody_and_are_asked_again(
    home: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out"
    opened(home, "c-1")
    assert case("log", "witness", home=home).exit_code == 1
    with witnesses(home, "witness_c"):
        alone = case("log", "witness", home=home)
    assert (alone.exit_code, alone.stdout) == (1, "见证方 3 个,已签名 1 个,须 2 个\n")
    with witnesses(home, "witness_a"):
        done = case("log", "witness", "--json", home=home)
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"cosigned": 2, "witnesses": 3, "quorum": 2}
    assert case("log", "export", str(target), home=home).exit_code == 0
    assert cosigned(home, target) == {"witness_a", "witness_c"}


def test_an_export_is_continued(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    for size in (2, 4):
        opened(home, f"c-{size}")
        assert case("log", "export", str(target), home=home).exit_code == 0
        assert exported(home, target).size == size
    assert not (target / "tile/0/000.p/2").exists()


def test_what_a_killed_command_has_logged_is_exported_too(home: Path, tmp_path: Path) -> None:
    opened(home, "c-1")
    now = FixedClock(SystemClock().now())
    with installation(home / CENTRE, now) as installed, installed.database.writing() as connection:
        (kept,) = installed.log.book.kept()
        connection.exec_driver_sql(
            "INSERT INTO log SELECT 3, leaf, salt, record, '', 0 FROM log WHERE seq = 1"
        )
    edit(home, "DELETE FROM log_checkpoint WHERE size = 3")
    (home / CENTRE / "data" / "log-seen.json").unlink()  # a killed command has cut none
    edit(home, "UPDATE log_tile SET hashes = substr(hashes, 1, 64)")
    assert kept.size == 2
    done = case("log", "export", str(tmp_path / "out"), home=home)
    assert done.exit_code == 0, done.output
    assert exported(home, tmp_path / "out").size == 3


def test_the_newest_entries_are_shown(home: Path) -> None:
    opened(home, "c-1", "c-2")
    lines = case("log", "show", home=home).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3"]
    assert all("operator.acted" in line and "owner" in line for line in lines[::2])
    assert all("case.opened" in line and "op-lin" in line for line in lines[1::2])
    (last,) = case("log", "show", "--last", "1", "--json", home=home).stdout.splitlines()
    shown = json.loads(last)
    assert (shown["index"], shown["kind"], shown["commission"]) == (3, "case.opened", "c-2")


def test_a_sound_log_is_told_to_be(home: Path) -> None:
    assert "0" in case("log", "check", home=home).stdout
    opened(home, "c-1")
    done = case("log", "check", "--json", home=home)
    assert json.loads(done.stdout) == {"size": 2, "checked": 2, "sound": True}


@pytest.mark.parametrize(
    "words", [("log", "check"), ("run", "--all"), ("mandate",)], ids=["check", "run", "settle"]
)
def test_an_altered_log_is_told_and_nobody_is_asked(home: Path, words: tuple[str, ...]) -> None:
    opened(home, "c-1", "c-2")
    edit(home, "UPDATE log SET record = replace(record, 'op-lin', 'op-wei') WHERE seq = 2")
    if words == ("mandate",):
        edit(home, "UPDATE log SET leaf = zeroblob(32) WHERE seq = 1")
        file = home / "c-3.toml"
        file.write_text(case_text(commission="c-3"), "utf-8")
        words = ("new", str(file))
    done = case(*words, "--json", home=home)
    assert done.exit_code == 1
    assert json.loads(done.stderr.splitlines()[-1])["error"] == "LOG_ALTERED"
    assert '"answered"' not in done.stdout


def test_nobody_is_asked_when_no_witness_was_there_for_a_day(home: Path) -> None:
    opened(home, "c-1")
    clock = FixedClock(SystemClock().now())
    with open_desk(home / CENTRE, clock) as desk:
        assert desk.run(desk.case_ids()).answered == 0
    clock.seconds += WITNESS_OUTAGE + 60
    with open_desk(home / CENTRE, clock) as desk, pytest.raises(Unavailable) as caught:
        desk.run(desk.case_ids())
    assert caught.value.code == "WITNESSES_MISSING"
    with witnesses(home, "witness_a", "witness_b"), open_desk(home / CENTRE, clock) as desk:
        desk.run(desk.case_ids())


def test_a_log_that_contradicts_itself_is_no_more_asked_from(home: Path) -> None:
    """A centre that goes back to an old copy of its database is caught by its witnesses."""
    database = home / CENTRE / "data" / "coordinator.sqlite"
    with witnesses(home, *WITNESSES):
        opened(home, "c-1")
        old = database.read_bytes()
        opened(home, "c-2", "c-3")
        database.write_bytes(old)
        file = home / "c-4.toml"
        file.write_text(case_text(commission="c-4"), "utf-8")
        done = case("new", str(file), "--json", home=home)
    assert done.exit_code == 1
    assert json.loads(done.stderr.splitlines()[-1])["error"] == "LOG_ALTERED"


def test_the_log_is_what_the_books_say(home: Path) -> None:
    opened(home, "c-1")
    with installation(home / CENTRE) as installed:
        logged.check(installed.log.book)
        _, row = logged.rows(installed.database)
    assert b"c-1" in (row.record or b"")
