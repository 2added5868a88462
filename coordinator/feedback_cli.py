"""``hedui feedback``: findings go to townships, sealed answers come back, wrong data to its source.

Knows arguments; what is printed stands in ``feedback_screen``. Every command is one call at the
desk of feedback. A paper is named by its scan or by the scan's SHA-256: the scan stays where it is.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from coordinator import feedback_screen as screen
from coordinator import scans
from coordinator.feedback import sheets
from coordinator.feedback.desk import FeedbackDesk
from coordinator.feedback.tasks import Reply, Result, Task
from coordinator.opening import open_feedback
from coordinator.people.roles import Action
from federation.commands import Commands
from federation.terminal import FolderOption, Terminal

app = Commands(
    help="Feedback 核实反馈: findings to townships, sealed answers back.", no_args_is_help=True
)

_NOTE: Final = 500
_RESULTS: Final = {one.value.lower().replace("_", "-"): one for one in Result}


def _noted(word: str) -> str:
    if len(word) > _NOTE or not word.isprintable():
        raise typer.BadParameter(f"one line of at most {_NOTE} characters")
    return word


def _result(word: str) -> Result:
    if word not in _RESULTS:
        raise typer.BadParameter(" / ".join(_RESULTS))
    return _RESULTS[word]


Area = Annotated[str, typer.Option("--area", help="area or the beginning of one 行政区划")]


@app.command()
def issue(
    at: Terminal,
    cases: Annotated[list[str] | None, typer.Argument(help="case numbers 案号")] = None,
    every: Annotated[bool, typer.Option("--all", help="all reported cases 全部已出报告")] = False,
    folder: FolderOption = Path(),
) -> None:
    """Send findings to their townships, each once. 把需核实事项交办乡镇,每项只交办一次。"""
    if not cases and not every:
        raise typer.BadParameter(at.pick("写明案号,或用 --all", "name cases, or say --all"))
    with open_feedback(folder) as desk:
        gate = desk.desk.gate
        known = desk.desk.case_ids()
        chosen = cases or desk.reported(gate.within(Action.FEEDBACK_ASSIGN, known))
        by = gate.acting(Action.FEEDBACK_ASSIGN, chosen)
        issued = 0
        for task in desk.issue(chosen, by):
            issued += 1
            screen.issued(at, task)
        screen.issued_all(at, issued)


@app.command("list")
def tasks(
    at: Terminal,
    area: Area = "",
    task: Annotated[str, typer.Option("--task", help="one task 只看一项任务")] = "",
    remind: Annotated[
        bool, typer.Option("--remind", help="open, half the time gone 期限过半仍未办结")
    ] = False,
    folder: FolderOption = Path(),
) -> None:
    """List findings by township, household and category. 按乡镇、家庭、类别列出核实事项。"""
    with open_feedback(folder) as desk:
        desk.desk.gate.acting(Action.CASE_READ, about=task)
        some = [desk.task(task)] if task else desk.reminders(area) if remind else desk.tasks(area)
        screen.listed(at, desk, _mine(desk, some))


@app.command()
def answer(
    at: Terminal,
    task: Annotated[str, typer.Argument(help="task number 任务编号")],
    result: Annotated[
        Result, typer.Option("--result", parser=_result, metavar="|".join(_RESULTS), help="结果")
    ],
    document: Annotated[
        str, typer.Option("--document", help="signed and sealed: scan or SHA-256 签字盖章件")
    ],
    finding: Annotated[
        list[int] | None, typer.Option("--finding", help="numbers (default: all open) 事项序号")
    ] = None,
    exemption: Annotated[str, typer.Option(help="code, when explained 属实但不计的代码")] = "",
    note: Annotated[str, typer.Option(parser=_noted, metavar="TEXT", help="备注")] = "",
    folder: FolderOption = Path(),
) -> None:
    """Record a township's sealed answer to findings. 登记乡镇签字盖章的核实结果。"""
    with open_feedback(folder) as desk:
        given = desk.task(task)
        digest = scans.digest(document)
        still = [one.number for one in given.findings if one.reply is None]
        numbers = list(dict.fromkeys(finding or still))
        told = " ".join((task, result.value, digest.hex(), ",".join(map(str, numbers))))
        by = desk.desk.gate.acting(Action.FEEDBACK_ANSWER, [given.case_id], about=told)
        reply = Reply(
            result=result,
            document=digest,
            at=desk.now,
            operator=by,
            exemption=exemption,
            note=note,
        )
        screen.answered(at, desk.answer(task, numbers, reply), numbers)


@app.command()
def overdue(at: Terminal, area: Area = "", folder: FolderOption = Path()) -> None:
    """List what is overdue by township, and how well the loop closes. 按乡镇列出超期与闭环率。"""
    with open_feedback(folder) as desk:
        desk.desk.gate.acting(Action.CASE_READ)
        loops = desk.loops(_here(desk, area))
        screen.overdue(at, _mine(desk, desk.overdue(area)), loops)


@app.command()
def tickets(
    at: Terminal,
    department: Annotated[str, typer.Option(help="only this department's 只看一个部门")] = "",
    folder: FolderOption = Path(),
) -> None:
    """List tickets about wrong data by department. 按部门列出数据质量工单。"""
    with open_feedback(folder) as desk:
        desk.desk.gate.acting(Action.STATISTICS_READ)
        of = {one.id for one in _here(desk)}
        screen.tickets(at, [one for one, _ in desk.tickets(department, of)], desk.desk.around)


@app.command()
def export(
    at: Terminal,
    out: Annotated[Path, typer.Argument(help="folder to write into 写入的目录")],
    area: Area = "",
    folder: FolderOption = Path(),
) -> None:
    """Write a form per township, and signed tickets by department. 写出各乡镇反馈表与部门工单。"""
    with open_feedback(folder) as desk:
        some = _mine(desk, desk.tasks(area))
        desk.desk.gate.acting(Action.FEEDBACK_ASSIGN, sorted({one.case_id for one in some}))
        tickets = desk.tickets(of={one.id for one in _here(desk, area)})
        written = sheets.export(out, desk, some, tickets, at.lang)
    at.emit([str(file) for file in written])
    for file in written:
        at.say(f"已写入 {file}", f"{file} written")


def _mine(desk: FeedbackDesk, some: list[Task]) -> list[Task]:
    """Leave out tasks of cases that whoever is logged in may not read, or that were erased."""
    cases = {one.case_id for one in some}
    there = [one for one in desk.desk.case_ids() if one in cases]
    mine = set(desk.desk.gate.within(Action.CASE_READ, there))
    return [one for one in some if one.case_id in mine]


def _here(desk: FeedbackDesk, area: str = "") -> list[Task]:
    """List the tasks in the areas of whoever is logged in; to be counted, not to be shown."""
    some = desk.tasks(area)
    covered = desk.desk.gate.covering(Action.CASE_READ, {one.area for one in some})
    return [one for one in some if one.area in covered]
