"""A household's report: what was asked, what was told, what is to be looked at.

Pure. Knows masked people and rows, and how the report stands as JSON. Does not know a screen, and
holds no id number and no name.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from coordinator.casework.cases import Case
from coordinator.casework.filed import ConsentStage, FiledCase, FiledConsent
from coordinator.findings.assess import Row, Status
from federation.clock import business_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Someone:
    """A person of the report: number from 1, masked name, relation and role."""

    number: int
    masked: str
    relation: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One household's report. ``made`` in UTC seconds, ``millis`` how long the asking took."""

    case_id: str
    programme: str
    purpose: str
    area: str
    commission: str
    operator: str
    members: int
    people: tuple[Someone, ...]
    signed: int
    stage: ConsentStage
    made: int
    millis: int
    rows: tuple[Row, ...]

    def count(self, status: Status) -> int:
        """Count the rows of one status."""
        return Counter(row.status for row in self.rows)[status]

    def missing_kinds(self) -> list[str]:
        """List the kinds of departments that nobody here could ask."""
        kinds = (row.department for row in self.rows if row.status is Status.NOT_COVERED)
        return list(dict.fromkeys(kinds))


def make(
    filed: FiledCase, consent: FiledConsent | None, rows: tuple[Row, ...], made: int, millis: int
) -> Report:
    """Put a report together."""
    case = filed.case
    return Report(
        case_id=filed.id,
        programme=case.programme,
        purpose=case.purpose.name,
        area=case.area,
        commission=case.commission,
        operator=case.operator,
        members=case.members,
        people=people(case),
        signed=sum(bool(person.signature.evidence) for person in case.persons),
        stage=consent.stage if consent else ConsentStage.DRAFT,
        made=made,
        millis=millis,
        rows=rows,
    )


def people(case: Case) -> tuple[Someone, ...]:
    """List the people of a case, masked."""
    return tuple(
        Someone(
            number=number,
            masked=person.masked,
            relation=person.relation.value,
            role=person.role.value,
        )
        for number, person in enumerate(case.persons, start=1)
    )


def day(number: int) -> date | None:
    """Read a yyyymmdd integer; 0, and what is no date, is none."""
    try:
        return date(number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        return None


def to_json(report: Report) -> dict[str, Any]:
    """Write a report for programs; people are numbers and masked names."""
    counts = {status.value: report.count(status) for status in Status}
    return {
        "case": report.case_id,
        "programme": report.programme,
        "purpose": report.purpose,
        "area": report.area,
        "commission": report.commission,
        "operator": report.operator,
        "members": report.members,
        "people": [
            {"number": p.number, "name": p.masked, "relation": p.relation, "role": p.role}
            for p in report.people
        ],
        "consent": report.stage.value,
        "made": business_time(report.made).isoformat(),
        "milliseconds": report.millis,
        "counts": counts,
        "rows": [_row_json(row) for row in report.rows if not row.joint],
        "sums": [_sum_json(row) for row in report.rows if row.joint],
    }


def _sum_json(row: Row) -> Mapping[str, Any]:
    as_of = day(row.answer.as_of) if row.answer else None
    return {
        "predicate": row.predicate,
        "parameter": row.parameter,
        "category": row.category,
        "persons": [place + 1 for place in row.persons],
        "departments": list(row.parties),
        "status": row.status.value,
        "outcome": row.outcome,
        "as_of": as_of.isoformat() if as_of else None,
        "code": row.code,
        "absent": list(row.absent),
        "rule": dict(row.rule),
        **_weighed_json(row),
    }


def _row_json(row: Row) -> Mapping[str, Any]:
    answer = row.answer
    as_of = day(answer.as_of) if answer else None
    return {
        "department": row.department,
        "category": row.category,
        "predicate": row.predicate,
        "parameter": row.parameter,
        "person": None if row.person is None else row.person + 1,
        "status": row.status.value,
        "outcome": row.outcome,
        "as_of": as_of.isoformat() if as_of else None,
        "scope": answer.scope.name if answer else None,
        "use": answer.use_no if answer else None,
        "code": row.code,
        "rule": dict(row.rule),
        **_weighed_json(row),
    }


def _weighed_json(row: Row) -> dict[str, Any]:
    """Say what else a finding needs and what must not bar, where there is something to say."""
    beside = [
        {
            "predicate": one.predicate,
            "outcome": one.outcome,
            "met": one.met,
            "departments": list(one.parties),
        }
        for one in row.beside
    ]
    exempt = [{"zh": one.zh, "en": one.en, "source": one.source} for one in row.exempt]
    return ({"also": beside} if beside else {}) | ({"exempt": exempt} if exempt else {})
