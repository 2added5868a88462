"""What a new version of a policy changes: what may be asked, which lines move, for whom.

Knows two policies and the catalogue. Frozen outcomes and the limit of thresholds run over policy
versions (protocol §5), so lines of both count together. Does not know what was asked before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from federation import ladder, limits
from federation.catalogue import Catalogue, ParameterKind
from federation.exchange import Purpose
from federation.ladder import Interval
from federation.parameter import Parameter
from federation.policy import Policy, Rule

Question = tuple[str, str]
"""A predicate's id and a parameter's id, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A value that keeps its id and changes: ``between`` answers change, at one person.

    None where it is no line, or where the line turned round.
    """

    old: Parameter
    new: Parameter
    predicates: tuple[str, ...]
    between: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A rule that keeps its predicate and changes how it is asked: old and new wording."""

    predicate: str
    key: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """The per-head thresholds of a quantity in either version."""

    quantity: str
    predicate: str
    old: tuple[int, ...]
    new: tuple[int, ...]
    turned: bool

    @property
    def together(self) -> tuple[int, ...]:
        """All lines that a record may have opened, or may be asked for, in one year."""
        return tuple(sorted({*self.old, *self.new}))

    @property
    def too_many(self) -> bool:
        """Whether a record that opened the old lines may be refused new ones until next year."""
        return self.old != self.new and len(self.together) > limits.LINES_A_QUANTITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """All that changes from one policy to another, in the order of the new one."""

    opened: Mapping[Question, frozenset[Purpose]]
    closed: Mapping[Question, frozenset[Purpose]]
    moved: tuple[Moved, ...]
    terms: tuple[Term, ...]
    lines: tuple[Lines, ...]

    @property
    def empty(self) -> bool:
        """Whether the same may be asked, with the same values, on the same terms."""
        return not (self.opened or self.closed or self.moved or self.terms)


def compare(old: Policy, new: Policy, catalogue: Catalogue) -> Difference:
    """Find what changes from one policy to another."""
    before, after = _questions(old), _questions(new)
    return Difference(
        opened=_beyond(after, before),
        closed=_beyond(before, after),
        moved=tuple(_moved(old, new)),
        terms=tuple(_terms(old, new)),
        lines=tuple(_lines(old, new, catalogue)),
    )


def _questions(policy: Policy) -> dict[Question, frozenset[Purpose]]:
    return {
        (rule.predicate, parameter): rule.purposes
        for rule in policy.rules.values()
        for parameter in rule.parameters or ("",)
    }


def _beyond(
    these: Mapping[Question, frozenset[Purpose]], those: Mapping[Question, frozenset[Purpose]]
) -> dict[Question, frozenset[Purpose]]:
    rest = {one: purposes - those.get(one, frozenset()) for one, purposes in these.items()}
    return {one: purposes for one, purposes in rest.items() if purposes}


def _moved(old: Policy, new: Policy) -> Iterator[Moved]:
    for value in new.parameters.values():
        before = old.parameters.get(value.id)
        used = tuple(r.predicate for r in new.rules.values() if value.id in r.parameters)
        if before is not None and before.meaning != value.meaning:
            yield Moved(old=before, new=value, predicates=used, between=_between(before, value))


def _between(old: Parameter, new: Parameter) -> Interval | None:
    same = (old.kind, old.comparator, old.per) == (new.kind, new.comparator, new.per)
    if new.kind != ParameterKind.RUNG or not same:
        return None
    low, high = sorted((*ladder.cuts(old, 1), *ladder.cuts(new, 1)))
    return Interval(low + 1, high)


def _terms(old: Policy, new: Policy) -> Iterator[Term]:
    for rule in new.rules.values():
        before = old.rules.get(rule.predicate)
        if before is not None:
            for key, was, now in zip(_KEYS, _worded(before), _worded(rule), strict=True):
                if was != now:
                    yield Term(predicate=rule.predicate, key=key, old=was, new=now)


_KEYS = ("period", "max_age_days", "source")


def _worded(rule: Rule) -> tuple[str, ...]:
    return (rule.period, str(rule.max_age_days), rule.source)


def _lines(old: Policy, new: Policy, catalogue: Catalogue) -> Iterator[Lines]:
    before = ladder.ladders(old.asked(catalogue))
    for quantity, after in ladder.ladders(new.asked(catalogue)).items():
        was = before.get(quantity)
        sides = {
            (rung.comparator, rung.per) for rung in (*after.rungs, *(was.rungs if was else ()))
        }
        if sides:
            yield Lines(
                quantity=quantity,
                predicate=after.predicates[0].id,
                old=was.lines if was else (),
                new=after.lines,
                turned=len(sides) > 1,
            )
