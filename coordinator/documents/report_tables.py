"""The tables of a printed report: results by department, what to check, sums, blind spots.

Pure. Words a row as the screen does, so that paper and screen never differ. Does not know who the
people are: they are numbers.
"""

from collections.abc import Iterable, Iterator, Sequence

from coordinator.asking.planner import Surroundings
from coordinator.documents import paper
from coordinator.documents.paper import Block
from coordinator.documents.wording import put
from coordinator.findings.assess import Row, Status
from coordinator.findings.composites import PARTLY
from coordinator.findings.report import Report, day
from coordinator.findings.screen import MARK, item, place_name, result, weighed
from coordinator.words import reason, say
from federation import catalogue, words
from federation.exchange import Scope

_COUNTED = (
    *(Status.FOUND, Status.NOTHING_FOUND, Status.INFORMATION, Status.NO_RECORD, Status.STALE),
    *(Status.REFUSED, Status.UNAVAILABLE, Status.NOT_ASKED),
)
_ALWAYS = {Status.FOUND, Status.NOTHING_FOUND, Status.REFUSED, Status.UNAVAILABLE}
_CLEAR = {Status.NOTHING_FOUND, Status.INFORMATION, Status.NO_RECORD}
_OPEN = (Status.UNAVAILABLE, Status.STALE, Status.REFUSED)


def summary(report: Report, around: Surroundings, lang: str) -> Iterator[Block]:
    """Count what came of it, and name the departments where nothing was found."""
    counts = [
        say("report", "count", lang, status=say("status", status, lang), count=report.count(status))
        for status in _COUNTED
        if status in _ALWAYS or report.count(status)
    ]
    kinds = len(report.missing_kinds())
    counts.append(say("report", "not_covered", lang, count=kinds))
    yield paper.text(put("said", "counts_separator", lang).join(counts))
    clear, categories = _clear(report)
    if clear:
        names = _names(clear, around, lang)
        said = {"departments": len(clear), "categories": categories, "names": names}
        yield paper.text(put("said", "nothing_found", lang, **said))
    yield paper.small(put("said", "legend", lang))


def findings(report: Report, around: Surroundings, lang: str) -> Block:
    """List what a person should look at, with the rule and the policy that it was asked under."""
    found = [row for row in report.rows if row.status is Status.FOUND]
    if not found:
        return paper.text(put("said", "no_findings", lang))
    keys = ("number", "item", "person", "result", "department", "rule")
    rows = (
        [
            str(number),
            item(row, around, lang),
            _whom([row], report, lang),
            result(row, around, lang),
            place_name(row.department, around, lang),
            _rule(row, around, lang),
        ]
        for number, row in enumerate(found, start=1)
    )
    return paper.grid([put("column", key, lang) for key in keys], (0, 3, 0, 2, 0, 5), rows)


def results(report: Report, around: Surroundings, lang: str) -> Block:
    """List every question and its answer by department; the same about several is one line."""
    keys = ("item", "person", "result", "as_of", "note")
    asked = [row for row in report.rows if row.department and row.status is not Status.NOT_COVERED]
    rows: list[list[str]] = []
    for department in dict.fromkeys(row.department for row in asked):
        rows.append(paper.group(place_name(department, around, lang)))
        mine = [row for row in asked if row.department == department]
        rows += _merged(mine, report, around, lang)
    return paper.grid([put("column", key, lang) for key in keys], (6, 0, 3, 0, 7), rows)


def sums(report: Report, around: Surroundings, lang: str) -> Block:
    """List sums and what follows from several answers, with who contributed and who did not."""
    keys = ("item", "person", "result", "as_of", "together")
    rows = (
        [
            item(row, around, lang),
            _whom([row], report, lang),
            f"{result(row, around, lang)}{_mark(row)}",
            _day(row),
            _together(row, around, lang),
        ]
        for row in report.rows
        if row.joint
    )
    return paper.grid([put("column", key, lang) for key in keys], (4, 2, 3, 0, 5), rows)


def blind(report: Report, around: Surroundings, lang: str) -> list[str]:
    """Say what the report does not see, sentence by sentence."""
    said = [
        *_nowhere(report, around, lang),
        *_unanswered(report, around, lang),
        *_unweighed(report, around, lang),
        *_not_asked(report, around, lang),
    ]
    said = said or [put("said", "no_blind", lang)]
    return [*said, *_reach(report, around, lang), *_age(report, lang)]


def _merged(
    rows: Sequence[Row], report: Report, around: Surroundings, lang: str
) -> Iterator[list[str]]:
    same: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        outcome = f"{result(row, around, lang)}{_mark(row)}"
        note = _note(row, around, lang)
        same.setdefault((item(row, around, lang), outcome, _day(row), note), []).append(row)
    for (label, outcome, as_of, note), alike in same.items():
        yield [label, _whom(alike, report, lang), outcome, as_of, note]


def _note(row: Row, around: Surroundings, lang: str) -> str:
    found = say("status", row.status.value, lang) if row.status is Status.FOUND else ""
    why = reason(row.code, lang) if row.code else found
    return _sentences([why, *weighed(row, around, lang)], lang)


def _sentences(said: Iterable[str], lang: str) -> str:
    return put("said", "counts_separator", lang).join(filter(None, said))


def _clear(report: Report) -> tuple[list[str], int]:
    """Give departments that answered and of whose answers none is to be looked at."""
    asked = [row for row in report.rows if not row.joint and row.answer]
    loud = {row.department for row in asked if row.status not in _CLEAR}
    quiet = [row for row in asked if row.department not in loud]
    departments = list(dict.fromkeys(row.department for row in quiet))
    return departments, len({row.category for row in quiet})


def _rule(row: Row, around: Surroundings, lang: str) -> str:
    version = row.answer.policy_version if row.answer else 0
    version = version or around.policy.version
    file, _, since = row.rule.get("version", "").partition(" ")
    told = {"rule": row.rule.get(lang, ""), "version": version, "file": file, "day": since}
    rule = put("said", "finding_file" if file else "finding_rule", lang, **told)
    return _sentences([rule, *weighed(row, around, lang)], lang)


def _together(row: Row, around: Surroundings, lang: str) -> str:
    said = [_names(row.parties, around, lang)] if row.answer else []
    if row.absent:
        said.append(put("said", "missing", lang, names=_names(row.absent, around, lang)))
    if row.code:
        said.append(reason(row.code, lang))
    return _sentences([*said, *weighed(row, around, lang)], lang)


def _nowhere(report: Report, around: Surroundings, lang: str) -> Iterator[str]:
    for kind in report.missing_kinds():
        rows = [row for row in report.rows if row.department == kind]
        name = catalogue.kind(kind).label(lang)
        yield put("said", "seen_nowhere", lang, kind=name, items=_items(rows, around, lang))


def _unanswered(report: Report, around: Surroundings, lang: str) -> Iterator[str]:
    for status in _OPEN:
        rows = [row for row in report.rows if row.status is status and not _unsettled(row)]
        for department in dict.fromkeys(row.department for row in rows):
            mine = [row for row in rows if row.department == department]
            yield put(
                "said",
                "unanswered",
                lang,
                status=say("status", status.value, lang),
                department=place_name(department, around, lang),
                items=_items(mine, around, lang),
            )


def _unsettled(row: Row) -> bool:
    """Tell whether there is an answer, and only what it needs besides is not known."""
    return row.code == PARTLY and row.answer is not None


def _unweighed(report: Report, around: Surroundings, lang: str) -> Iterator[str]:
    for row in filter(_unsettled, report.rows):
        said = {"department": place_name(row.department, around, lang)}
        why = _sentences(weighed(row, around, lang), lang)
        yield put("said", "unweighed", lang, items=item(row, around, lang), why=why, **said)


def _not_asked(report: Report, around: Surroundings, lang: str) -> Iterator[str]:
    rows = [row for row in report.rows if row.status is Status.NOT_ASKED]
    for code in dict.fromkeys(row.code for row in rows):
        items = _items([row for row in rows if row.code == code], around, lang)
        yield put("said", "not_asked", lang, items=items, why=reason(code, lang))


def _reach(report: Report, around: Surroundings, lang: str) -> Iterator[str]:
    for scope in (Scope.COUNTY, Scope.CITY, Scope.PROVINCE):
        rows = [row for row in report.rows if row.answer and row.answer.scope is scope]
        names = list(dict.fromkeys(row.department for row in rows if row.department))
        if names:
            word = words.say("scope", scope.name, lang)
            yield put("said", "reach", lang, scope=word, names=_names(names, around, lang))


def _age(report: Report, lang: str) -> Iterator[str]:
    dates = [day(row.answer.as_of) for row in report.rows if row.answer]
    known = [one for one in dates if one]
    if known:
        yield put("said", "age", lang, day=min(known))


def _items(rows: Iterable[Row], around: Surroundings, lang: str) -> str:
    labels = dict.fromkeys(item(row, around, lang) for row in rows)
    return say("report", "separator", lang).join(labels)


def _names(parties: Iterable[str], around: Surroundings, lang: str) -> str:
    names = (place_name(one, around, lang) for one in parties)
    return say("report", "separator", lang).join(names)


def _whom(rows: Sequence[Row], report: Report, lang: str) -> str:
    """Give people by their numbers; a sum is about several at once."""
    found = {place for row in rows for place in (row.persons or (row.person,)) if place is not None}
    if len(found) == len(report.people) > 1:
        return say("report", "everybody", lang)
    return say("report", "separator", lang).join(str(place + 1) for place in sorted(found))


def _mark(row: Row) -> str:
    return f" {MARK}" if row.status is Status.FOUND else ""


def _day(row: Row) -> str:
    as_of = day(row.answer.as_of) if row.answer else None
    return as_of.isoformat() if as_of else ""
