"""The part of the desk that deals with the registrar: consents, their tokens, and how they end.

Knows the order in which books and registrar are told, so that a crash between them loses nothing:
a consent is fixed before it is sent, and asking stops before the registrar hears why. Does not know
departments or answers.
"""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from coordinator.asking.planner import Surroundings, plan
from coordinator.asking.questions import Ask, Covered
from coordinator.casework import consents
from coordinator.casework.consents import Fetched
from coordinator.casework.filed import ConsentStage, FiledCase, FiledConsent
from coordinator.store import Store
from crypto.keys import VerifyKey
from federation.clock import Clock, business_date
from federation.consenting import ConsentForm, ConsentReceipt, IssuedTokens, Objection
from federation.errors import BadInput, HeduiError, PeerFault, Refused, Unavailable

log = logging.getLogger(__name__)

FORMS: Final = 500
"""Cases whose consents are settled, and durable, before the next are begun."""
DAY: Final = 86_400
RENEW_BEFORE: Final = 7 * DAY
"""How long before their end tokens are renewed, seconds: departments have enrolled by then."""
_OF_ONE_FORM: Final = "CONSENT_FORM_INVALID"
"""What the registrar calls one form's own fault; every other fault concerns the whole call."""
_TO_FETCH: Final = frozenset({ConsentStage.RECORDED, ConsentStage.SUSPENDED})


Order = Callable[[Sequence[str]], list[ConsentReceipt]]
"""Has something done with consents, by their numbers."""


class Registrar(Protocol):
    """Whoever records consents and issues tokens."""

    def record(self, forms: Sequence[ConsentForm]) -> list[ConsentReceipt]:
        """Record forms, or add signatures."""
        ...

    def tokens(self, consent_nos: Sequence[str]) -> list[IssuedTokens]:
        """Issue the tokens of complete consents, or renew them."""
        ...

    def revoke(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        """Revoke consents for good."""
        ...

    def suspend(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        """Suspend consents until they are resumed."""
        ...

    def resume(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        """Lift this coordinator's suspension."""
        ...

    def change_household(self, consent_no: str) -> tuple[str, ...]:
        """End all consents of a household; give their numbers."""
        ...

    def recheck(self, objection: Objection) -> IssuedTokens:
        """Record an objection; give its one-use tokens."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentTerms:
    """How long a consent lasts, how often each question may be put, who signs and who uses tokens.

    ``holder`` is this coordinator's raw signing key; ``random`` draws references and salts.
    """

    days: int
    max_uses: int
    issuers: dict[str, VerifyKey] = field(repr=False)
    holder: bytes = field(repr=False)
    random: Callable[[int], bytes] = os.urandom


class ConsentDesk:
    """Everything the centre does with consents."""

    def __init__(
        self,
        store: Store,
        registrar: Registrar,
        around: Surroundings,
        terms: ConsentTerms,
        clock: Clock,
    ) -> None:
        self._store = store
        self._registrar = registrar
        self._around = around
        self._terms = terms
        self._clock = clock

    def file(self, case_ids: Sequence[str]) -> None:
        """File consents with the registrar and fetch the tokens of those that are complete.

        Raises:
            BadInput: CASE_UNKNOWN; PLAN_EMPTY when there is nobody to ask.
            Refused: what the registrar says of a form or consent; all other cases have gone on.
            PeerFault: CONSENT_FORM_INVALID, likewise.
            PeerFault, Unavailable: as the call fails; call again to go on.
        """
        stuck: list[HeduiError] = []
        for start in range(0, len(case_ids), FORMS):
            stuck += self._take(self._store.cases(case_ids[start : start + FORMS]))
        if stuck:
            raise stuck[0]

    def renew_tokens(self, case_ids: Sequence[str]) -> None:
        """Ask for new tokens where the old ones end soon or are for a key of before.

        Where none can be had, a case is asked about as long as its tokens last, and then no more.
        """
        now, mine = self._clock.now(), self._terms.holder
        known = self._store.consents(case_ids)
        ready = [one for one in case_ids if _stage(known, one) is ConsentStage.READY]
        ending = self._store.ending(ready, now + RENEW_BEFORE, mine)
        if not ending:
            return
        self._try_to_fetch(ending, known)
        over = self._store.consents(self._store.ending(ending, now, mine)).values()
        self._set([one for one in over if one.stage is ConsentStage.READY], ConsentStage.RECORDED)

    def confirm(self, case_ids: Sequence[str]) -> None:
        """Ask the registrar about cases whose consent a department said has ended or rests.

        While the registrar is away they stay in doubt: not asked about, and confirmed next time.
        """
        known = self._store.consents(case_ids)
        doubted = [one for one in case_ids if _stage(known, one) is ConsentStage.RECORDED]
        if doubted:
            self._try_to_fetch(doubted, known)

    def revoke(self, case_id: str) -> None:
        """Revoke a case's consent; nothing more is asked from then on.

        Raises:
            BadInput: CASE_UNKNOWN, or CONSENT_NOT_FILED.
            Refused, PeerFault, Unavailable: as the registrar says; asking has stopped all the same.
        """
        consent = self._stop(case_id, ConsentStage.REVOKED)
        self._registrar.revoke([consent.consent_no])

    def suspend(self, case_id: str) -> None:
        """Suspend a case's consent; nothing is asked until it is resumed.

        Raises:
            BadInput: CASE_UNKNOWN, or CONSENT_NOT_FILED.
            Refused, PeerFault, Unavailable: as the registrar says; asking has stopped all the same.
        """
        consent = self._stop(case_id, ConsentStage.SUSPENDED)
        self._follow(consent, self._registrar.suspend)

    def resume(self, case_id: str) -> None:
        """Lift the centre's own suspension; what the registrar suspended stays so.

        Raises:
            BadInput: CASE_UNKNOWN, or CONSENT_NOT_FILED.
            Refused, PeerFault, Unavailable: as the registrar says.
        """
        consent = self._filed(case_id)
        self._follow(consent, self._registrar.resume)
        self.file([one.case_id for one in self._of_signature(consent)])

    def change_household(self, case_id: str) -> list[str]:
        """Report that a household has changed; give all cases whose consents have ended with it.

        Raises:
            BadInput: CASE_UNKNOWN, or CONSENT_NOT_FILED.
            Refused, PeerFault, Unavailable: as the registrar says; asking has stopped all the same.
        """
        consent = self._stop(case_id, ConsentStage.REVOKED)
        ended = self._store.by_signature(self._registrar.change_household(consent.consent_no))
        self._set(ended, ConsentStage.REVOKED)
        return [one.case_id for one in ended]

    def renew_consent(self, before: str, case_id: str) -> None:
        """Let a new case go by the signatures of the one before: for the same questions or fewer.

        Raises:
            BadInput: CONSENT_NOT_FILED; PLAN_EMPTY when the two have no question in common.
        """
        signed = self._filed(before)
        (filed,) = self._store.cases([case_id])
        covered = _planned(filed, self._around).both(self._store.covered([before])[before])
        if not covered:
            raise BadInput("PLAN_EMPTY", case=case_id)
        consent = FiledConsent(
            case_id=case_id,
            reference=self._terms.random(16),
            not_after=signed.not_after,
            renews=signed.renews or signed.consent_no,
        )
        self._store.declare_as(before, case_id)
        self._store.file_consents([consent], {case_id: covered})

    def recheck(self, case_id: str, disputed: Sequence[Ask], evidence: bytes) -> None:
        """Have a signed objection recorded, and keep the tokens with which it is asked again.

        Raises:
            BadInput: CONSENT_NOT_FILED.
            Refused, PeerFault, Unavailable: as the registrar says; call again to go on.
        """
        consent = self._filed(case_id)
        (filed,) = self._store.cases([case_id])
        first = disputed[0]
        places = consents.signers(filed.case, self._store.covered([case_id])[case_id])
        issued = self._registrar.recheck(
            Objection(
                consent_no=consent.consent_no,
                person=places.index(first.person),
                predicate=first.predicate,
                parameter=first.parameter,
                evidence=evidence,
            )
        )
        found = consents.rechecks_of(filed, disputed, issued, self._terms.issuers)
        self._store.file_rechecks(case_id, found, evidence, self._clock.now())

    def _take(self, filed: Sequence[FiledCase]) -> list[HeduiError]:
        """Take cases as far as they go; give why some of them stay behind."""
        before = self._store.consents([one.id for one in filed])
        stuck = self._fix([one for one in filed if one.id not in before])
        known = self._store.consents([one.id for one in filed])
        filed = [one for one in filed if one.id in known]
        covered = self._store.covered([one.id for one in filed])
        open_stages = {ConsentStage.FILED, ConsentStage.BLOCKED}
        waiting = [one for one in filed if known[one.id].stage in open_stages]
        uses = self._terms.max_uses
        forms = [consents.form(one, covered[one.id], known[one.id], uses) for one in waiting]
        receipts = _receipts(self._registrar, forms) if forms else []
        said = [
            consents.after(known[one.id], receipt, one.case, covered[one.id])
            for one, receipt in zip(waiting, receipts, strict=True)
            if isinstance(receipt, ConsentReceipt)
        ]
        self._store.update_consents(said, self._clock.now())
        known |= {one.case_id: one for one in said}
        recorded = [one for one in filed if known[one.id].stage in _TO_FETCH]
        stuck += [receipt for receipt in receipts if not isinstance(receipt, ConsentReceipt)]
        return stuck + (self._fetch(recorded, known) if recorded else [])

    def _fix(self, fresh: Sequence[FiledCase]) -> list[HeduiError]:
        """Fix references and questions of new consents; give the cases that nobody can answer."""
        planned = {one.id: _planned(one, self._around) for one in fresh}
        asked = [case_id for case_id, covered in planned.items() if covered]
        if asked:
            not_after = self._clock.now() + self._terms.days * DAY
            self._store.file_consents(
                [
                    FiledConsent(
                        case_id=case_id, reference=self._terms.random(16), not_after=not_after
                    )
                    for case_id in asked
                ],
                {case_id: planned[case_id] for case_id in asked},
            )
        return [BadInput("PLAN_EMPTY", case=case_id) for case_id in planned if not planned[case_id]]

    def _try_to_fetch(self, case_ids: Sequence[str], known: dict[str, FiledConsent]) -> None:
        try:
            for why in self._fetch(self._store.cases(case_ids), known):
                log.warning("tokens not renewed: %s", why.code)
        except (PeerFault, Unavailable) as error:
            log.warning("tokens not renewed: %s", error.code)

    def _fetch(
        self, recorded: Sequence[FiledCase], known: dict[str, FiledConsent]
    ) -> list[HeduiError]:
        """Keep the tokens of recorded consents; give why some cannot be had."""
        found = _issued(self._registrar, [known[one.id].consent_no for one in recorded])
        covered = self._store.covered([one.id for one in recorded])
        held = self._store.token_ids([one.id for one in recorded])
        stages: list[FiledConsent] = []
        kept: list[FiledConsent] = []
        fetched: list[Fetched] = []
        stuck: list[HeduiError] = []
        for one, mine in zip(recorded, found, strict=True):
            consent = known[one.id]
            if isinstance(mine, Refused):
                ended = consents.ENDED.get(mine.code)
                stages += [consents.at(consent, ended)] if ended else []
                stuck += [] if ended else [mine]
                continue
            tokens = consents.tokens_of(
                one, covered[one.id], mine, self._terms.issuers, renewed=bool(held[one.id])
            )
            ready = consents.at(consent, ConsentStage.READY)
            if {token.jti for token in tokens.tokens} == held[one.id]:
                stages.append(ready)
            else:
                kept.append(ready)
                fetched.append(tokens)
        self._store.update_consents(stages, self._clock.now())
        self._store.keep_tokens(kept, fetched, self._clock.now())
        return stuck

    def _filed(self, case_id: str) -> FiledConsent:
        self._store.cases([case_id])
        consent = self._store.consents([case_id]).get(case_id)
        if consent is None or not consent.consent_no:
            raise BadInput("CONSENT_NOT_FILED", case=case_id)
        return consent

    def _of_signature(self, consent: FiledConsent) -> list[FiledConsent]:
        """Find all that go by the same signatures: what ends or suspends one does so to all."""
        return self._store.by_signature([consent.renews or consent.consent_no])

    def _stop(self, case_id: str, stage: ConsentStage) -> FiledConsent:
        consent = self._filed(case_id)
        self._set(self._of_signature(consent), stage)
        return consent

    def _set(self, some: Sequence[FiledConsent], stage: ConsentStage) -> None:
        alive = [consents.at(one, stage) for one in some if one.stage is not ConsentStage.REVOKED]
        self._store.update_consents(alive, self._clock.now())

    def _follow(self, consent: FiledConsent, call: Order) -> None:
        """Do as the registrar says after a call, also where it says no."""
        try:
            (receipt,) = call([consent.consent_no])
        except Refused as refused:
            if refused.code in consents.ENDED:
                self._set(self._of_signature(consent), consents.ENDED[refused.code])
            raise
        self._set(self._of_signature(consent), consents.STAGES[receipt.state])


def _planned(filed: FiledCase, around: Surroundings) -> Covered:
    return plan(filed.case, filed.plan, around, business_date(filed.opened)).covered


def _stage(known: dict[str, FiledConsent], case_id: str) -> ConsentStage:
    return known[case_id].stage if case_id in known else ConsentStage.DRAFT


def _receipts(
    registrar: Registrar, forms: Sequence[ConsentForm]
) -> list[ConsentReceipt | HeduiError]:
    """Have forms recorded together; where one is refused, each by itself."""
    try:
        return list(registrar.record(forms))
    except (Refused, PeerFault) as error:
        if isinstance(error, PeerFault) and error.code != _OF_ONE_FORM:
            raise
        if len(forms) == 1:
            return [error]
    return [receipt for form in forms for receipt in _receipts(registrar, [form])]


def _issued(registrar: Registrar, numbers: Sequence[str]) -> list[IssuedTokens | Refused]:
    """Fetch tokens together; where one consent is refused, each by itself."""
    try:
        return list(registrar.tokens(numbers))
    except Refused as refused:
        if len(numbers) == 1:
            return [refused]
    return [issued for number in numbers for issued in _issued(registrar, [number])]
