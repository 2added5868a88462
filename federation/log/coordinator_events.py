"""What the coordinator writes into its log besides the requests it sends and the answers it gets.

Its exchanges name cases and consents by references and tokens only; these events open them. Does
not know how an event is written.
"""

from dataclasses import dataclass
from typing import ClassVar

from federation.log.event import Digest, Id, Kind, MaybeDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened(Kind):
    """A case, before anything is asked for it, and what opens its references.

    A question's reference at a department is SHA-256(HMAC-SHA-256(``opening``, department) ‖ the
    canonical JSON of [case, commission, operator]) (protocol §4): whoever holds this entry can
    check it, and no other case, commission or operator can be named for it later.
    """

    kind: ClassVar[str] = "case.opened"
    case: str
    programme: str
    plan: str
    purpose: str
    area: str
    commission: str
    operator: str
    members: int
    opening: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class _CaseChanged(Kind):
    case: str
    consent_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseConsented(_CaseChanged):
    """The registrar has recorded a case's consent under this number."""

    kind: ClassVar[str] = "case.consented"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSuspended(_CaseChanged):
    """From here on nothing is asked for a case, until its consent is resumed."""

    kind: ClassVar[str] = "case.suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResumed(_CaseChanged):
    """A case's consent rests no more."""

    kind: ClassVar[str] = "case.resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEnded(_CaseChanged):
    """A case's consent has ended: from here on nothing is asked for it."""

    kind: ClassVar[str] = "case.ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed(_CaseChanged):
    """A case is decided; ``counts`` are the digests of the departments' signed counts of uses."""

    kind: ClassVar[str] = "case.closed"
    counts: tuple[Digest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseErased(Kind):
    """Numbers, names, tokens and what was declared are gone from a case's books; why, by whom.

    The log stays as it is: nothing in it names anybody, and it is the evidence of what was asked.
    """

    kind: ClassVar[str] = "case.erased"
    case: str
    reason: str
    operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMoved(Kind):
    """A step of a case's life: which, into which state, by whom, and for which reasons.

    ``document`` is the SHA-256 of the signed paper behind it, if there is one; ``other`` the case
    that follows this one, or that this one follows.
    """

    kind: ClassVar[str] = "case.moved"
    case: str
    event: str
    state: str
    operator: str
    reasons: tuple[str, ...]
    document: MaybeDigest
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportIssued(Kind):
    """A version of a case's report was issued: ``report`` is the SHA-256 of what it says."""

    kind: ClassVar[str] = "report.issued"
    case: str
    version: int
    operator: str
    report: Digest


class Steps:
    """The steps that an auditor looks at, as ``CaseMoved.event`` has them."""

    REPORT: ClassVar[str] = "report"
    RECONFIRM: ClassVar[str] = "reconfirm"
    DECISIONS: ClassVar[frozenset[str]] = frozenset({"grant", "refuse"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateEnlisted(Kind):
    """A department's signed list of a mandate is there; questions name it by ``list``."""

    kind: ClassVar[str] = "mandate.enlisted"
    mandate: Id
    department: str
    list: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSet(Kind):
    """What an operator is from here on: role, areas, how many relatives are known; by whom."""

    kind: ClassVar[str] = "operator.set"
    operator: str
    role: str
    areas: tuple[str, ...]
    relatives: int
    disabled: bool
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorActed(Kind):
    """Somebody does something at the desk from here on, or was ``refused`` it, with the code."""

    kind: ClassVar[str] = "operator.acted"
    operator: str
    role: str
    action: str
    cases: tuple[str, ...]
    about: str
    refused: str


CoordinatorEvent = (
    CaseOpened
    | CaseConsented
    | CaseSuspended
    | CaseResumed
    | CaseEnded
    | CaseClosed
    | CaseErased
    | CaseMoved
    | ReportIssued
    | MandateEnlisted
    | OperatorSet
    | OperatorActed
)
