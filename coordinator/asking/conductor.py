"""Ask all departments at once, each in its own lanes, so that a slow one holds up nobody else.

Every step is in the journal before the next: a request before it is sent, an answer before it is
told. After a crash ``run`` goes on where it was: what is still open goes out again, byte for byte,
even when it has expired, for a department that answered it before repeats its answer.
Knows retries and expiry. Does not know what questions or answers mean.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import groupby
from random import random as chance
from threading import Event as Flag
from threading import Lock
from typing import Final, Generic, TypeVar

from coordinator.asking.flow import Flow
from coordinator.asking.journal import Batch, Journal, Received
from coordinator.asking.requests import Asker, Wanted, compose, parts, read_reply
from coordinator.asking.transport import Transport
from coordinator.asking.waiting import BatchState, Open
from crypto.keys import VerifyKey
from federation.clock import Clock
from federation.errors import HeduiError, PeerFault, Refused, Unavailable

_ROUNDS: Final = 3  # first asking, once more with presentations, once more after expiry
UNSETTLED: Final = "UNSETTLED"
"""Why a question is left open that a department asked to be put anew once too often."""
TRANSIENT: Final = frozenset({"PEER_FAILED"})  # a peer that broke off may have been restarted


class State(StrEnum):
    """What a department does with a request, as people see it."""

    WAITING = "WAITING"
    ANSWERED = "ANSWERED"
    REFUSED = "REFUSED"
    SILENT = "SILENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to one request; ``seconds`` since it was first sent."""

    department: str
    state: State
    cases: frozenset[str]
    questions: int
    refused: int = 0
    seconds: float = 0.0
    code: str = ""


Progress = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long a department is asked, in seconds; pauses double up to the longest."""

    tries: int = 5
    whole: float = 60.0
    pause: float = 0.2
    longest_pause: float = 5.0

    def before(self, attempt: int, jitter: float) -> float:
        """Give the pause before a further attempt, the first of which is number 1."""
        doubled: float = self.pause * 2 ** (attempt - 1)
        return min(doubled, self.longest_pause) * (0.5 + jitter / 2)


J = TypeVar("J")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports(Generic[J, T]):
    """What a conductor works through; ``jitter`` gives a factor from 0 to 1.

    ``check_sound`` raises where the log is not what it was: then nobody is asked.
    """

    journal: J
    transport: T
    clock: Clock
    random: Callable[[int], bytes] = field(default=os.urandom)
    jitter: Callable[[], float] = field(default=chance)
    check_sound: Callable[[], None] = field(default=lambda: None)
    monotonic: Callable[[], float] = field(default=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Work for one department: questions to be put, or a request that is on its way."""

    cases: frozenset[str]
    asks: tuple[int, ...]
    batch_id: int | None = None


def units(questions: Sequence[Open], group: int) -> dict[str, list[Unit]]:
    """Sort open questions by department: what is on its way first, then ``group`` cases a unit."""
    by_department: dict[str, list[Open]] = {}
    for one in questions:
        by_department.setdefault(one.department, []).append(one)
    return {
        department: [*_on_their_way(mine), *_fresh(mine, group)]
        for department, mine in by_department.items()
    }


def _on_their_way(questions: Sequence[Open]) -> list[Unit]:
    batches: dict[int, list[Open]] = {}
    for one in questions:
        if one.batch_id is not None:
            batches.setdefault(one.batch_id, []).append(one)
    return [
        Unit(
            cases=frozenset(one.case_id for one in mine),
            asks=tuple(one.ask_id for one in mine),
            batch_id=batch_id,
        )
        for batch_id, mine in sorted(batches.items())
    ]


def _fresh(questions: Sequence[Open], group: int) -> list[Unit]:
    waiting = sorted((q for q in questions if q.batch_id is None), key=lambda q: q.case_id)
    cases = [list(mine) for _, mine in groupby(waiting, key=lambda q: q.case_id)]
    return [
        Unit(
            cases=frozenset(q.case_id for mine in cases[i : i + group] for q in mine),
            asks=tuple(q.ask_id for mine in cases[i : i + group] for q in mine),
        )
        for i in range(0, len(cases), group)
    ]


class Conductor:
    """Runs the questions of cases; ``keys`` are each department's verification keys."""

    def __init__(
        self,
        asker: Asker,
        keys: Mapping[str, Mapping[str, VerifyKey]],
        ports: Ports[Journal, Transport],
        patience: Patience,
        workers: int = 16,
    ) -> None:
        self._asker = asker
        self._keys = keys
        self._ports = ports
        self._patience = patience
        self._workers = workers

    def run(
        self,
        case_ids: Sequence[str],
        progress: Progress = lambda _: None,
        *,
        group: int = 1,
        again: bool = False,
    ) -> None:
        """Ask what the cases have open, and go on with what was on its way.

        Raises:
            Unavailable: as ``Ports.check_sound``, or DATABASE_UNAVAILABLE.
        """
        self._ports.check_sound()
        todo = units(self._ports.journal.open_questions(case_ids, again=again), group)
        if not todo:
            return
        control = _Control(self._patience, one_at_a_time(progress), Flag())
        width = -(-self._workers // len(todo))
        with ThreadPoolExecutor(width * len(todo), thread_name_prefix="ask") as pool:
            futures = []
            for department, mine in todo.items():
                lane = Lane(self._asker, department, self._keys[department], self._ports, control)
                lane.fill(mine)
                futures += [pool.submit(lane.work) for _ in range(min(width, len(mine)))]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            finally:
                control.stop.set()
        for future in done:
            future.result()


@dataclass(frozen=True, slots=True)
class _Control:
    """What all lanes of a run share; ``stop`` ends pauses and takes no more work."""

    patience: Patience
    tell: Progress
    stop: Flag


def one_at_a_time(progress: Progress) -> Progress:
    """Tell from many threads as if from one."""
    lock = Lock()

    def tell(event: Event) -> None:
        with lock:
            progress(event)

    return tell


class Lane:
    """One department's queue of work, emptied by one or more threads."""

    def __init__(
        self,
        asker: Asker,
        department: str,
        keys: Mapping[str, VerifyKey],
        ports: Ports[Journal, Transport],
        control: _Control,
    ) -> None:
        self._asker = asker
        self._department = department
        self._keys = keys
        self._ports = ports
        self._patience = control.patience
        self._control = control
        self._queue: deque[Unit] = deque()
        self._absent = False

    def fill(self, work: Sequence[Unit]) -> None:
        """Take work, and say that it waits."""
        self._queue.extend(work)
        for unit in work:
            self._tell(State.WAITING, unit.cases, len(unit.asks))

    def work(self) -> None:
        """Do one unit after another until none is left or somebody stops."""
        try:
            while not self._control.stop.is_set():
                try:
                    unit = self._queue.popleft()
                except IndexError:
                    return
                if unit.batch_id is None and self._queue and not self._absent:
                    self._flow(unit)
                else:
                    self._settle(unit)
        except BaseException:
            self._control.stop.set()
            raise

    def _flow(self, unit: Unit) -> None:
        """Put unit after unit over one stream; what it leaves open is settled one by one."""
        began = self._ports.monotonic()
        unmade = set(unit.asks)
        making = self._making(unit, unmade)
        flow = Flow(lambda: next(making, None))
        left: list[int] = []
        try:
            for raw in self._ports.transport.stream(self._department, flow.requests()):
                left += self._take(flow.answered(), raw, began)
                began = self._ports.monotonic()
        except (PeerFault, Refused, Unavailable):
            pass  # what was on its way goes out again below, and hears there what is wrong
        finally:
            on_their_way = flow.end()
        for batch in on_their_way:
            left += self._put(replace(batch, sent=True))
        left += sorted(unmade)
        if left:
            self._settle(Unit(cases=unit.cases, asks=tuple(left)))

    def _making(self, unit: Unit, unmade: set[int]) -> Iterator[tuple[Batch, bytes]]:
        """Write down and give request after request, until no fresh unit is left.

        ``unmade`` are the questions of the unit at hand for which there is no request yet.
        """
        following: Unit | None = unit
        while following is not None and not self._control.stop.is_set():
            unmade.update(following.asks)
            for part in parts(self._ports.journal.wanted(following.asks)):
                batch = self._made(part)
                unmade.difference_update(batch.asks)
                self._ports.journal.sending(batch.id)
                yield batch, batch.request
            unmade.clear()  # those that are left may not be asked any more
            with suppress(IndexError):
                following = None
                following = self._queue.popleft()

    def _made(self, part: Sequence[Wanted]) -> Batch:
        now = self._ports.clock.now()
        request = compose(self._asker, self._department, part, now, self._ports.random)
        return self._ports.journal.keep(self._department, part, request)

    def _settle(self, unit: Unit) -> None:
        left: Sequence[int] = unit.asks
        if unit.batch_id is not None:
            left = self._put(self._ports.journal.batch(unit.batch_id))
        for _ in range(_ROUNDS):
            if not left or self._control.stop.is_set():
                return
            again: list[int] = []
            for part in parts(self._ports.journal.wanted(left)):
                again += self._put(self._made(part))
            left = again
        if left:
            self._tell(State.SILENT, unit.cases, len(left), code=UNSETTLED)

    def _put(self, batch: Batch) -> Sequence[int]:
        """Send one request until it is answered or given up; give what must be put anew."""
        if batch.ended:
            self._ports.journal.end(batch, BatchState.REPLACED, "CONSENT_REVOKED")
            return batch.asks
        began = self._ports.monotonic()
        for attempt in range(1 if self._absent else self._patience.tries):
            if attempt and not self._pause(attempt, began):
                break
            if not (batch.sent or attempt) and self._late(batch):
                self._ports.journal.end(batch, BatchState.REPLACED, "EXPIRED")
                return batch.asks
            self._ports.journal.sending(batch.id)
            try:
                raw = self._ports.transport.call(self._department, batch.request)
            except HeduiError as e:
                code = e.code
                if isinstance(e, Unavailable) or code in TRANSIENT:
                    self._ports.journal.note(batch.id, code)
                    continue
                self._ports.journal.end(batch, BatchState.FAILED, code)
                self._tell(State.REFUSED, batch.cases, batch.items, began, code)
                return ()
            self._absent = False
            return self._take(batch, raw, began)
        if self._control.stop.is_set():
            return ()  # the pause was cut short: that says nothing of the department
        self._absent = True
        self._tell(State.SILENT, batch.cases, batch.items, began, code)
        return ()

    def _take(self, batch: Batch, raw: bytes, began: float) -> Sequence[int]:
        millis = round((self._ports.monotonic() - began) * 1000)
        came = Received(data=raw, at=self._ports.clock.now(), millis=millis)
        try:
            reply = read_reply(batch.request, raw, self._keys)
        except PeerFault as e:
            self._ports.journal.end(batch, BatchState.FAILED, e.code, came)
            self._tell(State.REFUSED, batch.cases, batch.items, began, e.code)
            return ()
        if reply.too_late and self._late(batch):
            self._ports.journal.end(batch, BatchState.REPLACED, "EXPIRED", came)
            return batch.asks
        again = self._ports.journal.answered(batch, came, reply)
        if len(again) < batch.items:
            state = State.REFUSED if reply.refused == batch.items else State.ANSWERED
            answered = batch.items - len(again)
            self._tell(state, batch.cases, answered, began, refused=reply.refused)
        return again

    def _late(self, batch: Batch) -> bool:
        return self._ports.clock.now() > batch.expires

    def _pause(self, attempt: int, began: float) -> bool:
        """Wait before another try; say whether there is patience left for it."""
        pause = self._patience.before(attempt, self._ports.jitter())
        if self._ports.monotonic() - began + pause > self._patience.whole:
            return False
        return not self._control.stop.wait(pause)

    def _tell(
        self,
        state: State,
        cases: frozenset[str],
        questions: int,
        began: float | None = None,
        code: str = "",
        *,
        refused: int = 0,
    ) -> None:
        seconds = 0.0 if began is None else self._ports.monotonic() - began
        self._control.tell(
            Event(
                department=self._department,
                state=state,
                cases=cases,
                questions=questions,
                refused=refused,
                seconds=seconds,
                code=code,
            )
        )
