"""The coordinator's desk: one call for each thing that somebody at the centre does.

Composes cases, consents, questions and findings. Does not know a command line, a screen or how its
ports were made (``opening`` does). What a call returns from has happened and is on the disk.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from coordinator.asking.conductor import Conductor, Event, Progress, State
from coordinator.asking.planner import Plan, Surroundings, plan
from coordinator.asking.questions import Told
from coordinator.asking.record import Record
from coordinator.casework import cases, consents
from coordinator.casework.cases import Case, Reading
from coordinator.casework.filed import ConsentStage, FiledCase, FiledConsent
from coordinator.findings.assess import assess
from coordinator.findings.leaving import Leaving, leaving
from coordinator.findings.report import Report, make
from coordinator.store import Store
from crypto.keys import VerifyKey
from federation.clock import Clock, business_date
from federation.consenting import ConsentForm, ConsentReceipt, IssuedTokens
from federation.errors import BadInput, HeduiError, PeerFault, Refused

FORMS: Final = 500
"""Cases whose consents are settled, and durable, before the next are begun."""
DAY: Final = 86_400
_OF_ONE_FORM: Final = "CONSENT_FORM_INVALID"
"""What the registrar calls one form's own fault; every other fault concerns the whole call."""


class Registrar(Protocol):
    """Whoever records consents and issues tokens."""

    def record(self, forms: Sequence[ConsentForm]) -> list[ConsentReceipt]:
        """Record forms, or add signatures."""
        ...

    def tokens(self, consent_nos: Sequence[str]) -> list[IssuedTokens]:
        """Issue the tokens of complete consents."""
        ...

    def revoke(self, consent_nos: Sequence[str]) -> list[ConsentReceipt]:
        """Revoke consents for good."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentTerms:
    """How long a consent lasts, how often each question may be put, and who signs tokens.

    ``random`` draws references and salts.
    """

    days: int
    max_uses: int
    issuers: dict[str, VerifyKey] = field(repr=False)
    random: Callable[[int], bytes] = os.urandom


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Where cases and questions lie."""

    store: Store
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A case and how far it has come; ``missing`` are places of people who have yet to sign."""

    filed: FiledCase
    stage: ConsentStage
    missing: tuple[int, ...] = ()
    asked: int = 0
    answered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a run brought, in questions; ``not_ready`` are cases that nobody was asked about.

    ``failed`` of the refused ones were in requests that were refused, or answered wrongly, as a
    whole: they are still open.
    """

    answered: int
    refused: int
    silent: int
    not_ready: tuple[Standing, ...]
    failed: int = 0


class Desk:
    """Everything the centre does with its cases."""

    def __init__(
        self,
        books: Books,
        registrar: Registrar,
        conductor: Conductor,
        around: Surroundings,
        terms: ConsentTerms,
        clock: Clock,
    ) -> None:
        self._store = books.store
        self._record = books.record
        self._registrar = registrar
        self._conductor = conductor
        self.around = around
        self._terms = terms
        self._clock = clock

    def read(self, data: bytes, plan_id: str = "") -> Reading:
        """Read and check a case file, its programme and its plan.

        Raises:
            BadInput: as ``cases.read``; PROGRAMME_UNKNOWN or PLAN_UNKNOWN.
        """
        today = business_date(self._clock.now())
        reading = cases.read(data, today)
        plan(reading.case, plan_id, self.around, today)
        return reading

    def new(self, opened: Sequence[Case], plan_id: str = "") -> list[str]:
        """Open checked cases and give their numbers; all or none."""
        now = self._clock.now()
        pairs = [(case, plan_id) for case in opened]
        return self._store.add(pairs, now, business_date(now).year, self._terms.random)

    def sign(self, case_id: str, later: Case) -> None:
        """Take over evidence that was missing, from a case file of the same people.

        Raises:
            BadInput: CASE_UNKNOWN, or CASE_CHANGED when the people are not the same.
        """
        (filed,) = self._store.cases([case_id])
        before = [(p.id, p.role) for p in filed.case.persons]
        if before != [(p.id, p.role) for p in later.persons]:
            raise BadInput("CASE_CHANGED", case=case_id)
        evidence = {
            place: person.signature
            for place, person in enumerate(later.persons)
            if person.signature.evidence
        }
        self._store.sign(case_id, evidence)

    def consent(self, case_ids: Sequence[str]) -> list[Standing]:
        """File consents with the registrar and fetch the tokens of those that are complete.

        Raises:
            BadInput: CASE_UNKNOWN; PLAN_EMPTY when there is nobody to ask, and as below.
            Refused: what the registrar says of a form or consent; all other cases have gone on.
            PeerFault: CONSENT_FORM_INVALID, likewise.
            PeerFault, Unavailable: as the call fails; call again to go on.
        """
        stuck: list[HeduiError] = []
        for start in range(0, len(case_ids), FORMS):
            stuck += self._consent(self._store.cases(case_ids[start : start + FORMS]))
        if stuck:
            raise stuck[0]
        return self.standing(case_ids)

    def plan(self, case_id: str) -> Plan:
        """Plan a case as of the day it was opened.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        (filed,) = self._store.cases([case_id])
        return self._plan(filed)

    def run(
        self,
        case_ids: Sequence[str],
        progress: Progress = lambda _: None,
        *,
        group: int = 1,
        again: bool = False,
    ) -> Ran:
        """Ask what these cases have open at all departments; ``again``: everything once more.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        standing = self.standing(case_ids)
        ready = [one.filed.id for one in standing if one.stage is ConsentStage.READY]
        sums: Counter[str] = Counter()

        def count(event: Event) -> None:
            if event.state is State.SILENT:
                sums["silent"] += event.questions
            elif event.code:
                sums["refused"] += event.questions
                sums["failed"] += event.questions
            elif event.state is not State.WAITING:
                sums["refused"] += event.refused
                sums["answered"] += event.questions - event.refused
            progress(event)

        self._conductor.run(ready, count, group=group, again=again)
        return Ran(
            answered=sums["answered"],
            refused=sums["refused"],
            silent=sums["silent"],
            not_ready=tuple(one for one in standing if one.stage is not ConsentStage.READY),
            failed=sums["failed"],
        )

    def show(self, case_id: str) -> Report:
        """Make a household's report of what is known now.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        (filed,) = self._store.cases([case_id])
        told = self._record.told([case_id])[case_id]
        rows = assess(filed.case, filed.plan, self._plan(filed), told, self.around)
        consent = self._store.consents([case_id]).get(case_id)
        took = max((one.millis for one in told), default=0)
        return make(filed, consent, rows, self._clock.now(), took)

    def told(self, case_ids: Sequence[str]) -> dict[str, list[Told]]:
        """Give every question of these cases with its newest answer, or why there is none."""
        return self._record.told(case_ids)

    def leaving(self, case_ids: Sequence[str]) -> list[Leaving]:
        """Count what left each department for these cases, looking for their ids and names.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        people = [p for filed in self._store.cases(case_ids) for p in filed.case.persons]
        ids = {p.id for p in people} | {p.signature.signer for p in people} - {""}
        found = leaving(self._record.exchanges(case_ids), ids, {p.name for p in people})
        order = list(self.around.manifest.parties)
        return sorted(found, key=lambda row: order.index(row.department))

    def revoke(self, case_id: str) -> Standing:
        """Revoke a case's consent; nothing more is asked from then on.

        Raises:
            BadInput: CASE_UNKNOWN, or CONSENT_NOT_FILED.
            Refused, PeerFault, Unavailable: as the registrar says; asking has stopped all the same.
        """
        (standing,) = self.standing([case_id])
        consent = self._store.consents([case_id]).get(case_id)
        if consent is None or not consent.consent_no:
            raise BadInput("CONSENT_NOT_FILED", case=case_id)
        self._store.update_consents([consents.revoked(consent)])
        self._registrar.revoke([consent.consent_no])
        return Standing(filed=standing.filed, stage=ConsentStage.REVOKED)

    def case_ids(self) -> list[str]:
        """List all cases in the order they were opened."""
        return self._store.case_ids()

    def standing(self, case_ids: Sequence[str]) -> list[Standing]:
        """Say how far cases have come.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        known = self._store.consents(case_ids)
        numbers = self._record.counts(case_ids)
        return [
            _standing(filed, known.get(filed.id), numbers.get(filed.id, (0, 0)))
            for filed in self._store.cases(case_ids)
        ]

    def _plan(self, filed: FiledCase) -> Plan:
        return plan(filed.case, filed.plan, self.around, business_date(filed.opened))

    def _consent(self, filed: Sequence[FiledCase]) -> list[HeduiError]:
        """Take cases as far as they go; give why some of them stay behind."""
        before = self._store.consents([one.id for one in filed])
        stuck = self._file([one for one in filed if one.id not in before])
        known = self._store.consents([one.id for one in filed])
        filed = [one for one in filed if one.id in known]
        asks = self._store.asks([one.id for one in filed])
        open_stages = {ConsentStage.FILED, ConsentStage.BLOCKED}
        waiting = [one for one in filed if known[one.id].stage in open_stages]
        uses = self._terms.max_uses
        forms = [consents.form(one.case, asks[one.id], known[one.id], uses) for one in waiting]
        receipts = _receipts(self._registrar, forms) if forms else []
        said = [
            consents.after(known[one.id], receipt, one.case, asks[one.id])
            for one, receipt in zip(waiting, receipts, strict=True)
            if isinstance(receipt, ConsentReceipt)
        ]
        self._store.update_consents(said)
        known |= {one.case_id: one for one in said}
        recorded = [one for one in filed if known[one.id].stage is ConsentStage.RECORDED]
        stuck += [receipt for receipt in receipts if not isinstance(receipt, ConsentReceipt)]
        return stuck + (self._fetch(recorded, known) if recorded else [])

    def _file(self, fresh: Sequence[FiledCase]) -> list[HeduiError]:
        """Fix references and questions of new consents; give the cases that nobody can answer."""
        planned = {one.id: self._plan(one).asks for one in fresh}
        asked = [case_id for case_id, asks in planned.items() if asks]
        if asked:
            not_after = self._clock.now() + self._terms.days * DAY
            self._store.file_consents(
                [
                    FiledConsent(
                        case_id=case_id, reference=self._terms.random(16), not_after=not_after
                    )
                    for case_id in asked
                ],
                [(case_id, ask) for case_id in asked for ask in planned[case_id]],
            )
        return [BadInput("PLAN_EMPTY", case=case_id) for case_id in planned if not planned[case_id]]

    def _fetch(
        self, recorded: Sequence[FiledCase], known: dict[str, FiledConsent]
    ) -> list[HeduiError]:
        """Keep the tokens of recorded consents; give why some cannot be had."""
        found = _issued(self._registrar, [known[one.id].consent_no for one in recorded])
        asks = self._store.asks([one.id for one in recorded])
        pairs = list(zip(recorded, found, strict=True))
        ended = [one for one, why in pairs if _is_revoked(why)]
        self._store.update_consents([consents.revoked(known[one.id]) for one in ended])
        issued = [(one, mine) for one, mine in pairs if isinstance(mine, IssuedTokens)]
        tokens = [
            token
            for filed, mine in issued
            for token in consents.tokens_of(filed, asks[filed.id], mine, self._terms.issuers)
        ]
        if issued:
            self._store.keep_tokens([consents.ready(known[one.id]) for one, _ in issued], tokens)
        return [why for why in found if isinstance(why, Refused) and not _is_revoked(why)]


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


def _is_revoked(found: IssuedTokens | Refused) -> bool:
    return isinstance(found, Refused) and found.code == "CONSENT_REVOKED"


def _standing(filed: FiledCase, consent: FiledConsent | None, numbers: tuple[int, int]) -> Standing:
    asked, answered = numbers
    return Standing(
        filed=filed,
        stage=consent.stage if consent else ConsentStage.DRAFT,
        missing=consent.missing if consent else (),
        asked=asked,
        answered=answered,
    )
