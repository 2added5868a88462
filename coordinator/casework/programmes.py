"""What each aid programme asks, of whom, and which answers a person should look at.

Knows ``data/programmes.toml``: programmes, and plans that add questions to them. Does not know
any case or answer, nor the values behind policy parameters: it names those by id.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Final

from coordinator.casework import sums
from coordinator.casework.practice import Practice
from coordinator.casework.sums import Subject, Sum
from federation import catalogue
from federation.catalogue import JOINT, NAMED, Catalogue, Form, ParameterKind, Predicate, Register
from federation.errors import BadInput
from federation.fields import Fields, read_toml
from federation.labelled import Labelled

INVALID: Final = "PROGRAMMES_INVALID"
CASE_AREA: Final = "area:case"
"""Stands for the area parameter of the case's own area; the planner puts the id in."""

OLDEST: Final = 200
_ID: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_PLAN_ID: Final = re.compile(r"[a-z][a-z0-9-]*")
_PARAMETER: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_BAND: Final = re.compile(r"BAND\((0|[1-9][0-9]?)\)")


class Role(StrEnum):
    """The part a person plays in a case."""

    APPLICANT = "APPLICANT"
    MEMBER = "MEMBER"
    SUPPORTER = "SUPPORTER"


class Supporters(StrEnum):
    """Whether a programme asks about people who owe the household support."""

    NEVER = "never"
    ON_DEMAND = "on_demand"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A predicate asked of some roles and ages (whole years, both ends included).

    ``finding`` lists the outcomes, as text, that a person should look at; empty: for information.
    ``also`` and ``version`` as of a sum.
    """

    predicate: str
    parameter: str
    roles: tuple[Role, ...]
    min_age: int
    max_age: int
    finding: tuple[str, ...]
    zh: str
    en: str
    source: str = ""
    also: tuple[str, ...] = ()
    version: str = ""

    def asked_of(self, role: str, age: int) -> bool:
        """Tell whether a person of this role and age is asked."""
        return role in self.roles and self.min_age <= age <= self.max_age

    def is_finding(self, outcome: str) -> bool:
        """Tell whether an outcome, as text, is something to look at."""
        return outcome in self.finding

    def rule(self, lang: str) -> str:
        """Give the rule in plain words, in ``zh`` or ``en``."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption(Labelled):
    """Outcomes of a predicate, about people of some roles, that alone must not bar anybody."""

    predicate: str
    outcomes: tuple[str, ...]
    roles: tuple[Role, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme(Labelled):
    """An aid programme: whom it asks by default, its questions, its sums, and what must not bar.

    A report is valid for ``report_months``; 0: the programme does not say.
    """

    id: str
    subjects: tuple[Role, ...]
    supporters: Supporters
    sums: tuple[Sum, ...]
    questions: tuple[Question, ...]
    exemptions: tuple[Exemption, ...] = ()
    report_months: int = 0

    @property
    def asked(self) -> tuple[Question | Sum, ...]:
        """List sums and questions."""
        return (*self.sums, *self.questions)

    @property
    def roles(self) -> tuple[Role, ...]:
        """List the roles this programme may ask about at all."""
        if self.supporters is Supporters.NEVER:
            return self.subjects
        return (*self.subjects, Role.SUPPORTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanQuestion:
    """A question that a plan adds; ``programmes`` empty: to every programme."""

    question: Question
    programmes: tuple[str, ...]

    def joins(self, programme_id: str) -> bool:
        """Tell whether a programme gets this question."""
        return not self.programmes or programme_id in self.programmes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Labelled):
    """Questions asked beyond a programme's own."""

    id: str
    questions: tuple[PlanQuestion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Programmes:
    """All programmes and plans, by id, in the order of the file."""

    programmes: Mapping[str, Programme]
    plans: Mapping[str, Plan]

    def in_force(self, programme_id: str, area: str, day: date, members: int) -> Programme:  # noqa: ARG002 - a regional shelf tells them apart
        """Find what a programme asks of a household of an area on a day.

        Raises:
            BadInput: PROGRAMME_UNKNOWN.
        """
        return self.programme(programme_id)

    def sheeted(self, local: Practice) -> Practice:
        """Let deadlines of programmes' own files go before local ones: here there are no files."""
        return local

    def programme(self, programme_id: str) -> Programme:
        """Find a programme by its id.

        Raises:
            BadInput: PROGRAMME_UNKNOWN.
        """
        try:
            return self.programmes[programme_id]
        except KeyError as unknown:
            raise BadInput("PROGRAMME_UNKNOWN", programme=programme_id) from unknown

    def plan(self, plan_id: str) -> Plan:
        """Find a plan by its id.

        Raises:
            BadInput: PLAN_UNKNOWN.
        """
        try:
            return self.plans[plan_id]
        except KeyError as unknown:
            raise BadInput("PLAN_UNKNOWN", plan=plan_id) from unknown

    def questions_for(
        self, programme: Programme, plan: Plan | None, role: str, age: int
    ) -> tuple[Question, ...]:
        """List what a person is asked, by predicate id, then parameter.

        A plan's question yields to the programme's own on the same predicate and parameter.
        """
        if role not in programme.roles:
            return ()
        extra = plan.questions if plan else ()
        every = (*programme.questions, *(q.question for q in extra if q.joins(programme.id)))
        chosen: dict[tuple[str, str], Question] = {}
        for question in every:
            if question.asked_of(role, age):
                chosen.setdefault((question.predicate, question.parameter), question)
        return tuple(sorted(chosen.values(), key=_order))


@cache
def load() -> Programmes:
    """Load the shipped programmes and plans.

    Raises:
        BadInput: PROGRAMMES_INVALID or CATALOGUE_INVALID.
    """
    text = resources.files("coordinator").joinpath("data", "programmes.toml").read_text("utf-8")
    return parse_programmes(text, catalogue.load())


def parse_programmes(text: str, predicates: Catalogue) -> Programmes:
    """Read programmes and plans and hold every question to the catalogue.

    Raises:
        BadInput: PROGRAMMES_INVALID with ``where`` (the entry) and ``why``.
    """
    document = read_toml(text, code=INVALID, where="programmes")
    programmes: dict[str, Programme] = {}
    for row in document.tables("programme"):
        programme = read_programme(row, programmes, predicates)
        if programme.id in programmes:
            raise row.fault(f"{programme.id} is there twice")
        programmes[programme.id] = programme
    plans: dict[str, Plan] = {}
    for row in document.tables("plan"):
        plan = _plan(row, programmes, predicates)
        if plan.id in plans:
            raise row.fault(f"{plan.id} is there twice")
        plans[plan.id] = plan
    document.done()
    return Programmes(programmes=programmes, plans=plans)


def _order(question: Question) -> tuple[bool, int, str]:
    return (*catalogue.id_order(question.predicate), question.parameter)


def read_programme(
    row: Fields, earlier: Mapping[str, Programme], predicates: Catalogue
) -> Programme:
    """Read one programme; ``earlier`` are those that it may start from.

    Raises:
        BadInput: with what is wrong.
    """
    inherited: tuple[Question, ...] = ()
    summed: tuple[Sum, ...] = ()
    if row.has("like"):
        model = earlier.get(row.text("like"))
        if model is None:
            raise row.fault("like names no programme above")
        inherited, summed = model.questions, model.sums
    own = tuple(read_question(one, predicates) for one in row.tables("question"))
    own_sums = tuple(sums.read(one, predicates) for one in row.tables("sum"))
    programme = Programme(
        id=row.text("id"),
        zh=row.text("zh"),
        en=row.text("en"),
        subjects=row.members("subjects", Role),
        supporters=row.member("supporters", Supporters),
        sums=own_sums or summed,
        questions=_merged(inherited, own),
    )
    row.done()
    _check_programme(programme, own, row)
    return programme


def inherit(model: Programme, own: Programme) -> Programme:
    """Let a programme start from another's questions, and from its sums unless it has its own."""
    return replace(
        own, sums=own.sums or model.sums, questions=_merged(model.questions, own.questions)
    )


def _merged(inherited: Iterable[Question], own: tuple[Question, ...]) -> tuple[Question, ...]:
    """Let a programme's own question replace the inherited one on the same predicate."""
    replaced = {(one.predicate, one.parameter) for one in own}
    kept = tuple(one for one in inherited if (one.predicate, one.parameter) not in replaced)
    return tuple(sorted((*kept, *own), key=_order))


def _check_programme(programme: Programme, own: tuple[Question, ...], row: Fields) -> None:
    if not _ID.fullmatch(programme.id):
        raise row.fault(f"id {programme.id} is malformed")
    if not programme.subjects or Role.SUPPORTER in programme.subjects:
        raise row.fault("subjects are applicant or members; supporters have their own key")
    supporters = any(one.subject is Subject.SUPPORTER for one in programme.sums)
    if supporters and Role.SUPPORTER not in programme.roles:
        raise row.fault("a sum is asked of supporters, whom the programme does not ask")
    for question in programme.questions:
        if not set(question.roles) <= set(programme.roles):
            raise row.fault(f"{question.predicate} asks a role that the programme does not ask")
    sums.check_order(programme.sums, row)
    _check_once(own, row)


def _check_once(questions: Iterable[Question], row: Fields) -> None:
    seen: set[tuple[str, str, Role]] = set()
    for question in questions:
        for role in question.roles:
            key = (question.predicate, question.parameter, role)
            if key in seen:
                raise row.fault(f"{' '.join(key).strip()} is asked twice")
            seen.add(key)


def _plan(row: Fields, programmes: Mapping[str, Programme], predicates: Catalogue) -> Plan:
    questions = tuple(_plan_question(q, programmes, predicates) for q in row.tables("question"))
    plan = Plan(id=row.text("id"), zh=row.text("zh"), en=row.text("en"), questions=questions)
    row.done()
    if not _PLAN_ID.fullmatch(plan.id):
        raise row.fault(f"id {plan.id} is malformed")
    for programme_id in programmes:
        _check_once((q.question for q in questions if q.joins(programme_id)), row)
    return plan


def _plan_question(
    row: Fields, programmes: Mapping[str, Programme], predicates: Catalogue
) -> PlanQuestion:
    named = row.texts("programmes")
    if not set(named) <= set(programmes):
        raise row.fault("programmes names one that is not there")
    return PlanQuestion(question=read_question(row, predicates), programmes=named)


def read_question(row: Fields, predicates: Catalogue) -> Question:
    """Read one question and hold it to the catalogue.

    Raises:
        BadInput: with what is wrong.
    """
    question = Question(
        predicate=row.text("predicate"),
        parameter=row.text("parameter", blank=True),
        roles=row.members("roles", Role),
        min_age=row.integer("min_age", 0, OLDEST),
        max_age=row.integer("max_age", 0, OLDEST),
        finding=row.texts("finding"),
        zh=row.text("zh"),
        en=row.text("en"),
        source=row.text("source") if row.has("source") else "",
    )
    row.done()
    if not question.roles or question.min_age > question.max_age:
        raise row.fault(f"{question.predicate} is asked of nobody")
    predicate = _known(question.predicate, row, predicates)
    if predicate.form in JOINT:
        raise row.fault(f"{predicate.id} spans departments: it is a sum, not a question")
    _check_parameter(question, predicate, row)
    for outcome in question.finding:
        if not possible(outcome, predicate):
            raise row.fault(f"{predicate.id} cannot answer {outcome}")
    return question


def _known(predicate_id: str, row: Fields, predicates: Catalogue) -> Predicate:
    try:
        return predicates.predicate(predicate_id)
    except BadInput as unknown:
        raise row.fault(f"no predicate {predicate_id}") from unknown


def _check_parameter(question: Question, predicate: Predicate, row: Fields) -> None:
    if (predicate.parameter in NAMED) != bool(question.parameter):
        raise row.fault(f"{predicate.id}: parameter kind is {predicate.parameter}")
    if question.parameter == CASE_AREA and predicate.parameter is ParameterKind.AREA:
        return
    if question.parameter and not _PARAMETER.fullmatch(question.parameter):
        raise row.fault(f"{predicate.id}: parameter {question.parameter} is malformed")


def possible(outcome: str, predicate: Predicate) -> bool:
    """Tell whether an outcome, as text, can be a department's finding on a predicate."""
    if outcome == "UNKNOWN_IDENTITY":
        return predicate.parameter is ParameterKind.NAME
    if outcome == "NO_RECORD":
        return predicate.register is Register.POPULATION
    match predicate.form:
        case Form.BAND:
            return _BAND.fullmatch(outcome) is not None
        case Form.COUNT:
            return outcome in {f"COUNT({k})" for k in range(predicate.cap + 1)}
        case Form.ENUM:
            values = {f"ENUM({value})" for value in predicate.values}
            return outcome in values or (outcome == "NO" and predicate.register is Register.EVENT)
        case _:
            return outcome in {"YES", "NO"}
