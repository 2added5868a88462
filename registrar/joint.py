"""Sums on a form and in a token: a household is asked whole, of a whole group, or not at all.

Knows the sum grant of protocol note §3 and §7 and which requests together make one. Does not know
storage: what stands for a household comes in as a function.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from federation import summing
from federation.catalogue import Predicate
from federation.consenting import ConsentForm, GrantRequest, Role
from federation.errors import Refused
from federation.group import Group
from federation.policy import Policy
from federation.summing import SumGrant

HOUSEHOLD = -1
"""The subject of a sum over all of a form who are no supporters; a supporter is one alone."""

Reference = Callable[[str, int], bytes]
"""Takes a predicate and a subject; gives the 16 bytes that stand for them at every department."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What tokens of a call say of sums, from their issue to their end (months, yyyymm)."""

    groups: Mapping[str, Group]
    policy: Policy
    reference: Reference
    first: int
    last: int

    def grant(self, request: GrantRequest, form: ConsentForm) -> SumGrant:
        """Say which sum a request is for and which slot of it its person has."""
        subject = _subject(form, request.person)
        slots = _people(form, subject)
        return SumGrant(
            ref=self.reference(request.predicate, subject),
            slot=slots.index(request.person),
            slots=len(slots),
            group=self.groups[request.predicate].digest,
            ladder=summing.ladder_digest(self.policy, request.predicate),
            first=self.first,
            last=self.last,
            declared=request.declared,
        )


def check_party(grant: GrantRequest, predicate: Predicate, groups: Mapping[str, Group]) -> None:
    """Refuse a sum of somebody who has no part in it, or a declared total where none belongs.

    Raises:
        Refused: POLICY_NOT_ANSWERED.
    """
    group = groups.get(grant.predicate)
    if group is None or grant.department not in group.parties:
        raise Refused("POLICY_NOT_ANSWERED", predicate=grant.predicate)
    opened = predicate.declared and grant.department == group.tally.id
    if opened is not bool(grant.declared):
        raise Refused("POLICY_NOT_ANSWERED", predicate=grant.predicate)


def broken(form: ConsentForm, groups: Mapping[str, Group]) -> set[GrantRequest]:
    """List what asks for part of a sum: without a person, a department or the tally.

    One household has one declared total, for all its lines.
    """
    asked: dict[tuple[str, str, int], set[tuple[int, str]]] = defaultdict(set)
    declared: dict[tuple[str, int], set[bytes]] = defaultdict(set)
    sums = [grant for grant in form.grants if grant.predicate in groups]
    for one in sums:
        subject = _subject(form, one.person)
        asked[one.predicate, one.parameter, subject].add((one.person, one.department))
        declared[one.predicate, subject].add(one.declared)
    return {
        one
        for one in sums
        if not _whole(one, form, groups[one.predicate], asked)
        or len(declared[one.predicate, _subject(form, one.person)] - {b""}) > 1
    }


def _whole(
    one: GrantRequest,
    form: ConsentForm,
    group: Group,
    asked: Mapping[tuple[str, str, int], set[tuple[int, str]]],
) -> bool:
    subject = _subject(form, one.person)
    wanted = {(p, d) for p in _people(form, subject) for d in group.parties}
    return asked[one.predicate, one.parameter, subject] == wanted


def _subject(form: ConsentForm, person: int) -> int:
    return person if form.persons[person].role is Role.SUPPORTER else HOUSEHOLD


def _people(form: ConsentForm, subject: int) -> list[int]:
    if subject != HOUSEHOLD:
        return [subject]
    return [i for i, one in enumerate(form.persons) if one.role is not Role.SUPPORTER]
