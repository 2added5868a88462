"""Forming groups: each component at one register, and no group of two."""

import pytest

from federation import catalogue, grouping
from federation.errors import BadInput
from federation.group import Group
from federation.grouping import Keys
from federation.manifest import PartyEntry, PartyRole
from tests.support.sums import DEPARTMENTS, POLICY, group, rules

KNOWN = catalogue.load()


def _formed(text: str = POLICY, **more: str) -> dict[str, Group]:
    nodes = [
        PartyEntry(
            id=name,
            role=PartyRole.NODE,
            kind=kind,
            zh=name,
            en=name,
            endpoint="",
            keys={},
            certificates=(),
        )
        for name, kind in {**DEPARTMENTS, **more}.items()
    ]
    masks = {one.id: one.id.encode().ljust(32) for one in nodes}
    keys = Keys(masks=masks, tally=group().tally, auditor=b"a" * 32)
    return grouping.form(KNOWN, rules(text), nodes, keys)


def test_a_component_counts_at_one_register_only() -> None:
    found = _formed()["H1"]
    assert {one.id: one.weights for one in found.departments} == {
        "tax": {"wage": 1},
        "human_resources": {"pension": 1},
        "finance": {"farm_subsidy": 1},
    }
    # Agriculture knows subsidies as well, and they are not counted twice.
    more = _formed(agriculture="agriculture", second_tax="tax")["H1"]
    assert [one.id for one in more.departments] == [*list(DEPARTMENTS)[:3], "second_tax"]


def test_a_ratio_weighs_expense_against_income() -> None:
    found = _formed()["H4"]
    assert found.percent == 60
    assert {one.id: one.weights for one in found.departments} == {
        "tax": {"wage": -60},
        "human_resources": {"pension": -60},
        "medical_insurance": {"medical_self_paid": 100},
    }


def test_two_departments_are_no_group() -> None:
    assert "H2" not in _formed(bank_a="bank", bank_b="bank")
    assert "H2" in _formed(bank_a="bank", bank_b="bank", broker="securities")


def test_only_sums_that_the_policy_asks_have_groups() -> None:
    assert list(_formed()) == ["H1", "H4", "H5"]


def test_a_ratio_has_one_rung() -> None:
    two = POLICY.replace('["ratio-60"]', '["ratio-60", "gap"]').replace(
        'id = "gap"\nkind = "rung"\nper_head = 500\ncomparator = "ge"\nper = "person"',
        'id = "gap"\nkind = "rung"\nper_head = 500\ncomparator = "ge"\nper = "head"',
    )
    with pytest.raises(BadInput, match="POLICY_INVALID"):
        _formed(two)


def test_a_component_without_a_register_is_refused() -> None:
    with pytest.raises(BadInput, match="CATALOGUE_INVALID"):
        grouping.register(KNOWN, KNOWN.predicate("H1"), "deposit")
