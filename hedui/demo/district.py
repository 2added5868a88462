"""The district: every planted case, ordinary households drawn around them, and each node's flaws.

Knows how large it is and that one seed and one day always give the same district. Knows no files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Final

from hedui.demo import flaws as faults
from hedui.demo.flaws import Flaws
from hedui.demo.neighbours import neighbours, sizes
from hedui.demo.population import STANDARD_FEN, STORIES, check_day, lay
from hedui.demo.rights import case_o, case_p, case_r
from hedui.demo.stories import Setting
from hedui.demo.world import Almanac, World

HOUSEHOLDS: Final = 507
PEOPLE: Final = 1_570
"""Households and people on dibao in Guangming district in August 2015."""
_POOL: Final = 150
_PLANTED: Final = (*STORIES, case_o, case_p, case_r)


@dataclass(frozen=True, slots=True, kw_only=True)
class District:
    """A world and what is wrong at each of its departments.

    ``frail`` are those whom it may be wrong about: nobody of a planted case.
    """

    world: World
    frail: frozenset[str]
    flaws: dict[str, Flaws]


def build_district(
    *, seed: int, today: date, departments: Sequence[str], households: int = HOUSEHOLDS
) -> District:
    """Lay a district on a day; a smaller one keeps the size of the mean household.

    Raises:
        ValueError: the planted children do not fit the day, or the planted cases the size.
    """
    check_day(today)
    setting = Setting(Almanac(today), STANDARD_FEN)
    rng = Random(seed)
    planted = [tell(setting) for tell in _PLANTED]
    taken = [person.id for story in planted for person in story.people()]
    people = round(PEOPLE * households / HOUSEHOLDS)
    people -= sum(len(story.household.members) for story in planted)
    drawn = sizes(rng, households - len(planted), people)
    ordinary = list(neighbours(rng, setting, drawn, taken))
    world = lay(rng, setting, [*planted, *ordinary], _POOL)
    frail = [person.id for story in ordinary for person in story.people()]
    return District(
        world=world,
        frail=frozenset(frail),
        flaws=faults.draw(rng, world, departments, frail),
    )
