"""The tally over mutual TLS: both steps, its log for auditors, proofs for askers, one holder."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from crypto import checkpoint, note
from federation import exchange
from federation.clock import FixedClock
from federation.errors import BadInput, PeerFault, Refused, Unavailable
from federation.log import reader
from federation.party import Party
from federation.wire import codec, health, log_service, receipt_messages, signed, sum_messages
from federation.wire.channel import Peers
from tally import server
from tally.rpc import SERVICE
from tally.store import FILE
from tests.tally import town as towns
from tests.tally.town import NOW, Play, Town

PROVE = f"{SERVICE}/Prove"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town whose tally answers on its address."""
    folder = tmp_path_factory.mktemp("served") / "f"
    with towns.running(folder) as town:
        town.running.stop(0)
        opened = server.build(town.parties["tally"], town.clock)
        opened._status._fetch = town.status_lists
        opened.start()
        town.running = opened
        yield town


def call(town: Town, method: str, request: bytes, party: str = "coordinator") -> bytes:
    with closing(Peers(town.parties[party].tls)) as peers:
        return peers.call(town.parties["tally"].entry, method, request, timeout=20)


def compared(town: Town) -> tuple[Play, bytes, bytes]:
    """Ask for a comparison over the wire; give the request's query id and the answer."""
    play = Play(town, town.home(2))
    message = sum_messages.Comparison(order=play.order, z=play.z, seed_commitment=bytes(32))
    last = sum_messages.encode_comparison(message)
    request = town.asked(play.home, exchange.COMPARE, last)
    asked = signed.claimed_header(codec.decode_batch(request))
    return play, asked.qid, call(town, exchange.COMPARE, request)


def test_both_steps_over_the_wire(served: Town) -> None:
    play, _, raw = compared(served)
    *_, last = (one.item for one in codec.decode_batch(raw).items)
    slots = play.aggregator.slots(sum_messages.decode_compared(last).bits)
    message = sum_messages.encode_test(sum_messages.SlotTest(order=play.order, slots=slots))
    raw = call(served, exchange.TEST, served.asked(play.home, exchange.TEST, message))
    *_, last = (one.item for one in codec.decode_batch(raw).items)
    assert play.aggregator.outcome(sum_messages.decode_tested(last).share) is False
    health.check(served.parties["tally"])


def test_an_auditor_reads_the_log_and_nobody_else(served: Town) -> None:
    compared(served)
    kept = served.running._keeper.cut()
    entry = served.parties["tally"].entry
    with closing(Peers(served.parties["auditor"].tls)) as peers:
        read = log_service.log_reader(peers, entry)
        said = checkpoint.parse(note.parse(read(reader.CHECKPOINT)).text)
    assert said.origin == "test/tally"
    assert kept is None or said.size == kept.size
    with closing(Peers(served.parties["coordinator"].tls)) as peers:
        read = log_service.log_reader(peers, entry)
        with pytest.raises(PeerFault, match="WRONG_PARTY"):
            read(reader.CHECKPOINT)


def test_proof_waits_for_witnesses_and_is_the_askers(served: Town) -> None:
    """There are none here; what a proof holds is tested where it is made."""
    _, qid, _ = compared(served)
    served.running._keeper.cut()
    request = receipt_messages.encode_prove(qid)
    with pytest.raises(Unavailable, match="PROOF_NOT_READY"):
        call(served, PROVE, request)
    with pytest.raises(Refused, match="EXCHANGE_UNKNOWN"):
        call(served, PROVE, request, "stranger")


def test_new_papers_are_taken_over_while_it_runs(served: Town) -> None:
    served.running._watch._renewed()
    compared(served)


def test_nothing_is_answered_once_the_log_was_altered(tmp_path: Path) -> None:
    with towns.running(tmp_path / "f") as town:
        play = Play(town, town.home(1))
        play.compare()
        town.running._keeper.cut()
        with closing(sqlite3.connect(town.parties["tally"].data / FILE)) as c, c:
            c.execute("UPDATE log SET record = x'00' WHERE seq = 1")
        with pytest.raises(Unavailable, match="LOG_ALTERED"):
            town.running._keeper.check(0, 100)
        with pytest.raises(Unavailable, match="LOG_ALTERED"):
            town.running._keeper.check_sound()


@pytest.fixture
def party(served: Town, tmp_path: Path) -> Party:
    """The same tally with another, empty data folder."""
    tmp_path.joinpath("data").mkdir()
    return replace(served.parties["tally"], data=tmp_path / "data", listen="127.0.0.1:0")


def test_a_data_folder_has_one_holder_at_a_time(party: Party) -> None:
    first = server.build(party, FixedClock(NOW))
    assert first.port > 0
    with pytest.raises(BadInput, match="DATA_FOLDER_IN_USE"):
        server.build(party, FixedClock(NOW))
    first.stop(0)
    server.build(party, FixedClock(NOW)).stop(0)


def test_wrong_settings_stop_the_start(party: Party) -> None:
    with pytest.raises(BadInput, match="SETTINGS_INVALID"):
        server.build(replace(party, settings={"pools": 1}), FixedClock(NOW))
