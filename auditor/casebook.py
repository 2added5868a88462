"""A coordinator's cases as its log tells them: commission, operator, consents, and what they open.

Knows the reference by which a question names its case (protocol §4). Does not know requests.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field

from auditor.findings import Finding, Place, found
from auditor.registry import Change
from federation import bundle, limits
from federation.log.coordinator_events import (
    CaseClosed,
    CaseConsented,
    CaseEnded,
    CaseMoved,
    CaseOpened,
    CaseResumed,
    CaseSuspended,
    Steps,
)
from federation.log.kinds import Happened
from federation.status import Status

_STATES: dict[type, Status] = {
    CaseSuspended: Status.SUSPENDED,
    CaseResumed: Status.VALID,
    CaseEnded: Status.INVALID,
}


@dataclass(slots=True, kw_only=True)
class Case:
    """A case; ``consents`` are the rows in which each of its consents was noted.

    ``counts`` are the digests of the departments' signed counts by which it was ``closed``;
    ``steps`` of its life are in order.
    """

    row: int
    at: int
    event: CaseOpened
    consents: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    closed: int | None = None
    closed_at: int = 0
    counts: tuple[bytes, ...] = ()
    steps: list[str] = field(default_factory=list)

    @property
    def ended(self) -> Change | None:
        """When its consent ended, if it did."""
        return next((one for one in self.changes if one.state is Status.INVALID), None)

    def resting(self, row: int, at: int) -> Change | None:
        """Tell since when nothing may be asked for it in a row of a time; None where it may.

        Clocks, and what was on its way, are given the usual two minutes.
        """
        before = [one for one in self.changes if one.row < row]
        last = before[-1] if before else None
        if last is None or last.state is Status.VALID or at <= last.at + limits.SKEW:
            return None
        return last


class Casebook:
    """The cases of one coordinator, as far as its log was read."""

    def __init__(self, party: str) -> None:
        self.party = party
        self.cases: dict[str, Case] = {}
        self.of_consent: dict[str, str] = {}
        self._references: dict[tuple[str, str], bytes] = {}
        self._named: dict[str, dict[bytes, str]] = {}
        self._indexed: dict[str, int] = {}

    def take(self, row: int, happened: Happened) -> Iterator[Finding]:
        """Take an event of the log; give what is wrong with it."""
        at, event = happened
        place = Place(self.party, row)
        if isinstance(event, CaseOpened):
            yield from self._opened(place, row, at, event)
        elif isinstance(
            event, CaseConsented | CaseSuspended | CaseResumed | CaseEnded | CaseClosed | CaseMoved
        ):
            case = self.cases.get(event.case)
            if case is None:
                yield found("CASE_UNLOGGED", place, case=event.case)
                return
            if isinstance(event, CaseConsented):
                yield from self._consented(place, row, event)
            elif isinstance(event, CaseClosed):
                case.closed, case.closed_at, case.counts = row, at, event.counts
            elif isinstance(event, CaseMoved):
                yield from _moved(place, case, event)
            else:
                case.changes.append(Change(row, at, _STATES[type(event)]))

    def reference(self, case: str, department: str) -> bytes:
        """Give the reference by which a department is told of a case."""
        known = self._references.get((case, department))
        if known is None:
            event = self.cases[case].event
            salt = hmac.digest(event.opening, department.encode(), "sha256")
            known = bundle.case_reference(salt, event.case, event.commission, event.operator)
            self._references[case, department] = known
        return known

    def named(self, reference: bytes, department: str, consent_no: str = "") -> str:
        """Find the case that a reference at a department names; its consent's is tried first."""
        likely = self.of_consent.get(consent_no, "")
        if likely and self.reference(likely, department) == reference:
            return likely
        known = self._named.setdefault(department, {})
        fresh = list(self.cases)[self._indexed.get(department, 0) :]
        known.update((self.reference(case, department), case) for case in fresh)
        self._indexed[department] = len(self.cases)
        return known.get(reference, "")

    def _opened(self, place: Place, row: int, at: int, event: CaseOpened) -> Iterator[Finding]:
        if event.case in self.cases:
            yield found("CASE_OTHER", place, case=event.case, why="opened twice")
            return
        if not event.commission or not event.operator:
            yield found("CASE_UNCOMMISSIONED", place, case=event.case)
        self.cases[event.case] = Case(row=row, at=at, event=event)

    def _consented(self, place: Place, row: int, event: CaseConsented) -> Iterator[Finding]:
        owner = self.of_consent.setdefault(event.consent_no, event.case)
        if owner != event.case:
            told = {"case": event.case, "consent": event.consent_no}
            yield found("CASE_OTHER", place, **told, why=owner)
        self.cases[event.case].consents[event.consent_no] = row


def _moved(place: Place, case: Case, event: CaseMoved) -> Iterator[Finding]:
    """Take a step of a case's life; give what no practice allows."""
    told = {"case": event.case, "step": event.event}
    if event.event in Steps.DECISIONS:
        if Steps.REPORT not in case.steps:
            yield found("CASE_DECIDED_UNVERIFIED", place, **told)
        if not event.operator or not event.reasons:
            yield found("CASE_DECIDED_UNREASONED", place, **told)
    if event.event == Steps.RECONFIRM and Steps.RECONFIRM in case.steps:
        yield found("CASE_RECONFIRMED_TWICE", place, **told)
    case.steps.append(event.event)
