"""The node's database: what is written once stands, and a look beside it changes nothing."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from department_node.beside import beside
from department_node.ledger import Kept, Ledger, StoredAnswer, Writes
from department_node.mandate_books import MandateBooks
from department_node.store import FILE, LISTS_KEPT, VERSION, RollEntry, Store, StoredBatch
from federation.errors import HeduiError

PSN = b"p" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(tmp_path)
    yield one
    one.close()


def entry(psn: bytes, key: str, fingerprint: bytes = bytes(32), name: bytes = b"") -> RollEntry:
    return RollEntry(psn=psn, key=key, name=name, fingerprint=fingerprint)


def write(store: Store, job: object) -> object:
    return store.writer.write(lambda c: job(Ledger(c)))  # type: ignore[operator]


def test_meta_is_kept_over_a_restart(tmp_path: Path) -> None:
    first = Store(tmp_path)
    assert first.meta("time") is None
    first.set_meta(time=5, fingerprint_key=b"k")
    first.close()
    second = Store(tmp_path)
    assert (second.meta("time"), second.meta("fingerprint_key")) == (5, b"k")
    second.close()


def test_the_highest_time_never_falls(store: Store) -> None:
    for now in (5, 9, 7):
        write(store, lambda ledger, now=now: ledger.seen_time(now))
    assert store.meta("time") == 9


def test_people_by_pseudonym_and_by_key(store: Store) -> None:
    number = store.begin_batch(2026, StoredBatch(key=b"k", people="[]", ids=b"i", names=b""))
    store.finish_batch(2026, number, [entry(PSN, "k1", name=b"n")])
    person = store.person(PSN)
    assert person is not None
    assert (person.key, person.name) == ("k1", b"n")
    assert store.pseudonyms("k1") == (PSN,)
    assert store.person(bytes(32)) is None
    assert store.pseudonyms("k2") == ()


def test_two_epochs_of_one_record(store: Store) -> None:
    store.finish_batch(2026, 1, [entry(PSN, "k1")])
    store.finish_batch(2027, 1, [entry(b"o" * 32, "k1")])
    assert set(store.pseudonyms("k1")) == {PSN, b"o" * 32}
    assert store.enrolled(2026) == store.enrolled(2027) == 1


def test_batches_are_numbered_by_epoch(store: Store) -> None:
    batch = StoredBatch(key=b"k", people="[]", ids=b"i", names=b"n")
    assert [store.begin_batch(2026, batch) for _ in range(2)] == [1, 2]
    assert store.begin_batch(2027, batch) == 1
    assert store.begin_batch(2026, batch, least=100) == 100
    assert store.begin_batch(2026, batch) == 101
    store.finish_batch(2026, 1, [])
    store.drop_batch(2026, 2)
    assert store.pending_batches(2026) == [(100, batch), (101, batch)]
    assert "k" not in repr(batch).replace("StoredBatch", "").replace("people", "")


def test_refusals_are_counted_by_day_and_code(store: Store, tmp_path: Path) -> None:
    for n in (2, 3):
        write(store, lambda ledger, n=n: ledger.count_refusal("2026-11-18", "REPLAYED", n))
    write(store, lambda ledger: ledger.count_refusal("2026-11-19", "REPLAYED", 1))
    with beside(tmp_path) as state:
        assert state.refused() == {"REPLAYED": 6}


def test_a_look_beside_reads_only(store: Store, tmp_path: Path) -> None:
    write(store, lambda ledger: ledger.write(Writes(year=2026, cells=[(b"k1", b"a", b"answer")])))
    with beside(tmp_path) as state:
        assert state.counts() == {"answered": 0, "log": 0, "consent": 0, "cell": 1}
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            state._c.execute("DELETE FROM cell")
        one_more = Writes(year=2026, cells=[(b"k1", b"b", b"answer")])
        write(store, lambda ledger: ledger.write(one_more))
        assert state.counts()["cell"] == 2


def test_a_look_beside_nothing_or_garbage_is_typed(tmp_path: Path) -> None:
    with pytest.raises(HeduiError, match="NODE_NEVER_RAN"), beside(tmp_path):
        pass
    (tmp_path / FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(HeduiError, match="LOG_UNAVAILABLE"), beside(tmp_path) as state:
        state.counts()


def test_a_changed_log_entry_is_found(store: Store, tmp_path: Path) -> None:
    write(store, lambda ledger: ledger.append([(b"record %d" % n, b"") for n in range(5)]))
    with beside(tmp_path) as state:
        assert state.changed_entry() == 0
    store.writer.write(lambda c: c.execute("UPDATE log SET record = 'x' WHERE seq = 4"))
    with beside(tmp_path) as state:
        assert state.changed_entry() == 4
    store.writer.write(lambda c: c.execute("UPDATE log SET salt = x'00' WHERE seq = 3"))
    with beside(tmp_path) as state:
        assert state.changed_entry() == 3
    store.writer.write(lambda c: c.execute("DELETE FROM log WHERE seq = 2"))
    with beside(tmp_path) as state:
        assert state.changed_entry() == 2


def test_a_log_that_was_cut_off_is_found(store: Store, tmp_path: Path) -> None:
    answer = StoredAnswer("coordinator", b"hash", b"payload", b"items")
    for qid in (b"a" * 16, b"b" * 16):
        kept = Kept(qid=qid, answer=answer, questions=b"", at=7, entry=0)
        write(store, lambda ledger, k=kept: ledger.keep_answers([k]))
        write(store, lambda ledger, q=qid: ledger.append([(q, b"")]))
    with beside(tmp_path) as state:
        assert state.changed_entry() == 0
    store.writer.write(lambda c: c.execute("DELETE FROM log WHERE seq = 2"))
    with beside(tmp_path) as state:
        assert state.changed_entry() == 2


def test_a_garbage_file_is_a_typed_failure(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(HeduiError, match="LOG_UNAVAILABLE"):
        Store(tmp_path)


@pytest.mark.parametrize(
    ("version", "code"),
    [(1, "NODE_DATABASE_OLDER"), (2, "NODE_DATABASE_OLDER"), (VERSION + 1, "NODE_DATABASE_NEWER")],
)
def test_a_database_of_another_release_is_left_alone(
    tmp_path: Path, version: int, code: str
) -> None:
    Store(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as c:
        c.execute(f"PRAGMA user_version = {version}")
    c.close()
    with pytest.raises(HeduiError, match=code):
        Store(tmp_path)


def test_status_lists_are_kept_for_a_week(store: Store) -> None:
    store.keep_lists(b"one", [b"a.b.c", b"d.e.f"], 7)
    store.keep_lists(b"two", [b"g.h.i"], 7 + LISTS_KEPT)
    assert (store.lists(b"one"), store.lists(b"two")) == ((b"a.b.c", b"d.e.f"), (b"g.h.i",))
    store.keep_lists(b"three", [], 8 + LISTS_KEPT)
    assert (store.lists(b"one"), store.lists(b"two")) == ((), (b"g.h.i",))


def test_an_exchange_is_found_by_its_query_id(store: Store) -> None:
    answer = StoredAnswer("coordinator", b"hash", b"payload", b"items")
    kept = Kept(qid=b"q" * 16, answer=answer, questions=b"", at=7, entry=4)
    write(store, lambda ledger: ledger.keep_answers([kept]))
    store.writer.write(lambda c: MandateBooks(c).keep_answer(replace(kept, qid=b"m" * 16, entry=9)))
    assert store.exchange(b"q" * 16) == ("coordinator", 4)
    assert store.exchange(b"m" * 16) == ("coordinator", 9)
    assert store.exchange(b"x" * 16) is None
