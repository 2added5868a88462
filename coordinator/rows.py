"""How cases, people, consents, tokens and questions are written as rows and read again.

Knows columns. Does not run statements.
"""

import json
from typing import Any

from sqlalchemy import Row

from coordinator.asking.questions import Ask, SumAsk
from coordinator.casework.cases import Case, CasePerson, Method, Relation, Signature
from coordinator.casework.filed import ConsentStage, FiledCase, FiledConsent, Token
from coordinator.casework.programmes import Role
from federation.errors import BadInput
from federation.exchange import Purpose
from federation.ids import PersonId


def case_row(filed: FiledCase) -> dict[str, Any]:
    """Write a case, without its people."""
    case = filed.case
    return {
        "case_id": filed.id,
        "programme": case.programme,
        "plan": filed.plan,
        "purpose": case.purpose.value,
        "area": case.area,
        "commission": case.commission,
        "operator": case.operator,
        "members": case.members,
        "declaration": json.dumps(dict(case.declaration), ensure_ascii=False),
        "salt": filed.salt,
        "opened": filed.opened,
        "declared_income": case.declared_income,
        "declared_salt": filed.declared_salt,
    }


def person_row(case_id: str, place: int, one: CasePerson) -> dict[str, Any]:
    """Write a person of a case."""
    return {
        "case_id": case_id,
        "place": place,
        "id_number": one.id,
        "name": one.name,
        "relation": one.relation.value,
        "role": one.role.value,
        "method": one.signature.method.value,
        "signer": one.signature.signer,
        "evidence": one.signature.evidence,
    }


def read_person(row: Row[Any]) -> CasePerson:
    """Read a person of a case.

    Raises:
        BadInput: CASE_ERASED when nobody is named there any more.
    """
    if not row.id_number:
        raise BadInput("CASE_ERASED", case=row.case_id)
    return CasePerson(
        id=PersonId(row.id_number),
        name=row.name,
        relation=Relation(row.relation),
        role=Role(row.role),
        signature=Signature(
            method=Method(row.method), signer=row.signer, evidence=bytes(row.evidence)
        ),
    )


def read_case(row: Row[Any], people: list[CasePerson]) -> FiledCase:
    """Read a case, its people given."""
    case = Case(
        programme=row.programme,
        purpose=Purpose(row.purpose),
        area=row.area,
        commission=row.commission,
        operator=row.operator,
        members=row.members,
        persons=tuple(people),
        declaration=json.loads(row.declaration),
        declared_income=row.declared_income,
    )
    return FiledCase(
        id=row.case_id,
        case=case,
        plan=row.plan,
        opened=row.opened,
        salt=bytes(row.salt),
        declared_salt=bytes(row.declared_salt or b""),
    )


def consent_row(one: FiledConsent) -> dict[str, Any]:
    """Write a consent."""
    return {
        "case_id": one.case_id,
        "reference": one.reference,
        "not_after": one.not_after,
        "consent_no": one.consent_no,
        "state": one.stage.value,
        "missing": json.dumps(one.missing),
        "renews": one.renews,
    }


def token_row(one: Token) -> dict[str, Any]:
    """Write a token that was shown nowhere."""
    return {
        "case_id": one.case_id,
        "place": one.place,
        "department": one.department,
        "jti": one.jti,
        "token": one.token,
        "presented": "",
        "expires": one.expires,
        "holder": one.holder,
    }


def place(case_id: str, one: Ask) -> dict[str, Any]:
    """Say where a question stands, as the parameters of a statement."""
    return {
        "of": case_id,
        "at": one.person,
        "where": one.department,
        "what": one.predicate,
        "how": one.parameter,
    }


def consent_update(one: FiledConsent) -> dict[str, Any]:
    """Write how far a consent has come, as the parameters of a statement."""
    return {
        "of": one.case_id,
        "no": one.consent_no,
        "stage": one.stage.value,
        "places": json.dumps(one.missing),
    }


def read_consent(row: Row[Any]) -> FiledConsent:
    """Read a consent."""
    return FiledConsent(
        case_id=row.case_id,
        reference=bytes(row.reference),
        not_after=row.not_after,
        consent_no=row.consent_no,
        stage=ConsentStage(row.state),
        missing=tuple(json.loads(row.missing)),
        renews=row.renews,
    )


def ask_row(case_id: str, one: Ask) -> dict[str, Any]:
    """Write a question that nobody has answered."""
    return {
        "case_id": case_id,
        "place": one.person,
        "department": one.department,
        "predicate": one.predicate,
        "parameter": one.parameter,
        "answered_by": None,
        "lost": "",
    }


def sum_row(case_id: str, one: SumAsk) -> dict[str, Any]:
    """Write a sum that nobody has answered."""
    return {
        "case_id": case_id,
        "predicate": one.predicate,
        "parameter": one.parameter,
        "subject": one.subject,
        "persons": " ".join(map(str, one.persons)),
        "departments": " ".join(one.departments),
        "tally": one.tally,
        "after": one.after,
        "declared": int(one.declared),
        "lost": "",
    }


def sum_place(case_id: str, one: SumAsk) -> dict[str, Any]:
    """Say where a sum stands, as the parameters of a statement."""
    return {
        "of": case_id,
        "what": one.predicate,
        "how": one.parameter,
        "whose": one.subject,
    }


def read_sum(row: Row[Any]) -> SumAsk:
    """Read a sum."""
    return SumAsk(
        predicate=row.predicate,
        parameter=row.parameter,
        subject=row.subject,
        persons=tuple(map(int, row.persons.split())),
        departments=tuple(row.departments.split()),
        tally=row.tally,
        after=row.after,
        declared=bool(row.declared),
    )


def read_ask(row: Row[Any]) -> Ask:
    """Read a question."""
    return Ask(
        person=row.place,
        department=row.department,
        predicate=row.predicate,
        parameter=row.parameter,
    )
