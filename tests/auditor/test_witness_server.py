"""A witness as a whole: kept before it is said, alarms aloud, one view whoever is faster."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor import witness_server
from auditor.witness import Seen, Verdict
from auditor.witness_server import Witness
from auditor.witness_store import FILE, WitnessStore
from crypto import note
from federation import limits
from federation.clock import FixedClock
from federation.errors import BadInput, HeduiError, PeerFault, Unavailable
from federation.wire import log_messages as messages
from federation.wire.log_messages import Cosigned
from tests.auditor import witnessing
from tests.auditor.witnessing import LOG, OTHER, TwinLog, cosigned_at, leaves, say
from tests.support.twin import NOW

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return witnessing.found(tmp_path_factory.mktemp("witness") / "f")


@pytest.fixture
def folder(founded: Path) -> Iterator[Path]:
    """Give the federation with a witness that has seen nothing."""
    yield founded
    for file in (founded / "witness_a" / "data").glob("*"):
        file.unlink()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def witness(folder: Path, clock: FixedClock) -> Iterator[Witness]:
    opened = witnessing.witness(folder, clock)
    with closing(opened.store):
        yield opened


@pytest.fixture
def log(folder: Path) -> TwinLog:
    return TwinLog(witnessing.load(folder, LOG), leaves(12))


def code(call: Callable[[], object]) -> str:
    with pytest.raises(HeduiError) as caught:
        call()
    return caught.value.code


def test_a_growing_log_is_cosigned_all_along(witness: Witness, log: TwinLog) -> None:
    manifest = witness.party.manifest
    old = 0
    for size in (0, 1, 1, 5, 12):
        request = log.request(old, size)
        said = say(witness, request)
        assert said.known_size == 0
        assert cosigned_at(said, request, manifest, "witness_a") == NOW
        old = size
    kept = witness.store.seen(log.origin)
    assert (kept.size, kept.root, kept.count) == (12, log.tree().root, 5)
    names = [one.name for one in note.parse(kept.note).signatures]
    assert names == ["test/tax", "test/witness_a"]
    assert witness.store.alarms() == {}


def test_logs_do_not_get_into_each_others_way(witness: Witness, log: TwinLog, folder: Path) -> None:
    other = TwinLog(witnessing.load(folder, OTHER), leaves(3, "other"))
    assert say(witness, log.request(0)).lines
    assert say(witness, other.request(0), OTHER).lines
    assert set(witness.store.every()) == {"test/tax", "test/coordinator"}


def test_nobody_presents_the_log_of_another(witness: Witness, log: TwinLog) -> None:
    assert code(lambda: say(witness, log.request(0), OTHER)) == "WRONG_PARTY"
    assert code(lambda: say(witness, log.request(0), "nobody")) == "PARTY_UNKNOWN"
    assert witness.store.every() == {}


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", "MALFORMED"), (b"\x08\x00", "MALFORMED"), (bytes(200_000), "OVERSIZE")],
)
def test_what_is_no_message_is_refused(witness: Witness, data: bytes, expected: str) -> None:
    assert code(lambda: witness.add_checkpoint(LOG, data)) == expected
    assert witness.store.every() == {}


def test_who_starts_elsewhere_is_told_where_and_nothing_is_kept(
    witness: Witness, log: TwinLog
) -> None:
    assert say(witness, log.request(3)) == Cosigned(known_size=0)
    assert say(witness, log.request(0, 5)).lines
    assert say(witness, log.request(3)) == Cosigned(known_size=5)
    assert witness.store.seen(log.origin).size == 5
    assert say(witness, log.request(5)).lines


@pytest.mark.parametrize(
    ("expected", "old", "size", "at"),
    [
        ("LOG_SPLIT", 0, 5, 4),
        ("LOG_ROLLED_BACK", 0, 4, 12),
        ("LOG_INCONSISTENT", 5, 12, 4),
    ],
)
def test_a_contradiction_is_kept_and_the_log_may_still_go_on(
    witness: Witness, log: TwinLog, *, expected: str, old: int, size: int, at: int
) -> None:
    say(witness, log.request(0, 5))
    before = witness.store.seen(log.origin)
    request = log.fork(at, 12 - at).request(old, size)
    assert code(lambda: say(witness, request)) == expected
    (alarm,) = witness.store.alarms().values()
    assert (alarm.code, alarm.at, alarm.origin) == (Verdict(expected), NOW, log.origin)
    assert (alarm.known, alarm.presented) == (before.note, request.checkpoint)
    assert (alarm.old_size, alarm.proof) == (request.old_size, request.proof)
    assert witness.store.seen(log.origin) == before
    assert say(witness, log.request(5)).lines


def test_an_alarm_is_said_aloud_each_time_and_kept_once(
    witness: Witness, log: TwinLog, caplog: pytest.LogCaptureFixture
) -> None:
    say(witness, log.request(0, 5))
    request = log.fork(3, 2).request(0)
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            assert code(lambda: say(witness, request)) == "LOG_SPLIT"
    said = "alarm LOG_SPLIT log=test/tax cosigned=5 presented=5 kept="
    assert [one.levelname for one in caplog.records] == ["ERROR", "ERROR"]
    assert [one.message for one in caplog.records] == [said + "new", said + "before"]
    assert len(witness.store.alarms()) == 1


# ---- Time


def test_the_time_of_a_cosignature_never_goes_back(
    witness: Witness, log: TwinLog, clock: FixedClock, folder: Path
) -> None:
    other = TwinLog(witnessing.load(folder, OTHER), leaves(3))
    manifest, request = witness.party.manifest, log.request(0)
    say(witness, request)
    clock.seconds = NOW - limits.SKEW
    assert cosigned_at(say(witness, request), request, manifest, "witness_a") == NOW
    theirs = other.request(0)
    assert cosigned_at(say(witness, theirs, OTHER), theirs, manifest, "witness_a") == NOW
    clock.seconds = NOW + 1
    assert cosigned_at(say(witness, request), request, manifest, "witness_a") == NOW + 1


def test_a_clock_that_was_set_back_stops_the_witness(
    witness: Witness, log: TwinLog, clock: FixedClock
) -> None:
    say(witness, log.request(0, 5))
    clock.seconds = NOW - limits.SKEW - 1
    assert code(lambda: say(witness, log.request(5))) == "CLOCK_BEHIND"
    assert witness.store.seen(log.origin).size == 5
    assert code(lambda: say(witness, log.fork(4, 1).request(0))) == "LOG_SPLIT", "even so"


# ---- Durable before it is said


def test_nothing_is_cosigned_that_cannot_be_kept(
    witness: Witness, log: TwinLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bool:
        raise Unavailable("WITNESS_STORE")

    monkeypatch.setattr(WitnessStore, "advance", full)
    assert code(lambda: say(witness, log.request(0))) == "WITNESS_STORE"


def test_a_database_that_became_read_only_is_said(
    witness: Witness, log: TwinLog, folder: Path
) -> None:
    say(witness, log.request(0, 5))
    witness.store._sql.execute("PRAGMA query_only = ON")
    assert code(lambda: say(witness, log.request(5))) == "WITNESS_STORE"
    witness.store._sql.execute("PRAGMA query_only = OFF")
    assert say(witness, log.request(5)).lines


def test_killed_before_the_answer_it_remembers_what_it_was_about_to_say(
    folder: Path, log: TwinLog, tmp_path: Path
) -> None:
    request = tmp_path / "request"
    request.write_bytes(messages.encode_checkpoint(log.request(0, 5)))
    words = [sys.executable, "-m", "tests.auditor.dying_witness", str(folder), str(request)]
    died = subprocess.run(words, cwd=ROOT, check=False)
    assert died.returncode == -9
    again = witnessing.witness(folder)
    with closing(again.store):
        assert again.store.seen(log.origin).size == 5
        assert code(lambda: say(again, log.fork(3, 2).request(0))) == "LOG_SPLIT"
        assert say(again, log.request(0, 5)).lines, "the log asks again, as it heard nothing"
        assert say(again, log.request(5)).lines


# ---- Two at once


class Racing(WitnessStore):
    """A store whose first two readers both read before either of them writes."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._barrier = Barrier(2)
        self._early = [self._barrier, self._barrier]

    def seen(self, origin: str) -> Seen:
        found = super().seen(origin)
        if self._early:
            self._early.pop().wait(10)
        return found


def race(witness: Witness, *logs: TwinLog) -> list[str]:
    """Present what all logs have at once; give "cosigned" or the code for each."""

    def one(log: TwinLog) -> str:
        try:
            return "cosigned" if say(witness, log.request(0)).lines else "behind"
        except PeerFault as error:
            return error.code

    with ThreadPoolExecutor(len(logs)) as pool:
        return list(pool.map(one, logs))


def test_of_two_views_at_once_one_is_cosigned_and_the_other_is_a_split(
    folder: Path, log: TwinLog
) -> None:
    store = Racing(folder / "witness_a" / "data" / FILE)
    witness = Witness(witnessing.load(folder, "witness_a"), store, FixedClock(NOW))
    with closing(store):
        assert sorted(race(witness, log, log.fork(3, 9))) == ["LOG_SPLIT", "cosigned"]
        assert [one.code for one in store.alarms().values()] == [Verdict.SPLIT]
        assert store.seen(log.origin).count == 1


def test_the_same_twice_at_once_is_cosigned_twice(folder: Path, log: TwinLog) -> None:
    store = Racing(folder / "witness_a" / "data" / FILE)
    witness = Witness(witnessing.load(folder, "witness_a"), store, FixedClock(NOW))
    with closing(store):
        assert race(witness, log, log) == ["cosigned", "cosigned"]
        assert store.seen(log.origin).count == 2


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 12)), min_size=2, max_size=8))
def test_many_at_once_never_get_two_views(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[bool, int]]
) -> None:
    """Callers of two views, each asking as an honest log does until it is answered."""
    party = witnessing.load(folder, LOG)
    views = {False: TwinLog(party, leaves(12)), True: TwinLog(party, leaves(12)).fork(4, 8)}
    store = WitnessStore(tmp_path_factory.mktemp("many") / FILE)
    witness = Witness(witnessing.load(folder, "witness_a"), store, FixedClock(NOW))
    cosigned: list[tuple[int, bytes]] = []

    def ask(view: bool, size: int) -> None:
        old = 0
        for _ in range(4):
            try:
                said = say(witness, views[view].request(min(old, size), size))
            except PeerFault:
                return
            if said.lines:
                cosigned.append((size, views[view].tree(size).root))
                return
            old = said.known_size

    threads = [Thread(target=ask, args=one) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    whose = [{v for v, one in views.items() if one.tree(n).root == root} for n, root in cosigned]
    assert whose, "the first one is always cosigned"
    assert set.intersection(*whose)


# ---- Starting and stopping


def test_a_data_folder_has_one_holder_at_a_time(folder: Path) -> None:
    party = witnessing.load(folder, "witness_a")
    first = witness_server.build(party, FixedClock(NOW))
    with pytest.raises(BadInput, match="DATA_FOLDER_IN_USE"):
        witness_server.build(party, FixedClock(NOW))
    first.start()
    assert first.port > 0
    first.stop(0)
    witness_server.build(party, FixedClock(NOW)).stop(0)


def test_an_unknown_setting_stops_the_start(folder: Path) -> None:
    party = replace(witnessing.load(folder, "witness_a"), settings={"trust": True})
    with pytest.raises(BadInput, match=r"SETTINGS_INVALID .*witness.trust"):
        witness_server.build(party, FixedClock(NOW))


def test_a_new_key_is_taken_over_while_it_runs(folder: Path, log: TwinLog) -> None:
    running = witness_server.build(witnessing.load(folder, "witness_a"), FixedClock(NOW))
    running.start()
    running._watch._renewed()
    running.stop(0)
