"""``hedui case retention`` and ``erase``: how long cases are kept, and what goes then.

Knows arguments and what is printed.
"""

from pathlib import Path
from typing import Annotated

import typer

from coordinator.erasing import Kept
from coordinator.opening import open_erasing
from coordinator.people.firsts import First
from coordinator.people.roles import Action
from federation.clock import SystemClock, business_date
from federation.commands import Commands
from federation.erasure import Reason
from federation.terminal import FolderOption, Terminal

app = Commands()


@app.command()
def retention(
    at: Terminal,
    due: Annotated[
        bool, typer.Option("--due", help="only those whose time is over 仅列已到期的")
    ] = False,
    folder: FolderOption = Path(),
) -> None:
    """List ended cases and until when they are kept. 列出已结束的案件及保存期限;不删除任何内容。"""
    with open_erasing(folder) as (desk, erasing):
        desk.gate.acting(Action.CASE_READ)
        kept = erasing.kept(desk.gate.within(Action.CASE_READ, desk.case_ids()))
    now = SystemClock().now()
    for one in kept:
        if one.due(now) or not due:
            _say(at, one, due=one.due(now))


@app.command()
def erase(
    at: Terminal,
    case: Annotated[str, typer.Argument(help="case number 案号")],
    reason: Annotated[Reason, typer.Option(help="why 删除理由")] = Reason.PURPOSE_ENDED,
    approve: Annotated[
        bool, typer.Option("--approve", help="do it: another person has proposed it 批准并删除")
    ] = False,
    folder: FolderOption = Path(),
) -> None:
    """Erase the people of an ended case: first proposed, then approved. 删除案件中的人员资料。"""
    action = Action.ERASE_APPROVE if approve else Action.ERASE_PROPOSE
    with open_erasing(folder) as (desk, erasing):
        who = desk.gate.acting(action, [case], about=reason.value)
        kept = erasing.check(case, reason)
        if approve:
            erasing.erase(case, reason, who)
            erasing.compact()
        else:
            desk.gate.began(First(subject=case, action=action, name=who, matter=reason.value))
    at.emit({"case": case, "reason": reason.value, "erased": approve, "ended": kept.ended})
    if approve:
        at.say(
            f"{case}  姓名、证件号、申报内容、令牌和报告已删除;日志和统计所需的结果保留,不含任何人",
            f"{case}  numbers, names, declarations, tokens and reports are erased; the log and what"
            " statistics need stay, and name nobody",
        )
        return
    at.say(
        f"{case}  已提出删除;由另一人批准:"
        f" hedui case erase {case} --reason {reason.value} --approve",
        f"{case}  is proposed; another person approves it:"
        f" hedui case erase {case} --reason {reason.value} --approve",
    )


def _say(at: Terminal, one: Kept, *, due: bool) -> None:
    ended, until = business_date(one.ended), business_date(one.until)
    at.emit(
        {
            "case": one.case_id,
            "ended": ended.isoformat(),
            "until": until.isoformat(),
            "due": due,
        }
    )
    at.say(
        f"{one.case_id}  结束于 {ended}  保存至 {until}{'  已到期' if due else ''}",
        f"{one.case_id}  ended {ended}  kept until {until}{'  due' if due else ''}",
    )
