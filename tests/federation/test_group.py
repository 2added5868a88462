"""Groups: read back as written, named by what they say, and with bounds that a sum cannot pass."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import group as groups
from federation.errors import PeerFault, Refused
from federation.group import Member
from federation.parameter import Parameter
from federation.strictjson import Json, b64
from tests.support.sums import group

RUNG = Parameter(id="r", kind="rung", zh="一", en="one", per_head=100)


def test_it_is_read_as_it_was_written() -> None:
    assert groups.read(groups.write(group())) == group()
    assert "paillier" not in repr(group())


def test_anything_else_is_another_group() -> None:
    first, second, third = group().departments
    others = [
        group(percent=60),
        group(departments=(second, first, third)),
        group(departments=(replace(first, weights={"wage": 2}), second, third)),
        group(tally=replace(group().tally, elgamal=b"x" * 32)),
        group(auditor=b"x" * 32),
    ]
    assert len({one.digest for one in [group(), *others]}) == len(others) + 1


def test_its_parties_are_those_who_need_tokens() -> None:
    assert group().parties == {"tax", "human_resources", "finance", "tally"}
    assert group().member("finance").weights == {"farm_subsidy": 1}
    with pytest.raises(PeerFault, match="PARTY_UNKNOWN"):
        group().member("tally")


@pytest.mark.parametrize(
    "changed",
    [
        {"bits": 41},
        {"kappa": 64},
        {"percent": 1_001},
        {"departments": []},
        {"departments": [{"id": "tax", "weights": {}, "mask": "dA"}]},
        {"tally": {}},
        {"more": 1},
        {"auditor": "!"},
        {"auditor": ""},
        {"auditor": b64(bytes(31))},
        {"quantity": 1},
    ],
    ids=str,
)
def test_malformed_groups_are_refused(changed: Json) -> None:
    with pytest.raises((PeerFault, ValueError, KeyError, TypeError)):
        groups.read({**groups.write(group()), **changed})


@pytest.mark.parametrize("weights", [{"wage": 0}, {"wage": 1_001}, {"wage": True}])
def test_malformed_members_are_refused(weights: dict[str, Any]) -> None:
    raw = groups.write(group())
    raw["departments"][0]["weights"] = weights
    with pytest.raises((PeerFault, ValueError)):
        groups.read(raw)


def test_no_two_departments_of_a_group_are_one() -> None:
    raw = groups.write(group())
    raw["departments"][1] = raw["departments"][0]
    with pytest.raises(ValueError, match="departments"):
        groups.read(raw)


@given(st.integers(groups.LEAST, groups.MOST))
def test_shares_below_the_clip_fit_their_sum(departments: int) -> None:
    members = tuple(
        Member(id=f"d{i}", weights={"wage": 1}, mask=bytes(32)) for i in range(departments)
    )
    one = group(departments=members)
    assert departments * groups.clip(one) <= 1 << (one.bits - 1)


def test_at_most_is_asked_as_not_one_more() -> None:
    at_least = replace(RUNG, comparator="ge")
    assert groups.threshold(group(), RUNG, 3) == 301
    assert groups.threshold(group(), at_least, 3) == 300
    assert groups.threshold(group(), replace(RUNG, per="person"), 3) == 101
    assert groups.threshold(group(), at_least, 3, declared=7) == 307


def test_a_line_has_to_stay_below_the_clip() -> None:
    most = groups.clip(group()) - 2
    assert groups.threshold(group(), replace(RUNG, per_head=most), 1) == most + 1
    with pytest.raises(Refused, match="POLICY_PARAMETER"):
        groups.threshold(group(), replace(RUNG, per_head=most + 1), 1)


def test_a_ratio_is_held_to_zero_by_its_own_rung() -> None:
    ratio, rung = group(percent=60), replace(RUNG, per_head=60, comparator="ge")
    assert groups.threshold(ratio, rung, 4) == 0
    for other in (replace(rung, per_head=50), replace(rung, comparator="le")):
        with pytest.raises(Refused, match="POLICY_PARAMETER"):
            groups.threshold(ratio, other, 4)


def test_a_negative_weight_is_told() -> None:
    first, *others = group().departments
    assert not group().signed
    assert group(departments=(replace(first, weights={"wage": -60}), *others)).signed
