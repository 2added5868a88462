"""The node's books: sets of rows are read in their order, and what is written stands."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import envelope
from department_node.ledger import Kept, Ledger, Look, StoredAnswer, Writes
from department_node.store import RollEntry, Store
from federation.errors import HeduiError
from federation.presentations import Token

QID = b"q" * 16


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(tmp_path)
    yield one
    one.close()


def write(store: Store, job: Callable[[Ledger], object]) -> None:
    store.writer.write(lambda c: job(Ledger(c)))


def spend(store: Store, year: int = 2026, **what: object) -> None:
    write(store, lambda ledger: ledger.write(Writes(year=year, **what)))  # type: ignore[arg-type]


def look(psn: bytes = bytes(32), cell: bytes = b"a", year: int = 2026, **more: Any) -> Look:
    plain = Look(b"c" * 16, "P40 ", "202611", psn, cell, year)
    return plain._replace(**more)


def test_answers_are_found_by_query(store: Store) -> None:
    answer = StoredAnswer("coordinator", b"hash", b"payload", b"items")
    kept = Kept(qid=QID, answer=answer, questions=b"asked", at=7, entry=0)
    write(store, lambda ledger: ledger.keep_answers([kept]))
    assert store.ledger().answered([bytes(16), QID]) == {QID: answer}
    assert store.ledger().answered([]) == {}
    with pytest.raises(HeduiError, match="LOG_UNAVAILABLE"):
        write(store, lambda ledger: ledger.keep_answers([replace(kept, at=8)]))


def test_uses_are_found_by_grant_and_by_month(store: Store) -> None:
    chain = b"c" * 16
    spend(store, uses={(chain, "P40 "): 3, (chain, "202611"): 4})
    seen = store.ledger().look([look(), look(month="202612"), look(chain=bytes(16))])
    assert [(s.name_uses, s.month_uses) for s in seen] == [(3, 4), (3, 0), (0, 0)]
    spend(store, uses={(chain, "P40 "): 5})
    assert store.ledger().look([look()])[0].name_uses == 5


def test_cells_are_counted_by_record_and_year(store: Store) -> None:
    subject = bytes(32)
    spend(store, cells=[(subject, b"a", b"answer"), (subject, b"b", b"answer")])
    spend(store, 2027, cells=[(subject, b"a", b"next year's")])
    wanted = [look(), look(cell=b"c"), look(year=2027), look(psn=b"o" * 32)]
    seen = store.ledger().look(wanted)
    assert [(s.cells, s.frozen) for s in seen] == [
        (2, b"answer"),
        (2, None),
        (1, b"next year's"),
        (0, None),
    ]


def test_cells_of_an_enrolled_person_are_the_records(store: Store) -> None:
    psn, other = b"p" * 32, b"o" * 32
    for epoch, one in ((2026, psn), (2027, other)):
        row = RollEntry(psn=one, key="k1", name=b"n", fingerprint=bytes(32))
        store.finish_batch(epoch, 1, [row])
    spend(store, cells=[(b"k1", b"a", b"answer")])
    for seen in store.ledger().look([look(psn=psn), look(psn=other)]):
        assert seen.person is not None
        assert (seen.person.key, seen.person.name) == ("k1", b"n")
        assert (seen.cells, seen.frozen) == (1, b"answer")
    store.mark_present(["k1"], present=False)
    assert store.ledger().look([look(psn=psn)])[0].person is None


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Make a store in which every odd number has a cell."""
    one = Store(tmp_path_factory.mktemp("odd"))
    spend(one, cells=[(b"%032d" % n, b"%d" % n, b"%d" % n) for n in range(1, 40, 2)])
    yield one.ledger()
    one.close()


@given(st.lists(st.integers(0, 40), max_size=700))
def test_a_set_of_any_size_is_read_in_its_order(odd: Ledger, wanted: list[int]) -> None:
    seen = odd.look([look(cell=b"%d" % n, psn=b"%032d" % n) for n in wanted])
    assert [s.frozen for s in seen] == [b"%d" % n if n % 2 else None for n in wanted]


def test_presentations_and_households(store: Store) -> None:
    tokens = [
        Token(
            jti=b"%016d" % n,
            sub=b"%032d" % n,
            household=b"h" * 32 if n < 2 else None,
            presentation=b"token %d" % n,
        )
        for n in range(3)
    ]
    spend(store, tokens=tokens)
    ledger = store.ledger()
    assert ledger.presentations([t.jti for t in tokens] + [os.urandom(16)]) == {
        t.jti: t.presentation for t in tokens
    }
    assert set(ledger.households([b"h" * 32, bytes(32)])) == {
        (b"h" * 32, t.sub) for t in tokens[:2]
    }
    spend(
        store, tokens=[Token(jti=tokens[0].jti, sub=bytes(32), household=None, presentation=b"n")]
    )
    assert ledger.presentations([tokens[0].jti]) == {tokens[0].jti: b"n"}


def test_what_was_opened_and_rechecked_is_told_by_record_and_year(store: Store) -> None:
    opened = [(b"k1", "wages", 100, 3), (b"k1", "wages", 200, -1), (b"k2", "wages", 100, 3)]
    spend(store, opened=opened, rechecked=[(b"k1", "P21")])
    spend(store, opened=opened[:1])  # once more changes nothing
    ledger = store.ledger()
    assert set(ledger.opened([b"k1"], 2026)) == set(opened[:2])
    assert list(ledger.opened([b"k1"], 2027)) == []
    assert set(ledger.rechecked([b"k1", b"k2"], 2026)) == {(b"k1", "P21")}
    assert list(ledger.opened([], 2026)) == []
    assert list(ledger.rechecked([], 2026)) == []
    with pytest.raises(HeduiError, match="LOG_UNAVAILABLE"):
        spend(store, rechecked=[(b"k1", "P21")])


def test_time_only_goes_forward_and_refusals_add_up(store: Store) -> None:
    for now in (7, 9, 8):
        write(store, lambda ledger, now=now: ledger.seen_time(now))  # type: ignore[misc]
    assert store.meta("time") == 9
    for day, n in (("2026-11-18", 2), ("2026-11-18", 3), ("2026-11-19", 1)):
        write(store, lambda ledger, day=day, n=n: ledger.count_refusal(day, "REPLAYED", n))  # type: ignore[misc]
    rows = store._read.execute("SELECT day, n FROM refused WHERE code = 'REPLAYED' ORDER BY day")
    assert rows.fetchall() == [("2026-11-18", 5), ("2026-11-19", 1)]


def test_the_log_is_appended_in_its_order(store: Store) -> None:
    rows: list[int] = []
    for records in ([(b"0", b"")], [(b"1", b"beside"), (b"2", b"")]):
        write(store, lambda ledger, r=records: rows.append(ledger.append(r)))  # type: ignore[misc]
    assert rows == [0, 1]
    assert [(seq, record) for seq, _, _, record in store.entries()] == [
        (1, b"0"),
        (2, b"1"),
        (3, b"2"),
    ]
    assert len({salt for _, _, salt, _ in store.entries()}) == 3
    assert all(leaf == envelope.item_leaf(s, r) for _, leaf, s, r in store.entries())


def test_an_alert_stands_once_a_record_and_year(store: Store) -> None:
    spend(store, alerts=[b"k1", b"k2"])
    spend(store, alerts=[b"k1"])
    spend(store, 2027, alerts=[b"k1"])
    assert store.ledger().alerts() == [(b"k1", 2026), (b"k2", 2026), (b"k1", 2027)]
