"""The roll: usable rows once each, everything else counted."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from department_node.records import SqliteRecords
from department_node.roll import HALF, Entry, Roll, count
from tests.department_node.rolls import ROLL, Row, people, person_id, write_roll

SECRET = bytes(32)


def read(path: Path, rows: list[Row], *, names: bool = True) -> tuple[list[Entry], dict[str, int]]:
    write_roll(path, rows)
    with SqliteRecords(path) as records, Roll(records, ROLL, names=names, secret=SECRET) as roll:
        entries = list(roll.entries())
        assert all(roll.has(entry.key) for entry in entries)
        assert list(roll.entries()) == entries
        return entries, dict(roll.rejected)


def test_rows_become_entries(tmp_path: Path) -> None:
    entries, rejected = read(tmp_path / "r.sqlite", people(3))
    assert [(e.id, e.name, e.key) for e in entries] == [
        (person_id(n), f"王{n}", f"k{n}") for n in range(3)
    ]
    assert rejected == {}
    assert len({e.fingerprint for e in entries}) == 3


def test_ids_and_names_are_normalised(tmp_path: Path) -> None:
    spoilt = f" {person_id(1).lower()} "
    entries, _ = read(tmp_path / "r.sqlite", [(spoilt, " 王 甲 ", "k")])
    assert (entries[0].id, entries[0].name) == (person_id(1), "王甲")


def test_unusable_rows_are_counted_by_reason(tmp_path: Path) -> None:
    wrong = person_id(1)[:17] + ("0" if person_id(1)[17] != "0" else "1")
    rows: list[Row] = [
        (None, "王", "k"),
        (person_id(2), "王", None),
        (wrong, "王", "k1"),
        ("3.30203E+17", "王", "k2"),
        ("", "王", "k3"),
        (person_id(3), "王\x00", "k4"),
        (person_id(4), None, "k5"),
    ]
    entries, rejected = read(tmp_path / "r.sqlite", rows)
    assert [e.key for e in entries] == ["k5"]
    assert rejected == {
        "ROLL_COLUMNS": 2,
        "ID_CHECK_DIGIT": 1,
        "ID_SPREADSHEET": 1,
        "ID_EMPTY": 1,
        "NAME_CHARACTERS": 1,
    }


def test_the_first_row_of_a_person_or_a_key_counts(tmp_path: Path) -> None:
    rows: list[Row] = [
        (person_id(1), "王", "k1"),
        (person_id(1), "王", "k1"),
        (person_id(1), "王", "k2"),
        (person_id(2), "李", "k1"),
        (person_id(3), "张", "k3"),
    ]
    entries, rejected = read(tmp_path / "r.sqlite", rows)
    assert [(e.id, e.key) for e in entries] == [(person_id(1), "k1"), (person_id(3), "k3")]
    assert rejected == {"ROLL_DUPLICATE": 3}


def test_names_are_left_out_where_none_are_compared(tmp_path: Path) -> None:
    rows: list[Row] = [(person_id(1), "王\x00", "k1")]
    entries, rejected = read(tmp_path / "r.sqlite", rows, names=False)
    assert entries[0].name == ""
    assert rejected == {}


def test_the_first_half_of_a_fingerprint_is_the_ids(tmp_path: Path) -> None:
    one, _ = read(tmp_path / "r.sqlite", [(person_id(1), "王", "k1")])
    renamed, _ = read(tmp_path / "r.sqlite", [(person_id(1), "李", "k1")])
    other, _ = read(tmp_path / "r.sqlite", [(person_id(2), "王", "k1")])
    assert one[0].fingerprint[:HALF] == renamed[0].fingerprint[:HALF]
    assert one[0].fingerprint != renamed[0].fingerprint
    assert one[0].fingerprint[:HALF] != other[0].fingerprint[:HALF]


def test_count_and_has(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    write_roll(path, [*people(5), (None, None, None)])
    with SqliteRecords(path) as records, Roll(records, ROLL, names=True, secret=SECRET) as roll:
        assert count(records, ROLL) == 6
        assert not roll.has("k1")
        list(roll.entries())
        assert roll.has("k1")
        assert not roll.has("k5")


def test_no_entry_shows_whom_it_is_about() -> None:
    entry = Entry(key="k1", id=person_id(1), name="王甲", fingerprint=b"")
    assert person_id(1) not in repr(entry)
    assert "王甲" not in repr(entry)
    assert "k1" not in repr(entry)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12))
@pytest.mark.filterwarnings("ignore")
def test_every_id_and_key_at_most_once(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.mktemp("roll") / "r.sqlite"
    entries, rejected = read(path, [(person_id(p), "王", f"k{k}") for p, k in pairs])
    assert len({e.id for e in entries}) == len({e.key for e in entries}) == len(entries)
    assert len(entries) + sum(rejected.values()) == len(pairs)
