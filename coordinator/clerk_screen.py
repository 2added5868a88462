"""What the clerk's commands print besides reports: cases, consents, plans and runs.

Knows lines and their JSON. Masked names only; ids are never printed.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.table import Table

from coordinator.asking.planner import Plan, Surroundings
from coordinator.asking.questions import SumAsk
from coordinator.casework.cases import CASE_BYTES, Reading
from coordinator.casework.filed import ConsentStage
from coordinator.desk import Ran, Rechecked, Standing
from coordinator.findings.leaving import Leaving
from coordinator.findings.screen import item, place_name, result
from coordinator.words import reason, say
from federation import catalogue
from federation.terminal import Terminal

MOST_BYTES: Final = CASE_BYTES + 1
"""Read of a case file; one byte more than is allowed, so that too much is noticed."""


def opened(at: Terminal, number: str, reading: Reading, around: Surroundings) -> None:
    """Say that a case was opened, and what was put right in its ids."""
    case = reading.case
    at.emit(
        {
            "case": number,
            "programme": case.programme,
            "members": case.members,
            "notices": [{"person": p, "notice": n.value} for p, n in reading.notices],
        }
    )
    first = case.applicant.masked
    household = say("report", "household", at.lang, name=first, members=case.members)
    programme = around.programmes.programme(case.programme).label(at.lang)
    _say(at, "opened", case=number, household=household, programme=programme)
    for person, notice in reading.notices:
        if not at.json:
            line = say("notice", notice.value, at.lang, person=person)
            at.say(f"  {line}", f"  {line}")


def standing(at: Terminal, one: Standing) -> None:
    """Say how far a case's consent has come, and who has yet to sign."""
    at.emit(standing_json(one))
    stage = say("stage", one.stage.value, at.lang)
    if one.missing:
        people = say("report", "separator", at.lang).join(
            f"{place + 1} {one.filed.case.persons[place].masked}" for place in one.missing
        )
        _say(at, "missing", case=one.filed.id, stage=stage, people=people)
    else:
        _say(at, "consent", case=one.filed.id, stage=stage)


def life(one: Standing, lang: str) -> str:
    """Word where a case stands, and that aid came first where it did."""
    parts = [one.filed.id, say("life_state", one.state.value, lang)]
    return "  ".join(parts + ([say("life", "post_facto", lang)] if one.post_facto else []))


def life_json(one: Standing) -> dict[str, Any]:
    """Write where a case stands for programs."""
    return {"state": one.state.value, "post_facto": one.post_facto}


def standing_json(one: Standing) -> dict[str, Any]:
    """Write a case's standing for programs."""
    return {
        "case": one.filed.id,
        "programme": one.filed.case.programme,
        "consent": one.stage.value,
        "missing": [place + 1 for place in one.missing],
        "questions": one.asked,
        "answered": one.answered,
        **life_json(one),
    }


def plan(at: Terminal, case_id: str, planned: Plan, around: Surroundings) -> None:
    """Show a plan: questions by department, then what is not asked and what nobody covers."""
    at.emit(
        {
            "case": case_id,
            "asks": [{**asdict(ask), "person": ask.person + 1} for ask in planned.asks],
            "not_asked": [asdict(one) for one in planned.not_asked],
            "not_covered": [asdict(one) for one in planned.not_covered],
            "sums": [_sum_json(one) for one in planned.sums],
        }
    )
    if at.json:
        return
    by_department: dict[str, list[str]] = {}
    for ask in planned.asks:
        label = around.catalogue.predicate(ask.predicate).label(at.lang)
        by_department.setdefault(ask.department, []).append(f"{ask.person + 1} {label}")
    _say_title(at, case_id, planned, len(by_department))
    table = Table.grid(padding=(0, 2))
    separator = say("report", "separator", at.lang)
    for department, labels in by_department.items():
        table.add_row(place_name(department, around, at.lang), separator.join(labels))
    at.console().print(table)
    find = around.catalogue.predicate
    for one in planned.sums:
        names = separator.join(place_name(name, around, at.lang) for name in one.departments)
        line = say("plan", "sum", at.lang, item=find(one.predicate).label(at.lang), names=names)
        at.say(line, line)
    later = [
        f"{find(one.predicate).label(at.lang)}({reason(one.why, at.lang)})"
        for one in planned.not_asked
    ]
    missing = [
        f"{find(one.predicate).label(at.lang)}({catalogue.kind(one.kind).label(at.lang)})"
        for one in planned.not_covered
    ]
    for key, items in (("later", later), ("missing", missing)):
        if items:
            line = say("plan", key, at.lang, items=separator.join(items))
            at.say(line, line)


def _sum_json(one: SumAsk) -> dict[str, Any]:
    return {
        "predicate": one.predicate,
        "parameter": one.parameter,
        "persons": [place + 1 for place in one.persons],
        "departments": list(one.departments),
        "tally": one.tally,
        "after": one.after,
    }


def ran(at: Terminal, one: Ran, seconds: float) -> None:
    """Say what a run brought."""
    at.emit(
        {
            "answered": one.answered,
            "refused": one.refused,
            "silent": one.silent,
            "seconds": round(seconds, 3),
            "not_ready": [standing_json(standing) for standing in one.not_ready],
        }
    )
    for case in one.not_ready:
        consented = case.stage is ConsentStage.READY
        section, word = ("life_state", case.state) if consented else ("stage", case.stage)
        _say(at, "not_ready", case=case.filed.id, stage=say(section, word.value, at.lang))
    numbers = {"answered": one.answered, "refused": one.refused, "silent": one.silent}
    _say(at, "ran", **numbers, seconds=f"{seconds:.1f}")


def rechecked(at: Terminal, case_id: str, done: Rechecked, around: Surroundings) -> None:
    """Say what was told before an objection and after, department by department."""
    rows = list(zip(done.before, done.after, strict=True))
    at.emit(
        {
            "case": case_id,
            "rechecked": [
                {"department": old.department, "before": old.outcome, "after": new.outcome}
                for old, new in rows
            ],
            "refused": done.ran.refused,
            "silent": done.ran.silent,
        }
    )
    for old, new in rows:
        before, after = (result(row, around, at.lang) for row in (old, new))
        where = place_name(old.department, around, at.lang)
        what = item(old, around, at.lang)
        _say(at, "rechecked", department=where, item=what, before=before, after=after)


def listed(at: Terminal, cases: Sequence[Standing], around: Surroundings) -> None:
    """List cases."""
    at.emit([standing_json(one) for one in cases])
    if at.json:
        return
    table = Table.grid(padding=(0, 2))
    for one in cases:
        table.add_row(
            one.filed.id,
            around.programmes.programme(one.filed.case.programme).label(at.lang),
            one.filed.case.applicant.masked,
            say("stage", one.stage.value, at.lang),
            f"{one.answered}/{one.asked}",
        )
    at.console().print(table)


def left_json(row: Leaving) -> dict[str, Any]:
    """Write what left a department for programs."""
    return asdict(row)


def _say(at: Terminal, key: str, **values: object) -> None:
    line = say("desk", key, at.lang, **values)
    at.say(line, line)


def _say_title(at: Terminal, case_id: str, planned: Plan, departments: int) -> None:
    questions = len(planned.asks)
    line = say("plan", "title", at.lang, case=case_id, questions=questions, departments=departments)
    at.say(line, line)
