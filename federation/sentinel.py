"""The misuse sentinel: what is suspicious about asking, and when a suspicion changes.

Pure rules over counts, the same at departments and at the centre. Knows no person, no store and no
clock: whoever feeds it says what was counted and when.

    VOLUME     questions of a caller (at the centre: an operator) in one hour
    HOURS      those of one day that were put outside of working time in China
    SERIES     lines opened of one quantity of one record in a year, one more if refused (node)
    BUDGET     answers that were opened of one record in a year (node)
    CROWD      tokens that one day's questions brought together under one case's reference (node)
    RELATIVE   an operator is on a case, or shares a household with somebody on it (centre)
    UNDECIDED  an operator's cases that were asked about long ago and never decided (centre)

A count can hover about a bound without an alert each time: a suspicion begins at ``suspect``, is
an alarm from ``alarm`` on and stays one down to ``suspect``, and ends below ``calm``.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from federation.clock import business_date, business_time, day_start
from federation.errors import BadInput

WORKING_TIME: Final = "08:00-18:00"
"""In China, where nobody says otherwise."""
HOUR: Final = 3_600
DAY: Final = 86_400
WORKDAYS: Final = range(5)
"""Monday to Friday; holidays are not known."""
_MINUTES: Final = 24 * 60
_WORKING: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")


class State(StrEnum):
    """How far a suspicion goes."""

    CALM = "CALM"
    SUSPECT = "SUSPECT"
    ALARM = "ALARM"


class Rule(StrEnum):
    """By what somebody is suspected."""

    VOLUME = "VOLUME"
    HOURS = "HOURS"
    SERIES = "SERIES"
    BUDGET = "BUDGET"
    CROWD = "CROWD"
    RELATIVE = "RELATIVE"
    UNDECIDED = "UNDECIDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a level is held to; calm ≤ suspect ≤ alarm, and nothing is suspected at 0."""

    calm: int
    suspect: int
    alarm: int

    def __post_init__(self) -> None:
        if not 0 < self.calm <= self.suspect <= self.alarm:
            raise ValueError("bounds rise from above 0")

    @classmethod
    def over(cls, usual: int) -> "Bounds":
        """Suspect what is more than usual: an alarm at three times that, calm below the half."""
        return cls(calm=usual // 2 + 1, suspect=usual + 1, alarm=3 * usual + 1)

    def following(self, state: State, level: int) -> State:
        """Tell what becomes of a state at a level."""
        if level >= self.alarm:
            return State.ALARM
        if level >= self.suspect:
            return State.ALARM if state is State.ALARM else State.SUSPECT
        if level < self.calm or state is State.CALM:
            return State.CALM
        return State.SUSPECT


class Key(NamedTuple):
    """What is suspected by which rule of what: of a caller, an operator, a case, a record."""

    rule: Rule
    about: str


class Change(NamedTuple):
    """A suspicion that has changed, and at which level."""

    key: Key
    was: State
    state: State
    level: int


def changes(
    known: Mapping[Key, State], levels: Mapping[Key, int], bounds: Mapping[Rule, Bounds]
) -> Iterator[Change]:
    """Tell which suspicions change; what has no level is at 0, of rules without bounds nothing is.

    ``known`` are the states before; what is not among them was calm.
    """
    for key in sorted({*known, *levels}):
        if key.rule in bounds:
            was, level = known.get(key, State.CALM), levels.get(key, 0)
            state = bounds[key.rule].following(was, level)
            if state is not was:
                yield Change(key, was, state, level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """Working time in China, in minutes of a day: from ``opens`` to before ``closes``."""

    opens: int
    closes: int

    def within(self, at: int) -> bool:
        """Tell whether a UTC second is in it."""
        time = business_time(at)
        on_duty = self.opens <= time.hour * 60 + time.minute < self.closes
        return on_duty and time.weekday() in WORKDAYS


class Traffic:
    """Questions by who asks: of this hour and the last, and outside working time by day.

    The higher one of now and before counts: a suspicion ends after an hour, or a day, in which
    nothing was suspicious, and not because a new one has begun.
    """

    def __init__(self, working: Working) -> None:
        self._working = working
        self._hours: Counter[tuple[int, str]] = Counter()
        self._days: Counter[tuple[int, str]] = Counter()

    def note(self, at: int, who: str, questions: int) -> None:
        """Count questions that somebody put at a UTC second."""
        self._hours[at // HOUR, who] += questions
        if not self._working.within(at):
            self._days[business_date(at).toordinal(), who] += questions

    def levels(self, now: int) -> dict[Key, int]:
        """Give the levels of VOLUME and HOURS, and forget what counts no more."""
        self._hours = _since(self._hours, now // HOUR - 1)
        self._days = _since(self._days, business_date(now).toordinal() - 1)
        return _highest(Rule.VOLUME, self._hours) | _highest(Rule.HOURS, self._days)


def traffic_since(now: int) -> int:
    """Tell from which UTC second on ``Traffic`` has to know all questions."""
    return day_start(now) - DAY


def working(text: str) -> Working:
    """Read working time, such as ``08:00-18:00``.

    Raises:
        BadInput: SETTINGS_INVALID.
    """
    found = _WORKING.fullmatch(text)
    if not found:
        raise _invalid("working_time")
    opens, closes = (int(h) * 60 + int(m) for h, m in (found.groups()[:2], found.groups()[2:]))
    if not opens < closes <= _MINUTES:
        raise _invalid("working_time")
    return Working(opens=opens, closes=closes)


def _since(counted: Counter[tuple[int, str]], first: int) -> Counter[tuple[int, str]]:
    return Counter({key: n for key, n in counted.items() if key[0] >= first})


def _highest(rule: Rule, counted: Counter[tuple[int, str]]) -> dict[Key, int]:
    levels: dict[Key, int] = {}
    for (_, who), n in counted.items():
        key = Key(rule, who)
        levels[key] = max(n, levels.get(key, 0))
    return levels


def _invalid(why: str) -> BadInput:
    return BadInput("SETTINGS_INVALID", file="party.toml", why=why)
