"""How a policy is explained: by department, question by question, with its ladders drawn.

Knows words and layout, as wide as the terminal. Decides nothing; colour carries nothing.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from department_node.screen import columns, fold
from federation import catalogue, ladder, limits, summing
from federation.catalogue import Catalogue, Form, ParameterKind, Predicate
from federation.exchange import Purpose
from federation.parameter import Parameter
from federation.policy import Policy, Rule
from federation.terminal import WIDTH, Terminal
from hedui import policy_picture, policy_words

_NARROWEST: Final = 80
_WIDEST: Final = 120
_INDENT: Final = 2
_BAR: Final = " | "


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is being explained, for a household of one size, or of two within a year."""

    policy: Policy
    catalogue: Catalogue
    members: tuple[int, ...] = (1,)

    def rules(self, wanted: Sequence[str], kind: str) -> list[Rule]:
        """Give the rules of some predicates, or of one kind of department, or all."""
        return [
            rule
            for rule in self.policy.rules.values()
            if (not wanted or rule.predicate in wanted)
            and (not kind or kind in self.predicate(rule).departments)
        ]

    def predicate(self, rule: Rule) -> Predicate:
        """Give the predicate of a rule."""
        return self.catalogue.predicate(rule.predicate)

    def groups(self, rule: Rule, at: Terminal) -> tuple[str, ...]:
        """Word the groups into which a rule's questions can sort people."""
        values = self.policy.values(rule)
        return policy_words.groups(self.predicate(rule), values, self.members, at)


def width() -> int:
    """Give the terminal's width, within what can be read; a pipe gets the usual width."""
    return min(max(shutil.get_terminal_size((WIDTH, 24)).columns, _NARROWEST), _WIDEST)


def head(policy: Policy, state: str, at: Terminal) -> None:
    """Say which policy this is, from when to when, and whether it is signed."""
    digest = policy.digest.hex()
    at.emit(
        {
            "family": policy.family,
            "version": policy.version,
            "issued": policy.issued.isoformat(),
            "expires": policy.expires.isoformat(),
            "digest": digest,
            "signed": state,
        }
    )
    dates = at.pick("{} 第 {} 版 {} 至 {}", "{} version {}, {} to {}").format(
        policy.family, policy.version, policy.issued, policy.expires
    )
    lines = (f"{policy.title[at.lang]}  {dates}", f"{state}  SHA-256 {grouped(digest)}")
    for line in lines:
        say(line, line, at)


def say(zh: str, en: str, at: Terminal, indent: int = 0) -> None:
    """Print a text in lines as wide as the terminal."""
    lines = fold(at.pick(zh, en), width() - indent)
    text = "\n".join(f"{' ' * indent}{line}" for line in lines)
    at.say(text, text)


def grouped(digest: str) -> str:
    """Write a digest in groups of eight, to be compared by eye or by telephone."""
    return " ".join(digest[i : i + 8] for i in range(0, len(digest), 8))


def overview(shown: Shown, rules: Sequence[Rule], at: Terminal) -> None:
    """Show a line for each question, under the departments that answer it."""
    usual = Counter(rule.purposes for rule in rules).most_common(1)[0][0] if rules else frozenset()
    named = policy_words.purposes(usual, at)
    say(f"用途:{named};另有的写在行末", f"Purposes: {named}; others stand at the end of a line", at)
    for label, held in _by_department(shown, rules, at):
        rows = [_line(shown, rule, usual, at) for rule in held]
        text = f"\n{label}\n{columns(rows, indent=_INDENT, width=width())}"
        at.say(text, text)
        for rule in held:
            at.emit(as_json(shown, rule, at))
    at.say("", "")
    say(
        "右栏:所有允许的问题合起来,最多能把人分到的组。详情:hedui policy explain P29",
        "Right: the groups into which all allowed questions together can sort people at most."
        " More: hedui policy explain P29",
        at,
    )


def detail(shown: Shown, rule: Rule, at: Terminal) -> None:
    """Show all that a policy says about one question, with its ladder drawn."""
    predicate, values = shown.predicate(rule), shown.policy.values(rule)
    at.emit(as_json(shown, rule, at))
    lines = [
        *headed(predicate, at),
        *(f"{' ' * _INDENT}{line}" for line in fold(predicate.question(at.lang), width() - 2)),
        columns(_facts(shown, rule, at), indent=_INDENT, width=width()),
    ]
    if values:
        title = at.pick("允许的参数", "values allowed")
        rows = [_value(one, predicate, at) for one in values]
        lines += [f"{' ' * _INDENT}{title}", columns(rows, indent=2 * _INDENT, width=width())]
    lines += _picture(shown, rule, at)
    text = "\n".join(lines)
    at.say(text, text)


def headed(predicate: Predicate, at: Terminal) -> list[str]:
    """Name a question and its departments, below an empty line."""
    departments = at.pick("、", ", ").join(
        catalogue.kind(one).label(at.lang) for one in predicate.departments
    )
    return ["", *fold(f"{predicate.id}  {predicate.label(at.lang)}  ({departments})", width())]


def as_json(shown: Shown, rule: Rule, at: Terminal) -> dict[str, object]:
    """Give a rule for programs, with its intervals in whole units of the predicate."""
    predicate, values = shown.predicate(rule), shown.policy.values(rule)
    measured = predicate.parameter in {ParameterKind.RUNG, ParameterKind.BAND}
    cuts = policy_words.cuts(values, shown.members) if measured else set()
    return {
        "predicate": rule.predicate,
        "question": predicate.question(at.lang),
        "departments": list(predicate.departments),
        "purposes": [one.name for one in sorted(rule.purposes)],
        "period": rule.period,
        "max_age_days": rule.max_age_days,
        "why": rule.text(at.lang),
        "source": rule.source,
        "quantity": predicate.quantity,
        "unit": predicate.unit.value,
        "members": list(shown.members),
        "parameters": [parameter_json(one, at) for one in values],
        "outcomes": list(policy_words.outcomes(predicate, values)),
        "groups": list(shown.groups(rule, at)),
        "intervals": [list(one) for one in ladder.intervals(cuts)] if measured else [],
    }


def parameter_json(one: Parameter, at: Terminal) -> dict[str, object]:
    """Give a value for programs."""
    own: dict[str, dict[str, object]] = {
        "window": {"months": one.months},
        "rung": {"per_head": one.per_head, "per": one.per, "comparator": one.comparator},
        "band": {"edges": list(one.edges)},
        "area": {"prefix": one.prefix},
        "value": {"value": one.value},
    }
    known = {"id": one.id, "kind": one.kind, "text": one.text(at.lang), "source": one.source}
    return known | own[one.kind]


def drawn(marks: Iterable[int], worded: Callable[[int], str], most: int = 0) -> list[str]:
    """Draw a ladder as wide as the terminal allows, indented."""
    room = min(width(), WIDTH) - 3 * _INDENT
    labelled = [(mark, worded(mark)) for mark in sorted(set(marks))]
    return [f"{' ' * 2 * _INDENT}{line}" for line in policy_picture.ladder(labelled, room, most)]


def _by_department(
    shown: Shown, rules: Sequence[Rule], at: Terminal
) -> Iterator[tuple[str, list[Rule]]]:
    for one in catalogue.kinds():
        held = [r for r in rules if shown.predicate(r).departments[:1] == (one.id,)]
        if held:
            yield one.label(at.lang), held
    joint = [r for r in rules if not shown.predicate(r).departments]
    if joint:
        yield at.pick("推算", "derived"), joint


def _line(shown: Shown, rule: Rule, usual: frozenset[Purpose], at: Terminal) -> tuple[str, ...]:
    predicate = shown.predicate(rule)
    told = _BAR.join(shown.groups(rule, at)) or _derived(at)
    if predicate.form is Form.SUM:
        told += at.pick("(多部门合计)", " (a sum)")
    if rule.purposes != usual:
        purposes = policy_words.purposes(rule.purposes, at)
        told += at.pick(f" ({purposes})", f"  ({purposes})")
    return (rule.predicate, predicate.label(at.lang), told)


def _facts(shown: Shown, rule: Rule, at: Terminal) -> Iterable[tuple[str, str]]:
    predicate, values = shown.predicate(rule), shown.policy.values(rule)
    yield at.pick("为什么问", "why"), rule.text(at.lang)
    yield at.pick("依据", "source"), rule.source
    yield at.pick("用途", "purposes"), policy_words.purposes(rule.purposes, at)
    yield at.pick("口径", "period"), _terms(rule, at)
    outcomes = policy_words.outcomes(predicate, values)
    told = " · ".join(outcomes) or _derived(at)
    if predicate.form is Form.SUM:
        told += at.pick(
            "(由多个部门合计,不单独回答)", " (a sum over departments: none answers it alone)"
        )
    yield at.pick("可能的回答", "outcomes"), told
    told = _BAR.join(shown.groups(rule, at))
    if any(one.kind == ParameterKind.RUNG and one.per == "head" for one in values):
        sizes = at.pick("、", ", ").join(str(one) for one in shown.members)
        told += at.pick(f"({sizes} 人户)", f" (household of {sizes})")
    if told:
        yield at.pick("最多知道", "told at most"), told
    if rule.quantity:
        yield at.pick("限度", "limit"), _limit(predicate, at)


def _terms(rule: Rule, at: Terminal) -> str:
    month = at.pick("提问当月", "the month of asking")
    twelve = at.pick("提问前十二个整月", "the twelve full months before")
    age = at.pick(
        f"数据不早于 {rule.max_age_days} 天", f"data at most {rule.max_age_days} days old"
    )
    return at.pick("{};{}", "{}; {}").format(month if rule.period == "month" else twelve, age)


def _limit(predicate: Predicate, at: Terminal) -> str:
    if predicate.form is Form.SUM:
        runs = summing.RUNS_A_YEAR
        return at.pick(
            f"每人每年至多合计 {runs} 次", f"added up at most {runs} times a person and year"
        )
    lines, sizes = limits.LINES_A_QUANTITY, limits.SIZES_A_QUANTITY
    return at.pick(
        f"每人每年至多 {lines} 条规定线、{sizes} 种家庭人数;同一期间再问,回答不变",
        f"at most {lines} lines and {sizes} household sizes a person and year; asked again in"
        " the same period, the answer stays",
    )


def _value(one: Parameter, predicate: Predicate, at: Terminal) -> tuple[str, ...]:
    worded = policy_words.value(one, predicate.unit, at)
    return (one.id, worded, f"{one.text(at.lang)}  [{one.source}]")


def _picture(shown: Shown, rule: Rule, at: Terminal) -> list[str]:
    """Draw lines, edges or windows; the lines of a household are its own, not those of one head."""
    predicate, values = shown.predicate(rule), shown.policy.values(rule)
    if predicate.parameter is ParameterKind.WINDOW:
        return drawn(
            (one.months for one in values),
            lambda months: at.pick(f"{months} 个月前", f"{months} months ago"),
        )
    if predicate.parameter not in {ParameterKind.RUNG, ParameterKind.BAND}:
        return []
    lines = [one.threshold(m) for one in values if not one.edges for m in shown.members]
    edges = [edge for one in values for edge in one.edges]
    return drawn((*lines, *edges), lambda mark: policy_words.amount(mark, predicate.unit, at))


def _derived(at: Terminal) -> str:
    return at.pick("由中心推算,不问任何部门", "worked out at the centre: no department is asked")
