"""One request's way through the node: gate → evaluate → log → sign.

Knows the order in which nothing can be skipped (protocol note §5). The thinking is in ``gate``,
``drafting`` and ``page``; what is durable is in ``settling`` and ``ledger``. Does not know sockets.

Tokens are verified by the caller's thread; what depends on the books is decided inside the writer's
transaction, where nothing changes meanwhile and its pages are at hand.
"""

from collections.abc import Callable
from dataclasses import dataclass

from department_node import drafting, gate
from department_node.catalogue import NodeCatalogue
from department_node.drafting import Drafter, Facts, NotPrompt
from department_node.gate import Moment
from department_node.records import RecordSource
from department_node.settling import Made, Request, Settler
from department_node.store import Store, typed_errors
from federation import exchange, limits
from federation.clock import Clock
from federation.errors import BadInput, HeduiError, PeerFault, Refused, Unavailable
from federation.manifest import PartyRole
from federation.party import Party
from federation.presentations import Consents
from federation.refusals import Refusals
from federation.status import StatusLists
from federation.wire import codec, signed
from federation.wire.codec import SignedBatch
from federation.wire.signed import Opened, Unsigned


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


class Answerer:
    """Answers requests of coordinators."""

    def __init__(self, party: Party, sources: Sources) -> None:
        self._party = party
        self._s = sources
        self.consents = Consents(lambda: party.manifest.registrar)
        self._drafter = Drafter(sources.records, sources.store, self.consents, sources.facts)
        self._settler = Settler(party.id, self.consents, self._drafter)
        self._highest = int(str(sources.store.meta("time") or 0))
        self.refused = Refusals()
        self.forget = self.consents.forget

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
        longest = max(len(one.item) for one in batch.items)
        if longest > limits.ITEM_MOST:
            raise PeerFault("OVERSIZE", limit=limits.ITEM_MOST, size=longest)
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
        made = self._settle(request)
        while isinstance(made, NotPrompt):
            if request.work:
                self._drafter.read_on(made, request.work)
            made = self._settle(request)
        self.consents.kept(made.keeping)
        self._settler.settled(request)
        return made.unsigned

    def _settle(self, request: Request) -> Made | NotPrompt:
        """Answer inside the writer's transaction, where nothing changes meanwhile.

        Raises:
            PeerFault: CONSENT_INVALID when two tokens have one id.
            Refused: REPLAYED.
        """
        result = self._s.store.writer.settle(self._settler.settle, request)
        if isinstance(result, HeduiError):
            raise result
        return result

    def _admitted(self, opened: Opened, batch: SignedBatch, moment: Moment) -> Request:
        """Decide which questions may be answered."""
        shown = self.consents.open(opened.presentations)
        believed, work = True, None
        try:
            gate.admit_request(opened.header, moment, exchange.ASK)
            work = self._drafter.work(moment, shown)
            lines = self._drafter.admit(opened.items, work)
        except Refused as refusal:
            believed, lines = False, drafting.refuse_all(refusal, len(opened.items))
        except (BadInput, Unavailable) as error:
            lines = drafting.refuse_all(error, len(opened.items))
        return Request(
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
