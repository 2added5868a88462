"""Strict quoting: a misspelt name is an error and a text stays a text."""

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from department_node.statements import FAILURES, Guard, fault, inspect, strict
from federation.errors import BadInput, Unavailable


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('SELECT "身份证" FROM "车"', "SELECT `身份证` FROM `车`"),
        ("SELECT 'a \"b\" c'", "SELECT 'a \"b\" c'"),
        ("SELECT 'it''s \"x\"'", "SELECT 'it''s \"x\"'"),
        ('SELECT "a""b`c"', 'SELECT `a"b``c`'),
        ('SELECT 1 -- "x"\n, "y"', 'SELECT 1 -- "x"\n, `y`'),
        ('SELECT 1 /* "x" */, "y"', 'SELECT 1 /* "x" */, `y`'),
        ('SELECT [a"b], `c"d`', 'SELECT [a"b], `c"d`'),
    ],
)
def test_only_double_quoted_names_change(sql: str, expected: str) -> None:
    assert strict(sql) == expected


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1))
def test_any_name_means_the_same_column(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t ({quoted})")
        connection.execute("INSERT INTO t VALUES (7)")
        assert connection.execute(strict(f"SELECT {quoted} FROM t")).fetchone() == (7,)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_any_text_stays_the_same_text(text: str) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute(strict(f"SELECT {literal}")).fetchone() == (text,)


def test_inspecting_names_what_is_bound_and_returned() -> None:
    guard = Guard()
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a, b)")
        connection.set_authorizer(guard)
        found = inspect(connection, guard, "SELECT a AS first, count(b) FROM t WHERE a = :key;")
    assert found.reads == (("t", "a"), ("t", "b"))
    assert found.bindings == {"key"}
    assert found.columns == ("first", "count(b)")


def test_sqlites_own_clock_is_refused() -> None:
    guard = Guard()
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.set_authorizer(guard)
        with pytest.raises(BadInput) as caught:
            inspect(connection, guard, "SELECT date('NOW')")
        assert caught.value.code == "CATALOGUE_FUNCTION"
        assert inspect(connection, guard, "SELECT date(:today)").bindings == {"today"}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (sqlite3.SQLITE_INTERRUPT, "SOURCE_TIMEOUT"),
        (sqlite3.SQLITE_BUSY, "SOURCE_BUSY"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "SOURCE_BUSY"),
        (sqlite3.SQLITE_LOCKED, "SOURCE_BUSY"),
        (sqlite3.SQLITE_CORRUPT, "SOURCE_UNREADABLE"),
        (sqlite3.SQLITE_IOERR_READ, "SOURCE_UNREADABLE"),
    ],
)
def test_faults_that_pass_are_unavailable(number: int, code: str) -> None:
    error = sqlite3.OperationalError("…")
    error.sqlite_errorcode = number
    found = fault(error, Guard())
    assert (type(found), found.code) == (Unavailable, code)


def test_a_broken_text_is_not_quoted() -> None:
    with pytest.raises(FAILURES) as caught:
        b"790301\xff".decode()
    found = fault(caught.value, Guard())
    assert found.code == "SOURCE_UNREADABLE"
    assert "790301" not in str(found)
