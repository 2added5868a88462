"""From a planned case to a consent form, and from the registrar's word to the case's state.

Pure: knows who must stand on a form and what each grant asks for. Does not call the registrar and
keeps nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from coordinator.asking.questions import Ask, Covered
from coordinator.casework.cases import Case, CasePerson
from coordinator.casework.filed import ConsentStage, FiledCase, FiledConsent, Recheck, Token
from coordinator.casework.programmes import Role as CaseRole
from crypto.keys import VerifyKey
from federation import consent as sd_jwt
from federation.consenting import (
    CONSENT,
    IN_FORCE_AID,
    ConsentForm,
    ConsentPerson,
    ConsentReceipt,
    ConsentState,
    GrantRequest,
    IssuedTokens,
    Role,
    SignatureMethod,
)
from federation.errors import PeerFault

STAGES = {
    ConsentState.COMPLETE: ConsentStage.RECORDED,
    ConsentState.SIGNATURE_MISSING: ConsentStage.BLOCKED,
    ConsentState.REVOKED: ConsentStage.REVOKED,
    ConsentState.SUSPENDED: ConsentStage.SUSPENDED,
}
"""How far a consent has come, by the registrar's word."""
ENDED = {
    "CONSENT_REVOKED": ConsentStage.REVOKED,
    "CONSENT_SUSPENDED": ConsentStage.SUSPENDED,
}
"""What a consent has become, by the code with which the registrar gives no tokens for it."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A case's tokens, and the questions that they grant no more."""

    tokens: tuple[Token, ...]
    lost: Covered = field(default_factory=Covered)


def signers(case: Case, covered: Covered) -> list[int]:
    """List the places of those who stand on the form: the household, and whoever is asked about."""
    asked = {ask.person for ask in covered.parts}
    return [
        place
        for place, person in enumerate(case.persons)
        if person.role is not CaseRole.SUPPORTER or place in asked
    ]


def form(filed: FiledCase, covered: Covered, consent: FiledConsent, max_uses: int) -> ConsentForm:
    """Write the form: exactly the plan's questions, nothing for later; a renewal is unsigned.

    The tally is handed the commitment to what was declared, for the sums that it needs it for.
    """
    case = filed.case
    places = signers(case, covered)
    index = {place: number for number, place in enumerate(places)}
    gaps = {(one.predicate, one.tally) for one in covered.sums if one.declared}
    return ConsentForm(
        reference=consent.reference,
        purpose=case.purpose,
        persons=tuple(_person(case.persons[place], consent.renews) for place in places),
        grants=tuple(
            GrantRequest(
                person=index[ask.person],
                department=ask.department,
                predicate=ask.predicate,
                parameter=ask.parameter,
                max_uses=max_uses,
                declared=filed.declared if (ask.predicate, ask.department) in gaps else b"",
            )
            for ask in covered.parts
        ),
        members=case.members,
        not_after=consent.not_after,
        basis=IN_FORCE_AID if consent.renews else CONSENT,
        renews=consent.renews,
    )


def after(
    filed: FiledConsent, receipt: ConsentReceipt, case: Case, covered: Covered
) -> FiledConsent:
    """Take over what the registrar says of a consent."""
    places = signers(case, covered)
    return replace(
        filed,
        consent_no=receipt.consent_no,
        stage=STAGES[receipt.state],
        missing=tuple(places[number] for number in receipt.missing),
    )


def at(filed: FiledConsent, stage: ConsentStage) -> FiledConsent:
    """Say how far a consent has come."""
    return replace(filed, stage=stage)


def tokens_of(
    filed: FiledCase,
    covered: Covered,
    issued: IssuedTokens,
    issuers: Mapping[str, VerifyKey],
    *,
    renewed: bool = False,
) -> Fetched:
    """Verify issued tokens: one a person and department, with every grant that was asked for.

    A renewal may grant less, for the policy may have become narrower; never more.

    Raises:
        PeerFault: CONSENT_INVALID or TOKENS_INCOMPLETE.
    """
    places = signers(filed.case, covered)
    wanted: dict[tuple[int, str], set[tuple[str, str]]] = {}
    for ask in covered.parts:
        wanted.setdefault((ask.person, ask.department), set()).add((ask.predicate, ask.parameter))
    tokens: dict[tuple[int, str], Token] = {}
    granted: set[Ask] = set()
    for one in issued.tokens:
        consent = sd_jwt.read(one.token, issuers)
        place = places[one.person] if one.person < len(places) else -1
        pairs = wanted.get((place, one.department), set()) & consent.grants.keys()
        if consent.claims.audience != one.department or not pairs:
            raise PeerFault("TOKENS_INCOMPLETE", case=filed.id)
        granted |= {
            Ask(person=place, department=one.department, predicate=p, parameter=q) for p, q in pairs
        }
        tokens[place, one.department] = Token(
            case_id=filed.id,
            place=place,
            department=one.department,
            jti=consent.claims.jti,
            token=one.token,
            expires=consent.claims.expires,
            holder=consent.claims.holder,
        )
    lost = Covered(
        tuple(ask for ask in covered.asks if ask not in granted),
        tuple(one for one in covered.sums if not granted.issuperset(one.parts)),
    )
    if lost and not (renewed and tokens):
        raise PeerFault("TOKENS_INCOMPLETE", case=filed.id)
    return Fetched(tuple(tokens.values()), lost)


def rechecks_of(
    filed: FiledCase,
    disputed: Sequence[Ask],
    issued: IssuedTokens,
    issuers: Mapping[str, VerifyKey],
) -> list[Recheck]:
    """Verify the one-use tokens of an objection against the questions that it is about.

    Raises:
        PeerFault: CONSENT_INVALID or TOKENS_INCOMPLETE.
    """
    left = {ask.department: ask for ask in disputed}
    found = []
    for one in issued.tokens:
        consent = sd_jwt.read(one.token, issuers)
        ask = left.pop(one.department, None)
        grant = consent.grants.get((ask.predicate, ask.parameter)) if ask else None
        if not ask or not grant or not grant.recheck or consent.claims.audience != ask.department:
            raise PeerFault("TOKENS_INCOMPLETE", case=filed.id)
        found.append(Recheck(ask=ask, jti=consent.claims.jti, token=one.token))
    if not found:
        raise PeerFault("TOKENS_INCOMPLETE", case=filed.id)
    return found


def _person(person: CasePerson, renews: str) -> ConsentPerson:
    plain = ConsentPerson(id=person.id, name=person.name, role=Role[person.role.value])
    if renews:
        return plain
    return replace(
        plain,
        method=SignatureMethod[person.signature.method.value],
        signer_id=person.signature.signer,
        evidence=person.signature.evidence,
    )
