"""The book of cases' lives: every step, kept and logged in one transaction with what it rests on.

Knows the table and that a step is held to the transition table where it is written, so that two
commands at once cannot take two steps from one state. Does not know any programme's practice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select

from coordinator import log_entries
from coordinator.casework import lifecycle
from coordinator.casework.cases import Case
from coordinator.casework.filed import ConsentStage, FiledConsent
from coordinator.casework.happened import Act, CaseEvent
from coordinator.casework.lifecycle import ENDED, Event, Fact, Life, State
from coordinator.database import Database, chunks
from coordinator.log_book import append
from coordinator.people.firsts import First, remember
from coordinator.people.roles import Action
from coordinator.schema import case_file
from coordinator.schema_lifecycle import case_event
from coordinator.store import open_cases
from coordinator.words import say
from federation.clock import business_date
from federation.errors import BadInput, Refused, Said

_IDS: Final[Any] = bindparam("ids", expanding=True)
_EVENTS: Final = (
    select(case_event)
    .where(case_event.c.case_id.in_(_IDS))
    .order_by(case_event.c.case_id, case_event.c.number)
)
_OPERATORS: Final = select(case_file.c.case_id, case_file.c.operator).where(
    case_file.c.case_id.in_(_IDS)
)
_BEGINS: Final = frozenset({Event.PROPOSE, Event.EMERGENCY})
"""After what another person decides."""
_CONSENTED: Final = {
    ConsentStage.BLOCKED: Event.BLOCK,
    ConsentStage.READY: Event.CONSENT,
}


class LifeBook:
    """The lives of cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def history(self, case_ids: Sequence[str]) -> dict[str, list[CaseEvent]]:
        """Read what has happened to cases, in order."""
        with self._database.reading() as connection:
            return _histories(connection, case_ids)

    def lives(self, case_ids: Sequence[str]) -> dict[str, Life]:
        """Tell where cases stand."""
        return {one: _life(events) for one, events in self.history(case_ids).items()}

    def act(
        self, case_id: str, act: Act, now: int, waived: frozenset[Fact] = frozenset()
    ) -> CaseEvent:
        """Take a step; who has begun what another person decides is remembered with it.

        Raises:
            Refused: as ``lifecycle.step``; nothing has changed.
        """
        with self._database.writing() as connection:
            one = _next(connection, case_id, act, now, waived)
            _keep(connection, [one])
            if act.event in _BEGINS:
                remember(connection, _first(case_id, act), now)
        return one

    def transfer(
        self, case_id: str, act: Act, to: tuple[Case, str], now: int, random: Callable[[int], bytes]
    ) -> tuple[CaseEvent, CaseEvent]:
        """End a case and open, with its plan, the one that follows it: both or neither.

        Raises:
            Refused: as ``lifecycle.step``; nothing has changed.
        """
        with self._database.writing() as connection:
            last = _next(connection, case_id, act, now)
            (number,) = open_cases(connection, [to], now, business_date(now).year, random)
            first = Act(event=Event.FOLLOW, operator=act.operator)
            both = (
                replace(last, other=number),
                replace(_next(connection, number, first, now), other=case_id),
            )
            _keep(connection, both)
        return both

    def consented(self, consents: Mapping[str, FiledConsent], now: int) -> None:
        """Move cases on by how far their consents have come."""
        stages = {case: _CONSENTED.get(one.stage) for case, one in consents.items()}
        self._advance({case: event for case, event in stages.items() if event}, now)

    def asked(self, case_ids: Sequence[str], now: int, *, again: bool) -> None:
        """Move cases on that are about to be asked; one that is reconfirmed only by all anew."""
        states = {one: life.state for one, life in self.lives(case_ids).items()}
        waiting = set() if again else {State.RECONFIRMING}
        chosen = [one for one, state in states.items() if state not in waiting]
        self._advance(dict.fromkeys(chosen, Event.QUERY), now)

    def reported(self, case_id: str, now: int) -> None:
        """Move a case on whose report somebody has before him."""
        self._advance({case_id: Event.REPORT}, now)

    def rechecked(self, case_id: str, evidence: bytes, now: int) -> None:
        """Move a case on whose disputed question was put once more."""
        self._advance({case_id: Event.RECHECK}, now, evidence)

    def _advance(self, events: Mapping[str, Event], now: int, document: bytes = b"") -> None:
        """Take steps that come by themselves, by each case's own operator, where they may come."""
        if not self._due(events):
            return
        with self._database.writing() as connection:
            operators: dict[str, str] = {}
            for ids in chunks(list(events)):
                rows = connection.execute(_OPERATORS, {"ids": ids})
                operators |= {row.case_id: row.operator for row in rows}
            histories = _histories(connection, list(events))
            taken = []
            for case_id, event in events.items():
                act = Act(event=event, operator=operators[case_id], document=document)
                one = _taken(case_id, histories[case_id], act, now)
                taken += [one] if one else []
            _keep(connection, taken)

    def _due(self, events: Mapping[str, Event]) -> bool:
        """Look without a writer's lock whether there is any step to take."""
        lives = self.lives(list(events))
        return any(_may(lives[case_id], event) for case_id, event in events.items())


def after(case_id: str, life: Life, event: Event, waived: frozenset[Fact]) -> Life:
    """Give a case's life after an event; a refusal says in words of which case and step it is.

    Raises:
        Refused: as ``lifecycle.step``.
    """
    try:
        return lifecycle.after(life, event, waived)
    except Refused as refused:
        refused.details |= {
            "case": case_id,
            "state": _said("life_state", life.state),
            "event": _said("life_event", event),
        }
        raise


def _said(section: str, word: str) -> Said:
    return Said(zh=say(section, word, "zh"), en=say(section, word, "en"))


def over(life: Life) -> bool:
    """Tell whether a case is decided so that nothing more is asked for it."""
    return life.state in ENDED


def _may(life: Life, event: Event) -> bool:
    try:
        lifecycle.after(life, event)
    except Refused:
        return False
    return True


def _taken(case_id: str, before: Sequence[CaseEvent], act: Act, now: int) -> CaseEvent | None:
    try:
        return _made(case_id, before, act, now)
    except Refused:
        return None


def _next(
    connection: Connection,
    case_id: str,
    act: Act,
    now: int,
    waived: frozenset[Fact] = frozenset(),
) -> CaseEvent:
    known = select(case_file.c.case_id).where(case_file.c.case_id == case_id)
    if connection.scalar(known) is None:
        raise BadInput("CASE_UNKNOWN", case=case_id[:64])
    return _made(case_id, _histories(connection, [case_id])[case_id], act, now, waived)


def _made(
    case_id: str,
    before: Sequence[CaseEvent],
    act: Act,
    now: int,
    waived: frozenset[Fact] = frozenset(),
) -> CaseEvent:
    life = after(case_id, _life(before), act.event, waived)
    return CaseEvent(
        case_id=case_id,
        number=len(before) + 1,
        at=now,
        event=act.event,
        state=life.state,
        operator=act.operator,
        reasons=act.reasons,
        document=act.document,
        note=act.note,
    )


def _life(events: Sequence[CaseEvent]) -> Life:
    return lifecycle.told((one.event, one.state) for one in events)


def _histories(connection: Connection, case_ids: Sequence[str]) -> dict[str, list[CaseEvent]]:
    found: dict[str, list[CaseEvent]] = {case_id: [] for case_id in case_ids}
    for ids in chunks(case_ids):
        for row in connection.execute(_EVENTS, {"ids": ids}):
            found[row.case_id].append(_read(row))
    return found


def _keep(connection: Connection, events: Sequence[CaseEvent]) -> None:
    if events:
        connection.execute(insert(case_event), [_row(one) for one in events])
        append(connection, [log_entries.moved(one) for one in events])


def _first(case_id: str, act: Act) -> First:
    action = Action.CASE_DECIDE
    return First(subject=case_id, action=action, name=act.operator, matter=act.meant)


def _row(one: CaseEvent) -> dict[str, Any]:
    return {
        "case_id": one.case_id,
        "number": one.number,
        "at": one.at,
        "event": one.event.value,
        "state": one.state.value,
        "operator": one.operator,
        "reasons": " ".join(one.reasons),
        "document": one.document,
        "other": one.other,
        "note": one.note,
    }


def _read(row: Row[Any]) -> CaseEvent:
    return CaseEvent(
        case_id=row.case_id,
        number=row.number,
        at=row.at,
        event=Event(row.event),
        state=State(row.state),
        operator=row.operator,
        reasons=tuple(row.reasons.split()),
        document=bytes(row.document),
        other=row.other,
        note=row.note,
    )
