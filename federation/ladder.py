"""Ladders: what the thresholds and bands of one quantity let anybody learn (protocol §5).

Knows cuts, the intervals between them, and the rules that keep two questions about one quantity
from being finer than either. Does not know purposes, people, or how many were asked already.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Final, NamedTuple

from federation import limits
from federation.catalogue import Form, ParameterKind, Predicate
from federation.errors import BadInput, Said
from federation.parameter import Parameter

_MEASURING: Final = frozenset({Form.THRESHOLD, Form.BAND, Form.SUM})

Asked = tuple[Predicate, tuple[Parameter, ...]]
"""A question that a policy allows, with the values it may be asked with."""


class Interval(NamedTuple):
    """Whole numbers from ``low`` to ``high``, both included; None is open."""

    low: int | None
    high: int | None


def cuts(parameter: Parameter, members: int) -> tuple[int, ...]:
    """Give the greatest number below each cut: "at most T" cuts after T, "at least T" before it."""
    if parameter.kind == ParameterKind.BAND:
        return parameter.edges
    line = parameter.threshold(members)
    return (line if parameter.comparator == "le" else line - 1,)


def intervals(below: Iterable[int]) -> tuple[Interval, ...]:
    """Give the intervals that cuts leave, from the lowest to the highest."""
    ends = [None, *sorted(set(below)), None]
    return tuple(Interval(None if a is None else a + 1, b) for a, b in pairwise(ends))


def interval_of(value: int, below: Iterable[int]) -> Interval:
    """Give the interval in which a value lies: all that its answers tell."""
    edges = sorted(set(below))
    return intervals(edges)[bisect_left(edges, value)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """What one policy asks about one quantity of single departments."""

    quantity: str
    predicates: tuple[Predicate, ...]
    rungs: tuple[Parameter, ...]
    bands: tuple[Parameter, ...]

    @property
    def lines(self) -> tuple[int, ...]:
        """The distinct per-head thresholds, rising: what a node counts."""
        return tuple(sorted({rung.per_head for rung in self.rungs}))

    def cuts(self, members: int) -> tuple[int, ...]:
        """Give all cuts for a household of ``members``, rising."""
        all_cuts = (cuts(one, members) for one in (*self.rungs, *self.bands))
        return tuple(sorted(set(chain.from_iterable(all_cuts))))


def ladders(asked: Sequence[Asked]) -> dict[str, Ladder]:
    """Gather what is asked about each quantity, of single departments or as a sum."""
    found: Mapping[str, list[Asked]] = defaultdict(list)
    for predicate, parameters in asked:
        if predicate.form in _MEASURING:
            found[predicate.quantity].append((predicate, parameters))
    return {
        quantity: Ladder(
            quantity=quantity,
            predicates=tuple(predicate for predicate, _ in of),
            rungs=_of(of, ParameterKind.RUNG),
            bands=_of(of, ParameterKind.BAND),
        )
        for quantity, of in found.items()
    }


def check(asked: Sequence[Asked]) -> None:
    """Refuse values that together tell more than each for itself.

    Raises:
        BadInput: POLICY_INVALID with the parameter or predicate and what is wrong.
    """
    for _, parameters in asked:
        _check_repeats(parameters)
    held = ladders(asked)
    for ladder in held.values():
        _check_uniform(ladder)
        _check_bands(ladder)
        _check_components(ladder, held)


def _of(asked: Iterable[Asked], kind: ParameterKind) -> tuple[Parameter, ...]:
    named = {one.id: one for _, parameters in asked for one in parameters if one.kind == kind}
    return tuple(sorted(named.values(), key=lambda one: (one.per_head, one.edges)))


def _check_repeats(parameters: Sequence[Parameter]) -> None:
    """Refuse one value under two names: its outcome would be frozen twice, a recheck for free."""
    seen: dict[tuple[object, ...], str] = {}
    for one in parameters:
        other = seen.setdefault(one.meaning, one.id)
        if other != one.id:
            raise _invalid(
                one.id,
                f"与 {other} 是同一个值:换个名字就能再问一次",
                f"is the same value as {other}: under two names it could be asked twice",
            )


def _check_uniform(ladder: Ladder) -> None:
    """Refuse "at most" beside "at least": at one T the two answers tell the amount itself."""
    for one in ladder.rungs:
        first = ladder.rungs[0]
        if (one.comparator, one.per) != (first.comparator, first.per):
            raise _invalid(
                one.id,
                "同一数额的规定线必须方向相同(le 或 ge)、口径相同(按人均或按个人),"
                f"与 {first.id} 不同",
                f"differs from {first.id}: lines of one quantity are all le or all ge, and all"
                " per head or all per person",
            )


def _check_bands(ladder: Ladder) -> None:
    """Refuse an edge that is also a line: a band would answer it past the limit of thresholds."""
    for rung in ladder.rungs:
        sizes = range(1, limits.HOUSEHOLD_PERSONS + 1) if rung.per == "head" else range(1, 2)
        lines = {rung.threshold(members): members for members in sizes}
        for band in ladder.bands:
            edge = next((edge for edge in band.edges if edge in lines), None)
            if edge is not None:
                raise _invalid(
                    band.id,
                    f"界线 {edge} 与 {rung.id} 在 {lines[edge]} 人家庭的规定线重合:"
                    "两个答案合起来更细",
                    f"edge {edge} meets the line {rung.id} at {lines[edge]} people: the two"
                    " answers together are finer",
                )


def _check_components(ladder: Ladder, held: Mapping[str, Ladder]) -> None:
    """Refuse a quantity that is asked of single departments and is part of a sum (protocol §5)."""
    for joint in ladder.predicates:
        for component in joint.components:
            if component in held and held[component].rungs:
                single = held[component].predicates[0].id
                raise _invalid(
                    single,
                    f"是 {joint.id} 合计的一部分:同一政策中一个数额或单独问,或合计问,不能都问",
                    f"is part of the sum {joint.id}: in one policy a quantity is asked of single"
                    " departments or as a sum, never both",
                )


def _invalid(where: str, zh: str, en: str) -> BadInput:
    return BadInput("POLICY_INVALID", where=where, why=Said(zh, en))
