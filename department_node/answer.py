"""One request's way through the node: gate → evaluate → log → sign.

Knows the order in which nothing can be skipped (protocol note §5). The thinking is in ``gate``,
``drafting`` and ``page``; what is durable is in ``ledger``. Does not know sockets.

Tokens are verified by the caller's thread; what depends on the books is decided inside the writer's
transaction, where nothing changes meanwhile and its pages are at hand.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from crypto import envelope
from department_node import drafting, gate
from department_node.catalogue import NodeCatalogue
from department_node.consents import Consents, Keeping, Shown
from department_node.drafting import Drafter, Facts, Line, NotPrompt, Work
from department_node.gate import Moment
from department_node.ledger import Ledger, StoredAnswer, Writes
from department_node.records import RecordSource
from department_node.refusals import Refusals
from department_node.store import Store, typed_errors
from federation import exchange, limits
from federation.clock import Clock
from federation.errors import BadInput, HeduiError, PeerFault, Refused, Unavailable
from federation.exchange import Header, SaltedItem
from federation.ledger import LedgerEntry
from federation.manifest import PartyRole
from federation.party import Party
from federation.status import StatusLists
from federation.wire import codec, signed
from federation.wire.codec import SignedBatch
from federation.wire.signed import Opened, Unsigned

_STRIDE: Final = limits.SALT_BYTES + limits.ANSWER_ITEM_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The ports that the answering needs."""

    catalogue: NodeCatalogue
    records: RecordSource
    store: Store
    clock: Clock
    facts: Callable[[], Facts]
    revoked: Callable[[], StatusLists | None]
    paused: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """A verified request with all that its answer depends on, captured once."""

    opened: Opened
    batch: SignedBatch
    moment: Moment
    shown: Shown
    believed: bool
    lines: Sequence[Line]
    work: Work | None


@dataclass(frozen=True, slots=True)
class _Made:
    """An answer that is durable, and the tokens that are so with it."""

    unsigned: Unsigned
    keeping: Keeping = field(default_factory=Keeping)


class Answerer:
    """Answers requests of coordinators."""

    def __init__(self, party: Party, sources: Sources) -> None:
        self._party = party
        self._s = sources
        self._consents = Consents(lambda: party.manifest.registrar)
        self._drafter = Drafter(sources.records, sources.store, self._consents, sources.facts)
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
        request = self._admitted(opened, batch, self._moment(now, opened.header.purpose, holder))
        made = self._s.store.writer.write(lambda c: self._commit(request, Ledger(c)))
        while isinstance(made, NotPrompt):
            if request.work:
                self._drafter.read_on(made, request.work)
            made = self._s.store.writer.write(lambda c: self._commit(request, Ledger(c)))
        self._consents.kept(made.keeping)
        if request.believed:
            self._written = max(self._written, now)
        return made.unsigned

    def _commit(self, request: _Request, ledger: Ledger) -> _Made | NotPrompt:
        """Answer inside the transaction, where nothing changes meanwhile, and write all down.

        Raises:
            PeerFault: CONSENT_INVALID when two tokens have one id.
            Refused: REPLAYED.
        """
        opened, now = request.opened, request.moment.now
        again = _repeat(ledger.answered(opened.header.qid), opened)
        if again:
            return _Made(again)
        keeping = self._consents.keeping(request.shown, ledger)
        writes = Writes()
        if request.work:
            try:
                answers, writes = self._drafter.settle(request.lines, request.work, ledger)
            except NotPrompt as slow:
                return slow
        else:
            answers = [codec.encode_answer(line.refused) for line in request.lines if line.refused]
        unsigned = signed.prepare(self.header(opened, request.moment), answers)
        writes.tokens = keeping.tokens
        ledger.write(writes)
        ledger.keep_answer(opened.header.qid, _stored(opened, unsigned), _asked(opened), now)
        append(ledger, _entry(request, unsigned))
        if request.believed and now > self._written:
            ledger.seen_time(now)
        return _Made(unsigned, keeping)

    def _admitted(self, opened: Opened, batch: SignedBatch, moment: Moment) -> _Request:
        """Decide which questions may be answered; ``believed``: the request as a whole may."""
        shown = self._consents.open(opened.presentations)
        believed, work = True, None
        try:
            gate.admit_request(opened.header, moment, exchange.ASK)
            work = self._drafter.work(moment, shown)
            lines = self._drafter.admit(opened.items, work)
        except Refused as refusal:
            believed, lines = False, drafting.refuse_all(refusal, len(opened.items))
        except (BadInput, Unavailable) as error:
            lines = drafting.refuse_all(error, len(opened.items))
        return _Request(
            opened=opened,
            batch=batch,
            moment=moment,
            shown=shown,
            believed=believed,
            lines=lines,
            work=work,
        )

    def moment(self, purpose: int, holder: bytes) -> Moment:
        """Capture what decisions about a request that has come now may depend on.

        Raises:
            PeerFault: MANIFEST_EXPIRED.
            Unavailable: CLOCK_BEHIND.
        """
        return self._moment(self._now(), purpose, holder)

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

    def header(self, opened: Opened, moment: Moment) -> Header:
        """Make the header of the answer to a request, its count and root apart."""
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


def _entry(request: _Request, unsigned: Unsigned) -> LedgerEntry:
    opened, sent = request.opened, request.batch.envelope
    return LedgerEntry(
        at=request.moment.now,
        kind="ask",
        caller=opened.header.sender,
        request=sent.payload,
        request_signature=sent.signatures[0].sig,
        answer=unsigned.payload,
        request_leaves=opened.leaves,
        answer_leaves=unsigned.leaves,
        tokens=tuple(line.token for line in request.lines),
    )


def append(ledger: Ledger, entry: LedgerEntry) -> None:
    """Append an entry to the log under a fresh salt."""
    record = codec.encode_entry(entry)
    salt = os.urandom(limits.SALT_BYTES)
    ledger.append(envelope.item_leaf(salt, record), salt, record)


def _stored(opened: Opened, unsigned: Unsigned) -> StoredAnswer:
    items = b"".join(chain.from_iterable((item.salt, item.item) for item in unsigned.items))
    return StoredAnswer(opened.header.sender, opened.digest, unsigned.payload, items)


def _asked(opened: Opened) -> bytes:
    return b"".join(len(item).to_bytes(2, "big") + item for item in opened.items)


def _repeat(stored: StoredAnswer | None, opened: Opened) -> Unsigned | None:
    """Give what was answered before, to the same request only.

    Raises:
        Refused: REPLAYED.
    """
    if stored is None:
        return None
    if (stored.sender, stored.request) != (opened.header.sender, opened.digest):
        raise Refused("REPLAYED")
    rows = (stored.items[i : i + _STRIDE] for i in range(0, len(stored.items), _STRIDE))
    items = tuple(SaltedItem(row[: limits.SALT_BYTES], row[limits.SALT_BYTES :]) for row in rows)
    return Unsigned(stored.payload, items, ())
