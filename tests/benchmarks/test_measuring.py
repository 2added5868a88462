"""Rounds become one row: medians of both sides, and their ratio as it reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.measuring import Benchmark, Direction, Play, Round, measure, summarise


@contextmanager
def nothing(folder: Path) -> Iterator[Play]:
    """Set nothing up: for benchmarks whose rounds are given."""
    yield lambda: Round(ours=1.0)


def benchmark(direction: Direction = Direction.MORE, target: float | None = 0.5) -> Benchmark:
    """Make a benchmark of nothing."""
    return Benchmark(name="x", unit="things/s", direction=direction, target=target, stage=nothing)


def rounds(ours: list[float], baseline: list[float | None]) -> list[Round]:
    """Pair the figures up."""
    return [Round(ours=o, baseline=b) for o, b in zip(ours, baseline, strict=True)]


def test_a_row_has_the_medians_and_their_ratio() -> None:
    row = summarise(benchmark(), rounds([1, 9, 3, 2, 4], [10, 1, 6, 4, 8]))
    assert (row.ours, row.baseline, row.ratio, row.rounds) == (3, 6, 0.5, 5)


def test_without_a_baseline_there_is_no_ratio_and_nothing_to_reach() -> None:
    row = summarise(benchmark(), rounds([1, 2, 3, 4, 5], [None] * 5))
    assert (row.ours, row.baseline, row.ratio, row.reached) == (3, None, None, None)


@pytest.mark.parametrize(
    ("direction", "ours", "reached"),
    [
        (Direction.MORE, 50.0, True),
        (Direction.MORE, 49.0, False),
        (Direction.LESS, 50.0, True),
        (Direction.LESS, 51.0, False),
    ],
)
def test_a_target_is_reached_in_the_better_direction(
    direction: Direction, ours: float, reached: bool
) -> None:
    row = summarise(benchmark(direction), rounds([ours] * 5, [100.0] * 5))
    assert row.reached is reached


def test_a_benchmark_without_target_reaches_none() -> None:
    row = summarise(benchmark(target=None), rounds([1.0] * 5, [2.0] * 5))
    assert (row.ratio, row.reached) == (0.5, None)


def test_a_stage_is_set_up_once_and_taken_down(tmp_path: Path) -> None:
    told: list[str] = []

    @contextmanager
    def stage(folder: Path) -> Iterator[Play]:
        told.append(f"up in {folder.name}")

        def play() -> Round:
            told.append("round")
            return Round(ours=2.0, baseline=4.0)

        yield play
        told.append("down")

    made = Benchmark(
        name="x", unit="s", direction=Direction.LESS, target=None, stage=stage, rounds=6
    )
    assert measure(made, tmp_path).rounds == 6
    assert told == [f"up in {tmp_path.name}", *["round"] * 6, "down"]


def test_fewer_than_five_rounds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 5"):
        measure(replace(benchmark(), rounds=4), tmp_path)
