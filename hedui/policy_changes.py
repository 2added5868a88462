"""How the difference between two policies is shown: what opens, closes and moves, and for whom.

Knows words and layout. Decides nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from department_node.screen import columns, fold
from federation import catalogue, limits
from federation.catalogue import Catalogue, Predicate
from federation.exchange import Purpose
from federation.ladder import Interval
from federation.policy import Policy
from federation.policy_diff import Difference, Lines, Moved, Question
from federation.terminal import Terminal
from hedui import policy_screen, policy_words

_INDENT: Final = 2
_TERMS: Final = {
    "period": ("期间", "period"),
    "max_age_days": ("数据天数", "days of age"),
    "source": ("依据", "source"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two policies and what differs."""

    old: Policy
    new: Policy
    catalogue: Catalogue
    difference: Difference

    def version(self, policy: Policy, at: Terminal) -> str:
        """Name one of the two."""
        return at.pick(f"第 {policy.version} 版", f"version {policy.version}")


def show(one: Compared, at: Terminal) -> None:
    """Show the whole difference, as text or as one JSON document."""
    at.emit(as_json(one))
    old, new = one.old, one.new
    policy_screen.say(
        f"{new.family} 第 {old.version} 版 → 第 {new.version} 版,{new.issued} 至 {new.expires}",
        f"{new.family} version {old.version} → version {new.version},"
        f" {new.issued} to {new.expires}",
        at,
    )
    if one.difference.empty:
        at.say("可以问的、规定线和口径都不变", "what may be asked, its lines and terms stay")
        return
    text = "\n".join(_sections(one, at))
    at.say(text, text)


def as_json(one: Compared) -> dict[str, object]:
    """Give the difference for programs."""
    found = one.difference
    return {
        "from": {"family": one.old.family, "version": one.old.version},
        "to": {"family": one.new.family, "version": one.new.version},
        "opened": _questions_json(found.opened),
        "closed": _questions_json(found.closed),
        "moved": [
            {
                "parameter": moved.new.id,
                "predicates": list(moved.predicates),
                "between": list(moved.between) if moved.between else None,
            }
            for moved in found.moved
        ],
        "terms": [
            {"predicate": term.predicate, "key": term.key, "old": term.old, "new": term.new}
            for term in found.terms
        ],
        "lines": [
            {
                "quantity": lines.quantity,
                "predicate": lines.predicate,
                "old": list(lines.old),
                "new": list(lines.new),
                "too_many": lines.too_many,
                "turned": lines.turned,
            }
            for lines in found.lines
            if lines.old != lines.new or lines.turned
        ],
    }


def _questions_json(these: Mapping[Question, frozenset[Purpose]]) -> list[dict[str, object]]:
    return [
        {"predicate": p, "parameter": value, "purposes": [one.name for one in sorted(purposes)]}
        for (p, value), purposes in these.items()
    ]


def _sections(one: Compared, at: Terminal) -> Iterator[str]:
    found = one.difference
    yield from _questions(at.pick("可以问了", "may be asked now"), found.opened, one.new, one, at)
    yield from _questions(at.pick("不再能问", "no longer asked"), found.closed, one.old, one, at)
    moved = [line for value in found.moved for line in _moved(value, one, at)]
    if moved:
        yield at.pick("\n值有变动", "\nvalues that move")
        yield from moved
        yield _frozen(at)
    for lines in found.lines:
        if lines.old != lines.new:
            yield from _lines(lines, one, at)
    if found.terms:
        yield at.pick("\n口径有变动", "\nterms that change")
        rows = [
            (term.predicate, at.pick(*_TERMS[term.key]), f"{term.old} → {term.new}")
            for term in found.terms
        ]
        yield columns(rows, indent=_INDENT, width=policy_screen.width())


def _questions(
    title: str,
    these: Mapping[Question, frozenset[Purpose]],
    policy: Policy,
    one: Compared,
    at: Terminal,
) -> Iterator[str]:
    if not these:
        return
    yield f"\n{title}"
    rows = []
    for (predicate, parameter), purposes in these.items():
        known = one.catalogue.predicate(predicate)
        value = f" {policy.parameters[parameter].text(at.lang)} {parameter}" if parameter else ""
        who = f"{policy_words.purposes(purposes, at)} ({_departments(known, at)})"
        rows.append((predicate, f"{known.label(at.lang)}{value}: {who}"))
    yield columns(rows, indent=_INDENT, width=policy_screen.width())


def _moved(moved: Moved, one: Compared, at: Terminal) -> Iterator[str]:
    for name in moved.predicates or ("",):
        predicate = one.catalogue.predicate(name) if name else None
        unit = predicate.unit if predicate else catalogue.Unit.NONE
        was, now = (policy_words.value(v, unit, at) for v in (moved.old, moved.new))
        label = predicate.label(at.lang) if predicate else at.pick("(没有规则用到)", "(unused)")
        yield columns(
            [(name, label, f"{moved.new.id}: {was} → {now}")],
            indent=_INDENT,
            width=policy_screen.width(),
        )
        if moved.between is not None and predicate:
            yield _folded(_affected(moved, moved.between, predicate, at))


def _affected(moved: Moved, between: Interval, predicate: Predicate, at: Terminal) -> str:
    higher = moved.new.per_head > moved.old.per_head
    to_yes = higher is (moved.new.comparator == "le")
    flip = at.pick("由否变是", "turns from NO to YES")
    flip = flip if to_yes else at.pick("由是变否", "turns from YES to NO")
    amounts = policy_words.between(between, predicate.unit, at)
    per = at.pick("人均", "per head ") if moved.new.per == "head" else ""
    return at.pick(f"影响:{per} {amounts}的人,回答{flip}", f"affects {per}{amounts}: {flip}")


def _frozen(at: Terminal) -> str:
    return _folded(
        at.pick(
            "编号不变,值变了就是另一个问题:新版生效后按新值回答,另占一格额度",
            "the id stays, but another value is another question: it takes a cell of its own",
        )
    )


def _lines(lines: Lines, one: Compared, at: Terminal) -> Iterator[str]:
    predicate = one.catalogue.predicate(lines.predicate)
    yield from policy_screen.headed(predicate, at)
    for policy, marks in ((one.old, lines.old), (one.new, lines.new)):
        drawn = policy_screen.drawn(
            marks,
            lambda mark: policy_words.amount(mark, predicate.unit, at),
            max(lines.together),
        )
        yield f"{' ' * _INDENT}{one.version(policy, at)}"
        yield from drawn if marks else [f"{' ' * 2 * _INDENT}{at.pick('没有', 'none')}"]
    if lines.too_many:
        most = limits.LINES_A_QUANTITY
        count = len(lines.together)
        yield _folded(
            at.pick(
                f"▲ 两版合起来 {count} 条线,一条记录一年至多 {most} 条:同一年内已按旧线问满的人,"
                "新线会被拒绝(THRESHOLDS_EXHAUSTED),到年底为止",
                f"▲ {count} lines in both versions, but a record opens at most {most} a year: who"
                " was asked about the old ones in the same year is refused new ones"
                " (THRESHOLDS_EXHAUSTED) until it is over",
            )
        )


def _folded(text: str) -> str:
    lines = fold(text, policy_screen.width() - 2 * _INDENT)
    return "\n".join(f"{' ' * 2 * _INDENT}{line}" for line in lines)


def _departments(predicate: Predicate, at: Terminal) -> str:
    labels = (catalogue.kind(one).label(at.lang) for one in predicate.departments)
    return at.pick("、", ", ").join(labels)
