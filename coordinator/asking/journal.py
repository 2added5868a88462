"""Every request that was made, durable before it is sent, and every answer that came.

Knows the states of a batch of questions:

    NEW ──> SENT ──> ANSWERED        signed request kept, then sent, then its answer kept
      │       ├────> REPLACED        expired: never sent, or too late for the department as well;
      │       │                      its questions go out under a new qid
      └───────┴────> FAILED          the department, or the answer, was not what the protocol allows

Does not know signatures or sockets, and waits for nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, select, update

from coordinator.asking.requests import CaseTerms, Pair, Reply, Request, Subject, Wanted
from coordinator.casework.filed import ConsentStage
from coordinator.database import Database, chunks
from coordinator.schema import answer, ask, case_file, consent, question, question_batch, token
from federation.exchange import Answer, Outcome, Purpose, Refusal


class BatchState(StrEnum):
    """Where a signed request stands."""

    NEW = "NEW"
    SENT = "SENT"
    ANSWERED = "ANSWERED"
    REPLACED = "REPLACED"
    FAILED = "FAILED"


OPEN: Final = (BatchState.NEW.value, BatchState.SENT.value)
TRANSIENT: Final = tuple(
    refusal.value
    for refusal in (
        Refusal.REQUEST_NOT_FRESH,
        Refusal.STATUS_LIST_STALE,
        Refusal.POLICY_VERSION,
        Refusal.NODE_PAUSED,
        Refusal.SOURCE_UNAVAILABLE,
    )
)
"""Refusals that are about the moment and not about the question: it is put again by the next run."""


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


@dataclass(frozen=True, slots=True)
class Open:
    """A question without an answer: its case, department and, where it is on its way, batch."""

    ask_id: int
    case_id: str
    department: str
    batch_id: int | None


_ANSWERED_IN = question.alias("answered_in")
_OPEN = (
    select(ask.c.ask_id, ask.c.case_id, ask.c.department, question_batch.c.batch_id)
    .select_from(ask)
    .join(consent, consent.c.case_id == ask.c.case_id)
    .outerjoin(question, question.c.ask_id == ask.c.ask_id)
    .outerjoin(
        question_batch,
        (question_batch.c.batch_id == question.c.batch_id) & question_batch.c.state.in_(OPEN),
    )
    .where(
        ask.c.case_id.in_(bindparam("ids", expanding=True)),
        consent.c.state == ConsentStage.READY.value,
    )
    .order_by(ask.c.ask_id)
)
_REFUSED_FOR_NOW = (
    select(answer.c.batch_id)
    .select_from(answer)
    .join(
        _ANSWERED_IN,
        (_ANSWERED_IN.c.batch_id == answer.c.batch_id)
        & (_ANSWERED_IN.c.position == answer.c.position),
    )
    .where(
        _ANSWERED_IN.c.ask_id == ask.c.ask_id,
        answer.c.batch_id == ask.c.answered_by,
        answer.c.refusal.in_(TRANSIENT),
    )
    .correlate(ask)
    .exists()
)
_ON_ITS_WAY = question_batch.c.batch_id.is_not(None)  # asked again, and not yet answered again
_UNANSWERED = _OPEN.where(ask.c.answered_by.is_(None) | _REFUSED_FOR_NOW | _ON_ITS_WAY)
_WANTED = (
    select(
        ask.c.ask_id,
        ask.c.case_id,
        ask.c.place,
        ask.c.predicate,
        ask.c.parameter,
        case_file.c.commission,
        case_file.c.operator,
        case_file.c.purpose,
        case_file.c.salt,
        token.c.jti,
        token.c.token,
        token.c.presented,
    )
    .select_from(ask)
    .join(case_file, case_file.c.case_id == ask.c.case_id)
    .join(
        token,
        (token.c.case_id == ask.c.case_id)
        & (token.c.place == ask.c.place)
        & (token.c.department == ask.c.department),
    )
    .join(consent, consent.c.case_id == ask.c.case_id)
    .where(
        ask.c.ask_id.in_(bindparam("ids", expanding=True)),
        consent.c.state == ConsentStage.READY.value,
    )
    .order_by(ask.c.ask_id)
)
_BATCH = select(question_batch).where(question_batch.c.batch_id == bindparam("of"))
_ASKS_OF = (
    select(question.c.position, ask, consent.c.state)
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


class Journal:
    """The books of questions and answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_questions(self, case_ids: Sequence[str], *, again: bool = False) -> list[Open]:
        """List the questions of ready cases that wait for an answer; ``again``: all of them."""
        statement = _OPEN if again else _UNANSWERED
        found: dict[int, Open] = {}
        with self._database.reading() as connection:
            for ids in chunks(case_ids):
                for row in connection.execute(statement, {"ids": ids}):
                    if row.ask_id not in found or row.batch_id is not None:
                        found[row.ask_id] = Open(*row)
        return list(found.values())

    def wanted(self, ask_ids: Sequence[int]) -> list[Wanted]:
        """Read what is needed to put questions at one department."""
        subjects: dict[tuple[str, int], Subject] = {}
        found = []
        with self._database.reading() as connection:
            rows = [r for ids in chunks(ask_ids) for r in connection.execute(_WANTED, {"ids": ids})]
        for row in rows:
            key = row.case_id, row.place
            if key not in subjects:
                subjects[key] = _subject(row)
            pair = row.predicate, row.parameter
            found.append(Wanted(ask_id=row.ask_id, subject=subjects[key], pair=pair))
        return found

    def keep(self, department: str, wanted: Sequence[Wanted], request: Request) -> Batch:
        """Keep a signed request before it is sent."""
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
                    {"batch_id": batch_id, "position": position, "ask_id": one.ask_id}
                    for position, one in enumerate(wanted)
                ],
            )
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

    def end(self, batch_id: int, state: BatchState, code: str, reply: bytes | None = None) -> None:
        """End a request without answers, keeping what came instead."""
        with self._database.writing() as connection:
            row = {"of": batch_id, "to": state.value, "code": code, "reply": reply, "took": 0}
            connection.execute(_END, row)

    def answered(self, batch_id: int, raw: bytes, reply: Reply, millis: int) -> list[int]:
        """Keep an answer with its exact bytes; give the questions to be put with a presentation."""
        with self._database.writing() as connection:
            asks = connection.execute(_ASKS_OF, {"of": batch_id}).all()
            rows = [_answer_row(batch_id, i, one) for i, one in enumerate(reply.answers)]
            connection.execute(insert(answer), rows)
            again = [
                row.ask_id
                for row, one in zip(asks, reply.answers, strict=True)
                if one.outcome is Outcome.PRESENT_AGAIN
            ]
            done = [row.ask_id for row in asks if row.ask_id not in set(again)]
            if done:
                connection.execute(_ANSWERED, [{"of": one, "by": batch_id} for one in done])
            shown = _shown(asks, reply)
            if shown:
                connection.execute(_SHOWN, shown)
            connection.execute(
                _END,
                {
                    "of": batch_id,
                    "to": BatchState.ANSWERED.value,
                    "code": "",
                    "reply": raw,
                    "took": millis,
                },
            )
        return again


def _subject(row: Any) -> Subject:
    return Subject(
        case=CaseTerms(
            case_id=row.case_id,
            commission=row.commission,
            operator=row.operator,
            purpose=Purpose(row.purpose),
            salt=bytes(row.salt),
        ),
        place=row.place,
        jti=bytes(row.jti),
        token=bytes(row.token),
        presented=_pairs(row.presented),
    )


def _pairs(text: str) -> frozenset[Pair]:
    pairs = (word.partition("/") for word in text.split())
    return frozenset((predicate, parameter) for predicate, _, parameter in pairs)


def _shown(asks: Sequence[Row[Any]], reply: Reply) -> list[dict[str, Any]]:
    """Say, per person, what the department now knows the token to grant."""
    pairs: dict[tuple[str, int, str], set[str]] = {}
    forgotten: set[tuple[str, int, str]] = set()
    for row, one, shown in zip(asks, reply.answers, reply.shown, strict=True):
        key = row.case_id, row.place, row.department
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
