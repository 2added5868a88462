"""Starting and stopping: one holder of the data folder, no start without this year's key."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from federation import party as installation
from federation.clock import FixedClock
from federation.errors import BadInput, Unavailable
from federation.manifest import PartyRole
from federation.party import Party
from registrar import server
from tests.registrar import town as towns
from tests.registrar.town import NOW


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
