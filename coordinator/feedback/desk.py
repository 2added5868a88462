"""The feedback desk: issue findings to townships, take their answers, write tickets to departments.

Composes reports, rules, working days and the book. Does not know a command line; who answers is
said by whoever calls.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from coordinator.casework.clocks import Level
from coordinator.casework.lifecycle import Event, State
from coordinator.casework.workdays import WorkDays
from coordinator.desk import Desk
from coordinator.feedback import tasks
from coordinator.feedback.book import Exchange, FeedbackBook, Writer
from coordinator.feedback.rules import Rules
from coordinator.feedback.tasks import FAULTS, Finding, Loop, Matter, Reply, Task
from coordinator.life_book import LifeBook
from crypto.keys import SigningKey
from federation import ticket
from federation.clock import BUSINESS_ZONE, Clock, business_date
from federation.errors import PeerFault
from federation.ticket import Fault, Ticket

_DAY: Final = timedelta(days=1)
_GROUP: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """By which rules and calendar the desk goes, and who signs its tickets."""

    rules: Rules
    days: WorkDays
    clock: Clock
    centre: str
    key: SigningKey


class FeedbackDesk:
    """Everything about findings that townships look into."""

    def __init__(self, desk: Desk, life: LifeBook, book: FeedbackBook, terms: Terms) -> None:
        self.desk = desk
        self.rules = terms.rules
        self._life = life
        self._book = book
        self._terms = terms

    @property
    def now(self) -> int:
        """The time that tasks are held to."""
        return self._terms.clock.now()

    def reported(self, case_ids: Sequence[str]) -> list[str]:
        """Choose the cases that have a report and are not being asked anew."""
        chosen = []
        for first in range(0, len(case_ids), _GROUP):
            histories = self._life.history(case_ids[first : first + _GROUP])
            for case_id, events in histories.items():
                seen = {one.event for one in events}
                if Event.REPORT in seen and events[-1].state is not State.QUERYING:
                    chosen.append(case_id)
        return chosen

    def issue(self, case_ids: Sequence[str], operator: str) -> Iterator[Task]:
        """Issue a task for each reported case whose report has findings in no task yet.

        Raises:
            BadInput: CASE_UNKNOWN or FEEDBACK_RULES_INVALID.
        """
        for case_id in self.reported(case_ids):
            before = [f.matter for one in self._book.tasks([case_id]) for f in one.findings]
            (report,) = self.desk.reports([case_id])
            found = tasks.findings(report, before)
            if found:
                task = self._new(case_id, (report.programme, report.area), found, operator)
                yield self._book.issue(task)

    def tasks(self, area: str = "") -> list[Task]:
        """List the tasks of an area, oldest first."""
        return [one for one in self._book.tasks() if one.area.startswith(area)]

    def task(self, task_id: str) -> Task:
        """Give one task.

        Raises:
            BadInput: FEEDBACK_UNKNOWN.
        """
        return self._book.task(task_id)

    def level(self, task: Task) -> Level:
        """Tell how much of a task's time has gone."""
        return task.level(self._terms.days, self.now)

    def reminders(self, area: str = "") -> list[Task]:
        """List open tasks half of whose time or all has gone, the next to end first."""
        some = [one for one in self.tasks(area) if one.closed is None]
        return sorted((one for one in some if self.level(one)), key=lambda one: (one.due, one.id))

    def overdue(self, area: str = "") -> list[Task]:
        """List open tasks whose time is up, by township, the longest first."""
        some = [one for one in self.reminders(area) if self.level(one) is Level.OVER]
        return sorted(some, key=lambda one: (one.area, one.due, one.id))

    def loops(self, some: Iterable[Task]) -> list[Loop]:
        """Tell by township how well the loop closes, of some tasks."""
        return tasks.loops(some, self.now)

    def answer(self, task_id: str, numbers: Sequence[int], reply: Reply) -> Task:
        """Keep a township's answer to findings of a task; earlier answers stay in the book.

        Raises:
            BadInput: FEEDBACK_UNKNOWN, DOCUMENT_MISSING, EXEMPTION_MISSING or EXEMPTION_UNKNOWN.
        """
        task = self._book.task(task_id)
        for finding in task.findings:
            if finding.number in numbers:
                tasks.check(finding.matter, reply, self.rules)
        write = self._writer(reply) if reply.result in FAULTS else None
        return self._book.answer(task_id, numbers, reply, write)

    def tickets(
        self, department: str = "", of: Collection[str] | None = None
    ) -> list[tuple[Ticket, bytes]]:
        """List tickets with their signed documents, oldest first; each is verified.

        ``of``: only those that came of these tasks.

        Raises:
            PeerFault: TICKET_INVALID for one that was altered.
        """
        return [(self._own(one), one) for one in self._book.tickets(department, of)]

    def _own(self, document: bytes) -> Ticket:
        one = ticket.read(document, self.desk.around.manifest)
        if one.centre != self._terms.centre:
            raise PeerFault(ticket.INVALID, why="centre")
        return one

    def _new(
        self, case_id: str, where: tuple[str, str], found: Sequence[Matter], operator: str
    ) -> Task:
        now = self.now
        today = business_date(now)
        deadline = self.rules.deadline(*where, today)
        due = self._terms.days.add(today, deadline.workdays)
        after = due.day + _DAY
        midnight = datetime(after.year, after.month, after.day, tzinfo=BUSINESS_ZONE)
        programme, area = where
        return Task(
            id="",
            case_id=case_id,
            programme=programme,
            area=area,
            operator=operator,
            issued=now,
            due=int(midnight.timestamp()) - 1,
            workdays=deadline.workdays,
            provisional=due.provisional,
            findings=tuple(Finding(number=n, matter=one) for n, one in enumerate(found, 1)),
        )

    def _writer(self, reply: Reply) -> Writer:
        def write(number: str, department: str, matter: Matter, exchange: Exchange) -> bytes:
            answered_in, position = exchange
            one = Ticket(
                federation=self.desk.around.manifest.federation,
                centre=self._terms.centre,
                department=department,
                ticket=number,
                issued=reply.at,
                fault=Fault(reply.result),
                predicate=matter.predicate,
                parameter=matter.parameter,
                outcome="" if matter.joint else matter.outcome,
                as_of=matter.as_of,
                exchange=answered_in,
                position=position,
                document=reply.document,
            )
            return ticket.sign(one, self._terms.key)

        return write
