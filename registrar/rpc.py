"""The registrar on the wire: decode, believe, one call of the desk, encode, sign.

Knows envelopes, who is a coordinator and who a department. Does not know what the desk decides.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from federation import exchange, limits
from federation.clock import Clock
from federation.consenting import ConsentReceipt
from federation.errors import PeerFault
from federation.exchange import Header
from federation.manifest import AUDIENCES, PartyEntry, PartyRole
from federation.party import Party
from federation.wire import codec, mandate_messages, signed
from federation.wire import registrar_messages as messages
from federation.wire.codec import SignedBatch
from federation.wire.server import Handler, Service
from registrar.desk import Desk
from registrar.endings import Endings
from registrar.mandates import MandateDesk
from registrar.status import StatusPublisher
from registrar.transaction import Call

End = Callable[[Call, Sequence[str]], list[ConsentReceipt]]
"""Does to the caller's consents what a method says, by their numbers."""


@dataclass(frozen=True, slots=True)
class _Request:
    header: Header
    items: tuple[bytes, ...] = field(repr=False)
    call: Call


class RegistrarRpc:
    """Handlers of ``federation.v1.Registrar``."""

    def __init__(
        self,
        party: Party,
        clock: Clock,
        desk: Desk,
        endings: Endings,
        mandates: MandateDesk,
        lists: StatusPublisher,
    ) -> None:
        self._party = party
        self._clock = clock
        self._desk = desk
        self._endings = endings
        self._mandates = mandates
        self._lists = lists

    def service(self) -> Service:
        """Give the handlers by method name."""
        handlers: list[Handler] = [
            self.RecordConsent,
            self.IssueTokens,
            self.RevokeConsent,
            self.SuspendConsent,
            self.ResumeConsent,
            self.ChangeHousehold,
            self.RecordObjection,
            self.IssueMandateList,
            self.EvaluatePseudonyms,
            self.GetStatusList,
        ]
        return Service(
            name=messages.SERVICE, methods={_name(handler): handler for handler in handlers}
        )

    def RecordConsent(self, caller: str, data: bytes) -> bytes:
        """Record consent forms; answers receipts."""
        request = self._open(caller, data, exchange.RECORD_CONSENT, PartyRole.COORDINATOR)
        forms = [messages.decode_form(item) for item in request.items]
        receipts = self._desk.record(request.call, forms)
        return self._sign(request, map(messages.encode_receipt, receipts))

    def IssueTokens(self, caller: str, data: bytes) -> bytes:
        """Issue the tokens of consents."""
        request = self._open(caller, data, exchange.ISSUE_TOKENS, PartyRole.COORDINATOR)
        numbers = [messages.decode_order(item) for item in request.items]
        issued = self._desk.issue(request.call, numbers)
        return self._sign(request, map(messages.encode_tokens, issued))

    def RevokeConsent(self, caller: str, data: bytes) -> bytes:
        """Revoke consents; answers receipts."""
        return self._ended(caller, data, exchange.REVOKE_CONSENT, self._endings.revoke)

    def SuspendConsent(self, caller: str, data: bytes) -> bytes:
        """Suspend consents; answers receipts."""
        return self._ended(caller, data, exchange.SUSPEND_CONSENT, self._endings.suspend)

    def ResumeConsent(self, caller: str, data: bytes) -> bytes:
        """Lift the caller's suspensions; answers receipts."""
        return self._ended(caller, data, exchange.RESUME_CONSENT, self._endings.resume)

    def ChangeHousehold(self, caller: str, data: bytes) -> bytes:
        """End the consents of changed households; answers their numbers."""
        request = self._open(caller, data, exchange.CHANGE_HOUSEHOLD, PartyRole.COORDINATOR)
        numbers = [messages.decode_order(item) for item in request.items]
        ended = self._endings.change_household(request.call, numbers)
        return self._sign(request, map(messages.encode_ended, ended))

    def RecordObjection(self, caller: str, data: bytes) -> bytes:
        """Record objections; answers the one-use tokens of each."""
        request = self._open(caller, data, exchange.RECORD_OBJECTION, PartyRole.COORDINATOR)
        objections = [messages.decode_objection(item) for item in request.items]
        issued = self._desk.recheck(request.call, objections)
        return self._sign(request, map(messages.encode_tokens, issued))

    def IssueMandateList(self, caller: str, data: bytes) -> bytes:
        """Take the steps from a batch mandate to a department's signed list."""
        request = self._open(caller, data, exchange.ISSUE_MANDATE_LIST, PartyRole.COORDINATOR)
        if len(request.items) > limits.BATCHES:
            raise PeerFault("OVERSIZE", limit=limits.BATCHES, size=len(request.items))
        orders = [mandate_messages.decode_order(item) for item in request.items]
        receipts = self._mandates.take(request.call, orders)
        return self._sign(request, map(mandate_messages.encode_receipt, receipts))

    def EvaluatePseudonyms(self, caller: str, data: bytes) -> bytes:
        """Evaluate blinded elements of the calling department."""
        request = self._open(caller, data, exchange.EVALUATE, PartyRole.NODE)
        if len(request.items) > limits.BATCHES:
            raise PeerFault("OVERSIZE", limit=limits.BATCHES, size=len(request.items))
        batches = [messages.decode_blind(item) for item in request.items]
        evaluations = self._desk.evaluate(request.call, batches)
        return self._sign(request, map(messages.encode_evaluation, evaluations))

    def GetStatusList(self, _caller: str, data: bytes) -> bytes:
        """Give one of a department's status lists to any party: it names nobody."""
        department, least = messages.decode_status_request(data)
        if self._party.manifest.party(department).role not in AUDIENCES:
            raise PeerFault("PARTY_UNKNOWN", party=department)
        return messages.encode_status_list(self._lists.current(department, least))

    def _ended(self, caller: str, data: bytes, method: str, end: End) -> bytes:
        request = self._open(caller, data, method, PartyRole.COORDINATOR)
        numbers = [messages.decode_order(item) for item in request.items]
        return self._sign(request, map(messages.encode_receipt, end(request.call, numbers)))

    def _open(self, caller: str, data: bytes, method: str, role: PartyRole) -> _Request:
        """Believe a request, or refuse it before anything else is done.

        Raises:
            PeerFault: MALFORMED, OVERSIZE, WRONG_PARTY, BAD_SIGNATURE or ITEMS_DO_NOT_MATCH.
            Refused: WRONG_AUDIENCE, WRONG_METHOD or REQUEST_NOT_FRESH.
        """
        batch = codec.decode_batch(data)
        header = signed.claimed_header(batch)
        entry = self._party.manifest.party(caller)
        if header.sender != caller or entry.role is not role:
            raise PeerFault("WRONG_PARTY")
        opened = signed.verify(batch, header, entry.keys)
        now = self._clock.now()
        self._party.manifest.check_current(now)
        exchange.check_request(header, audience=self._party.id, method=method, now=now)
        if not opened.items or opened.presentations:
            raise PeerFault("MALFORMED", message="SignedBatch")
        call = Call(
            caller=caller,
            qid=header.qid,
            digest=opened.digest,
            expires=header.expires,
            key=_signing_key(batch, entry),
        )
        return _Request(header, opened.items, call)

    def _sign(self, request: _Request, items: Iterable[bytes]) -> bytes:
        now = self._clock.now()
        header = Header(
            method=request.header.method,
            sender=self._party.id,
            audience=request.call.caller,
            qid=request.header.qid,
            issued=now,
            expires=now + limits.REQUEST_LIFE,
            n=request.header.n,
            root=signed.UNSET_ROOT,
            request_hash=request.call.digest,
        )
        answer = signed.sign(signed.prepare(header, list(items)), self._party.key)
        return codec.encode_batch(answer)


def _name(handler: Callable[..., bytes]) -> str:
    return handler.__name__


def _signing_key(batch: SignedBatch, entry: PartyEntry) -> bytes:
    """Give the key of the caller that signed: tokens are bound to it."""
    kid = next(s.kid for s in batch.envelope.signatures if s.kid in entry.keys)
    return entry.keys[kid].raw
