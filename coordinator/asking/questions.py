"""One question about one person at one department, and what was told.

Knows words only: shared by planning, asking and finding.
"""

from dataclasses import dataclass
from typing import Final

from federation.exchange import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question about one person (by place in the case) at one department."""

    person: int
    department: str
    predicate: str
    parameter: str


HOUSEHOLD: Final = -1
"""The subject of a sum over all who are no supporters; a supporter's is his place in the case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SumAsk:
    """One sum over people (by place in the case) and departments, compared at the tally.

    ``subject`` tells whose sum it is; ``after`` is empty or names a sum and its answer, ``H1=YES``,
    without which this one is not asked. A ``declared`` sum is compared with what was declared.
    """

    predicate: str
    parameter: str
    subject: int
    persons: tuple[int, ...]
    departments: tuple[str, ...]
    tally: str
    after: str = ""
    declared: bool = False

    @property
    def parts(self) -> tuple[Ask, ...]:
        """List what must be consented to: every person at every department and at the tally."""
        return tuple(
            Ask(person=one, department=party, predicate=self.predicate, parameter=self.parameter)
            for party in (*self.departments, self.tally)
            for one in self.persons
        )


@dataclass(frozen=True, slots=True)
class Covered:
    """What a consent covers, or a plan asks."""

    asks: tuple[Ask, ...] = ()
    sums: tuple[SumAsk, ...] = ()

    @property
    def parts(self) -> tuple[Ask, ...]:
        """List every question of one person at one party, those of sums among them."""
        return (*self.asks, *(part for one in self.sums for part in one.parts))

    def __bool__(self) -> bool:
        """Tell whether anything is covered at all."""
        return bool(self.asks or self.sums)

    def both(self, other: "Covered") -> "Covered":
        """Leave what another covers too."""
        asks, sums = set(other.asks), set(other.sums)
        return Covered(
            tuple(one for one in self.asks if one in asks),
            tuple(one for one in self.sums if one in sums),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SumTold:
    """A sum with its answer, YES or NO; without one, ``code`` says why, if that is known.

    ``absent`` are the parties that did not give what was asked of them. ``millis`` from the first
    request to the answer.
    """

    ask: SumAsk
    answer: Answer | None = None
    code: str = ""
    absent: tuple[str, ...] = ()
    millis: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A question with its newest answer; without one, ``code`` says why, if that is known.

    ``millis`` is how long the answer's request took.
    """

    ask: Ask
    answer: Answer | None = None
    code: str = ""
    millis: int = 0
