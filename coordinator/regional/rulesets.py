"""Property rules of a place: which property is asked about there, against which lines.

Knows the form of ``data/property/*.toml`` and how a set's rules take the place of a programme's
own. Does not know amounts, nor which set is in force where.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from coordinator.casework import programmes, sums
from coordinator.casework.programmes import Exemption, Programme, Question
from coordinator.casework.sums import Sum
from coordinator.regional.sheets import Span, read_exemption, read_span
from coordinator.regional.standards import Line, check_area, read_line
from federation.catalogue import Catalogue
from federation.errors import BadInput
from federation.fields import Fields
from federation.labelled import Labelled
from federation.limits import HOUSEHOLD_PERSONS

_ALSO: Final = re.compile(r"([PH][0-9]{1,2})=(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A question or a sum of some programmes, for households of some sizes."""

    programmes: tuple[str, ...]
    asks: Question | Sum
    min_members: int
    max_members: int

    def applies(self, programme: Programme, members: int) -> bool:
        """Tell whether a programme has this rule for a household of ``members``; 0: any."""
        sized = not members or self.min_members <= members <= self.max_members
        return programme.id in self.programmes and sized


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempting:
    """An exemption of some programmes."""

    programmes: tuple[str, ...]
    exemption: Exemption


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet(Labelled):
    """A named, dated set of property rules, in force in some areas."""

    id: str
    spans: tuple[Span, ...]
    rules: tuple[Rule, ...]
    exempting: tuple[Exempting, ...]
    lines: tuple[Line, ...]
    source: str
    text: str

    def applied(self, programme: Programme, members: int) -> Programme:
        """Let this set's rules take the place of a programme's own on the same property."""
        rules = [one.asks for one in self.rules if one.applies(programme, members)]
        questions: tuple[Question, ...] = programme.questions
        added = programme.sums
        for one in rules:
            if isinstance(one, Sum):
                added = _summed(added, one, rules)
            else:
                questions = _asked(questions, one, programme, rules)
        return replace(programme, questions=questions, sums=added)


def read_set(row: Fields, predicates: Catalogue, text: str) -> RuleSet:
    """Read one set's file and hold it to the catalogue.

    Raises:
        BadInput: PROGRAMMES_INVALID with what is wrong.
    """
    first = read_span(row)
    others = [replace(first, area=one) for one in row.texts("also_in")]
    for span in others:
        check_area(span.area, row, "also_in")
    set_id = row.text("id")
    version = f"{set_id} {first.since}"
    questions = [_rule(one, predicates, version, summed=False) for one in row.tables("question")]
    added = [_rule(one, predicates, version, summed=True) for one in row.tables("sum")]
    found = RuleSet(
        id=set_id,
        zh=row.text("zh"),
        en=row.text("en"),
        spans=(first, *others),
        rules=(*added, *questions),
        exempting=tuple(_exempting(one, predicates) for one in row.tables("exemption")),
        lines=tuple(read_line(one) for one in row.tables("line")),
        source=row.text("source"),
        text=text,
    )
    row.done()
    return found


def _rule(row: Fields, predicates: Catalogue, version: str, *, summed: bool) -> Rule:
    named = _named(row)
    also = row.texts("also") if row.has("also") else ()
    low = row.integer("min_members", 1, HOUSEHOLD_PERSONS) if row.has("min_members") else 1
    high = HOUSEHOLD_PERSONS
    if row.has("max_members"):
        high = row.integer("max_members", low, HOUSEHOLD_PERSONS)
    asks: Question | Sum
    asks = sums.read(row, predicates) if summed else programmes.read_question(row, predicates)
    if not asks.source:
        raise row.fault(f"{asks.predicate} names no source")
    for one in also:
        _check_also(one, row, predicates)
    asks = replace(asks, also=also, version=version)
    return Rule(programmes=named, asks=asks, min_members=low, max_members=high)


def _check_also(word: str, row: Fields, predicates: Catalogue) -> None:
    match = _ALSO.fullmatch(word)
    try:
        predicate = predicates.predicate(match[1] if match else "")
    except BadInput as unknown:
        raise row.fault(f"also: {word} is not an outcome like P34=NO") from unknown
    if match and not programmes.possible(match[2], predicate):
        raise row.fault(f"also: {predicate.id} cannot answer {match[2]}")


def _exempting(row: Fields, predicates: Catalogue) -> Exempting:
    return Exempting(programmes=_named(row), exemption=read_exemption(row, predicates))


def _named(row: Fields) -> tuple[str, ...]:
    named = row.texts("programmes")
    if not named:
        raise row.fault("programmes names none")
    return named


def _summed(before: tuple[Sum, ...], one: Sum, rules: Iterable[Question | Sum]) -> tuple[Sum, ...]:
    """Put a sum where the programme has one of the same figure and subject, else at the end."""
    fellows = [r for r in rules if isinstance(r, Sum) and r is not one]
    same = [
        i
        for i, other in enumerate(before)
        if (other.predicate, other.subject) == (one.predicate, one.subject) and other not in fellows
    ]
    if not same:
        return (*before, one)
    kept = [other for i, other in enumerate(before) if i not in same[1:]]
    kept[kept.index(before[same[0]])] = one
    return tuple(kept)


def _asked(
    before: tuple[Question, ...],
    one: Question,
    programme: Programme,
    rules: Iterable[Question | Sum],
) -> tuple[Question, ...]:
    """Ask a set's question of its roles in place of the programme's on the same predicate."""
    roles = tuple(role for role in one.roles if role in programme.roles)
    if not roles:
        return before
    kept = []
    for other in before:
        if other.predicate != one.predicate or other in rules:
            kept.append(other)
            continue
        left = tuple(role for role in other.roles if role not in roles)
        kept += [replace(other, roles=left)] if left else []
    return (*kept, replace(one, roles=roles))
