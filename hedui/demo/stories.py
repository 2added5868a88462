"""How a planted case is told: a household, the facts about it, the people near it.

Knows the short forms the cases are written in. Knows no case of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from hedui.demo.people import resident_number
from hedui.demo.world import (
    Almanac,
    Contribution,
    Fact,
    Household,
    HousingFund,
    Hukou,
    Income,
    Job,
    Known,
    Marriage,
    Person,
    Residence,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What every story starts from: the day it is told on and the monthly dibao standard."""

    days: Almanac
    standard_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One planted case; ``others`` live in the registers but are not part of the case."""

    household: Household
    facts: tuple[Fact, ...]
    others: tuple[Person, ...] = ()

    def people(self) -> tuple[Person, ...]:
        """Give everybody the story invents."""
        return tuple(member.person for member in self.household.members) + self.others


def invent(name: str, area: str, born: date, sequence: int) -> Person:
    """Invent a person whose number gets its right check digit."""
    return Person(id=resident_number(area, born, sequence), name=name)


def book(area: str, head: Person, *others: Person) -> list[Fact]:
    """Put people into one household book, living where they are registered."""
    number = f"{area}{head.id[10:17]}"
    facts: list[Fact] = []
    for person in (head, *others):
        facts.append(
            Hukou(person=person.id, name=person.name, book=number, head=head.id, area=area)
        )
        facts.append(Residence(person=person.id, area=area, since=person.born))
        facts += known(person, "civil_affairs", "medical_insurance")
    return facts


def known(person: Person, *departments: str) -> list[Fact]:
    """Put a person on rolls of departments."""
    return [Known(person=person.id, department=department) for department in departments]


def couple(
    first: Person, second: Person, since: date, ended: date | None = None, end: str = ""
) -> list[Fact]:
    """Marry two people; each side is a fact of its own."""
    return [
        Marriage(person=one.id, spouse=other.id, since=since, ended=ended, end=end)
        for one, other in ((first, second), (second, first))
    ]


def monthly(
    person: Person, kind: str, months: Iterable[date], amount_fen: int, payer: str
) -> list[Fact]:
    """Tax the same amount in each of the months."""
    return [
        Income(person=person.id, kind=kind, month=month, amount_fen=amount_fen, payer=payer)
        for month in months
    ]


def employed(person: Person, days: Almanac, wage_fen: int, employer: str) -> list[Fact]:
    """Give somebody a job whose one wage stands in three registers (case L)."""
    base = wage_fen * 9 // 10
    facts = monthly(person, "wage", days.year(), wage_fen, employer)
    facts += [
        Contribution(person=person.id, paid=month.replace(day=15), base_fen=base, payer="employee")
        for month in days.year()
    ]
    facts.append(
        HousingFund(
            person=person.id,
            base_fen=base,
            balance_fen=wage_fen * 2,
            last_paid=days.month(1).replace(day=20),
        )
    )
    facts.append(Job(person=person.id, employer=employer, since=days.ago(30)))
    return facts
