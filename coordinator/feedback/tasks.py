"""Feedback tasks: a household's findings that its township answers, and how far that has come.

Pure. A finding is answered by a person after a look on the spot; nothing here decides about aid.
Does not know tables, a screen, or whose the findings are beyond a place in the case.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from coordinator.casework.clocks import Level
from coordinator.casework.workdays import WorkDays
from coordinator.feedback.rules import Rules
from coordinator.findings.assess import Row, Status
from coordinator.findings.report import Report
from federation.clock import business_date
from federation.errors import BadInput
from federation.ticket import Fault

HOUSEHOLD: Final = -1
"""The place of a finding that is about a household and no single person."""


class Result(StrEnum):
    """What a township found on the spot."""

    CONFIRMED = "CONFIRMED"
    EXPLAINED = "EXPLAINED"
    WRONG_PERSON = "WRONG_PERSON"
    WRONG_DATA = "WRONG_DATA"


FAULTS: Final = frozenset(map(Result, Fault))
"""Results for which a department is asked to look at its data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A township's answer to a finding; ``document``: SHA-256 of the signed and sealed scan."""

    result: Result
    document: bytes
    at: int
    operator: str
    exemption: str = ""
    note: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What was found: whom, what, by which departments, as of which day (yyyymmdd).

    A ``joint`` one was told by several together, of whom each knows only its share.
    """

    person: int
    category: int
    predicate: str
    parameter: str
    departments: tuple[str, ...]
    outcome: str
    as_of: int
    joint: bool = False

    @property
    def key(self) -> tuple[int, str, str, tuple[str, ...]]:
        """Tell it from the other findings of a case."""
        return self.person, self.predicate, self.parameter, self.departments


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A finding of a task, numbered from 1; ``reply`` is the newest answer."""

    number: int
    matter: Matter
    reply: Reply | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a township is to answer of a household; ``due`` is its last second.

    ``provisional``: holidays that nobody knows yet may still move that.
    """

    id: str
    case_id: str
    programme: str
    area: str
    operator: str
    issued: int
    due: int
    workdays: int
    provisional: bool
    findings: tuple[Finding, ...]

    @property
    def closed(self) -> int | None:
        """Tell when the last finding was answered; None while one is open."""
        replies = [one.reply for one in self.findings]
        return max((one.at for one in replies if one), default=0) if all(replies) else None

    @property
    def on_time(self) -> bool:
        """Tell whether it was closed in time."""
        return self.closed is not None and self.closed <= self.due

    def level(self, days: WorkDays, now: int) -> Level:
        """Tell how much of its time has gone, or had when it was closed."""
        at = self.closed or now
        if at > self.due:
            return Level.OVER
        gone = days.between(business_date(self.issued), business_date(at))
        return Level.HALF if 2 * gone >= self.workdays else Level.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """How well the loop closes in a township, in tasks; ``due`` are those whose time is up."""

    area: str
    issued: int
    closed: int
    due: int
    on_time: int
    overdue: int

    @property
    def rate(self) -> float | None:
        """Give the share of issued tasks that are closed; None where there are none."""
        return self.closed / self.issued if self.issued else None


def findings(report: Report, known: Iterable[Matter] = ()) -> list[Matter]:
    """List what a report found, by category, but for what is in a task already."""
    seen = {one.key for one in known}
    found = [_matter(row) for row in report.rows if row.status is Status.FOUND]
    new = {one.key: one for one in found if one.key not in seen}
    return sorted(new.values(), key=lambda one: (one.category, one.person, one.key))


def check(matter: Matter, reply: Reply, rules: Rules) -> None:
    """Hold an answer to the rules: explained by a known code, everything by a sealed paper.

    Raises:
        BadInput: DOCUMENT_MISSING, EXEMPTION_MISSING or EXEMPTION_UNKNOWN.
    """
    if not reply.document:
        raise BadInput("DOCUMENT_MISSING", event="feedback answer")
    known = rules.explaining(matter.predicate)
    if reply.result is not Result.EXPLAINED:
        known = []
    elif not reply.exemption:
        raise BadInput("EXEMPTION_MISSING", known=", ".join(known))
    if reply.exemption and reply.exemption not in known:
        raise BadInput(
            "EXEMPTION_UNKNOWN", exemption=reply.exemption[:64], known=", ".join(known) or "-"
        )


def grouped(some: Iterable[Task]) -> dict[str, dict[str, dict[int, list[tuple[Task, Finding]]]]]:
    """Group findings by township, household and category, in rising order."""
    found: dict[str, dict[str, dict[int, list[tuple[Task, Finding]]]]] = {}
    for task in sorted(some, key=lambda one: (one.area, one.case_id, one.id)):
        households = found.setdefault(task.area, {})
        categories = households.setdefault(task.case_id, {})
        for finding in task.findings:
            categories.setdefault(finding.matter.category, []).append((task, finding))
    return found


def loops(some: Iterable[Task], now: int) -> list[Loop]:
    """Count tasks by township, in rising order."""
    by_area: dict[str, list[Task]] = defaultdict(list)
    for task in some:
        by_area[task.area].append(task)
    return [_loop(area, tasks, now) for area, tasks in sorted(by_area.items())]


def _loop(area: str, some: Sequence[Task], now: int) -> Loop:
    return Loop(
        area=area,
        issued=len(some),
        closed=sum(one.closed is not None for one in some),
        due=sum(one.due < now or one.on_time for one in some),
        on_time=sum(one.on_time for one in some),
        overdue=sum(one.closed is None and one.due < now for one in some),
    )


def _matter(row: Row) -> Matter:
    return Matter(
        person=HOUSEHOLD if row.person is None else row.person,
        category=row.category,
        predicate=row.predicate,
        parameter=row.parameter,
        departments=row.parties if row.joint else (row.department,),
        outcome=row.outcome,
        as_of=row.answer.as_of if row.answer else 0,
        joint=row.joint,
    )
