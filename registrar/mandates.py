"""Batch mandates at the registrar: record people, compute pseudonyms, sign each department's list.

Knows which mandate may be recorded and what must fit before a list is signed (protocol note §3).
Does not know the wire, and never what a department answers.
"""

import hashlib
import os
from collections.abc import Sequence
from itertools import pairwise

from crypto import labels
from federation import catalogue, ids, limits, mandate, mandate_list, status
from federation.clock import Clock, day_start, epoch_end, epoch_of
from federation.errors import BadInput, Refused
from federation.mandate import BatchMandate, Order, Receipt, Step
from federation.mandate_list import MandateList, blocks_of
from federation.manifest import PartyRole
from federation.party import Party
from registrar.mandate_rows import Recorded
from registrar.pseudonyms import Pseudonyms
from registrar.store import Store
from registrar.transaction import Call, Transaction


class MandateDesk:
    """What the registrar does for a coordinator that has a mandate."""

    def __init__(self, party: Party, store: Store, keys: Pseudonyms, clock: Clock) -> None:
        self._party = party
        self._store = store
        self._keys = keys
        self._clock = clock
        self._catalogue = catalogue.load()

    def take(self, call: Call, orders: Sequence[Order]) -> list[Receipt]:
        """Take the steps of a call one after the other; each that is done stays done.

        Raises:
            Refused: REPLAYED, MANDATE_INVALID, EPOCH_NOT_LIVE, POLICY_NOT_ANSWERED,
                POLICY_PARAMETER or POLICY_VERSION.
            PeerFault: PARTY_UNKNOWN for a department that is none.
            Unavailable: LOG_UNAVAILABLE or EPOCH_KEY_MISSING.
        """
        now = self._clock.now()
        self._party.policy.check_current(now)
        with self._store.write() as tx:
            tx.claim(call, now)
        return [self._step(call, order, now) for order in orders]

    def _step(self, call: Call, order: Order, now: int) -> Receipt:
        if order.step is Step.RECORD:
            return Receipt(recorded=self._record(call, order, now))
        if order.step is Step.EVALUATE:
            return Receipt(pseudonyms=self._evaluate(call, order, now))
        return Receipt(signed_list=self._sign(call, order, now))

    def _record(self, call: Call, order: Order, now: int) -> int:
        """Record the next people; give how many there are."""
        given = self._believed(order.document, call.caller, now)
        self._check(given, order)
        with self._store.write() as tx:
            known = tx.mandates.find(given.id)
            if known is None or known.version < given.version:
                known = _new(given, order)
                tx.mandates.begin(known, now)
            if (known.document, known.salt) != (order.document, order.salt) or known.revoked:
                raise Refused("MANDATE_INVALID", why="another document, or revoked")
            if not known.complete and order.ids:
                _add(tx, given, known, order, now)
            return max(known.people, order.first + len(order.ids))

    def _believed(self, document: bytes, caller: str, now: int) -> BatchMandate:
        root = self._party.papers.documents.root.root
        given = mandate.read(document, root, self._catalogue)
        mandate.check(given, coordinator=caller, now=now)
        return given

    def _check(self, given: BatchMandate, order: Order) -> None:
        """Hold a mandate to manifest and policy, and a part to its one form."""
        if given.id != order.id:
            raise Refused("MANDATE_INVALID", why="id")
        for department in given.departments:
            self._party.manifest.party(department, PartyRole.NODE)
        for predicate, parameter in given.questions:
            self._party.policy.check(predicate, parameter, given.purpose)
        try:
            canonical = all(ids.canonical_id(one).id == one for one in order.ids)
        except BadInput as e:
            raise Refused("MANDATE_INVALID", why=e.code) from e
        if not canonical or not all(one < other for one, other in pairwise(order.ids)):
            raise Refused("MANDATE_INVALID", why="order of ids")

    def _evaluate(self, call: Call, order: Order, now: int) -> bytes:
        """Give the pseudonyms of a part; computed outside any transaction, for it takes a while."""
        epoch, department = epoch_of(now), order.department
        with self._store.read() as view:
            self._complete(view, call, order, now)
            found = view.mandates.pseudonyms(order.id, department, epoch, order.first)
            people = view.mandates.part(order.id, order.first)
        if found:
            return found
        if not people:
            raise Refused("MANDATE_INVALID", why="no such part")
        found = b"".join(self._keys.of(department, epoch, labels.id_input(one)) for one in people)
        with self._store.write() as tx:
            tx.mandates.keep_pseudonyms(order.id, (department, epoch), order.first, found, now)
        return found

    def _sign(self, call: Call, order: Order, now: int) -> bytes:
        """Sign a department's list, or give the one that was signed for this key before."""
        epoch, department = epoch_of(now), order.department
        with self._store.write() as tx:
            document, given = self._complete(tx, call, order, now)
            before = tx.mandates.signed(order.id, department, epoch)
            if before and before.holder == call.key:
                return before.jwt
            people = tx.mandates.everybody(order.id, department, epoch)
            if len(people) != given.size:
                raise Refused("MANDATE_INVALID", why="pseudonyms are missing")
            tx.mandates.end_lists(order.id, department)
            expires = min(given.expires, epoch_end(epoch) + limits.EPOCH_GRACE)
            series, index = tx.mandates.draw(department, expires, os.urandom)
            listed = MandateList(
                issuer=self._party.id,
                audience=department,
                jti=os.urandom(16),
                issued=day_start(now),
                not_before=day_start(now),
                expires=expires,
                holder=call.key,
                status_index=index,
                status_uri=status.uri_of(self._party.id, department, series),
                mandate=hashlib.sha256(document).digest(),
                epoch=epoch,
                size=len(people),
                blocks=tuple(hashlib.sha256(one).digest() for one in blocks_of(people)),
            )
            jwt = mandate_list.issue(listed, self._party.key)
            tx.mandates.add_list(order.id, listed, series, jwt, now)
            return jwt

    def _complete(
        self, tx: Transaction, call: Call, order: Order, now: int
    ) -> tuple[bytes, BatchMandate]:
        """Find a mandate of the caller for a department whose people are all there and fit.

        Raises:
            Refused: MANDATE_INVALID.
        """
        known = tx.mandates.find(order.id)
        if known is None or not known.complete or known.revoked:
            raise Refused("MANDATE_INVALID", why="not recorded, or revoked")
        given = self._believed(known.document, call.caller, now)
        if order.department not in given.departments:
            raise Refused("MANDATE_INVALID", why="department")
        return known.document, given


def _new(given: BatchMandate, order: Order) -> Recorded:
    return Recorded(
        id=given.id,
        coordinator=given.coordinator,
        version=given.version,
        document=order.document,
        salt=order.salt,
        people=0,
        complete=False,
        revoked=False,
    )


def _add(tx: Transaction, given: BatchMandate, known: Recorded, order: Order, now: int) -> None:
    """Store the next part, and with the last hold all of them to the signed digest.

    Raises:
        Refused: MANDATE_INVALID.
    """
    if order.first < known.people and tx.mandates.part(given.id, order.first) == order.ids:
        return  # the reply to it was lost
    size = min(limits.MANDATE_BLOCK, given.size - known.people)
    follows = tx.mandates.last(given.id) < order.ids[0]
    if (order.first, len(order.ids)) != (known.people, size) or not follows:
        raise Refused("MANDATE_INVALID", why="part")
    tx.mandates.add_part(given.id, order.first, order.ids)
    if order.first + size == given.size:
        people = mandate.people_digest(order.salt, tx.mandates.numbers(given.id))
        if people != given.people:
            raise Refused("MANDATE_INVALID", why="digest of the list")
        tx.mandates.complete(given, now)
