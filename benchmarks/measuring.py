"""What a benchmark is, and how its rounds become one row.

Knows medians and ratios. Does not know what is measured.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Final

ROUNDS: Final = 5
"""Fewest rounds that a median is taken of."""


class Direction(StrEnum):
    """Whether more or less is better."""

    MORE = "more"
    LESS = "less"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round's figures in the benchmark's unit, measured one right after the other."""

    ours: float
    baseline: float | None = None


Play = Callable[[], Round]
"""Measures one round."""

Stage = Callable[[Path], AbstractContextManager[Play]]
"""Sets all up in an empty folder, warmed up, and takes it down again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Something to measure; ``target`` is the ratio wanted now, None where none is set."""

    name: str
    unit: str
    direction: Direction
    target: float | None
    stage: Stage
    rounds: int = ROUNDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the results; ``ratio`` is the rounds' median, None without a baseline."""

    name: str
    ours: float
    baseline: float | None
    ratio: float | None
    unit: str
    rounds: int
    direction: Direction
    target: float | None

    @property
    def reached(self) -> bool | None:
        """Tell whether the target is reached; None where there is nothing to compare."""
        if self.ratio is None or self.target is None:
            return None
        more = self.direction is Direction.MORE
        return self.ratio >= self.target if more else self.ratio <= self.target


def measure(benchmark: Benchmark, folder: Path) -> Row:
    """Set a benchmark up in an empty folder and play its rounds.

    Raises:
        ValueError: fewer than five rounds.
        HeduiError: a part of the program failed; nothing is measured then.
    """
    if benchmark.rounds < ROUNDS:
        raise ValueError(f"a median of at least {ROUNDS} rounds")
    with benchmark.stage(folder) as play:
        played = [play() for _ in range(benchmark.rounds)]
    return summarise(benchmark, played)


def summarise(benchmark: Benchmark, played: list[Round]) -> Row:
    """Take the medians of both sides, and that of the rounds' ratios.

    The two sides of a round are measured one right after the other: what slows the machine down for
    a while slows both.
    """
    ours = median(one.ours for one in played)
    bare = [one.baseline for one in played if one.baseline is not None]
    baseline = median(bare) if bare else None
    ratios = [one.ours / one.baseline for one in played if one.baseline]
    return Row(
        name=benchmark.name,
        ours=ours,
        baseline=baseline,
        ratio=median(ratios) if ratios else None,
        unit=benchmark.unit,
        rounds=len(played),
        direction=benchmark.direction,
        target=benchmark.target,
    )
