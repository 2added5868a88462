"""``hedui case import``: open cases from a list, CSV or XLSX.

Knows arguments and the bar of progress; what is printed stands in ``import_screen``. Every command
is one call at the desk of case lists.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.progress import Progress as Bar

from coordinator import import_screen as screen
from coordinator.casework.cases import Case
from coordinator.imports import mapping, rejects
from coordinator.imports.importing import Chosen, Examined, ImportDesk, Progress, check_new
from coordinator.imports.mapping import Wanted
from coordinator.opening import open_imports
from coordinator.people.roles import Action
from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import FolderOption, Terminal

app = Commands()

_MAPPING_BYTES: Final = 64 * 1024
_ENDING: Final = ".rejects.xlsx"


@app.command("import")
def import_list(
    at: Terminal,
    file: Annotated[Path, typer.Argument(help="case list, CSV or XLSX 案件名单,每人一行")],
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="what a column is 某列是什么字段"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="the same for all rows 全部各行的值"),
    ] = None,
    mapping_file: Annotated[
        Path | None, typer.Option("--mapping", help="mapping file 对应表文件 (TOML)")
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="show what would be done 只看不立案")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on with a list that was stopped 从中断处继续")
    ] = False,
    plan: Annotated[str, typer.Option(help="plan with further questions 附加查询方案")] = "",
    encoding: Annotated[str, typer.Option(metavar="CODE", help="auto, utf-8, gbk")] = "auto",
    sheet: Annotated[str | None, typer.Option(help="sheet of a workbook 工作表")] = None,
    rejected: Annotated[
        Path | None, typer.Option("--rejects", help="workbook of rejected rows 拒绝名单 (XLSX)")
    ] = None,
    folder: FolderOption = Path(),
) -> None:
    """Open cases from a list; wrong rows go into a file. 按名单批量立案,有误的行另存待更正。"""
    with open_imports(folder) as desk:
        wanted = mapping.read_words(map_ or (), set_ or ()).over(_mapping(mapping_file))
        chosen = Chosen(wanted=wanted, plan=plan, encoding=_encoding(encoding), sheet=sheet)
        gate = desk.desk.gate
        operator = gate.acting(Action.CASE_READ)

        def permit(papers: Sequence[Case]) -> None:
            if preview:
                gate.acting(Action.CASE_IMPORT, papers=papers, about="preview")
            else:
                gate.opening(papers, Action.CASE_IMPORT)

        found = desk.examine(file, chosen, operator, permit)
        if not preview:
            check_new(found, resume=resume)
        screen.examined(at, found, preview=preview)
        if not preview:
            out = rejected or file.with_name(file.name + _ENDING)
            _import(desk, found, at, out, operator)
    if found.rejects:
        raise typer.Exit(1)


def _import(desk: ImportDesk, found: Examined, at: Terminal, out: Path, operator: str) -> None:
    if found.rejects:  # before any case is opened: the file must be writable
        rejects.write(out, found.header, found.rejects, at.lang)
    with _bar(at) as progress:
        done = desk.open(found, operator, progress)
    screen.imported(at, found, done, str(out) if found.rejects else "")


@contextmanager
def _bar(at: Terminal) -> Iterator[Progress]:
    """Show how far it is on a terminal; a pipe gets the end alone."""
    console = at.console()
    if at.json or not console.is_terminal:
        yield lambda _done, _all: None
        return
    with Bar(console=console) as bar:
        task = bar.add_task(at.pick("立案", "opening"), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _mapping(file: Path | None) -> Wanted:
    if file is None:
        return Wanted()
    try:
        with file.open("rb") as handle:
            return mapping.read_file(handle.read(_MAPPING_BYTES))
    except OSError as e:
        raise BadInput("FILE_MISSING", file=file.name, folder=file.parent.name) from e


def _encoding(word: str) -> Literal["auto", "utf-8", "gbk"]:
    match word:
        case "auto" | "utf-8" | "gbk":
            return word
    raise typer.BadParameter("auto, utf-8, gbk")
