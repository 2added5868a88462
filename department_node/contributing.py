"""One household's way through the node for a sum: gate → share → log → sign.

Knows the order in which nothing can be skipped (protocol note §5, §7). The thinking is in
``contribution``, the share comes from ``shares``; what is durable is in ``contribution_books`` and
the ledger, a share in the commit that logs it. Does not know sockets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from sqlite3 import Connection
from threading import Lock
from typing import Final

from department_node import contribution, gate, parts
from department_node.answer import Answerer, Sources
from department_node.contribution import Joint
from department_node.contribution_books import KIND, STRIDE, ContributionBooks
from department_node.drafting import NO_TOKEN
from department_node.gate import Moment
from department_node.household import Household
from department_node.ledger import Kept, Ledger, StoredAnswer
from department_node.masking import Masking
from department_node.settling import Exchange
from department_node.shares import Drawn, Sharer
from department_node.store import typed_errors
from federation import exchange, limits
from federation.consent import Consent
from federation.errors import BadInput, HeduiError, PeerFault, Refused, Unavailable
from federation.exchange import Answer, Outcome, Question, Refusal, SaltedItem
from federation.ledger import Items
from federation.manifest import Manifest, PartyRole
from federation.party import Party
from federation.presentations import SUPPORTER, Keeping, Shown
from federation.summing import SumOrder
from federation.wire import attempts, codec, signed, sum_messages
from federation.wire.exchanged import header, log_row
from federation.wire.signed import Opened, Unsigned
from federation.wire.sum_messages import Contribution

_TURNS: Final = 64
_AGAIN: Final = Drawn(said=Answer(outcome=Outcome.PRESENT_AGAIN))


@dataclass(slots=True, kw_only=True)
class _Draft:
    """An answer on its way; ``household`` as long as nothing speaks against a share.

    ``tokens`` are ids for the log, one an item: zeros where none was read.
    """

    tokens: list[bytes]
    drawn: Drawn = _AGAIN
    believed: bool = False
    household: Household | None = None

    def refuse(self, error: HeduiError) -> None:
        """Say why nothing is contributed."""
        self.drawn, self.household = Drawn(said=_refusal(error)), None


@dataclass(frozen=True, slots=True)
class _Made:
    """An answer that is durable, and the tokens that are so with it."""

    unsigned: Unsigned
    keeping: Keeping = field(default_factory=Keeping)


class _PresentAgain(Exception):
    """A token is not known here by its id."""


class Contributor:
    """Contributes to sums that coordinators ask for."""

    def __init__(self, party: Party, sources: Sources, masking: Masking, beside: Answerer) -> None:
        self._party = party
        self._s = sources
        self._beside = beside
        self._sharer = Sharer(party.id, sources, masking, beside.consents)
        self._turns = tuple(Lock() for _ in range(_TURNS))

    def contribute(self, caller: str, data: bytes) -> bytes:
        """Answer one signed request about one household.

        Raises:
            PeerFault, Refused, Unavailable: transport refusals (protocol §5, before the header).
        """
        try:
            with typed_errors():
                return self._contribute(caller, data)
        except HeduiError as error:
            self._beside.refused.count(error.code)
            raise

    def _contribute(self, caller: str, data: bytes) -> bytes:
        batch = codec.decode_batch(data)
        if len(batch.items) < 2:  # noqa: PLR2004 - a slot and the order
            raise PeerFault("MALFORMED", message="slots and an order")
        size = max(len(one.item) for one in batch.items)
        if size > limits.ITEM_MOST:
            raise PeerFault("OVERSIZE", limit=limits.ITEM_MOST, size=size)
        asked = signed.claimed_header(batch)
        if asked.sender != caller:
            raise PeerFault("WRONG_PARTY")
        keys = self._party.manifest.party(caller, PartyRole.COORDINATOR).keys
        opened = signed.verify(batch, asked, keys)
        holder = keys[batch.envelope.signatures[0].kid].raw
        moment = self._beside.moment(asked.purpose, holder)
        answer = self._answer(Exchange(opened=opened, batch=batch, moment=moment))
        return codec.encode_batch(signed.sign(answer, self._party.key))

    def _summing(self, moment: Moment, manifest: Manifest) -> Moment:
        answers = parts.answerings(self._s.catalogue, self._party.id, manifest.groups)
        return replace(moment, answers=answers)

    def _answer(self, request: Exchange) -> Unsigned:
        again = _repeat(self._s.store.ledger(), request.opened)
        if again:
            return again
        draft = self._admitted(request)
        if draft.household is None:
            return self._settled(request, draft)
        # Of two requests for one run the second waits, and takes what the first has stored.
        with self._turns[draft.household.joint.run[0] % _TURNS]:
            try:
                draft.drawn = self._sharer.draw(draft.household)
            except (Refused, BadInput, Unavailable) as error:
                draft.refuse(error)
            return self._settled(request, draft)

    def _admitted(self, request: Exchange) -> _Draft:
        """Decide whether anything may be contributed at all."""
        opened, manifest = request.opened, self._party.manifest
        moment = self._summing(request.moment, manifest)
        draft = _Draft(tokens=[NO_TOKEN] * len(opened.items))
        try:
            gate.admit_request(opened.header, moment, exchange.CONTRIBUTE)
            draft.believed = True
            shown = self._beside.consents.open(opened.presentations)
            joint = self._joint(opened.items, draft, shown, moment, manifest)
            draft.household = Household(joint=joint, moment=moment, shown=shown)
        except _PresentAgain:
            pass
        except HeduiError as error:
            draft.refuse(error)
        return draft

    def _joint(
        self,
        items: Sequence[bytes],
        draft: _Draft,
        shown: Shown,
        moment: Moment,
        manifest: Manifest,
    ) -> Joint:
        """Find every slot's token, shown now or before, and decide about them together.

        Raises:
            _PresentAgain: one of them is not here.
            PeerFault, Refused: the code of the first step that says no.
        """
        questions, order = [_question(item) for item in items[:-1]], _order(items[-1])
        tokens = self._tokens(questions, draft, shown)
        joint = contribution.admit(questions, tokens, order, moment, manifest.groups)
        attempts.check(order, joint.first, joint.parameter, joint.group.tally.id, manifest)
        self._check_household(questions, tokens, shown)
        return joint

    def _tokens(self, questions: Sequence[Question], draft: _Draft, shown: Shown) -> list[Consent]:
        found = self._beside.consents.find(questions, shown, self._s.store.ledger())
        tokens = [one for one in found if isinstance(one, Consent)]
        for n, one in enumerate(found):
            if isinstance(one, Consent):
                draft.tokens[n] = one.claims.jti
        for one in found:
            if isinstance(one, HeduiError):
                raise one
        if len(tokens) < len(found):
            raise _PresentAgain
        return tokens

    def _check_household(
        self, questions: Sequence[Question], tokens: Sequence[Consent], shown: Shown
    ) -> None:
        """Hold the tokens to their household's commitment, and note them as used.

        Raises:
            Refused: HOUSEHOLD_MISMATCH.
        """
        pairs = zip(questions, tokens, strict=True)
        presented = {asked.presentation: token for asked, token in pairs if asked.presentation}
        members = [one for one in presented.values() if one.claims.role != SUPPORTER]
        if self._beside.consents.broken(members, shown, self._s.store.ledger()):
            raise Refused("HOUSEHOLD_MISMATCH")
        shown.used |= presented

    def _settled(self, request: Exchange, draft: _Draft) -> Unsigned:
        made = self._s.store.writer.write(lambda c: self._commit(c, request, draft))
        self._beside.consents.kept(made.keeping)
        return made.unsigned

    def _commit(self, connection: Connection, request: Exchange, draft: _Draft) -> _Made:
        """Spend, store and log inside the transaction, where nothing changes meanwhile.

        Raises:
            Refused: REPLAYED.
            PeerFault: CONSENT_INVALID when two tokens have one id.
        """
        ledger, opened = Ledger(connection), request.opened
        again = _repeat(ledger, opened)
        if again:
            return _Made(again)
        household, keeping = draft.household, Keeping()
        items = [*[codec.encode_answer(draft.drawn.said)] * (len(opened.items) - 1), b""]
        if household:
            keeping = self._beside.consents.keeping(household.shown, ledger)
            items = _spent(connection, household, draft.drawn, keeping)
        unsigned = signed.prepare(header(self._party.id, request), items)
        entry = ledger.append([_entry(request, draft, unsigned)])
        ledger.keep_answers([_kept(request, unsigned, entry)])
        if draft.believed:
            ledger.seen_time(request.moment.now)
        return _Made(unsigned, keeping)


def _spent(
    connection: Connection, household: Household, drawn: Drawn, keeping: Keeping
) -> list[bytes]:
    """Spend every slot's use and store the share, also where another has spent the last use."""
    ledger, writes, joint = Ledger(connection), household.writes(), household.joint
    try:
        page = household.page(ledger, writes)
    except Refused as refusal:
        items = [*[codec.encode_answer(_refusal(refusal))] * len(joint.slots), b""]
    else:
        said = [page.spend(entry, drawn.said) for entry in page.entries]
        items = [*said, _last(joint, drawn)]
    if drawn.share and drawn.first:
        ContributionBooks(connection).complete(joint.run, drawn.share)
    writes.tokens = keeping.tokens
    ledger.write(writes)
    return items


def _last(joint: Joint, drawn: Drawn) -> bytes:
    if drawn.share is None:
        return b""
    share = Contribution(run=joint.run, ciphertext=drawn.share.ciphertext)
    return sum_messages.encode_contribution(share)


def _question(item: bytes) -> Question:
    try:
        return codec.decode_question(item)
    except PeerFault as e:
        raise Refused("QUESTION_MALFORMED") from e


def _order(item: bytes) -> SumOrder:
    try:
        return sum_messages.decode_order(item)
    except PeerFault as e:
        raise Refused("SUM_MALFORMED") from e


def _refusal(error: HeduiError) -> Answer:
    code = Refusal.__members__.get(error.code, Refusal.CONSENT_INVALID)
    if isinstance(error, BadInput | Unavailable):  # what is wrong with the source stays here
        code = Refusal.SOURCE_UNAVAILABLE
    return Answer(outcome=Outcome.REFUSED, refusal=code)


def _entry(request: Exchange, draft: _Draft, unsigned: Unsigned) -> tuple[bytes, bytes]:
    items = Items(
        request_leaves=request.opened.leaves,
        answer_leaves=unsigned.leaves,
        tokens=tuple(draft.tokens),
    )
    return log_row(KIND, request, unsigned.payload, items)


def _kept(request: Exchange, unsigned: Unsigned, entry: int) -> Kept:
    opened, salted = request.opened, b"".join(one.salt + one.item for one in unsigned.items)
    return Kept(
        qid=opened.header.qid,
        answer=StoredAnswer(opened.header.sender, opened.digest, unsigned.payload, salted),
        questions=b"".join(len(item).to_bytes(2, "big") + item for item in opened.items),
        at=request.moment.now,
        entry=entry,
    )


def _repeat(ledger: Ledger, opened: Opened) -> Unsigned | None:
    """Give what was answered before, to the same request only.

    Raises:
        Refused: REPLAYED.
    """
    stored = ledger.answered([opened.header.qid]).get(opened.header.qid)
    if stored is None:
        return None
    if (stored.sender, stored.request) != (opened.header.sender, opened.digest):
        raise Refused("REPLAYED")
    end = (len(opened.items) - 1) * STRIDE
    rows = [stored.items[at : at + STRIDE] for at in range(0, end, STRIDE)]
    items = tuple(
        SaltedItem(row[: limits.SALT_BYTES], row[limits.SALT_BYTES :])
        for row in (*rows, stored.items[end:])
    )
    return Unsigned(stored.payload, items, ())
