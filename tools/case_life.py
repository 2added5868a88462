"""Write docs/guides/case-life.md from the table of cases' lives and the rules of local practice.

Usage: python -m tools.case_life [--check]
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from coordinator.casework import practice
from coordinator.casework.lifecycle import (
    BY_ITSELF,
    DECISIONS,
    ENDED,
    IN_FORCE,
    TRANSITIONS,
    Event,
    Fact,
    Rule,
    State,
)
from coordinator.casework.practice import ClockRule, Practice, Where
from coordinator.words import say

PAGE: Final = Path(__file__).parents[1] / "docs" / "guides" / "case-life.md"

_HEAD: Final = """\
# The life of a case 案件的一生

This page is written by `python -m tools.case_life` from the table in
`coordinator/casework/lifecycle.py` and from `practice.toml` and `reasons.toml` in
`coordinator/data/`. How each step is entered: [clerk.md](clerk.md). A step that the table does not
have is refused with a code, and nothing changes.

只核对不认定:系统只记录每一步是否合规,决定由人作出。

"""
_STEPS: Final = """\
Not drawn are steps that leave the state as it is, and `withdraw`, which may come nearly everywhere.

## Steps 各步

Steps "by itself" come with `hedui case consent`, `hedui case run`, `hedui case show` and
`hedui case recheck`, where they may come; the others are commands.

"""
_NEEDS: Final = """\
What a step needs, and what bars it: {}.

"""
_WAITING: Final = """\
## What a decision waits for 决定的前提

Of rows that fit, the one in force is that of the longest area, then the one that names the
programme, then the newest.

"""
_CLOCKS: Final = """\
## Clocks 期限

A clock begins with the newest of its events and ends with the first of those that end it; people
are reminded at half of the time, and when it is over. Working days: public holidays and make-up
days as far as they are known, then weekdays, marked provisional.

A deadline that the programme's own file names ([programmes.md](programmes.md)) counts before one
here, unless the row is of a closer area; so does whether aid may come first.

"""
_REASONS: Final = """\
## Reasons 理由代码

"""
_MANY: Final = 4
_MOST: Final = 6
"""Steps of more states than this are not drawn."""
_COMMANDS: Final = {Event.SETTLE: "object --outcome", Event.ACKNOWLEDGE: "notice --acknowledged"}


def render(rules: Sequence[Rule], local: Practice) -> str:
    """Write the page as Markdown."""
    facts = ", ".join(f"{fact.value} {_FACTS[fact]}" for fact in Fact)
    return "".join(
        (
            _HEAD,
            _diagram(rules),
            _STEPS,
            _table(("Step", "步骤", "From", "To", "Needs", "Not after", "How"), map(_row, rules)),
            "\n",
            _NEEDS.format(facts),
            _table(("State", "状态", "English", ""), map(_state, State)),
            "\n",
            _WAITING,
            _table(("Programmes", "Area", "Since", "规则", "Rule", "来源"), _waiting(local)),
            "\n",
            _CLOCKS,
            _table(
                (
                    "Clock",
                    "期限",
                    "English",
                    "Programmes",
                    "Area",
                    "Since",
                    "Begins",
                    "Ends",
                    "来源",
                ),
                map(_clock, local.clocks),
            ),
            "\n",
            _REASONS,
            _table(("Code", "Step", "理由", "Reason"), _reasons(local)),
        )
    )


_FACTS: Final = {
    Fact.ACCEPTANCE: "已受理",
    Fact.COMMISSION: "已委托",
    Fact.CONSENT: "授权齐备",
    Fact.REPORT: "已有报告",
    Fact.VISIT: "已入户",
    Fact.HEARING: "已听取意见",
    Fact.RECONFIRMATION: "已重新确认",
    Fact.EMERGENCY: "已先行救助",
    Fact.URGENT: "项目允许先行救助",
}


def _diagram(rules: Sequence[Rule]) -> str:
    """Draw the steps that change a state; those of the same many states leave from one diamond."""
    drawn = [one for one in rules if one.to and len(one.states) <= _MOST]
    many = [one.states for one in drawn if len(one.states) >= _MANY]
    shared = [states for states in dict.fromkeys(many) if many.count(states) > 1]
    places = {states: f"any{n}" for n, states in enumerate(shared)}
    edges: dict[tuple[str, str], list[str]] = {}
    for states, place in places.items():
        edges |= {(state.value, place): [] for state in State if state in states}
    for rule in drawn:
        shared_by = [places[rule.states]] if rule.states in places else []
        for begin in shared_by or [one.value for one in State if one in rule.states]:
            words = edges.setdefault((begin, str(rule.to)), [])
            words += [rule.event.value] if rule.event.value not in words else []
    lines = [f"state {place} <<choice>>" for place in places.values()]
    lines += [f"[*] --> {State.DRAFT.value}"]
    lines += [": ".join((f"{a} --> {b}", *_joined(words))) for (a, b), words in edges.items()]
    lines += [f"{state.value} --> [*]" for state in State if state in ENDED]
    body = "".join(f"    {line}\n" for line in lines)
    return f"```mermaid\nstateDiagram-v2\n{body}```\n\n"


def _joined(words: Sequence[str]) -> tuple[str, ...]:
    return (", ".join(words),) if words else ()


def _row(rule: Rule) -> tuple[str, ...]:
    event = rule.event
    to = rule.to.value if rule.to else "same"
    return (
        event.value,
        say("life_event", event.value, "zh"),
        ", ".join(state.value for state in State if state in rule.states),
        to,
        _list(rule.needs),
        _list(rule.bars),
        _how(event),
    )


def _how(event: Event) -> str:
    if event in BY_ITSELF:
        return "by itself"
    if event in DECISIONS:
        return f"`hedui case decide {event.value}`"
    if event is Event.PROPOSE:
        return "`hedui case decide --propose`"
    return f"`hedui case {_COMMANDS.get(event, event.value)}`"


def _list(facts: Iterable[Fact]) -> str:
    return ", ".join(sorted(fact.value for fact in facts))


def _state(state: State) -> tuple[str, ...]:
    kind = "ended" if state in ENDED else "aid goes on" if state in IN_FORCE else ""
    words = (say("life_state", state.value, lang) for lang in ("zh", "en"))
    return state.value, *words, kind


def _waiting(local: Practice) -> Iterable[tuple[str, ...]]:
    for one in local.rules:
        yield *_where(one.where), one.zh, one.en, one.source


def _clock(one: ClockRule) -> tuple[str, ...]:
    length = f"{one.length} {one.unit.value}"
    begins, ends = ", ".join(one.begins), ", ".join(one.ends)
    return one.id, one.zh, f"{one.en}: {length}", *_where(one.where), begins, ends, one.source


def _where(where: Where) -> tuple[str, str, str]:
    programmes = ", ".join(where.programmes) or "all"
    return programmes, where.area or "all", str(where.since)


def _reasons(local: Practice) -> Iterable[tuple[str, ...]]:
    for one in local.reasons.values():
        yield one.id, ", ".join(one.events), one.zh, one.en


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def main(arguments: list[str], page: Path = PAGE) -> int:
    """Write the page, or with --check tell whether it is as it would be written."""
    text = render(TRANSITIONS, practice.load())
    if arguments == ["--check"]:
        return 0 if page.is_file() and page.read_text("utf-8") == text else 1
    if arguments:
        return 2
    page.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
