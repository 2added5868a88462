"""The book of feedback: tasks, every answer to a finding, tickets. Nothing is written over.

Knows the tables. Does not know deadlines, exemptions or who may answer.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from coordinator.asking.sum_waiting import RunState
from coordinator.database import Database, chunks
from coordinator.feedback.tasks import Finding, Matter, Reply, Result, Task
from coordinator.schema import ask, question, question_batch, serial, sum_ask, sum_run
from coordinator.schema_feedback import (
    feedback_finding,
    feedback_reply,
    feedback_task,
    quality_ticket,
)
from federation.clock import business_date
from federation.errors import BadInput

_IDS: Final[Any] = bindparam("ids", expanding=True)
_TASKS: Final = select(feedback_task).order_by(feedback_task.c.issued, feedback_task.c.task_id)
_FINDINGS: Final = (
    select(
        feedback_finding,
        *(feedback_reply.c[name] for name in ("at", "operator", "exemption", "document", "note")),
    )
    .outerjoin(
        feedback_reply,
        (feedback_reply.c.task_id == feedback_finding.c.task_id)
        & (feedback_reply.c.number == feedback_finding.c.number)
        & (feedback_reply.c.version == feedback_finding.c.replies),
    )
    .where(feedback_finding.c.task_id.in_(_IDS))
    .order_by(feedback_finding.c.task_id, feedback_finding.c.number)
)
_EXCHANGE: Final = (
    select(question_batch.c.qid, question.c.position)
    .join(question, question.c.batch_id == question_batch.c.batch_id)
    .join(ask, (ask.c.ask_id == question.c.ask_id) & (ask.c.answered_by == question.c.batch_id))
    .where(
        ask.c.case_id == bindparam("case"),
        ask.c.place == bindparam("person"),
        ask.c.department == bindparam("department"),
        ask.c.predicate == bindparam("predicate"),
        ask.c.parameter == bindparam("parameter"),
    )
)
_RUN: Final = (
    select(sum_run.c.run)
    .join(sum_ask, sum_ask.c.sum_id == sum_run.c.sum_id)
    .where(
        sum_ask.c.case_id == bindparam("case"),
        sum_ask.c.predicate == bindparam("predicate"),
        sum_ask.c.parameter == bindparam("parameter"),
        sum_ask.c.subject == bindparam("person"),
        sum_run.c.state == RunState.TOLD.value,
    )
    .order_by(sum_run.c.run_no.desc())
    .limit(1)
)

Exchange = tuple[bytes, int]
"""In which request a department answered, and at which place; of a sum its run."""
Writer = Callable[[str, str, Matter, Exchange], bytes]
"""Makes a signed ticket of its number, a department, what was found, and where it was answered."""


class FeedbackBook:
    """Tasks, answers and tickets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tasks(self, case_ids: Sequence[str] | None = None) -> list[Task]:
        """Read the tasks of cases, or all, oldest first."""
        with self._database.reading() as connection:
            if case_ids is None:
                return _tasks(connection, connection.execute(_TASKS).all())
            wanted = _TASKS.where(feedback_task.c.case_id.in_(_IDS))
            found = [
                row for ids in chunks(case_ids) for row in connection.execute(wanted, {"ids": ids})
            ]
            return _tasks(connection, found)

    def task(self, task_id: str) -> Task:
        """Read one task.

        Raises:
            BadInput: FEEDBACK_UNKNOWN.
        """
        with self._database.reading() as connection:
            return _one(connection, task_id)

    def issue(self, task: Task) -> Task:
        """Keep a new task under the next number of its area."""
        with self._database.writing() as connection:
            year = business_date(task.issued).year
            numbered = replace(task, id=_next(connection, "FB", task.area, year))
            connection.execute(insert(feedback_task), _task_row(numbered))
            rows = [_finding_row(numbered.id, one) for one in numbered.findings]
            connection.execute(insert(feedback_finding), rows)
        return numbered

    def answer(
        self, task_id: str, numbers: Sequence[int], reply: Reply, write: Writer | None = None
    ) -> Task:
        """Keep an answer to findings, and the tickets to departments that ``write`` makes.

        Raises:
            BadInput: FEEDBACK_UNKNOWN.
        """
        with self._database.writing() as connection:
            before = _one(connection, task_id)
            for number in dict.fromkeys(numbers):
                _keep_reply(connection, before, number, reply)
                if write:
                    _keep_tickets(connection, before, number, reply.at, write)
            after = _one(connection, task_id)
            mine = feedback_task.c.task_id == task_id
            connection.execute(update(feedback_task).where(mine).values(closed=after.closed))
        return after

    def tickets(self, department: str = "", tasks: Collection[str] | None = None) -> list[bytes]:
        """List signed tickets, oldest first; only those of some tasks, if these are given."""
        wanted = select(quality_ticket.c.task_id, quality_ticket.c.document).order_by(
            quality_ticket.c.issued, quality_ticket.c.ticket_id
        )
        if department:
            wanted = wanted.where(quality_ticket.c.department == department)
        with self._database.reading() as connection:
            return [
                bytes(row.document)
                for row in connection.execute(wanted)
                if tasks is None or row.task_id in tasks
            ]


def _one(connection: Connection, task_id: str) -> Task:
    found = connection.execute(_TASKS.where(feedback_task.c.task_id == task_id)).all()
    if not found:
        raise BadInput("FEEDBACK_UNKNOWN", task=task_id[:64])
    (task,) = _tasks(connection, found)
    return task


def _tasks(connection: Connection, found: Sequence[Row[Any]]) -> list[Task]:
    findings: dict[str, list[Finding]] = defaultdict(list)
    for ids in chunks([row.task_id for row in found]):
        for row in connection.execute(_FINDINGS, {"ids": ids}):
            findings[row.task_id].append(_finding(row))
    return [_task(row, tuple(findings[row.task_id])) for row in found]


def _next(connection: Connection, kind: str, of: str, year: int) -> str:
    """Draw the next number of a series, and remember it."""
    series = f"{kind}-{of}-{year}"
    mine = serial.c.series == series
    last = connection.scalar(select(serial.c.last).where(mine).with_for_update())
    if last is None:
        connection.execute(insert(serial).values(series=series, last=1))
    else:
        connection.execute(update(serial).where(mine).values(last=last + 1))
    return f"{series}-{(last or 0) + 1:04d}"


def _keep_reply(connection: Connection, task: Task, number: int, reply: Reply) -> None:
    mine = (feedback_finding.c.task_id == task.id) & (feedback_finding.c.number == number)
    before = connection.scalar(select(feedback_finding.c.replies).where(mine))
    if before is None:
        raise BadInput("FEEDBACK_UNKNOWN", task=f"{task.id}#{number}")
    version = before + 1
    told = {"replies": version, "result": reply.result.value}
    connection.execute(update(feedback_finding).where(mine).values(told))
    row = {
        "task_id": task.id,
        "number": number,
        "version": version,
        "at": reply.at,
        "operator": reply.operator,
        "result": reply.result.value,
        "exemption": reply.exemption,
        "document": reply.document,
        "note": reply.note,
    }
    connection.execute(insert(feedback_reply), row)


def _keep_tickets(connection: Connection, task: Task, number: int, at: int, write: Writer) -> None:
    matter = next(one.matter for one in task.findings if one.number == number)
    for department in matter.departments:
        ticket = _next(connection, "QT", department, business_date(at).year)
        row = {
            "ticket_id": ticket,
            "task_id": task.id,
            "number": number,
            "department": department,
            "issued": at,
            "document": write(ticket, department, matter, _exchange(connection, task, matter)),
        }
        connection.execute(insert(quality_ticket), row)


def _exchange(connection: Connection, task: Task, matter: Matter) -> Exchange:
    """Find where a finding was answered; nothing for what was composed of several answers."""
    of = {"case": task.case_id, "predicate": matter.predicate, "parameter": matter.parameter}
    if matter.joint:
        run = connection.scalar(_RUN, {**of, "person": matter.person})
        return bytes(run or b""), 0
    (department,) = matter.departments
    asked = {**of, "person": matter.person, "department": department}
    row = connection.execute(_EXCHANGE, asked).first()
    return (bytes(row.qid), row.position) if row else (b"", 0)


def _task_row(task: Task) -> dict[str, Any]:
    return {
        "task_id": task.id,
        "case_id": task.case_id,
        "programme": task.programme,
        "area": task.area,
        "operator": task.operator,
        "issued": task.issued,
        "due": task.due,
        "workdays": task.workdays,
        "provisional": int(task.provisional),
    }


def _finding_row(task_id: str, one: Finding) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "number": one.number,
        "person": one.matter.person,
        "category": one.matter.category,
        "predicate": one.matter.predicate,
        "parameter": one.matter.parameter,
        "departments": " ".join(one.matter.departments),
        "joint": int(one.matter.joint),
        "outcome": one.matter.outcome,
        "as_of": one.matter.as_of,
        "replies": 0,
        "result": "",
    }


def _task(row: Row[Any], findings: tuple[Finding, ...]) -> Task:
    return Task(
        id=row.task_id,
        case_id=row.case_id,
        programme=row.programme,
        area=row.area,
        operator=row.operator,
        issued=row.issued,
        due=row.due,
        workdays=row.workdays,
        provisional=bool(row.provisional),
        findings=findings,
    )


def _finding(row: Row[Any]) -> Finding:
    matter = Matter(
        person=row.person,
        category=row.category,
        predicate=row.predicate,
        parameter=row.parameter,
        departments=tuple(row.departments.split()),
        joint=bool(row.joint),
        outcome=row.outcome,
        as_of=row.as_of,
    )
    return Finding(number=row.number, matter=matter, reply=_read_reply(row))


def _read_reply(row: Row[Any]) -> Reply | None:
    if not row.replies:
        return None
    return Reply(
        result=Result(row.result),
        document=bytes(row.document),
        at=row.at,
        operator=row.operator,
        exemption=row.exemption,
        note=row.note,
    )
