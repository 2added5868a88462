"""What townships owe the centre: the deadline of a task, and what may explain a finding.

Knows ``data/feedback.toml`` and which deadline is in force. Does not know any task or finding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Final

from coordinator.casework.practice import Where
from federation.errors import BadInput
from federation.fields import Fields, read_toml
from federation.labelled import Labelled

INVALID: Final = "FEEDBACK_RULES_INVALID"
_LONGEST: Final = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """How many working days a township has, and where."""

    where: Where
    workdays: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption(Labelled):
    """Why a true finding does not count; ``predicates`` empty: whatever was found."""

    id: str
    predicates: tuple[str, ...]
    source: str

    def explains(self, predicate: str) -> bool:
        """Tell whether it may be said of a predicate's finding."""
        return not self.predicates or predicate in self.predicates


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All rows of the file."""

    deadlines: tuple[Deadline, ...]
    exemptions: Mapping[str, Exemption]

    def deadline(self, programme: str, area: str, day: date) -> Deadline:
        """Find the deadline in force.

        Raises:
            BadInput: FEEDBACK_RULES_INVALID when there is none.
        """
        fitting = [one for one in self.deadlines if one.where.fits(programme, area, day)]
        if not fitting:
            raise BadInput(INVALID, where="deadline", why=f"none for {programme} {area} on {day}")
        return max(fitting, key=lambda one: one.where.order)

    def explaining(self, predicate: str) -> list[str]:
        """List the codes that may explain a predicate's finding."""
        return [one.id for one in self.exemptions.values() if one.explains(predicate)]


@cache
def load() -> Rules:
    """Load the shipped file.

    Raises:
        BadInput: FEEDBACK_RULES_INVALID.
    """
    file = resources.files("coordinator").joinpath("data", "feedback.toml")
    return parse(file.read_text("utf-8"))


def parse(text: str) -> Rules:
    """Read the file.

    Raises:
        BadInput: FEEDBACK_RULES_INVALID with ``where`` and ``why``.
    """
    document = read_toml(text, code=INVALID, where="feedback")
    deadlines = tuple(_deadline(row) for row in document.tables("deadline"))
    named: dict[str, Exemption] = {}
    for row in document.tables("exemption"):
        one = _exemption(row)
        if one.id in named:
            raise row.fault(f"{one.id} is there twice")
        named[one.id] = one
    document.done()
    return Rules(deadlines=deadlines, exemptions=named)


def _deadline(row: Fields) -> Deadline:
    where = Where(
        programmes=row.texts("programmes"),
        area=row.text("area", blank=True),
        since=row.day("since"),
    )
    made = Deadline(
        where=where, workdays=row.integer("workdays", 1, _LONGEST), source=row.text("source")
    )
    row.done()
    return made


def _exemption(row: Fields) -> Exemption:
    made = Exemption(
        id=row.text("id"),
        predicates=row.texts("predicates"),
        zh=row.text("zh"),
        en=row.text("en"),
        source=row.text("source"),
    )
    row.done()
    return made
