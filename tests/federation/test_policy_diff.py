"""What changes from one policy to the next, and for whom."""

import pytest

from federation import catalogue, policy_diff
from federation.exchange import Purpose
from federation.ladder import Interval
from federation.policy_diff import Difference
from tests.federation.policies import band, make, rule, rung, window

ENTRY, REVIEW = frozenset({Purpose.ENTRY}), frozenset({Purpose.REVIEW})


def compare(old: list[str], new: list[str]) -> Difference:
    return policy_diff.compare(make(*old), make(*new, version=2), catalogue.load())


def test_the_same_rules_differ_in_nothing() -> None:
    parts = [rung("a", 100), window("w", 3), rule("P50", "a"), rule("P42", "w"), rule("P40")]
    found = compare(parts, parts)
    assert found.empty
    assert [(one.quantity, one.old, one.new) for one in found.lines] == [
        ("deposit", (100,), (100,))
    ]
    assert not found.lines[0].too_many


def test_what_may_be_asked_and_what_no_longer() -> None:
    both = '["ENTRY", "REVIEW"]'
    old = [window("w", 3), rule("P42", "w"), rule("P40"), rule("P22", purposes=both)]
    new = [window("v", 6), rule("P42", "v"), rule("P22"), rule("P43"), rule("P40", purposes=both)]
    found = compare(old, new)
    assert found.opened == {("P42", "v"): ENTRY, ("P43", ""): ENTRY, ("P40", ""): REVIEW}
    assert found.closed == {("P42", "w"): ENTRY, ("P22", ""): REVIEW}
    assert not found.empty


@pytest.mark.parametrize(
    ("old", "new", "between"),
    [
        (rung("a", 100), rung("a", 150), Interval(101, 150)),
        (rung("a", 150), rung("a", 100), Interval(101, 150)),
        (rung("a", 100, "ge"), rung("a", 150, "ge"), Interval(100, 149)),
        (rung("a", 100, per="person"), rung("a", 150), None),
        (rung("a", 100), rung("a", 100, "ge"), None),
    ],
)
def test_a_line_that_moves_changes_the_answers_between(
    old: str, new: str, between: Interval | None
) -> None:
    (moved,) = compare([old, rule("P50", "a")], [new, rule("P50", "a")]).moved
    assert (moved.old.id, moved.new.id, moved.predicates) == ("a", "a", ("P50",))
    assert moved.between == between


def test_windows_and_bands_move_too() -> None:
    old = [window("w", 3), band("b", 10), rule("P42", "w"), rule("P37", "w"), rule("P17", "b")]
    new = [window("w", 6), band("b", 20), rule("P42", "w"), rule("P37", "w"), rule("P17", "b")]
    found = compare(old, new).moved
    assert [(one.new.id, one.predicates, one.between) for one in found] == [
        ("w", ("P42", "P37"), None),
        ("b", ("P17",), None),
    ]


def test_terms_that_change() -> None:
    changed = rule("P40", period='"12m"', max_age_days="10").replace("测试", "表 2", 1)
    found = compare([rule("P40")], [changed]).terms
    assert [(one.predicate, one.key, one.old, one.new) for one in found] == [
        ("P40", "period", "month", "12m"),
        ("P40", "max_age_days", "45", "10"),
        ("P40", "source", "测试", "表 2"),
    ]


def test_old_and_new_lines_count_together() -> None:
    names = [f"r{n}" for n in range(6)]
    rungs = [rung(name, 100 * n + 100) for n, name in enumerate(names)]

    def lines(old: slice, new: slice) -> policy_diff.Lines:
        sides = [[*rungs[part], rule("P50", *names[part])] for part in (old, new)]
        (only,) = compare(*sides).lines
        return only

    assert lines(slice(0, 3), slice(0, 4)).too_many is False
    assert lines(slice(0, 3), slice(1, 5)).too_many is True
    assert lines(slice(0, 3), slice(1, 5)).together == (100, 200, 300, 400, 500)
    assert lines(slice(0, 5), slice(0, 5)).too_many is False


def test_a_new_quantity_and_a_turned_one() -> None:
    found = compare(
        [rung("a", 100), rule("P50", "a")],
        [rung("a", 100, "ge"), rung("b", 5), rule("P50", "a"), rule("P21", "b")],
    )
    assert [(one.quantity, one.old, one.new, one.turned) for one in found.lines] == [
        ("deposit", (100,), (100,), True),
        ("wage", (), (5,), False),
    ]


def test_bands_alone_have_no_lines() -> None:
    assert compare([], [band("b", 10), rule("P17", "b")]).lines == ()
