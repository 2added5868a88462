"""The verification report as a paper: who, for what, what was answered, what nobody could see.

Pure: from a report and its case to blocks. Knows masked names and masked ids only. Decides nothing,
and says so. Does not know how the paper looks, or that it is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from coordinator.asking.planner import Surroundings
from coordinator.casework.cases import CasePerson
from coordinator.casework.filed import FiledCase, FiledConsent
from coordinator.documents import paper, report_tables
from coordinator.documents.paper import Block, Paper
from coordinator.documents.wording import put, widened
from coordinator.findings.assess import Row
from coordinator.findings.report import Report, day
from coordinator.words import say
from federation import words
from federation.clock import business_date, months_before

_INCOME_MONTHS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a report rests on: so many signed answers, and one digest (hex) over them."""

    answers: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a printed report is made of; valid for ``months`` as its programme says, else ``days``.

    ``centre`` is the id of the centre's party. A version above 1 gives the ``reason`` for it.
    ``granted`` is the day of emergency aid that came before anything was verified, if it did.
    """

    report: Report
    filed: FiledCase
    consent: FiledConsent | None
    around: Surroundings
    basis: Basis
    centre: str
    days: int
    months: int = 0
    version: int = 1
    reason: str = ""
    granted: date | None = None

    @property
    def made(self) -> date:
        """The day the report is issued."""
        return business_date(self.report.made)

    @property
    def until(self) -> date:
        """The last day on which the report is valid."""
        if self.months:
            return months_before(self.made, -self.months)  # forward
        return self.made + timedelta(days=self.days)

    def term(self, lang: str) -> str:
        """Say for how long the report is valid."""
        if not self.months:
            return put("fact", "days", lang, count=self.days)
        return put("fact", "months" if self.months > 1 else "month", lang, count=self.months)

    @property
    def consent_nos(self) -> tuple[str, ...]:
        """List the consent's number, and of the one by whose signatures it goes."""
        known = self.consent
        return tuple(filter(None, (known.consent_no, known.renews))) if known else ()


def masked_id(number: str) -> str:
    """Show the area and the last two characters of a resident number: some 300,000 share them."""
    return f"{number[:6]}{'*' * 10}{number[-2:]}"


def build(source: Source, lang: str) -> Paper:
    """Put a report on paper."""
    number, version = source.report.case_id, source.version
    mark = put("report", "mark", lang, number=number, version=version)
    if source.granted:
        mark = put("report", "mark_after", lang, mark=mark)
    made = Paper(
        lang=lang,
        title=put("report", "title", lang),
        subtitle=put("report", "subtitle", lang, number=number, version=version),
        mark=mark,
        foot=put("report", "foot", lang),
        day=source.made,
        blocks=tuple(_blocks(source, lang)),
    )
    return made.reworded(widened) if lang == "zh" else made


def _blocks(source: Source, lang: str) -> Iterator[Block]:
    report, around = source.report, source.around
    if source.granted:
        yield paper.boxed(put("report", "after", lang, day=source.granted))
    yield paper.facts(list(_facts(source, lang)))
    if source.version > 1:
        before, reason = source.version - 1, source.reason
        yield paper.boxed(put("report", "replaces", lang, before=before, reason=reason))
    yield paper.heading(put("part", "people", lang))
    yield _people(source, lang)
    yield paper.heading(put("part", "summary", lang))
    yield from report_tables.summary(report, around, lang)
    yield paper.heading(put("part", "findings", lang))
    yield report_tables.findings(report, around, lang)
    yield paper.heading(put("part", "results", lang))
    yield report_tables.results(report, around, lang)
    if any(row.joint for row in report.rows):
        yield paper.heading(put("part", "sums", lang))
        yield report_tables.sums(report, around, lang)
    yield paper.heading(put("part", "blind", lang))
    yield paper.lines(report_tables.blind(report, around, lang))
    yield paper.heading(put("part", "notes", lang))
    yield paper.lines(_notes(source, lang))
    yield paper.boxed(put("report", "disclaimer", lang))
    yield paper.digest(put("note", "digest", lang))
    yield paper.places([put("place", key, lang) for key in ("operator", "reviewer", "seal")])


def _facts(source: Source, lang: str) -> Iterator[tuple[str, str]]:
    report, around = source.report, source.around
    programme = around.programmes.programme(report.programme).label(lang)
    numbers = " / ".join(source.consent_nos) or put("fact", "no_consent", lang)
    stage = say("stage", report.stage.value, lang)
    signed = {"signed": report.signed, "needed": len(report.people), "stage": stage}
    first = report.people[0].masked
    household = {"name": first, "members": report.members}
    until = {"day": source.until, "term": source.term(lang)}
    policy = {"family": around.policy.family, "version": around.policy.version}
    commission = {"area": report.area, "commission": report.commission}
    for key, value in (
        ("centre", around.manifest.party(source.centre).name(lang)),
        ("commission", put("fact", "commission_value", lang, **commission)),
        ("programme", programme),
        ("purpose", words.say("purpose", report.purpose, lang)),
        ("household", put("fact", "household_value", lang, **household)),
        ("operator", report.operator),
        ("consent", numbers),
        ("signed", put("fact", "signed_value", lang, **signed)),
        ("opened", business_date(source.filed.opened).isoformat()),
        ("made", source.made.isoformat()),
        ("income", income_period(report.rows, business_date(source.filed.opened), lang)),
        ("property", put("fact", "property_value", lang)),
        ("as_of", _as_of(report.rows, lang)),
        ("valid", put("fact", "valid_value", lang, **until)),
        ("policy", put("fact", "policy_value", lang, **policy)),
        ("basis", put("fact", "basis_value", lang, count=source.basis.answers)),
    ):
        yield put("fact", key, lang), value


def income_period(rows: Sequence[Row], opened: date, lang: str) -> str:
    """Name the months whose income was asked for: as answered, else the twelve before opening."""
    spans = [_span(row) for row in rows if row.answer]
    longest = max(spans, key=lambda span: span[1] - span[0], default=None)
    first, end = longest or (date.min, date.min)
    if (end - first).days <= 31:  # noqa: PLR2004 - a month
        end = opened.replace(day=1)
        first = months_before(end, _INCOME_MONTHS)
    last = months_before(end, 1)
    return put("fact", "period", lang, first=f"{first:%Y-%m}", last=f"{last:%Y-%m}")


def _span(row: Row) -> tuple[date, date]:
    answer = row.answer
    first = day(answer.period_from) if answer else None
    end = day(answer.period_to) if answer else None
    return (first, end) if first and end and first < end else (date.min, date.min)


def _as_of(rows: Sequence[Row], lang: str) -> str:
    dates = sorted(filter(None, (day(row.answer.as_of) for row in rows if row.answer)))
    if not dates:
        return put("fact", "nothing", lang)
    if dates[0] == dates[-1]:
        return dates[0].isoformat()
    return put("fact", "period", lang, first=dates[0], last=dates[-1])


def _people(source: Source, lang: str) -> Block:
    keys = ("number", "name", "id", "relation", "role", "signature")
    titles = [put("column", key, lang) for key in keys]
    persons = enumerate(source.filed.case.persons, start=1)
    rows = (_person(number, person, lang) for number, person in persons)
    return paper.grid(titles, (0, 1, 3, 2, 2, 2), rows)


def _person(number: int, person: CasePerson, lang: str) -> list[str]:
    signature = person.signature
    return [
        str(number),
        person.masked,
        masked_id(person.id),
        say("relation", person.relation.value, lang),
        words.say("role", person.role.value, lang),
        words.say("signature", signature.method.value, lang)
        if signature.evidence
        else put("said", "unsigned", lang),
    ]


def _notes(source: Source, lang: str) -> Iterator[str]:
    basis = source.basis
    yield put("note", "decides", lang)
    yield put("note", "objection", lang)
    yield put("note", "validity", lang, term=source.term(lang))
    case = source.report.case_id
    yield put("note", "evidence", lang, count=basis.answers, digest=basis.digest, case=case)
    yield put("note", "secret", lang)
