"""The desk of cases' lives: one call for each step that somebody takes, and what is due when.

Composes the transition table, local practice, working days and the end of consents. A step is
checked first and kept last: whoever is stopped in between takes it again. Does not know a command
line; who the operator is, is said by whoever calls.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from coordinator.casework import clocks, lifecycle
from coordinator.casework.cases import Case
from coordinator.casework.clocks import Level, Running, Timed
from coordinator.casework.filed import ConsentStage, FiledCase
from coordinator.casework.happened import Act, CaseEvent
from coordinator.casework.lifecycle import ENDED, Event, Fact, Life
from coordinator.casework.practice import Practice
from coordinator.casework.workdays import WorkDays
from coordinator.desk import Desk, Standing
from coordinator.life_book import LifeBook, after
from coordinator.store import Store
from federation.clock import Clock, business_date
from federation.errors import BadInput
from federation.exchange import Purpose

_UNFILED: Final = frozenset({ConsentStage.DRAFT, ConsentStage.FILED})
"""Stages of a consent in which the registrar has nothing to end; it hears of an end twice."""
_PAPER: Final = frozenset(
    {Event.COMMISSION, Event.ACKNOWLEDGE, Event.RECONFIRM, Event.OBJECT, Event.WITHDRAW}
)
"""What goes by a signed paper only."""
_HEARING: Final = "hearing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Practised:
    """By which practice, calendar and clock the desk goes, and how numbers are drawn."""

    practice: Practice
    days: WorkDays
    clock: Clock
    random: Callable[[int], bytes] = os.urandom


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A case's whole life: its standing, every step and every clock that it has started."""

    standing: Standing
    life: Life
    events: tuple[CaseEvent, ...]
    clocks: tuple[Running, ...]


class LifeDesk:
    """Everything that people do with a case besides asking."""

    def __init__(self, desk: Desk, store: Store, book: LifeBook, by: Practised) -> None:
        self.desk = desk
        self._store = store
        self._book = book
        self._practice = by.practice
        self._days = by.days
        self._clock = by.clock
        self._random = by.random

    def act(self, case_id: str, act: Act) -> CaseEvent:
        """Take a step; one that ends the case ends its consent, and asking, before it is kept.

        Raises:
            BadInput: CASE_UNKNOWN, DOCUMENT_MISSING, REASON_MISSING or REASON_UNKNOWN.
            Refused: as ``lifecycle.step``; nothing has changed.
            Refused, PeerFault, Unavailable: as ``Desk.revoke``; asking has stopped, take it again.
        """
        filed = self._checked(case_id, act)
        now = self._clock.now()
        if self._after(filed, act.event, now).state in ENDED:
            self._end(case_id)
        return self._book.act(case_id, act, now, self._waived(filed, now))

    def propose(self, case_id: str, act: Act, decision: Event) -> CaseEvent:
        """Propose a decision that another person may take; one that nobody could is refused.

        Raises:
            BadInput: CASE_UNKNOWN, REASON_MISSING or REASON_UNKNOWN.
            Refused: as ``lifecycle.step`` of the decision; nothing has changed.
        """
        (filed,) = self._store.cases([case_id])
        self._practice.check_reasons(decision, act.reasons)
        now = self._clock.now()
        self._after(filed, decision, now)
        return self._book.act(case_id, act, now)

    def transfer(self, case_id: str, act: Act, programme: str, evidence: bytes) -> CaseEvent:
        """End a case and open one of the same people in another programme: ``other`` names it.

        ``evidence`` is the SHA-256 of the new form that all have signed; without it the new case
        waits for signatures.

        Raises:
            BadInput: CASE_UNKNOWN, REASON_MISSING, REASON_UNKNOWN, PROGRAMME_UNKNOWN, or
                CASE_TRANSFER to the programme it is in.
            Refused: as ``lifecycle.step``; nothing has changed.
            Refused, PeerFault, Unavailable: as ``Desk.revoke``; asking has stopped, take it again.
        """
        filed = self._checked(case_id, act)
        to = self.desk.around.programmes.programme(programme)
        if to.id == filed.case.programme:
            raise BadInput("CASE_TRANSFER", case=case_id, programme=to.id)
        now = self._clock.now()
        self._after(filed, act.event, now)
        self._end(case_id)
        follow = _following(replace(filed.case, operator=act.operator), to.id, evidence)
        last, _ = self._book.transfer(case_id, act, (follow, filed.plan), now, self._random)
        return last

    def told(self, case_id: str) -> Told:
        """Tell a case's life.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        (standing,) = self.desk.standing([case_id])
        events = self._book.history([case_id])[case_id]
        return Told(
            standing=standing,
            life=lifecycle.told((one.event, one.state) for one in events),
            events=tuple(events),
            clocks=tuple(self._clocks(standing.filed, events, self._clock.now())),
        )

    def due(self, case_ids: Sequence[str], area: str = "") -> list[Running]:
        """List the clocks that are running in cases of an area, the next to end first.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        now = self._clock.now()
        histories = self._book.history(case_ids)
        found = [
            clock
            for filed in self._store.cases(case_ids)
            if filed.case.area.startswith(area)
            for clock in self._clocks(filed, histories[filed.id], now)
            if clock.ended is None
        ]
        return sorted(found, key=lambda one: (one.due, one.case_id, one.rule.id))

    def overdue(self, case_ids: Sequence[str], area: str = "") -> list[Running]:
        """List the clocks that have run out, the longest first.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        return [one for one in self.due(case_ids, area) if one.level is Level.OVER]

    def _checked(self, case_id: str, act: Act) -> FiledCase:
        (filed,) = self._store.cases([case_id])
        self._practice.check_reasons(act.event, act.reasons)
        if act.event in _PAPER and not act.document:
            raise BadInput("DOCUMENT_MISSING", event=act.event.value)
        return filed

    def _after(self, filed: FiledCase, event: Event, now: int) -> Life:
        """Tell what a case's life would be after an event.

        Raises:
            Refused: as ``lifecycle.step``.
        """
        (life,) = self._book.lives([filed.id]).values()
        return after(filed.id, life, event, self._waived(filed, now))

    def _end(self, case_id: str) -> None:
        """End the consent of a case that goes no further, if it has one."""
        (standing,) = self.desk.standing([case_id])
        if standing.stage not in _UNFILED:
            self.desk.revoke(case_id)

    def _waived(self, filed: FiledCase, now: int) -> frozenset[Fact]:
        """Tell what practice does without or allows; who has let the time pass was heard."""
        case = filed.case
        waived = self._practice.waiting(case.programme, case.area, business_date(now)).waived
        events = self._book.history([filed.id])[filed.id]
        heard = any(
            clock.rule.id == _HEARING and clock.level is Level.OVER
            for clock in self._clocks(filed, events, now)
        )
        return waived | ({Fact.HEARING} if heard else set())

    def _clocks(self, filed: FiledCase, events: Sequence[CaseEvent], now: int) -> list[Running]:
        state = events[-1].state if events else lifecycle.State.DRAFT
        timed = Timed(
            case_id=filed.id,
            programme=filed.case.programme,
            area=filed.case.area,
            state=state,
            moments=[
                clocks.opening(filed.opened),
                *(clocks.moment(one.event, one.at) for one in events),
            ],
        )
        return clocks.clocks(timed, self._practice, self._days, now)


def _following(case: Case, programme: str, evidence: bytes) -> Case:
    """Make the case that follows another: a new application of the same people."""
    persons = tuple(
        replace(one, signature=replace(one.signature, evidence=evidence)) for one in case.persons
    )
    return replace(case, programme=programme, purpose=Purpose.ENTRY, persons=persons)
