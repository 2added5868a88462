"""From a planned case to a consent form, and from the registrar's word to the case's state.

Pure: knows who must stand on a form and what each grant asks for. Does not call the registrar and
keeps nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from coordinator.asking.questions import Ask
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
    lost: tuple[Ask, ...]


def signers(case: Case, asks: Sequence[Ask]) -> list[int]:
    """List the places of those who stand on the form: the household, and whoever is asked about."""
    asked = {ask.person for ask in asks}
    return [
        place
        for place, person in enumerate(case.persons)
        if person.role is not CaseRole.SUPPORTER or place in asked
    ]


def form(case: Case, asks: Sequence[Ask], filed: FiledConsent, max_uses: int) -> ConsentForm:
    """Write the form: exactly the plan's questions, nothing for later; a renewal is unsigned."""
    places = signers(case, asks)
    index = {place: number for number, place in enumerate(places)}
    return ConsentForm(
        reference=filed.reference,
        purpose=case.purpose,
        persons=tuple(_person(case.persons[place], filed.renews) for place in places),
        grants=tuple(
            GrantRequest(
                person=index[ask.person],
                department=ask.department,
                predicate=ask.predicate,
                parameter=ask.parameter,
                max_uses=max_uses,
            )
            for ask in asks
        ),
        members=case.members,
        not_after=filed.not_after,
        basis=IN_FORCE_AID if filed.renews else CONSENT,
        renews=filed.renews,
    )


def after(
    filed: FiledConsent, receipt: ConsentReceipt, case: Case, asks: Sequence[Ask]
) -> FiledConsent:
    """Take over what the registrar says of a consent."""
    places = signers(case, asks)
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
    asks: Sequence[Ask],
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
    places = signers(filed.case, asks)
    wanted: dict[tuple[int, str], set[tuple[str, str]]] = {}
    for ask in asks:
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
    lost = tuple(ask for ask in asks if ask not in granted)
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
