"""One run of a sum, driven from where its journal ends to its outcome, or to where it must wait.

Knows the order of a turn: what came and what follows are kept together, then sent, then read. A
party that is absent is waited for; what others gave stays. Does not know which sums there are.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from threading import Event as Flag
from typing import Final

from coordinator.asking.conductor import TRANSIENT, UNSETTLED, Event, Patience, Progress, State
from coordinator.asking.requests import Asker, Request
from coordinator.asking.rounds import METHODS, Rounds, Step, Terms
from coordinator.asking.sum_journal import Came, End, NewRun, SumJournal
from coordinator.asking.sum_requests import SumReply, Work, compose, read_kept, read_reply
from coordinator.asking.sum_waiting import Message, MessageState, RunState, Standing
from coordinator.asking.transport import SumTransport
from coordinator.asking.waiting import TRANSIENT as FOR_NOW
from crypto.keys import VerifyKey
from federation.clock import Clock
from federation.errors import HeduiError, PeerFault, Unavailable
from federation.exchange import Answer, Outcome, Refusal
from federation.transcript import Round

_TURNS: Final = 8  # three rounds, and as often anew what a party had not kept, or took for expired
ABORTED: Final = Outcome.ABORTED.name
"""Why a run has ended: the tally found that the shares are not those of one run."""
_ANEW: Final = frozenset({Refusal.REQUEST_NOT_FRESH})
_ENDED: Final = "CONSENT_REVOKED"
_ON: Final = frozenset({MessageState.GIVEN, MessageState.REPLACED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all runs share; ``absent`` are parties that were silent when last asked.

    ``stop`` ends pauses and begins nothing more.
    """

    asker: Asker
    keys: Mapping[str, Mapping[str, VerifyKey]]
    journal: SumJournal
    transport: SumTransport
    clock: Clock
    random: Callable[[int], bytes]
    jitter: Callable[[], float]
    monotonic: Callable[[], float]
    patience: Patience
    calls: Executor
    tell: Progress
    stop: Flag = field(default_factory=Flag)
    absent: set[str] = field(default_factory=set)


class SumRun:
    """A run of one rung; ``new`` where it is not in the books yet."""

    def __init__(
        self,
        means: Means,
        work: Work,
        terms: Terms,
        rounds: Rounds,
        run: NewRun | Standing,
    ) -> None:
        self._means = means
        self._work = work
        self._terms = terms
        self._rounds = rounds
        self._run = run
        self._answers: list[Answer] = []
        self._began = means.monotonic()

    def go(self) -> End | None:
        """Go on until the outcome is there or nothing more can be had now; None when stopped.

        Raises:
            Refused: SUM_GROUP or CONSENT_NOT_GRANTED when the tokens do not hold the sum.
        """
        came: list[Came] = []
        sent: Sequence[Message] = ()
        if isinstance(self._run, Standing):
            self._recall(self._run)
            sent = self._run.sent
        for _ in range(_TURNS):
            steps = self._rounds.wanted()
            if not steps:
                return self._end(came, self._outcome())
            if self._means.stop.is_set():
                return None
            messages = self._turn(steps, came, sent)
            if messages is None:
                return self._end([], End(state=RunState.OPEN, code=_ENDED))
            came, sent = self._put_all(messages), ()
            if self._means.stop.is_set():
                return None
            stuck = [one for one in came if one.state not in _ON]
            if stuck:
                return self._end(came, _stuck(stuck))
        return self._end(came, End(state=RunState.OPEN, code=UNSETTLED))

    def _turn(
        self, steps: Sequence[Step], came: Sequence[Came], sent: Sequence[Message]
    ) -> list[Message] | None:
        """Keep what came, with the requests that are still to be made; give all that goes out."""
        there = {(one.round, one.party): one for one in sent}
        wanted = {(one.round, one.party) for one in steps}
        fresh = [
            (step, self._composed(step)) for step in steps if (step.round, step.party) not in there
        ]
        going = [one for key, one in there.items() if key in wanted]
        if isinstance(self._run, NewRun):
            self._run, made = self._means.journal.begin(self._run, fresh)
            return made
        if not came and not fresh:
            return going
        kept = self._means.journal.turn(self._run.run_no, came, fresh)
        return None if kept is None else [*going, *kept]

    def _composed(self, step: Step) -> Request:
        means = self._means
        now = means.clock.now()
        return compose(means.asker, step, self._work, self._terms.group, now, means.random)

    def _recall(self, standing: Standing) -> None:
        for one in standing.given:
            reply = read_kept(one.receipt)
            self._took(one.round, one.party, reply)

    def _took(self, step: Round, party: str, reply: SumReply) -> None:
        self._rounds.take(step, party, reply.last)
        if step is Round.CONTRIBUTE:
            self._answers.append(reply.answer)

    def _put_all(self, messages: Sequence[Message]) -> list[Came]:
        """Send all at once; take what was given in the order of the group."""
        others = [self._means.calls.submit(self._put, one) for one in messages[1:]]
        both = [self._put(messages[0]), *(one.result() for one in others)]
        return [self._taken(came, reply) for came, reply in both]

    def _taken(self, came: Came, reply: SumReply | None) -> Came:
        message = came.message
        if reply and came.state is MessageState.GIVEN:
            try:
                self._took(message.round, message.party, reply)
            except PeerFault as e:
                came = _failed(came, e.code)
        self._tell(came)
        return came

    def _put(self, message: Message) -> tuple[Came, SumReply | None]:
        """Send one request until something comes or patience ends."""
        means, party = self._means, message.party
        began, code = means.monotonic(), UNSETTLED
        for attempt in range(1 if party in means.absent else means.patience.tries):
            if attempt and not self._pause(attempt, began):
                break
            try:
                raw = means.transport.put(party, METHODS[message.round], message.request)
            except HeduiError as e:
                code = e.code
                if isinstance(e, Unavailable) or code in TRANSIENT:
                    continue
                return Came(message=message, state=MessageState.FAILED, code=code), None
            means.absent.discard(party)
            return self._read(message, raw, began)
        if not means.stop.is_set():
            means.absent.add(party)
        return Came(message=message, state=MessageState.SENT, code=code), None

    def _read(self, message: Message, raw: bytes, began: float) -> tuple[Came, SumReply | None]:
        means = self._means
        millis = round((means.monotonic() - began) * 1000)
        came = Came(
            message=message,
            state=MessageState.FAILED,
            receipt=raw,
            at=means.clock.now(),
            millis=millis,
        )
        try:
            reply = read_reply(message.round, message.request, raw, means.keys[message.party])
        except PeerFault as e:
            return _failed(came, e.code), None
        return _judged(came, reply.answer), reply

    def _pause(self, attempt: int, began: float) -> bool:
        """Wait before another try; say whether there is patience left for it."""
        means = self._means
        pause = means.patience.before(attempt, means.jitter())
        if means.monotonic() - began + pause > means.patience.whole:
            return False
        return not means.stop.wait(pause)

    def _outcome(self) -> End:
        oldest = min(self._answers, key=lambda one: one.as_of)
        outcome = Outcome.YES if self._rounds.holds else Outcome.NO
        answer = Answer(
            outcome=outcome,
            as_of=oldest.as_of,
            period_from=oldest.period_from,
            period_to=oldest.period_to,
        )
        millis = round((self._means.monotonic() - self._began) * 1000)
        return End(state=RunState.TOLD, millis=millis, answer=answer)

    def _end(self, came: Sequence[Came], how: End) -> End:
        assert isinstance(self._run, Standing)  # noqa: S101 - a run begins with its first turn
        self._means.journal.end(self._run.run_no, came, how)
        return how

    def _tell(self, came: Came) -> None:
        if came.message.round is Round.COMPARE and came.state is MessageState.GIVEN:
            return  # the tally is not done before its second round
        if came.state is MessageState.REPLACED:
            return
        states = {MessageState.GIVEN: State.ANSWERED, MessageState.SENT: State.SILENT}
        self._means.tell(
            Event(
                department=came.message.party,
                state=states.get(came.state, State.REFUSED),
                cases=frozenset({self._work.case.case_id}),
                questions=1,
                seconds=came.millis / 1000,
                code=came.code,
            )
        )


def _failed(came: Came, code: str) -> Came:
    return replace(came, state=MessageState.FAILED, code=code)


def _judged(came: Came, answer: Answer) -> Came:
    """Tell what a verified answer means for its message."""
    match answer.outcome:
        case Outcome.ABORTED:
            state, code = MessageState.REFUSED, ABORTED
        case Outcome.STALE:
            state, code = MessageState.REFUSED, answer.outcome.name
        case Outcome.REFUSED:
            anew = answer.refusal in _ANEW
            state = MessageState.REPLACED if anew else MessageState.REFUSED
            code = answer.refusal.name
        case Outcome.PRESENT_AGAIN:
            state, code = MessageState.REPLACED, answer.outcome.name
        case _:
            state, code = MessageState.GIVEN, ""
    return replace(came, state=state, code=code, answer=answer)


def _stuck(stuck: Sequence[Came]) -> End:
    """Tell how a run stands of which some have not given what was asked of them."""
    parties = tuple(one.message.party for one in stuck)
    for one in stuck:
        if one.code == ABORTED:
            return End(state=RunState.ABORTED, code=ABORTED)
        # Asked again at once it would be as stale, and each time another use is counted.
        if one.answer and one.answer.outcome is Outcome.STALE:
            return End(state=RunState.REFUSED, code=one.code, absent=(one.message.party,))
        if one.answer and one.answer.refusal and one.answer.refusal.value not in FOR_NOW:
            return End(state=RunState.REFUSED, code=one.code, absent=(one.message.party,))
    return End(state=RunState.OPEN, code=stuck[0].code, absent=parties)
