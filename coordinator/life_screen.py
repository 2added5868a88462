"""What the commands of cases' lives print: a step that was taken, a history, what is due.

Knows lines and their JSON. No names of the people a case is about.
"""

from collections.abc import Sequence
from typing import Any, Final

from rich.table import Table

from coordinator.asking.planner import Surroundings
from coordinator.casework.clocks import Level, Running, local
from coordinator.casework.happened import CaseEvent
from coordinator.casework.lifecycle import ENDED
from coordinator.casework.practice import Practice
from coordinator.desk import Standing
from coordinator.life_desk import Told
from coordinator.words import say
from federation.terminal import Terminal

_STYLES: Final = {Level.RUNNING: "", Level.HALF: "yellow", Level.OVER: "red"}


def state(one: Standing, lang: str) -> str:
    """Word where a case stands."""
    return say("life_state", one.state.value, lang)


def moved(at: Terminal, one: CaseEvent, programme: str = "") -> None:
    """Say that a step was taken, and what came with it."""
    at.emit(event_json(one))
    event = say("life_event", one.event.value, at.lang)
    now = say("life_state", one.state.value, at.lang)
    _say(at, "moved", case=one.case_id, event=event, state=now)
    if one.other:
        _say(at, "follows", other=one.other, programme=programme)
    if one.state in ENDED:
        _say(at, "ended")


def event_json(one: CaseEvent) -> dict[str, Any]:
    """Write a step for programs."""
    return {
        "case": one.case_id,
        "number": one.number,
        "at": one.at,
        "event": one.event.value,
        "state": one.state.value,
        "operator": one.operator,
        "reasons": list(one.reasons),
        "document": one.document.hex(),
        "other": one.other,
        "note": one.note,
    }


def clock_json(one: Running) -> dict[str, Any]:
    """Write a clock for programs."""
    return {
        "case": one.case_id,
        "clock": one.rule.id,
        "began": one.began,
        "due": one.due,
        "provisional": one.provisional,
        "level": one.level.value,
        "ended": one.ended,
    }


def history(at: Terminal, one: Told, practice: Practice, around: Surroundings) -> None:
    """Show a case's life: where it stands, every step, every clock."""
    case_id = one.standing.filed.id
    at.emit(
        {
            "case": case_id,
            "state": one.life.state.value,
            "consent": one.standing.stage.value,
            "post_facto": one.life.post_facto,
            "facts": sorted(one.life.facts),
            "events": [event_json(event) for event in one.events],
            "clocks": [clock_json(clock) for clock in one.clocks],
        }
    )
    if at.json:
        return
    programme = around.programmes.programme(one.standing.filed.case.programme).label(at.lang)
    now = state(one.standing, at.lang)
    _say(at, "title", case=case_id, programme=programme, state=now)
    if one.life.post_facto:
        _say(at, "post_facto")
    _say(at, "consent", stage=say("stage", one.standing.stage.value, at.lang))
    table = Table.grid(padding=(0, 2))
    opened = say("life_event", "open", at.lang)
    table.add_row(local(one.standing.filed.opened), opened, one.standing.filed.case.operator, "")
    for event in one.events:
        words = say("life_event", event.event.value, at.lang)
        table.add_row(local(event.at), words, event.operator, _more(event, practice, at.lang))
    at.console().print(table)
    _clocks(at, one.clocks)


def due(at: Terminal, found: Sequence[Running], nothing: str) -> None:
    """List clocks; ``nothing`` names the words for none."""
    at.emit([clock_json(one) for one in found])
    if at.json:
        return
    if found:
        _clocks(at, found, named=True)
    else:
        _say(at, nothing)


def _clocks(at: Terminal, found: Sequence[Running], *, named: bool = False) -> None:
    table = Table.grid(padding=(0, 2))
    for one in found:
        when = say("life", "due", at.lang, due=local(one.due))
        told_of = one.level if one.ended is None or one.level is Level.OVER else Level.RUNNING
        level = say("life_level", told_of.name, at.lang)
        done = say("life", "ended_at", at.lang, at=local(one.ended)) if one.ended else ""
        unsure = say("life", "provisional", at.lang) if one.provisional else ""
        case = (one.case_id,) if named else ()
        told = " ".join(filter(None, (level, done, unsure)))
        table.add_row(*case, one.rule.label(at.lang), when, told, style=_STYLES[told_of])
    at.console().print(table)


def _more(one: CaseEvent, practice: Practice, lang: str) -> str:
    """Word what stands behind a step: reasons, paper, other case, note."""
    parts = []
    if one.reasons:
        words = [practice.reasons[each].label(lang) for each in one.reasons]
        separator = say("report", "separator", lang)
        parts.append(say("life", "reasons", lang, reasons=separator.join(words)))
    if one.document:
        parts.append(say("life", "document", lang, digest=one.document.hex()[:12]))
    if one.other:
        parts.append(say("life", "other", lang, other=one.other))
    if one.note:
        parts.append(say("life", "note", lang, note=one.note))
    return "  ".join(parts)


def _say(at: Terminal, key: str, **values: object) -> None:
    line = say("life", key, at.lang, **values)
    at.say(line, line)
