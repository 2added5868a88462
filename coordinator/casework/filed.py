"""Cases in the books, and how far their consents have come.

Knows words only: shared by the store, the forms and the reports.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from coordinator.asking.questions import Ask
from coordinator.casework.cases import Case
from federation import summing


class ConsentStage(StrEnum):
    """How far a case's consent has come; only READY may be asked.

    RECORDED: the registrar has it, and its tokens are to be fetched, for the first time or anew.
    """

    DRAFT = "DRAFT"
    FILED = "FILED"
    BLOCKED = "BLOCKED_CONSENT"
    RECORDED = "RECORDED"
    READY = "READY"
    SUSPENDED = "SUSPENDED"
    REVOKED = "REVOKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledCase:
    """A case in the books: its number, plan, salts and the second it was opened.

    ``salt`` is opened to auditors; ``declared_salt`` hides the declared income from them too.
    """

    id: str
    case: Case
    plan: str
    opened: int
    salt: bytes = field(repr=False)
    declared_salt: bytes = field(repr=False, default=b"")

    @property
    def declared(self) -> bytes:
        """Commit to the declared income; nothing where none was declared (protocol §7)."""
        if self.case.declared_income is None:
            return b""
        return summing.commit(self.declared_salt, self.case.declared_income)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledConsent:
    """A case's consent: what was sent to the registrar and what it said.

    ``renews`` is the number of the consent by whose signatures it goes while aid is in force.
    """

    case_id: str
    reference: bytes
    not_after: int
    consent_no: str = ""
    stage: ConsentStage = ConsentStage.FILED
    missing: tuple[int, ...] = ()
    renews: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A consent token for one person of a case at one department."""

    case_id: str
    place: int
    department: str
    jti: bytes
    token: bytes = field(repr=False)
    expires: int
    holder: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """A token by which one question is put once more, on a signed objection."""

    ask: Ask
    jti: bytes
    token: bytes = field(repr=False)
