"""Bring the register up to date: look again at every case to which something has happened.

Knows lives, clocks and reports of cases, a group at a time. Does not know what will be counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select

from coordinator.casework import clocks
from coordinator.casework.clocks import Running, Timed
from coordinator.casework.filed import FiledCase
from coordinator.casework.happened import CaseEvent
from coordinator.casework.lifecycle import ENDED, Event, State
from coordinator.casework.practice import Practice
from coordinator.casework.workdays import WorkDays
from coordinator.database import Database, chunks
from coordinator.desk import Books, Desk
from coordinator.feedback.tasks import findings
from coordinator.schema import ask, sum_ask, sum_run
from coordinator.schema_lifecycle import case_event
from coordinator.statistics.register import Line, Numbers, Register
from federation.clock import Clock, business_date
from federation.exchange import Purpose

_GROUP: Final = 200
_IDS: Final[Any] = bindparam("ids", expanding=True)
_EVENTS: Final = (
    select(case_event.c.case_id, func.max(case_event.c.number))
    .where(case_event.c.case_id.in_(_IDS))
    .group_by(case_event.c.case_id)
)
_ANSWERS: Final = (
    select(ask.c.case_id, func.max(ask.c.answered_by))
    .where(ask.c.case_id.in_(_IDS))
    .group_by(ask.c.case_id)
)
_RUNS: Final = (
    select(sum_ask.c.case_id, func.max(sum_run.c.run_no))
    .join(sum_run, sum_run.c.sum_id == sum_ask.c.sum_id)
    .where(sum_ask.c.case_id.in_(_IDS))
    .group_by(sum_ask.c.case_id)
)
_CLOCK: Final = "report"
_SUSTAINED: Final = frozenset({"CORRECTED", "EXEMPTED"})
_GRANTS: Final = frozenset({Event.GRANT, Event.EMERGENCY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Practised:
    """By which practice, calendar and clock a report is late, and how people become numbers."""

    practice: Practice
    days: WorkDays
    clock: Clock
    numbers: Numbers


class Gathering:
    """Fills the register from the books."""

    def __init__(self, desk: Desk, books: Books, database: Database, by: Practised) -> None:
        self._desk = desk
        self._books = books
        self._database = database
        self._register = Register(database)
        self._by = by

    def refresh(self) -> int:
        """Look at all cases that have changed; give how many that were."""
        case_ids = self._desk.case_ids()
        changed = 0
        for first in range(0, len(case_ids), _GROUP):
            changed += self._refresh(case_ids[first : first + _GROUP])
        return changed

    def _refresh(self, case_ids: Sequence[str]) -> int:
        with self._database.reading() as connection:
            now = _states(connection, case_ids)
        before = self._register.seen(case_ids)
        stale = [one for one in case_ids if now[one] != before.get(one)]
        histories = self._books.life.history(stale)
        settled = [one for one in stale if not _asking(histories[one])]
        reported = [one for one in settled if _reported(histories[one])]
        found = {one.case_id: len(findings(one)) for one in self._desk.reports(reported)}
        lines = [
            self._line(filed, histories[filed.id], found.get(filed.id, 0), now[filed.id])
            for filed in self._books.store.cases(settled)
        ]
        self._register.keep(lines)
        return len(lines)

    def _line(
        self, filed: FiledCase, events: Sequence[CaseEvent], found: int, seen: str
    ) -> tuple[Line, frozenset[int]]:
        numbers, case = self._by.numbers, filed.case
        first = _reported(events)
        clock = self._clock(filed, events)
        end = next((one for one in reversed(events) if one.state in ENDED), None)
        line = Line(
            case_id=filed.id,
            programme=case.programme,
            area=case.area,
            entry=case.purpose is Purpose.ENTRY,
            month=_month(filed.opened),
            reported=_month(first) if first else 0,
            persons=len(case.persons),
            findings=found,
            seconds=(clock.ended or 0) - clock.began if clock else 0,
            timed=clock is not None,
            late=clock is not None and (clock.ended or 0) > clock.due,
            objected=any(one.event is Event.OBJECT for one in events),
            sustained=any(_SUSTAINED & set(one.reasons) for one in events),
            granted=next((_month(one.at) for one in events if one.event in _GRANTS), 0),
            ended=_month(end.at) if end else 0,
            outcome=end.event.value if end else "",
            household=numbers.of(case.applicant.id),
            seen=seen,
        )
        return line, frozenset(numbers.of(one.id) for one in case.persons)

    def _clock(self, filed: FiledCase, events: Sequence[CaseEvent]) -> Running | None:
        """Give the clock of the report, if it has run its time."""
        if not events:
            return None
        timed = Timed(
            case_id=filed.id,
            programme=filed.case.programme,
            area=filed.case.area,
            state=events[-1].state,
            moments=[
                clocks.opening(filed.opened),
                *(clocks.moment(one.event, one.at) for one in events),
            ],
        )
        running = clocks.clocks(timed, self._by.practice, self._by.days, self._by.clock.now())
        return next((one for one in running if one.rule.id == _CLOCK and one.ended), None)


def _asking(events: Sequence[CaseEvent]) -> bool:
    """Tell whether a case is being asked anew: what it said before stands until it has a report."""
    return bool(_reported(events)) and events[-1].state is State.QUERYING


def _reported(events: Sequence[CaseEvent]) -> int:
    """Tell when a case had its first report; 0 while it has none."""
    return next((one.at for one in events if one.event is Event.REPORT), 0)


def _states(connection: Connection, case_ids: Sequence[str]) -> dict[str, str]:
    """Name the state of cases: their newest event, answer and sum."""
    found: dict[str, list[int]] = {one: [0, 0, 0] for one in case_ids}
    for place, statement in enumerate((_EVENTS, _ANSWERS, _RUNS)):
        for ids in chunks(case_ids):
            for case_id, newest in connection.execute(statement, {"ids": ids}):
                found[case_id][place] = newest or 0
    return {one: ":".join(map(str, numbers)) for one, numbers in found.items()}


def _month(at: int) -> int:
    day = business_date(at)
    return day.year * 100 + day.month
