"""What sums are tested with: a policy that asks them, the parties of a group, and its pieces."""

from dataclasses import replace
from typing import Any

from federation import catalogue, policy, summing
from federation.founding import PartyPlan
from federation.group import Group, Member, TallyKeys
from federation.manifest import PartyRole
from federation.policy import Policy
from federation.summing import SumGrant

NOW = 1_795_000_000  # 2026-11-18T14:26:40Z
MONTH = 202611

_RULE = """
[[rule]]
predicate = "{}"
purposes = ["ENTRY", "REVIEW"]
parameters = {}
period = "{}"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
"""
_RUNG = """
[[parameter]]
id = "{}"
kind = "rung"
per_head = {}
comparator = "{}"
per = "{}"
zh = "一"
en = "one"
source = "测试"
"""
POLICY = (
    """
family = "test"
version = 1
issued = 2026-01-01
expires = 2027-12-31
title = { zh = "测试", en = "Test" }
"""
    + _RUNG.format("income-12s", 1_000, "le", "head")
    + _RUNG.format("income-18s", 1_500, "le", "head")
    + _RUNG.format("ratio-60", 60, "ge", "head")
    + _RUNG.format("gap", 500, "ge", "person")
    + _RULE.format("P40", "[]", "month")
    + _RULE.format("H1", '["income-12s", "income-18s"]', "12m")
    + _RULE.format("H2", '["income-12s"]', "month")
    + _RULE.format("H4", '["ratio-60"]', "12m")
    + _RULE.format("H5", '["gap"]', "12m")
)
DEPARTMENTS = {
    "tax": "tax",
    "human_resources": "human_resources",
    "finance": "finance",
    "medical_insurance": "medical_insurance",
    "public_security": "public_security",
}


def parties(**more: PartyRole) -> list[PartyPlan]:
    """List a federation with a tally; ``more`` by id and role."""
    roles = {
        "registrar": PartyRole.REGISTRAR,
        "coordinator": PartyRole.COORDINATOR,
        "auditor": PartyRole.AUDITOR,
        "tally": PartyRole.TALLY,
        **dict.fromkeys(DEPARTMENTS, PartyRole.NODE),
        **more,
    }
    return [
        PartyPlan(
            id=name,
            role=role,
            kind=DEPARTMENTS.get(name, ""),
            zh=name,
            en=name,
            endpoint="127.0.0.1:0",
        )
        for name, role in roles.items()
    ]


def rules(text: str = POLICY) -> Policy:
    """Read the policy."""
    return policy.parse(text.encode(), catalogue.load())


def group(**changed: Any) -> Group:
    """Make the group of an income; its keys open nothing."""
    plain = Group(
        predicate="H1",
        quantity="income",
        departments=(
            Member(id="tax", weights={"wage": 1}, mask=b"t" * 32),
            Member(id="human_resources", weights={"pension": 1}, mask=b"h" * 32),
            Member(id="finance", weights={"farm_subsidy": 1}, mask=b"f" * 32),
        ),
        tally=TallyKeys(id="tally", paillier=b"n" * 384, elgamal=b"e" * 32, mask=b"m" * 32),
        auditor=b"a" * 32,
    )
    return replace(plain, **changed)


def grant(of: Group, slot: int = 0, **changed: Any) -> SumGrant:
    """Make a slot's grant for one month."""
    plain = SumGrant(
        ref=b"r" * 16,
        slot=slot,
        slots=2,
        group=of.digest,
        ladder=summing.ladder_digest(rules(), of.predicate),
        first=MONTH,
        last=MONTH + 1,
    )
    return replace(plain, **changed)
