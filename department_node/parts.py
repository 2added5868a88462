"""Which parts of sums this department holds: its catalogue beside the manifest's groups.

Knows components and weights. Does not know who asks, or what is in the records.
"""

from collections.abc import Mapping

from department_node.catalogue import Answering, NodeCatalogue
from federation import catalogue
from federation.exchange import Purpose, Scope
from federation.group import Group


def weights(one: Group, department: str) -> Mapping[str, int]:
    """Give the components that a department adds to a sum; none where it is not of the group."""
    found = (member.weights for member in one.departments if member.id == department)
    return next(found, {})


def statements(listed: NodeCatalogue, one: Group, department: str) -> dict[str, str]:
    """Give the SQL of each component that a department adds to a sum."""
    return {name: listed.components[name].sql for name in weights(one, department)}


def answerings(
    listed: NodeCatalogue, department: str, groups: Mapping[str, Group]
) -> dict[str, Answering]:
    """Give the sums that a department contributes to: those of which it has all its components."""
    known = catalogue.load()
    found = {}
    for one in groups.values():
        mine = weights(one, department).keys()
        if mine and mine <= listed.components.keys():
            allowed = [listed.components[name].purposes for name in mine]
            found[one.predicate] = Answering(
                predicate=known.predicate(one.predicate),
                purposes=frozenset(Purpose).intersection(*(p for p in allowed if p is not None)),
                scope=Scope.UNKNOWN,
                sql="",
            )
    return found
