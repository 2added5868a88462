"""One question to one department, and how an outcome is written.

Knows what a policy parameter's id stands for, from its name and the dibao standard alone.
Deliberately does not read the policy file and uses nobody's arithmetic of dates but its own.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from hedui.demo.world import Household, Person, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question about one person of one household, put to one department."""

    world: World
    household: Household
    person: Person
    department: str
    parameter: str

    @property
    def today(self) -> date:
        """The day of asking."""
        return self.world.today

    @property
    def since(self) -> date:
        """The day the window opens; its length stands in the parameter's id, as in w12m."""
        return _back(self.today, int(self.parameter.strip("wm")))

    @property
    def year(self) -> tuple[date, date]:
        """First day of the twelve full months before this month, and the day after them."""
        first = self.today.replace(day=1)
        return first.replace(year=first.year - 1), first

    @property
    def rung(self) -> int:
        """The threshold for this household, in fen or hundredths of a square metre."""
        standard, heads = self.world.standard_fen, len(self.household.members)
        return {
            "hpf-12s": 12 * standard * heads,
            "hpf-24s": 24 * standard * heads,
            "area-30m2": 30_00 * heads,
            "capital-100k": 100_000_00,
            "vehicle-15s": 15 * standard,
        }[self.parameter]


def _back(day: date, months: int) -> date:
    """Go back month by month; a day the month lacks becomes its last."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def yes(truth: bool) -> str:  # noqa: FBT001 - a truth is all it takes
    """Write a truth."""
    return "YES" if truth else "NO"


def band(q: Question, amount: int) -> str:
    """Write how many of the edges an amount exceeds."""
    standard = q.world.standard_fen
    if q.parameter == "pension-s":
        edges = [0, standard, 2 * standard]
    else:
        edges = [standard, standard * 3 // 2, 2 * standard, 3 * standard]
    return f"BAND({len([edge for edge in edges if amount > edge])})"


def latest(q: Question, days: Iterable[date]) -> str:
    """Say whether any of the days lies within the window."""
    return yes(any(day >= q.since for day in days))


def current(q: Question, since: date, until: date | None) -> bool:
    """Tell whether something runs today; its last day is the one before ``until``."""
    return since <= q.today and (until is None or q.today < until)
