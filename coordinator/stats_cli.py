"""``hedui stats``: what the centre has done in a month, half a year or a year, and how well.

Knows arguments. Every command brings the register up to date and counts it; what is shown holds
nobody's name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from federation.errors import BadInput
from federation.terminal import (
    FolderOption,
    JsonOption,
    LangOption,
    Terminal,
    reporting,
    terminal,
)

app = typer.Typer(
    help="Statistics 统计: checks, hits, coverage, time, feedback.", no_args_is_help=True
)

Area = Annotated[str, typer.Option("--area", help="area or the beginning of one 行政区划")]
ByOption = Annotated[By, typer.Option("--by", help="break the total down by 分项方式")]
Named = Annotated[
    str, typer.Argument(help="2026, 2026H1, 2026-10 or 2026-01..2026-08 统计期", metavar="PERIOD")
]


@app.command()
def month(
    name: Annotated[str, typer.Argument(help="2026-10", metavar="MONTH")],
    area: Area = "",
    by: ByOption = By.PROGRAMME,
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Show a month. 月报。"""
    _show(terminal(lang, json), folder, (name, 1), area, by)


@app.command()
def half(
    name: Annotated[str, typer.Argument(help="2026H1", metavar="HALF")],
    area: Area = "",
    by: ByOption = By.PROGRAMME,
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Show half a year. 半年报。"""
    _show(terminal(lang, json), folder, (name, 6), area, by)


@app.command()
def year(
    name: Annotated[str, typer.Argument(help="2026", metavar="YEAR")],
    area: Area = "",
    by: ByOption = By.PROGRAMME,
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Show a year. 年报。"""
    _show(terminal(lang, json), folder, (name, 12), area, by)


@app.command()
def coverage(
    period: Named,
    area: Area = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Show how many of new and existing households were checked. 双百:新申请与在保户核对覆盖。"""
    at = terminal(lang, json)
    with _desk(folder, at, area) as desk:
        some = desk.coverage(periods.parse(period), area)
        screen.coverage(at, some, _naming(desk, at))


@app.command()
def export(
    period: Named,
    csv: Annotated[Path | None, typer.Option(help="CSV to write 写成 CSV")] = None,
    xlsx: Annotated[Path | None, typer.Option(help="workbook to write 写成 XLSX")] = None,
    html: Annotated[Path | None, typer.Option(help="page with charts 写成带图的网页")] = None,
    area: Area = "",
    by: ByOption = By.PROGRAMME,
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Write a period's statistics into files. 把统计写成文件。"""
    at = terminal(lang, json)
    if not (csv or xlsx or html):
        raise typer.BadParameter("--csv / --xlsx / --html")
    with _desk(folder, at, area) as desk:
        wanted = periods.parse(period)
        one, covered = desk.statistics(wanted, area, by), desk.coverage(wanted, area)
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


def _show(at: Terminal, folder: Path, named: tuple[str, int], area: str, by: By) -> None:
    with _desk(folder, at, area) as desk:
        one = desk.statistics(_period(*named), area, by)
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
def _desk(folder: Path, at: Terminal, area: str) -> Iterator[StatisticsDesk]:
    with reporting(at), open_statistics(folder) as desk:
        desk.desk.gate.acting(Action.STATISTICS_READ, areas=(area,))
        yield desk
