"""The coordinator's part of the command line: open cases, have them consented, ask, show.

Knows arguments and what is printed. Every command is one call at the desk.
"""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Group
from rich.live import Live

from coordinator import clerk_screen as clerk
from coordinator import (
    closing_cli,
    erasing_cli,
    evidence_cli,
    import_cli,
    lifecycle_cli,
    log_cli,
    report_cli,
)
from coordinator.asking.conductor import Event
from coordinator.board import Board
from coordinator.casework.filed import ConsentStage
from coordinator.desk import Desk, Disputed, Ran
from coordinator.findings import report as reports
from coordinator.findings import screen
from coordinator.opening import open_desk
from coordinator.people.roles import OWNER, Action
from federation.commands import Commands
from federation.errors import BadInput
from federation.exchange import Purpose
from federation.terminal import FolderOption, Terminal

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

app = Commands(help="Cases 核对业务: open, consent, ask, show.", no_args_is_help=True)
app.registered_commands += evidence_cli.app.registered_commands
app.registered_commands += closing_cli.app.registered_commands
app.registered_commands += erasing_cli.app.registered_commands
app.registered_commands += lifecycle_cli.app.registered_commands
app.registered_commands += report_cli.app.registered_commands
app.registered_commands += import_cli.app.registered_commands
app.add_typer(log_cli.app, name="log")


def _purpose(word: str) -> Purpose:
    """Read for what a case is opened by old signatures: never for a new application."""
    if word not in Purpose.__members__ or word == Purpose.ENTRY.name:
        raise typer.BadParameter(word)
    return Purpose[word]


def _digest(word: str) -> str:
    if not _DIGEST.fullmatch(word):
        raise typer.BadParameter("64 hexadecimal digits")
    return word


CaseIds = Annotated[list[str] | None, typer.Argument(help="case numbers 案号")]
CaseId = Annotated[str, typer.Argument(help="case number 案号")]
All = Annotated[bool, typer.Option("--all", help="every case 全部案件")]


@app.command()
def new(
    at: Terminal,
    files: Annotated[list[Path], typer.Argument(help="case files 案件文件 (TOML)")],
    plan: Annotated[str, typer.Option(help="plan with further questions 附加查询方案")] = "",
    folder: FolderOption = Path(),
) -> None:
    """Open cases from files: all of them, or none. 按案件文件立案,一份有误则全部不立。"""
    with open_desk(folder) as desk:
        readings = [_reading(desk, file, plan) for file in files]
        desk.gate.opening([reading.case for reading in readings])
        numbers = desk.new([reading.case for reading in readings], plan)
        for number, reading in zip(numbers, readings, strict=True):
            clerk.opened(at, number, reading, desk.around)


@app.command()
def consent(
    at: Terminal,
    cases: CaseIds = None,
    every: All = False,
    file: Annotated[
        Path | None,
        typer.Option(help="case file with signatures that were missing 补签后的案件文件"),
    ] = None,
    folder: FolderOption = Path(),
) -> None:
    """Record consents with the registrar and fetch tokens. 登记授权并取得令牌。"""
    with open_desk(folder) as desk:
        ids = _chosen(desk, cases, every, Action.CONSENT_FILE)
        if file:
            if len(ids) != 1:
                raise BadInput("CASES_MISSING")
            signed = _reading(desk, file, "").case
            desk.gate.acting(Action.CONSENT_FILE, ids, papers=[signed])
            desk.sign(ids[0], signed)
        standing = desk.consent(ids)
        for one in standing:
            clerk.standing(at, one)
    if any(one.stage is not ConsentStage.READY for one in standing):
        raise typer.Exit(1)


@app.command()
def plan(at: Terminal, case: CaseId, folder: FolderOption = Path()) -> None:
    """Show what would be asked, of whom, and what not. 查看将提出哪些问题。"""
    with open_desk(folder) as desk:
        desk.gate.acting(Action.CASE_READ, [case])
        clerk.plan(at, case, desk.plan(case), desk.around)


@app.command()
def run(
    at: Terminal,
    cases: CaseIds = None,
    every: All = False,
    group: Annotated[
        int, typer.Option(min=1, max=1000, help="cases a request 每次请求的案件数")
    ] = 1,
    again: Annotated[
        bool, typer.Option("--again", help="ask everything anew 全部重新提问")
    ] = False,
    folder: FolderOption = Path(),
) -> None:
    """Ask all departments; run it again to go on. 向各部门提问;中断后再次运行即可继续。"""
    with open_desk(folder) as desk:
        ids = _chosen(desk, cases, every, Action.CASE_ASK)
        began = time.monotonic()
        ran = _run(desk, ids, at, group=group, again=again)
        clerk.ran(at, ran, time.monotonic() - began)
    if ran.silent or ran.failed or ran.not_ready:
        raise typer.Exit(1)


@app.command()
def show(at: Terminal, case: CaseId, folder: FolderOption = Path()) -> None:
    """Show a household's report. 查看核对报告。"""
    with open_desk(folder) as desk:
        desk.gate.acting(Action.CASE_READ, [case])
        report = desk.show(case)
        left = desk.leaving([case])
        (standing,) = desk.standing([case])
        if at.json:
            rows = {"left": [clerk.left_json(row) for row in left]}
            at.emit(reports.to_json(report) | rows | clerk.life_json(standing))
            return
        page = Group(
            clerk.life(standing, at.lang),
            screen.report(report, desk.around, at.lang),
            "",
            screen.leaving(left, desk.around, at.lang),
        )
        console = at.console()
        console.print(page) if console.is_terminal else typer.echo(screen.plain(page))


@app.command("list")
def list_cases(at: Terminal, folder: FolderOption = Path()) -> None:
    """List all cases and how far they have come. 列出全部案件。"""
    with open_desk(folder) as desk:
        ids = desk.gate.within(Action.CASE_READ, desk.case_ids())
        desk.gate.acting(Action.CASE_READ)
        clerk.listed(at, desk.standing(ids), desk.around)


@app.command()
def revoke(at: Terminal, case: CaseId, folder: FolderOption = Path()) -> None:
    """Revoke a case's consent for good. 撤销授权,不可恢复。"""
    with open_desk(folder) as desk:
        desk.gate.acting(Action.CONSENT_END, [case])
        clerk.standing(at, desk.revoke(case))


@app.command()
def suspend(at: Terminal, case: CaseId, folder: FolderOption = Path()) -> None:
    """Suspend a case's consent until it is resumed. 暂停授权,解除前不再提问。"""
    with open_desk(folder) as desk:
        desk.gate.acting(Action.CONSENT_END, [case])
        clerk.standing(at, desk.suspend(case))


@app.command()
def resume(at: Terminal, case: CaseId, folder: FolderOption = Path()) -> None:
    """Lift the centre's own suspension. 解除本中心的暂停;登记方的暂停由登记方解除。"""
    with open_desk(folder) as desk:
        desk.gate.acting(Action.CONSENT_RESUME, [case])
        clerk.standing(at, desk.resume(case))


@app.command()
def household(at: Terminal, case: CaseId, folder: FolderOption = Path()) -> None:
    """Report a changed household: all its consents end. 家庭成员变动:结束该户全部授权,须重签。"""
    with open_desk(folder) as desk:
        desk.gate.acting(Action.CONSENT_END, [case])
        for one in desk.change_household(case):
            clerk.standing(at, one)


@app.command()
def renew(
    at: Terminal,
    case: CaseId,
    trigger: Annotated[
        Purpose, typer.Option(parser=_purpose, metavar="REVIEW|MONITORING|STATUS", help="触发事由")
    ],
    folder: FolderOption = Path(),
) -> None:
    """Open a case by the signatures of this one, while aid goes on. 在保期间凭原授权立复核案。"""
    with open_desk(folder) as desk:
        by = desk.gate.acting(Action.CASE_RENEW, [case])
        clerk.standing(at, desk.renew(case, trigger, "" if by == OWNER else by))


@app.command()
def recheck(
    at: Terminal,
    case: CaseId,
    person: Annotated[int, typer.Option(min=1, help="place in the case 案件中第几人")],
    predicate: Annotated[str, typer.Option(help="question 核对项目")],
    evidence: Annotated[
        str, typer.Option(parser=_digest, help="SHA-256 of the signed objection 异议书的 SHA-256")
    ],
    parameter: Annotated[str | None, typer.Option(help="its parameter 项目参数")] = None,
    folder: FolderOption = Path(),
) -> None:
    """Put a question once more, on a signed objection. 凭签字的异议书复核一个项目,每年一次。"""
    question = Disputed(place=person - 1, predicate=predicate, parameter=parameter)
    with open_desk(folder) as desk:
        desk.gate.acting(Action.CASE_RECHECK, [case])
        done = desk.recheck(case, question, bytes.fromhex(evidence))
        clerk.rechecked(at, case, done, desk.around)
    if done.ran.silent or done.ran.refused:
        raise typer.Exit(1)


@app.command()
def retry(
    at: Terminal,
    case: CaseId,
    verdict: Annotated[Path, typer.Option(help="the auditor's signed verdict 审计员签名的结论")],
    folder: FolderOption = Path(),
) -> None:
    """Open the second attempt at an aborted sum. 凭审计员的结论再次尝试被中止的合计。"""
    with open_desk(folder) as desk:
        desk.gate.acting(Action.CASE_RETRY, [case])
        try:
            document = verdict.read_bytes()
        except OSError as e:
            raise BadInput("FILE_MISSING", file=verdict.name, folder=verdict.parent.name) from e
        desk.retry(case, document)
    at.emit({"case": case, "retry": True})
    at.say(
        f"{case}  已准备第二次尝试,请运行 hedui case run {case}",
        f"{case}  a second attempt is open: run hedui case run {case}",
    )


def _reading(desk: Desk, file: Path, plan: str) -> Any:
    try:
        with file.open("rb") as handle:
            data = handle.read(clerk.MOST_BYTES)
    except OSError as e:
        raise BadInput("FILE_MISSING", file=file.name, folder=file.parent.name) from e
    try:
        return desk.read(data, plan)
    except BadInput as e:
        e.details.setdefault("file", file.name)
        raise


def _chosen(desk: Desk, cases: Sequence[str] | None, every: bool, action: Action) -> list[str]:
    """Take the cases named, or all that whoever is logged in may have."""
    if every == bool(cases):
        raise BadInput("CASES_MISSING")
    named = list(dict.fromkeys(cases or ()))
    ids = desk.gate.within(action, desk.case_ids()) if every else named
    desk.gate.acting(action, ids)
    return ids


def _run(desk: Desk, ids: Sequence[str], at: Terminal, *, group: int, again: bool) -> Ran:
    """Ask with the board shown live on a terminal, as plain lines in a pipe, not at all in JSON."""
    board = Board(at.lang, lambda department: desk.around.manifest.party(department).name(at.lang))
    console = at.console()
    if at.json or not console.is_terminal:

        def tell(event: Event) -> None:
            if board.add(event) and not at.json:
                typer.echo(board.line(event.department))

        return desk.run(ids, tell, group=group, again=again)
    with Live(board, console=console, refresh_per_second=8):
        return desk.run(ids, lambda event: _noted(board, event), group=group, again=again)


def _noted(board: Board, event: Event) -> None:
    board.add(event)
