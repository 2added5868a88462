"""What the registrar writes into its log.

``request`` is the digest of the signed request that asked for a change, empty where the registrar's
own operator made it; ``by`` is then the registrar. Does not know how an event is written.
"""

from dataclasses import dataclass
from typing import ClassVar

from federation.log.event import Digest, Id, Kind, MaybeDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecorded(Kind):
    """A form; its grants lie beside, as ``consenting.grants_json`` writes them.

    ``evidence`` of each person in order, empty where a signature is missing that ``missing`` counts
    if it is needed.
    """

    kind: ClassVar[str] = "consent.recorded"
    beside: ClassVar[str] = "grants"
    consent_no: str
    coordinator: str
    reference: Id
    purpose: str
    basis: str
    renews: str
    origin: str
    members: int
    not_after: int
    grants: Digest
    evidence: tuple[MaybeDigest, ...]
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSigned(Kind):
    """More of a form's signatures are there."""

    kind: ClassVar[str] = "consent.signed"
    consent_no: str
    evidence: tuple[MaybeDigest, ...]
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConsentChanged(Kind):
    consent_no: str
    origin: str
    by: str
    request: MaybeDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSuspended(_ConsentChanged):
    """All consents of an origin rest until the same party resumes them."""

    kind: ClassVar[str] = "consent.suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentResumed(_ConsentChanged):
    """A party's suspension is lifted; another's stays."""

    kind: ClassVar[str] = "consent.resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRevoked(_ConsentChanged):
    """All consents of an origin, and all their tokens, have ended for good."""

    kind: ClassVar[str] = "consent.revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEnded(_ConsentChanged):
    """The same, because a household has changed."""

    kind: ClassVar[str] = "consent.ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssued(Kind):
    """A token; ``token`` is the SHA-256 of its compact form with all disclosures, as issued.

    ``person`` is the index on the consent of whom it is about: so whoever is asked about can be
    told all of it, and nothing of the others. ``round`` is 1 and one more with each renewal; 0
    where the token is for a recheck.
    """

    kind: ClassVar[str] = "token.issued"
    consent_no: str
    person: int
    jti: Id
    token: Digest
    department: str
    chain: Id
    round: int
    series: int
    index: int
    expires: int
    recheck: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectionRecorded(Kind):
    """A signed objection of a person, by its index on the consent."""

    kind: ClassVar[str] = "objection.recorded"
    consent_no: str
    person: int
    predicate: str
    parameter: str
    year: int
    evidence: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateBegun(Kind):
    """A mandate without people yet; the lists of its earlier versions have ended."""

    kind: ClassVar[str] = "mandate.begun"
    mandate: Id
    coordinator: str
    version: int
    document: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateRecorded(Kind):
    """All people of a mandate are there and fit the digest that the root signed."""

    kind: ClassVar[str] = "mandate.recorded"
    mandate: Id
    version: int
    size: int
    people: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateEvaluated(Kind):
    """The pseudonyms of a mandate's part at a department; ``digest`` is their SHA-256."""

    kind: ClassVar[str] = "mandate.evaluated"
    mandate: Id
    department: str
    epoch: int
    first: int
    size: int
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateListed(Kind):
    """A department's signed list; ``list`` is its SHA-256. Those before it have ended."""

    kind: ClassVar[str] = "mandate.listed"
    mandate: Id
    department: str
    epoch: int
    jti: Id
    list: Digest
    size: int
    series: int
    index: int
    expires: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateRevoked(Kind):
    """A mandate and all its lists have ended for good."""

    kind: ClassVar[str] = "mandate.revoked"
    mandate: Id
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPublished(Kind):
    """A status list was signed anew; it shows every change that stands before it in the log."""

    kind: ClassVar[str] = "status.published"
    department: str
    series: int
    list: Digest
    iat: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollDeclared(Kind):
    """A department's roll, larger than any before."""

    kind: ClassVar[str] = "roll.declared"
    department: str
    epoch: int
    roll: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudonymsEvaluated(Kind):
    """A batch of blinded elements; ``digest`` is their SHA-256, ``commitment`` opened on site."""

    kind: ClassVar[str] = "pseudonyms.evaluated"
    department: str
    tag: str
    epoch: int
    batch_no: int
    digest: Digest
    size: int
    roll: int
    commitment: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonErased(Kind):
    """Number and name of a person are blanked on these ended consents."""

    kind: ClassVar[str] = "person.erased"
    consents: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureOrdered(Kind):
    """A signed order to a department, which lies beside; ``document`` is its SHA-256."""

    kind: ClassVar[str] = "erasure.ordered"
    beside: ClassVar[str] = "document"
    order: Id
    department: str
    reason: str
    document: Digest


RegistrarEvent = (
    ConsentRecorded
    | ConsentSigned
    | ConsentSuspended
    | ConsentResumed
    | ConsentRevoked
    | ConsentEnded
    | TokenIssued
    | ObjectionRecorded
    | MandateBegun
    | MandateRecorded
    | MandateEvaluated
    | MandateListed
    | MandateRevoked
    | StatusPublished
    | RollDeclared
    | PseudonymsEvaluated
    | PersonErased
    | ErasureOrdered
)
