"""The words between a coordinator and the registrar: forms, receipts and issued tokens.

Like the orders of a batch mandate they carry identities, which never stand in a ``repr``. Does not
know protobuf, and does not judge whether a form may be recorded.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from typing import Final

from federation import limits
from federation.errors import PeerFault
from federation.exchange import Purpose
from federation.shapes import sized, text, whole
from federation.strictjson import b64, dumps, loads

CONSENT: Final = "CONSENT"
"""The legal basis of a signed consent (protocol §3)."""
IN_FORCE_AID: Final = "IN_FORCE_AID"
"""The legal basis of a consent that renews a signed one, by its signatures, while aid goes on."""


class Role(IntEnum):
    """What a person is in a case."""

    APPLICANT = 1
    MEMBER = 2
    SUPPORTER = 3


class SignatureMethod(IntEnum):
    """Who signed for a person."""

    SELF = 1
    GUARDIAN = 2
    AGENT = 3


class ConsentState(IntEnum):
    """Whether tokens can be had for a consent; revoked is final, suspended is not."""

    COMPLETE = 1
    SIGNATURE_MISSING = 2
    REVOKED = 3
    SUSPENDED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentPerson:
    """One person of a case. ``evidence`` is the SHA-256 of the signed form, empty until signed."""

    id: str = field(repr=False)
    name: str = field(repr=False)
    role: Role
    method: SignatureMethod = SignatureMethod.SELF
    signer_id: str = field(default="", repr=False)
    evidence: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRequest:
    """Permission asked for one question about one person (by index) at one department.

    ``declared`` commits to a household's declared total (``summing.commit``): at the tally, for a
    sum that is compared with it, and nowhere else.
    """

    person: int
    department: str
    predicate: str
    parameter: str = ""
    max_uses: int = 1
    declared: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentForm:
    """What a household consents to, until ``not_after`` (UTC seconds).

    ``reference`` is 16 random bytes of the coordinator's; ``members`` the signed household size;
    ``renews`` the number of the consent whose signatures IN_FORCE_AID goes by.
    """

    reference: bytes
    purpose: Purpose
    persons: tuple[ConsentPerson, ...]
    grants: tuple[GrantRequest, ...]
    members: int
    not_after: int
    basis: str = CONSENT
    renews: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentReceipt:
    """The registrar's number for a form and, by index, whose signatures are missing."""

    reference: bytes
    consent_no: str
    state: ConsentState
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A person's signed objection to what was answered; ``evidence`` is the paper's SHA-256."""

    consent_no: str
    person: int
    predicate: str
    parameter: str
    evidence: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token for one person (index in the form) and one department, with all disclosures."""

    person: int
    department: str
    token: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedTokens:
    """All tokens of one consent, or those of one recheck."""

    consent_no: str
    tokens: tuple[IssuedToken, ...]


def paper(consent_no: str, person: int, evidence: bytes) -> bytes:
    """Name a signed paper in the registrar's log: who has it can tell, and nobody can join it.

    The digest of a paper stands nowhere by itself; without one there is none.
    """
    said = f"hedui/paper/v1|{consent_no}|{person}|".encode()
    return sha256(said + evidence).digest() if evidence else b""


def write_grants(grants: Iterable[GrantRequest]) -> bytes:
    """Write grants as the registrar keeps them beside its log's entry: canonical JSON."""
    return dumps([_row(grant) for grant in grants])


def read_grants(data: bytes) -> tuple[GrantRequest, ...]:
    """Read what ``write_grants`` writes.

    Raises:
        PeerFault: MALFORMED.
    """
    rows = loads(data, "grants")
    grants = tuple(map(_grant, rows)) if type(rows) is list else ()
    if write_grants(grants) != data:
        raise PeerFault("MALFORMED", message="grants")
    return grants


def _row(one: GrantRequest) -> list[object]:
    row = [one.person, one.department, one.predicate, one.parameter, one.max_uses]
    return [*row, b64(one.declared)] if one.declared else row


def _grant(row: object) -> GrantRequest:
    match row:
        case [person, department, predicate, parameter, max_uses, *declared]:
            return GrantRequest(
                person=whole(person, 0, limits.HOUSEHOLD_PERSONS - 1),
                department=text(department),
                predicate=text(predicate),
                parameter=text(parameter),
                max_uses=whole(max_uses, 1, limits.GRANT_USES),
                declared=b"".join(sized(one, 32) for one in declared),
            )
    raise PeerFault("MALFORMED", message="grant")
