"""``python -m benchmarks``: measure, print the table, write the results down."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.console import Console

from benchmarks import (
    ask,
    audit,
    batch,
    cases,
    enrol,
    household,
    log,
    match,
    memory,
    receipts,
    results,
    statistics,
    sum_runs,
    sums,
)
from benchmarks.measuring import Benchmark, Row, measure

BENCHMARKS: Final[Sequence[Benchmark]] = [
    *ask.BENCHMARKS,
    *audit.BENCHMARKS,
    *batch.BENCHMARKS,
    *cases.BENCHMARKS,
    *enrol.BENCHMARKS,
    *household.BENCHMARKS,
    *log.BENCHMARKS,
    *match.BENCHMARKS,
    *memory.BENCHMARKS,
    *receipts.BENCHMARKS,
    *statistics.BENCHMARKS,
    *sum_runs.BENCHMARKS,
    *sums.BENCHMARKS,
]


def chosen(prefix: str) -> list[Benchmark]:
    """List the benchmarks whose name begins so.

    Raises:
        typer.BadParameter: none does.
    """
    found = [one for one in BENCHMARKS if one.name.startswith(prefix)]
    if not found:
        names = ", ".join(one.name for one in BENCHMARKS)
        raise typer.BadParameter(f"none of {names}", param_hint="--only")
    return found


def main(
    only: Annotated[str, typer.Option(help="measure only what begins so")] = "",
    out: Annotated[Path, typer.Option(help="where results are kept")] = results.FILE,
) -> None:
    """Measure against baselines: both sides alternate in one run, medians of five rounds."""
    console = Console()
    rows: list[Row] = []
    for benchmark in chosen(only):
        with (
            TemporaryDirectory(prefix="hedui-bench-") as folder,
            console.status(benchmark.name),
        ):
            rows.append(measure(benchmark, Path(folder)))
        results.save(rows[-1:], out)
    console.print(results.table(rows))


app = typer.Typer(pretty_exceptions_enable=False)
app.command()(main)

if __name__ == "__main__":
    app()
