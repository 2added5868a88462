"""Ask departments under a batch mandate, a block of people at a time, all departments at once.

A question is in the books before it goes out, and its answer before the next: after a crash ``run``
goes on where it was, byte for byte. What the department does not have (list, mandate, block) goes
along. Knows retries; an answer about a whole block ends a department's run, for the next one would
get it too. Does not know what people's answers mean.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

from coordinator.asking.conductor import Patience
from coordinator.asking.journal import Received
from coordinator.asking.mandate_books import Block, Filed, Listed, MandateBooks, Sent
from coordinator.asking.requests import Asker
from crypto.keys import VerifyKey
from federation import exchange, limits, mandate
from federation.catalogue import Catalogue
from federation.clock import Clock
from federation.errors import BadInput, HeduiError, PeerFault, Unavailable
from federation.exchange import Header, Outcome, Refusal
from federation.mandate import BatchMandate, Pair
from federation.mandate_list import BlockAnswer, BlockQuestion
from federation.manifest import Manifest, PartyRole
from federation.wire import codec, mandate_messages, signed
from federation.wire.codec import SignedBatch

Call = Callable[[str, bytes], bytes]
"""Asks a department once; raises what it said, or that it said nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a department is: answered questions to blocks, all of them, why it stopped."""

    department: str
    done: int
    all: int
    code: str = ""


Tell = Callable[[Standing], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a run works through; ``check_sound`` raises where the log is not what it was."""

    books: MandateBooks
    call: Call
    clock: Clock
    monotonic: Callable[[], float] = field(default=time.monotonic)
    check_sound: Callable[[], None] = field(default=lambda: None)


def questions_of(
    given: BatchMandate, manifest: Manifest, catalogue: Catalogue
) -> dict[str, list[Pair]]:
    """Give what each department of a mandate is asked: what its kind can answer."""
    kinds = {one: manifest.party(one, PartyRole.NODE).kind for one in given.departments}
    return {
        department: [
            pair for pair in given.questions if kind in catalogue.predicate(pair[0]).departments
        ]
        for department, kind in kinds.items()
    }


class MandateRun:
    """Runs the questions of mandates."""

    def __init__(
        self,
        asker: Asker,
        manifest: Manifest,
        catalogue: Catalogue,
        ports: Ports,
        patience: Patience,
    ) -> None:
        self._asker = asker
        self._manifest = manifest
        self._catalogue = catalogue
        self._ports = ports
        self._patience = patience

    def run(self, filed: Filed, tell: Tell = lambda _: None) -> list[Standing]:
        """Ask what is open in this round; give how far each department is.

        Raises:
            BadInput: MANDATE_NOT_ENLISTED.
            Unavailable: as ``Ports.check_sound``.
        """
        self._ports.check_sound()
        given, _ = mandate.look(filed.document)
        wanted = questions_of(given, self._manifest, self._catalogue)
        lists = self._ports.books.lists(filed.id)
        if lists.keys() != wanted.keys():
            raise BadInput("MANDATE_NOT_ENLISTED")
        stop = Event()
        with ThreadPoolExecutor(len(wanted), thread_name_prefix="mandate") as pool:
            lanes = [
                _Lane(self, filed, given, lists[department], pairs, stop)
                for department, pairs in wanted.items()
            ]
            futures = [pool.submit(lane.work, tell) for lane in lanes]
            try:
                return [future.result() for future in futures]
            finally:
                stop.set()

    def compose(self, given: BatchMandate, listed: Listed, block: int, pair: Pair) -> bytes:
        """Sign a question to a block; its presentations are no part of what is signed."""
        now = self._ports.clock.now()
        header = Header(
            method=exchange.ASK_MANDATE,
            sender=self._asker.party,
            audience=listed.department,
            qid=os.urandom(limits.QID_BYTES),
            issued=now,
            expires=now + limits.REQUEST_LIFE,
            purpose=given.purpose,
            policy_version=self._asker.policy_version,
            n=1,
            root=signed.UNSET_ROOT,
        )
        question = BlockQuestion(
            signed_list=listed.digest, block=block, predicate=pair[0], parameter=pair[1]
        )
        prepared = signed.prepare(header, [mandate_messages.encode_question(question)])
        return codec.encode_batch(signed.sign(prepared, self._asker.key))

    def keys(self, department: str) -> Mapping[str, VerifyKey]:
        """Give a department's verification keys."""
        return self._manifest.party(department, PartyRole.NODE).keys

    @property
    def ports(self) -> Ports:
        """What this run works through."""
        return self._ports

    @property
    def patience(self) -> Patience:
        """How often a department is asked."""
        return self._patience


class _Stopped(Exception):
    """A department gave no answers about people; ``code`` says what came instead."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Lane:
    """One department's questions, one after the other."""

    def __init__(
        self,
        run: MandateRun,
        filed: Filed,
        given: BatchMandate,
        listed: Listed,
        pairs: list[Pair],
        stop: Event,
    ) -> None:
        self._run = run
        self._books = run.ports.books
        self._filed = filed
        self._given = given
        self._listed = listed
        self._pairs = pairs
        self._stop = stop
        self._has_list = listed.presented
        self._blocks = -(-filed.size // limits.MANDATE_BLOCK)

    def work(self, tell: Tell) -> Standing:
        """Ask what is open; give how far it came."""
        department = self._listed.department
        answered = self._books.answered(self._filed, department)
        whole = self._blocks * len(self._pairs)
        standing = Standing(department=department, done=len(answered), all=whole)
        tell(standing)
        sent = {(one.block, one.pair): one for one in self._books.sent(self._filed, department)}
        try:
            for block, pair in self._open(answered):
                self._settle(block, pair, sent.get((block.number, pair)))
                standing = Standing(department=department, done=standing.done + 1, all=whole)
                tell(standing)
        except (_Stopped, HeduiError) as e:
            standing = Standing(department=department, done=standing.done, all=whole, code=e.code)
            tell(standing)
        return standing

    def _open(self, answered: Mapping[tuple[int, Pair], bytes]) -> Iterator[tuple[Block, Pair]]:
        for number in range(self._blocks):
            block: Block | None = None
            for pair in self._pairs:
                if self._stop.is_set():
                    return
                if (number, pair) in answered:
                    continue
                block = block or self._books.block(self._filed.id, self._listed.department, number)
                yield block, pair

    def _settle(self, block: Block, pair: Pair, sent: Sent | None) -> None:
        """Put one question until it is answered: anew where it expired or was not understood.

        Raises:
            _Stopped, HeduiError: there is no answer about people.
        """
        bare = self._has_list and block.presented
        for show in (not bare, True, True):
            fresh = sent is None
            one = sent or self._compose(block, pair)
            sent = None
            said = self._put(one, block, show=show)
            if not said.whole:
                self._has_list = True
                return
            late = said.answer.refusal is Refusal.REQUEST_NOT_FRESH and not fresh
            again = said.answer.outcome is Outcome.PRESENT_AGAIN
            if not (again or late):
                raise _Stopped(_code(said))
            self._has_list = self._has_list and not again
        raise _Stopped(_code(said))

    def _compose(self, block: Block, pair: Pair) -> Sent:
        request = self._run.compose(self._given, self._listed, block.number, pair)
        department = self._listed.department
        return self._books.send(self._filed, department, block.number, pair, request)

    def _put(self, sent: Sent, block: Block, *, show: bool) -> BlockAnswer:
        """Send one question and keep what comes.

        Raises:
            PeerFault, Refused, Unavailable: as the department says, or says nothing. An answer that
                is not what the protocol allows is kept, and the question put anew by the next run.
        """
        department = self._listed.department
        batch = codec.decode_batch(sent.request)
        raw = self._patiently(codec.encode_batch(self._showing(batch, block) if show else batch))
        came = Received(data=raw, at=self._run.ports.clock.now())
        header, keys = signed.claimed_header(batch), self._run.keys(department)
        try:
            said = mandate_messages.open_answer(raw, header, block.pseudonyms, keys)
        except PeerFault:
            self._books.end(self._filed, department, sent, came, forgotten=False)
            raise
        if said.whole:
            forgotten = said.answer.outcome is Outcome.PRESENT_AGAIN
            self._books.end(self._filed, department, sent, came, forgotten=forgotten)
        else:
            packed = mandate_messages.frozen(said)
            self._books.answer(self._filed, department, sent, packed, came)
        return said

    def _showing(self, batch: SignedBatch, block: Block) -> SignedBatch:
        """Send along what the department does not have: the block; the list with its mandate."""
        papers = () if self._has_list else (self._listed.signed_list, self._filed.document)
        return SignedBatch(batch.envelope, batch.items, (*papers, block.pseudonyms))

    def _patiently(self, request: bytes) -> bytes:
        patience, ports = self._run.patience, self._run.ports
        end = ports.monotonic() + patience.whole
        pause = patience.pause
        for _ in range(patience.tries - 1):
            try:
                return ports.call(self._listed.department, request)
            except (Unavailable, PeerFault) as e:
                passing = isinstance(e, Unavailable) or e.code == "PEER_FAILED"
                if not passing or ports.monotonic() + pause > end or self._stop.wait(pause):
                    raise
                pause = min(pause * 2, patience.longest_pause)
        return ports.call(self._listed.department, request)


def _code(said: BlockAnswer) -> str:
    refusal = said.answer.refusal
    return refusal.name if refusal is not Refusal.NONE else said.answer.outcome.name
