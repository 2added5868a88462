"""The witness's file: swapped only for what was there, never back, and evidence stays."""

import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from auditor import witness_store
from auditor.alarms import Alarm
from auditor.witness import Seen, Verdict
from auditor.witness_store import WitnessStore
from federation.errors import Unavailable

LOG = "test/tax"
FIRST = Seen(size=5, root=bytes(32), at=100, note=b"five", count=1)
NEXT = Seen(size=9, root=b"n" * 32, at=101, note=b"nine", count=2)
ALARM = Alarm(
    at=100,
    origin=LOG,
    code=Verdict.SPLIT,
    known=b"known",
    presented=b"presented",
    old_size=3,
    proof=(b"a" * 32, b"b" * 32),
    count=1,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "witness.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[WitnessStore]:
    with closing(WitnessStore(path)) as store:
        yield store


def test_at_first_nothing_is_seen(store: WitnessStore, path: Path) -> None:
    assert (store.seen(LOG), store.every(), store.latest(), store.alarms()) == (Seen(), {}, 0, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_cosigned_is_there_after_a_restart(store: WitnessStore, path: Path) -> None:
    assert store.advance(LOG, Seen(), FIRST)
    assert store.advance(LOG, FIRST, NEXT)
    store.close()
    with closing(WitnessStore(path)) as again:
        assert again.every() == {LOG: NEXT}
        assert again.latest() == 101


@pytest.mark.parametrize(
    "before",
    [
        Seen(),
        replace(FIRST, size=4),
        replace(FIRST, root=b"x" * 32),
        replace(FIRST, count=2),
        NEXT,
    ],
)
def test_only_what_was_there_is_exchanged(store: WitnessStore, before: Seen) -> None:
    store.advance(LOG, Seen(), FIRST)
    assert not store.advance(LOG, before, NEXT)
    assert store.seen(LOG) == FIRST


def test_nothing_is_exchanged_where_nothing_was(store: WitnessStore) -> None:
    assert not store.advance(LOG, FIRST, NEXT)
    assert store.every() == {}


@pytest.mark.parametrize(
    "after",
    [
        replace(NEXT, size=4),
        replace(NEXT, at=99),
        replace(NEXT, size=5),
    ],
)
def test_the_file_itself_refuses_to_go_back(store: WitnessStore, after: Seen) -> None:
    store.advance(LOG, Seen(), FIRST)
    with pytest.raises(sqlite3.IntegrityError, match="never goes back"):
        store.advance(LOG, FIRST, after)
    assert store.seen(LOG) == FIRST


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM witnessed", "DELETE FROM alarm", "UPDATE alarm SET at = 0"],
)
def test_the_file_forgets_nothing(store: WitnessStore, path: Path, sql: str) -> None:
    store.advance(LOG, Seen(), FIRST)
    store.keep(ALARM)
    with closing(sqlite3.connect(path)) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute(sql)


def test_of_many_who_exchange_the_same_one_succeeds(store: WitnessStore) -> None:
    store.advance(LOG, Seen(), FIRST)
    fresh = [replace(NEXT, root=bytes([n]) * 32) for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda after: store.advance(LOG, FIRST, after), fresh))
    assert sum(done) == 1
    assert store.seen(LOG) == fresh[done.index(True)]


def test_two_processes_do_not_both_exchange(store: WitnessStore, path: Path) -> None:
    with closing(WitnessStore(path)) as other:
        assert store.advance(LOG, Seen(), FIRST)
        assert not other.advance(LOG, Seen(), replace(FIRST, root=b"o" * 32))
        assert other.advance(LOG, FIRST, NEXT)
        assert not store.advance(LOG, FIRST, replace(NEXT, root=b"o" * 32))


def test_an_alarm_is_kept_once(store: WitnessStore) -> None:
    assert store.keep(ALARM)
    assert not store.keep(replace(ALARM, at=200, old_size=4))
    assert store.keep(replace(ALARM, code=Verdict.ROLLED_BACK))
    first, second = store.alarms().values()
    assert (first, first.count) == (ALARM, 1)
    assert second.code is Verdict.ROLLED_BACK


def test_one_log_cannot_fill_the_disk_with_alarms(
    store: WitnessStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness_store, "MOST_ALARMS", 3)
    kept = [store.keep(replace(ALARM, presented=bytes([n]))) for n in range(5)]
    assert kept == [True, True, True, False, False]
    assert store.keep(replace(ALARM, origin="test/bank_a"))


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "witness.sqlite").mkdir()
    with pytest.raises(Unavailable, match="WITNESS_STORE"):
        WitnessStore(tmp_path / "witness.sqlite")
    with pytest.raises(Unavailable, match="WITNESS_STORE"):
        WitnessStore(tmp_path / "missing" / "witness.sqlite")


def test_a_damaged_file_is_said(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match="WITNESS_STORE"):
        WitnessStore(path)
