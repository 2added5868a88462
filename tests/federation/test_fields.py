"""Reading the project's own tables: each key once, with its type, and nothing left over."""

from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum

import pytest

from federation.errors import BadInput
from federation.fields import Fields, read_toml


class Colour(StrEnum):
    """A closed list."""

    RED = "red"
    BLUE = "blue"


def _fields(**table: object) -> Fields:
    return Fields(table, code="CASE_INVALID", where="thing")


def _refuse(read: Callable[[], object], why: str) -> None:
    with pytest.raises(BadInput) as caught:
        read()
    assert caught.value.code == "CASE_INVALID"
    assert why in str(caught.value.details["why"])


def test_what_is_there_is_taken_once() -> None:
    table = _fields(name="x", age=3, colour="red", colours=["blue", "red"], blank="")
    assert table.text("name") == "x"
    assert table.integer("age", 3, 3) == 3
    assert table.member("colour", Colour) is Colour.RED
    assert table.members("colours", Colour) == (Colour.BLUE, Colour.RED)
    assert table.text("blank", blank=True) == ""
    assert not table.has("name")
    table.done()
    _refuse(lambda: table.text("name"), "name is missing")


def test_what_is_left_over_is_an_error() -> None:
    _refuse(_fields(b=1, a=2).done, "unknown: a, b")


@pytest.mark.parametrize("table", [[], "x", None, 5])
def test_a_table_is_a_table(table: object) -> None:
    _refuse(lambda: Fields(table, code="CASE_INVALID", where="thing"), "not a table")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (5, "not of type str"),
        ("", "is empty"),
        (" x", "blanks around it"),
        ("x\n", "blanks around it"),
        ("a\x00b", "control characters"),
        ("x" * 201, "longer than 200"),
    ],
)
def test_a_text_is_plain(value: object, why: str) -> None:
    _refuse(lambda: _fields(a=value).text("a"), why)


@pytest.mark.parametrize(
    ("value", "why"),
    [(True, "not of type int"), ("3", "not of type int"), (2, "not between"), (5, "not between")],
)
def test_an_integer_is_whole_and_within_its_bounds(value: object, why: str) -> None:
    _refuse(lambda: _fields(a=value).integer("a", 3, 4), why)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("x", "not of type list"),
        ([5], "not a plain word"),
        ([""], "not a plain word"),
        ([" x"], "not a plain word"),
        (["x", "x"], "holds x twice"),
    ],
)
def test_a_list_holds_different_words(value: object, why: str) -> None:
    _refuse(lambda: _fields(a=value).texts("a"), why)


def test_a_member_is_one_of_a_closed_list() -> None:
    _refuse(lambda: _fields(a="green").member("a", Colour), "none of red, blue")
    _refuse(lambda: _fields(a="").member("a", Colour), "none of red, blue")
    _refuse(lambda: _fields(a=["red", "green"]).members("a", Colour), "none of red, blue")


def test_tables_inside_say_where_they_stand() -> None:
    table = _fields(inner={"x": 1}, rows=[{}, {"y": 2}])
    with pytest.raises(BadInput) as caught:
        table.table("inner").done()
    assert caught.value.details["where"] == "thing.inner"
    first, second = table.tables("rows")
    first.done()
    with pytest.raises(BadInput) as caught:
        second.done()
    assert caught.value.details["where"] == "thing.rows[2]"


def test_no_tables_may_be_left_out() -> None:
    assert _fields().tables("rows") == ()
    _refuse(lambda: _fields(rows=[5]).tables("rows"), "not a table")


def test_a_mark_is_there_and_true_or_not_there() -> None:
    assert _fields(on=True).mark("on")
    assert not _fields().mark("on")
    _refuse(lambda: _fields(on=False).mark("on"), "true or is not there")
    _refuse(lambda: _fields(on=1).mark("on"), "not of type bool")


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", "[a\n"])
def test_toml_that_is_broken_is_an_error(text: str) -> None:
    with pytest.raises(BadInput, match="CASE_INVALID where=thing"):
        read_toml(text, code="CASE_INVALID", where="thing")


def test_toml_is_read() -> None:
    assert read_toml('a = "b"', code="CASE_INVALID", where="thing").text("a") == "b"


def test_integers_of_a_list_keep_their_order() -> None:
    assert _fields(edges=[3, 0, 3]).integers("edges", 0, 3) == (3, 0, 3)
    assert _fields(edges=[]).integers("edges", 0, 3) == ()


@pytest.mark.parametrize("edges", [[4], [-1], [True], [1.0], ["1"], [1, None]])
def test_integers_out_of_bounds_are_refused(edges: list[object]) -> None:
    _refuse(lambda: _fields(edges=edges).integers("edges", 0, 3), "not between 0 and 3")


def test_a_list_of_integers_is_a_list() -> None:
    _refuse(lambda: _fields(edges=3).integers("edges", 0, 3), "not of type list")


def test_a_day_is_a_date() -> None:
    assert _fields(day=date(2026, 1, 31)).day("day") == date(2026, 1, 31)


@pytest.mark.parametrize("day", ["2026-01-31", 20260131, datetime(2026, 1, 31)])
def test_what_is_no_date_is_refused(day: object) -> None:
    _refuse(lambda: _fields(day=day).day("day"), "not of type date")
