"""The district's ordinary households: drawn from a seed, not told.

Knows of whom a household is made up and how often a poor one owns or earns what a department
records; sizes add up to the number asked for. Knows no planted case, no files, no outcome.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Final

from hedui.demo import background as tellers
from hedui.demo.people import invented_name, resident_number
from hedui.demo.stories import Setting, Story, book, couple, employed, known, monthly
from hedui.demo.world import (
    Aid,
    Contribution,
    Death,
    Fact,
    Household,
    Hukou,
    JoblessBenefit,
    Member,
    Pension,
    Person,
    RefusedOffer,
    Relation,
    Residence,
    Schooling,
)

_SIZES: Final = {1: 12, 2: 20, 3: 30, 4: 25, 5: 10, 6: 3}
"""Weights; the mean is 3.1, as in Guangming in 2015."""
_AREAS: Final = ("790301", "790302", "790401", "790402", "790501", "790502", "790601", "790701")
_PROGRAMMES: Final = {
    "DIBAO_URBAN": 38,
    "DIBAO_RURAL": 34,
    "DIBAO_MARGIN": 12,
    "RIGID_EXPENSE": 10,
    "TEMP_AID": 6,
}
_AID: Final = {"DIBAO_URBAN": "DIBAO", "DIBAO_RURAL": "DIBAO", "DIBAO_MARGIN": "MARGIN"}
_ADULT: Final = 18
_ELDER: Final = 60
_Teller = Callable[[Random, Setting, Person], list[Fact]]
_OWNING: Final[tuple[tuple[float, _Teller], ...]] = (
    (0.08, tellers.vehicle),
    (0.03, tellers.taxes),
    (0.25, tellers.real_estate("natural_resources")),
    (0.08, tellers.housing),
    (0.03, tellers.business),
    (0.12, tellers.disability),
    (0.30, tellers.account("bank_a")),
    (0.30, tellers.account("bank_b")),
    (0.15, tellers.account("bank_c")),
    (0.10, tellers.public_money),
    (0.03, tellers.real_estate("land_b")),
    (0.02, tellers.real_estate("land_c")),
    (0.05, tellers.securities),
    (0.10, tellers.insurance),
)
"""How many adults in a hundred own what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Somebody's place in a household before there is anybody."""

    relation: Relation
    age: int


def sizes(rng: Random, households: int, people: int) -> list[int]:
    """Draw household sizes from one to six that add up.

    Raises:
        ValueError: they cannot.
    """
    if not households <= people <= 6 * households:
        raise ValueError(f"{people} people do not fit {households} households")
    drawn = rng.choices(list(_SIZES), list(_SIZES.values()), k=households)
    while gap := people - sum(drawn):
        place = rng.randrange(households)
        wanted = drawn[place] + (1 if gap > 0 else -1)
        if wanted in _SIZES:
            drawn[place] = wanted
    return drawn


def neighbours(
    rng: Random, setting: Setting, drawn: list[int], taken: Collection[str]
) -> Iterator[Story]:
    """Tell of one household a size; nobody gets a number that is taken."""
    used = set(taken)
    for number, size in enumerate(drawn, start=1):
        yield _Telling(rng, setting, used).household(f"D{number:03}", size)


class _Telling:
    """One household being drawn; ``used`` grows by its people's numbers."""

    def __init__(self, rng: Random, setting: Setting, used: set[str]) -> None:
        self._rng = rng
        self._setting = setting
        self._days = setting.days
        self._used = used

    def household(self, case: str, size: int) -> Story:
        """Tell of a household of a size."""
        rng = self._rng
        area = rng.choice(_AREAS)
        places = self._places(size)
        people = [self._person(place.age) for place in places]
        programme = self._programme(places)
        in_force = programme in _AID and rng.random() < 0.7
        facts = self._registered(area, people)
        facts += self._married(places, people)
        for place, person in zip(places, people, strict=True):
            facts += self._life(place, person)
            if in_force:
                since = self._days.ago(rng.randrange(13, 70))
                facts.append(Aid(person=person.id, programme=_AID[programme], since=since))
        household = Household(
            case=case,
            programme=programme,
            area=area,
            trigger="REVIEW" if in_force else "ENTRY",
            members=tuple(
                self._member(place, person, people[0])
                for place, person in zip(places, people, strict=True)
            ),
        )
        return Story(household=household, facts=tuple(facts))

    def _places(self, size: int) -> list[_Place]:
        rng = self._rng
        alone = size == 1 or (size == 2 and rng.random() < 0.4)
        head = rng.randrange(62, 93) if alone and rng.random() < 0.6 else rng.randrange(30, 60)
        places = [_Place(relation="SELF", age=head)]
        if size > 1 and (alone or size > 2):
            places.append(_Place(relation="SPOUSE", age=max(22, head - rng.randrange(-3, 6))))
        if size >= 5 and head < 60:
            places.append(_Place(relation="PARENT", age=head + rng.randrange(20, 30)))
        while len(places) < size:
            places.append(_Place(relation="CHILD", age=rng.randrange(max(1, head - 20)) % 25))
        return places

    def _person(self, age: int) -> Person:
        """Invent somebody of that age or a year older."""
        today = self._days.today
        born = date(today.year - age - 1, 1, 1) + timedelta(days=self._rng.randrange(365))
        while True:
            number = resident_number(self._rng.choice(_AREAS), born, self._rng.randrange(600))
            if number not in self._used:
                self._used.add(number)
                return Person(id=number, name=invented_name(self._rng))

    def _programme(self, places: list[_Place]) -> str:
        if len(places) == 1 and places[0].age >= _ELDER and self._rng.random() < 0.3:
            return "TEKUN"
        return self._rng.choices(list(_PROGRAMMES), list(_PROGRAMMES.values()))[0]

    def _member(self, place: _Place, person: Person, head: Person) -> Member:
        cannot = place.age < _ADULT and person is not head
        return Member(person=person, relation=place.relation, guardian=head.id if cannot else "")

    def _registered(self, area: str, people: list[Person]) -> list[Fact]:
        """Put the household into one book, one in eight somewhere else than they live."""
        rng = self._rng
        facts = book(rng.choice(_AREAS) if rng.random() < 0.06 else area, *people)
        if rng.random() < 0.12:
            since = self._days.ago(rng.randrange(1, 30))
            facts = [
                replace(fact, area=rng.choice(_AREAS), since=since)
                if isinstance(fact, Residence)
                else fact
                for fact in facts
            ]
        if rng.random() < 0.015:  # 0.5 % of people under another name
            wrong = rng.choice(people).id
            facts = [
                replace(fact, name=invented_name(rng))
                if isinstance(fact, Hukou) and fact.person == wrong
                else fact
                for fact in facts
            ]
        return facts

    def _married(self, places: list[_Place], people: list[Person]) -> list[Fact]:
        if len(people) > 1 and places[1].relation == "SPOUSE":
            return couple(people[0], people[1], self._days.ago(self._rng.randrange(20, 240)))
        return []

    def _life(self, place: _Place, person: Person) -> list[Fact]:
        """Draw what happens to somebody of that age."""
        rng, facts = self._rng, known(person, "human_resources")
        if rng.random() < 0.25:
            facts += tellers.illness(rng, self._setting, person)
        if 15 <= place.age <= 24 and rng.random() < 0.8:
            facts += tellers.studies(rng, self._setting, person)
        elif 6 <= place.age < 15:
            facts.append(self._schooling(place, person))
        if place.age < _ADULT:
            return facts
        if place.age >= _ELDER:
            facts += self._old_age(place, person)
        else:
            facts += self._work(person)
        for share, tell in _OWNING:
            if rng.random() < share:
                facts += tell(rng, self._setting, person)
        return facts

    def _schooling(self, place: _Place, person: Person) -> Fact:
        return Schooling(
            person=person.id,
            school="例区中心学校",
            stage="compulsory",
            high_fee=self._rng.random() < 0.02,
            since=self._days.ago(12 * (place.age - 6) + 2),
        )

    def _old_age(self, place: _Place, person: Person) -> list[Fact]:
        rng = self._rng
        if place.relation != "SELF" and rng.random() < 0.01:
            died = self._days.ago(rng.randrange(1, 8))
            return [Death(person=person.id, died=died)]
        kind, fen = ("employee", 280_000) if rng.random() < 0.15 else ("resident", 21_000)
        since = self._days.ago(rng.randrange(2, 200))
        fen += rng.randrange(fen // 4)
        return [Pension(person=person.id, kind=kind, monthly_fen=fen, since=since)]

    def _work(self, person: Person) -> list[Fact]:
        rng, days, draw = self._rng, self._days, self._rng.random()
        if draw < 0.3:
            wage = min(900_000, int(rng.lognormvariate(12.1, 0.5)))
            return employed(person, days, wage, "例市某公司")
        if draw < 0.45:
            paid = days.ago(rng.randrange(14)) - timedelta(days=rng.randrange(28))
            base = rng.randrange(60_000, 300_000)
            payer = rng.choice(("flexible", "resident"))
            return [Contribution(person=person.id, paid=paid, base_fen=base, payer=payer)]
        if draw < 0.52:
            since = days.ago(rng.randrange(10))
            return [JoblessBenefit(person=person.id, since=since, until=since + timedelta(days=90))]
        if draw < 0.57:
            offers = rng.sample(range(14), 3)
            return [RefusedOffer(person=person.id, on=days.ago(back)) for back in offers]
        if draw < 0.60:
            return monthly(person, "business", [days.month(rng.randrange(14))], 45_000, "散工")
        return []
