"""The whole world of the tiny city: the planted stories, the poor, and everybody else.

Knows which stories the city holds and that one seed and one day always give the same world.
"""

from datetime import date
from random import Random

from hedui.demo.background import background, orphan
from hedui.demo.people import strangers
from hedui.demo.planted import (
    case_a,
    case_b,
    case_c,
    case_e,
    case_f,
)
from hedui.demo.poor import case_10, case_11, case_12
from hedui.demo.stories import Setting
from hedui.demo.tricky import case_j, case_m1, case_m2, case_n
from hedui.demo.world import Almanac, Fact, World

STANDARD_FEN = 83_000
"""The invented city's monthly dibao standard."""

_STORIES = (
    case_a,
    case_b,
    case_c,
    case_e,
    case_f,
    case_j,
    case_m1,
    case_m2,
    case_n,
    case_10,
    case_11,
    case_12,
)
_POOL = 48


def build_world(*, seed: int, today: date, standard_fen: int = STANDARD_FEN) -> World:
    """Lay the city on a day; the same arguments give the same world.

    Raises:
        ValueError: on that day the planted children would be too young or of age.
    """
    if not 2024 <= today.year <= 2030:
        raise ValueError("the demonstration city lives from 2024 to 2030")
    rng = Random(seed)  # noqa: S311 (invented people, nothing secret)
    setting = Setting(Almanac(today), standard_fen)
    stories = [tell(setting) for tell in _STORIES]
    crowd = strangers(rng, today)
    pool = [next(crowd) for _ in range(_POOL)]
    facts: list[Fact] = [fact for story in stories for fact in story.facts]
    facts += background(rng, setting, pool)
    child, about_child = orphan(setting)
    facts += about_child
    return World(
        today=today,
        standard_fen=standard_fen,
        people=(*(person for story in stories for person in story.people()), child, *pool),
        crowd=frozenset(person.id for person in (child, *pool)),
        households=tuple(story.household for story in stories),
        facts=tuple(facts),
    )
