"""The coordinator's desk: one call for each thing that somebody at the centre does.

Composes cases, consents, questions and findings. Does not know a command line, a screen or how its
ports were made (``opening`` does). What a call returns from has happened and is on the disk.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

from coordinator.asking.conductor import Conductor, Progress
from coordinator.asking.counting import counting
from coordinator.asking.planner import Plan, Surroundings, plan
from coordinator.asking.questions import Ask, Told
from coordinator.asking.record import Record
from coordinator.asking.sum_record import SumRecord
from coordinator.asking.sums import SumConductor
from coordinator.casework import cases, lifecycle
from coordinator.casework.cases import Case, Reading
from coordinator.casework.filed import ConsentStage, FiledCase, FiledConsent
from coordinator.consent_desk import ConsentDesk, ConsentTerms, Registrar
from coordinator.findings.assess import Row, Status
from coordinator.findings.leaving import Leaving, leaving
from coordinator.findings.report import Report
from coordinator.life_book import LifeBook, over
from coordinator.people.gate import Gate
from coordinator.reporting import Reporting
from coordinator.store import Store
from federation import verdict
from federation.clock import Clock, business_date
from federation.errors import BadInput
from federation.exchange import Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Where cases, their lives and their questions lie."""

    store: Store
    life: LifeBook
    record: Record
    sums: SumRecord
    gate: Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Conductors:
    """Who asks: single departments, and several together after them."""

    questions: Conductor
    sums: SumConductor


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A case and how far it has come; ``missing`` are places of people who have yet to sign.

    ``post_facto``: aid was granted before it was verified.
    """

    filed: FiledCase
    stage: ConsentStage
    missing: tuple[int, ...] = ()
    asked: int = 0
    answered: int = 0
    state: lifecycle.State = lifecycle.State.DRAFT
    post_facto: bool = False

    @property
    def ready(self) -> bool:
        """Tell whether it may be asked about: consented, and not waiting for its commission."""
        return self.stage is ConsentStage.READY and self.state is not lifecycle.State.ACCEPTED


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """What somebody objects to: the answers to one question about one person (by place)."""

    place: int
    predicate: str
    parameter: str | None = None

    def fits(self, row: Row) -> bool:
        """Tell whether a report's line is one of them; without a parameter, whatever it was."""
        same = (row.person, row.predicate, row.joint) == (self.place, self.predicate, False)
        return (
            same and self.parameter in {None, row.parameter} and row.status is not Status.NOT_ASKED
        )

    def asks(self, case_id: str, rows: Sequence[Row]) -> list[Ask]:
        """Give the one question behind a report's lines, department by department.

        Raises:
            BadInput: NOTHING_TO_RECHECK.
        """
        if len({row.parameter for row in rows}) != 1 or not any(row.answer for row in rows):
            raise BadInput("NOTHING_TO_RECHECK", case=case_id)
        return [
            Ask(
                person=self.place,
                department=row.department,
                predicate=row.predicate,
                parameter=row.parameter,
            )
            for row in rows
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecked:
    """What a report said of a question before it was put once more, and after, line by line."""

    before: tuple[Row, ...]
    after: tuple[Row, ...]
    ran: Ran


class Desk:
    """Everything the centre does with its cases."""

    def __init__(
        self,
        books: Books,
        registrar: Registrar,
        conductors: Conductors,
        around: Surroundings,
        terms: ConsentTerms,
        clock: Clock,
    ) -> None:
        self._store = books.store
        self._life = books.life
        self._record = books.record
        self._sums = books.sums
        self.gate = books.gate
        self._consents = ConsentDesk(books.store, registrar, around, terms, clock)
        self._reporting = Reporting(
            store=books.store, record=books.record, sums=books.sums, around=around, clock=clock
        )
        self._conductors = conductors
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
            BadInput, Refused, PeerFault, Unavailable: as ``ConsentDesk.file``.
        """
        lives = self._life.lives(case_ids)
        self._consents.file([one for one in case_ids if not over(lives[one])])
        self._life.consented(self._store.consents(case_ids), self._clock.now())
        return self.standing(case_ids)

    def plan(self, case_id: str) -> Plan:
        """Plan a case as of the day it was opened.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        (filed,) = self._store.cases([case_id])
        return plan(filed.case, filed.plan, self.around, business_date(filed.opened))

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
            Unavailable: as ``Conductor.run``.
        """
        self._consents.confirm(case_ids)
        self._consents.renew_tokens(case_ids)
        standing = self.standing(case_ids)
        ready = [one.filed.id for one in standing if one.ready]
        self._life.asked(ready, self._clock.now(), again=again)
        counts: Counter[str] = Counter()
        count = counting(counts, progress)
        self._conductors.questions.run(ready, count, group=group, again=again)
        self._consents.confirm(ready)
        summed = self._conductors.sums.run(ready, progress, again=again)
        if summed.refused or summed.open:
            self._consents.confirm(ready)
        return Ran(
            answered=counts["answered"] + summed.told,
            refused=counts["refused"] + summed.refused,
            silent=counts["silent"] + summed.open,
            not_ready=tuple(one for one in standing if not one.ready),
            failed=counts["failed"],
        )

    def show(self, case_id: str) -> Report:
        """Make a household's report of what is known now, and note that it was made.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        (report,) = self.reports([case_id])
        self._life.reported(case_id, self._clock.now())
        return report

    def reports(self, case_ids: Sequence[str]) -> list[Report]:
        """Make reports of what is known now, and note nothing: for counting and comparing.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        return self._reporting.reports(case_ids)

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
        travelled = chain(self._record.exchanges(case_ids), self._sums.exchanges(case_ids))
        found = leaving(travelled, ids, {p.name for p in people})
        order = list(self.around.manifest.parties)
        return sorted(found, key=lambda row: order.index(row.department))

    def revoke(self, case_id: str) -> Standing:
        """Revoke a case's consent; nothing more is asked from then on.

        Raises:
            BadInput, Refused, PeerFault, Unavailable: as ``ConsentDesk.revoke``.
        """
        self._consents.revoke(case_id)
        return self._one(case_id)

    def suspend(self, case_id: str) -> Standing:
        """Let a case's consent rest; nothing is asked until it is resumed.

        Raises:
            BadInput, Refused, PeerFault, Unavailable: as ``ConsentDesk.suspend``.
        """
        self._consents.suspend(case_id)
        return self._one(case_id)

    def resume(self, case_id: str) -> Standing:
        """Lift the centre's own suspension of a case's consent.

        Raises:
            BadInput, Refused, PeerFault, Unavailable: as ``ConsentDesk.resume``.
        """
        self._consents.resume(case_id)
        return self._one(case_id)

    def change_household(self, case_id: str) -> list[Standing]:
        """End the consents of all cases of a household that has changed.

        Raises:
            BadInput, Refused, PeerFault, Unavailable: as ``ConsentDesk.change_household``.
        """
        return self.standing(self._consents.change_household(case_id))

    def renew(self, case_id: str, purpose: Purpose, by: str = "") -> Standing:
        """Open a case of the same people while aid is in force, by the signatures of before.

        Raises:
            BadInput: CASE_UNKNOWN, CONSENT_NOT_FILED, or PLAN_EMPTY when nothing that was consented
                to is asked for this purpose.
        """
        (before,) = self._store.cases([case_id])
        case = replace(before.case, purpose=purpose, operator=by or before.case.operator)
        (number,) = self.new([case], before.plan)
        self._consents.renew_consent(case_id, number)
        return self._one(number)

    def recheck(
        self, case_id: str, question: Disputed, evidence: bytes, progress: Progress = lambda _: None
    ) -> Rechecked:
        """Put a question once more to all its departments, on a signed objection.

        Raises:
            BadInput: CASE_UNKNOWN, CONSENT_NOT_FILED, or NOTHING_TO_RECHECK when no department has
                answered such a question.
            Refused, PeerFault, Unavailable: as the registrar says; call again to go on.
        """
        before = self._disputed(case_id, question)
        self._consents.recheck(case_id, question.asks(case_id, before), evidence)
        ran = self.run([case_id], progress)
        self._life.rechecked(case_id, evidence, self._clock.now())
        return Rechecked(before=before, after=self._disputed(case_id, question), ran=ran)

    def retry(self, case_id: str, document: bytes) -> None:
        """Open the second attempt at an aborted sum, by an auditor's signed verdict.

        Raises:
            BadInput: CASE_UNKNOWN.
            PeerFault: VERDICT_INVALID.
            Refused: SUM_ATTEMPT or SUM_GROUP.
        """
        self._store.cases([case_id])
        said = verdict.read(document, self.around.manifest)
        self._conductors.sums.retry(case_id, said, document)

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
        lives = self._life.lives(case_ids)
        return [
            _standing(one, known.get(one.id), numbers.get(one.id, (0, 0)), lives[one.id])
            for one in self._store.cases(case_ids)
        ]

    def _disputed(self, case_id: str, question: Disputed) -> tuple[Row, ...]:
        (report,) = self.reports([case_id])
        return tuple(filter(question.fits, report.rows))

    def _one(self, case_id: str) -> Standing:
        return self.standing([case_id])[0]


def _standing(
    filed: FiledCase, consent: FiledConsent | None, numbers: tuple[int, int], life: lifecycle.Life
) -> Standing:
    asked, answered = numbers
    return Standing(
        filed=filed,
        stage=consent.stage if consent else ConsentStage.DRAFT,
        missing=consent.missing if consent else (),
        asked=asked,
        answered=answered,
        state=life.state,
        post_facto=life.post_facto,
    )
