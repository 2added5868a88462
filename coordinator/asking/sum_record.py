"""Reading the journal of sums: what was told, what travelled for it, and the sealed seeds.

Knows the tables of runs and messages. Changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from coordinator import rows
from coordinator.asking.questions import SumAsk, SumTold
from coordinator.asking.record import Exchange, Settled
from coordinator.asking.sum_waiting import MessageState, RunState, met
from coordinator.database import Database, chunks
from coordinator.schema import sum_ask, sum_message, sum_run
from federation.exchange import Answer, Outcome
from federation.transcript import Round, SealedSeed

_IN_CASES: Final = sum_ask.c.case_id.in_(bindparam("ids", expanding=True))
_SUMS: Final = select(sum_ask).where(_IN_CASES).order_by(sum_ask.c.sum_id)
_RUNS: Final = (
    select(sum_ask.c.case_id, sum_run)
    .join(sum_ask, sum_ask.c.sum_id == sum_run.c.sum_id)
    .where(_IN_CASES)
    .order_by(sum_run.c.period, sum_run.c.attempt)
)
_TRAVELLED: Final = (
    select(sum_message, sum_ask.c.persons)
    .join(sum_run, sum_run.c.run_no == sum_message.c.run_no)
    .join(sum_ask, sum_ask.c.sum_id == sum_run.c.sum_id)
    .where(_IN_CASES)
    .order_by(sum_message.c.message_id)
)
_OF_CASE: Final = (
    select(sum_ask, sum_run)
    .join(sum_ask, sum_ask.c.sum_id == sum_run.c.sum_id)
    .where(sum_ask.c.case_id == bindparam("of"))
    .order_by(sum_run.c.run_no)
)
_ANSWERED: Final = (
    select(sum_message)
    .where(
        sum_message.c.run_no == bindparam("of"),
        sum_message.c.receipt.is_not(None),
        sum_message.c.state != MessageState.FAILED.value,
    )
    .order_by(sum_message.c.message_id)
)
_COMPARED: Final = (
    select(sum_message.c.message_id)
    .where(sum_message.c.run_no == sum_run.c.run_no, sum_message.c.round == Round.COMPARE.value)
    .correlate(sum_run)
    .exists()
)
_WITH_Z: Final = _OF_CASE.where(_COMPARED)


CONDITION: Final = "CONDITION"
"""Why a sum is not asked: the sum that it depends on has not been answered as it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run of a case's sum, with every exchange that came to a signed answer, in their order."""

    ask: SumAsk
    group: bytes
    run: bytes
    period: int
    attempt: int
    outcome: str
    exchanges: tuple[tuple[Round, Settled], ...] = field(repr=False)


class SumRecord:
    """What the journal says of the sums of cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def told(self, case_ids: Sequence[str]) -> dict[str, list[SumTold]]:
        """Read, for every sum of cases, what its newest run told, or why there is nothing."""
        found: dict[str, list[SumTold]] = {case_id: [] for case_id in case_ids}
        with self._database.reading() as connection:
            for ids in chunks(case_ids):
                newest = {row.sum_id: row for row in connection.execute(_RUNS, {"ids": ids})}
                sums = connection.execute(_SUMS, {"ids": ids}).all()
                known = met(sums, newest)
                for row in sums:
                    waits = row.after and (row.case_id, row.after) not in known
                    code = row.lost or (CONDITION if waits else "")
                    found[row.case_id].append(_told_of(row, newest.get(row.sum_id), code))
        return found

    def exchanges(self, case_ids: Sequence[str]) -> Iterator[Exchange]:
        """Read every message of these cases' sums, with what came back."""
        with self._database.reading() as connection:
            for ids in chunks(case_ids):
                for row in connection.execute(_TRAVELLED, {"ids": ids}):
                    slots = len(row.persons.split())
                    yield Exchange(
                        department=row.party,
                        request=bytes(row.request),
                        receipt=bytes(row.receipt or b""),
                        items=slots,
                        mine=slots,
                    )

    def runs(self, case_id: str) -> list[Ran]:
        """Read the runs of a case that came to a signed answer, oldest first."""
        with self._database.reading() as connection:
            found = [_ran(row, connection) for row in connection.execute(_OF_CASE, {"of": case_id})]
        return [one for one in found if one.exchanges]

    def seeds(self, case_id: str) -> list[SealedSeed]:
        """Read the sealed seeds of a case's runs that got as far as a comparison."""
        with self._database.reading() as connection:
            return [
                SealedSeed(
                    predicate=row.predicate,
                    parameter=row.parameter,
                    run=bytes(row.run),
                    attempt=row.attempt,
                    commitment=bytes(row.commitment),
                    sealed=bytes(row.sealed),
                )
                for row in connection.execute(_WITH_Z, {"of": case_id})
            ]


def _told_of(row: Row[Any], run: Row[Any] | None, code: str) -> SumTold:
    """Read a sum with its newest run; ``code`` says why there is none, if that is known."""
    ask = rows.read_sum(row)
    if run is None:
        return SumTold(ask=ask, code=code)
    if run.state != RunState.TOLD:
        return SumTold(ask=ask, code=run.code or row.lost, absent=tuple(run.absent.split()))
    answer = Answer(
        outcome=Outcome(run.outcome),
        as_of=run.as_of,
        period_from=run.period_from,
        period_to=run.period_to,
    )
    return SumTold(ask=ask, answer=answer, millis=run.millis)


def _ran(row: Row[Any], connection: Connection) -> Ran:
    ask = rows.read_sum(row)
    return Ran(
        ask=ask,
        group=bytes(row.group_digest),
        run=bytes(row.run),
        period=row.period,
        attempt=row.attempt,
        outcome=Outcome(row.outcome).name if row.state == RunState.TOLD else row.code,
        exchanges=tuple(
            (
                Round(one.round),
                Settled(
                    department=one.party,
                    request=bytes(one.request),
                    receipt=bytes(one.receipt),
                    mine=(),
                ),
            )
            for one in connection.execute(_ANSWERED, {"of": row.run_no})
        ),
    )
