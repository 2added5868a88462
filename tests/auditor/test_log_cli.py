"""``hedui audit log`` and ``fetch``: offline from a folder, and over mutual TLS from a party."""

import json
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from auditor import progress
from crypto import note
from crypto.note import Note
from federation.clock import SystemClock
from federation.log.book import Kept
from federation.log.keeper import Keeper
from federation.log.reader import CHECKPOINT
from federation.terminal import Terminal
from federation.wire import log_service, server
from federation.wire.channel import Peers
from federation.wire.server import Service
from hedui.cli import app
from tests.auditor import diaries, witnessing
from tests.auditor.diaries import TAX, honest
from tests.auditor.witnessing import WITNESSES
from tests.support.books import MemoryBook


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, words)])


def rows(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the network away: whoever reaches for it fails."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was reached for")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(grpc, "secure_channel", refuse)
    monkeypatch.setattr(grpc, "insecure_channel", refuse)
    monkeypatch.setattr(Peers, "call", refuse)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return diaries.export(honest(), tmp_path / "logs")


@pytest.mark.usefixtures("no_network")
class TestOffline:
    def test_a_log_in_a_folder_is_proven(self, folder: Path) -> None:
        done = run("log", folder / TAX, "-C", folder, "--json")
        assert done.exit_code == 0
        (row,) = rows(done)
        assert (row["log"], row["proven"], row["size"]) == (TAX, True, 2)
        assert set(row["cosigned"]) == set(WITNESSES)
        assert (row["erased"], row["tombstones"]) == (0, [])

    @pytest.mark.parametrize("lang", ["zh", "en"])
    def test_and_said_in_words(self, folder: Path, lang: str) -> None:
        done = run("log", folder / TAX, "-C", folder, "--lang", lang)
        assert done.exit_code == 0
        assert ("已证明" if lang == "zh" else "PROVEN") in done.stdout
        assert "witness_b" in done.stdout

    def test_an_altered_log_is_not(self, folder: Path) -> None:
        file = folder / TAX / "tile" / "records" / "000.p" / "2"
        file.write_bytes(file.read_bytes().replace(b"coordinator", b"coordinatos", 1))
        done = run("log", folder / TAX, "-C", folder, "--json")
        assert done.exit_code == 1
        (row,) = rows(done)
        assert (row["proven"], row["link"]) == (False, "LOG_ROW")
        assert row["evidence"]["row"] == "0"
        assert "第几行 0" in run("log", folder / TAX, "-C", folder, "--lang", "zh").stdout

    def test_a_log_that_lacks_a_part_is_not(self, folder: Path) -> None:
        shutil.rmtree(folder / TAX / "tile")
        done = run("log", folder / TAX, "-C", folder, "--json")
        assert done.exit_code == 1
        assert rows(done)[0]["link"] == "LOG_PART_MISSING"

    def test_erased_rows_are_told(self, tmp_path: Path) -> None:
        town = honest()
        town.diaries[TAX].erase(town.later(), bytes(32), 0)
        folder = diaries.export(town, tmp_path / "logs")
        done = run("log", folder / TAX, "-C", folder, "--lang", "en")
        assert done.exit_code == 0
        assert "1 entries are erased" in done.stdout

    def test_documents_are_needed(self, folder: Path, tmp_path: Path) -> None:
        done = run("log", folder / TAX, "-C", tmp_path, "--json")
        assert done.exit_code == 2
        assert json.loads(done.stderr)["error"] == "FILE_MISSING"

    def test_another_root_may_be_named(self, folder: Path, tmp_path: Path) -> None:
        shutil.copy(folder / "manifest.json", tmp_path / "m.json")
        pin = ("--root", folder / "root.json", "--document", tmp_path / "m.json")
        assert run("log", folder / TAX, "-C", tmp_path, *pin).exit_code == 0


@dataclass
class House:
    """A founded federation one of whose departments serves its log."""

    folder: Path
    book: MemoryBook

    def auditor(self) -> Path:
        return self.folder / "auditor"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    now = SystemClock().now()
    folder = witnessing.found(tmp_path_factory.mktemp("house") / "f", now, reachable=True)
    own = witnessing.load(folder, TAX, now)
    book = MemoryBook()
    for row in honest().diaries[TAX].rows:
        assert row
        book.append(row[1], row[2])
    Keeper(book, own, SystemClock()).cut()
    cosign(book, folder, now)
    served = Service(
        name="federation.v1.Test",
        methods={},
        others=(log_service.service(book, lambda: own.manifest),),
    )
    running = server.build(own.manifest, own.tls, own.listen, served)
    running.start()
    try:
        yield House(folder, book)
    finally:
        running.stop()


def cosign(book: MemoryBook, folder: Path, now: int) -> None:
    (kept,) = book.checkpoints
    plain = note.parse(kept.note)
    lines = []
    for one in WITNESSES:
        party = witnessing.load(folder, one, now)
        name = party.manifest.note_name(one)
        lines.append(note.cosign(plain.text, name, party.key, now))
    whole = Note(text=plain.text, signatures=(*plain.signatures, *lines))
    signed: Kept = replace(kept, note=note.write(whole))
    book.cosigned(signed)


def test_a_log_is_read_from_its_party(house: House) -> None:
    done = run("log", TAX, "-C", house.auditor(), "--json")
    assert done.exit_code == 0
    assert (rows(done)[0]["log"], rows(done)[0]["size"]) == (TAX, 2)


def test_a_log_is_fetched_and_then_verified_without_a_network(
    house: House, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    target = tmp_path / "logs"
    done = run("fetch", target, "--party", TAX, "-C", house.auditor(), "--json")
    assert done.exit_code == 0
    assert rows(done) == [{"log": TAX, "size": 2}]
    request.getfixturevalue("no_network")
    assert run("log", target / TAX, "-C", target).exit_code == 0


def test_a_party_that_is_away_does_not_keep_others_from_being_fetched(
    house: House, tmp_path: Path
) -> None:
    done = run("fetch", tmp_path / "logs", "-C", house.auditor(), "--lang", "en")
    assert done.exit_code == 1
    assert "✗ registrar" in done.stdout
    assert "PEER_UNREACHABLE" in done.stderr
    assert f"✓ {TAX} 2 entries" in done.stdout
    assert (tmp_path / "logs" / TAX / CHECKPOINT).exists()


@pytest.mark.parametrize("name", ["coordinator", "nobody"])
def test_a_log_that_nobody_serves_is_named(
    house: House, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no folder is called so
    for words in (["log", name], ["fetch", tmp_path / "logs", "--party", name]):
        done = run(*words, "-C", house.auditor(), "--json")
        assert done.exit_code == 2
        assert json.loads(done.stderr)["error"] == "LOG_NOT_SERVED"


def test_who_is_no_auditor_fetches_nothing(house: House, tmp_path: Path) -> None:
    done = run("fetch", tmp_path / "logs", "-C", house.folder / "witness_a", "--json")
    assert done.exit_code == 2
    assert json.loads(done.stderr)["error"] == "PARTY_ROLE"


# -- progress


def test_progress_is_for_people_who_look_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = progress.telling(Terminal(lang="zh", json=False), TAX)
    told(1, 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert progress.telling(Terminal(lang="zh", json=True), TAX)(1, 2) is None
    moments = iter([0.0, 0.1, 0.3, 0.35])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    told = progress.telling(Terminal(lang="zh", json=False), TAX)
    for done in (256, 512, 600):
        told(done, 600)
    assert capsys.readouterr().err == ("  tax           512 / 600\r  tax           600 / 600\n")
