"""Form the groups of a federation: for each sum that a policy asks, who holds its components.

Each component has exactly one kind of register (protocol note §7): the first of the sum's kinds
that measures it. Knows catalogue, policy and public keys. Signs nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from federation.catalogue import Catalogue, Form, Predicate, Unit
from federation.errors import BadInput
from federation.group import LEAST, Group, Member, TallyKeys
from federation.manifest import PartyEntry
from federation.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Public keys of sums: the departments' for masks, the tally's, the auditor's for seeds."""

    masks: Mapping[str, bytes]
    tally: TallyKeys = field(repr=False)
    auditor: bytes


def form(
    catalogue: Catalogue, policy: Policy, nodes: Sequence[PartyEntry], keys: Keys
) -> dict[str, Group]:
    """Form a group for each sum of the policy that enough departments share.

    A sum with fewer than three departments gets none: nobody is asked then, and reports say so.

    Raises:
        BadInput: POLICY_INVALID when a ratio has another number of rungs than one.
    """
    found = {}
    for rule in policy.rules.values():
        predicate = catalogue.predicate(rule.predicate)
        if predicate.form is not Form.SUM:
            continue
        percent = _percent(predicate, policy)
        members = _members(catalogue, predicate, nodes, keys, percent)
        if len(members) >= LEAST:
            found[predicate.id] = Group(
                predicate=predicate.id,
                quantity=predicate.quantity,
                departments=members,
                tally=keys.tally,
                auditor=keys.auditor,
                percent=percent,
            )
    return found


def register(catalogue: Catalogue, predicate: Predicate, component: str) -> str:
    """Give the one kind of department whose register counts for a component of a sum.

    Raises:
        BadInput: CATALOGUE_INVALID when none of the sum's kinds measures it.
    """
    measuring = {kind for one in catalogue if one.quantity == component for kind in one.departments}
    for kind in predicate.departments:
        if kind in measuring:
            return kind
    raise BadInput("CATALOGUE_INVALID", where=predicate.id, why=f"{component} has no register")


def _members(
    catalogue: Catalogue,
    predicate: Predicate,
    nodes: Sequence[PartyEntry],
    keys: Keys,
    percent: int,
) -> tuple[Member, ...]:
    weights: dict[str, dict[str, int]] = {}
    for place, component in enumerate(predicate.components):
        kind = register(catalogue, predicate, component)
        weights.setdefault(kind, {})[component] = _weight(place, percent)
    return tuple(
        Member(id=node.id, weights=weights[node.kind], mask=keys.masks[node.id])
        for node in nodes
        if node.kind in weights
    )


def _weight(place: int, percent: int) -> int:
    """Weigh a component: of a ratio the first is the expense, the others are the income."""
    if not percent:
        return 1
    return -percent if place else 100


def _percent(predicate: Predicate, policy: Policy) -> int:
    if predicate.unit is not Unit.PERCENT:
        return 0
    rungs = policy.values(policy.rules[predicate.id])
    if len(rungs) != 1:
        raise BadInput("POLICY_INVALID", where=predicate.id, why="a ratio has one rung")
    return rungs[0].per_head
