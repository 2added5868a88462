"""Erasing: the people of cases that have ended, after the time they are kept, or on order.

Knows which columns of a case tell of people. What goes: numbers, names, who signed for whom, what
was declared, notes, issued reports, tokens. What stays says that a case was opened, asked about and
decided, and counts in statistics: it names nobody. Nor does the log: it gets an event that tells of
the erasure and loses no row, for each is the evidence that a question was allowed, or a digest of
a report that was issued. So a declared income that a sum was compared with stays in the request
that opened it to the tally: the log's row is over the exact bytes of it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from coordinator import log_entries, rows
from coordinator.casework.filed import ConsentStage
from coordinator.casework.lifecycle import ENDED
from coordinator.database import Database, chunks
from coordinator.life_book import LifeBook
from coordinator.log_book import Entry, append
from coordinator.schema import (
    ask,
    case_closing,
    case_erasure,
    case_file,
    consent,
    person,
    recheck,
    sum_ask,
    sum_run,
    token,
)
from coordinator.schema_documents import report_issue
from coordinator.schema_feedback import feedback_reply, feedback_task
from coordinator.schema_lifecycle import case_event
from federation.clock import Clock, business_date
from federation.erasure import Reason
from federation.errors import BadInput, Refused

_DAY: Final = 86_400
_OF: Final[Any] = bindparam("of")
_BLANKED: Final = (
    update(person).where(person.c.case_id == _OF).values(id_number="", name="", signer=""),
    update(case_file)
    .where(case_file.c.case_id == _OF)
    .values(declaration="{}", declared_income=None, declared_salt=None),
    update(case_event).where(case_event.c.case_id == _OF).values(note=""),
    update(feedback_reply)
    .where(
        feedback_reply.c.task_id.in_(
            select(feedback_task.c.task_id).where(feedback_task.c.case_id == _OF)
        )
    )
    .values(note=""),
    update(recheck)
    .where(recheck.c.ask_id.in_(select(ask.c.ask_id).where(ask.c.case_id == _OF)))
    .values(token=b""),
    update(sum_run)
    .where(sum_run.c.sum_id.in_(select(sum_ask.c.sum_id).where(sum_ask.c.case_id == _OF)))
    .values(seed=None),
    delete(report_issue).where(report_issue.c.case_id == _OF),
    delete(token).where(token.c.case_id == _OF),
)
TABLES: Final = (
    *("person", "case_file", "case_event", "feedback_reply", "report_issue", "recheck", "sum_run"),
    "token",
)
"""Tables in which something of a case is erased."""
_IDS: Final[Any] = bindparam("ids", expanding=True)
_ENDS: Final = select(consent).where(consent.c.case_id.in_(_IDS))
_GONE: Final = select(case_erasure.c.case_id)
_OPENED: Final = select(case_file.c.case_id, case_file.c.opened).order_by(
    case_file.c.opened, case_file.c.case_id
)
_LAST: Final = select(case_event.c.case_id, func.max(case_event.c.at)).group_by(
    case_event.c.case_id
)
_CLOSED: Final = select(case_closing.c.case_id, case_closing.c.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A case that has ended: when the last was done with it, and until when it is kept."""

    case_id: str
    ended: int
    until: int

    def due(self, now: int) -> bool:
        """Tell whether its time is over."""
        return self.until <= now


class Erasing:
    """What has ended, and what goes of it; ``count`` lets statistics see a case before it goes."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        days: int,
        count: Callable[[], object] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._days = days
        self._count = count

    def kept(self, case_ids: Sequence[str]) -> list[Kept]:
        """List those of some cases that have ended and were not erased, oldest first."""
        wanted = set(case_ids)
        with self._database.reading() as connection:
            gone = set(connection.scalars(_GONE))
            times = {row.case_id: row.opened for row in connection.execute(_OPENED)}
            for statement in (_LAST, _CLOSED):
                for case_id, at in connection.execute(statement):
                    times[case_id] = max(times[case_id], at)
        chosen = [one for one in times if one in wanted and one not in gone]
        ends = self._ends(chosen)
        times |= {one: max(times[one], end) for one, end in ends.items()}
        alive = {one for one, end in ends.items() if end > self._clock.now()}
        found = (self._kept(one, times[one]) for one in chosen if one not in alive)
        return sorted(found, key=lambda one: (one.until, one.case_id))

    def check(self, case_id: str, reason: Reason) -> Kept:
        """Refuse to erase a case whose consent lives, or before its time without an order.

        Raises:
            BadInput: CASE_ERASED.
            Refused: CASE_ALIVE or CASE_KEPT.
        """
        with self._database.reading() as connection:
            if case_id in set(connection.scalars(_GONE)):
                raise BadInput("CASE_ERASED", case=case_id)
        found = self.kept([case_id])
        if not found:
            raise Refused("CASE_ALIVE", case=case_id)
        (kept,) = found
        if reason is Reason.PURPOSE_ENDED and not kept.due(self._clock.now()):
            raise Refused("CASE_KEPT", case=case_id, until=business_date(kept.until).isoformat())
        return kept

    def erase(self, case_id: str, reason: Reason, operator: str) -> None:
        """Erase the people of a case; all of it, with the log's word of it, or nothing.

        Raises:
            BadInput, Refused: as ``check``.
        """
        self.check(case_id, reason)
        self._count()
        now = self._clock.now()
        with self._database.writing() as connection:
            for statement in _BLANKED:
                connection.execute(statement, {"of": case_id})
            entries = [*_ended(connection, case_id, now)]
            row = {"case_id": case_id, "at": now, "reason": reason.value, "operator": operator}
            connection.execute(insert(case_erasure), row)
            entries.append(log_entries.erased(case_id, reason.value, operator, now))
            append(connection, entries)

    def compact(self) -> None:
        """Write the tables anew, so that what was erased is in no page of them any more.

        Raises:
            Unavailable: DATABASE_UNAVAILABLE.
        """
        self._database.compact(TABLES)

    def _kept(self, case_id: str, ended: int) -> Kept:
        return Kept(case_id=case_id, ended=ended, until=ended + self._days * _DAY)

    def _ends(self, case_ids: Sequence[str]) -> dict[str, int]:
        """Tell when consents run out that nobody has ended, of cases that are not over."""
        with self._database.reading() as connection:
            found = {
                row.case_id: row.not_after
                for ids in chunks(case_ids)
                for row in connection.execute(_ENDS, {"ids": ids})
                if row.state != ConsentStage.REVOKED.value
            }
        lives = LifeBook(self._database).lives(sorted(found))
        return {one: end for one, end in found.items() if lives[one].state not in ENDED}


def _ended(connection: Connection, case_id: str, now: int) -> Iterator[Entry]:
    """Let a case's consent end here too, if it only ran out: nothing is asked for it any more."""
    of = consent.c.case_id == case_id
    row = connection.execute(select(consent).where(of)).first()
    if row is not None and row.state != ConsentStage.REVOKED.value:
        before = rows.read_consent(row)
        connection.execute(update(consent).where(of).values(state=ConsentStage.REVOKED.value))
        after = replace(before, stage=ConsentStage.REVOKED)
        yield from log_entries.changed(before, after, now)
