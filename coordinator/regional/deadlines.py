"""Local practice as programmes' own dated files have it: their deadlines, and aid that comes first.

Knows which counts of a file's deadline and a row of ``practice.toml``: that of the closer area, of
equally close ones the file's. What begins and ends a clock stands in practice alone. Does not know
how a file is found.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from coordinator.casework.practice import ClockRule, Practice, Waiting
from coordinator.regional.sheets import Sheet

_REMEMBERED: Final = 4_096
"""Lines of files kept as they were found: statistics ask for every clock of every case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheeted(Practice):
    """Practice under the files in force; ``line_of`` gives a programme's file and its models."""

    line_of: Callable[[str, str, date], tuple[Sheet, ...]]
    _found: dict[tuple[str, str, date], tuple[Sheet, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def waiting(self, programme: str, area: str, day: date) -> Waiting:
        """Find what decisions wait for; whether aid may come first is the programme's to say.

        Raises:
            BadInput: PRACTICE_INVALID when no row is in force.
        """
        row = Practice.waiting(self, programme, area, day)
        sheets = self._line(programme, area, day)
        if sheets and _counts(sheets[0], row):
            return replace(row, emergency=sheets[0].emergency)
        return row

    def clock(self, clock_id: str, programme: str, area: str, day: date) -> ClockRule | None:
        """Find the rule of a clock that begins on a day; None where there is none."""
        row = Practice.clock(self, clock_id, programme, area, day)
        if row is None:
            return None
        for sheet in self._line(programme, area, day):
            for due in sheet.deadlines:
                if due.id == clock_id and _counts(sheet, row):
                    return replace(row, unit=due.unit, length=due.length, source=due.source)
        return row

    def _line(self, programme: str, area: str, day: date) -> tuple[Sheet, ...]:
        key = programme, area, day
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[key] = self.line_of(*key)
        return found


def _counts(sheet: Sheet, row: ClockRule | Waiting) -> bool:
    return len(sheet.span.area) >= len(row.where.area)
