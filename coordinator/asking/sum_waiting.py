"""Which sums wait for an outcome, and what is needed to ask them: read, and nothing changed.

Knows when a sum may be asked: of a ready case, whole, after the sum that it depends on, and once a
month of asking. Does not know messages or ciphertexts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from coordinator import rows
from coordinator.asking.questions import HOUSEHOLD, SumAsk
from coordinator.asking.requests import CaseTerms
from coordinator.asking.sum_requests import Work
from coordinator.casework.filed import ConsentStage
from coordinator.database import chunks
from coordinator.schema import case_file, consent, sum_ask, sum_message, sum_run, token
from federation.exchange import Outcome, Purpose
from federation.transcript import Round


class RunState(StrEnum):
    """Where a run stands. OPEN goes on with the next run of its case; the others do not."""

    OPEN = "OPEN"
    TOLD = "TOLD"
    ABORTED = "ABORTED"
    REFUSED = "REFUSED"


class MessageState(StrEnum):
    """Where a message stands. What is SENT goes out again as it is, until something comes."""

    SENT = "SENT"
    GIVEN = "GIVEN"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    REPLACED = "REPLACED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A sum to be asked: in a run that is under way, or in a new one."""

    sum_id: int
    case_id: str
    ask: SumAsk
    run_no: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A signed request of a run as it is kept, and what came in answer."""

    id: int
    round: Round
    party: str
    request: bytes = field(repr=False)
    receipt: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A run in the books: what was given, in order, and what is on its way."""

    run_no: int
    run: bytes
    group: bytes
    period: int
    attempt: int
    seed: bytes = field(repr=False)
    verdict: bytes = field(repr=False)
    abort: bytes = field(repr=False)
    given: tuple[Message, ...]
    sent: tuple[Message, ...]


_IN_CASES: Final = sum_ask.c.case_id.in_(bindparam("ids", expanding=True))
_SUMS: Final = (
    select(sum_ask)
    .join(consent, consent.c.case_id == sum_ask.c.case_id)
    .where(_IN_CASES, consent.c.state == ConsentStage.READY.value, sum_ask.c.lost == "")
    .order_by(sum_ask.c.sum_id)
)
_RUNS: Final = (
    select(sum_run)
    .join(sum_ask, sum_ask.c.sum_id == sum_run.c.sum_id)
    .where(_IN_CASES)
    .order_by(sum_run.c.period, sum_run.c.attempt)
)
_WORK: Final = (
    select(
        sum_ask,
        case_file.c.commission,
        case_file.c.operator,
        case_file.c.purpose,
        case_file.c.salt,
        case_file.c.declared_income,
        case_file.c.declared_salt,
    )
    .join(case_file, case_file.c.case_id == sum_ask.c.case_id)
    .where(sum_ask.c.sum_id == bindparam("of"))
)
_TOKENS: Final = select(token.c.place, token.c.department, token.c.token).where(
    token.c.case_id == bindparam("of")
)
_RUN: Final = select(sum_run).where(sum_run.c.run_no == bindparam("of"))
_MESSAGES: Final = (
    select(sum_message)
    .where(
        sum_message.c.run_no == bindparam("of"),
        sum_message.c.state.in_([MessageState.SENT.value, MessageState.GIVEN.value]),
    )
    .order_by(sum_message.c.message_id)
)


def waiting(
    connection: Connection, case_ids: Sequence[str], month: int, *, again: bool = False
) -> list[Waiting]:
    """List the sums of ready cases that are to be asked now, ``month`` being that of asking.

    ``again`` asks anew what was told, aborted or refused: in another month in a new run, in the
    same month only what was refused, for a line is compared once.
    """
    found = []
    for ids in chunks(case_ids):
        newest = {row.sum_id: row for row in connection.execute(_RUNS, {"ids": ids})}
        sums = connection.execute(_SUMS, {"ids": ids}).all()
        told = met(sums, newest)
        for row in sums:
            run = newest.get(row.sum_id)
            if row.after and (row.case_id, row.after) not in told:
                continue
            if run is None or _anew(run, month, again=again):
                found.append(_waiting(row, None))
            elif run.state == RunState.OPEN or (again and run.state == RunState.REFUSED):
                found.append(_waiting(row, run.run_no))
    return found


def work(connection: Connection, sum_id: int) -> Work:
    """Read what is needed to ask a sum."""
    row = connection.execute(_WORK, {"of": sum_id}).one()
    ask = rows.read_sum(row)
    tokens: dict[str, list[bytes]] = {}
    for one in connection.execute(_TOKENS, {"of": row.case_id}):
        if one.place in ask.persons:
            tokens.setdefault(one.department, []).append(bytes(one.token))
    return Work(
        sum_id=sum_id,
        ask=ask,
        case=CaseTerms(
            case_id=row.case_id,
            commission=row.commission,
            operator=row.operator,
            purpose=Purpose(row.purpose),
            salt=bytes(row.salt),
        ),
        tokens=tokens,
        declared=row.declared_income if ask.declared else 0,
        declared_salt=bytes(row.declared_salt) if ask.declared else b"",
    )


def standing(connection: Connection, run_no: int) -> Standing:
    """Read how far a run has come."""
    row = connection.execute(_RUN, {"of": run_no}).one()
    messages = connection.execute(_MESSAGES, {"of": run_no}).all()
    return Standing(
        run_no=run_no,
        run=bytes(row.run),
        group=bytes(row.group_digest),
        period=row.period,
        attempt=row.attempt,
        seed=bytes(row.seed or b""),
        verdict=bytes(row.verdict or b""),
        abort=bytes(row.abort or b""),
        given=tuple(_message(one) for one in messages if one.state == MessageState.GIVEN),
        sent=tuple(_message(one) for one in messages if one.state == MessageState.SENT),
    )


def met(sums: Iterable[Row[Any]], newest: Mapping[int, Row[Any]]) -> set[tuple[str, str]]:
    """List what is known of households, as conditions name it: case and ``H1=YES``."""
    return {
        (row.case_id, f"{row.predicate}={Outcome(newest[row.sum_id].outcome).name}")
        for row in sums
        if row.subject == HOUSEHOLD
        and row.sum_id in newest
        and newest[row.sum_id].state == RunState.TOLD
    }


def _anew(run: Row[Any], month: int, *, again: bool) -> bool:
    """Tell whether a sum is asked in a new run though it had one."""
    if run.period >= month:
        return False
    return run.state == RunState.REFUSED or (again and run.state != RunState.OPEN)


def _waiting(row: Row[Any], run_no: int | None) -> Waiting:
    return Waiting(sum_id=row.sum_id, case_id=row.case_id, ask=rows.read_sum(row), run_no=run_no)


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.message_id,
        round=Round(row.round),
        party=row.party,
        request=bytes(row.request),
        receipt=bytes(row.receipt or b""),
    )
