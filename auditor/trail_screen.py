"""A person's trail at a terminal, and for programs.

Knows layout only: what is said stands in ``trail_words``. Colour is no signal: there is none.
"""

from collections.abc import Iterable
from io import StringIO
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from auditor import trail_words as told
from auditor.trail import Entry, Line, Trail
from auditor.trail_words import Pair
from federation import words
from federation.exchange import outcome_text
from federation.terminal import WIDTH, Terminal

_ENTRIES = (
    (("时间", "Time"), 5),
    (("部门", "Department"), 16),
    (("问题", "Question"), 0),
    (("回答", "Answer"), 16),
    (("数据截至", "Data as of"), 10),
    (("第几次", "Use"), 10),
)
_TALLIES = (
    (("部门", "Department"), 0),
    (("签字承认", "Signed"), 8),
    (("这里", "Here"), 6),
    (("截至", "Up to"), 16),
    (("齐全", "All"), 5),
)


def show(at: Terminal, trail: Trail) -> None:
    """Show a trail, as text or as JSON."""
    at.emit(to_json(trail))
    if at.json:
        return
    at.say(*_title(trail))
    at.say(*told.who(trail))
    for line in told.changes(trail):
        at.say(*line)
    mark = _mark(trail.complete)
    zh, en = told.verdict(trail)
    at.say(f"\n{mark} {zh}", f"\n{mark} {en}")
    for zh, en in told.doubts(trail):
        at.say(f"  ✗ {zh}", f"  ✗ {en}")
    _occasions(at, trail, trail.entries)
    if trail.refused:
        at.say("\n被拒绝的提问,没有说出任何事", "\nRefused questions: nothing was told")
        _occasions(at, trail, trail.refused)
    _counts(at, trail)
    _unasked(at, trail)
    at.say("", "")
    for zh, en in told.remarks(trail):
        at.say(f"· {zh}", f"· {en}")
    for file, code in trail.faults:
        at.say(f"  ✗ {file}  {code}", f"  ✗ {file}  {code}")


def to_json(trail: Trail) -> dict[str, Any]:
    """Write a trail for programs; of others no more than numbers."""
    return {
        "federation": trail.federation,
        "who": [{"consent": one.consent_no, "person": one.person} for one in trail.places],
        "complete": trail.complete,
        "until": trail.until if trail.complete else None,
        "consents": [
            {"number": one.number, "recorded": one.recorded, "purpose": one.purpose}
            | {"basis": one.basis, "not_after": one.not_after}
            for one in trail.given
        ],
        "changes": [
            {"consent": one.consent_no, "at": one.at, "kind": one.kind} for one in trail.changes
        ],
        "answers": [_entry_json(one) for one in trail.entries],
        "refused": [_entry_json(one) for one in trail.refused],
        "counts": [_line_json(one) for one in trail.lines],
        "not_asked": [
            {"department": department, "predicate": asked[0], "parameter": asked[1]}
            for department, asked in trail.unasked
        ],
        "others": {"persons": trail.others, "questions": trail.hidden},
        "unread": trail.unread,
        "strays": trail.strays,
        "faults": [{"file": file, "code": code} for file, code in trail.faults],
        "log": {"witnessed": trail.witnessed, "size": trail.size},
    }


def _mark(good: bool) -> str:  # noqa: FBT001 - a mark for a fact
    return "✓" if good else "✗"


def _title(trail: Trail) -> Pair:
    name = trail.federation
    return f"谁问了我什么  {name}", f"Who asked what about me  {name}"


def _occasions(at: Terminal, trail: Trail, entries: Iterable[Entry]) -> None:
    for one in told.occasions(trail, entries):
        at.say(
            f"\n{one.day}  {one.asker[0]}  用途 {one.why[0]}\n  {one.by[0]}",
            f"\n{one.day}  {one.asker[1]}  for {one.why[1]}\n  {one.by[1]}",
        )
        table = _table(at, _ENTRIES)
        for entry in one.entries:
            cells = _cells(trail, entry)
            table.add_row(*(Text(at.pick(*cell)) for cell in cells))
        _print(at, table)
        for zh, en in one.sums:
            at.say(f"  · {zh}", f"  · {en}")


def _cells(trail: Trail, entry: Entry) -> tuple[Pair, ...]:
    as_of = words.day(entry.answer.as_of)
    at = told.hour(entry.answered)
    return (
        (at, at),
        told.party(trail, entry.department),
        told.question(entry.predicate, entry.value),
        told.outcome(entry),
        (as_of, as_of),
        _use(entry),
    )


def _use(entry: Entry) -> Pair:
    short = f"{entry.use}/{entry.most}"
    return told.use(entry) if entry.recheck or not entry.use else (short, short)


def _counts(at: Terminal, trail: Trail) -> None:
    at.say("\n次数核对:部门签字承认的与这里的", "\nUses: signed by the departments, and here")
    table = _table(at, _TALLIES)
    for one in told.tallies(trail):
        texts = at.pick(*one.department), one.signed, one.here, one.until, _mark(one.whole)
        table.add_row(*map(Text, texts))
    _print(at, table)


def _unasked(at: Terminal, trail: Trail) -> None:
    if trail.unasked:
        at.say("\n授权了、没有问过的", "\nConsented and never asked")
    for department, asked in told.unasked(trail):
        at.say(f"  {department[0]}  {asked[0]}", f"  {department[1]}  {asked[1]}")


def _table(at: Terminal, columns: Iterable[tuple[Pair, int]]) -> Table:
    table = Table(box=None, pad_edge=True, padding=(0, 1), expand=True)
    for title, width in columns:
        ratio = None if width else 1
        table.add_column(at.pick(*title), ratio=ratio, max_width=width or None, overflow="fold")
    return table


def _print(at: Terminal, table: Table) -> None:
    paper = Console(width=WIDTH, file=StringIO(), color_system=None, highlight=False)
    with paper.capture() as captured:
        paper.print(table)
    for line in captured.get().splitlines():
        at.say(line.rstrip(), line.rstrip())


def _entry_json(one: Entry) -> dict[str, Any]:
    return {
        "qid": one.qid.hex(),
        "asked": one.asked,
        "answered": one.answered,
        "coordinator": one.coordinator,
        "operator": one.operator,
        "commission": one.commission,
        "case": one.case,
        "department": one.department,
        "predicate": one.predicate,
        "parameter": one.parameter,
        "question": dict(zip(("zh", "en"), told.question(one.predicate, one.value), strict=True)),
        "outcome": outcome_text(one.answer, told.values(one)),
        "answer": dict(zip(("zh", "en"), told.outcome(one), strict=True)),
        "as_of": words.day(one.answer.as_of) or None,
        "purpose": one.purpose,
        "consent": one.consent_no,
        "use": one.use,
        "of": one.most,
        "recheck": one.recheck,
    }


def _line_json(one: Line) -> dict[str, Any]:
    return {
        "department": one.department,
        "predicate": one.predicate,
        "parameter": one.parameter,
        "signed": one.signed,
        "at": one.at,
        "here": list(one.here),
        "missing": list(one.missing),
        "doubt": one.doubt.value if one.doubt else None,
        "counted": one.counted,
    }
