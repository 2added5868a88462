"""From a planned case to a consent form, and from the registrar's word to the case's state.

Pure: knows who must stand on a form and what each grant asks for. Does not call the registrar and
keeps nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from coordinator.asking.questions import Ask
from coordinator.casework.cases import Case, CasePerson
from coordinator.casework.filed import ConsentStage, FiledCase, FiledConsent, Token
from coordinator.casework.programmes import Role as CaseRole
from crypto.keys import VerifyKey
from federation import consent as sd_jwt
from federation.consenting import (
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

_STAGES = {
    ConsentState.COMPLETE: ConsentStage.RECORDED,
    ConsentState.SIGNATURE_MISSING: ConsentStage.BLOCKED,
    ConsentState.REVOKED: ConsentStage.REVOKED,
}


def signers(case: Case, asks: Sequence[Ask]) -> list[int]:
    """List the places of those who stand on the form: the household, and whoever is asked about."""
    asked = {ask.person for ask in asks}
    return [
        place
        for place, person in enumerate(case.persons)
        if person.role is not CaseRole.SUPPORTER or place in asked
    ]


def form(case: Case, asks: Sequence[Ask], filed: FiledConsent, max_uses: int) -> ConsentForm:
    """Write the form: exactly the plan's questions, nothing for later."""
    places = signers(case, asks)
    index = {place: number for number, place in enumerate(places)}
    return ConsentForm(
        reference=filed.reference,
        purpose=case.purpose,
        persons=tuple(_person(case.persons[place]) for place in places),
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
    )


def after(
    filed: FiledConsent, receipt: ConsentReceipt, case: Case, asks: Sequence[Ask]
) -> FiledConsent:
    """Take over what the registrar says of a consent."""
    places = signers(case, asks)
    return replace(
        filed,
        consent_no=receipt.consent_no,
        stage=_STAGES[receipt.state],
        missing=tuple(places[number] for number in receipt.missing),
    )


def ready(filed: FiledConsent) -> FiledConsent:
    """Say that all tokens of a consent are here."""
    return replace(filed, stage=ConsentStage.READY)


def revoked(filed: FiledConsent) -> FiledConsent:
    """Say that a consent has ended for good."""
    return replace(filed, stage=ConsentStage.REVOKED)


def tokens_of(
    filed: FiledCase, asks: Sequence[Ask], issued: IssuedTokens, issuers: Mapping[str, VerifyKey]
) -> list[Token]:
    """Verify issued tokens: one a person and department, with every grant that was asked for.

    Raises:
        PeerFault: CONSENT_INVALID or TOKENS_INCOMPLETE.
    """
    places = signers(filed.case, asks)
    wanted: dict[tuple[int, str], set[tuple[str, str]]] = {}
    for ask in asks:
        wanted.setdefault((ask.person, ask.department), set()).add((ask.predicate, ask.parameter))
    tokens: dict[tuple[int, str], Token] = {}
    for one in issued.tokens:
        consent = sd_jwt.read(one.token, issuers)
        place = places[one.person] if one.person < len(places) else -1
        pairs = wanted.get((place, one.department))
        fits = consent.claims.audience == one.department
        if pairs is None or not fits or not pairs <= consent.grants.keys():
            raise PeerFault("TOKENS_INCOMPLETE", case=filed.id)
        tokens[place, one.department] = Token(
            case_id=filed.id,
            place=place,
            department=one.department,
            jti=consent.claims.jti,
            token=one.token,
        )
    if tokens.keys() != wanted.keys():
        raise PeerFault("TOKENS_INCOMPLETE", case=filed.id)
    return list(tokens.values())


def _person(person: CasePerson) -> ConsentPerson:
    return ConsentPerson(
        id=person.id,
        name=person.name,
        role=Role[person.role.value],
        method=SignatureMethod[person.signature.method.value],
        signer_id=person.signature.signer,
        evidence=person.signature.evidence,
    )
