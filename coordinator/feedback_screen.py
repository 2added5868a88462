"""What the commands of feedback print: tasks by township, answers, tickets, and their JSON.

Knows lines. People are places in a case, as in its report; no names stand here.
"""

from collections.abc import Sequence
from typing import Any, Final

from rich.table import Table

from coordinator.asking.planner import Surroundings
from coordinator.casework.clocks import Level, local
from coordinator.casework.programmes import Question
from coordinator.casework.sums import Sum
from coordinator.feedback.desk import FeedbackDesk
from coordinator.feedback.tasks import HOUSEHOLD, Finding, Loop, Matter, Result, Task, grouped
from coordinator.findings.report import day
from coordinator.words import say
from federation.clock import business_time
from federation.terminal import Terminal
from federation.ticket import Ticket

RESULTS: Final = {
    Result.CONFIRMED: ("属实", "confirmed"),
    Result.EXPLAINED: ("属实但依规定不计", "explained"),
    Result.WRONG_PERSON: ("非本人", "wrong person"),
    Result.WRONG_DATA: ("数据有误", "wrong data"),
}
_SHORT: Final = 12
_SERIAL: Final = 4


def task_json(one: Task) -> dict[str, Any]:
    """Write a task for programs."""
    return {
        "task": one.id,
        "case": one.case_id,
        "programme": one.programme,
        "area": one.area,
        "operator": one.operator,
        "issued": one.issued,
        "due": one.due,
        "provisional": one.provisional,
        "closed": one.closed,
        "findings": [_finding_json(each) for each in one.findings],
    }


def issued(at: Terminal, one: Task) -> None:
    """Say that a task was issued."""
    at.emit(task_json(one))
    due, number = local(one.due), len(one.findings)
    at.say(
        f"{one.id}  {one.case_id}  {one.area}  {number} 项  限 {due}{_unsure(at, one)}",
        f"{one.id}  {one.case_id}  {one.area}  findings: {number}  due {due}{_unsure(at, one)}",
    )


def issued_all(at: Terminal, number: int) -> None:
    """Say how many tasks were issued."""
    at.say(f"交办 {number} 项任务", f"tasks issued: {number}")


def listed(at: Terminal, desk: FeedbackDesk, some: Sequence[Task]) -> None:
    """List findings by township, household and category."""
    for one in some:
        at.emit(task_json(one) | {"level": desk.level(one).value})
    if at.json:
        return
    console = at.console()
    for area, households in grouped(some).items():
        console.print(at.pick(f"乡镇(街道) {area}", f"township {area}"), style="bold")
        for case_id, categories in households.items():
            console.print(f"  {case_id}")
            for task in {one.id: one for some in categories.values() for one, _ in some}.values():
                due = local(task.due)
                console.print(f"    {task.id}  {at.pick(f'限 {due}', f'due {due}')}")
            console.print(_categories(at, desk, categories))
    if not some:
        at.say("没有核实任务", "no tasks")


def answered(at: Terminal, one: Task, numbers: Sequence[int]) -> None:
    """Say what was recorded, and what is open."""
    at.emit(task_json(one))
    left = sum(each.reply is None for each in one.findings)
    for each in one.findings:
        if each.number in numbers:
            at.say(*_pair(f"{one.id} #{each.number}  ", each))
    at.say(
        "该任务已办结" if not left else f"尚有 {left} 项未反馈",
        "the task is closed" if not left else f"findings still open: {left}",
    )


def overdue(at: Terminal, some: Sequence[Task], loops: Sequence[Loop]) -> None:
    """List overdue tasks by township, then how well the loop closes."""
    at.emit(
        {
            "overdue": [task_json(one) for one in some],
            "townships": [loop_json(one) for one in loops],
        }
    )
    if at.json:
        return
    for one in some:
        left = sum(each.reply is None for each in one.findings)
        at.say(
            f"{one.area}  {one.id}  {one.case_id}  未反馈 {left} 项  限 {local(one.due)}",
            f"{one.area}  {one.id}  {one.case_id}  open: {left}  due {local(one.due)}",
        )
    if not some:
        at.say("没有超期任务", "nothing is overdue")
    table = Table(*_titles(at), box=None)
    for loop in loops:
        rate = "" if loop.rate is None else f"{loop.rate:.1%}"
        counts = (loop.issued, loop.closed, loop.on_time, loop.overdue)
        table.add_row(loop.area, *map(str, counts), rate)
    if loops:
        at.console().print(table)


def tickets(at: Terminal, some: Sequence[Ticket], around: Surroundings) -> None:
    """List tickets by department."""
    for one in sorted(some, key=lambda each: (each.department, each.issued, each.ticket)):
        at.emit(ticket_json(one))
        name = around.manifest.party(one.department).name(at.lang)
        item = around.catalogue.predicate(one.predicate).label(at.lang)
        when = business_time(one.issued).date().isoformat()
        line = f"{name}  {one.ticket}  {item}  {at.pick(*RESULTS[Result(one.fault)])}  {when}"
        at.say(line, line)
    if not some:
        at.say("没有工单", "no tickets")


def ticket_json(one: Ticket) -> dict[str, Any]:
    """Write a ticket for programs."""
    return {
        "ticket": one.ticket,
        "department": one.department,
        "issued": one.issued,
        "fault": one.fault.value,
        "predicate": one.predicate,
        "parameter": one.parameter,
        "as_of": one.as_of,
        "exchange": one.exchange.hex(),
        "position": one.position,
    }


def loop_json(one: Loop) -> dict[str, Any]:
    """Write how well a township's loop closes for programs."""
    return {
        "area": one.area,
        "issued": one.issued,
        "closed": one.closed,
        "due": one.due,
        "on_time": one.on_time,
        "overdue": one.overdue,
        "closed_rate": one.rate,
    }


def whom(matter: Matter, lang: str) -> str:
    """Word whom a finding is about: a person's number in the report, or the household."""
    if matter.person == HOUSEHOLD:
        return "全家" if lang == "zh" else "household"
    number = matter.person + 1
    return f"第 {number} 人" if lang == "zh" else f"person {number}"


def what(task: Task, matter: Matter, around: Surroundings, lang: str) -> str:
    """Word what was found, where, and as of when."""
    separator = say("report", "separator", lang)
    names = separator.join(around.manifest.party(one).name(lang) for one in matter.departments)
    as_of = day(matter.as_of)
    told = (_meaning(task, matter, around, lang), names, as_of.isoformat() if as_of else "")
    return "  ".join(filter(None, told))


def _meaning(task: Task, matter: Matter, around: Surroundings, lang: str) -> str:
    """Say what is to be checked as the programme says it; else name the question."""
    programme = around.programmes.programmes.get(task.programme)
    asked: tuple[Question | Sum, ...] = (*programme.questions, *programme.sums) if programme else ()
    same = [one for one in asked if one.predicate == matter.predicate]
    exact = [one for one in same if one.parameter == matter.parameter]
    for one in exact or same:
        return one.rule(lang)
    return around.catalogue.predicate(matter.predicate).label(lang)


def _categories(
    at: Terminal, desk: FeedbackDesk, categories: dict[int, list[tuple[Task, Finding]]]
) -> Table:
    table = Table.grid(padding=(0, 2))
    around = desk.desk.around
    for category, findings in categories.items():
        for task, finding in findings:
            open_ = finding.reply is None
            late = open_ and desk.level(task) is Level.OVER
            table.add_row(
                "    ",
                at.pick(f"类 {category}", f"class {category}"),
                f"{task.id[-_SERIAL:]}#{finding.number}",
                whom(finding.matter, at.lang),
                what(task, finding.matter, around, at.lang),
                _state(at, desk, task, finding),
                style="red" if late else "",
            )
    return table


def _state(at: Terminal, desk: FeedbackDesk, task: Task, finding: Finding) -> str:
    if finding.reply:
        return at.pick(*_pair("", finding))
    level = say("life_level", desk.level(task).name, at.lang)
    return level or at.pick("未反馈", "open")


def _pair(prefix: str, finding: Finding) -> tuple[str, str]:
    """Word an answer in both languages."""
    reply = finding.reply
    if reply is None:
        return prefix, prefix
    tail = " ".join(filter(None, (reply.exemption, reply.document.hex()[:_SHORT])))
    zh, en = RESULTS[reply.result]
    return f"{prefix}{zh}  {tail}", f"{prefix}{en}  {tail}"


def _titles(at: Terminal) -> tuple[str, ...]:
    zh = ("乡镇", "交办", "办结", "按期", "超期", "闭环率")
    en = ("township", "issued", "closed", "on time", "overdue", "closed rate")
    return zh if at.lang == "zh" else en


def _unsure(at: Terminal, one: Task) -> str:
    if not one.provisional:
        return ""
    return at.pick("(节假日未公布,暂定)", " (provisional: holidays are not published yet)")


def _finding_json(one: Finding) -> dict[str, Any]:
    reply = one.reply
    return {
        "number": one.number,
        "person": None if one.matter.person == HOUSEHOLD else one.matter.person + 1,
        "category": one.matter.category,
        "predicate": one.matter.predicate,
        "parameter": one.matter.parameter,
        "departments": list(one.matter.departments),
        "outcome": one.matter.outcome,
        "as_of": one.matter.as_of,
        "result": reply.result.value if reply else "",
        "exemption": reply.exemption if reply else "",
        "document": reply.document.hex() if reply else "",
        "answered": reply.at if reply else None,
        "operator": reply.operator if reply else "",
        "note": reply.note if reply else "",
    }
