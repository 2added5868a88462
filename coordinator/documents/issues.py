"""Reports that were issued, every version of each: nothing is ever written over.

Knows the table and the form of a document: its data, and its paper in both languages, so that an
old version is printed again word by word. Does not know what stands on a paper.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Row, insert, select

from coordinator.database import Database
from coordinator.documents import paper
from coordinator.documents.paper import Paper
from coordinator.log_book import Entry, append
from coordinator.schema_documents import report_issue
from federation.errors import BadInput
from federation.log import kinds
from federation.log.coordinator_events import ReportIssued
from federation.strictjson import dumps

LANGUAGES: Final = ("zh", "en")
_PASSING: Final = ("made", "milliseconds")
"""What differs between two reports of the same answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One version of a case's report; ``document`` is canonical JSON, ``at`` UTC seconds."""

    case_id: str
    version: int
    at: int
    operator: str
    reason: str
    document: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """The SHA-256 of the document in hexadecimal digits, as it is printed."""
        return sha256(self.document).hexdigest()

    def paper(self, lang: str) -> Paper:
        """Give the paper in a language, with its digest on it."""
        return paper.of_json(json.loads(self.document)["papers"][lang], self.digest)

    def says(self, report: Mapping[str, Any]) -> bool:
        """Tell whether it says the same of a case as a report, as ``report.to_json`` writes it."""
        mine = json.loads(self.document)["report"]
        return dumps(_lasting(mine)) == dumps(_lasting(report))


def document(report: Mapping[str, Any], papers: Mapping[str, Paper], version: int) -> bytes:
    """Write what is issued: the report as data, and its papers."""
    written = {lang: papers[lang].to_json() for lang in LANGUAGES}
    return dumps({"version": version, "report": report, "papers": written})


def _lasting(report: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in report.items() if key not in _PASSING}


class Issues:
    """The register of issued reports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_case(self, case_id: str) -> list[Issue]:
        """Read all versions of a case's report, oldest first.

        Raises:
            BadInput: REPORT_ALTERED where a document is not what its digest says.
        """
        wanted = select(report_issue).where(report_issue.c.case_id == case_id)
        with self._database.reading() as connection:
            found = connection.execute(wanted.order_by(report_issue.c.version)).all()
        return [_issue(row) for row in found]

    def add(self, issue: Issue) -> None:
        """Keep a new version, whose digest the log knows from then on."""
        row = {
            "case_id": issue.case_id,
            "version": issue.version,
            "at": issue.at,
            "operator": issue.operator,
            "reason": issue.reason,
            "digest": bytes.fromhex(issue.digest),
            "document": zlib.compress(issue.document),
        }
        with self._database.writing() as connection:
            connection.execute(insert(report_issue), row)
            append(connection, [_entry(issue)])


def _entry(issue: Issue) -> Entry:
    event = ReportIssued(
        case=issue.case_id,
        version=issue.version,
        operator=issue.operator,
        report=sha256(issue.document).digest(),
    )
    return Entry(kinds.write(event, issue.at))


def _issue(row: Row[Any]) -> Issue:
    try:
        whole = zlib.decompress(row.document)
    except zlib.error as e:
        raise BadInput("REPORT_ALTERED", case=row.case_id, version=row.version) from e
    issue = Issue(
        case_id=row.case_id,
        version=row.version,
        at=row.at,
        operator=row.operator,
        reason=row.reason,
        document=whole,
    )
    if issue.digest != row.digest.hex():
        raise BadInput("REPORT_ALTERED", case=row.case_id, version=row.version)
    return issue
