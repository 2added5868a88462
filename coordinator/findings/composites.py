"""What sums mean for a person who reads them, and what follows from several answers together.

Pure. A sum is one line of the report, with the departments that added up. H6 is composed of what
was answered about a supporter anyway; H7 of what the household declared and the line of its income:
neither asks anybody. Does not know how a sum was computed.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from coordinator.asking.planner import Plan, Surroundings
from coordinator.asking.questions import HOUSEHOLD, SumAsk, SumTold, Told
from coordinator.asking.sum_record import CONDITION
from coordinator.casework.cases import Case
from coordinator.casework.programmes import Role
from coordinator.casework.sums import Subject, Sum
from coordinator.findings.assess import UNTOLD, Row, Status, beside_of, rule_of
from federation.catalogue import Form
from federation.exchange import Answer, Outcome, outcome_text

PARTLY: Final = "PARTLY"
"""Why a composition has no answer: some of what it is composed of has none."""
_HOMES: Final = 2
_MONTHS: Final = 12
_SILENT: Final = {
    "CONSENT_REVOKED": Status.UNAVAILABLE,
    "STALE": Status.STALE,
    CONDITION: Status.NOT_ASKED,
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """One of the four rules on a supporter: whether it is met, if that is known."""

    met: bool | None
    parties: tuple[str, ...]
    as_of: int


def assess(
    case: Case, plan: Plan, told: Sequence[Told], sums: Sequence[SumTold], around: Surroundings
) -> tuple[Row, ...]:
    """Put every sum of a case into a row, those that no consent covers, and what follows."""
    programme = around.programme(case, plan.day)
    asked = {(one.predicate, one.parameter, one.subject): one for one in programme.sums}
    rows = [_row(one, asked.get(_key(one.ask)), around) for one in sums]
    known = {one.ask for one in sums}
    uncovered = [SumTold(ask=ask, code="CONSENT") for ask in plan.sums if ask not in known]
    rows += [_row(one, asked.get(_key(one.ask)), around) for one in uncovered]
    refused = {one.predicate for one in plan.not_asked}
    for one in programme.sums:
        form = around.catalogue.predicate(one.predicate).form
        if form is Form.COMPOSITE:
            rows += _supporters(one, case, told, sums, around)
        elif form is Form.DERIVED and one.predicate not in refused:
            rows += _gap(one, case, programme.sums, around)
    return tuple(rows)


def _key(ask: SumAsk) -> tuple[str, str, Subject]:
    subject = Subject.HOUSEHOLD if ask.subject == HOUSEHOLD else Subject.SUPPORTER
    return ask.predicate, ask.parameter, subject


def _row(told: SumTold, rule: Sum | None, around: Surroundings) -> Row:
    ask = told.ask
    return Row(
        department="",
        category=around.catalogue.predicate(ask.predicate).category,
        predicate=ask.predicate,
        parameter=ask.parameter,
        person=None if ask.subject == HOUSEHOLD else ask.subject,
        status=_status(told, rule),
        outcome=outcome_text(told.answer) if told.answer else _outcome(told.code),
        answer=told.answer,
        code=told.code,
        rule=rule_of(rule),
        beside=beside_of(rule),
        joint=True,
        persons=ask.persons,
        parties=ask.departments,
        absent=told.absent,
    )


def _status(told: SumTold, rule: Sum | None) -> Status:
    if told.answer is None:
        if told.code == "CONSENT":
            return Status.NOT_ASKED
        return _SILENT.get(told.code, Status.UNAVAILABLE)
    if rule and outcome_text(told.answer) in rule.finding:
        return Status.FOUND
    return Status.NOTHING_FOUND if rule and rule.finding else Status.INFORMATION


def _outcome(code: str) -> str:
    return "" if code in {"CONSENT", CONDITION} else Outcome.UNAVAILABLE.name


def _supporters(
    one: Sum, case: Case, told: Sequence[Told], sums: Sequence[SumTold], around: Surroundings
) -> Iterator[Row]:
    """Compose, for each supporter, whether any of the four rules is met (Ganzhou's)."""
    for place, person in enumerate(case.persons):
        if person.role is not Role.SUPPORTER:
            continue
        about = [each for each in told if each.ask.person == place]
        own = [each for each in sums if each.ask.subject == place and each.ask.predicate == "H2"]
        rules = [_homes(about), _vehicle(about), _any_yes(about, "P47"), _assets(own)]
        met = [each.met for each in rules]
        yes = True in met
        answer = None
        if yes or None not in met:
            dates = [each.as_of for each in rules if each.as_of]
            outcome = Outcome.YES if yes else Outcome.NO
            answer = Answer(outcome=outcome, as_of=min(dates, default=0))
        yield Row(
            department="",
            category=around.catalogue.predicate(one.predicate).category,
            predicate=one.predicate,
            parameter="",
            person=place,
            status=_met(answer, one),
            outcome=outcome_text(answer) if answer else Outcome.UNAVAILABLE.name,
            answer=answer,
            code="" if answer else PARTLY,
            rule=rule_of(one),
            beside=beside_of(one),
            joint=True,
            persons=(place,),
            parties=tuple(dict.fromkeys(party for each in rules for party in each.parties)),
        )


def _met(answer: Answer | None, one: Sum) -> Status:
    if answer is None:
        return Status.UNAVAILABLE
    return Status.FOUND if outcome_text(answer) in one.finding else Status.NOTHING_FOUND


def _homes(about: Sequence[Told]) -> _Rule:
    """Look for two dwellings, all registers together, unless their area is within the line."""
    counted = _answers(about, "P33")
    parties = tuple(one.ask.department for one in about if one.ask.predicate == "P33")
    homes = sum(one.value for one in counted if one.outcome is Outcome.COUNT)
    within = any(one.outcome is Outcome.YES for one in _answers(about, "P34"))
    known = bool(counted) and len(counted) == len(parties)
    met = (homes >= _HOMES and not within) or (False if known else None)
    return _Rule(met, parties, _oldest(counted))


def _vehicle(about: Sequence[Told]) -> _Rule:
    """Look for a vehicle of the line's value that is not there for a trade."""
    rule = _any_yes(about, "P41")
    trade = any(one.outcome is Outcome.YES for one in _answers(about, "P43"))
    return _Rule(False if rule.met and trade else rule.met, rule.parties, rule.as_of)


def _any_yes(about: Sequence[Told], predicate: str) -> _Rule:
    answers = _answers(about, predicate)
    parties = tuple(one.ask.department for one in about if one.ask.predicate == predicate)
    known = bool(answers) and len(answers) == len(parties)
    met = any(one.outcome is Outcome.YES for one in answers) or (False if known else None)
    return _Rule(met, parties, _oldest(answers))


def _assets(own: Sequence[SumTold]) -> _Rule:
    """Look whether the supporter's own financial assets pass the line."""
    answers = [one.answer for one in own if one.answer]
    parties = tuple(party for one in own for party in one.ask.departments)
    met = any(one.outcome is Outcome.NO for one in answers) if answers else None
    return _Rule(met, parties, _oldest(answers))


def _answers(about: Sequence[Told], predicate: str) -> list[Answer]:
    """Give what was answered; what is refused or too old is no answer."""
    return [
        one.answer
        for one in about
        if one.ask.predicate == predicate and one.answer and one.answer.outcome not in UNTOLD
    ]


def _oldest(answers: Sequence[Answer]) -> int:
    return min((one.as_of for one in answers if one.as_of), default=0)


def _gap(one: Sum, case: Case, sums: Sequence[Sum], around: Surroundings) -> Iterator[Row]:
    """Derive the band of the monthly benefit from the declared income and the line of H1."""
    lines = [each.parameter for each in sums if each.predicate == "H1"]
    line = around.policy.parameters.get(lines[0]) if lines else None
    band = around.policy.parameters.get(one.parameter)
    if line is None or band is None or case.declared_income is None:
        return
    gap = max(line.threshold(case.members) - case.declared_income, 0) // _MONTHS
    answer = Answer(outcome=Outcome.BAND, value=bisect_left(band.edges, gap))
    found = outcome_text(answer) in one.finding
    yield Row(
        department="",
        category=around.catalogue.predicate(one.predicate).category,
        predicate=one.predicate,
        parameter=one.parameter,
        person=None,
        status=Status.FOUND if found else Status.INFORMATION,
        outcome=outcome_text(answer),
        answer=answer,
        code="",
        rule=rule_of(one),
        beside=beside_of(one),
        joint=True,
    )
