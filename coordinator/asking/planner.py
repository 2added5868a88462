"""Which questions a case needs, of whom and where: a pure function, nothing is sent.

Knows programmes, the manifest's departments and the policy's permissions. Does not know tokens,
answers or time: the day is given.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from coordinator.asking.questions import Ask
from coordinator.casework.cases import Case, CasePerson
from coordinator.casework.programmes import CASE_AREA, Programmes, Question
from federation.catalogue import Catalogue
from federation.errors import Refused
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.policy import Policy

LATER = "LATER"
"""Why a sum is not asked: it spans departments and waits for a protocol of its own."""


@dataclass(frozen=True, slots=True, order=True)
class NotAsked:
    """A question that stays at home, and why: LATER or a policy's refusal code."""

    predicate: str
    why: str


@dataclass(frozen=True, slots=True, order=True)
class NotCovered:
    """A question whose kind of department takes no part in this federation."""

    predicate: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked, what is not, and what nobody here could answer; ages are those of ``day``."""

    day: date
    asks: tuple[Ask, ...]
    not_asked: tuple[NotAsked, ...]
    not_covered: tuple[NotCovered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a plan depends on besides the case."""

    programmes: Programmes
    catalogue: Catalogue
    manifest: Manifest
    policy: Policy

    def nodes_of(self, kind: str) -> list[PartyEntry]:
        """List the departments of one kind, in the manifest's order."""
        return [n for n in self.manifest.having(PartyRole.NODE) if n.kind == kind]


def plan(case: Case, plan_id: str, around: Surroundings, today: date) -> Plan:
    """Plan a case; ``plan_id`` names a plan that adds questions, empty: none.

    Raises:
        BadInput: PROGRAMME_UNKNOWN or PLAN_UNKNOWN.
    """
    programme = around.programmes.programme(case.programme)
    asks: dict[Ask, None] = {}
    not_asked = dict.fromkeys(NotAsked(one, LATER) for one in programme.sums)
    not_covered: dict[NotCovered, None] = {}
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
    )


def _ask(place: int, node: PartyEntry, predicate: str, parameter: str) -> Ask:
    return Ask(person=place, department=node.id, predicate=predicate, parameter=parameter)


def questions(
    case: Case, person: CasePerson, plan_id: str, around: Surroundings, today: date
) -> Iterator[tuple[Question, str]]:
    """Give the questions about one person, each with the policy's id of its parameter."""
    programme = around.programmes.programme(case.programme)
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
