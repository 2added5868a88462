"""The registrar's use cases, one call each: record, issue, revoke, evaluate.

Knows in which order rules, keys and storage are used, and what one transaction holds. Does not know
the wire: who calls, and that the call is signed, is settled before.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from federation import catalogue, limits
from federation import consent as sd_jwt
from federation.clock import Clock, business_date
from federation.consenting import ConsentForm, ConsentReceipt, IssuedTokens
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import PeerFault, Refused
from federation.party import Party
from registrar import consents, pseudonyms, tokens
from registrar.config import Settings
from registrar.consents import Consent
from registrar.pseudonyms import Admitted, Pseudonyms
from registrar.store import FULL_AT, Store, Transaction
from registrar.tokens import Ports, Terms

TOKEN_ESTIMATE: Final = 1_600
GRANT_ESTIMATE: Final = 240
"""Bytes of a token without grants, and of one grant with its digest; arguments come on top."""
ARGUMENT_ESTIMATE: Final = 64
REPLY_BYTES: Final = limits.MESSAGE_BYTES - 512 * 1024
"""Largest estimated reply; beyond it the caller asks for fewer consents at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call whose signature is verified: who, which request, until when, signed with which key."""

    caller: str
    qid: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    expires: int
    key: bytes = field(repr=False)


class Desk:
    """What the registrar does for coordinators and departments."""

    def __init__(
        self, party: Party, store: Store, keys: Pseudonyms, clock: Clock, settings: Settings
    ) -> None:
        self._party = party
        self._store = store
        self._keys = keys
        self._clock = clock
        self._settings = settings
        self._catalogue = catalogue.load()

    def record(self, call: Call, forms: Sequence[ConsentForm]) -> list[ConsentReceipt]:
        """Record new consents and add signatures to known ones: all of a call or none.

        Raises:
            Refused: REPLAYED, CONSENT_CHANGED, CONSENT_EXPIRED, EVIDENCE_REUSED,
                CONSENT_REVOKED, POLICY_NOT_ANSWERED, POLICY_PARAMETER or POLICY_VERSION.
            PeerFault: CONSENT_FORM_INVALID, PARTY_UNKNOWN, or the code of a malformed id or name.
            Unavailable: LOG_UNAVAILABLE.
        """
        now = self._clock.now()
        self._party.policy.check_current(now)
        checked = [self._checked(form) for form in forms]
        with self._store.write() as tx:
            self._claim(tx, call, now)
            return [self._recorded(tx, call.caller, form, now).receipt() for form in checked]

    def issue(self, call: Call, numbers: Sequence[str]) -> list[IssuedTokens]:
        """Give all tokens of complete consents; those issued before are given again.

        Raises:
            Refused: REPLAYED, CONSENT_UNKNOWN, SIGNATURE_MISSING, CONSENT_REVOKED,
                CONSENT_EXPIRED, POLICY_VERSION or STATUS_LIST_FULL.
            PeerFault: OVERSIZE when the answer would not fit one message.
            Unavailable: LOG_UNAVAILABLE or EPOCH_KEY_MISSING.
        """
        now = self._clock.now()
        self._party.policy.check_current(now)
        with self._store.write() as tx:
            self._claim(tx, call, now)
            found = [self._own(tx, call.caller, number) for number in numbers]
            for consent in found:
                consent.check_complete()
            estimate = sum(map(_estimate, found))
            if estimate > REPLY_BYTES and len(found) > 1:
                raise PeerFault("OVERSIZE", limit=REPLY_BYTES, size=estimate)
            ports = self._ports(tx)
            return [self._tokens(tx, consent, self._terms(call, now), ports) for consent in found]

    def revoke(self, call: Call, numbers: Sequence[str]) -> list[ConsentReceipt]:
        """End consents and their tokens for good.

        Raises:
            Refused: REPLAYED or CONSENT_UNKNOWN.
            Unavailable: LOG_UNAVAILABLE.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            self._claim(tx, call, now)
            for number in numbers:
                self._own(tx, call.caller, number)
                tx.revoke(number, now)
            return [self._own(tx, call.caller, number).receipt() for number in numbers]

    def evaluate(self, call: Call, batches: Sequence[BlindBatch]) -> list[BlindEvaluation]:
        """Evaluate blinded elements for the calling department, once they are counted.

        Raises:
            Refused: REPLAYED, EPOCH_NOT_LIVE, BATCH_CHANGED or QUOTA_EXCEEDED.
            PeerFault: BATCH_MALFORMED.
            Unavailable: LOG_UNAVAILABLE or EPOCH_KEY_MISSING.
        """
        now = self._clock.now()
        for batch in batches:
            pseudonyms.check_epoch(batch.epoch, now)
        with self._store.read() as view:
            for batch in batches:
                self._admitted(view, call.caller, batch)
        for batch in batches:
            self._keys.check(call.caller, batch)
        with self._store.write() as tx:
            self._claim(tx, call, now)
            for batch in batches:
                new = self._admitted(tx, call.caller, batch)
                if new:
                    tx.rolls.count(call.caller, batch, new, now)
        # Only now the work: of calls at the same time none is done that is not within the quota.
        # What is lost here by a crash is asked for again, which costs no quota.
        return [self._keys.evaluate(call.caller, batch) for batch in batches]

    def _admitted(self, tx: Transaction, caller: str, batch: BlindBatch) -> Admitted | None:
        return pseudonyms.admit(
            batch, tx.rolls.standing(caller, batch), self._settings.ceiling(caller)
        )

    def _claim(self, tx: Transaction, call: Call, now: int) -> None:
        tx.claim(call.caller, call.qid, call.digest, expires=call.expires, now=now)

    def _checked(self, form: ConsentForm) -> ConsentForm:
        form = consents.canonical(form)
        consents.check_grants(form, self._party.manifest, self._party.policy, self._catalogue)
        return form

    def _recorded(self, tx: Transaction, caller: str, form: ConsentForm, now: int) -> Consent:
        known = tx.by_reference(caller, form.reference)
        if known is None:
            tokens.expiry(form.not_after, now)
            number = tx.next_number(f"{business_date(now):%Y%m%d}")
            consent = consents.first(number, caller, form, now)
        else:
            consent = consents.again(known, form, now)
        if consent != known:
            elsewhere = partial(tx.elsewhere, consent_no=consent.consent_no)
            consents.check_papers(consent, known, elsewhere)
            tx.sign(consent) if known else tx.add(consent, now)
        return consent

    def _own(self, tx: Transaction, caller: str, number: str) -> Consent:
        """Find a consent that the caller itself recorded; another's is as unknown as none."""
        consent = tx.by_number(number)
        if consent is None or consent.coordinator != caller:
            raise Refused("CONSENT_UNKNOWN")
        return consent

    def _tokens(
        self, tx: Transaction, consent: Consent, terms: Terms, ports: Ports
    ) -> IssuedTokens:
        number = consent.consent_no
        issued = tx.tokens(number)
        if not issued:
            tx.add_tokens(number, list(tokens.issue(consent, terms, ports)), terms.now)
            issued = tx.tokens(number)
        # The tokens of a consent are made at one moment and end together: one speaks for all.
        if sd_jwt.read(issued[0].token, self._party.entry.keys).claims.expires <= terms.now:
            raise Refused("CONSENT_EXPIRED", consent=number)
        return IssuedTokens(consent_no=number, tokens=issued)

    def _terms(self, call: Call, now: int) -> Terms:
        policy = self._party.policy
        return Terms(
            issuer=self._party.id,
            holder=call.key,
            policy_family=policy.family,
            policy_version=policy.version,
            now=now,
        )

    def _ports(self, tx: Transaction) -> Ports:
        return Ports(
            catalogue=self._catalogue,
            key=self._party.key,
            pseudonym=self._keys.of,
            draw_index=_Drawer(tx),
            random=os.urandom,
        )


class _Drawer:
    """Draws status indices in one transaction, and stops before a list is too full to draw from."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._used: dict[str, int] = {}

    def __call__(self, department: str) -> int:
        if department not in self._used:
            self._used[department] = self._tx.used_indices(department)
        if self._used[department] >= FULL_AT:
            raise Refused("STATUS_LIST_FULL", department=department)
        self._used[department] += 1
        return self._tx.draw_index(department, os.urandom)


def _estimate(consent: Consent) -> int:
    form = consent.form
    pairs = {(grant.person, grant.department) for grant in form.grants}
    grant = GRANT_ESTIMATE + ARGUMENT_ESTIMATE
    return len(pairs) * TOKEN_ESTIMATE + len(form.grants) * grant
