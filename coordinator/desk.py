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
from federation.errors import BadInput, Refused

FORMS: Final = 500
"""Cases whose consents are settled, and durable, before the next are begun."""
DAY: Final = 86_400


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
    """What a run brought, in questions; ``not_ready`` are cases that nobody was asked about."""

    answered: int
    refused: int
    silent: int
    not_ready: tuple[Standing, ...]


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
            BadInput: CASE_UNKNOWN, or PLAN_EMPTY when there is nobody to ask.
            Refused: what the registrar says of a form; all other cases have gone on.
            PeerFault, Unavailable: as the call fails; call again to go on.
        """
        refused: list[Refused] = []
        for start in range(0, len(case_ids), FORMS):
            refused += self._consent(self._store.cases(case_ids[start : start + FORMS]))
        if refused:
            raise refused[0]
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
            sums["refused"] += event.refused
            if event.state is State.SILENT or event.code:
                sums["silent"] += event.questions
            elif event.state is not State.WAITING:
                sums["answered"] += event.questions - event.refused
            progress(event)

        self._conductor.run(ready, count, group=group, again=again)
        return Ran(
            answered=sums["answered"],
            refused=sums["refused"],
            silent=sums["silent"],
            not_ready=tuple(one for one in standing if one.stage is not ConsentStage.READY),
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

    def _consent(self, filed: Sequence[FiledCase]) -> list[Refused]:
        ids = [one.id for one in filed]
        before = self._store.consents(ids)
        self._file([one for one in filed if one.id not in before])
        asks = self._store.asks(ids)
        known = self._store.consents(ids)
        open_stages = {ConsentStage.FILED, ConsentStage.BLOCKED}
        waiting = [one for one in filed if known[one.id].stage in open_stages]
        uses = self._terms.max_uses
        forms = [consents.form(one.case, asks[one.id], known[one.id], uses) for one in waiting]
        receipts = self._receipts(forms) if forms else []
        said = [
            consents.after(known[one.id], receipt, one.case, asks[one.id])
            for one, receipt in zip(waiting, receipts, strict=True)
            if not isinstance(receipt, Refused)
        ]
        self._store.update_consents(said)
        known |= {one.case_id: one for one in said}
        recorded = [one for one in filed if known[one.id].stage is ConsentStage.RECORDED]
        if recorded:
            self._fetch(recorded, known)
        return [receipt for receipt in receipts if isinstance(receipt, Refused)]

    def _receipts(self, forms: Sequence[ConsentForm]) -> list[ConsentReceipt | Refused]:
        """Have forms recorded together; where one is refused, each by itself."""
        try:
            return list(self._registrar.record(forms))
        except Refused as refused:
            if len(forms) == 1:
                return [refused]
        return [receipt for form in forms for receipt in self._receipts([form])]

    def _file(self, fresh: Sequence[FiledCase]) -> None:
        asks = []
        for filed in fresh:
            mine = self._plan(filed).asks
            if not mine:
                raise BadInput("PLAN_EMPTY", case=filed.id)
            asks += [(filed.id, ask) for ask in mine]
        if fresh:
            not_after = self._clock.now() + self._terms.days * DAY
            self._store.file_consents(
                [
                    FiledConsent(
                        case_id=one.id, reference=self._terms.random(16), not_after=not_after
                    )
                    for one in fresh
                ],
                asks,
            )

    def _fetch(self, recorded: Sequence[FiledCase], known: dict[str, FiledConsent]) -> None:
        issued = self._registrar.tokens([known[one.id].consent_no for one in recorded])
        asks = self._store.asks([one.id for one in recorded])
        tokens = [
            token
            for filed, mine in zip(recorded, issued, strict=True)
            for token in consents.tokens_of(filed, asks[filed.id], mine, self._terms.issuers)
        ]
        self._store.keep_tokens([consents.ready(known[one.id]) for one in recorded], tokens)


def _standing(filed: FiledCase, consent: FiledConsent | None, numbers: tuple[int, int]) -> Standing:
    asked, answered = numbers
    return Standing(
        filed=filed,
        stage=consent.stage if consent else ConsentStage.DRAFT,
        missing=consent.missing if consent else (),
        asked=asked,
        answered=answered,
    )
