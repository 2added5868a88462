"""What each party's command line offers of its own log."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crypto.keys import SealCost
from federation import founding
from federation import party as installation
from federation.clock import FixedClock
from federation.founding import FederationPlan, PartyPlan
from federation.ledger import LedgerEntry
from federation.log import kinds, log_cli, reader
from federation.log.book import Book
from federation.log.checking import Rules
from federation.log.events import Tombstone
from federation.log.keeper import Keeper
from federation.log.registrar_events import MandateRevoked, StatusPublished
from federation.manifest import PartyRole
from federation.wire import codec
from tests.federation.test_founding import POLICY
from tests.support.books import MemoryBook

NOW = 1_795_000_000
PUBLISHED = StatusPublished(department="tax", series=0, list=bytes(32), iat=NOW)
EXCHANGE = LedgerEntry(
    at=NOW,
    kind="ask",
    caller="coordinator",
    request=b"r",
    request_signature=b"s",
    answer=b"a",
    beside=bytes(32),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Found a federation of two; its registrar's folder has papers, and no log of its own."""
    folder = tmp_path_factory.mktemp("log") / "f"

    def plan(name: str, role: PartyRole, kind: str = "") -> PartyPlan:
        return PartyPlan(id=name, role=role, kind=kind, zh=name, en=name, endpoint="127.0.0.1:1")

    parties = [plan("registrar", PartyRole.REGISTRAR), plan("tax", PartyRole.NODE, "tax")]
    founding.found(
        folder,
        FederationPlan(
            federation="test",
            parties=parties,
            policy=POLICY.encode(),
            now=NOW,
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )
    return folder / "registrar"


@pytest.fixture
def book() -> MemoryBook:
    book = MemoryBook()
    book.append(kinds.write(PUBLISHED, NOW))
    book.append(codec.encode_entry(EXCHANGE))
    book.append(kinds.write(MandateRevoked(mandate=bytes(16), by="registrar"), NOW + 60))
    book.erase(Tombstone(at=NOW + 61, order=bytes(32), rows=(1,)))
    return book


Run = Callable[..., str]


@pytest.fixture
def run(home: Path, book: MemoryBook, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(log_cli, "SystemClock", lambda: FixedClock(NOW))

    @contextmanager
    def opened(_: Path) -> Iterator[Book]:
        yield book

    app = log_cli.commands(opened, Rules())

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, [*words, "--folder", str(home)])
        assert result.exit_code == code, result.output
        return result.output

    return run


def keep(home: Path, book: Book) -> None:
    """Cut a checkpoint as the party would."""
    party = installation.load(home, PartyRole.REGISTRAR, NOW)
    Keeper(book, party, FixedClock(NOW)).cut()


def test_the_newest_entries_are_shown(run: Run) -> None:
    text = run("show", "--lang", "en")
    first, second, third, fourth = text.splitlines()
    assert first.startswith("        0  2026-11-18 19:06:40  status.published      department=tax")
    assert f"list={'A' * 24}…" in first
    assert second == "        1                       erased"
    assert third.split()[3] == "mandate.revoked"
    assert "by=registrar" in third
    assert "tombstone" in fourth
    assert run("show", "--last", "1", "--lang", "zh").splitlines() == [fourth]


def test_a_program_reads_everything(run: Run, book: MemoryBook) -> None:
    book.append(codec.encode_entry(EXCHANGE))
    rows = [json.loads(line) for line in run("show", "--json").splitlines()]
    assert [row["index"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[0]["list"] == "A" * 43
    assert rows[1] == {"index": 1, "kind": "erased"}
    assert rows[4] == {"index": 4, "at": NOW, "kind": "ask", "caller": "coordinator"}


def test_a_sound_log_is_found_sound(run: Run, home: Path, book: MemoryBook) -> None:
    keep(home, book)
    book.append(codec.encode_entry(EXCHANGE))
    assert run("check", "--lang", "en") == (
        "The log is sound: 5 entries, 4 of them in a checkpoint and checked\n"
    )
    found = json.loads(run("check", "--json"))
    assert found == {"size": 5, "checked": 4, "sound": True}


def test_an_empty_log_is_sound_and_shows_nothing(run: Run, book: MemoryBook) -> None:
    book.all.clear()
    assert json.loads(run("check", "--json")) == {"size": 0, "checked": 0, "sound": True}
    assert run("show") == ""


def test_an_altered_log_is_not_sound(
    run: Run, home: Path, book: MemoryBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_cli, "_AT_ONCE", 1)
    for _ in range(600):
        book.append(kinds.write(PUBLISHED, NOW))
    keep(home, book)
    run("check")
    book.all[599] = book.all[599]._replace(record=b"{}")
    text = run("check", "--lang", "en", code=1)
    assert "LOG_ALTERED" in text
    assert "599" in text


def test_a_log_is_exported_for_an_auditor(
    run: Run, home: Path, book: MemoryBook, tmp_path: Path
) -> None:
    target = tmp_path / "export"
    assert "LOG_PART_MISSING" in run("export", str(target), code=1)
    keep(home, book)
    assert run("export", str(target), "--lang", "en") == f"4 entries are in {target}\n"
    book.append(kinds.write(PUBLISHED, NOW))
    keep(home, book)
    newest = book.newest()
    assert newest is not None
    found = json.loads(run("export", str(target), "--json"))
    assert found == {"size": 5, "root": newest.root.hex()}
    assert reader.folder_reader(target)(reader.CHECKPOINT) == newest.note
