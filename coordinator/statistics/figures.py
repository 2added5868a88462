"""What is counted of checks, and what follows from counts: rates, and sums held to their total.

Pure. Knows figures; does not know tables, programmes' names or how anything looks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import reduce
from typing import Final

from coordinator.statistics.periods import Period

_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts over some checks. All add up but ``people``: who holds two entitlements is one.

    A check is a household's whole verification in one case (户次); each of its people counts once
    in it (人次). ``hits`` are checks with findings, ``findings`` their number. ``timed`` reports
    had a clock, ``late`` of them were late. ``flagged`` findings went to townships, which have
    ``answered`` some; ``tasks_due`` of their tasks had to be back, or were, ``on_time`` of them in
    time. ``sustained`` objections changed the result.
    """

    households: int = 0
    persons: int = 0
    people: int = 0
    hits: int = 0
    findings: int = 0
    timed: int = 0
    late: int = 0
    seconds: int = 0
    flagged: int = 0
    answered: int = 0
    confirmed: int = 0
    tasks_due: int = 0
    tasks_on_time: int = 0
    objected: int = 0
    sustained: int = 0
    granted: int = 0
    refused: int = 0
    left: int = 0

    def plus(self, other: "Figures") -> "Figures":
        """Add figures up, one by one."""
        return Figures(**{name: getattr(self, name) + getattr(other, name) for name in NAMES})

    @property
    def hit_rate(self) -> float | None:
        """Give the share of checks with findings."""
        return _share(self.hits, self.households)

    @property
    def precision(self) -> float | None:
        """Give the share of flagged findings that were confirmed on the spot."""
        return _share(self.confirmed, self.flagged)

    @property
    def in_time(self) -> float | None:
        """Give the share of reports that were in time."""
        return _share(self.timed - self.late, self.timed)

    @property
    def hours(self) -> float | None:
        """Give the mean time to the report, hours."""
        return _share(self.seconds, self.timed * _HOUR)

    @property
    def feedback(self) -> float | None:
        """Give the share of feedback due that came in time."""
        return _share(self.tasks_on_time, self.tasks_due)

    @property
    def upheld(self) -> float | None:
        """Give the share of objections that changed the result."""
        return _share(self.sustained, self.objected)


NAMES: Final = tuple(one.name for one in fields(Figures))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One line of a breakdown: a programme, a family of them, an area or a month."""

    key: str
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A figure whose breakdown does not add up to its total."""

    figure: str
    total: int
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Figures of a period: the total as counted by itself, and its parts. ``area`` is a prefix."""

    period: Period
    area: str
    by: str
    total: Figures
    parts: tuple[Part, ...]
    months: tuple[Part, ...]
    areas: tuple[Part, ...]
    before: Figures = field(default_factory=Figures)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """List figures whose parts do not add up to the total; both are to be shown."""
        sums = total(self.parts)
        return tuple(
            Difference(figure=name, total=getattr(self.total, name), parts=getattr(sums, name))
            for name in NAMES
            if getattr(self.total, name) != getattr(sums, name)
        )

    @property
    def change(self) -> float | None:
        """Give by how much checks have grown over the period before, as a share of it."""
        return _share(self.total.households - self.before.households, self.before.households)


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """How many there are and how many of them were checked: one of the two hundreds (双百)."""

    wanted: int
    checked: int

    @property
    def rate(self) -> float | None:
        """Give the share; None where nobody is to be checked."""
        return _share(self.checked, self.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A programme's two hundreds: new applications, and households in aid as the period began."""

    key: str
    new: Covered
    existing: Covered


def total(parts: Iterable[Part]) -> Figures:
    """Add all parts up."""
    return reduce(Figures.plus, (one.figures for one in parts), Figures())


def both(some: Sequence[Coverage]) -> Coverage:
    """Add the coverage of all programmes up."""
    new = Covered(wanted=sum(c.new.wanted for c in some), checked=sum(c.new.checked for c in some))
    existing = Covered(
        wanted=sum(c.existing.wanted for c in some), checked=sum(c.existing.checked for c in some)
    )
    return Coverage(key="", new=new, existing=existing)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
