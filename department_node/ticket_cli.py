"""``hedui node ticket``: what a centre says is wrong with an answer, beside the answer as logged.

Knows arguments and what is printed. Changes nothing, and shows nobody: a record is found by the
exchange, in the department's own systems.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from department_node import node as nodes
from department_node.beside import beside
from department_node.looks_screen import MARKS
from department_node.screen import columns
from federation import catalogue, limits, ticket, words
from federation import party as parties
from federation.catalogue import JOINT, Predicate
from federation.clock import SystemClock, business_date
from federation.commands import Commands
from federation.errors import BadInput, HeduiError, Refused
from federation.exchange import Answer, outcome_text
from federation.manifest import PartyRole
from federation.party import Party
from federation.policy import Parameter
from federation.terminal import FolderOption, Terminal, exit_code, show
from federation.ticket import Ticket

app = Commands()

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="QT-….json, as the centre wrote it 工单文件")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A ticket to this department, and its own answer; None: none is in the log, or none is left.

    ``parameter`` is None where the policy in force has no such value.
    """

    ticket: Ticket
    predicate: Predicate
    parameter: Parameter | None
    own: Answer | None

    @property
    def code(self) -> str:
        """The own answer as reports write it."""
        return outcome_text(self.own, self.predicate.values) if self.own else ""

    @property
    def same(self) -> bool | None:
        """Whether the ticket says what the log does; of a share in a sum it says nothing."""
        if self.own is None:
            return None
        said = self.ticket.outcome, self.ticket.as_of
        return self.ticket.run or said == (self.code, self.own.as_of)

    def worded(self, lang: str) -> str:
        """Give the own answer in plain words."""
        return words.outcome(self.own, self.predicate, self.parameter, lang) if self.own else ""


@app.command("ticket")
def read_all(at: Terminal, files: Files, folder: FolderOption) -> None:
    """核对数据质量工单 Verify a centre's tickets about wrong data; show what was answered here."""
    party = parties.load(folder, PartyRole.NODE, SystemClock().now())
    code = max([_judged(at, party, file) for file in files])
    if code:
        raise typer.Exit(code)


def _judged(at: Terminal, party: Party, file: Path) -> int:
    """Show a ticket, or why it is refused; give the code to end with."""
    try:
        found = _read(party, ticket.read(_bytes(file), party.manifest))
    except HeduiError as error:
        error.details.setdefault("file", file.name)
        show(error, at)
        return exit_code(error)
    _emit(at, found)
    centre = party.manifest.party(found.ticket.centre).name(at.lang)
    rows = columns(_rows(at, found, centre), indent=2)
    at.say(f"{found.ticket.ticket}\n{rows}", f"{found.ticket.ticket}\n{rows}")
    return 0


def _read(party: Party, one: Ticket) -> _Read:
    """Put beside a ticket what this department answered.

    Raises:
        Refused: TICKET_ELSEWHERE or TICKET_OTHER_QUESTION.
    """
    if one.department != party.id:
        raise Refused("TICKET_ELSEWHERE", department=one.department)
    return _Read(
        ticket=one,
        predicate=catalogue.load().predicate(one.predicate),
        parameter=party.policy.parameters.get(one.parameter),
        own=_own(nodes.data_folder(party.folder), one),
    )


def _own(data: Path, one: Ticket) -> Answer | None:
    with beside(data) as state:
        if one.run:
            share = state.contributions.find(one.exchange)
            return share.answer if share else None
        found = state.told(one.centre, one.exchange, one.position)
    if found is None:
        return None
    question, answer = found
    if (question.predicate, question.parameter) != (one.predicate, one.parameter):
        asked = f"{question.predicate} {question.parameter}".rstrip()
        raise Refused("TICKET_OTHER_QUESTION", question=asked, ticket=one.ticket)
    return answer


def _emit(at: Terminal, found: _Read) -> None:
    one, own = found.ticket, found.own
    logged = {"answer": found.code, "words": found.worded(at.lang)}
    at.emit(
        {
            "ticket": one.ticket,
            "centre": one.centre,
            "issued": one.issued,
            "fault": one.fault.value,
            "predicate": one.predicate,
            "parameter": one.parameter,
            "question": words.question(found.predicate, found.parameter, at.lang),
            "said": one.outcome or None,
            "as_of": words.day(one.as_of) or None,
            "exchange": one.exchange.hex() or None,
            "position": one.position,
            "document": one.document.hex(),
            "own": logged | {"as_of": words.day(own.as_of) or None} if own else None,
            "same": found.same,
        }
    )


def _rows(at: Terminal, found: _Read, centre: str) -> list[tuple[str, str]]:
    one = found.ticket
    place = at.pick(f"第 {one.position + 1} 项", f"item {one.position + 1}")
    query = f"{one.exchange.hex()} {'' if one.run else place}".rstrip()
    joint = at.pick("由几个部门的应答合成", "put together from several departments' answers")
    told = joint if found.predicate.form in JOINT else _dated(at, one.outcome, one.as_of)
    return [
        (at.pick("开具", "written by"), f"{centre} {business_date(one.issued)}"),
        (at.pick("乡镇查明", "found"), words.say("fault", one.fault.value, at.lang)),
        (at.pick("核对项目", "predicate"), f"{one.predicate} {one.parameter}".rstrip()),
        (at.pick("问题", "question"), words.question(found.predicate, found.parameter, at.lang)),
        (at.pick("查询", "query"), query if one.exchange else at.pick("无", "none")),
        (at.pick("工单所述", "ticket says"), told),
        (at.pick("本节点日志", "own log"), _logged(at, found)),
        (at.pick("乡镇盖章件", "sealed paper"), f"SHA-256 {one.document.hex()}"),
    ]


def _logged(at: Terminal, found: _Read) -> str:
    if found.own is None:
        return at.pick(
            "没有这次应答,或已按删除令删除", "no such answer, or erased on the registrar's order"
        )
    text = _dated(at, f"{found.worded(at.lang)} {found.code}", found.own.as_of)
    differs = "" if found.same else at.pick("(与工单所述不同)", " (not what the ticket says)")
    return f"{MARKS[found.same]} {text}{differs}"


def _dated(at: Terminal, said: str, as_of: int) -> str:
    day = words.day(as_of)
    return said + (at.pick(f",数据截至 {day}", f", data as of {day}") if day else "")


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as handle:
            return handle.read(limits.TICKET_BYTES + 1)
    except OSError as e:
        raise BadInput("FILE_MISSING", file=file.name, folder=file.parent.name) from e
