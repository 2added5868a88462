"""Which rows pass, in which form, and what is said of those that do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from department_node.intake.sieve import RowRefused, Sieve, digest
from department_node.intake.spec import NO_TEXT, ImportSpec
from federation.ids import Notice

HEADER = ("身份证号", "姓名", "金额")
PERSON = "79030119700312011X"


@pytest.fixture
def sieve() -> Sieve:
    spec = ImportSpec(table="t", id_column="身份证号", max_cell=20)
    return Sieve(HEADER, frozenset({"金额"}), spec)


def test_good_rows(sieve: Sieve) -> None:
    assert sieve.clean([PERSON, "王甲", "12"]) == (PERSON, "王甲", 12)
    assert sieve.clean([PERSON, "", " -3 "]) == (PERSON, None, -3)
    assert sieve.clean([PERSON, "王甲", ""]) == (PERSON, "王甲", None)
    assert sieve.notices == {}


def test_rows_with_nothing_in_them(sieve: Sieve) -> None:
    assert sieve.clean(["", "", ""]) is None
    assert sieve.clean([""]) is None


def test_notices_are_counted(sieve: Sieve) -> None:
    for dirty in ("' 79030119700312011x", "790301700312011", PERSON.lower()):
        assert sieve.clean([dirty, "", ""]) == (PERSON, None, None)
    assert sieve.notices == {
        Notice.APOSTROPHE: 1,
        Notice.SPACES: 1,
        Notice.LOWER_X: 2,
        Notice.FIFTEEN_DIGITS: 1,
    }


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        ([PERSON, "王甲"], "ROW_WIDTH", None),
        ([PERSON, "王甲", "1", ""], "ROW_WIDTH", None),
        ([PERSON, "长" * 21, "1"], "CELL_TOO_LONG", "姓名"),
        ([PERSON, NO_TEXT, "1"], "CELL_CHARACTERS", "姓名"),
        ([PERSON, "\ud800", "1"], "CELL_CHARACTERS", "姓名"),
        (["", "王甲", "1"], "ID_EMPTY", "身份证号"),
        (["79030119700312012X", "王甲", "1"], "ID_CHECK_DIGIT", "身份证号"),
        (["7.90301E+17", "王甲", "1"], "ID_SPREADSHEET", "身份证号"),
        ([PERSON, "王甲", "1.0"], "CELL_INTEGER", "金额"),
        ([PERSON, "王甲", "１２"], "CELL_INTEGER", "金额"),
        ([PERSON, "王甲", "1" * 19], "CELL_INTEGER", "金额"),
    ],
)
def test_refused_rows(sieve: Sieve, cells: list[str], code: str, column: str | None) -> None:
    with pytest.raises(RowRefused) as caught:
        sieve.clean(cells)
    assert (caught.value.code, caught.value.column) == (code, column)
    assert "790301" not in f"{caught.value!r} {caught.value.__cause__!r}"


values = st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")) | st.integers())


@given(values, values)
def test_digests_tell_rows_apart(first: list[object], second: list[object]) -> None:
    same = [str(value) for value in first] == [str(value) for value in second]
    # Rows of one table are equally wide; NULL and the empty text are the same empty cell.
    if len(first) == len(second):
        assert (digest(first) == digest(second)) is same
    assert digest(first) == digest([None if value == "" else value for value in first])
