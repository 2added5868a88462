"""One question to a block's way through the node: gate → count → match → log → sign.

Knows the order in which nothing can be skipped (protocol note §3, §5). The thinking is in
``mandate_gate`` and ``matching``; what is durable is in ``mandate_books`` and the ledger. Does not
know sockets.
"""

import hashlib
from dataclasses import dataclass, field, replace
from sqlite3 import Connection

from department_node import evaluate, mandate_gate, matching
from department_node import gate as gates
from department_node.answer import Answerer, Sources
from department_node.drafting import NO_TOKEN, Facts, day_number
from department_node.evaluate import Period
from department_node.gate import Moment
from department_node.ledger import Kept, Ledger, StoredAnswer
from department_node.mandate_books import KIND, MandateBooks, Place
from department_node.mandate_gate import AdmittedBlock, Believers, Shown
from department_node.matching import Roll
from department_node.settling import Exchange
from department_node.store import typed_errors
from federation import catalogue, exchange
from federation.clock import business_date
from federation.errors import BadInput, HeduiError, PeerFault, Refused, Unavailable
from federation.exchange import Answer, Outcome, Refusal
from federation.ledger import Items
from federation.mandate_list import BlockAnswer, BlockQuestion
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire import codec, mandate_messages, signed
from federation.wire.exchanged import header, log_row
from federation.wire.mandate_messages import UnsignedBlock
from federation.wire.signed import Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request(Exchange):
    """A request with what was presented."""

    shown: dict[bytes, bytes] = field(repr=False)


@dataclass(slots=True, kw_only=True)
class _Draft:
    """An answer before it is counted and logged; ``place`` where it is to be frozen."""

    said: BlockAnswer
    believed: bool = False
    token: bytes = NO_TOKEN
    admitted: AdmittedBlock | None = None
    pseudonyms: bytes = field(default=b"", repr=False)
    place: Place | None = None


class _PresentAgain(Exception):
    """The list, its mandate or the block are not here."""


class MandateAnswerer:
    """Answers coordinators that ask under a batch mandate."""

    def __init__(self, party: Party, sources: Sources, roll: Roll, beside: Answerer) -> None:
        self._party = party
        self._s = sources
        self._roll = roll
        self._beside = beside
        self._catalogue = catalogue.load()

    def ask(self, caller: str, data: bytes) -> bytes:
        """Answer one signed request about one block.

        Raises:
            PeerFault, Refused, Unavailable: transport refusals (protocol §5, before the header).
        """
        try:
            with typed_errors():
                return self._ask(caller, data)
        except HeduiError as error:
            self._beside.refused.count(error.code)
            raise

    def _ask(self, caller: str, data: bytes) -> bytes:
        batch = codec.decode_batch(data)
        if len(batch.items) != 1:
            raise PeerFault("MALFORMED", message="one item")
        header = signed.claimed_header(batch)
        if header.sender != caller:
            raise PeerFault("WRONG_PARTY")
        keys = self._party.manifest.party(caller, PartyRole.COORDINATOR).keys
        opened = signed.verify(batch, header, keys)
        holder = keys[batch.envelope.signatures[0].kid].raw
        request = _Request(
            opened=opened,
            batch=batch,
            moment=self._beside.moment(header.purpose, holder),
            shown={hashlib.sha256(one).digest(): one for one in batch.presentations},
        )
        draft = self._draft(request)
        made = self._prepared(request, draft)
        answer = self._s.store.writer.write(lambda c: self._commit(c, request, draft, made))
        return mandate_messages.sign(answer, self._party.key)

    def _draft(self, request: _Request) -> _Draft:
        """Decide, look up and match, outside any transaction."""
        draft = _Draft(said=_whole(Answer(outcome=Outcome.PRESENT_AGAIN)))
        try:
            gates.admit_request(request.opened.header, request.moment, exchange.ASK_MANDATE)
            draft.believed = True
            self._match(request, draft, self._admit(request, draft))
        except _PresentAgain:
            pass
        except Refused as refusal:
            draft.said = _refused(Refusal.__members__.get(refusal.code, Refusal.MANDATE_INVALID))
        except (BadInput, Unavailable):  # what is wrong with the source stays here
            draft.said = _refused(Refusal.SOURCE_UNAVAILABLE)
        return draft

    def _admit(self, request: _Request, draft: _Draft) -> AdmittedBlock:
        """Find list, mandate and block, shown now or before, and decide.

        Raises:
            _PresentAgain: one of them is not here.
            Refused: the code of the first step that says no.
        """
        question = _question(request.opened.items[0])
        shown = self._shown(question, request.shown)
        draft.token = shown.listed.jti
        sender = request.opened.header.sender
        admitted = mandate_gate.admit(question, shown, sender, request.moment)
        pseudonyms = request.shown.get(admitted.block)
        with self._roll.reading() as connection:
            books = MandateBooks(connection)
            if books.newest(shown.mandate.id) > shown.mandate.version:
                raise Refused("MANDATE_INVALID", why="version")
            pseudonyms = pseudonyms or books.block(admitted.block)
        if pseudonyms is None:
            raise _PresentAgain
        _check_stray(request.shown, admitted)
        mandate_gate.check_block(admitted, pseudonyms)
        draft.admitted, draft.pseudonyms = admitted, pseudonyms
        return admitted

    def _shown(self, question: BlockQuestion, presented: dict[bytes, bytes]) -> Shown:
        with self._roll.reading() as connection:
            known = MandateBooks(connection).presented(question.signed_list)
        believers = Believers(
            root=self._party.papers.documents.root.root,
            registrar=self._party.manifest.registrar.id,
            issuers=self._party.manifest.registrar.keys,
            catalogue=self._catalogue,
        )
        if known is not None:
            return mandate_gate.believe(*known, believers)
        signed_list = presented.get(question.signed_list)
        if signed_list is None:
            raise _PresentAgain
        document = presented.get(mandate_gate.mandate_of(signed_list, believers))
        if document is None:
            raise _PresentAgain
        return mandate_gate.believe(signed_list, document, believers)

    def _match(self, request: _Request, draft: _Draft, admitted: AdmittedBlock) -> None:
        """Say what was said before in this period, or match the block with the records."""
        facts, today = self._s.facts(), business_date(request.moment.now)
        period = evaluate.period_of(admitted.rule.period, today)
        place = _place(admitted, period)
        with self._roll.reading() as connection:
            before = MandateBooks(connection).said(place)
        answer = _answer(admitted, facts, period, request.moment)
        if before:
            draft.said = mandate_messages.thawed(before.answer, before.used + 1)
        elif facts.as_of is None or (today - facts.as_of).days > admitted.rule.max_age_days:
            draft.said = _whole(replace(answer, outcome=Outcome.STALE))
            return
        else:
            if admitted.shown.listed.epoch not in facts.epochs:
                raise Refused("SOURCE_UNAVAILABLE", why="roll not enrolled")
            bound = matching.bindings(admitted.parameter, period)
            answering, records = admitted.answering, self._s.records
            found = matching.match(draft.pseudonyms, self._roll, records, answering, bound)
            first = replace(answer, outcome=Outcome(found[0]), use_no=1)
            draft.said = BlockAnswer(first, found)
        draft.place = place

    def _commit(
        self, connection: Connection, request: _Request, draft: _Draft, made: UnsignedBlock
    ) -> UnsignedBlock:
        """Count, freeze, store and log inside the transaction, where nothing changes meanwhile.

        Raises:
            Refused: REPLAYED.
        """
        ledger, books = Ledger(connection), MandateBooks(connection)
        opened, now = request.opened, request.moment.now
        again = _repeat(books.answered(opened.header.qid), opened)
        if again:
            return again
        said = _counted(books, draft)
        if said != draft.said:
            draft.said = said
            made = self._prepared(request, draft)
        if draft.admitted and draft.place:
            books.keep(draft.admitted.shown, draft.admitted.block, draft.pseudonyms)
            books.say(draft.place, mandate_messages.frozen(said), said.answer.use_no)
        books.keep_answer(
            Kept(
                qid=opened.header.qid,
                answer=StoredAnswer(
                    opened.header.sender, opened.digest, made.payload, mandate_messages.stored(made)
                ),
                questions=opened.items[0],
                at=now,
                entry=ledger.append([_entry(request, draft, made)]),
            )
        )
        if draft.believed:
            ledger.seen_time(now)
        return made

    def _prepared(self, request: _Request, draft: _Draft) -> UnsignedBlock:
        unset = header(self._party.id, request)
        return mandate_messages.prepare(unset, draft.pseudonyms, draft.said)


def _counted(books: MandateBooks, draft: _Draft) -> BlockAnswer:
    """Say a block's answer in its turn: refused where the mandate has no more people left."""
    admitted, place = draft.admitted, draft.place
    if admitted is None or place is None:
        return draft.said
    shown = admitted.shown
    try:
        mandate_gate.check_count(shown.mandate, shown.listed, books.counted(shown))
    except Refused:
        draft.place = None
        return _refused(Refusal.MANDATE_EXHAUSTED)
    before = books.said(place)
    if before and draft.said.answer.use_no != before.used + 1:
        return mandate_messages.thawed(before.answer, before.used + 1)
    return draft.said


def _question(item: bytes) -> BlockQuestion:
    try:
        return mandate_messages.decode_question(item)
    except PeerFault as e:
        raise Refused("QUESTION_MALFORMED") from e


def _check_stray(presented: dict[bytes, bytes], admitted: AdmittedBlock) -> None:
    """Refuse presentations that nothing in the request needs.

    Raises:
        Refused: MANDATE_INVALID.
    """
    listed = admitted.shown.listed
    if not presented.keys() <= {listed.digest, listed.mandate, admitted.block}:
        raise Refused("MANDATE_INVALID", why="stray presentation")


def _place(admitted: AdmittedBlock, period: Period) -> Place:
    question = admitted.question
    name = f"{question.predicate}|{question.parameter}|{period.start}|{period.end}"
    return Place(admitted.shown.listed.people, question.block, name)


def _answer(admitted: AdmittedBlock, facts: Facts, period: Period, moment: Moment) -> Answer:
    return Answer(
        outcome=Outcome.NO,
        as_of=day_number(facts.as_of),
        scope=admitted.answering.scope,
        enrolled_to=facts.enrolled_to,
        period_from=day_number(period.start),
        period_to=day_number(period.end),
        policy_version=moment.policy.version,
    )


def _whole(answer: Answer) -> BlockAnswer:
    return BlockAnswer(answer, bytes([answer.outcome]))


def _refused(code: Refusal) -> BlockAnswer:
    return _whole(Answer(outcome=Outcome.REFUSED, refusal=code))


def _repeat(stored: StoredAnswer | None, opened: Opened) -> UnsignedBlock | None:
    """Give what was answered before, to the same request only.

    Raises:
        Refused: REPLAYED.
    """
    if stored is None:
        return None
    if (stored.sender, stored.request) != (opened.header.sender, opened.digest):
        raise Refused("REPLAYED")
    return mandate_messages.restored(stored.payload, stored.items)


def _entry(request: _Request, draft: _Draft, made: UnsignedBlock) -> tuple[bytes, bytes]:
    items = Items(
        request_leaves=request.opened.leaves, answer_leaves=made.leaves, tokens=(draft.token,)
    )
    return log_row(KIND, request, made.payload, items)
