"""Reports, plans and what left the departments, as a person at a terminal sees them.

Knows rich, column widths and words. Decides nothing and reads nothing; colour is never the only
signal, and a pipe gets plain text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from coordinator.asking.planner import Surroundings
from coordinator.findings.assess import UNTOLD, Beside, Row, Status
from coordinator.findings.leaving import Leaving
from coordinator.findings.report import Report, day
from coordinator.words import reason, say
from federation import catalogue, words
from federation.catalogue import ParameterKind
from federation.clock import business_time

WIDTH = 100
MARK = "▲"
_STYLES = {
    Status.FOUND: "bold yellow",
    Status.REFUSED: "red",
    Status.UNAVAILABLE: "red",
    Status.STALE: "magenta",
    Status.NOT_ASKED: "dim",
}
_MOST = {"department": 18, "person": 6, "result": 16, "as_of": 10}
_SHOWN_PARAMETERS = {ParameterKind.WINDOW, ParameterKind.RUNG, ParameterKind.VALUE}


@dataclass(frozen=True, slots=True)
class _Line:
    """What a row looks like, but for whom it is about."""

    department: str
    item: str
    result: str
    as_of: str
    note: str
    status: Status


def report(shown: Report, around: Surroundings, lang: str) -> RenderableType:
    """Lay out a household's report."""
    return Group(
        _head(shown, around, lang),
        Text(),
        _rows(shown, around, lang),
        Text(),
        Text(" " + _counts(shown, lang), style="bold"),
        Text(" " + say("report", "disclaimer", lang)),
    )


def leaving(rows: Sequence[Leaving], around: Surroundings, lang: str) -> RenderableType:
    """Lay out what left each department, counted."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(say("leaving", "title", lang), min_width=24)
    for key in ("questions", "bytes", "raw", "ids", "names"):
        table.add_column(say("leaving", key, lang), justify="right")
    for row in rows:
        numbers = (row.questions, row.answer_bytes, row.raw_records, row.ids, row.names)
        name = around.manifest.party(row.department).name(lang)
        table.add_row(f" {name}", *(f"{number:,}" for number in numbers))
    return table


def result(row: Row, around: Surroundings, lang: str) -> str:
    """Word an outcome: 有, 未发现, 未婚, 830–1,245 元."""
    if row.answer is None or row.answer.outcome in UNTOLD:
        return say("status", row.status.value, lang)
    predicate = around.catalogue.predicate(row.predicate)
    parameter = around.policy.parameters.get(row.parameter)
    return words.outcome(row.answer, predicate, parameter, lang)


def item(row: Row, around: Surroundings, lang: str) -> str:
    """Name a question: its label, with the window or threshold it was asked for."""
    predicate = around.catalogue.predicate(row.predicate)
    label = predicate.label(lang)
    parameter = around.policy.parameters.get(row.parameter)
    if parameter is None or predicate.parameter not in _SHOWN_PARAMETERS:
        return label
    return f"{label}({parameter.zh})" if lang == "zh" else f"{label} ({parameter.en})"


def weighed(row: Row, around: Surroundings, lang: str) -> list[str]:
    """Say what a finding needs besides and whether it is there, and what bars nobody."""
    said = [_beside(one, around, lang) for one in row.beside]
    return said + [say("note", "exempt", lang, words=one.label(lang)) for one in row.exempt]


def place_name(department: str, around: Surroundings, lang: str) -> str:
    """Name a department: a party, a kind without a party, or several for a sum."""
    if not department:
        return say("report", "several", lang)
    if department in around.manifest.parties:
        return around.manifest.party(department).name(lang)
    return catalogue.kind(department).label(lang)


def plain(shown: RenderableType) -> str:
    """Give what a pipe gets: no colours, no blanks at the ends of lines."""
    paper = Console(width=WIDTH, file=StringIO(), color_system=None, highlight=False)
    with paper.capture() as captured:
        paper.print(shown)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _head(shown: Report, around: Surroundings, lang: str) -> RenderableType:
    programme = around.programmes.programme(shown.programme).label(lang)
    table = Table.grid(expand=True, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="center")
    table.add_column(justify="right")
    purpose = words.say("purpose", shown.purpose, lang)
    table.add_row(
        Text(say("report", "title", lang, case=shown.case_id), style="bold"),
        say("report", "programme", lang, programme=programme, purpose=purpose),
        business_time(shown.made).strftime("%Y-%m-%d %H:%M"),
    )
    first = shown.people[0].masked if shown.people else ""
    table.add_row(
        say("report", "household", lang, name=first, members=shown.members),
        say("report", "commission", lang, area=shown.area, commission=shown.commission),
        say("report", "took", lang, seconds=_seconds(shown.millis)),
    )
    stage = say("stage", shown.stage.value, lang)
    signed = say(
        "report", "signed", lang, signed=shown.signed, needed=len(shown.people), stage=stage
    )
    several = [f"{p.number} {p.masked}({say('relation', p.relation, lang)})" for p in shown.people]
    return Group(table, Text("  ".join([signed, *several]) if len(several) > 1 else signed))


def _rows(shown: Report, around: Surroundings, lang: str) -> RenderableType:
    table = Table(box=None, pad_edge=True, padding=(0, 1), header_style="bold", expand=True)
    several = len(shown.people) > 1
    columns = [("department", None), ("item", 6), ("result", None), ("as_of", None), ("note", 5)]
    columns[2:2] = [("person", None)] if several else []
    for key, ratio in columns:
        # Chinese has no blanks to break at, so a long cell is folded where it is full.
        most = None if ratio else _MOST[key]
        title = say("report", key, lang)
        table.add_column(title, ratio=ratio, max_width=most, overflow="fold")
    previous = ""
    for line, people in _lines(shown, around, lang):
        mark = f" {MARK}" if line.status is Status.FOUND else ""
        whom = [_whom(people, shown, lang)] if several else []
        cells = [line.item, *whom, f"{line.result}{mark}", line.as_of, line.note]
        name = "" if line.department == previous else line.department
        style = _STYLES.get(line.status, "")
        table.add_row(Text(name), *(Text(cell, style=style) for cell in cells))
        previous = line.department
    return table


def _lines(
    shown: Report, around: Surroundings, lang: str
) -> Iterator[tuple[_Line, list[int | None]]]:
    """Give what is shown, with people of whom the same is said on one line."""
    lines: dict[_Line, list[int | None]] = {}
    for row in shown.rows:
        if row.status is not Status.NOT_COVERED:
            lines.setdefault(_line(row, around, lang), []).append(row.person)
    order = {name: i for i, name in enumerate(dict.fromkeys(line.department for line in lines))}
    return iter(sorted(lines.items(), key=lambda pair: order[pair[0].department]))


def _line(row: Row, around: Surroundings, lang: str) -> _Line:
    as_of = day(row.answer.as_of) if row.answer else None
    return _Line(
        department=place_name(row.department, around, lang),
        item=item(row, around, lang),
        result=result(row, around, lang),
        as_of=as_of.isoformat() if as_of else "",
        note=_note(row, around, lang),
        status=row.status,
    )


def _note(row: Row, around: Surroundings, lang: str) -> str:
    """Say why somebody should look, or why there is nothing; of a sum also who added up."""
    notes = [say("note", "rule", lang, rule=row.rule[lang])] if row.status is Status.FOUND else []
    notes += [reason(row.code, lang)] if row.code else []
    notes += weighed(row, around, lang)
    for key, parties in (("absent", row.absent), ("together", row.parties)):
        if parties and (key == "absent" or row.answer):
            names = _names(parties, around, lang)
            notes.append(say("note", key, lang, names=names))
    return say("note", "separator", lang).join(notes)


def _beside(one: Beside, around: Surroundings, lang: str) -> str:
    predicate = around.catalogue.predicate(one.predicate)
    outcome = words.written(one.outcome, predicate, None, lang)
    key = {True: "beside", False: "beside_not", None: "beside_unknown"}[one.met]
    names = say("report", "separator", lang).join(
        place_name(party, around, lang) for party in one.parties
    )
    what = {"item": predicate.label(lang), "outcome": outcome, "names": names}
    return say("note", key if names else "beside_unasked", lang, **what)


def _names(parties: Sequence[str], around: Surroundings, lang: str) -> str:
    known = around.manifest.parties
    names = (known[one].name(lang) if one in known else one for one in parties)
    return say("report", "separator", lang).join(names)


def _whom(people: Sequence[int | None], shown: Report, lang: str) -> str:
    places = sorted(place for place in people if place is not None)
    if len(places) == len(shown.people):
        return say("report", "everybody", lang)
    return ",".join(str(place + 1) for place in places)


def _counts(shown: Report, lang: str) -> str:
    counts = [_counted(shown, status, lang) for status in (Status.FOUND, Status.NOTHING_FOUND)]
    further = (Status.INFORMATION, Status.NO_RECORD, Status.STALE, Status.NOT_ASKED)
    counts += [_counted(shown, status, lang) for status in further if shown.count(status)]
    kinds = shown.missing_kinds()
    names = say("report", "separator", lang).join(catalogue.kind(k).label(lang) for k in kinds)
    key = "not_covered_kinds" if kinds else "not_covered"
    counts.append(say("report", key, lang, count=len(kinds), kinds=names))
    counts += [_bare(shown, status, lang) for status in (Status.REFUSED, Status.UNAVAILABLE)]
    return " · ".join(counts)


def _seconds(millis: int) -> str:
    seconds = millis / 1000
    return f"{seconds:.1f}" if seconds >= 1 else f"{seconds:.2f}"


def _bare(shown: Report, status: Status, lang: str) -> str:
    word = say("status", status.value, lang)
    return say("report", "bare", lang, status=word, count=shown.count(status))


def _counted(shown: Report, status: Status, lang: str) -> str:
    word = say("status", status.value, lang)
    return say("report", "count", lang, status=word, count=shown.count(status))
