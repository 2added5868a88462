"""What answers mean for a person who reads them: found, nothing found, refused, not covered.

Pure. Knows a programme's findings and the outcomes' words. Never decides anything: a finding is
something to look at. Does not know names, ids or how a report looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from coordinator.asking.planner import Plan, Surroundings, questions
from coordinator.asking.questions import Ask, Told
from coordinator.casework.cases import Case
from coordinator.casework.programmes import Exemption, Question
from coordinator.casework.sums import Sum
from federation.catalogue import Predicate, id_order
from federation.exchange import Answer, Outcome, outcome_text


class Status(StrEnum):
    """What became of one question."""

    FOUND = "FOUND"
    NOTHING_FOUND = "NOTHING_FOUND"
    INFORMATION = "INFORMATION"
    NO_RECORD = "NO_RECORD"
    STALE = "STALE"
    REFUSED = "REFUSED"
    UNAVAILABLE = "UNAVAILABLE"
    NOT_ASKED = "NOT_ASKED"
    NOT_COVERED = "NOT_COVERED"


_PLAIN = {
    Outcome.STALE: Status.STALE,
    Outcome.REFUSED: Status.REFUSED,
    Outcome.UNAVAILABLE: Status.UNAVAILABLE,
    Outcome.PRESENT_AGAIN: Status.UNAVAILABLE,
}
_ABSENT = {Outcome.NO_RECORD, Outcome.UNKNOWN_IDENTITY}
UNTOLD: Final = frozenset(_PLAIN)
"""Outcomes that say nothing about a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Another outcome, without which a row's is nothing to look at; ``met`` None: nobody knows.

    ``parties`` said so, or owe the answer.
    """

    predicate: str
    outcome: str
    met: bool | None = None
    parties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a report. ``person`` is a place in the case, None where no person was asked.

    ``department`` is a party; for NOT_COVERED a kind, for sums empty. A ``joint`` line is of a sum
    over ``parties`` about ``persons``, or of several answers; ``absent`` did not do their part.
    ``rule`` has words in zh and en, and the ``version`` of the dated file that it stands in.
    ``exempt`` are those by which this outcome alone bars nobody.
    """

    department: str
    category: int
    predicate: str
    parameter: str
    person: int | None
    status: Status
    outcome: str
    answer: Answer | None
    code: str
    rule: Mapping[str, str]
    joint: bool = False
    persons: tuple[int, ...] = ()
    parties: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    beside: tuple[Beside, ...] = ()
    exempt: tuple[Exemption, ...] = ()

    @property
    def about(self) -> frozenset[int]:
        """Give the places of those whom it is about; empty: whoever is of the case."""
        return frozenset(self.persons if self.person is None else {*self.persons, self.person})


def assess(
    case: Case, plan_id: str, plan: Plan, told: Sequence[Told], around: Surroundings
) -> tuple[Row, ...]:
    """Put every question of a case into a row: what was told, then what was not asked at all."""
    asked = {
        (place, question.predicate, parameter): question
        for place, person in enumerate(case.persons)
        for question, parameter in questions(case, person, plan_id, around, plan.day)
    }
    rows = [
        _told_row(one, asked.get((one.ask.person, one.ask.predicate, one.ask.parameter)), around)
        for one in told
    ]
    rows += [_silent_row(ask, asked, around) for ask in _not_consented(plan, told)]
    rows.sort(key=lambda row: _place(row, around))
    rows += [
        _bare_row(one.predicate, "", Status.NOT_ASKED, one.why, around) for one in plan.not_asked
    ]
    rows += [
        _bare_row(one.predicate, one.kind, Status.NOT_COVERED, "", around)
        for one in plan.not_covered
    ]
    return tuple(rows)


def status_of(answer: Answer | None, question: Question | None, predicate: Predicate) -> Status:
    """Say what an answer means under a programme's question."""
    if answer is None:
        return Status.UNAVAILABLE
    if answer.outcome in _PLAIN:
        return _PLAIN[answer.outcome]
    if question and question.is_finding(outcome_text(answer, predicate.values)):
        return Status.FOUND
    if answer.outcome in _ABSENT:
        return Status.NO_RECORD
    return Status.NOTHING_FOUND if question and question.finding else Status.INFORMATION


def _place(row: Row, around: Surroundings) -> tuple[int, tuple[bool, int], str, int]:
    """Sort by department as in the manifest, then by question, then by person."""
    department = list(around.manifest.parties).index(row.department)
    return department, id_order(row.predicate), row.parameter, row.person or 0


def _not_consented(plan: Plan, told: Sequence[Told]) -> list[Ask]:
    known = {one.ask for one in told}
    return [ask for ask in plan.asks if ask not in known]


def _told_row(told: Told, question: Question | None, around: Surroundings) -> Row:
    predicate = around.catalogue.predicate(told.ask.predicate)
    answer = told.answer
    code = answer.refusal.name if answer and answer.outcome is Outcome.REFUSED else told.code
    return Row(
        department=told.ask.department,
        category=predicate.category,
        predicate=predicate.id,
        parameter=told.ask.parameter,
        person=told.ask.person,
        status=status_of(answer, question, predicate),
        outcome=outcome_text(answer, predicate.values) if answer else Outcome.UNAVAILABLE.name,
        answer=answer,
        code=code,
        rule=rule_of(question),
        beside=beside_of(question),
    )


def _silent_row(
    ask: Ask, asked: Mapping[tuple[int, str, str], Question], around: Surroundings
) -> Row:
    predicate = around.catalogue.predicate(ask.predicate)
    return Row(
        department=ask.department,
        category=predicate.category,
        predicate=predicate.id,
        parameter=ask.parameter,
        person=ask.person,
        status=Status.NOT_ASKED,
        outcome="",
        answer=None,
        code="CONSENT",
        rule=rule_of(asked.get((ask.person, ask.predicate, ask.parameter))),
    )


def _bare_row(
    predicate_id: str, department: str, status: Status, code: str, around: Surroundings
) -> Row:
    predicate = around.catalogue.predicate(predicate_id)
    return Row(
        department=department,
        category=predicate.category,
        predicate=predicate.id,
        parameter="",
        person=None,
        status=status,
        outcome="",
        answer=None,
        code=code,
        rule={},
    )


def rule_of(one: Question | Sum | None) -> Mapping[str, str]:
    """Give a rule's words, and the dated file that it stands in."""
    if one is None:
        return {}
    words = {"zh": one.zh, "en": one.en}
    return words | {"version": one.version} if one.version else words


def beside_of(one: Question | Sum | None) -> tuple[Beside, ...]:
    """List what a rule needs besides, as yet unknown."""
    pairs = (text.partition("=") for text in (one.also if one else ()))
    return tuple(Beside(predicate=name, outcome=outcome) for name, _, outcome in pairs)
