"""Calls to the registrar, for coordinators and departments.

Knows how a signed call is made and its answer believed, and how much fits into one call. Does not
know what a consent is for, and keeps nothing.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Final

from federation import exchange, limits
from federation.clock import Clock
from federation.consenting import ConsentForm, ConsentReceipt, IssuedTokens, Objection
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import PeerFault
from federation.exchange import Header
from federation.mandate import Order, Receipt
from federation.manifest import PartyEntry
from federation.party import Party
from federation.wire import codec, mandate_messages, signed
from federation.wire import registrar_messages as messages
from federation.wire.channel import Peers

PATIENCE: Final = 120.0
"""For one call of up to 1,000 consents, seconds."""
STATUS_PATIENCE: Final = 10.0
"""For one status list, seconds."""
MOST_SERIES: Final = 64
"""Most current lists of one department: sixty million tokens."""
_CALL_BYTES: Final = limits.MESSAGE_BYTES - 1024 * 1024
_ITEM_OVERHEAD: Final = 32


class RegistrarClient:
    """The way of this party to the federation's registrar."""

    def __init__(self, party: Party, peers: Peers, clock: Clock) -> None:
        self._party = party
        self._peers = peers
        self._clock = clock

    @property
    def _registrar(self) -> PartyEntry:
        return self._party.manifest.registrar

    def record(self, forms: Sequence[ConsentForm]) -> list[ConsentReceipt]:
        """Have consents recorded, or signatures added; one receipt a form, in order.

        Raises:
            Refused, PeerFault, Unavailable: as the registrar says; a call's forms stand together.
        """
        items = [messages.encode_form(form) for form in forms]
        answers = [a for part in _parts(items) for a in self._call(exchange.RECORD_CONSENT, part)]
        receipts = [messages.decode_receipt(answer) for answer in answers]
        if [r.reference for r in receipts] != [form.reference for form in forms]:
            raise PeerFault("WRONG_ANSWER", sender=self._registrar.id)
        return receipts

    def tokens(self, consent_nos: Sequence[str]) -> list[IssuedTokens]:
        """Fetch all tokens of complete consents, in order.

        Raises:
            Refused: SIGNATURE_MISSING, CONSENT_REVOKED, CONSENT_EXPIRED or CONSENT_UNKNOWN, for
                any one of them.
            PeerFault, Unavailable: as the call fails.
        """
        issued = [
            messages.decode_tokens(answer)
            for part in _parts([messages.encode_order(number) for number in consent_nos])
            for answer in self._fitting(exchange.ISSUE_TOKENS, part)
        ]
        if [one.consent_no for one in issued] != list(consent_nos):
            raise PeerFault("WRONG_ANSWER", sender=self._registrar.id)
        return issued

    def revoke(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        """Revoke consents for good; one receipt each, in order.

        Raises:
            Refused: CONSENT_UNKNOWN.
            PeerFault, Unavailable: as the call fails.
        """
        return self._ordered(exchange.REVOKE_CONSENT, consent_nos)

    def suspend(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        """Suspend consents until this party resumes them; one receipt each, in order.

        Raises:
            Refused: CONSENT_UNKNOWN or CONSENT_REVOKED.
            PeerFault, Unavailable: as the call fails.
        """
        return self._ordered(exchange.SUSPEND_CONSENT, consent_nos)

    def resume(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        """Lift this party's suspension; a consent that others suspended stays suspended.

        Raises:
            Refused: CONSENT_UNKNOWN or CONSENT_REVOKED.
            PeerFault, Unavailable: as the call fails.
        """
        return self._ordered(exchange.RESUME_CONSENT, consent_nos)

    def change_household(self, consent_no: str) -> tuple[str, ...]:
        """Report a household's change; give the numbers of all consents of it that have ended.

        Raises:
            Refused: CONSENT_UNKNOWN.
            PeerFault, Unavailable: as the call fails.
        """
        (answer,) = self._call(exchange.CHANGE_HOUSEHOLD, [messages.encode_order(consent_no)])
        return messages.decode_ended(answer)

    def recheck(self, objection: Objection) -> IssuedTokens:
        """Have a signed objection recorded; give its one-use tokens, one a department.

        Raises:
            Refused: RECHECK_EXHAUSTED, EVIDENCE_REUSED, CONSENT_NOT_GRANTED, CONSENT_UNKNOWN or
                why no token of the consent can be had.
            PeerFault, Unavailable: as the call fails.
        """
        (answer,) = self._call(exchange.RECORD_OBJECTION, [messages.encode_objection(objection)])
        issued = messages.decode_tokens(answer)
        if issued.consent_no != objection.consent_no:
            raise PeerFault("WRONG_ANSWER", sender=self._registrar.id)
        return issued

    def mandate(self, orders: Sequence[Order]) -> list[Receipt]:
        """Have up to four steps of a batch mandate taken, in their order.

        Raises:
            Refused: MANDATE_INVALID, EPOCH_NOT_LIVE, POLICY_NOT_ANSWERED or POLICY_PARAMETER.
            PeerFault, Unavailable: as the call fails.
        """
        items = [mandate_messages.encode_order(order) for order in orders]
        answers = self._call(exchange.ISSUE_MANDATE_LIST, items)
        return [mandate_messages.decode_receipt(answer) for answer in answers]

    def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
        """Have one batch of this department's blinded elements evaluated; check the proof yourself.

        Raises:
            Refused: EPOCH_NOT_LIVE, BATCH_CHANGED or QUOTA_EXCEEDED.
            PeerFault, Unavailable: as the call fails.
        """
        (answer,) = self._call(exchange.EVALUATE, [messages.encode_blind(batch)])
        return messages.decode_evaluation(answer)

    def status_lists(self, department: str) -> dict[int, bytes]:
        """Fetch all current status lists of a department by their number, unverified.

        Raises:
            PeerFault, Unavailable: as a call fails; WRONG_ANSWER where the numbers do not rise.
        """
        lists: dict[int, bytes] = {}
        following, more = 0, True
        while more:
            request = messages.encode_status_request(department, following)
            reply = self._peers.call(
                self._registrar, messages.STATUS_LIST, request, timeout=STATUS_PATIENCE
            )
            listed = messages.decode_status_list(reply)
            if listed.series < following or len(lists) == MOST_SERIES:
                raise PeerFault("WRONG_ANSWER", sender=self._registrar.id)
            lists[listed.series] = listed.jwt
            following, more = listed.series + 1, listed.more
        return lists

    def _ordered(self, method: str, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        items = [messages.encode_order(number) for number in consent_nos]
        answers = [answer for part in _parts(items) for answer in self._call(method, part)]
        receipts = [messages.decode_receipt(answer) for answer in answers]
        if [r.consent_no for r in receipts] != list(consent_nos):
            raise PeerFault("WRONG_ANSWER", sender=self._registrar.id)
        return receipts

    def _fitting(self, method: str, items: Sequence[bytes]) -> tuple[bytes, ...]:
        """Call with all items, or with halves where the answer would not fit a message."""
        try:
            return self._call(method, items)
        except PeerFault as error:
            if error.code != "OVERSIZE" or len(items) == 1:
                raise
        middle = len(items) // 2
        return self._fitting(method, items[:middle]) + self._fitting(method, items[middle:])

    def _call(self, method: str, items: Sequence[bytes]) -> tuple[bytes, ...]:
        now = self._clock.now()
        header = Header(
            method=method,
            sender=self._party.id,
            audience=self._registrar.id,
            qid=os.urandom(limits.QID_BYTES),
            issued=now,
            expires=now + limits.REQUEST_LIFE,
            n=len(items),
            root=signed.UNSET_ROOT,
        )
        unsigned = signed.prepare(header, items)
        request = codec.encode_batch(signed.sign(unsigned, self._party.key))
        reply = self._peers.call(self._registrar, method, request, timeout=PATIENCE)
        asked = codec.decode_header(unsigned.payload)
        opened = signed.open_answer(codec.decode_batch(reply), asked, self._registrar.keys)
        return opened.items


def _parts(items: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Cut items into calls that keep the protocol's count and size."""
    part: list[bytes] = []
    size = 0
    for item in items:
        cost = len(item) + _ITEM_OVERHEAD
        if part and (len(part) == limits.ITEMS or size + cost > _CALL_BYTES):
            yield part
            part, size = [], 0
        part.append(item)
        size += cost
    if part:
        yield part
