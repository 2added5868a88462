"""Invented resident numbers and names.

Knows the demonstration's two marks: area codes begin with 79, a province that does not exist, and
every name holds one of the characters that mean "sample". Knows no facts.
"""

from collections.abc import Iterator
from datetime import date
from random import Random

from federation.ids import check_digit
from hedui.demo.world import Person

SAMPLE_MARKS = "例示试样"
"""No real person is called "sample": a reader sees at once that a name is invented."""

_SURNAMES = "赵钱孙李周吴郑冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜"
_GIVEN = "安宁平和清远松柏禾苗田川岚溪雨霖晴朗星辰青丹玉石木林竹兰菊梅舟帆云霞㛃琇"
_AREAS = ("790301", "790302", "790401", "790402", "790501", "790502", "790601", "790701")


def resident_number(area: str, born: date, sequence: int) -> str:
    """Compose a resident number with its check digit; an odd sequence is male."""
    first17 = f"{area}{born:%Y%m%d}{sequence:03d}"
    return first17 + check_digit(first17)


def strangers(rng: Random, today: date) -> Iterator[Person]:
    """Invent adults without end, no two with the same number."""
    taken: set[str] = set()
    while True:
        born = date(rng.randrange(today.year - 80, today.year - 19), rng.randrange(1, 13), 1)
        born = born.replace(day=rng.randrange(1, 29))
        number = resident_number(rng.choice(_AREAS), born, rng.randrange(600, 900))
        if number not in taken:
            taken.add(number)
            yield Person(id=number, name=invented_name(rng))


def invented_name(rng: Random) -> str:
    """Draw a name that nobody bears; some bear the same."""
    given = rng.choice(SAMPLE_MARKS) + rng.choice(_GIVEN)
    if rng.random() < 0.05:  # names with a middle dot trip up naive comparisons
        return f"阿{rng.choice(_GIVEN)}·{given}"
    return rng.choice(_SURNAMES) + given
