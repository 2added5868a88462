"""One request's way through the node: gate → evaluate → log → sign.

Knows the order in which nothing can be skipped (protocol note §5). The thinking is in ``gate`` and
``evaluate``; what is durable is in ``store``. Does not know sockets.
"""

import hashlib
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from sqlite3 import Connection
from typing import Final

from crypto import envelope
from department_node import gate
from department_node.catalogue import NodeCatalogue
from department_node.consents import Consents, Shown
from department_node.evaluate import Minimized, Period, Person, evaluate, period_of
from department_node.gate import Admitted, Moment
from department_node.records import RecordSource
from department_node.refusals import Refusals
from department_node.store import Cell, Ledger, Names, Spent, Store, StoredAnswer, typed_errors
from federation import exchange, limits
from federation.clock import Clock, business_date
from federation.errors import BadInput, HeduiError, PeerFault, Refused, Unavailable
from federation.exchange import Answer, Header, Outcome, Question, Refusal, SaltedItem
from federation.ledger import LedgerEntry
from federation.manifest import PartyRole
from federation.party import Party
from federation.status import StatusList
from federation.wire import codec, signed
from federation.wire.codec import SignedBatch
from federation.wire.signed import Opened, Unsigned

_FROZEN: Final = {Outcome.YES, Outcome.NO, Outcome.BAND, Outcome.COUNT, Outcome.ENUM}
_STRIDE: Final = limits.SALT_BYTES + limits.ANSWER_ITEM_BYTES
_NO_TOKEN: Final = bytes(16)
# The same for every question of a second, and of a day.
_day_of: Final = lru_cache(maxsize=8)(business_date)
_period_of: Final = lru_cache(maxsize=8)(period_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the source says of itself: how fresh it is and since when the roll is enrolled.

    ``epochs`` are those whose roll was enrolled to the end.
    """

    as_of: date | None
    enrolled_to: int
    epochs: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An answer before it is spent and logged; ``cell`` is None where it was refused.

    ``token`` is the id of the verified token, zeros where none was read.
    """

    answer: Answer
    token: bytes = _NO_TOKEN
    admitted: Admitted | None = None
    cell: Cell | None = None


@dataclass(slots=True)
class _Work:
    """What one request is worked on with, captured once; ``found`` spares equal questions."""

    moment: Moment
    shown: Shown
    facts: Facts
    found: dict[tuple[bytes, str, str], Minimized]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The ports that the answering needs."""

    catalogue: NodeCatalogue
    records: RecordSource
    store: Store
    clock: Clock
    facts: Callable[[], Facts]
    revoked: Callable[[], StatusList | None]
    paused: Callable[[], bool]


class Answerer:
    """Answers requests of coordinators."""

    def __init__(self, party: Party, sources: Sources) -> None:
        registrar = party.manifest.registrar
        self._party = party
        self._s = sources
        self._consents = Consents(sources.store, registrar.keys, registrar.id)
        self._highest = self._written = int(str(sources.store.meta("time") or 0))
        self.refused = Refusals()

    def ask(self, caller: str, data: bytes) -> bytes:
        """Answer one signed request.

        Raises:
            PeerFault, Refused, Unavailable: transport refusals (protocol §5, before the header).
        """
        try:
            with typed_errors():
                return self._ask(caller, data)
        except HeduiError as error:
            self.refused.count(error.code)
            raise

    def _ask(self, caller: str, data: bytes) -> bytes:
        batch = codec.decode_batch(data)
        if not batch.items:
            raise PeerFault("MALFORMED", message="no items")
        header = signed.claimed_header(batch)
        if header.sender != caller:
            raise PeerFault("WRONG_PARTY")
        keys = self._party.manifest.party(caller, PartyRole.COORDINATOR).keys
        opened = signed.verify(batch, header, keys)
        answer = self._answer(opened, batch, keys[batch.envelope.signatures[0].kid].raw)
        return codec.encode_batch(signed.sign(answer, self._party.key))

    def _answer(self, opened: Opened, batch: SignedBatch, holder: bytes) -> Unsigned:
        now = self._now()
        moment = self._moment(now, opened.header.purpose, holder)
        shown = self._consents.open(opened.presentations)
        believed, drafts = self._drafts(opened, moment, shown)
        caller, qid = opened.header.sender, opened.header.qid
        questions = b"".join(len(i).to_bytes(2, "big") + i for i in opened.items)

        def commit(connection: Connection) -> Unsigned:
            ledger = Ledger(connection)
            again = _repeat(ledger.answered(qid), caller, opened.digest)
            if again:
                return again
            self._consents.keep(shown, ledger)
            answers = [self._settle(ledger, draft, now) for draft in drafts]
            unsigned = signed.prepare(self._header(opened, moment), answers)
            stored = StoredAnswer(caller, opened.digest, unsigned.payload, _pack(unsigned))
            ledger.keep_answer(qid, stored, questions, now)
            _append(ledger, _entry(opened, batch, unsigned, drafts, now))
            if believed and now > self._written:
                ledger.seen_time(now)
            return unsigned

        answer = self._s.store.writer.write(commit)
        self._consents.kept(shown)
        if believed:
            self._written = max(self._written, now)
        return answer

    def _now(self) -> int:
        now = self._s.clock.now()
        if now >= self._party.manifest.expires:
            raise PeerFault("MANIFEST_EXPIRED", version=self._party.manifest.version)
        if now < self._highest - limits.SKEW:
            raise Unavailable("CLOCK_BEHIND", seconds=self._highest - now)
        self._highest = max(self._highest, now)
        return now

    def _moment(self, now: int, purpose: int, holder: bytes) -> Moment:
        return Moment(
            department=self._party.id,
            now=now,
            holder=holder,
            purpose=purpose,
            policy=self._party.policy,
            answers=self._s.catalogue.answers,
            revoked=self._s.revoked(),
            paused=self._s.paused(),
        )

    def _drafts(self, opened: Opened, moment: Moment, shown: Shown) -> tuple[bool, list[Draft]]:
        """Draft every answer, and tell whether the request as a whole was admitted."""
        try:
            gate.admit_request(opened.header, moment, exchange.ASK)
        except Refused as refusal:
            return False, [_refused(refusal)] * len(opened.items)
        try:
            facts = self._s.facts()
        except (BadInput, Unavailable):
            return True, [_refused(Refused("SOURCE_UNAVAILABLE"))] * len(opened.items)
        work = _Work(moment, shown, facts, {})
        return True, [self._draft(item, work) for item in opened.items]

    def _draft(self, item: bytes, work: _Work) -> Draft:
        try:
            question = codec.decode_question(item)
        except PeerFault:
            return _refused(Refused("QUESTION_MALFORMED"))
        try:
            token = self._consents.find(question, work.shown)
        except (Refused, PeerFault) as refusal:
            return _refused(refusal)
        if token is None:
            return Draft(answer=Answer(outcome=Outcome.PRESENT_AGAIN))
        jti = token.claims.jti
        try:
            admitted = gate.admit(question, token, work.moment)
            self._consents.use(question, token, work.shown)
            return self._evaluated(question, admitted, work)
        except Refused as refusal:
            return _refused(refusal, jti)
        except (BadInput, Unavailable):
            return _refused(Refused("SOURCE_UNAVAILABLE"), jti)

    def _evaluated(self, question: Question, admitted: Admitted, work: _Work) -> Draft:
        """Draft an admitted answer: uses and budget come before any look at a record."""
        today = _day_of(work.moment.now)
        period = _period_of(admitted.rule.period, today)
        claims = admitted.consent.claims
        person = self._s.store.person(claims.sub)
        cell = Cell(
            subject=person.key.encode() if person else claims.sub,
            year=today.year,
            question=_cell(question, admitted, period),
        )
        spent = _spendable(self._s.store.ledger(), admitted, cell, today)
        if spent.frozen is not None:
            answer = codec.decode_answer(spent.frozen)
        else:
            result = self._result(admitted, person, period, work)
            answer = _answer(result, admitted, period, work)
        return Draft(answer=answer, token=claims.jti, admitted=admitted, cell=cell)

    def _result(
        self, admitted: Admitted, person: Person | None, period: Period, work: _Work
    ) -> Minimized:
        if person is None:
            gate.check_roll(admitted.consent.claims, work.facts.epochs)
        as_of = work.facts.as_of
        if as_of is None or (period.today - as_of).days > admitted.rule.max_age_days:
            return Minimized(Outcome.STALE)
        grant = admitted.grant
        name = (admitted.consent.claims.jti, grant.predicate, grant.parameter)
        found = work.found.get(name)
        if found is None:
            found = evaluate(admitted, person, period, self._s.records, self._s.store)
            work.found[name] = found
        return found

    def _settle(self, ledger: Ledger, draft: Draft, now: int) -> bytes:
        """Spend a drafted answer inside the transaction, where nothing changes meanwhile."""
        admitted, cell = draft.admitted, draft.cell
        if admitted is None or cell is None:
            return codec.encode_answer(draft.answer)
        today = _day_of(now)
        try:
            spent = _spendable(ledger, admitted, cell, today)
        except Refused as refusal:
            return codec.encode_answer(_refused(refusal).answer)
        ledger.spend(admitted.consent.claims.jti, _names(admitted, today))
        frozen = spent.frozen
        said = codec.decode_answer(frozen) if frozen is not None else draft.answer
        answer = codec.encode_answer(said, spent.usage.grant_uses + 1)
        if frozen is None and said.outcome in _FROZEN:
            ledger.freeze(cell, answer)
        return answer

    def _header(self, opened: Opened, moment: Moment) -> Header:
        asked = opened.header
        return Header(
            method=asked.method,
            sender=self._party.id,
            audience=asked.sender,
            qid=asked.qid,
            issued=moment.now,
            expires=moment.now + limits.REQUEST_LIFE,
            purpose=asked.purpose,
            policy_version=moment.policy.version,
            n=len(opened.items),
            root=signed.UNSET_ROOT,
            request_hash=opened.digest,
            status_list_digest=moment.revoked.digest if moment.revoked else b"",
        )


def _refused(refusal: HeduiError, token: bytes = _NO_TOKEN) -> Draft:
    code = Refusal.__members__.get(refusal.code, Refusal.CONSENT_INVALID)
    return Draft(answer=Answer(outcome=Outcome.REFUSED, refusal=code), token=token)


def _spendable(ledger: Ledger, admitted: Admitted, cell: Cell, today: date) -> Spent:
    """Hold a question to uses and budget.

    Raises:
        Refused: USES_EXHAUSTED or BUDGET_EXHAUSTED.
    """
    spent = ledger.spent(admitted.consent.claims.jti, _names(admitted, today), cell)
    gate.check_usage(admitted, spent.usage)
    if spent.frozen is None:
        gate.check_budget(spent.cells)
    return spent


def _names(admitted: Admitted, today: date) -> Names:
    grant = admitted.grant
    return f"{grant.predicate} {grant.parameter}", f"{today.year}{today.month:02}"


def _answer(result: Minimized, admitted: Admitted, period: Period, work: _Work) -> Answer:
    return Answer(
        outcome=result.outcome,
        value=result.value,
        as_of=_number(work.facts.as_of),
        scope=admitted.answering.scope,
        enrolled_to=work.facts.enrolled_to,
        period_from=_number(period.start),
        period_to=_number(period.end),
        policy_version=work.moment.policy.version,
    )


def _entry(
    opened: Opened, batch: SignedBatch, unsigned: Unsigned, drafts: list[Draft], now: int
) -> LedgerEntry:
    return LedgerEntry(
        at=now,
        kind="ask",
        caller=opened.header.sender,
        request=batch.envelope.payload,
        request_signature=batch.envelope.signatures[0].sig,
        answer=unsigned.payload,
        request_leaves=opened.leaves,
        answer_leaves=unsigned.leaves,
        tokens=tuple(draft.token for draft in drafts),
    )


def _append(ledger: Ledger, entry: LedgerEntry) -> None:
    record = codec.encode_entry(entry)
    salt = os.urandom(limits.SALT_BYTES)
    ledger.append(envelope.item_leaf(salt, record), salt, record)


def _cell(question: Question, admitted: Admitted, period: Period) -> bytes:
    """Name a frozen cell: predicate, rung, signed facts of the grant, period (protocol §5)."""
    grant = admitted.grant
    said = hashlib.sha256(struct.pack(">I", grant.members) + b"".join(sorted(grant.args)))
    parts = f"{question.predicate}|{question.parameter}|{period.start}|{period.end}|"
    return hashlib.sha256(parts.encode() + said.digest()).digest()[:16]


def _number(day: date | None) -> int:
    return day.year * 10_000 + day.month * 100 + day.day if day else 0


def _pack(unsigned: Unsigned) -> bytes:
    return b"".join(item.salt + item.item for item in unsigned.items)


def _repeat(stored: StoredAnswer | None, caller: str, digest: bytes) -> Unsigned | None:
    """Give what was answered before, to the same request only.

    Raises:
        Refused: REPLAYED.
    """
    if stored is None:
        return None
    if (stored.sender, stored.request) != (caller, digest):
        raise Refused("REPLAYED")
    rows = (stored.items[i : i + _STRIDE] for i in range(0, len(stored.items), _STRIDE))
    items = tuple(SaltedItem(row[: limits.SALT_BYTES], row[limits.SALT_BYTES :]) for row in rows)
    return Unsigned(stored.payload, items, ())
