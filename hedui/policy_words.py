"""How a policy's values are worded, and into which groups a question can sort people at most.

Knows units and forms of answers. Does not know layout; the words themselves are those that
departments and reports use.
"""

from collections.abc import Sequence
from itertools import pairwise

from federation import ladder, words
from federation.catalogue import JOINT, Form, ParameterKind, Predicate, Register, Unit
from federation.exchange import Answer, Outcome, Purpose, outcome_text
from federation.ladder import Interval
from federation.parameter import Parameter
from federation.terminal import Terminal

_YES_NO = (Outcome.YES, Outcome.NO)


def purposes(of: frozenset[Purpose], at: Terminal) -> str:
    """Name purpose classes, in the order of the protocol."""
    return at.pick("、", ", ").join(words.purpose(one, at.lang) for one in sorted(of))


def value(one: Parameter, unit: Unit, at: Terminal) -> str:
    """Word a value: 每人 ≤ 9,960 元, 12 个月, 档位 830 | 1,660 元."""
    match one.kind:
        case ParameterKind.WINDOW:
            return at.pick(f"{one.months} 个月", f"{one.months} months")
        case ParameterKind.RUNG:
            sign = "≤" if one.comparator == "le" else "≥"
            line = f"{sign} {amount(one.per_head, unit, at)}"
            return f"{at.pick('人均', 'per head')} {line}" if one.per == "head" else line
        case ParameterKind.BAND:
            edges = " | ".join(words.amount(edge, unit) for edge in one.edges)
            return f"{edges} {_unit(unit, at)}".rstrip()
        case _:
            return one.prefix or one.value


def amount(number: int, unit: Unit, at: Terminal) -> str:
    """Word an integer of the predicate's unit: 9,960 元."""
    return f"{words.amount(number, unit)} {_unit(unit, at)}".rstrip()


def between(one: Interval, unit: Unit, at: Terminal) -> str:
    """Word an interval of whole numbers by its ends, both included."""
    low = "" if one.low is None else words.amount(one.low, unit)
    high = "" if one.high is None else words.amount(one.high, unit)
    return f"{low}–{high} {_unit(unit, at)}".rstrip()


def cuts(values: Sequence[Parameter], members: Sequence[int]) -> set[int]:
    """Give the cuts of several lines and ladders, for households of these sizes."""
    return {cut for one in values for size in members for cut in ladder.cuts(one, size)}


def groups(
    predicate: Predicate, values: Sequence[Parameter], members: Sequence[int], at: Terminal
) -> tuple[str, ...]:
    """Word the groups into which all allowed questions together can sort people, and no finer.

    ``members`` are the household sizes asked with: one, or two within a year.
    """
    if predicate.form in JOINT and predicate.form is not Form.SUM:
        return ()
    match predicate.parameter:
        case ParameterKind.RUNG | ParameterKind.BAND:
            found = _amounts(predicate.unit, values, members, at)
        case ParameterKind.WINDOW:
            found = _months(predicate, values, at)
        case ParameterKind.AREA:
            elsewhere = at.pick("其他地方", "elsewhere")
            found = (*(one.text(at.lang) for one in values), elsewhere)
        case ParameterKind.VALUE:
            found = _each(predicate, values, at)
        case _:
            found = tuple(_worded(predicate, one, at) for one in _answers(predicate, values))
    if predicate.register is Register.POPULATION:
        found = (*found, words.say("answer", "no_record", at.lang))
    return found


def outcomes(predicate: Predicate, values: Sequence[Parameter]) -> tuple[str, ...]:
    """List the outcomes that may be told, as the protocol writes them."""
    if predicate.form is Form.SUM:
        return tuple(one.name for one in _YES_NO)
    codes = [outcome_text(one, predicate.values) for one in _answers(predicate, values)]
    if predicate.register is Register.POPULATION:
        codes.append(Outcome.NO_RECORD.name)
    return (*codes, Outcome.STALE.name, Outcome.REFUSED.name) if codes else ()


def _answers(predicate: Predicate, values: Sequence[Parameter]) -> list[Answer]:
    match predicate.form:
        case Form.BAND:
            most = max(len(one.edges) for one in values)
            return [Answer(outcome=Outcome.BAND, value=k) for k in range(most + 1)]
        case Form.COUNT:
            return [Answer(outcome=Outcome.COUNT, value=k) for k in range(predicate.cap + 1)]
        case Form.ENUM:
            known = [Answer(outcome=Outcome.ENUM, value=k) for k in range(len(predicate.values))]
            absent = predicate.register is Register.EVENT and "none" not in predicate.values
            return [*known, Answer(outcome=Outcome.NO)] if absent else known
        case Form.COMPOSITE | Form.DERIVED:
            return []
        case _:
            return [Answer(outcome=one) for one in _YES_NO]


def _worded(predicate: Predicate, one: Answer, at: Terminal) -> str:
    return words.outcome(one, predicate, None, at.lang)


def _amounts(
    unit: Unit, values: Sequence[Parameter], members: Sequence[int], at: Terminal
) -> tuple[str, ...]:
    """Word intervals by the lines between them: ≤ 9,960, 9,960–19,920, > 19,920."""
    at_least = any(one.kind == ParameterKind.RUNG and one.comparator == "ge" for one in values)
    lines = [words.amount(cut + at_least, unit) for cut in sorted(cuts(values, members))]
    below, above = ("<", "≥") if at_least else ("≤", ">")
    first = lines[0] if lines[0] == "0" else f"{below} {lines[0]}"
    middle = (f"{low}–{high}" for low, high in pairwise(lines))
    return (first, *middle, f"{above} {lines[-1]} {_unit(unit, at)}".rstrip())


def _each(predicate: Predicate, values: Sequence[Parameter], at: Terminal) -> tuple[str, ...]:
    """Word a question that is asked of each value apart."""
    named = at.pick("、", ", ").join(one.text(at.lang) for one in values)
    yes, no = (_worded(predicate, one, at) for one in _answers(predicate, values))
    return (at.pick(f"{named},每一种:{yes}", f"{named}, each: {yes}"), no)


def _months(predicate: Predicate, values: Sequence[Parameter], at: Terminal) -> tuple[str, ...]:
    """Word how long ago: a window asks for "within", a yes-or-no question for "at least"."""
    months = sorted({one.months for one in values})
    middle = [
        at.pick(f"{low}–{high} 个月前", f"{low}–{high} months ago")
        for low, high in pairwise(months)
    ]
    low, high = months[0], months[-1]
    if predicate.form is Form.WINDOW:
        first = at.pick(f"近 {low} 个月内", f"within {low} months")
        last = at.pick(f"更早或没有(超过 {high} 个月)", f"earlier or never (over {high} months)")
    else:
        first = at.pick(f"不满 {low} 个月或没有", f"less than {low} months or never")
        last = at.pick(f"满 {high} 个月", f"{high} months or more")
    return (first, *middle, last)


def _unit(unit: Unit, at: Terminal) -> str:
    return words.say("unit", unit.value, at.lang) if unit is not Unit.NONE else ""
