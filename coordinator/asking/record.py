"""Reading the journal: what was told to each question, and what travelled for it.

Knows the tables of questions and answers. Changes nothing.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from coordinator.asking.questions import Ask, Told
from coordinator.asking.waiting import BatchState
from coordinator.database import Database, chunks
from coordinator.schema import answer, ask, question, question_batch
from federation.exchange import Answer, Outcome, Refusal, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its receipt as they travelled; ``mine`` of its ``items`` are the cases'."""

    department: str
    request: bytes = field(repr=False)
    receipt: bytes = field(repr=False)
    items: int
    mine: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A request that was answered, and which of its items are a case's: position and place."""

    department: str
    request: bytes = field(repr=False)
    receipt: bytes = field(repr=False)
    mine: tuple[tuple[int, int], ...]


_TOLD = (
    select(ask, answer, question_batch.c.millis)
    .select_from(ask)
    .outerjoin(
        question,
        (question.c.ask_id == ask.c.ask_id) & (question.c.batch_id == ask.c.answered_by),
    )
    .outerjoin(
        answer,
        (answer.c.batch_id == question.c.batch_id) & (answer.c.position == question.c.position),
    )
    .outerjoin(question_batch, question_batch.c.batch_id == ask.c.answered_by)
    .where(ask.c.case_id.in_(bindparam("ids", expanding=True)))
    .order_by(ask.c.ask_id)
)
_TROUBLE = (
    select(question.c.ask_id, question_batch.c.error)
    .select_from(question)
    .join(question_batch, question_batch.c.batch_id == question.c.batch_id)
    .join(ask, ask.c.ask_id == question.c.ask_id)
    .where(
        ask.c.case_id.in_(bindparam("ids", expanding=True)),
        ask.c.answered_by.is_(None),
        question_batch.c.error != "",
    )
    .order_by(question_batch.c.batch_id)
)
_SHARES = (
    select(question.c.batch_id, func.count().label("mine"))
    .select_from(question)
    .join(ask, ask.c.ask_id == question.c.ask_id)
    .where(ask.c.case_id.in_(bindparam("ids", expanding=True)))
    .group_by(question.c.batch_id)
)
_COUNTS = (
    select(ask.c.case_id, func.count(), func.count(ask.c.answered_by))
    .where(ask.c.case_id.in_(bindparam("ids", expanding=True)))
    .group_by(ask.c.case_id)
)
_MINE = (
    select(question.c.batch_id, question.c.position, ask.c.place)
    .join(ask, ask.c.ask_id == question.c.ask_id)
    .join(question_batch, question_batch.c.batch_id == question.c.batch_id)
    .where(
        ask.c.case_id == bindparam("of"),
        question_batch.c.receipt.is_not(None),
        question_batch.c.state != BatchState.FAILED.value,
    )
    .order_by(question.c.batch_id, question.c.position)
)
_BATCH = select(question_batch).where(question_batch.c.batch_id == bindparam("of"))


class Record:
    """What the journal says of cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def told(self, case_ids: Sequence[str]) -> dict[str, list[Told]]:
        """Read, for every question of cases, the newest answer, or why there is none."""
        found: dict[str, list[Told]] = {case_id: [] for case_id in case_ids}
        with self._database.reading() as connection:
            for ids in chunks(case_ids):
                trouble = {r.ask_id: r.error for r in connection.execute(_TROUBLE, {"ids": ids})}
                for row in connection.execute(_TOLD, {"ids": ids}):
                    found[row.case_id].append(
                        _told_of(row, row.lost or trouble.get(row.ask_id, ""))
                    )
        return found

    def counts(self, case_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Count questions and answered questions of each case."""
        with self._database.reading() as connection:
            return {
                case_id: (asked, answered)
                for ids in chunks(case_ids)
                for case_id, asked, answered in connection.execute(_COUNTS, {"ids": ids})
            }

    def exchanges(self, case_ids: Sequence[str]) -> Iterator[Exchange]:
        """Read every request that carried a question of these cases, with what came back."""
        shares: Counter[int] = Counter()
        with self._database.reading() as connection:
            for ids in chunks(case_ids):
                for row in connection.execute(_SHARES, {"ids": ids}):
                    shares[row.batch_id] += row.mine
            for batch_id, mine in sorted(shares.items()):
                row = connection.execute(_BATCH, {"of": batch_id}).one()
                yield Exchange(
                    department=row.department,
                    request=bytes(row.request),
                    receipt=bytes(row.receipt or b""),
                    items=row.items,
                    mine=mine,
                )

    def settled(self, case_id: str) -> list[Settled]:
        """Read every request about a case that came back with a true answer, in their order."""
        mine: dict[int, list[tuple[int, int]]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(_MINE, {"of": case_id}):
                mine.setdefault(row.batch_id, []).append((row.position, row.place))
            return [
                Settled(
                    department=row.department,
                    request=bytes(row.request),
                    receipt=bytes(row.receipt),
                    mine=tuple(items),
                )
                for batch_id, items in mine.items()
                for row in [connection.execute(_BATCH, {"of": batch_id}).one()]
            ]


def _told_of(row: Row[Any], code: str) -> Told:
    return Told(
        ask=Ask(
            person=row.place,
            department=row.department,
            predicate=row.predicate,
            parameter=row.parameter,
        ),
        answer=None if row.outcome is None else _answer(row),
        code=code,
        millis=row.millis or 0,
    )


def _answer(row: Row[Any]) -> Answer:
    return Answer(
        outcome=Outcome(row.outcome),
        value=row.value,
        refusal=Refusal(row.refusal),
        as_of=row.as_of,
        scope=Scope(row.scope),
        enrolled_to=row.enrolled_to,
        period_from=row.period_from,
        period_to=row.period_to,
        policy_version=row.policy_version,
        use_no=row.use_no,
    )
