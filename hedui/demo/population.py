"""The whole world of the tiny city: the planted stories, the poor, and everybody else.

Knows which stories the city holds and that one seed and one day always give the same world.
"""

from collections.abc import Sequence
from datetime import date
from random import Random

from hedui.demo.background import background, orphan
from hedui.demo.margins import case_13, case_14, case_15
from hedui.demo.people import strangers
from hedui.demo.planted import case_a, case_b, case_c, case_e, case_f
from hedui.demo.poor import case_10, case_11, case_12
from hedui.demo.rights import case_u
from hedui.demo.scattered import case_d, case_i, case_k, case_l
from hedui.demo.stories import Setting, Story
from hedui.demo.tricky import case_j, case_m1, case_m2, case_n
from hedui.demo.world import Almanac, Fact, World

STANDARD_FEN = 83_000
"""The invented city's monthly dibao standard."""

STORIES = (
    case_a,
    case_b,
    case_c,
    case_d,
    case_e,
    case_f,
    case_i,
    case_j,
    case_k,
    case_l,
    case_m1,
    case_m2,
    case_n,
    case_10,
    case_11,
    case_12,
    case_13,
    case_14,
    case_15,
    case_u,
)
_POOL = 48


def check_day(today: date) -> None:
    """Refuse a day on which the planted children would be too young or of age.

    Raises:
        ValueError: the year.
    """
    if not 2024 <= today.year <= 2030:
        raise ValueError("the demonstration city lives from 2024 to 2030")


def build_world(*, seed: int, today: date, standard_fen: int = STANDARD_FEN) -> World:
    """Lay the tiny city on a day; the same arguments give the same world.

    Raises:
        ValueError: on that day the planted children would be too young or of age.
    """
    check_day(today)
    setting = Setting(Almanac(today), standard_fen)
    rng = Random(seed)
    return lay(rng, setting, [tell(setting) for tell in STORIES], _POOL)


def lay(rng: Random, setting: Setting, stories: Sequence[Story], pool_size: int) -> World:
    """Put stories into one world, with a crowd around them that is in no case."""
    crowd = strangers(rng, setting.days.today)
    pool = [next(crowd) for _ in range(pool_size)]
    facts: list[Fact] = [fact for story in stories for fact in story.facts]
    facts += background(rng, setting, pool)
    child, about_child = orphan(setting)
    facts += about_child
    return World(
        today=setting.days.today,
        standard_fen=setting.standard_fen,
        people=(*(person for story in stories for person in story.people()), child, *pool),
        crowd=frozenset(person.id for person in (child, *pool)),
        households=tuple(story.household for story in stories),
        facts=tuple(facts),
    )
