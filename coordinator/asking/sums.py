"""The sums of many cases: which of them may begin, in which run, and many at the same time.

Knows groups, policy, months and seeds. A sum that depends on another's answer is asked after it.
Every run draws a seed of its own, which is sealed to the auditor before anything is sent. Does not
know what a run's messages say (``rounds``), nor what an outcome means to anybody.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Final

from coordinator.asking.conductor import Event, Patience, Ports, Progress, State, one_at_a_time
from coordinator.asking.requests import Asker
from coordinator.asking.rounds import Rounds, Terms, prepare
from coordinator.asking.sum_journal import End, NewRun, SumJournal
from coordinator.asking.sum_requests import Work
from coordinator.asking.sum_run import Means, SumRun
from coordinator.asking.sum_waiting import RunState, Standing, Waiting
from coordinator.asking.transport import SumTransport
from crypto import comparison, sealing
from crypto.keys import VerifyKey
from federation import summing
from federation.errors import Refused
from federation.group import Group
from federation.policy import Policy
from federation.summing import SumOrder
from federation.verdict import Verdict

_CALLS: Final = 4
"""Calls on their way for each run that goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """Who adds up: groups by predicate, the policy's rungs, and every party's keys."""

    groups: Mapping[str, Group]
    policy: Policy
    keys: Mapping[str, Mapping[str, VerifyKey]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SumsRan:
    """How many sums were told, refused for good, or left open."""

    told: int = 0
    refused: int = 0
    open: int = 0


class SumConductor:
    """Asks the sums of cases."""

    def __init__(
        self,
        asker: Asker,
        circle: Circle,
        ports: Ports[SumJournal, SumTransport],
        patience: Patience,
        workers: int = 16,
    ) -> None:
        self._asker = asker
        self._circle = circle
        self._ports = ports
        self._patience = patience
        self._workers = workers

    def run(
        self,
        case_ids: Sequence[str],
        progress: Progress = lambda _: None,
        *,
        again: bool = False,
    ) -> SumsRan:
        """Ask what the cases have open, and go on with what was under way.

        Raises:
            Unavailable: as ``Ports.check_sound``, or DATABASE_UNAVAILABLE.
        """
        done: set[int] = set()
        counts: Counter[RunState] = Counter()
        while todo := [
            one for one in self._waiting(case_ids, again=again) if one.sum_id not in done
        ]:
            if not done:
                self._ports.check_sound()
            done |= {one.sum_id for one in todo}
            counts += self._all(todo, progress)
        return SumsRan(
            told=counts[RunState.TOLD],
            refused=counts[RunState.REFUSED] + counts[RunState.ABORTED],
            open=counts[RunState.OPEN],
        )

    def retry(self, case_id: str, said: Verdict, document: bytes) -> None:
        """Open the second attempt at a sum that the tally aborted, by the auditor's verdict.

        Raises:
            Refused: SUM_ATTEMPT when the verdict opens nothing of this case, or SUM_GROUP.
        """
        found = self._ports.journal.aborted(case_id, said.run, said.rung)
        if found is None or not said.replays:
            raise Refused("SUM_ATTEMPT", case=case_id)
        sum_id, first = found
        work = self._ports.journal.work(sum_id)
        group = self._circle.groups.get(work.ask.predicate)
        if group is None or group.digest != first.group:
            raise Refused("SUM_GROUP", predicate=work.ask.predicate)
        order = SumOrder(period=first.period, attempt=1, abort=first.abort, verdict=document)
        self._ports.journal.reopen(self._drawn(work, group, order))

    def _waiting(self, case_ids: Sequence[str], *, again: bool) -> list[Waiting]:
        return self._ports.journal.waiting(case_ids, self._month(), again=again)

    def _month(self) -> int:
        return summing.month_of(self._ports.clock.now())

    def _all(self, todo: Sequence[Waiting], progress: Progress) -> Counter[RunState]:
        """Carry every sum as far as it goes."""
        tell = one_at_a_time(progress)
        for one in todo:
            for party in (*one.ask.departments, one.ask.tally):
                tell(_waits(one, party, 1))
        width = min(self._workers, len(todo))
        with (
            ThreadPoolExecutor(width * _CALLS, thread_name_prefix="sum-call") as calls,
            ThreadPoolExecutor(width, thread_name_prefix="sum") as pool,
        ):
            means = self._means(calls, tell)
            futures = [pool.submit(self._one, one, means) for one in todo]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                means.stop.set()
        return Counter(found.state for found in _results(futures) if found)

    def _one(self, one: Waiting, means: Means) -> End | None:
        """Carry one sum; nothing more once somebody has stopped."""
        if means.stop.is_set():
            return None
        told: set[str] = set()

        def tell(event: Event) -> None:
            told.add(event.department)
            means.tell(event)

        try:
            try:
                return self._carried(one, means, tell)
            except Refused as refused:
                self._ports.journal.lose(one.sum_id, refused.code)
                return End(state=RunState.REFUSED, code=refused.code)
            finally:
                for party in {*one.ask.departments, one.ask.tally} - told:
                    means.tell(_waits(one, party, -1))
        except BaseException:
            means.stop.set()
            raise

    def _carried(self, one: Waiting, means: Means, tell: Progress) -> End | None:
        """Go on with a sum's run, or begin one.

        Raises:
            Refused: SUM_GROUP, POLICY_PARAMETER or CONSENT_NOT_GRANTED when the tokens do not hold
                the sum any more.
        """
        work = self._ports.journal.work(one.sum_id)
        group = self._circle.groups.get(one.ask.predicate)
        rung = self._circle.policy.parameters.get(one.ask.parameter)
        if rung is None:
            raise Refused("POLICY_PARAMETER", predicate=work.ask.predicate)
        if group is None:
            raise Refused("SUM_GROUP", predicate=work.ask.predicate)
        run = (
            self._drawn(work, group, SumOrder(period=self._month()))
            if one.run_no is None
            else self._ports.journal.standing(one.run_no)
        )
        terms = Terms(
            group=group,
            rung=rung,
            run=run.run,
            order=_order(run),
            seed=run.seed,
            declared=work.declared,
            declared_salt=work.declared_salt,
        )
        if run.run != summing.run_id(work.grant(group), group, terms.order):
            return self._ended(run, "SUM_GROUP")
        # Nothing of it depends on what departments say, so it is computed while they are asked.
        ready = means.calls.submit(prepare, terms)
        rounds = Rounds(terms, ready.result)
        return SumRun(replace(means, tell=tell), work, terms, rounds, run).go()

    def _drawn(self, work: Work, group: Group, order: SumOrder) -> NewRun:
        """Draw the seed of a new run."""
        seed = self._ports.random(comparison.SEED_SIZE)
        return NewRun(
            sum_id=work.sum_id,
            run=summing.run_id(work.grant(group), group, order),
            group=group.digest,
            period=order.period,
            attempt=order.attempt,
            seed=seed,
            sealed=sealing.seal_to(group.auditor, seed),
            commitment=comparison.commitment(seed),
            began=self._ports.clock.now(),
            verdict=order.verdict,
            abort=order.abort,
        )

    def _ended(self, run: NewRun | Standing, code: str) -> End:
        """End a run whose group, ladder or household is not that of its tokens any more."""
        how = End(state=RunState.REFUSED, code=code)
        if isinstance(run, Standing):
            self._ports.journal.end(run.run_no, [], how)
        return how

    def _means(self, calls: Executor, tell: Progress) -> Means:
        ports = self._ports
        return Means(
            asker=self._asker,
            keys=self._circle.keys,
            journal=ports.journal,
            transport=ports.transport,
            clock=ports.clock,
            random=ports.random,
            jitter=ports.jitter,
            monotonic=ports.monotonic,
            patience=self._patience,
            calls=calls,
            tell=tell,
        )


def _order(run: NewRun | Standing) -> SumOrder:
    return SumOrder(period=run.period, attempt=run.attempt, abort=run.abort, verdict=run.verdict)


def _results(futures: Sequence[Future[End | None]]) -> list[End | None]:
    """Give what runs came to, or raise what broke one of them."""
    return [future.result() for future in futures]


def _waits(one: Waiting, party: str, questions: int) -> Event:
    """Say that a party is to be asked, or, with -1, that it is not any more."""
    return Event(
        department=party,
        state=State.WAITING,
        cases=frozenset({one.case_id}),
        questions=questions,
    )
