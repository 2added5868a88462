"""Entries of status lists: never twice, and the next list before one is full."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from federation import limits
from federation.limits import STATUS_ENTRIES
from registrar.entries import FULL_AT, Listing
from registrar.store import Store
from registrar.transaction import Transaction
from tests.registrar.town import FAR, NOW


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "r.sqlite")
    yield store
    store.close()


@pytest.fixture
def tx(store: Store) -> Iterator[Transaction]:
    with store.write() as tx:
        yield tx


def used(tx: Transaction, department: str) -> dict[int, int]:
    return {one.series: one.used for one in tx.entries.usage(department)}


def fill(tx: Transaction, department: str, entries: int) -> None:
    """Say that so many entries of the first list are used."""
    tx._sql.execute("INSERT INTO status_series VALUES (?, 0, ?, 0, ?)", (department, entries, NOW))


def test_an_index_is_drawn_once(tx: Transaction) -> None:
    draws = iter([b"\0\0\1", b"\0\0\1", b"\xf0\0\1", b"\0\0\2"])
    assert tx.entries.draw("tax", FAR, lambda _: next(draws)) == (0, 1)
    assert tx.entries.draw("tax", FAR, lambda _: next(draws)) == (0, 2)
    assert tx.entries.draw("housing", FAR, lambda _: b"\0\0\1") == (0, 1)
    assert used(tx, "tax") == {0: 2}


def test_no_second_token_has_an_entry(tx: Transaction) -> None:
    row = ("c", None, 1, 0, "tax", bytes(16), 0, 7, b"", b"", NOW, FAR, b"")
    tx._sql.execute("PRAGMA defer_foreign_keys = ON")
    insert = f"INSERT INTO token VALUES (?{', ?' * len(row)})"
    tx._sql.execute(insert, (b"a", *row))
    other = ("c", None, 2, *row[3:])
    with pytest.raises(sqlite3.IntegrityError, match="status_index"):
        tx._sql.execute(insert, (b"b", *other))
    tx._sql.execute("DELETE FROM token")


def test_the_next_list_begins_when_nine_tenths_are_used(tx: Transaction) -> None:
    assert FULL_AT == STATUS_ENTRIES * 9 // 10
    fill(tx, "tax", FULL_AT - 1)
    assert [tx.entries.draw("tax", FAR, os.urandom)[0] for _ in range(3)] == [0, 1, 1]
    assert used(tx, "tax") == {0: FULL_AT, 1: 2}
    assert tx.entries.draw("housing", FAR, os.urandom)[0] == 0


def test_a_department_without_tokens_has_an_empty_list(tx: Transaction) -> None:
    assert tx.entries.listing("tax", 0, NOW) == Listing(series=0, changes=0, more=False)
    assert tx.entries.listing("tax", 1, NOW) is None


def test_a_list_is_current_while_a_token_of_it_is(tx: Transaction) -> None:
    tx.entries.draw("tax", NOW + 100, os.urandom)
    tx.entries.draw("tax", NOW + 50, os.urandom)
    tx._sql.execute("UPDATE status_series SET used = ?", (FULL_AT,))
    tx.entries.draw("tax", NOW + 200, os.urandom)
    over = NOW + 100 + limits.SKEW
    assert tx.entries.listing("tax", 0, over - 1) == Listing(series=0, changes=0, more=True)
    assert tx.entries.listing("tax", 1, over - 1) == Listing(series=1, changes=0, more=False)
    assert tx.entries.listing("tax", 2, over - 1) is None
    for later in (over, over + 10**9):
        assert tx.entries.listing("tax", 0, later) == Listing(series=1, changes=0, more=False)
