"""The clocks of a case: when something is due, and how much of its time has gone.

Pure: from what has happened and the practice in force to due times. Does not keep anything and
reminds nobody.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from typing import Final

from coordinator.casework.lifecycle import ENDED, IN_FORCE, Event, State
from coordinator.casework.practice import OPENING, ClockRule, Practice, Unit
from coordinator.casework.workdays import Due, WorkDays
from federation.clock import BUSINESS_ZONE, business_date, business_time

_HOUR: Final = 3_600
_LAST: Final = timedelta(hours=23, minutes=59, seconds=59)


class Level(IntEnum):
    """What somebody is to be told: nothing yet, half the time is gone, all of it is."""

    RUNNING = 0
    HALF = 50
    OVER = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened to a case; ``name`` is an event's, or that of the opening."""

    name: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A clock of a case; ``due`` is its last second, ``provisional``: holidays may move it yet."""

    case_id: str
    rule: ClockRule
    began: int
    due: int
    provisional: bool
    level: Level
    ended: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A case as its clocks see it: what has happened, in order, the opening first."""

    case_id: str
    programme: str
    area: str
    state: State
    moments: Sequence[Moment]


def clocks(case: Timed, practice: Practice, days: WorkDays, now: int) -> list[Running]:
    """Give the clocks that a case has started; of a decided one only those that have ended."""
    found = list(_clocks(case, practice, days, now))
    if case.state in ENDED | IN_FORCE:
        return [one for one in found if one.ended is not None]
    return found


def _clocks(case: Timed, practice: Practice, days: WorkDays, now: int) -> Iterator[Running]:
    for clock_id in dict.fromkeys(rule.id for rule in practice.clocks):
        newest = _newest(case, practice, clock_id)
        if newest is None:
            continue
        rule, place = newest
        began = case.moments[place].at
        ended = next((m.at for m in case.moments[place + 1 :] if m.name in rule.ends), None)
        due, provisional = _due(rule, days, began)
        yield Running(
            case_id=case.case_id,
            rule=rule,
            began=began,
            due=due,
            provisional=provisional,
            level=_level(rule, days, began, due, ended or now),
            ended=ended,
        )


def _newest(case: Timed, practice: Practice, clock_id: str) -> tuple[ClockRule, int] | None:
    """Find the newest beginning of a clock, by the rule in force on that day."""
    for place in reversed(range(len(case.moments))):
        moment = case.moments[place]
        day = business_date(moment.at)
        rule = practice.clock(clock_id, case.programme, case.area, day)
        if rule and moment.name in rule.begins:
            return rule, place
    return None


def _due(rule: ClockRule, days: WorkDays, began: int) -> tuple[int, bool]:
    if rule.unit is Unit.HOURS:
        return began + rule.length * _HOUR, False
    first = business_date(began)
    if rule.unit is Unit.DAYS:
        last = Due(first + timedelta(days=rule.length), provisional=False)
    else:
        last = days.add(first, rule.length)
    return _last_second(last.day), last.provisional


def _last_second(day: date) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=BUSINESS_ZONE)
    return int((midnight + _LAST).timestamp())


def _level(rule: ClockRule, days: WorkDays, began: int, due: int, now: int) -> Level:
    if now > due:
        return Level.OVER
    gone, whole = now - began, rule.length * _HOUR
    if rule.unit is not Unit.HOURS:
        first, today, whole = business_date(began), business_date(now), rule.length
        gone = (today - first).days if rule.unit is Unit.DAYS else days.between(first, today)
    return Level.HALF if 2 * gone >= whole else Level.RUNNING


def local(at: int) -> str:
    """Write a time as a person at the centre reads it."""
    return business_time(at).strftime("%Y-%m-%d %H:%M")


def opening(at: int) -> Moment:
    """Say when a case was opened."""
    return Moment(name=OPENING, at=at)


def moment(event: Event, at: int) -> Moment:
    """Say when an event was."""
    return Moment(name=event.value, at=at)
