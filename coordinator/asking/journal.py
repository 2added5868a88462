"""Every request that was made, durable before it is sent, and every answer that came.

Knows the states of a batch of questions:

    NEW ──> SENT ──> ANSWERED        signed request kept, then sent, then its answer kept
      │       ├────> REPLACED        expired: never sent, or too late for the department as well;
      │       │                      its questions go out under a new qid
      └───────┴────> FAILED          the department, or the answer, was not what the protocol allows

What is kept is in the log, in the same transaction: nothing is sent that is not there.
Does not know signatures or sockets, and waits for nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, Update, bindparam, insert, select, update

from coordinator import log_entries
from coordinator.asking import waiting
from coordinator.asking.requests import Reply, Request, Wanted
from coordinator.asking.waiting import TRANSIENT, BatchState, Open
from coordinator.casework.filed import ConsentStage
from coordinator.database import Database
from coordinator.log_book import append
from coordinator.log_entries import Exchange
from coordinator.schema import (
    answer,
    ask,
    consent,
    question,
    question_batch,
    recheck,
    token,
)
from federation.exchange import Answer, Outcome, Refusal

DOUBTED: Final = frozenset({Refusal.CONSENT_REVOKED, Refusal.CONSENT_SUSPENDED})
"""Refusals after which a case is asked about no more until the registrar was asked about it."""
_FORGOTTEN: Final = frozenset({Refusal.HOUSEHOLD_MISMATCH})
"""Refusals of a department that does not know all tokens of a household (any more)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A signed request in the books; ``asks`` are its questions' numbers, in order.

    ``sent``: the department may have it. ``ended``: a case of it may not be asked about any more.
    """

    id: int
    department: str
    request: bytes = field(repr=False)
    items: int
    expires: int
    cases: frozenset[str]
    asks: tuple[int, ...]
    sent: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What came from a department, believed or not: when (UTC seconds), after how long."""

    data: bytes = field(repr=False)
    at: int
    millis: int = 0


_BATCH = select(question_batch).where(question_batch.c.batch_id == bindparam("of"))
_ASKS_OF = (
    select(question.c.position, question.c.recheck, ask, consent.c.state)
    .select_from(question)
    .join(ask, ask.c.ask_id == question.c.ask_id)
    .join(consent, consent.c.case_id == ask.c.case_id)
    .where(question.c.batch_id == bindparam("of"))
    .order_by(question.c.position)
)
_SENT = (
    update(question_batch)
    .where(question_batch.c.batch_id == bindparam("of"))
    .values(state=BatchState.SENT.value, attempts=question_batch.c.attempts + 1)
)
_END = (
    update(question_batch)
    .where(question_batch.c.batch_id == bindparam("of"))
    .values(
        state=bindparam("to"),
        error=bindparam("code"),
        receipt=bindparam("reply"),
        millis=bindparam("took"),
    )
)
_NOTE = (
    update(question_batch)
    .where(question_batch.c.batch_id == bindparam("of"))
    .values(error=bindparam("code"))
)
_ANSWERED = update(ask).where(ask.c.ask_id == bindparam("of")).values(answered_by=bindparam("by"))
_SHOWN = (
    update(token)
    .where(
        token.c.case_id == bindparam("in_case"),
        token.c.place == bindparam("at"),
        token.c.department == bindparam("of"),
    )
    .values(presented=bindparam("pairs"))
)
_FORGET = (
    update(token)
    .where(token.c.case_id == bindparam("in_case"), token.c.department == bindparam("of"))
    .values(presented="")
)
_DOUBT = (
    update(consent)
    .where(consent.c.case_id == bindparam("of"), consent.c.state == ConsentStage.READY.value)
    .values(state=ConsentStage.RECORDED.value)
)
_RECHECKED = (
    update(recheck).where(recheck.c.jti == bindparam("of")).values(batch_id=bindparam("by"))
)


class Journal:
    """The books of questions and answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_questions(self, case_ids: Sequence[str], *, again: bool = False) -> list[Open]:
        """List the questions of ready cases that wait for an answer; ``again``: all of them."""
        with self._database.reading() as connection:
            return waiting.open_questions(connection, case_ids, again=again)

    def wanted(self, ask_ids: Sequence[int]) -> list[Wanted]:
        """Read what is needed to put questions at one department."""
        with self._database.reading() as connection:
            return waiting.wanted(connection, ask_ids)

    def keep(self, department: str, wanted: Sequence[Wanted], request: Request) -> Batch:
        """Keep a signed request, and log it, before it is sent."""
        with self._database.writing() as connection:
            made = connection.execute(
                insert(question_batch).values(
                    department=department,
                    qid=request.qid,
                    request=request.data,
                    items=request.items,
                    state=BatchState.NEW.value,
                    attempts=0,
                    created=request.issued,
                    expires=request.expires,
                    millis=0,
                    error="",
                    receipt=None,
                )
            )
            (batch_id,) = made.inserted_primary_key or (0,)
            connection.execute(
                insert(question),
                [
                    {
                        "batch_id": batch_id,
                        "position": position,
                        "ask_id": one.ask_id,
                        "recheck": one.subject.held.jti if one.subject.recheck else None,
                    }
                    for position, one in enumerate(wanted)
                ],
            )
            logged = Exchange(department=department, request=request.data, number=batch_id)
            append(connection, [log_entries.sent(logged)])
        return Batch(
            id=batch_id,
            department=department,
            request=request.data,
            items=request.items,
            expires=request.expires,
            cases=frozenset(one.subject.case.case_id for one in wanted),
            asks=tuple(one.ask_id for one in wanted),
        )

    def batch(self, batch_id: int) -> Batch:
        """Read a request again."""
        with self._database.reading() as connection:
            row = connection.execute(_BATCH, {"of": batch_id}).one()
            asks = connection.execute(_ASKS_OF, {"of": batch_id}).all()
        return Batch(
            id=row.batch_id,
            department=row.department,
            request=bytes(row.request),
            items=row.items,
            expires=row.expires,
            cases=frozenset(one.case_id for one in asks),
            asks=tuple(one.ask_id for one in asks),
            sent=row.attempts > 0,
            ended=any(one.state != ConsentStage.READY.value for one in asks),
        )

    def sending(self, batch_id: int) -> None:
        """Count one more attempt, before it is made."""
        with self._database.writing() as connection:
            connection.execute(_SENT, {"of": batch_id})

    def note(self, batch_id: int, code: str) -> None:
        """Keep why the last attempt brought nothing; the request stays open."""
        with self._database.writing() as connection:
            connection.execute(_NOTE, {"of": batch_id, "code": code})

    def end(self, batch: Batch, state: BatchState, code: str, came: Received | None = None) -> None:
        """End a request without answers, keeping what came instead."""
        with self._database.writing() as connection:
            _end(connection, batch, state, code, came)

    def answered(self, batch: Batch, came: Received, reply: Reply) -> list[int]:
        """Keep an answer with its exact bytes; give the questions to be put with a presentation.

        A refused recheck leaves the answer before it as the newest.
        """
        batch_id = batch.id
        with self._database.writing() as connection:
            asks = connection.execute(_ASKS_OF, {"of": batch_id}).all()
            rows = [_answer_row(batch_id, i, one) for i, one in enumerate(reply.answers)]
            connection.execute(insert(answer), rows)
            both = list(zip(asks, reply.answers, strict=True))
            again = {row.ask_id for row, one in both if one.outcome is Outcome.PRESENT_AGAIN}
            refused = {row.ask_id for row, one in both if one.outcome is Outcome.REFUSED}
            kept = again | {row.ask_id for row in asks if row.recheck and row.ask_id in refused}
            _each(
                connection,
                _ANSWERED,
                [{"of": row.ask_id, "by": batch_id} for row in asks if row.ask_id not in kept],
            )
            _each(connection, _SHOWN, _shown(asks, reply))
            _each(connection, _RECHECKED, _rechecked(batch_id, both))
            _each(connection, _FORGET, _households_of(both, _FORGOTTEN))
            doubted = {
                row.case_id
                for row, one in both
                if one.outcome is Outcome.REFUSED and one.refusal in DOUBTED
            }
            _each(connection, _DOUBT, [{"of": case_id} for case_id in doubted])
            _end(connection, batch, BatchState.ANSWERED, "", came)
        return [row.ask_id for row in asks if row.ask_id in again]


def _end(
    connection: Connection, batch: Batch, state: BatchState, code: str, came: Received | None
) -> None:
    """Note how a request has ended; what came is kept, and logged."""
    row: dict[str, Any] = {"of": batch.id, "to": state.value, "code": code}
    row |= {"reply": came.data, "took": came.millis} if came else {"reply": None, "took": 0}
    if came:
        logged = Exchange(department=batch.department, request=batch.request, number=batch.id)
        append(connection, [log_entries.came(logged, came.data, came.at)])
    connection.execute(_END, row)


def _each(connection: Connection, statement: Update, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)


def _rechecked(batch_id: int, both: Sequence[tuple[Row[Any], Answer]]) -> list[dict[str, Any]]:
    """Tell which rechecks are over: answered, or refused for good."""
    return [
        {"of": row.recheck, "by": batch_id}
        for row, one in both
        if row.recheck
        and one.outcome is not Outcome.PRESENT_AGAIN
        and one.refusal.value not in TRANSIENT
    ]


def _households_of(
    both: Sequence[tuple[Row[Any], Answer]], refusals: frozenset[Refusal]
) -> list[dict[str, Any]]:
    found = {(row.case_id, row.department) for row, one in both if one.refusal in refusals}
    return [{"in_case": case_id, "of": department} for case_id, department in found]


def _shown(asks: Sequence[Row[Any]], reply: Reply) -> list[dict[str, Any]]:
    """Say, per person, what the department now knows the token to grant."""
    pairs: dict[tuple[str, int, str], set[str]] = {}
    forgotten: set[tuple[str, int, str]] = set()
    for row, one, shown in zip(asks, reply.answers, reply.shown, strict=True):
        key = row.case_id, row.place, row.department
        if row.recheck:
            continue
        if one.outcome is Outcome.PRESENT_AGAIN:
            forgotten.add(key)
        elif shown and one.outcome is not Outcome.REFUSED:
            pairs.setdefault(key, set()).add(f"{row.predicate}/{row.parameter}")
    return [
        {"in_case": key[0], "at": key[1], "of": key[2], "pairs": " ".join(sorted(words))}
        for key, words in (pairs | {key: set() for key in forgotten}).items()
    ]


def _answer_row(batch_id: int, position: int, one: Answer) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "position": position,
        "outcome": one.outcome.value,
        "value": one.value,
        "refusal": one.refusal.value,
        "as_of": one.as_of,
        "scope": one.scope.value,
        "enrolled_to": one.enrolled_to,
        "period_from": one.period_from,
        "period_to": one.period_to,
        "policy_version": one.policy_version,
        "use_no": one.use_no,
    }
