"""The steps of a case's life as commands of ``hedui case``: accept to decide, history and due.

Knows arguments and what is printed. Every command is one call at the desk of lives. A paper is
named by its scan or by the scan's SHA-256: the scan itself stays where it is.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
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
from federation.errors import BadInput
from federation.terminal import (
    FolderOption,
    JsonOption,
    LangOption,
    Terminal,
    reporting,
    terminal,
)

app = typer.Typer()

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
Operator = Annotated[
    str,
    typer.Option(parser=_named, metavar="NAME", help="who does it, if nobody is logged in 经办人"),
]
Paper = Annotated[
    str | None, typer.Option("--document", help="signed paper: scan or its SHA-256 签字文书")
]
Note = Annotated[str, typer.Option(parser=_noted, metavar="TEXT", help="kept here only 备注")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="reason code 理由代码,可多次")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What the options of every step say."""

    operator: str
    document: str | None = None
    note: str = ""
    reasons: tuple[str, ...] = ()

    def by(self, desk: LifeDesk, case: str, event: Event) -> Act:
        """Make the step that is meant, by whoever is logged in and may take it.

        Raises:
            BadInput: OPERATOR_MISSING where a decision is nobody's, OPERATOR_OTHER where another
                is named than is logged in; CASE_UNKNOWN.
            Refused: as ``Gate.acting``.
        """
        name = desk.desk.gate.acting(_ACTIONS.get(event, Action.CASE_MOVE), [case])
        if name == OWNER:
            if event in _NAMED and not self.operator:
                raise BadInput("OPERATOR_MISSING", case=case)
            name = self.operator or OWNER
        elif self.operator not in {"", name}:
            raise BadInput("OPERATOR_OTHER", operator=name, named=self.operator)
        return Act(
            event=event,
            operator=name,
            reasons=self.reasons,
            document=scans.digest(self.document),
            note=self.note,
        )


@app.command()
def accept(
    case: CaseId,
    operator: Operator = "",
    document: Paper = None,
    note: Note = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Accept an application. 受理申请。"""
    given = _Given(operator=operator, document=document, note=note)
    _act(terminal(lang, json), folder, case, Event.ACCEPT, given)


@app.command()
def commission(
    case: CaseId,
    operator: Operator = "",
    document: Paper = None,
    note: Note = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Record the signed commission: no commission, no check. 登记委托书,无委托不核对。"""
    given = _Given(operator=operator, document=document, note=note)
    _act(terminal(lang, json), folder, case, Event.COMMISSION, given)


@app.command()
def visit(
    case: CaseId,
    operator: Operator = "",
    document: Paper = None,
    note: Note = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Record a field visit, beside the verification. 登记入户调查,与核对并行。"""
    given = _Given(operator=operator, document=document, note=note)
    _act(terminal(lang, json), folder, case, Event.VISIT, given)


@app.command()
def notice(
    case: CaseId,
    operator: Operator = "",
    acknowledged: Annotated[
        str | None, typer.Option(help="acknowledgement signed by the party 当事人签字的回执")
    ] = None,
    document: Paper = None,
    note: Note = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Tell the party what was found, and of the right to object. 告知当事人结果与异议权。"""
    at = terminal(lang, json)
    given = _Given(operator=operator, document=document, note=note)
    told = _Given(operator=operator, document=acknowledged)
    with _desk(folder, at) as desk:
        if not (acknowledged and desk.told(case).life.state == "NOTICED"):
            screen.moved(at, desk.act(case, given.by(desk, case, Event.NOTICE)))
        if acknowledged:
            screen.moved(at, desk.act(case, told.by(desk, case, Event.ACKNOWLEDGE)))


@app.command()
def reconfirm(
    case: CaseId,
    operator: Operator = "",
    document: Paper = None,
    note: Note = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Record the party's new declaration: one chance a case. 登记重新确认的申报,每案一次。"""
    given = _Given(operator=operator, document=document, note=note)
    _act(terminal(lang, json), folder, case, Event.RECONFIRM, given)


@app.command()
def withdraw(
    case: CaseId,
    operator: Operator = "",
    reason: Reasons = None,
    document: Paper = None,
    note: Note = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Record a voluntary withdrawal; the consent ends with it. 登记自愿退出,授权随之终止。"""
    given = _Given(operator=operator, document=document, note=note, reasons=_reasons(reason))
    _act(terminal(lang, json), folder, case, Event.WITHDRAW, given)


@app.command("object")
def objection(
    case: CaseId,
    operator: Operator = "",
    outcome: Annotated[
        Outcome | None, typer.Option(help="settle the objection so 异议处理结果")
    ] = None,
    document: Paper = None,
    note: Note = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Record a signed objection; with --outcome, how it was settled. 登记异议,或其处理结果。"""
    reasons = (outcome.name,) if outcome else ()
    given = _Given(operator=operator, document=document, note=note, reasons=reasons)
    event = Event.SETTLE if outcome else Event.OBJECT
    _act(terminal(lang, json), folder, case, event, given)


@app.command()
def decide(
    case: CaseId,
    decision: Annotated[Decision, typer.Argument(help="决定")],
    operator: Operator = "",
    reason: Reasons = None,
    to: Annotated[str, typer.Option(help="programme to transfer to 转入的项目")] = "",
    evidence: Annotated[
        str | None, typer.Option(help="new form that all have signed 新签的授权书")
    ] = None,
    propose: Annotated[
        bool, typer.Option("--propose", help="for another person to decide 仅提出建议")
    ] = False,
    document: Paper = None,
    note: Note = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Record a person's decision, with reasons. 登记人作出的决定及理由。"""
    at = terminal(lang, json)
    given = _Given(operator=operator, document=document, note=note, reasons=_reasons(reason))
    if (decision is Decision.TRANSFER) != bool(to):
        raise typer.BadParameter("--to goes with transfer", param_hint="--to")
    event = Event(decision.value)
    if event is not Event.TRANSFER and not propose:
        _act(at, folder, case, event, given)
        return
    with _desk(folder, at) as desk:
        if propose:
            screen.moved(at, desk.propose(case, given.by(desk, case, Event.PROPOSE), event))
            return
        done = desk.transfer(case, given.by(desk, case, event), to, scans.digest(evidence))
        screen.moved(at, done, desk.desk.around.programmes.programme(to).label(at.lang))


@app.command()
def emergency(
    case: CaseId,
    operator: Operator = "",
    reason: Reasons = None,
    document: Paper = None,
    note: Note = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Grant first in an emergency, verify after. 急难先行救助,事后核对。"""
    given = _Given(operator=operator, document=document, note=note, reasons=_reasons(reason))
    _act(terminal(lang, json), folder, case, Event.EMERGENCY, given)


@app.command()
def history(
    case: CaseId,
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Show a case's whole life and its clocks. 查看案件办理经过和期限。"""
    at = terminal(lang, json)
    with _desk(folder, at) as desk:
        desk.desk.gate.acting(Action.CASE_READ, [case])
        screen.history(at, desk.told(case), practice.load(), desk.desk.around)


Cases = Annotated[list[str] | None, typer.Argument(help="case numbers; none: all 案号,不写则全部")]
Area = Annotated[str, typer.Option(help="area code or its beginning 行政区划代码(可只写前几位)")]


@app.command()
def due(
    cases: Cases = None,
    area: Area = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """List what is due, the next first. 列出进行中的期限,先到期的在前。"""
    at = terminal(lang, json)
    with _desk(folder, at) as desk:
        found = desk.due(_readable(desk, cases), area)
        screen.due(at, found, "nothing_due")


@app.command()
def overdue(
    cases: Cases = None,
    area: Area = "",
    folder: FolderOption = Path(),
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """List what is overdue, the longest first. 列出超期事项。"""
    at = terminal(lang, json)
    with _desk(folder, at) as desk:
        found = desk.overdue(_readable(desk, cases), area)
        screen.due(at, found, "nothing_overdue")


@contextmanager
def _desk(folder: Path, at: Terminal) -> Iterator[LifeDesk]:
    with reporting(at), open_life(folder) as desk:
        yield desk


def _act(at: Terminal, folder: Path, case: str, event: Event, given: _Given) -> None:
    with _desk(folder, at) as desk:
        screen.moved(at, desk.act(case, given.by(desk, case, event)))


def _readable(desk: LifeDesk, cases: list[str] | None) -> list[str]:
    """Choose cases that whoever is logged in may read: those that are named, or all there are."""
    if cases:
        desk.desk.gate.acting(Action.CASE_READ, cases)
        return cases
    return desk.desk.gate.within(Action.CASE_READ, desk.desk.case_ids())


def _reasons(words: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words or ()))
