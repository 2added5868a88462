"""Local standards by area and day, and lines that are multiples of them."""

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.regional.standards import Line, Measure, read_line, read_standard
from federation.catalogue import ParameterKind
from federation.errors import BadInput
from federation.fields import read_toml
from tests.coordinator.regional.sheeted import (
    LINES,
    SHEET,
    changed,
    read,
    standard,
    standards,
    without,
)


def one_line(text: str = "") -> Line:
    table = text or LINES.partition("[[line]]")[2].partition("[[line]]")[0]
    return read_line(read_toml(table, code="PROGRAMMES_INVALID", where="line"))


def test_the_standard_of_the_decision_day_counts() -> None:
    """GM-06: 415, later 800 yuan."""
    shelf = read(
        SHEET,
        standards(
            standard(since="2010-01-01", urban=41500, rural=41500),
            standard(since="2016-01-01", urban=80000, rural=80000),
        ),
    )
    days = (date(2015, 12, 31), date(2016, 1, 1))
    assert [shelf.standard("7903", day).values[Measure.DIBAO_URBAN] for day in days] == [
        41500,
        80000,
    ]
    line = shelf.lines["assets-s"]
    amounts = [line.value(shelf.standard("7903", day)).per_head for day in days]
    assert amounts == [498000, 960000]


def test_the_closest_area_counts_whatever_is_newer() -> None:
    shelf = read(standards(standard("7901", "2020-01-01", urban=1), standard("79", urban=2)))
    assert shelf.standard("790101", date(2026, 5, 1)).area == "7901"
    assert shelf.standard("790201", date(2026, 5, 1)).area == "79"


@pytest.mark.parametrize(
    ("area", "day"), [("11", "2026-05-01"), ("79", "2025-12-31"), ("", "2026-05-01")]
)
def test_where_there_is_none_that_is_said(area: str, day: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(standards()).standard(area, date.fromisoformat(day))
    assert caught.value.code == "STANDARD_MISSING"


@given(st.integers(1, 10**9), st.fractions(Fraction(1, 1000), 50, max_denominator=1000))
def test_no_amount_changes_sides_by_rounding(urban: int, times: Fraction) -> None:
    row = read_standard(
        read_toml(standard(urban=urban).partition("\n")[2], code="X", where="standard")
    )
    for comparator in ("le", "ge"):
        line = Line(
            id="x",
            kind=ParameterKind.RUNG,
            of=Measure.DIBAO_URBAN,
            times=(times,),
            plain={"comparator": comparator, "per": "person"},
            instead="",
            zh="线",
            en="line",
            source="GM-06",
        )
        exact, whole = times * urban, line.value(row).per_head
        for fen in (whole - 1, whole, whole + 1):
            meets = (
                (fen <= exact, fen <= whole) if comparator == "le" else (fen >= exact, fen >= whole)
            )
            assert meets[0] == meets[1]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": '"area"'}, "kind is none"),
        ({"kind": '"moon"'}, "kind is none"),
        ({"of": '"moon"'}, "of is none"),
        ({"times": "[]"}, "one number for a rung"),
        ({"times": '["1", "2"]'}, "one number for a rung"),
        ({"times": '["-1"]'}, "not a number"),
        ({"times": '["1/2"]'}, "not a number"),
        ({"source": '""'}, "source is empty"),
    ],
)
def test_hostile_lines_are_refused(change: dict[str, str], words: str) -> None:
    table = LINES.partition("[[line]]")[2].partition("[[line]]")[0]
    with pytest.raises(BadInput) as caught:
        one_line(changed(table, **change))
    assert words in str(caught.value.details["why"])


def test_a_standard_is_an_area_s() -> None:
    with pytest.raises(BadInput):
        read(standards(standard("")))
    with pytest.raises(BadInput):
        read(standards(standard("791")))


@pytest.mark.parametrize("measure", list(Measure))
def test_no_measure_may_be_missing(measure: Measure) -> None:
    with pytest.raises(BadInput) as caught:
        read(without(standards(), measure.value))
    assert f"{measure} is missing" in str(caught.value.details["why"])


def test_what_no_comparison_holds_is_refused() -> None:
    shelf = read(standards(standard(urban=1 << 38)))
    with pytest.raises(BadInput) as caught:
        shelf.lines["assets-s"].value(shelf.standard("79", date(2026, 5, 1)))
    assert caught.value.code == "POLICY_INVALID"


def test_instead_names_a_line_that_is_there() -> None:
    with pytest.raises(BadInput) as caught:
        read(changed(LINES, instead='"moon"').replace('"assets-r"', '"x"').replace("assets-s", "y"))
    assert "instead: no line" in str(caught.value.details["why"])
