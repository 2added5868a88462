"""Registers made up to published totals: so many households and people a programme, spread out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from random import Random

from coordinator.casework import programmes
from coordinator.statistics import layout
from coordinator.statistics.columns import Naming
from coordinator.statistics.register import Line

AREAS = ("790301", "790302", "790303")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a published line says: 户次, 人次, and with findings 户次 and 条次."""

    households: int
    persons: int
    hits: int = 0
    findings: int = 0


Filled = tuple[Line, frozenset[int]]


def lines(
    wanted: Mapping[str, Wanted], months: tuple[int, ...], *, seed: int = 1
) -> Iterator[Filled]:
    """Make lines that add up to what is wanted, in no order of months, areas or sizes."""
    draw, numbers, people = Random(seed), count(1), count(1)
    for programme, one in wanted.items():
        sizes = spread(one.persons, one.households, draw)
        found = spread(one.findings, one.hits, draw) + [0] * (one.households - one.hits)
        draw.shuffle(found)
        for persons, findings in zip(sizes, found, strict=True):
            month = draw.choice(months)
            yield (
                Line(
                    case_id=f"HD-{next(numbers)}",
                    programme=programme,
                    area=draw.choice(AREAS),
                    entry=True,
                    month=month,
                    reported=month,
                    persons=persons,
                    findings=findings,
                    household=next(numbers),
                    seen="1:1:1",
                ),
                frozenset(next(people) for _ in range(persons)),
            )


def spread(whole: int, parts: int, draw: Random) -> list[int]:
    """Cut a whole into so many parts of at least one."""
    sizes = [1] * parts
    for _ in range(whole - parts):
        sizes[draw.randrange(parts)] += 1
    return sizes


def one(number: int, **more: object) -> Filled:
    """Make a single line of its own person."""
    line = Line(
        case_id=f"HD-{number}",
        programme="TEKUN",
        area=AREAS[0],
        entry=True,
        month=202601,
        reported=202601,
        persons=1,
        household=number,
    )
    return replace(line, **more), frozenset({number})  # type: ignore[arg-type]


def naming(lang: str = "zh") -> Naming:
    """Name parts by the shipped programmes."""
    return Naming(programmes=programmes.load(), layout=layout.load(), lang=lang)
