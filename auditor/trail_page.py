"""A person's trail as a page to print: A4, large type, Chinese first, nothing from outside.

Knows HTML; what is said stands in ``trail_words``, the page itself in ``data/trail.html``. Marks
and borders say what colours might, and whatever comes from evidence is escaped.
"""

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from auditor import trail_words as told
from auditor.trail import Entry, Trail
from auditor.trail_words import Pair, Tally
from federation import pages, words

_ANSWERS: Final = (
    ("时间", "Time"),
    ("部门", "Department"),
    ("问题", "Question"),
    ("回答", "Answer"),
)
_TALLIES: Final = (
    ("部门", "Department"),
    ("部门签字", "Signed"),
    ("这里有", "Here"),
    ("截至", "Up to"),
    ("齐全吗", "All?"),
)
_GOOD: Final = ("✓ 齐全", "all here")
_BAD: Final = ("✗ 不齐", "not shown")
_HALF: Final = re.compile(r"(?<!\d),|,(?!\d)|(?<!\d\d):|:(?!\d\d(?!\d))|[;()]")
_TO_FULL: Final = 0xFEE0
"""From a mark of half width to the same of full width (Unicode, U+FF01 and on)."""


def write(trail: Trail, made: int) -> str:
    """Write the page; ``made`` is the present time, UTC seconds."""
    mark, kind = ("✓", "yes") if trail.complete else ("✗", "no")
    zh, en = told.verdict(trail)
    return pages.template("auditor", "data", "trail.html").substitute(
        footer=_css(told.who(trail)[0]),
        person=_paragraph(told.who(trail)),
        kind=kind,
        verdict=_both((f"{mark} {zh}", en)),
        doubts=_list(told.doubts(trail)),
        changes=_list(told.changes(trail)),
        answers="".join(_occasions(trail, trail.entries)) or _none(),
        refused=_refused(trail),
        tallies=_table("tallies", _TALLIES, map(_tally_row, told.tallies(trail))),
        unasked=_unasked(trail),
        remarks=_list(told.remarks(trail)),
        made=_both(_made(trail, made)),
    )


def _occasions(trail: Trail, entries: Iterable[Entry]) -> Iterator[str]:
    for one in told.occasions(trail, entries):
        head = (
            f"{one.day} {one.asker[0]} 提问,用途:{one.why[0]}",
            f"asked by {one.asker[1]}, for: {one.why[1]}",
        )
        yield f"<h3>{_both(head)}</h3>"
        zh, en = _unbroken(one.by[0], " · "), _unbroken(one.by[1], ", ")
        yield f'<p class="small">{zh}<span class="en" lang="en">{en}</span></p>'
        rows = (_answer_row(trail, entry) for entry in one.entries)
        yield _table("answers", _ANSWERS, rows)
        yield from (f'<p class="small">{_both(line)}</p>' for line in one.sums)


def _answer_row(trail: Trail, entry: Entry) -> Iterator[str]:
    day = words.day(entry.answer.as_of)
    fresh = (f"数据截至 {day}", f"as of {day}") if day else ("", "")
    yield _cell(told.hour(entry.answered))
    yield _cell(_both(told.party(trail, entry.department)))
    yield _cell(_noted(told.question(entry.predicate, entry.value), told.use(entry)))
    yield _cell(f'<div class="answer">{_noted(told.outcome(entry), fresh)}</div>')


def _tally_row(one: Tally) -> Iterator[str]:
    yield _cell(_both(one.department))
    yield from map(_cell, (one.signed, one.here, one.until))
    yield _cell(_both(_GOOD if one.whole else _BAD))


def _refused(trail: Trail) -> str:
    if not trail.refused:
        return ""
    title = ("被拒绝的提问,没有说出任何事", "Refused questions: nothing was told")
    return f"<h2>{_both(title)}</h2>" + "".join(_occasions(trail, trail.refused))


def _unasked(trail: Trail) -> str:
    if not trail.unasked:
        return ""
    title = ("您同意了、但没有问过的", "What you consented to and was never asked")
    asked = (
        (f"{department[0]}:{question[0]}", f"{department[1]}: {question[1]}")
        for department, question in told.unasked(trail)
    )
    return f"<h2>{_both(title)}</h2>{_list(asked)}"


def _none() -> str:
    return _paragraph(("没有。", "Nothing."))


def _made(trail: Trail, made: int) -> Pair:
    size, seen, now = trail.size, told.time(trail.witnessed), told.time(made)
    return (
        f"制作时间 {now}。依据登记方日志前 {size} 条({seen} 有见证)和各部门签字的次数证明。",
        f"Made {now} from {size} entries of the registrar's log (witnessed {seen}) and the counts.",
    )


def _table(kind: str, titles: Iterable[Pair], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{_both(title)}</th>" for title in titles)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(inner: str) -> str:
    return f"<td>{inner}</td>"


def _noted(text: Pair, note: Pair) -> str:
    zh, en = (escape(one) for one in (_full(note[0]), f"{text[1]} · {note[1]}".removesuffix(" · ")))
    beside = f'<span class="note">{zh}</span>' if zh else ""
    return f'{escape(_full(text[0]))}{beside}<span class="en" lang="en">{en}</span>'


def _list(lines: Iterable[Pair]) -> str:
    items = "".join(f"<li>{_both(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _paragraph(text: Pair) -> str:
    return f"<p>{_both(text)}</p>"


def _both(text: Pair) -> str:
    if text[0] == text[1]:
        return escape(text[0])
    return f'{escape(_full(text[0]))}<span class="en" lang="en">{escape(text[1])}</span>'


def _unbroken(text: str, mark: str) -> str:
    """Let a line end at these marks only: numbers stay whole."""
    return mark.join(f'<span class="whole">{escape(part)}</span>' for part in text.split(mark))


def _full(text: str) -> str:
    """Write Chinese with marks of full width, as print has it; times and numbers stay."""
    return _HALF.sub(lambda mark: chr(ord(mark[0]) + _TO_FULL), text)


def _css(text: str) -> str:
    """Write text within a string of the style sheet: nothing can end it or the element."""
    return "".join(c if c.isalnum() or c in " -_/." else f"\\{ord(c):x} " for c in text)
