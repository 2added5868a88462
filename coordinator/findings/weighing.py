"""What several answers and the rules in force mean together: found jointly, or alone no bar.

Pure. A rule that only counts beside another outcome is a finding where both are there; where that
other is not known, the row says so and is not taken for a no. Never takes an answer out of a
report. Does not know words.
"""

from collections.abc import Sequence
from dataclasses import replace

from coordinator.casework.cases import Case
from coordinator.casework.programmes import Exemption, Programme
from coordinator.findings.assess import UNTOLD, Beside, Row, Status
from coordinator.findings.composites import PARTLY
from federation.catalogue import Catalogue, Form
from federation.exchange import Answer, Outcome

_NOT_HERE = UNTOLD | {Outcome.NO_RECORD, Outcome.UNKNOWN_IDENTITY}
"""Who is in no register, or is somebody else there, is not known to have nothing."""


def weigh(
    case: Case, rows: Sequence[Row], programme: Programme, predicates: Catalogue
) -> tuple[Row, ...]:
    """Hold a report's rows to one another, and to what must not bar anybody."""
    joined = (_joined(row, rows, predicates) for row in rows)
    return tuple(replace(row, exempt=_exempt(row, case, programme)) for row in joined)


def _joined(row: Row, rows: Sequence[Row], predicates: Catalogue) -> Row:
    """Leave a finding where everything is there that it needs besides."""
    if row.status is not Status.FOUND:
        return replace(row, beside=())  # it needs nothing: there is nothing to look at
    beside = tuple(_known(one, row, rows, predicates) for one in row.beside)
    met = {one.met for one in beside}
    if False in met:
        return replace(row, beside=beside, status=Status.NOTHING_FOUND)
    if None in met:
        return replace(row, beside=beside, status=Status.UNAVAILABLE, code=PARTLY)
    return replace(row, beside=beside)


def _known(one: Beside, row: Row, rows: Sequence[Row], predicates: Catalogue) -> Beside:
    """Find whether another outcome is there."""
    predicate = predicates.predicate(one.predicate)
    fellows = _fellows(one, row, rows)
    if predicate.form is Form.COUNT:
        met = _counted(one, fellows, predicate.cap)
        return replace(one, met=met, parties=_parties(fellows))
    # A home or a vehicle is weighed where it is registered, if that place was asked both.
    fellows = [other for other in fellows if other.department == row.department] or fellows
    same = [other for other in fellows if other.answer and other.outcome == one.outcome]
    met = True if same else (False if _complete(fellows) else None)
    return replace(one, met=met, parties=_parties(same or fellows))


def _fellows(one: Beside, row: Row, rows: Sequence[Row]) -> list[Row]:
    """List the answers to look at: about the same people, on the same file's line if it has one."""
    found = [
        other
        for other in rows
        if other.predicate == one.predicate
        and (other.about & row.about or not other.about or not row.about)
    ]
    version = row.rule.get("version")
    own = {id(other) for other in found if other.rule.get("version") == version}
    return [other for other in found if not own or id(other) in own or not other.about]


def _counted(one: Beside, fellows: Sequence[Row], cap: int) -> bool | None:
    """Add counts up over all registers: two homes in two cities are two homes."""
    answers = _answers(fellows)
    total = min(sum(each.value for each in answers if each.outcome is Outcome.COUNT), cap)
    if not _complete(fellows) and total < cap:
        return None
    return one.outcome == f"COUNT({total})"


def _complete(fellows: Sequence[Row]) -> bool:
    return 0 < len(fellows) == len(_answers(fellows))


def _answers(fellows: Sequence[Row]) -> list[Answer]:
    return [
        other.answer for other in fellows if other.answer and other.answer.outcome not in _NOT_HERE
    ]


def _parties(fellows: Sequence[Row]) -> tuple[str, ...]:
    named = (name for other in fellows for name in (other.parties or (other.department,)))
    return tuple(dict.fromkeys(filter(None, named)))


def _exempt(row: Row, case: Case, programme: Programme) -> tuple[Exemption, ...]:
    """List by what an outcome alone bars nobody of those whom it is about."""
    roles = {case.persons[place].role for place in row.about}
    return tuple(
        one
        for one in programme.exemptions
        if row.answer
        and (row.predicate == one.predicate and row.outcome in one.outcomes)
        and not roles.isdisjoint(one.roles)
    )
