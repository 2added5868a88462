"""Sets in, one outcome a person out: as if everybody had been looked up alone."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from department_node import matching
from department_node.catalogue import Answering
from department_node.evaluate import Period
from department_node.matching import Roll
from department_node.store import FILE, RollEntry, Store
from federation import catalogue
from federation.errors import Unavailable
from federation.exchange import Outcome, Scope
from federation.policy import Parameter

PERIOD = Period(start=date(2026, 11, 1), end=date(2026, 12, 1), today=date(2026, 11, 18))


def entry(psn: bytes, key: str) -> RollEntry:
    return RollEntry(psn=psn, key=key, name=b"", fingerprint=os.urandom(32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    one = Store(tmp_path)
    yield one
    one.close()


def test_present_people_are_found_with_their_places(store: Store, tmp_path: Path) -> None:
    people = [bytes([n]) * 32 for n in range(1, 6)]
    store.finish_batch(2026, 0, [entry(psn, f"k{n}") for n, psn in enumerate(people)])
    store.mark_present(["k3"], present=False)
    with Roll(tmp_path / FILE) as roll:
        asked = b"".join([people[4], bytes(32), people[1], people[3]])
        assert roll.present(asked) == [(0, "k4"), (2, "k1")]
        assert roll.present(people[0]) == [(0, "k0")]
        store.finish_batch(2026, 1, [entry(bytes(32), "new")])
        assert (1, "new") in roll.present(asked)


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.data())
def test_a_set_is_matched_as_one_by_one(known: list[bool], data: st.DataObject) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE person (psn BLOB PRIMARY KEY, key TEXT, present INTEGER)")
    people = [os.urandom(32) for _ in known]
    rows = [(psn, f"k{n}", 1) for n, psn in enumerate(people) if known[n]]
    connection.executemany("INSERT INTO person VALUES (?, ?, ?)", rows)
    order = data.draw(st.permutations(range(len(people))))
    found = connection.execute(
        matching._PRESENT, (b"".join(people[n] for n in order), len(people), 32)
    ).fetchall()
    assert found == [(place, f"k{n}") for place, n in enumerate(order) if known[n]]


class _Records:
    def __init__(self, *values: object) -> None:
        self.asked: list[tuple[Sequence[str], Mapping[str, object], bool]] = []
        self.values = list(values)

    def scalars(
        self, sql: str, keys: Sequence[str], parameters: Mapping[str, object], *, prompt: bool
    ) -> list[object | None]:
        self.asked.append((keys, parameters, prompt))
        return self.values


ANSWERING = Answering(
    predicate=catalogue.load().predicate("P61"),
    purposes=frozenset(),
    scope=Scope.CITY,
    sql="SELECT 1",
)
PEOPLE = [bytes([n]) * 32 for n in range(1, 6)]


@pytest.fixture
def roll(store: Store, tmp_path: Path) -> Iterator[Roll]:
    """Enrol the first, third and fourth of five people."""
    store.finish_batch(2026, 0, [entry(PEOPLE[n], f"k{n}") for n in (0, 2, 3)])
    with Roll(tmp_path / FILE) as one:
        yield one


def test_nobody_is_told_apart_from_who_has_no_record(roll: Roll) -> None:
    said = matching.match(b"".join(PEOPLE), roll, _Records(0, 2, None), ANSWERING, {})
    assert list(said) == [Outcome.NO, Outcome.NO, Outcome.YES, Outcome.NO, Outcome.NO]


@pytest.mark.parametrize("value", ["1", 1.0, b"1", ""])
def test_a_value_that_is_no_whole_number(roll: Roll, value: object) -> None:
    with pytest.raises(Unavailable, match="SOURCE_VALUE"):
        matching.match(PEOPLE[0], roll, _Records(value), ANSWERING, {})


def test_records_are_asked_once_and_not_at_all_about_nobody(roll: Roll) -> None:
    parameter = Parameter(id="aid-dibao", kind="value", zh="低保", en="dibao", value="低保")
    bound = matching.bindings(parameter, PERIOD)
    records = _Records(1, 1, 1)
    assert matching.match(b"".join(PEOPLE), roll, records, ANSWERING, bound).count(1) == 3
    assert list(matching.match(bytes(64), roll, records, ANSWERING, bound)) == [Outcome.NO] * 2
    assert records.asked == [(["k0", "k2", "k3"], bound, False)]
    assert bound["value"] == "低保"
    assert bound["today"] == "2026-11-18"
    assert matching.bindings(None, PERIOD)["value"] == ""
