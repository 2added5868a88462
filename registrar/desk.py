"""The registrar's use cases, one call each: record, issue and renew, recheck, evaluate.

Knows in which order rules, keys and storage are used, and what one transaction holds. Does not know
the wire (who calls, and that the call is signed, is settled before), nor how consents end.
"""

import os
from collections.abc import Sequence
from functools import partial
from typing import Final

from federation import catalogue, limits
from federation.clock import Clock, business_date, epoch_of
from federation.consenting import ConsentForm, ConsentReceipt, IssuedToken, IssuedTokens, Objection
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import PeerFault, Refused
from federation.party import Party
from registrar import consents, objections, pseudonyms, tokens
from registrar.config import Settings
from registrar.consents import Consent, Rules
from registrar.pseudonyms import Admitted, Pseudonyms
from registrar.store import Store
from registrar.tokens import Before, Ports, Terms
from registrar.transaction import Call, Transaction

TOKEN_ESTIMATE: Final = 1_600
GRANT_ESTIMATE: Final = 240
"""Bytes of a token without grants, and of one grant with its digest; arguments come on top."""
ARGUMENT_ESTIMATE: Final = 64
REPLY_BYTES: Final = limits.MESSAGE_BYTES - 512 * 1024
"""Largest estimated reply; beyond it the caller asks for fewer consents at once."""


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

        A form that renews another consent needs none (protocol §3, IN_FORCE_AID).

        Raises:
            Refused: REPLAYED, CONSENT_CHANGED, CONSENT_EXPIRED, EVIDENCE_REUSED, POLICY_VERSION,
                CONSENT_REVOKED, POLICY_NOT_ANSWERED or POLICY_PARAMETER; of a renewal also
                CONSENT_UNKNOWN, CONSENT_NOT_GRANTED, CONSENT_SUSPENDED or SIGNATURE_MISSING.
            PeerFault: CONSENT_FORM_INVALID, PARTY_UNKNOWN, or the code of a malformed id or name.
            Unavailable: LOG_UNAVAILABLE.
        """
        now = self._clock.now()
        self._party.policy.check_current(now)
        checked = [self._checked(form) for form in forms]
        with self._store.write() as tx:
            tx.claim(call, now)
            return [self._recorded(tx, call.caller, form, now).receipt() for form in checked]

    def issue(self, call: Call, numbers: Sequence[str]) -> list[IssuedTokens]:
        """Give all tokens of complete consents: those issued before, or new ones where it is time.

        Raises:
            Refused: REPLAYED, CONSENT_UNKNOWN, SIGNATURE_MISSING, CONSENT_REVOKED,
                CONSENT_SUSPENDED, CONSENT_EXPIRED, POLICY_NOT_ANSWERED or POLICY_VERSION.
            PeerFault: OVERSIZE when the answer would not fit one message.
            Unavailable: LOG_UNAVAILABLE or EPOCH_KEY_MISSING.
        """
        now = self._clock.now()
        self._party.policy.check_current(now)
        with self._store.write() as tx:
            tx.claim(call, now)
            found = [tx.own(call.caller, number) for number in numbers]
            for consent in found:
                consent.check_complete()
            estimate = sum(map(_estimate, found))
            if estimate > REPLY_BYTES and len(found) > 1:
                raise PeerFault("OVERSIZE", limit=REPLY_BYTES, size=estimate)
            rules, ports = self._rules, self._ports(tx)
            terms = self._terms(call, now, rules)
            return [self._tokens(tx, consent, rules, terms, ports) for consent in found]

    def recheck(self, call: Call, objections: Sequence[Objection]) -> list[IssuedTokens]:
        """Record signed objections; give one-use tokens for each, again if they were given before.

        Raises:
            Refused: REPLAYED, CONSENT_UNKNOWN, CONSENT_NOT_GRANTED, RECHECK_EXHAUSTED,
                EVIDENCE_REUSED, or as ``issue``.
            PeerFault: CONSENT_FORM_INVALID when it is about nobody on the consent.
            Unavailable: LOG_UNAVAILABLE or EPOCH_KEY_MISSING.
        """
        now = self._clock.now()
        self._party.policy.check_current(now)
        with self._store.write() as tx:
            tx.claim(call, now)
            ports, terms = self._ports(tx), self._terms(call, now, self._rules)
            return [self._rechecked(tx, one, call.caller, terms, ports) for one in objections]

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
            tx.claim(call, now)
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

    @property
    def _rules(self) -> Rules:
        """The documents in force now: they are exchanged while the registrar runs."""
        now = self._party.papers.documents
        return Rules(manifest=now.manifest, policy=now.policy, catalogue=self._catalogue)

    def _checked(self, form: ConsentForm) -> ConsentForm:
        form = consents.canonical(form)
        self._rules.check(form)
        return form

    def _recorded(self, tx: Transaction, caller: str, form: ConsentForm, now: int) -> Consent:
        known = tx.by_reference(caller, form.reference)
        if known is None:
            tokens.expiry(form.not_after, now)
            number = tx.next_number(f"{business_date(now):%Y%m%d}")
            if form.renews:
                consent = consents.renewal(number, form, tx.own(caller, form.renews))
                tx.add(consent, now)
                return consent
            consent = consents.first(number, caller, form, now)
        else:
            consent = consents.again(known, form, now)
        if consent != known:
            elsewhere = partial(tx.elsewhere, consent_no=consent.consent_no)
            consents.check_papers(consent, known, elsewhere)
            tx.sign(consent, now) if known else tx.add(consent, now)
        return consent

    def _tokens(
        self, tx: Transaction, consent: Consent, rules: Rules, terms: Terms, ports: Ports
    ) -> IssuedTokens:
        """Give the newest round, or make the first, or the next: only where it would end later.

        That is so once a new epoch has begun, and in every epoch once. The tokens before run on to
        their end, 31 days at most: uses count along the chain, so that two give no more than one,
        and departments have the time to enrol. A new key of the coordinator gets its own round.
        """
        number, end = consent.consent_no, tokens.expiry(consent.form.not_after, terms.now)
        held = tx.issued.newest(number)
        if held and held.expires >= end and held.holder == terms.holder:
            return IssuedTokens(consent_no=number, tokens=held.tokens)
        form = rules.narrowed(consent.form)
        before = Before(
            chains=tx.issued.chains(consent.origin),
            reference=partial(tx.issued.reference, consent.origin),
        )
        made = list(tokens.issue(form, terms, ports, before))
        tx.issued.add(number, made, terms.now, number=held.number + 1 if held else 1)
        given = tuple(
            IssuedToken(person=one.person, department=one.department, token=one.token)
            for one in made
        )
        return IssuedTokens(consent_no=number, tokens=given)

    def _rechecked(
        self, tx: Transaction, one: Objection, caller: str, terms: Terms, ports: Ports
    ) -> IssuedTokens:
        consent = tx.own(caller, one.consent_no)
        consent.check_complete()
        year = epoch_of(terms.now)
        known = objections.check(one, consent, partial(tx.issued.objection, year=year))
        if known is None:
            if tx.elsewhere(one.evidence, ""):
                raise Refused("EVIDENCE_REUSED")
            form = self._rules.narrowed(objections.disputed(one, consent, self._catalogue))
            made = list(tokens.recheck(form, one, terms, ports))
            known = tx.issued.add_objection(one, year, terms.now)
            tx.issued.add(consent.consent_no, made, terms.now, objection=known)
        given = tx.issued.of_objection(known)
        return IssuedTokens(consent_no=consent.consent_no, tokens=given)

    def _terms(self, call: Call, now: int, rules: Rules) -> Terms:
        return Terms(
            issuer=self._party.id,
            holder=call.key,
            policy=rules.policy,
            groups=rules.manifest.groups,
            now=now,
        )

    def _ports(self, tx: Transaction) -> Ports:
        return Ports(
            catalogue=self._catalogue,
            key=self._party.key,
            pseudonym=self._keys.of,
            draw_entry=partial(tx.entries.draw, random=os.urandom),
            random=os.urandom,
        )


def _estimate(consent: Consent) -> int:
    form = consent.form
    pairs = {(grant.person, grant.department) for grant in form.grants}
    grant = GRANT_ESTIMATE + ARGUMENT_ESTIMATE
    return len(pairs) * TOKEN_ESTIMATE + len(form.grants) * grant
