"""What may follow a policy, and what its writers are told to look at."""

from datetime import date

import pytest

from federation import catalogue, policy_check
from federation.errors import BadInput, Said
from federation.policy import Policy
from federation.policy_check import Concern
from tests.federation.policies import band, make, rule, rung, window

TODAY = date(2026, 11, 21)


def concerns(*parts: str, **head: object) -> list[tuple[Concern, str]]:
    found = policy_check.notes(make(*parts, **head), catalogue.load(), TODAY)
    assert all(isinstance(note.said, Said) and note.said.zh != note.said.en for note in found)
    return [(note.concern, note.where) for note in found]


# ---- what is worth a look


def test_a_plain_policy_gives_no_concern() -> None:
    assert concerns(rung("a", 1000), rung("b", 2000), rule("P50", "a", "b"), rule("P40")) == []


@pytest.mark.parametrize(
    ("issued", "expires", "found"),
    [
        ("2026-11-21", "2027-12-31", []),
        ("2026-11-22", "2027-12-31", [(Concern.NOT_IN_FORCE, "issued")]),
        ("2026-01-01", "2026-11-20", [(Concern.NOT_IN_FORCE, "expires")]),
        ("2026-01-01", "2027-01-19", [(Concern.ENDS_SOON, "expires")]),
        ("2026-01-01", "2027-01-20", []),
    ],
)
def test_dates(issued: str, expires: str, found: list[tuple[Concern, str]]) -> None:
    assert concerns(rule("P40"), issued=issued, expires=expires) == found


def test_a_value_that_no_rule_uses() -> None:
    found = concerns(window("w", 3), rung("a", 5), rule("P40"))
    assert found == [(Concern.UNUSED, "w"), (Concern.UNUSED, "a")]


def test_more_than_four_lines_are_a_concern_and_no_fault() -> None:
    lines = [rung(f"r{n}", n * 1000) for n in range(1, 6)]
    names = [f"r{n}" for n in range(1, 6)]
    assert concerns(*lines[:4], rule("P50", *names[:4])) == []
    assert concerns(*lines, rule("P50", *names)) == [(Concern.MANY_LINES, "P50")]


def test_lines_that_lie_close_together() -> None:
    near = concerns(rung("a", 901), rung("b", 1000), rule("P50", "a", "b"))
    assert near == [(Concern.NEAR_LINES, "P50")]
    assert concerns(rung("a", 900), rung("b", 1000), rule("P50", "a", "b")) == []
    assert concerns(band("a", 950, 1000), rule("P17", "a")) == [(Concern.NEAR_LINES, "P17")]


def test_several_ladders_of_bands() -> None:
    found = concerns(band("a", 100), band("b", 200), rule("P17", "a", "b"))
    assert found == [(Concern.SEVERAL_LADDERS, "P17")]


def test_bands_of_what_is_also_added_up() -> None:
    found = concerns(rung("a", 100), band("b", 50), rule("H1", "a"), rule("P17", "b"))
    assert found == [(Concern.BAND_OF_SUM, "P17")]


# ---- what may follow


def follow(old: Policy, new: Policy) -> None:
    policy_check.check_successor(old, new, catalogue.load())


def refuse(old: Policy, new: Policy) -> str:
    with pytest.raises(BadInput, match="POLICY_INVALID") as caught:
        follow(old, new)
    assert isinstance(caught.value.details["why"], Said)
    return str(caught.value.details["where"])


def test_the_version_has_to_rise() -> None:
    first = make(rule("P40"), version=3)
    follow(first, make(rule("P40"), version=4))
    assert refuse(first, make(rule("P40"), version=3)) == "version"
    assert refuse(first, make(rule("P42", "w"), window("w", 3), version=2)) == "version"


def test_the_family_stays() -> None:
    assert refuse(make(rule("P40")), make(rule("P40"), version=2, family="u")) == "family"


@pytest.mark.parametrize("turned", [rung("a", 100, "ge"), rung("a", 100, "le", "person")])
def test_a_ladder_turns_round_only_with_the_year(turned: str) -> None:
    old = make(rung("a", 100), rule("P50", "a"))
    mid = make(turned, rule("P50", "a"), version=2, issued="2026-07-01")
    assert refuse(old, mid) == "a"
    follow(old, make(turned, rule("P50", "a"), version=2, issued="2027-01-01"))
    moved = make(rung("a", 200), rule("P50", "a"), version=2, issued="2026-07-01")
    follow(old, moved)
    follow(make(rule("P40")), mid)
