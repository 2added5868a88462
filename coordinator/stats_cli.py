"""``hedui stats``: what the centre has done in a month, half a year or a year, and how well.

Knows arguments. Every command brings the register up to date and counts it; what is shown holds
nobody's name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from coordinator import stats_screen as screen
from coordinator.opening import open_statistics
from coordinator.people.roles import Action
from coordinator.statistics import files, page, periods
from coordinator.statistics.columns import Naming
from coordinator.statistics.counting import By
from coordinator.statistics.desk import StatisticsDesk
from coordinator.statistics.periods import Period
from federation import keyfile
from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import FolderOption, Terminal

app = Commands(
    help="Statistics 统计: checks, hits, coverage, time, feedback.", no_args_is_help=True
)

Area = Annotated[str, typer.Option("--area", help="area or the beginning of one 行政区划")]
Named = Annotated[
    str, typer.Argument(help="2026, 2026H1, 2026-10 or 2026-01..2026-08 统计期", metavar="PERIOD")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which part of the register, and how it is broken down; its fields are options."""

    area: Area = ""
    by: Annotated[By, typer.Option(help="break the total down by 分项方式")] = By.PROGRAMME


@app.command()
def month(
    at: Terminal,
    name: Annotated[str, typer.Argument(help="2026-10", metavar="MONTH")],
    cut: Cut,
    folder: FolderOption = Path(),
) -> None:
    """Show a month. 月报。"""
    _show(at, folder, (name, 1), cut)


@app.command()
def half(
    at: Terminal,
    name: Annotated[str, typer.Argument(help="2026H1", metavar="HALF")],
    cut: Cut,
    folder: FolderOption = Path(),
) -> None:
    """Show half a year. 半年报。"""
    _show(at, folder, (name, 6), cut)


@app.command()
def year(
    at: Terminal,
    name: Annotated[str, typer.Argument(help="2026", metavar="YEAR")],
    cut: Cut,
    folder: FolderOption = Path(),
) -> None:
    """Show a year. 年报。"""
    _show(at, folder, (name, 12), cut)


@app.command()
def coverage(at: Terminal, period: Named, area: Area = "", folder: FolderOption = Path()) -> None:
    """Show how many of new and existing households were checked. 双百:新申请与在保户核对覆盖。"""
    with _desk(folder, area) as desk:
        some = desk.coverage(periods.parse(period), area)
        screen.coverage(at, some, _naming(desk, at))


@app.command()
def export(
    at: Terminal,
    period: Named,
    cut: Cut,
    csv: Annotated[Path | None, typer.Option(help="CSV to write 写成 CSV")] = None,
    xlsx: Annotated[Path | None, typer.Option(help="workbook to write 写成 XLSX")] = None,
    html: Annotated[Path | None, typer.Option(help="page with charts 写成带图的网页")] = None,
    folder: FolderOption = Path(),
) -> None:
    """Write a period's statistics into files. 把统计写成文件。"""
    if not (csv or xlsx or html):
        raise typer.BadParameter("--csv / --xlsx / --html")
    with _desk(folder, cut.area) as desk:
        wanted = periods.parse(period)
        one = desk.statistics(wanted, cut.area, cut.by)
        covered = desk.coverage(wanted, cut.area)
        naming = _naming(desk, at)
        makers: dict[Path | None, Callable[[], bytes]] = {
            csv: lambda: files.to_csv(one, naming),
            xlsx: lambda: files.to_xlsx(one, covered, naming),
            html: lambda: page.write(one, covered, naming).encode(),
        }
        written = [_written(file, make()) for file, make in makers.items() if file]
    at.emit([str(file) for file in written])
    for file in written:
        at.say(f"已写入 {file}", f"{file} written")


def _show(at: Terminal, folder: Path, named: tuple[str, int], cut: Cut) -> None:
    with _desk(folder, cut.area) as desk:
        one = desk.statistics(_period(*named), cut.area, cut.by)
        screen.show(at, one, _naming(desk, at))


def _period(name: str, months: int) -> Period:
    """Read a period of so many months."""
    period = periods.parse(name)
    if len(period.months) != months:
        raise BadInput("PERIOD_INVALID", period=name[:32])
    return period


def _naming(desk: StatisticsDesk, at: Terminal) -> Naming:
    return Naming(programmes=desk.desk.around.programmes, layout=desk.layout, lang=at.lang)


def _written(file: Path, data: bytes) -> Path:
    try:
        keyfile.write_private(file, data)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=file.name, folder=file.parent.name) from e
    return file


@contextmanager
def _desk(folder: Path, area: str) -> Iterator[StatisticsDesk]:
    with open_statistics(folder) as desk:
        desk.desk.gate.acting(Action.STATISTICS_READ, areas=(area,))
        yield desk
