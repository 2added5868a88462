"""What is wrong at each department: people it lacks, numbers it mistyped, old data, days off.

Knows what a department would see of the world once its files are imported. Does not know how a file
is spoilt (``dirt``), nor what must be answered in spite of it (``oracle``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Final

from hedui.demo.world import Vehicle, World


class Condition(StrEnum):
    """How a department's node stands while the centre asks."""

    SOUND = "SOUND"
    SLOW = "SLOW"
    FLAPPING = "FLAPPING"
    PAUSED = "PAUSED"
    """It refuses everything at first, and answers when a consent has been withdrawn meanwhile."""
    LATE = "LATE"
    """It serves at first with a roll that is not enrolled."""
    OFFLINE = "OFFLINE"
    """It is never there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaws:
    """What is wrong at one department; by itself nothing, with data of yesterday."""

    condition: Condition = Condition.SOUND
    age_days: int = 1
    missing: frozenset[str] = frozenset()
    """People whom its registers lack."""
    mistyped: frozenset[str] = frozenset()
    """People whom it has under a number that cannot be."""
    garbled: frozenset[str] = frozenset()
    """People of whose vehicles it has no readable date."""
    left_out: frozenset[str] = frozenset()
    """Predicates that the policy allows and its catalogue does not answer."""
    doubled: bool = False
    """Some rows of its files stand there twice."""

    def filed(self, world: World) -> World:
        """Give the world that is written into its files."""
        return _without(world, self.missing)

    def seen(self, world: World) -> World:
        """Give the world that is left when its files are imported."""
        return _without(world, self.missing | self.mistyped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One department: what it sees of the world, and what is wrong there."""

    world: World
    flaws: Flaws


def see(world: World, flaws: Mapping[str, Flaws]) -> dict[str, Seen]:
    """Look at the world with the eyes of every department."""
    return {name: Seen(world=one.seen(world), flaws=one) for name, one in flaws.items()}


_CONDITIONS: Final = {
    "tax": Condition.SLOW,
    "natural_resources": Condition.LATE,
    "medical_insurance": Condition.FLAPPING,
    "finance": Condition.PAUSED,
    "land_c": Condition.OFFLINE,
}
_STALE: Final = ("housing", "market_regulation")  # one of them has not sent data for a long time
_LEAVING_OUT: Final = {
    "civil_affairs": ("P09", "P11", "P49", "P67"),
    "human_resources": ("P14", "P16", "P19", "P20"),
    "market_regulation": ("P47", "P48"),
}


def draw(
    rng: Random, world: World, departments: Sequence[str], people: Sequence[str]
) -> dict[str, Flaws]:
    """Draw the flaws of every department; only ``people`` are missing, mistyped or garbled."""
    stale = rng.choice(_STALE)
    return {
        department: replace(
            _drawn(rng, world, department, people),
            age_days=rng.randrange(46, 91)
            if department in {stale, "education"}
            else rng.randrange(1, 31),
        )
        for department in departments
    }


def _drawn(rng: Random, world: World, department: str, people: Sequence[str]) -> Flaws:
    missing = frozenset(rng.sample(people, _share(people, rng.uniform(0.02, 0.05))))
    there = [person for person in people if person not in missing]
    drivers = [person for person in there if _drives(world, person)]
    choices = _LEAVING_OUT.get(department, ())
    return Flaws(
        condition=_CONDITIONS.get(department, Condition.SOUND),
        missing=missing,
        mistyped=frozenset(rng.sample(there, _share(there, 0.01))),
        garbled=frozenset(rng.sample(drivers, _share(drivers, 0.05)))
        if department == "public_security"
        else frozenset(),
        left_out=frozenset(rng.sample(choices, 1)) if choices else frozenset(),
        doubled=True,
    )


def _drives(world: World, person: str) -> bool:
    """Tell whether somebody has a vehicle of whose date a question is asked."""
    owned = world.of(Vehicle, person)
    return any(one.kind in {"car", "truck"} and one.gone is None for one in owned)


def _share(people: Sequence[str], part: float) -> int:
    """Count a part of people, at least one where there is anybody."""
    return min(len(people), max(1, round(len(people) * part)))


def _without(world: World, gone: frozenset[str]) -> World:
    if not gone:
        return world
    return replace(world, facts=tuple(fact for fact in world.facts if fact.person not in gone))
