"""The book of operators: every change by name in the log, and always a director."""

from collections.abc import Callable

import pytest

from coordinator.people.roles import EVERYWHERE, OWNER, Operator, Role
from federation.errors import BadInput, Refused
from federation.ids import PersonId
from federation.log.coordinator_events import OperatorSet
from tests.coordinator.people.staffed import AREA, FIRST, OWN, Staffed
from tests.coordinator.town import CHILD, WIFE

CLERK = Operator(name="op-lin", role=Role.CLERK, areas=(AREA,))


def test_the_first_is_a_director(staffed: Staffed) -> None:
    with staffed.gate("owner") as gate:
        with pytest.raises(BadInput, match="DIRECTOR_NEEDED"):
            gate.operators.add(OWNER, CLERK, FIRST)
        assert not gate.operators.any()
    assert staffed.sets() == []


def test_a_director_remains(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    with staffed.gate("op-dir") as gate:
        with pytest.raises(BadInput, match="DIRECTOR_NEEDED"):
            gate.operators.disable("op-dir", "op-dir")
        with pytest.raises(BadInput, match="DIRECTOR_NEEDED"):
            gate.operators.set_role("op-dir", "op-dir", Role.CLERK)
        gate.operators.set_role("op-dir", "op-lin", Role.DIRECTOR)
        gate.operators.disable("op-lin", "op-dir")
        roles = {
            one.operator.name: (one.operator.role, one.disabled) for one in gate.operators.all()
        }
    assert roles == {"op-dir": (Role.DIRECTOR, True), "op-lin": (Role.DIRECTOR, False)}


def test_every_change_is_logged_as_it_leaves_somebody(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    with staffed.gate("op-dir") as gate:
        gate.operators.set_areas("op-dir", "op-lin", [AREA, "790302"])
        gate.operators.set_role("op-dir", "op-lin", Role.REVIEWER)
        gate.operators.set_relatives("op-dir", "op-lin", [PersonId(WIFE), PersonId(CHILD)])
        gate.operators.disable("op-dir", "op-lin")
    assert staffed.sets()[-1] == OperatorSet(
        operator="op-lin",
        role="REVIEWER",
        areas=(AREA, "790302"),
        relatives=2,
        disabled=True,
        by="op-dir",
    )
    assert [(one.operator, one.by) for one in staffed.sets()] == [
        ("op-dir", OWNER),
        ("op-lin", OWNER),
        *[("op-lin", "op-dir")] * 4,
    ]


def test_a_new_role_or_area_ends_what_somebody_is_logged_in_as(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    for change in ("role", "areas"):
        staffed.login("op-lin", OWN)
        with staffed.gate("op-dir") as gate:
            if change == "role":
                gate.operators.set_role("op-dir", "op-lin", Role.REVIEWER)
            else:
                gate.operators.set_areas("op-dir", "op-lin", [EVERYWHERE])
        with staffed.gate("op-lin") as gate, pytest.raises(Refused, match="SESSION_MISSING"):
            gate.sessions.current()


def test_no_name_is_given_twice(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    with staffed.gate("op-dir") as gate:
        gate.operators.disable("op-dir", "op-lin")
        with pytest.raises(BadInput, match="OPERATOR_EXISTS"):
            gate.operators.add("op-dir", CLERK, FIRST)


def test_nobody_unknown_is_changed(staffed: Staffed) -> None:
    staffed.hire()
    with staffed.gate("op-dir") as gate:
        changes: list[Callable[[], None]] = [
            lambda: gate.operators.set_role("op-dir", "op-who", Role.CLERK),
            lambda: gate.operators.set_areas("op-dir", "op-who", [AREA]),
            lambda: gate.operators.disable("op-dir", "op-who"),
            lambda: gate.operators.give_password("op-dir", "op-who", FIRST),
            lambda: gate.operators.set_relatives("op-dir", "op-who", []),
        ]
        for change in changes:
            with pytest.raises(Refused, match="OPERATOR_UNKNOWN"):
                change()
