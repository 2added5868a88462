"""The steps of a case's life as commands of ``hedui case``: accept to decide, history and due.

Knows arguments and what is printed. Every command is one call at the desk of lives. A paper is
named by its scan or by the scan's SHA-256: the scan itself stays where it is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from coordinator import life_screen as screen
from coordinator import scans
from coordinator.casework import practice
from coordinator.casework.happened import Act
from coordinator.casework.lifecycle import Event
from coordinator.life_desk import LifeDesk
from coordinator.opening import open_life
from coordinator.people.roles import OWNER, Action
from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import FolderOption, Terminal

app = Commands()

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOTE: Final = 500
_ACTIONS: Final = {
    Event.GRANT: Action.CASE_CONFIRM,
    Event.REFUSE: Action.CASE_CONFIRM,
    Event.TRANSFER: Action.CASE_CONFIRM,
    Event.EMERGENCY: Action.CASE_DECIDE,
    Event.PROPOSE: Action.CASE_DECIDE,
}
_NAMED: Final = frozenset(_ACTIONS)
"""What only a person with a name does."""


class Decision(StrEnum):
    """What a person decides."""

    GRANT = "grant"
    REFUSE = "refuse"
    TRANSFER = "transfer"


class Outcome(StrEnum):
    """How an objection ends."""

    UPHELD = "upheld"
    CORRECTED = "corrected"
    EXEMPTED = "exempted"


def _named(word: str) -> str:
    if word and not _NAME.fullmatch(word):
        raise typer.BadParameter(word)
    return word


def _noted(word: str) -> str:
    if len(word) > _NOTE or not word.isprintable():
        raise typer.BadParameter(f"one line of at most {_NOTE} characters")
    return word


CaseId = Annotated[str, typer.Argument(help="case number 案号")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="reason code 理由代码,可多次")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Who takes a step on which paper; its fields are options."""

    operator: Annotated[
        str,
        typer.Option(
            parser=_named, metavar="NAME", help="who does it, if nobody is logged in 经办人"
        ),
    ] = ""
    document: Annotated[
        str | None, typer.Option(help="signed paper: scan or its SHA-256 签字文书")
    ] = None
    note: Annotated[
        str, typer.Option(parser=_noted, metavar="TEXT", help="kept here only 备注")
    ] = ""

    def by(
        self,
        desk: LifeDesk,
        case: str,
        event: Event,
        reasons: Iterable[str] | None = None,
        meant: str = "",
    ) -> Act:
        """Make the step that is meant, by whoever is logged in and may take it.

        ``meant`` is what is decided, in words that are the same for whoever proposes and decides.

        Raises:
            BadInput: OPERATOR_MISSING where a decision is nobody's, OPERATOR_OTHER where another
                is named than is logged in; CASE_UNKNOWN.
            Refused: as ``Gate.acting``.
        """
        name = desk.desk.gate.acting(_ACTIONS.get(event, Action.CASE_MOVE), [case], about=meant)
        if name == OWNER:
            if event in _NAMED and not self.operator:
                raise BadInput("OPERATOR_MISSING", case=case)
            name = self.operator or OWNER
        elif self.operator not in {"", name}:
            raise BadInput("OPERATOR_OTHER", operator=name, named=self.operator)
        return Act(
            event=event,
            operator=name,
            reasons=tuple(dict.fromkeys(reasons or ())),
            document=scans.digest(self.document),
            note=self.note,
            meant=meant,
        )


@app.command()
def accept(at: Terminal, case: CaseId, step: Step, folder: FolderOption = Path()) -> None:
    """Accept an application. 受理申请。"""
    with open_life(folder) as desk:
        screen.moved(at, desk.act(case, step.by(desk, case, Event.ACCEPT)))


@app.command()
def commission(at: Terminal, case: CaseId, step: Step, folder: FolderOption = Path()) -> None:
    """Record the signed commission: no commission, no check. 登记委托书,无委托不核对。"""
    with open_life(folder) as desk:
        screen.moved(at, desk.act(case, step.by(desk, case, Event.COMMISSION)))


@app.command()
def visit(at: Terminal, case: CaseId, step: Step, folder: FolderOption = Path()) -> None:
    """Record a field visit, beside the verification. 登记入户调查,与核对并行。"""
    with open_life(folder) as desk:
        screen.moved(at, desk.act(case, step.by(desk, case, Event.VISIT)))


@app.command()
def notice(
    at: Terminal,
    case: CaseId,
    step: Step,
    acknowledged: Annotated[
        str | None, typer.Option(help="acknowledgement signed by the party 当事人签字的回执")
    ] = None,
    folder: FolderOption = Path(),
) -> None:
    """Tell the party what was found, and of the right to object. 告知当事人结果与异议权。"""
    told = Step(operator=step.operator, document=acknowledged)
    with open_life(folder) as desk:
        if not (acknowledged and desk.told(case).life.state == "NOTICED"):
            screen.moved(at, desk.act(case, step.by(desk, case, Event.NOTICE)))
        if acknowledged:
            screen.moved(at, desk.act(case, told.by(desk, case, Event.ACKNOWLEDGE)))


@app.command()
def reconfirm(at: Terminal, case: CaseId, step: Step, folder: FolderOption = Path()) -> None:
    """Record the party's new declaration: one chance a case. 登记重新确认的申报,每案一次。"""
    with open_life(folder) as desk:
        screen.moved(at, desk.act(case, step.by(desk, case, Event.RECONFIRM)))


@app.command()
def withdraw(
    at: Terminal, case: CaseId, step: Step, reason: Reasons = None, folder: FolderOption = Path()
) -> None:
    """Record a voluntary withdrawal; the consent ends with it. 登记自愿退出,授权随之终止。"""
    with open_life(folder) as desk:
        screen.moved(at, desk.act(case, step.by(desk, case, Event.WITHDRAW, reason)))


@app.command("object")
def objection(
    at: Terminal,
    case: CaseId,
    step: Step,
    outcome: Annotated[
        Outcome | None, typer.Option(help="settle the objection so 异议处理结果")
    ] = None,
    folder: FolderOption = Path(),
) -> None:
    """Record a signed objection; with --outcome, how it was settled. 登记异议,或其处理结果。"""
    reasons = (outcome.name,) if outcome else ()
    event = Event.SETTLE if outcome else Event.OBJECT
    with open_life(folder) as desk:
        screen.moved(at, desk.act(case, step.by(desk, case, event, reasons)))


@app.command()
def decide(
    at: Terminal,
    case: CaseId,
    decision: Annotated[Decision, typer.Argument(help="决定")],
    step: Step,
    reason: Reasons = None,
    to: Annotated[str, typer.Option(help="programme to transfer to 转入的项目")] = "",
    evidence: Annotated[
        str | None, typer.Option(help="new form that all have signed 新签的授权书")
    ] = None,
    propose: Annotated[
        bool, typer.Option("--propose", help="for another person to decide 仅提出建议")
    ] = False,
    folder: FolderOption = Path(),
) -> None:
    """Record a person's decision, with reasons. 登记人作出的决定及理由。"""
    if (decision is Decision.TRANSFER) != bool(to):
        raise typer.BadParameter("--to goes with transfer", param_hint="--to")
    event = Event(decision.value)
    meant = " ".join(filter(None, (event.value, to, *sorted(set(reason or ())))))
    with open_life(folder) as desk:
        if propose:
            act = step.by(desk, case, Event.PROPOSE, reason, meant)
            screen.moved(at, desk.propose(case, act, event))
            return
        act = step.by(desk, case, event, reason, meant)
        if event is not Event.TRANSFER:
            screen.moved(at, desk.act(case, act))
            return
        done = desk.transfer(case, act, to, scans.digest(evidence))
        screen.moved(at, done, desk.desk.around.programmes.programme(to).label(at.lang))


@app.command()
def emergency(
    at: Terminal, case: CaseId, step: Step, reason: Reasons = None, folder: FolderOption = Path()
) -> None:
    """Grant first in an emergency, verify after. 急难先行救助,事后核对。"""
    with open_life(folder) as desk:
        screen.moved(at, desk.act(case, step.by(desk, case, Event.EMERGENCY, reason)))


@app.command()
def history(at: Terminal, case: CaseId, folder: FolderOption = Path()) -> None:
    """Show a case's whole life and its clocks. 查看案件办理经过和期限。"""
    with open_life(folder) as desk:
        desk.desk.gate.acting(Action.CASE_READ, [case])
        screen.history(at, desk.told(case), practice.load(), desk.desk.around)


Cases = Annotated[list[str] | None, typer.Argument(help="case numbers; none: all 案号,不写则全部")]
Area = Annotated[str, typer.Option(help="area code or its beginning 行政区划代码(可只写前几位)")]


@app.command()
def due(at: Terminal, cases: Cases = None, area: Area = "", folder: FolderOption = Path()) -> None:
    """List what is due, the next first. 列出进行中的期限,先到期的在前。"""
    with open_life(folder) as desk:
        found = desk.due(_readable(desk, cases), area)
        screen.due(at, found, "nothing_due")


@app.command()
def overdue(
    at: Terminal, cases: Cases = None, area: Area = "", folder: FolderOption = Path()
) -> None:
    """List what is overdue, the longest first. 列出超期事项。"""
    with open_life(folder) as desk:
        found = desk.overdue(_readable(desk, cases), area)
        screen.due(at, found, "nothing_overdue")


def _readable(desk: LifeDesk, cases: list[str] | None) -> list[str]:
    """Choose cases that whoever is logged in may read: those that are named, or all there are."""
    if cases:
        desk.desk.gate.acting(Action.CASE_READ, cases)
        return cases
    desk.desk.gate.acting(Action.CASE_READ)
    return desk.desk.gate.within(Action.CASE_READ, desk.desk.case_ids())
