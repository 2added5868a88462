"""Starting and stopping: one holder of the data folder, no start without this year's key.

And the log that it keeps: checkpoints, who may read it, and no answer once it was altered.
"""

import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from crypto import checkpoint, note, tiles
from crypto.note import SIGNED
from federation import party as installation
from federation.clock import FixedClock
from federation.errors import BadInput, PeerFault, Unavailable
from federation.log import reader, rows
from federation.log.book import Kept
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire import log_service
from registrar import server
from registrar.store import FILE, Store
from tests.registrar import town as towns
from tests.registrar.town import NOW, Town, a_form


@pytest.fixture
def party(tmp_path: Path) -> Party:
    towns.found(tmp_path / "f")
    return installation.load(tmp_path / "f" / "registrar", PartyRole.REGISTRAR, NOW)


def test_a_data_folder_has_one_holder_at_a_time(party: Party) -> None:
    first = server.build(party, FixedClock(NOW))
    with pytest.raises(BadInput, match="DATA_FOLDER_IN_USE"):
        server.build(party, FixedClock(NOW))
    first.start()
    assert first.port == int(party.listen.rpartition(":")[2])
    first.stop(0)
    server.build(party, FixedClock(NOW)).stop(0)


def test_a_failed_start_lets_the_folder_go(party: Party) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(BadInput, match="LISTEN_FAILED"):
            server.build(replace(party, listen=address), FixedClock(NOW))
    server.build(party, FixedClock(NOW)).stop(0)


def test_a_ceiling_of_an_unknown_department_stops_the_start(party: Party) -> None:
    wrong = replace(party, settings={"rolls": {"taxx": 5}})
    with pytest.raises(BadInput, match="SETTINGS_INVALID"):
        server.build(wrong, FixedClock(NOW))
    server.build(replace(party, settings={"rolls": {"bank_a": 5}}), FixedClock(NOW)).stop(0)


def test_this_years_key_is_needed_to_start(party: Party) -> None:
    (party.folder / "pseudonym-2027.key").unlink()
    server.build(party, FixedClock(NOW)).stop(0)
    (party.folder / "pseudonym-2026.key").unlink()
    with pytest.raises(Unavailable, match="EPOCH_KEY_MISSING"):
        server.build(party, FixedClock(NOW))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with towns.running(tmp_path / "f") as running:
        yield running


def cut(town: Town) -> Kept:
    """Have a checkpoint cut now."""
    kept = town.running._keeper.cut()
    assert kept is not None
    return kept


def test_checkpoints_are_cut_on_a_schedule_and_at_the_end(party: Party) -> None:
    often = replace(party, settings={"checkpoint_seconds": 1})
    running = server.build(often, FixedClock(NOW))
    running.start()
    book = running._store.book()
    with running._store.write() as tx:
        tx.rolls.grow("bank_a", 2026, 5, NOW)
    for _ in range(200):
        if kept := book.newest():
            break
        time.sleep(0.05)
    assert kept is not None
    assert kept.size == 1
    with running._store.write() as tx:
        tx.rolls.grow("bank_a", 2026, 6, NOW)
    running.stop(0)
    with closing(sqlite3.connect(party.data / FILE)) as c:
        assert c.execute("SELECT max(size) FROM log_checkpoint").fetchone() == (2,)


def test_an_auditor_reads_the_log_and_its_records(town: Town) -> None:
    town.issued(a_form())
    kept = cut(town)
    auditor = town.parties["auditor"]
    read = log_service.log_reader(town.peers["auditor"], auditor.manifest.registrar)
    signed = note.parse(read(reader.CHECKPOINT))
    (key,) = auditor.manifest.note_keys("registrar", SIGNED)
    note.verify(signed, key)
    said = checkpoint.parse(signed.text)
    assert (said.origin, said.size, said.root) == ("test/registrar", kept.size, kept.root)
    leaves = read(tiles.path(0, 0, kept.size))
    data = read(tiles.path(None, 0, kept.size))
    found = rows.read(data, [leaves[i : i + 32] for i in range(0, len(leaves), 32)])
    assert len(found) == kept.size
    assert all(row.sound for row in found)


@pytest.mark.parametrize("who", ["coordinator", "bank_a", "registrar"])
def test_nobody_else_reads_the_log(town: Town, who: str) -> None:
    town.issued(a_form())
    cut(town)
    read = log_service.log_reader(town.peers[who], town.registrar.entry)
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        read(reader.CHECKPOINT)


ALTERED: dict[str, Callable[[sqlite3.Connection], object]] = {
    "record": lambda c: c.execute("UPDATE log SET record = record || ' ' WHERE seq = 2"),
    "beside": lambda c: c.execute("UPDATE log SET beside = x'00' WHERE seq = 2"),
    "gone": lambda c: c.execute("DELETE FROM log WHERE seq = 2"),
    "emptied": lambda c: c.execute(
        "UPDATE log SET salt = NULL, record = NULL, beside = NULL WHERE seq = 2"
    ),
}


def alter(town: Town, how: str) -> None:
    with closing(sqlite3.connect(town.registrar.data / FILE)) as c, c:
        ALTERED[how](c)


@pytest.mark.parametrize("how", ALTERED)
def test_nothing_is_answered_once_the_log_was_altered(town: Town, how: str) -> None:
    issued = town.issued(a_form())
    cut(town)
    alter(town, how)
    with pytest.raises(Unavailable, match="LOG_ALTERED"):
        town.running._keeper.check(0, 100)
    refused = (
        lambda: town.client().record([a_form()]),
        lambda: town.client().revoke([issued.consent_no]),
        lambda: town.client("bank_a").status_lists("bank_a"),
    )
    for call in refused:
        with pytest.raises(Unavailable, match="LOG_ALTERED"):
            call()


def test_an_alteration_while_nobody_looked_is_found_at_the_start(town: Town) -> None:
    town.issued(a_form())
    cut(town)
    town.running.stop()
    alter(town, "record")
    town.running = server.build(town.registrar, town.clock)
    town.running.start()
    with pytest.raises(Unavailable, match="LOG_ALTERED"):
        town.client().record([a_form()])


def test_a_database_from_before_the_log_begins_one(tmp_path: Path) -> None:
    Store(tmp_path / FILE).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as c, c:
        tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'log%'"
        for (name,) in c.execute(tables).fetchall():
            c.execute(f"DROP TABLE {name}")
        c.execute("INSERT INTO roll VALUES ('bank_a', 2026, 5, 0)")
    with closing(Store(tmp_path / FILE)) as store:
        with store.write() as tx:
            tx.rolls.grow("bank_a", 2026, 6, NOW)
        assert store.book().size() == 1
