"""The table of who may do what: whatever it does not say is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.people import roles
from coordinator.people.roles import EVERYWHERE, OWNER, TABLE, TITLES, Action, Operator, Role
from federation.errors import BadInput, Refused

AREA = "790301"
codes = st.from_regex(r"[0-9]{6}", fullmatch=True)


def somebody(role: Role, *areas: str) -> Operator:
    return Operator(name="op-lin", role=role, areas=areas or (EVERYWHERE,))


def refused(operator: Operator, action: str, *areas: str) -> bool:
    try:
        roles.permit(operator, action, areas)
    except Refused as e:
        return e.code == "OPERATOR_FORBIDDEN"
    return False


@given(role=st.sampled_from(Role), action=st.text(max_size=20), area=codes)
def test_what_is_not_in_the_table_is_refused(role: Role, action: str, area: str) -> None:
    assert refused(somebody(role), action, area) or action in TABLE


@given(role=st.sampled_from(Role), action=st.sampled_from(Action), area=codes)
def test_the_table_alone_decides_everywhere(role: Role, action: Action, area: str) -> None:
    assert refused(somebody(role), action, area) is (role not in TABLE[action].roles)


@given(
    role=st.sampled_from(Role),
    action=st.sampled_from(Action),
    mine=st.lists(st.from_regex(r"[0-9]{2,6}", fullmatch=True), max_size=3),
    areas=st.lists(codes, min_size=1, max_size=3),
)
def test_nobody_reaches_out_of_their_areas(
    role: Role, action: Action, mine: list[str], areas: list[str]
) -> None:
    who = Operator(name="op-lin", role=role, areas=tuple(mine))
    inside = all(any(area[: len(one)] == one for one in mine) for area in areas)
    assert refused(who, action, *areas) is not (inside and role in TABLE[action].roles)


def test_no_area_is_nowhere() -> None:
    nowhere = Operator(name="op-lin", role=Role.CLERK, areas=())
    empty = Operator(name="op-lin", role=Role.CLERK, areas=("",))
    assert refused(nowhere, Action.CASE_READ, AREA)
    assert refused(empty, Action.CASE_READ, AREA)


def test_every_action_has_a_rule_and_every_rule_somebody() -> None:
    assert set(TABLE) == set(Action)
    assert all(rule.roles for rule in TABLE.values())
    assert set(TITLES) == set(Role)


def test_whoever_only_watches_changes_nothing() -> None:
    may = {action for action, rule in TABLE.items() if Role.AUDITOR in rule.roles}
    assert {one for one in may if not roles.reads(one)} == {Action.EVIDENCE_HAND, Action.SESSION}


def test_what_needs_two_people() -> None:
    pairs = {action: rule.second for action, rule in TABLE.items() if rule.second}
    assert pairs == {
        Action.CASE_CONFIRM: Action.CASE_DECIDE,
        Action.ERASE_APPROVE: Action.ERASE_PROPOSE,
    }
    assert not any(TABLE[first].second for first in pairs.values() if first)


@pytest.mark.parametrize(
    ("name", "areas"),
    [
        (OWNER, [AREA]),
        ("", [AREA]),
        ("op lin", [AREA]),
        ("林", [AREA]),
        ("op-lin", []),
        ("op-lin", ["7"]),
        ("op-lin", ["7903011"]),
        ("op-lin", ["**"]),
        ("op-lin", [AREA, ""]),
    ],
)
def test_names_and_areas_have_a_form(name: str, areas: list[str]) -> None:
    with pytest.raises(BadInput, match="OPERATOR_INVALID"):
        roles.check(name, areas)
