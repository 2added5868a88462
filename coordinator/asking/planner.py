"""Which questions a case needs, of whom and where: a pure function, nothing is sent.

Knows programmes, the manifest's departments and the policy's permissions. Does not know tokens,
answers or time: the day is given.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from coordinator.asking.questions import HOUSEHOLD, Ask, Covered, SumAsk
from coordinator.casework.cases import Case, CasePerson
from coordinator.casework.programmes import CASE_AREA, Programme, Programmes, Question, Role
from coordinator.casework.sums import Subject, Sum
from federation import group, grouping
from federation.catalogue import Catalogue, Form, Predicate
from federation.errors import Refused
from federation.group import Group
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.policy import Policy

NO_GROUP: Final = "NO_GROUP"
"""Why a sum is not asked: the federation has no group of departments that adds it up."""
NOT_DECLARED: Final = "NOT_DECLARED"
"""Why what needs a declared income is not asked: the case has none."""


@dataclass(frozen=True, slots=True, order=True)
class NotAsked:
    """A question that stays at home, and why: a policy's refusal code, NO_GROUP or NOT_DECLARED."""

    predicate: str
    why: str


@dataclass(frozen=True, slots=True, order=True)
class NotCovered:
    """A question whose kind of department takes no part here, alone or as part of a sum."""

    predicate: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked, what is not, and what nobody here could answer; ages are those of ``day``."""

    day: date
    asks: tuple[Ask, ...]
    not_asked: tuple[NotAsked, ...]
    not_covered: tuple[NotCovered, ...]
    sums: tuple[SumAsk, ...] = ()

    @property
    def covered(self) -> Covered:
        """Give what is to be consented to."""
        return Covered(self.asks, self.sums)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a plan depends on besides the case."""

    programmes: Programmes
    catalogue: Catalogue
    manifest: Manifest
    policy: Policy

    def programme(self, case: Case, day: date) -> Programme:
        """Find what a case's programme asks in its area on a day.

        Raises:
            BadInput: PROGRAMME_UNKNOWN.
        """
        return self.programmes.in_force(case.programme, case.area, day, case.members)

    def nodes_of(self, kind: str) -> list[PartyEntry]:
        """List the departments of one kind, in the manifest's order."""
        return [n for n in self.manifest.having(PartyRole.NODE) if n.kind == kind]


def plan(case: Case, plan_id: str, around: Surroundings, today: date) -> Plan:
    """Plan a case; ``plan_id`` names a plan that adds questions, empty: none.

    Raises:
        BadInput: PROGRAMME_UNKNOWN or PLAN_UNKNOWN.
    """
    programme = around.programme(case, today)
    asks: dict[Ask, None] = {}
    sums: list[SumAsk] = []
    not_asked: dict[NotAsked, None] = {}
    not_covered: dict[NotCovered, None] = {}
    for one in programme.sums:
        why = _why_no_sum(one, case, around)
        if why:
            not_asked[NotAsked(one.predicate, why)] = None
        elif one.predicate in around.manifest.groups:
            sums += _sums(one, case, around)
            not_covered |= dict.fromkeys(_blind(one.predicate, around))
    for place, person in enumerate(case.persons):
        for question, parameter in questions(case, person, plan_id, around, today):
            predicate = around.catalogue.predicate(question.predicate)
            nodes = [node for kind in predicate.departments for node in around.nodes_of(kind)]
            refusal = _refusal(question, parameter, case, around) if nodes else ""
            if refusal:
                not_asked[NotAsked(predicate.id, refusal)] = None
                continue
            asks |= dict.fromkeys(_ask(place, node, predicate.id, parameter) for node in nodes)
            for kind in predicate.departments:
                if not around.nodes_of(kind):
                    not_covered[NotCovered(predicate.id, kind)] = None
    return Plan(
        day=today,
        asks=tuple(asks),
        not_asked=tuple(not_asked),
        not_covered=tuple(sorted(not_covered)),
        sums=tuple(sums),
    )


def _ask(place: int, node: PartyEntry, predicate: str, parameter: str) -> Ask:
    return Ask(person=place, department=node.id, predicate=predicate, parameter=parameter)


def questions(
    case: Case, person: CasePerson, plan_id: str, around: Surroundings, today: date
) -> Iterator[tuple[Question, str]]:
    """Give the questions about one person, each with the policy's id of its parameter."""
    programme = around.programme(case, today)
    extra = around.programmes.plan(plan_id) if plan_id else None
    age = person.age(today)
    for question in around.programmes.questions_for(programme, extra, person.role, age):
        local = question.parameter == CASE_AREA
        yield question, f"area-{case.area}" if local else question.parameter


def _refusal(question: Question, parameter: str, case: Case, around: Surroundings) -> str:
    """Give the code with which every department would refuse, or nothing."""
    try:
        around.policy.check(question.predicate, parameter, case.purpose)
    except Refused as refused:
        return refused.code
    return ""


def _why_no_sum(one: Sum, case: Case, around: Surroundings) -> str:
    """Give why a sum is not asked, or nothing; what is composed of others is never asked itself."""
    predicate = around.catalogue.predicate(one.predicate)
    known = around.manifest.groups.get(predicate.id)
    if predicate.form is Form.COMPOSITE:
        return ""
    if predicate.form is Form.SUM and known is None:
        return NO_GROUP
    try:
        around.policy.check(predicate.id, one.parameter, case.purpose)
        if (predicate.declared or known is None) and case.declared_income is None:
            return NOT_DECLARED
        if known:
            _check_threshold(known, predicate, one, case, around)
    except Refused as refused:
        return refused.code
    return ""


def _check_threshold(
    known: Group, predicate: Predicate, one: Sum, case: Case, around: Surroundings
) -> None:
    """Refuse a line that does not fit a comparison."""
    declared = case.declared_income if predicate.declared else 0
    rung = around.policy.parameters[one.parameter]
    group.threshold(known, rung, case.members, declared or 0)


def _sums(one: Sum, case: Case, around: Surroundings) -> Iterator[SumAsk]:
    """Give a sum for the household, or one for each supporter."""
    known = around.manifest.groups[one.predicate]
    supporters = [i for i, p in enumerate(case.persons) if p.role is Role.SUPPORTER]
    household = tuple(i for i, p in enumerate(case.persons) if p.role is not Role.SUPPORTER)
    together = one.subject is Subject.HOUSEHOLD
    subjects = [(HOUSEHOLD, household)] if together else [(i, (i,)) for i in supporters]
    for subject, persons in subjects:
        yield SumAsk(
            predicate=one.predicate,
            parameter=one.parameter,
            subject=subject,
            persons=persons,
            departments=tuple(member.id for member in known.departments),
            tally=known.tally.id,
            after=one.after,
            declared=around.catalogue.predicate(one.predicate).declared,
        )


def _blind(predicate_id: str, around: Surroundings) -> Iterator[NotCovered]:
    """Name the kinds of departments whose components nobody of the group holds."""
    predicate = around.catalogue.predicate(predicate_id)
    known = around.manifest.groups[predicate_id]
    held = {component for member in known.departments for component in member.weights}
    for component in predicate.components:
        if component not in held:
            kind = grouping.register(around.catalogue, predicate, component)
            yield NotCovered(predicate_id, kind)
