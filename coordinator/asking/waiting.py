"""What waits for an answer, and what is needed to put it: read, and nothing changed.

Knows which questions may be asked now: of ready cases, under a token that grants them, and for a
recheck under its own. Does not know requests or what comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from coordinator.asking.requests import CaseTerms, Held, Pair, Subject, Wanted
from coordinator.casework.filed import ConsentStage
from coordinator.casework.programmes import Role
from coordinator.database import chunks
from coordinator.schema import (
    answer,
    ask,
    case_file,
    consent,
    person,
    question,
    question_batch,
    recheck,
    token,
)
from federation.exchange import Purpose, Refusal


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
        Refusal.CONSENT_SUSPENDED,
        Refusal.CONSENT_EXPIRED,
        Refusal.HOUSEHOLD_MISMATCH,
    )
)
"""Refusals that are about the moment and not about the question: the next run puts it again."""


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
        ask.c.lost == "",
    )
    .order_by(ask.c.ask_id)
)
_OBJECTED = recheck.c.batch_id.is_(None) & (recheck.c.ask_id == ask.c.ask_id)
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
_TO_RECHECK = select(recheck.c.jti).where(_OBJECTED).correlate(ask).exists()
_UNANSWERED = _OPEN.where(
    ask.c.answered_by.is_(None) | _REFUSED_FOR_NOW | _ON_ITS_WAY | _TO_RECHECK
)
_WANTED = (
    select(
        ask.c.ask_id,
        ask.c.case_id,
        ask.c.place,
        ask.c.department,
        ask.c.predicate,
        ask.c.parameter,
        case_file.c.commission,
        case_file.c.operator,
        case_file.c.purpose,
        case_file.c.salt,
        token.c.jti,
        token.c.token,
        token.c.presented,
        person.c.role,
        recheck.c.jti.label("recheck_jti"),
        recheck.c.token.label("recheck_token"),
    )
    .select_from(ask)
    .join(case_file, case_file.c.case_id == ask.c.case_id)
    .join(person, (person.c.case_id == ask.c.case_id) & (person.c.place == ask.c.place))
    .join(
        token,
        (token.c.case_id == ask.c.case_id)
        & (token.c.place == ask.c.place)
        & (token.c.department == ask.c.department),
    )
    .join(consent, consent.c.case_id == ask.c.case_id)
    .outerjoin(recheck, _OBJECTED)
    .where(
        ask.c.ask_id.in_(bindparam("ids", expanding=True)),
        consent.c.state == ConsentStage.READY.value,
        ask.c.lost == "",
    )
    .order_by(ask.c.ask_id)
)
_HOUSEHOLDS = (
    select(token.c.case_id, token.c.jti, token.c.token, token.c.presented)
    .join(person, (person.c.case_id == token.c.case_id) & (person.c.place == token.c.place))
    .where(
        token.c.case_id.in_(bindparam("ids", expanding=True)),
        token.c.department == bindparam("of"),
        person.c.role != Role.SUPPORTER.value,
    )
    .order_by(token.c.case_id, token.c.place)
)


def open_questions(
    connection: Connection, case_ids: Sequence[str], *, again: bool = False
) -> list[Open]:
    """List the questions of ready cases that wait for an answer; ``again``: all of them."""
    statement = _OPEN if again else _UNANSWERED
    found: dict[int, Open] = {}
    for ids in chunks(case_ids):
        for row in connection.execute(statement, {"ids": ids}):
            if row.ask_id not in found or row.batch_id is not None:
                found[row.ask_id] = Open(*row)
    return list(found.values())


def wanted(connection: Connection, ask_ids: Sequence[int]) -> list[Wanted]:
    """Read what is needed to put questions at one department."""
    rows = [r for ids in chunks(ask_ids) for r in connection.execute(_WANTED, {"ids": ids})]
    households = _households(connection, rows)
    subjects: dict[bytes, Subject] = {}
    found = []
    for row in rows:
        key = row.recheck_jti or row.jti
        if key not in subjects:
            subjects[key] = _subject(row, households)
        pair = row.predicate, row.parameter
        found.append(Wanted(ask_id=row.ask_id, subject=subjects[key], pair=pair))
    return found


def _households(connection: Connection, rows: Sequence[Any]) -> dict[str, tuple[Held, ...]]:
    """Read the tokens of the households, by case, at the one department of these rows."""
    found: dict[str, list[Held]] = {}
    for ids in chunks(sorted({row.case_id for row in rows})):
        here = {"ids": ids, "of": rows[0].department}
        for row in connection.execute(_HOUSEHOLDS, here):
            found.setdefault(row.case_id, []).append(_held(row))
    return {case_id: tuple(held) for case_id, held in found.items()}


def _held(row: Any) -> Held:
    return Held(jti=bytes(row.jti), token=bytes(row.token), presented=_pairs(row.presented))


def _subject(row: Any, households: dict[str, tuple[Held, ...]]) -> Subject:
    case = CaseTerms(
        case_id=row.case_id,
        commission=row.commission,
        operator=row.operator,
        purpose=Purpose(row.purpose),
        salt=bytes(row.salt),
    )
    if row.recheck_jti:
        alone = Held(jti=bytes(row.recheck_jti), token=bytes(row.recheck_token))
        return Subject(case=case, place=row.place, held=alone, recheck=True)
    supporter = row.role == Role.SUPPORTER.value
    return Subject(
        case=case,
        place=row.place,
        held=_held(row),
        household=() if supporter else households[row.case_id],
    )


def _pairs(text: str) -> frozenset[Pair]:
    pairs = (word.partition("/") for word in text.split())
    return frozenset((predicate, parameter) for predicate, _, parameter in pairs)
