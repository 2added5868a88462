"""What thresholds and bands tell, and which of them may not stand together."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import catalogue, ladder
from federation.catalogue import DepartmentKind, Predicate, parse_catalogue
from federation.errors import BadInput, Said
from federation.ladder import Asked, Interval
from federation.parameter import Parameter

P50, P17, P21 = (catalogue.load().predicate(one) for one in ("P50", "P17", "P21"))
H1, H2 = (catalogue.load().predicate(one) for one in ("H1", "H2"))


def rung(
    per_head: int,
    comparator: Literal["le", "ge"] = "le",
    per: Literal["head", "person"] = "head",
    name: str = "",
) -> Parameter:
    return Parameter(
        id=name or f"r{per_head}",
        kind="rung",
        zh="",
        en="",
        per_head=per_head,
        comparator=comparator,
        per=per,
    )


def band(*edges: int, name: str = "b") -> Parameter:
    return Parameter(id=name, kind="band", zh="", en="", edges=edges)


def banded_deposit() -> Predicate:
    """A band on the quantity of P50: the shipped catalogue has none, a later one may."""
    text = """
[[predicate]]
id = "P68"
name = "deposit.band"
departments = ["bank"]
category = 30
form = "band"
register = "event"
parameter = "band"
unit = "fen"
quantity = "deposit"
values = []
cap = 0
zh = { label = "存款档", question = "存款在哪一档" }
en = { label = "Deposits", question = "In which band are deposits?" }
"""
    kind = DepartmentKind(id="bank", zh="银行", en="Bank", aliases=())
    return parse_catalogue(text, (kind,)).predicate("P68")


def refusal(*asked: Asked) -> tuple[str, str]:
    with pytest.raises(BadInput) as caught:
        ladder.check(asked)
    assert caught.value.code == "POLICY_INVALID"
    why = caught.value.details["why"]
    assert isinstance(why, Said)
    assert why.zh != why.en
    return str(caught.value.details["where"]), why.en


# ---- cuts and intervals


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(-5, 5))
def test_a_cut_lies_where_the_answer_changes(per_head: int, members: int, off: int) -> None:
    line = per_head * members
    amount = line + off
    (low,) = ladder.cuts(rung(per_head), members)
    (high,) = ladder.cuts(rung(per_head, "ge"), members)
    assert (amount <= low) is (amount <= line)
    assert (amount > high) is (amount >= line)


def test_a_band_cuts_at_its_edges_whatever_the_household() -> None:
    assert ladder.cuts(band(0, 83_000), 7) == (0, 83_000)


def test_intervals_lie_between_cuts() -> None:
    assert ladder.intervals([]) == (Interval(None, None),)
    assert ladder.intervals([9, 4, 9]) == (Interval(None, 4), Interval(5, 9), Interval(10, None))


@given(st.lists(st.integers(0, 100), max_size=8), st.integers(-10, 110))
def test_a_value_lies_in_its_interval_and_in_no_other(below: list[int], value: int) -> None:
    found = ladder.interval_of(value, below)
    holding = [
        one
        for one in ladder.intervals(below)
        if (one.low is None or one.low <= value) and (one.high is None or value <= one.high)
    ]
    assert holding == [found]


def test_a_ladder_gathers_the_lines_of_one_quantity() -> None:
    asked: list[Asked] = [(P50, (rung(20), rung(10))), (P21, (rung(10),)), (P17, (band(0, 5),))]
    held = ladder.ladders(asked)
    assert held.keys() == {"deposit", "wage", "pension"}
    assert held["deposit"].lines == (10, 20)
    assert held["deposit"].cuts(3) == (30, 60)
    assert (held["pension"].lines, held["pension"].cuts(3)) == ((), (0, 5))


# ---- what may not stand together


def test_what_is_allowed_together() -> None:
    ladder.check([(P50, (rung(10), rung(20))), (P21, (rung(10),)), (P17, (band(0, 10),))])
    ladder.check([(H2, (rung(10),)), (P21, (rung(10),))])
    ladder.check([(H1, (rung(10),)), (P17, (band(0, 10),))])


def test_one_value_under_two_names_is_refused() -> None:
    where, why = refusal((P50, (rung(10, name="a"), rung(10, name="b"))))
    assert (where, "same value as a" in why) == ("b", True)
    windows = [Parameter(id=one, kind="window", zh="", en="", months=12) for one in "ab"]
    p09 = catalogue.load().predicate("P09")
    assert refusal((p09, tuple(windows)))[0] == "b"
    assert refusal((P17, (band(1, 2, name="a"), band(1, 2, name="b"))))[0] == "b"


def test_one_value_may_serve_two_predicates() -> None:
    ladder.check([(P50, (rung(10, name="a"),)), (P21, (rung(10, name="b"),))])


@pytest.mark.parametrize("other", [rung(20, "ge"), rung(20, "le", "person")])
def test_lines_of_one_quantity_look_the_same_way(other: Parameter) -> None:
    where, why = refusal((P50, (rung(10), other)))
    assert (where, "all le or all ge" in why) == ("r20", True)


def test_lines_of_a_sum_look_the_same_way() -> None:
    assert refusal((H2, (rung(10), rung(20, "ge"))))[0] == "r20"


@pytest.mark.parametrize("edge", [10, 300])
def test_an_edge_that_meets_a_line_at_some_size_is_refused(edge: int) -> None:
    asked: list[Asked] = [(P50, (rung(10),)), (banded_deposit(), (band(3, edge),))]
    where, why = refusal(*asked)
    assert (where, f"edge {edge} meets the line r10 at {edge // 10} people" in why) == ("b", True)


def test_an_edge_beside_every_line_is_allowed() -> None:
    deposit = banded_deposit()
    ladder.check([(P50, (rung(10),)), (deposit, (band(5, 310),))])
    ladder.check([(P50, (rung(10, per="person"),)), (deposit, (band(20),))])


def test_a_quantity_is_asked_of_departments_or_as_a_sum() -> None:
    where, why = refusal((P50, (rung(10),)), (H2, (rung(20),)))
    assert (where, "part of the sum H2" in why) == ("P50", True)
    assert refusal((H1, (rung(20),)), (P21, (rung(10),)))[0] == "P21"
