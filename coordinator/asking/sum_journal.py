"""Every message of a sum's run, durable before it is sent, and whatever came in answer.

Knows a run's tables: each method is one transaction, in which also the log is told. A message that
is kept may have been sent: it goes out again byte for byte, and its party repeats its answer. The
seed is kept while the run may be gone on with, a refused one until its sum begins another, and then
removed; sealed it stays.
Does not know signatures, sockets or ciphertexts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from coordinator import log_entries
from coordinator.asking import sum_waiting
from coordinator.asking.journal import DOUBTED
from coordinator.asking.requests import Request
from coordinator.asking.rounds import Step
from coordinator.asking.sum_requests import Work
from coordinator.asking.sum_waiting import Message, MessageState, RunState, Standing, Waiting
from coordinator.casework.filed import ConsentStage
from coordinator.database import Database
from coordinator.log_book import append
from coordinator.log_entries import Exchange, Kept
from coordinator.schema import consent, sum_ask, sum_message, sum_run
from federation.exchange import Answer, Outcome
from federation.transcript import Round


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to be written down: ``sealed`` is the seed for the auditor, ``began`` in UTC seconds.

    ``verdict`` and ``abort`` open a second attempt.
    """

    sum_id: int
    run: bytes
    group: bytes
    period: int
    attempt: int = 0
    seed: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    commitment: bytes
    began: int
    verdict: bytes = field(repr=False, default=b"")
    abort: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What became of a message once it was sent; ``answer`` where one was believed."""

    message: Message
    state: MessageState
    code: str = ""
    receipt: bytes | None = field(repr=False, default=None)
    at: int = 0
    millis: int = 0
    answer: Answer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a run stands after its last message; ``answer`` is what it told."""

    state: RunState
    code: str = ""
    absent: tuple[str, ...] = ()
    millis: int = 0
    answer: Answer = field(default_factory=lambda: Answer(outcome=Outcome.UNAVAILABLE))


_CAME: Final = (
    update(sum_message)
    .where(sum_message.c.message_id == bindparam("of"))
    .values(
        state=bindparam("now"),
        error=bindparam("code"),
        receipt=bindparam("reply"),
        millis=bindparam("took"),
    )
)
_READY: Final = (
    select(consent.c.state)
    .join(sum_ask, sum_ask.c.case_id == consent.c.case_id)
    .join(sum_run, sum_run.c.sum_id == sum_ask.c.sum_id)
    .where(sum_run.c.run_no == bindparam("of"))
)
_CASE: Final = (
    select(sum_ask.c.case_id)
    .join(sum_run, sum_run.c.sum_id == sum_ask.c.sum_id)
    .where(sum_run.c.run_no == bindparam("of"))
    .scalar_subquery()
)
_DOUBT: Final = (
    update(consent)
    .where(consent.c.case_id == _CASE, consent.c.state == ConsentStage.READY.value)
    .values(state=ConsentStage.RECORDED.value)
)
_STOP: Final = (
    update(sum_run)
    .where(sum_run.c.run_no == bindparam("of"))
    .values(state=bindparam("now"), code=bindparam("why"), absent=bindparam("who"))
)
_ABORTED: Final = (
    select(sum_run.c.run_no, sum_run.c.sum_id, sum_message.c.receipt)
    .join(sum_ask, sum_ask.c.sum_id == sum_run.c.sum_id)
    .join(sum_message, sum_message.c.run_no == sum_run.c.run_no)
    .where(
        sum_ask.c.case_id == bindparam("of"),
        sum_ask.c.parameter == bindparam("line"),
        sum_run.c.run == bindparam("which"),
        sum_run.c.attempt == 0,
        sum_run.c.state == RunState.ABORTED.value,
        sum_message.c.round == Round.COMPARE.value,
        sum_message.c.error == Outcome.ABORTED.name,  # not what was refused before, and passed
    )
)
_FORGET: Final = (
    update(sum_run)
    .where(sum_run.c.sum_id == bindparam("of"), sum_run.c.state == RunState.REFUSED.value)
    .values(seed=None)
)
_LOSE: Final = (
    update(sum_ask).where(sum_ask.c.sum_id == bindparam("of")).values(lost=bindparam("why"))
)
_END: Final = _STOP.values(
    seed=None,
    outcome=bindparam("said"),
    as_of=bindparam("data_of"),
    period_from=bindparam("since"),
    period_to=bindparam("until"),
    millis=bindparam("took"),
)


class SumJournal:
    """The books of sums."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, case_ids: Sequence[str], month: int, *, again: bool = False) -> list[Waiting]:
        """List the sums of ready cases that are to be asked now."""
        with self._database.reading() as connection:
            return sum_waiting.waiting(connection, case_ids, month, again=again)

    def work(self, sum_id: int) -> Work:
        """Read what is needed to ask a sum."""
        with self._database.reading() as connection:
            return sum_waiting.work(connection, sum_id)

    def standing(self, run_no: int) -> Standing:
        """Read how far a run has come."""
        with self._database.reading() as connection:
            return sum_waiting.standing(connection, run_no)

    def begin(
        self, new: NewRun, fresh: Sequence[tuple[Step, Request]]
    ) -> tuple[Standing, list[Message]]:
        """Write a run down with its first requests, before they are sent."""
        with self._database.writing() as connection:
            connection.execute(_FORGET, {"of": new.sum_id})  # all are of months that have passed
            made = connection.execute(insert(sum_run).values(_run_row(new)))
            (run_no,) = made.inserted_primary_key or (0,)
            messages = _keep(connection, run_no, fresh)
            return sum_waiting.standing(connection, run_no), messages

    def aborted(self, case_id: str, run: bytes, rung: str) -> tuple[int, Standing] | None:
        """Find the first attempt at a sum that the tally aborted, with its signed answer."""
        asked = {"of": case_id, "which": run, "line": rung}
        with self._database.reading() as connection:
            found = connection.execute(_ABORTED, asked).first()
            if found is None:
                return None
            standing = sum_waiting.standing(connection, found.run_no)
            return found.sum_id, replace(standing, abort=bytes(found.receipt))

    def reopen(self, new: NewRun) -> None:
        """Write a second attempt down, to be gone on with by the next run of its case."""
        ours = sum_run.c.sum_id == new.sum_id, sum_run.c.run == new.run  # shared by all rungs
        known = select(sum_run.c.run_no).where(*ours)
        with self._database.writing() as connection:
            if connection.scalar(known) is None:
                connection.execute(insert(sum_run).values(_run_row(new)))

    def lose(self, sum_id: int, code: str) -> None:
        """Note why a sum's tokens do not grant it any more; new ones may."""
        with self._database.writing() as connection:
            connection.execute(_LOSE, {"of": sum_id, "why": code})

    def turn(
        self, run_no: int, came: Sequence[Came], fresh: Sequence[tuple[Step, Request]]
    ) -> list[Message] | None:
        """Keep what came and, before they are sent, the requests that follow.

        Gives None, and keeps no request, where the case may not be asked about any more.
        """
        with self._database.writing() as connection:
            _note(connection, run_no, came)
            if connection.scalar(_READY, {"of": run_no}) != ConsentStage.READY.value:
                return None
            return _keep(connection, run_no, fresh)

    def end(self, run_no: int, came: Sequence[Came], how: End) -> None:
        """Keep what came, and how the run stands or has ended."""
        row: dict[str, Any] = {
            "of": run_no,
            "now": how.state.value,
            "why": how.code,
            "who": " ".join(how.absent),
        }
        with self._database.writing() as connection:
            _note(connection, run_no, came)
            if how.state is RunState.OPEN or how.state is RunState.REFUSED:
                connection.execute(_STOP, row)
                return
            answer = how.answer
            row |= {"said": answer.outcome.value, "data_of": answer.as_of, "took": how.millis}
            row |= {"since": answer.period_from, "until": answer.period_to}
            connection.execute(_END, row)


def _note(connection: Connection, run_no: int, came: Sequence[Came]) -> None:
    for one in came:
        message = one.message
        row = {"of": message.id, "now": one.state.value, "code": one.code}
        connection.execute(_CAME, {**row, "reply": one.receipt, "took": one.millis})
        if one.receipt is not None:
            logged = _exchange(message)
            append(connection, [log_entries.came(logged, one.receipt, one.at)])
        if one.answer and one.answer.refusal in DOUBTED:
            connection.execute(_DOUBT, {"of": run_no})


def _keep(
    connection: Connection, run_no: int, fresh: Sequence[tuple[Step, Request]]
) -> list[Message]:
    messages = []
    for step, request in fresh:
        made = connection.execute(
            insert(sum_message).values(
                run_no=run_no,
                round=step.round.value,
                party=step.party,
                qid=request.qid,
                request=request.data,
                state=MessageState.SENT.value,
                created=request.issued,
                millis=0,
                error="",
                receipt=None,
            )
        )
        (number,) = made.inserted_primary_key or (0,)
        message = Message(
            id=number, round=Round(step.round), party=step.party, request=request.data
        )
        messages.append(message)
    append(connection, [log_entries.sent(_exchange(message)) for message in messages])
    return messages


def _exchange(message: Message) -> Exchange:
    return Exchange(
        department=message.party, request=message.request, number=message.id, kept=Kept.SUM
    )


def _run_row(new: NewRun) -> dict[str, Any]:
    return {
        "sum_id": new.sum_id,
        "run": new.run,
        "group_digest": new.group,
        "period": new.period,
        "attempt": new.attempt,
        "seed": new.seed,
        "sealed": new.sealed,
        "commitment": new.commitment,
        "state": RunState.OPEN.value,
        "code": "",
        "absent": "",
        "outcome": 0,
        "as_of": 0,
        "period_from": 0,
        "period_to": 0,
        "began": new.began,
        "millis": 0,
        "verdict": new.verdict or None,
        "abort": new.abort or None,
    }
