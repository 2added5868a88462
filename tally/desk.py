"""The tally's two use cases, one call each: compare a blinded sum, test the slots of a run.

Knows the order in which nothing can be skipped: admit → charge → compute → log and store → release.
A run is charged in a transaction of its own before it is computed: nobody learns unpaid, from the
time that it takes, whether a blinded sum is in range. What was charged and not answered, because
the tally stopped, is computed again for the same blinded sum, and for no other.

Does not know sockets; whether a request is signed is settled before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Final, Generic, TypeVar

from federation import exchange
from federation.clock import business_date
from federation.consent import Consent
from federation.errors import HeduiError, PeerFault, Refused
from federation.exchange import Answer, Outcome, Question, Refusal
from federation.ledger import Items
from federation.party import Party
from federation.presentations import Consents, Keeping, Shown
from federation.wire import attempts, codec, exchanged, signed, sum_messages
from federation.wire.exchanged import Exchange
from federation.wire.signed import Opened, Unsigned
from federation.wire.sum_messages import Comparison, SlotTest, Tested
from tally import charging, gate
from tally.books import Books, Stored
from tally.gate import Admitted, Moment
from tally.referee import Place, Referee
from tally.store import Store

T = TypeVar("T", Comparison, SlotTest)

COMPARE: Final = "compare"
TEST: Final = "test"
"""The kinds of these exchanges in the log."""
NO_TOKEN: Final = bytes(16)
"""Stands in the log where no token was read."""
_TURNS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Exchange):
    """A verified request with the tokens that came with it."""

    moment: Moment
    shown: Shown = field(repr=False)


@dataclass(slots=True, kw_only=True)
class _Draft:
    """An answer before it is logged; ``note`` writes down what it means for its run."""

    answers: list[bytes]
    last: bytes = field(default=b"", repr=False)
    tokens: tuple[bytes, ...]
    believed: bool = False
    note: Callable[[Books], None] | None = None

    def say(self, answer: Answer) -> None:
        """Say the same of every slot."""
        self.answers = [codec.encode_answer(answer)] * len(self.answers)

    def refuse(self, error: HeduiError) -> None:
        """Refuse, with the code of the first step that says no."""
        self.say(Answer(outcome=Outcome.REFUSED, refusal=Refusal[error.code]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work(Generic[T]):
    """An admitted request: what it is about, and what it asks; ``asked`` names that."""

    request: Request
    draft: _Draft
    admitted: Admitted
    message: T
    place: Place

    @property
    def asked(self) -> bytes:
        return sha256(self.request.opened.items[-1]).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step(Generic[T]):
    """One of the two steps of a run: its method, its kind in the log, and how it is done."""

    method: str
    kind: str
    decode: Callable[[bytes], T]
    do: Callable[[_Work[T]], None]


class _PresentAgain(Exception):
    """A token that was named is not here."""


class Desk:
    """What the tally does for coordinators."""

    def __init__(self, party: Party, store: Store, referee: Referee) -> None:
        self._party = party
        self._store = store
        self._referee = referee
        self._consents = Consents(lambda: party.manifest.registrar)
        self._turns = tuple(Lock() for _ in range(_TURNS))

    def shown(self, presentations: tuple[bytes, ...]) -> Shown:
        """Take the presentations of a request, unverified."""
        return self._consents.open(presentations)

    def compare(self, request: Request) -> Unsigned:
        """Answer a blinded sum with its encrypted bits, or say that it is not of this run.

        Raises:
            PeerFault: CONSENT_INVALID when two tokens have one id.
            Refused: REPLAYED.
            Unavailable: LOG_UNAVAILABLE.
        """
        decode = sum_messages.decode_comparison
        step = _Step(method=exchange.COMPARE, kind=COMPARE, decode=decode, do=self._compare)
        return self._answered(request, step)

    def test(self, request: Request) -> Unsigned:
        """Answer a message of slots with our share of the outcome.

        Raises:
            PeerFault, Refused, Unavailable: as ``compare``.
        """
        decode = sum_messages.decode_test
        step = _Step(method=exchange.TEST, kind=TEST, decode=decode, do=self._test)
        return self._answered(request, step)

    def _answered(self, request: Request, step: _Step[T]) -> Unsigned:
        with self._store.read() as books:
            again = _repeat(books.stored(request.opened.header.qid), request.opened)
        if again:
            return again
        slots = len(request.opened.items) - 1
        draft = _Draft(answers=[b""] * slots, tokens=(NO_TOKEN,) * slots)
        try:
            gate.admit_request(request.opened.header, request.moment, step.method)
            draft.believed = True
            work = self._admitted(request, draft, step)
        except _PresentAgain:
            draft.say(Answer(outcome=Outcome.PRESENT_AGAIN))
        except (PeerFault, Refused) as error:
            draft.refuse(error)
        else:
            with self._turns[work.place.run[0] % _TURNS]:  # a run's requests one after the other
                self._done(work, step)
                return self._keep(request, draft, step.kind)
        return self._keep(request, draft, step.kind)

    def _done(self, work: _Work[T], step: _Step[T]) -> None:
        try:
            step.do(work)
        except Refused as refused:
            work.draft.refuse(refused)

    def _admitted(self, request: Request, draft: _Draft, step: _Step[T]) -> _Work[T]:
        """Read what is asked, find every token, and decide.

        Raises:
            PeerFault, Refused: the first step that says no.
            _PresentAgain: a token is not here.
        """
        *items, last = request.opened.items
        message = _message(step.decode, last)
        questions = [_question(item) for item in items]
        gate.check_questions(questions)
        tokens = self._tokens(request, questions)
        draft.tokens = tuple(one.claims.jti for one in tokens)
        admitted = gate.admit(questions[0], tokens, message.order, request.moment)
        request.shown.used.update(
            (question.presentation, token)
            for question, token in zip(questions, tokens, strict=True)
            if question.presentation
        )
        place = Place(group=admitted.group, run=admitted.run, rung=admitted.rung.id)
        self._referee.check_group(place.group)
        return _Work(request=request, draft=draft, admitted=admitted, message=message, place=place)

    def _tokens(self, request: Request, questions: Sequence[Question]) -> list[Consent]:
        with self._store.read() as books:
            found = self._consents.find(questions, request.shown, books)
        tokens = []
        for one in found:
            if one is None:
                raise _PresentAgain
            if not isinstance(one, Consent):
                raise one
            tokens.append(one)
        return tokens

    def _compare(self, work: _Work[Comparison]) -> None:
        """Say what was said of this blinded sum before, or charge its run and compute.

        Raises:
            Refused: SUM_CLOSED for another blinded sum, or why the run may not begin.
        """
        with self._store.read() as books:
            known = books.compared(work.place.run, work.place.rung)
            before = books.stored(known.compared) if known and known.compared else None
        if known and known.asked != work.asked:
            raise Refused("SUM_CLOSED")
        if before:
            _say_again(work.draft, before)
            return
        message, place = work.message, work.place
        threshold = gate.threshold(work.admitted, message.declared_salt, message.declared)
        self._referee.check_sum(message.z)
        uses = known.uses if known else self._begin(work)
        shown = self._referee.compare(place, message.z, threshold)
        outcome = Outcome.COMPARED if shown else Outcome.ABORTED
        work.draft.answers = [_answer(work, outcome, use) for use in uses]
        work.draft.last = sum_messages.encode_compared(
            sum_messages.Compared(run=place.run, rung=place.rung, bits=shown.bits if shown else b"")
        )
        qid, high = work.request.opened.header.qid, shown.high if shown else None
        work.draft.note = lambda books: books.answer(place.run, place.rung, qid, high)

    def _begin(self, work: _Work[Comparison]) -> tuple[int, ...]:
        """Charge a run; give which use of its grant this is, for every slot.

        Raises:
            Refused: SUM_ATTEMPT, USES_EXHAUSTED, SUM_RUNS_EXHAUSTED or BUDGET_EXHAUSTED.
        """
        admitted, place = work.admitted, work.place
        first, tally = admitted.first, self._party.id
        today = business_date(work.request.moment.now)
        attempts.check(admitted.order, first, place.rung, tally, self._party.manifest)

        def job(books: Books) -> tuple[int, ...]:
            if admitted.order.attempt:
                charging.check_aborted(books.compared(first, place.rung))
            begun = charging.charge(books, admitted, work.asked, today)
            books.begin(begun)
            return begun.uses

        return self._store.write(job)

    def _test(self, work: _Work[SlotTest]) -> None:
        """Say what was said of these slots before, or test them.

        Raises:
            Refused: SUM_CLOSED when the run gave no bits, or other slots were tested; or
                SUM_MALFORMED.
        """
        place, asked = work.place, work.asked
        with self._store.read() as books:
            known = books.compared(place.run, place.rung)
            told = books.stored(known.told) if known and known.told else None
        if known and told and known.tested == asked:
            _say_again(work.draft, told)
            return
        if known is None or known.high is None:
            raise Refused("SUM_CLOSED")
        share = self._referee.test(place, work.message.slots, known.high)
        work.draft.answers = [_answer(work, Outcome.COMPARED) for _ in work.admitted.tokens]
        work.draft.last = sum_messages.encode_tested(Tested(run=place.run, share=share))
        qid = work.request.opened.header.qid
        work.draft.note = lambda books: books.tell(place.run, place.rung, qid, asked)

    def _keep(self, request: Request, draft: _Draft, kind: str) -> Unsigned:
        """Store and log an answer, durably; if its query id was answered meanwhile, give that.

        Raises:
            PeerFault: CONSENT_INVALID when two tokens have one id.
            Refused: REPLAYED.
            Unavailable: LOG_UNAVAILABLE.
        """
        opened, at = request.opened, request.moment.now
        header = exchanged.header(self._party.id, request)
        made = signed.prepare(header, [*draft.answers, draft.last])
        tokens = (*draft.tokens, NO_TOKEN)  # the item behind the questions names none
        items = Items(request_leaves=opened.leaves, answer_leaves=made.leaves, tokens=tokens)
        record = exchanged.log_row(kind, request, made.payload, items)

        def job(books: Books) -> tuple[Unsigned, Keeping]:
            again = _repeat(books.stored(opened.header.qid), opened)
            if again:
                return again, Keeping()
            keeping = self._consents.keeping(request.shown, books)
            stored = Stored(
                sender=opened.header.sender,
                request=opened.digest,
                payload=made.payload,
                items=made.items,
            )
            books.keep(opened.header.qid, stored, at, record)
            books.keep_tokens(keeping.tokens)
            if draft.note:
                draft.note(books)
            if draft.believed:
                books.seen_time(at)
            return made, keeping

        answer, keeping = self._store.write(job)
        self._consents.kept(keeping)
        return answer


def _message(decode: Callable[[bytes], T], item: bytes) -> T:
    try:
        return decode(item)
    except PeerFault as e:
        raise Refused("SUM_MALFORMED") from e


def _question(item: bytes) -> Question:
    try:
        return codec.decode_question(item)
    except PeerFault as e:
        raise Refused("QUESTION_MALFORMED") from e


def _answer(work: _Work[Comparison] | _Work[SlotTest], outcome: Outcome, use_no: int = 0) -> bytes:
    """Say what became of a slot; the second step of a run is no use of its own."""
    version = work.request.moment.policy.version
    return codec.encode_answer(Answer(outcome=outcome, policy_version=version, use_no=use_no))


def _say_again(draft: _Draft, stored: Stored) -> None:
    """Give the items of an answer again, under another query id.

    Raises:
        Refused: SUM_CLOSED when the household had other slots.
    """
    *answers, last = (one.item for one in stored.items)
    if len(answers) != len(draft.answers):
        raise Refused("SUM_CLOSED")
    draft.answers, draft.last = answers, last


def _repeat(stored: Stored | None, opened: Opened) -> Unsigned | None:
    """Give what was answered before, to the same request only.

    Raises:
        Refused: REPLAYED.
    """
    if stored is None:
        return None
    if (stored.sender, stored.request) != (opened.header.sender, opened.digest):
        raise Refused("REPLAYED")
    return Unsigned(stored.payload, stored.items, ())
