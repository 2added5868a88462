"""Cases in the books, and how far their consents have come.

Knows words only: shared by the store, the forms and the reports.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from coordinator.casework.cases import Case


class ConsentStage(StrEnum):
    """How far a case's consent has come; only READY may be asked."""

    DRAFT = "DRAFT"
    FILED = "FILED"
    BLOCKED = "BLOCKED_CONSENT"
    RECORDED = "RECORDED"
    READY = "READY"
    REVOKED = "REVOKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledCase:
    """A case in the books: its number, plan, salt and the second it was opened."""

    id: str
    case: Case
    plan: str
    opened: int
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledConsent:
    """A case's consent: what was sent to the registrar and what it said."""

    case_id: str
    reference: bytes
    not_after: int
    consent_no: str = ""
    stage: ConsentStage = ConsentStage.FILED
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A consent token for one person of a case at one department."""

    case_id: str
    place: int
    department: str
    jti: bytes
    token: bytes = field(repr=False)
