"""The centre's office: issues reports, and prints the letters that people sign.

Knows the order of things: what is issued is kept first and printed from what is kept. Does not know
what stands on a paper or how it looks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path

from coordinator.asking.record import Settled
from coordinator.casework import cases
from coordinator.casework.cases import CasePerson, Signature
from coordinator.casework.filed import FiledConsent
from coordinator.casework.lifecycle import Event
from coordinator.desk import Books, Desk
from coordinator.documents import consent_forms, issues, page, report_paper, typesetting
from coordinator.documents.consent_forms import Form, Letter
from coordinator.documents.issues import LANGUAGES, Issue, Issues
from coordinator.documents.paper import Paper
from coordinator.documents.report_paper import Basis, Source
from coordinator.findings import report as reports
from coordinator.people.roles import Action
from federation import keyfile
from federation.clock import Clock, business_date
from federation.errors import BadInput
from federation.wire import codec


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Whose office it is (party id), and for how long, days, reports and consents are valid.

    ``report_days`` counts only where a programme's own file does not say it.
    """

    centre: str
    report_days: int
    consent_days: int


class Office:
    """Everything the centre puts on paper."""

    def __init__(
        self, desk: Desk, books: Books, register: Issues, terms: Terms, clock: Clock
    ) -> None:
        self.desk = desk
        self._books = books
        self._issues = register
        self._terms = terms
        self._clock = clock

    def issue(self, case_id: str, operator: str, reason: str = "") -> Issue:
        """Give a case's newest report; issue the first, or with a reason the next.

        Raises:
            BadInput: CASE_UNKNOWN, NOTHING_TO_REPORT when nobody has answered, REPORT_ALTERED.
        """
        before = self.issued(case_id)
        if before and not reason:
            return before[-1]
        version = len(before) + 1
        source = self._source(case_id, version, reason if before else "")
        papers = {lang: report_paper.build(source, lang) for lang in LANGUAGES}
        made = Issue(
            case_id=case_id,
            version=version,
            at=source.report.made,
            operator=operator,
            reason=source.reason,
            document=issues.document(reports.to_json(source.report), papers, version),
        )
        self._issues.add(made)
        return made

    def issued(self, case_id: str) -> list[Issue]:
        """List all versions of a case's report, oldest first.

        Raises:
            BadInput: CASE_UNKNOWN or REPORT_ALTERED.
        """
        self._books.store.cases([case_id])
        return self._issues.of_case(case_id)

    def version(self, case_id: str, number: int) -> Issue:
        """Find one version of a case's report.

        Raises:
            BadInput: CASE_UNKNOWN, REPORT_ALTERED or REPORT_UNKNOWN.
        """
        known = self.issued(case_id)
        if not 1 <= number <= len(known):
            raise BadInput("REPORT_UNKNOWN", case=case_id, version=number)
        return known[number - 1]

    def current(self, issue: Issue) -> bool:
        """Tell whether a version still says what is known now."""
        (report,) = self.desk.reports([issue.case_id])
        return issue.says(reports.to_json(report))

    def letter(self, case_id: str, form: Form, added: tuple[str, ...] = ()) -> Paper:
        """Write a letter to be signed; ``added`` are questions beyond the plan.

        Raises:
            BadInput: CASE_UNKNOWN, PLAN_EMPTY, or of an added question PREDICATE_UNKNOWN.
            Refused: of an added question, what the policy says.
        """
        (filed,) = self._books.store.cases([case_id])
        return consent_forms.build(
            Letter(
                filed=filed,
                covered=self.desk.plan(case_id).covered,
                around=self.desk.around,
                centre=self._terms.centre,
                days=self._terms.consent_days,
                today=business_date(self._clock.now()),
                added=added,
            ),
            form,
        )

    def sign(self, case_id: str, signatures: Mapping[int, Signature]) -> None:
        """Record who has signed, by place; whoever has signed before is not signed over.

        Raises:
            BadInput: CASE_UNKNOWN, PERSON_UNKNOWN, SIGNED_ALREADY, CASE_GUARDIAN or CASE_SIGNER.
        """
        (filed,) = self._books.store.cases([case_id])
        people = list(filed.case.persons)
        for place, signature in signatures.items():
            if not 0 <= place < len(people):
                raise BadInput("PERSON_UNKNOWN", case=case_id, person=place + 1)
            if people[place].signature.evidence:
                raise BadInput("SIGNED_ALREADY", case=case_id, person=place + 1)
            people[place] = replace(people[place], signature=signature)
        signed = replace(filed.case, persons=tuple(people))
        cases.check(signed, business_date(self._clock.now()))
        self.desk.sign(case_id, signed)

    def people(self, case_id: str) -> tuple[CasePerson, ...]:
        """List the people of a case.

        Raises:
            BadInput: CASE_UNKNOWN.
        """
        (filed,) = self._books.store.cases([case_id])
        return filed.case.persons

    def consent(self, case_id: str) -> FiledConsent | None:
        """Give what is known of a case's consent."""
        return self._books.store.consents([case_id]).get(case_id)

    def _source(self, case_id: str, version: int, reason: str) -> Source:
        report = self.desk.show(case_id)
        if not any(row.answer for row in report.rows):
            raise BadInput("NOTHING_TO_REPORT", case=case_id)
        (filed,) = self._books.store.cases([case_id])
        programme = self.desk.around.programme(filed.case, business_date(filed.opened))
        return Source(
            report=report,
            filed=filed,
            consent=self.consent(case_id),
            around=self.desk.around,
            basis=self._basis(case_id),
            centre=self._terms.centre,
            days=self._terms.report_days,
            months=programme.report_months,
            version=version,
            reason=reason,
            granted=self._granted(case_id),
        )

    def _granted(self, case_id: str) -> date | None:
        """Tell when emergency aid was granted that is verified only now."""
        events = self._books.life.history([case_id])[case_id]
        days = (business_date(one.at) for one in events if one.event is Event.EMERGENCY)
        return next(days, None)

    def _basis(self, case_id: str) -> Basis:
        """Digest the signed headers of all answers; a bundle's receipts name the same headers."""
        runs = self._books.sums.runs(case_id)
        answers = [
            *self._books.record.settled(case_id),
            *(settled for run in runs for _, settled in run.exchanges),
        ]
        headers = sorted(map(_header, answers))
        return Basis(answers=len(headers), digest=sha256(b"".join(headers)).hexdigest())


def issue(office: Office, case_id: str, folder: Path, lang: str = "zh") -> Path:
    """Issue a case's report if none is there, and write it into a folder; give the PDF.

    Raises:
        BadInput: as ``Office.issue``; FILE_UNWRITABLE.
        Refused: as ``Gate.acting``.
        Unavailable: PDF_UNAVAILABLE.
    """
    operator = office.desk.gate.acting(Action.DOCUMENT_PRINT, [case_id])
    issued = office.issue(case_id, operator)
    file = folder / f"{case_id}-v{issued.version}.pdf"
    write(file, typesetting.pdf(issued.paper(lang)))
    return file


def write(file: Path, data: bytes) -> None:
    """Write a paper for its owner alone.

    Raises:
        BadInput: FILE_UNWRITABLE.
    """
    try:
        keyfile.write_private(file, data)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=file.name, folder=file.parent.name) from e


def is_page(file: Path) -> bool:
    """Tell whether a file is to be an HTML page, by its name."""
    return file.suffix.lower() in {".html", ".htm"}


def printed(paper: Paper, file: Path) -> bytes:
    """Make the bytes of a file of a paper: a page if its name says so, a PDF otherwise.

    Raises:
        Unavailable: PDF_UNAVAILABLE.
    """
    if is_page(file):
        return page.write(paper).encode()
    return typesetting.pdf(paper)


def _header(settled: Settled) -> bytes:
    return sha256(codec.envelope_of(settled.receipt).payload).digest()
