"""Sum grants and runs: what names a run, and what every party refuses before it takes part."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import summing
from federation.errors import PeerFault, Refused
from federation.strictjson import Json
from federation.summing import Slot, SumOrder
from tests.support.sums import MONTH, NOW, POLICY, grant, group, rules

ORDER = SumOrder(period=MONTH)


def _slots(**changed: Any) -> list[Slot]:
    return [
        Slot(sub=bytes([place]) * 32, members=3, grant=grant(group(), place, **changed))
        for place in range(2)
    ]


def _check(slots: list[Slot], order: SumOrder = ORDER, text: str = POLICY) -> None:
    summing.check(slots, order, group(), rules(text), NOW)


def test_a_grant_is_read_as_it_was_written() -> None:
    for one in (grant(group()), grant(group(), declared=b"d" * 32)):
        assert summing.read(summing.write(one)) == one


@pytest.mark.parametrize(
    "changed",
    [
        {"slot": 2},
        {"slots": 0},
        {"slots": 31},
        {"ref": "AA"},
        {"group": ""},
        {"declared": "AA"},
        {"from": True},
        {"more": 1},
    ],
    ids=str,
)
def test_malformed_grants_are_refused(changed: Json) -> None:
    with pytest.raises((PeerFault, TypeError)):
        summing.read({**summing.write(grant(group())), **changed})


def test_a_grant_is_an_object_with_all_its_fields() -> None:
    whole = summing.write(grant(group()))
    for name in whole:
        with pytest.raises(TypeError):
            summing.read({key: value for key, value in whole.items() if key != name})
    with pytest.raises(TypeError):
        summing.read([])


def test_a_run_is_named_by_everything_but_rung_and_slot() -> None:
    def name(order: SumOrder = ORDER, quantity: str = "income", **changed: Any) -> bytes:
        return summing.run_id(grant(group(), **changed), group(quantity=quantity), order)

    others = [
        name(ref=b"s" * 16),
        name(group=b"g" * 32),
        name(ladder=b"l" * 32),
        name(quantity="assets"),
        name(SumOrder(period=MONTH + 1)),
        name(SumOrder(period=MONTH, attempt=1)),
    ]
    assert len({name(), *others}) == len(others) + 1
    assert name() == name(slot=1) == name(last=MONTH) == name(declared=b"d" * 32)


def test_rungs_of_one_run_are_compared_apart() -> None:
    run = bytes(32)
    assert summing.context(run, "income-12s") != summing.context(run, "income-18s")


@given(st.binary(min_size=32, max_size=32), st.integers(0, (1 << 39) - 2))
def test_a_declared_total_is_bound(salt: bytes, declared: int) -> None:
    assert summing.commit(salt, declared) != summing.commit(salt, declared + 1)


def test_a_whole_household_may_be_asked() -> None:
    _check(_slots())
    _check(_slots(), SumOrder(period=MONTH, attempt=1, abort=b"a", verdict=b"v"))


def _unlike() -> dict[str, list[Slot]]:
    first, second = _slots()
    return {
        "one slot": [first],
        "repeated slot": [first, first],
        "order": [second, first],
        "same person": [first, replace(second, sub=first.sub)],
        "sizes": [first, replace(second, members=4)],
        "reference": [first, replace(second, grant=replace(second.grant, ref=b"s" * 16))],
        "months": [first, replace(second, grant=replace(second.grant, last=MONTH))],
        "one more": [first, second, replace(second, sub=b"x" * 32)],
    }


@pytest.mark.parametrize("slots", _unlike().values(), ids=_unlike())
def test_part_of_a_household_is_refused(slots: list[Slot]) -> None:
    with pytest.raises(Refused, match="SUM_SLOTS"):
        _check(slots)


def test_another_group_or_ladder_is_refused() -> None:
    with pytest.raises(Refused, match="SUM_GROUP"):
        _check(_slots(group=b"g" * 32))
    with pytest.raises(Refused, match="POLICY_VERSION"):
        _check(_slots(), text=POLICY.replace("per_head = 1500", "per_head = 1600"))


@pytest.mark.parametrize("period", [MONTH - 1, MONTH + 1, MONTH + 2, 0])
def test_only_a_granted_month_that_has_begun(period: int) -> None:
    with pytest.raises(Refused, match="SUM_PERIOD"):
        _check(_slots(), SumOrder(period=period))


@pytest.mark.parametrize(
    "order",
    [
        SumOrder(period=MONTH, attempt=2, abort=b"a"),
        SumOrder(period=MONTH, attempt=1),
        SumOrder(period=MONTH, abort=b"a"),
    ],
)
def test_a_second_attempt_needs_the_first_one_s_abort(order: SumOrder) -> None:
    with pytest.raises(Refused, match="SUM_ATTEMPT"):
        _check(_slots(), order)


def test_the_month_of_asking_is_china_s() -> None:
    assert summing.month_of(NOW) == MONTH
    assert summing.month_of(1_796_054_399) == MONTH  # 2026-11-30T23:59:59+08:00
    assert summing.month_of(1_796_054_400) == MONTH + 1
