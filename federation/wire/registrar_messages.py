"""Bytes to values and back for every message of the registrar; refuses what is not canonical.

Knows protobuf. Does not verify signatures, and does not judge what a form asks for.
"""

from collections.abc import Sequence
from typing import Final

from federation import enrolment, limits
from federation.consenting import (
    ConsentForm,
    ConsentPerson,
    ConsentReceipt,
    ConsentState,
    GrantRequest,
    IssuedToken,
    IssuedTokens,
    Objection,
    Role,
    SignatureMethod,
)
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import PeerFault
from federation.exchange import Purpose
from federation.status import SignedList
from federation.summing import DIGEST
from federation.v1 import envelope_pb2, registrar_pb2
from federation.wire.codec import strict

SERVICE: Final = "federation.v1.Registrar"
STATUS_LIST: Final = f"{SERVICE}/GetStatusList"

REFERENCE_BYTES: Final = 16
EVIDENCE_BYTES: Final = 32
FORM_BYTES: Final = 256 * 1024
"""Largest consent form: thirty persons at every department stay far below, bytes."""
ORDER_BYTES: Final = 64
ENDED_BYTES: Final = 64 * 1024
OBJECTION_BYTES: Final = 256
RECEIPT_BYTES: Final = 512
BLIND_BYTES: Final = limits.BATCH * enrolment.ELEMENT_BYTES + 256
STATUS_REQUEST_BYTES: Final = 128


def encode_form(form: ConsentForm) -> bytes:
    """Write a consent form."""
    return registrar_pb2.ConsentForm(
        reference=form.reference,
        purpose=envelope_pb2.Purpose.ValueType(form.purpose),
        basis=form.basis,
        persons=[_person_message(person) for person in form.persons],
        grants=[_grant_message(grant) for grant in form.grants],
        members=form.members,
        not_after=form.not_after,
        renews=form.renews,
    ).SerializeToString(deterministic=True)


def decode_form(data: bytes) -> ConsentForm:
    """Read a consent form.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(registrar_pb2.ConsentForm, data, FORM_BYTES)
    if len(m.reference) != REFERENCE_BYTES or not 0 <= m.not_after <= limits.CONSENT_END:
        raise _malformed("ConsentForm")
    try:
        return ConsentForm(
            reference=m.reference,
            purpose=Purpose(m.purpose),
            basis=m.basis,
            persons=tuple(_person(person) for person in m.persons),
            grants=tuple(_grant(grant) for grant in m.grants),
            members=m.members,
            not_after=m.not_after,
            renews=m.renews,
        )
    except ValueError as e:
        raise _malformed("ConsentForm") from e


def encode_receipt(receipt: ConsentReceipt) -> bytes:
    """Write a receipt."""
    return registrar_pb2.ConsentReceipt(
        reference=receipt.reference,
        consent_no=receipt.consent_no,
        state=registrar_pb2.ConsentState.ValueType(receipt.state),
        missing=receipt.missing,
    ).SerializeToString(deterministic=True)


def decode_receipt(data: bytes) -> ConsentReceipt:
    """Read a receipt.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(registrar_pb2.ConsentReceipt, data, RECEIPT_BYTES)
    if len(m.reference) != REFERENCE_BYTES:
        raise _malformed("ConsentReceipt")
    try:
        state = ConsentState(m.state)
    except ValueError as e:
        raise _malformed("ConsentReceipt") from e
    return ConsentReceipt(
        reference=m.reference, consent_no=m.consent_no, state=state, missing=tuple(m.missing)
    )


def encode_order(consent_no: str) -> bytes:
    """Write the number of a consent that something is to be done with."""
    order = registrar_pb2.ConsentOrder(consent_no=consent_no)
    return order.SerializeToString(deterministic=True)


def decode_order(data: bytes) -> str:
    """Read the number of a consent.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    return strict(registrar_pb2.ConsentOrder, data, ORDER_BYTES).consent_no


def encode_ended(consent_nos: Sequence[str]) -> bytes:
    """Write which consents a household change has ended."""
    ended = registrar_pb2.EndedConsents(consent_no=consent_nos)
    return ended.SerializeToString(deterministic=True)


def decode_ended(data: bytes) -> tuple[str, ...]:
    """Read which consents a household change has ended.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    return tuple(strict(registrar_pb2.EndedConsents, data, ENDED_BYTES).consent_no)


def encode_objection(objection: Objection) -> bytes:
    """Write an objection."""
    return registrar_pb2.Objection(
        consent_no=objection.consent_no,
        person=objection.person,
        predicate=objection.predicate,
        parameter=objection.parameter,
        evidence=objection.evidence,
    ).SerializeToString(deterministic=True)


def decode_objection(data: bytes) -> Objection:
    """Read an objection.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(registrar_pb2.Objection, data, OBJECTION_BYTES)
    if len(m.evidence) != EVIDENCE_BYTES:
        raise _malformed("Objection")
    return Objection(
        consent_no=m.consent_no,
        person=m.person,
        predicate=m.predicate,
        parameter=m.parameter,
        evidence=m.evidence,
    )


def encode_tokens(issued: IssuedTokens) -> bytes:
    """Write the tokens of one consent."""
    return registrar_pb2.IssuedTokens(
        consent_no=issued.consent_no,
        tokens=[
            registrar_pb2.IssuedToken(person=t.person, department=t.department, token=t.token)
            for t in issued.tokens
        ],
    ).SerializeToString(deterministic=True)


def decode_tokens(data: bytes) -> IssuedTokens:
    """Read the tokens of one consent.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(registrar_pb2.IssuedTokens, data, limits.MESSAGE_BYTES)
    if any(len(t.token) > limits.TOKEN_BYTES for t in m.tokens):
        raise PeerFault("OVERSIZE", limit=limits.TOKEN_BYTES)
    return IssuedTokens(
        consent_no=m.consent_no,
        tokens=tuple(
            IssuedToken(person=t.person, department=t.department, token=t.token) for t in m.tokens
        ),
    )


def encode_blind(batch: BlindBatch) -> bytes:
    """Write a batch of blinded elements."""
    return registrar_pb2.BlindBatch(
        tag=batch.tag,
        epoch=batch.epoch,
        batch_no=batch.batch_no,
        roll=batch.roll,
        commitment=batch.commitment,
        elements=b"".join(batch.elements),
    ).SerializeToString(deterministic=True)


def decode_blind(data: bytes) -> BlindBatch:
    """Read a batch of 1 to 1,024 blinded elements.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(registrar_pb2.BlindBatch, data, BLIND_BYTES)
    if m.tag not in enrolment.TAGS or len(m.commitment) != enrolment.COMMITMENT_BYTES:
        raise _malformed("BlindBatch")
    return BlindBatch(
        tag=m.tag,
        epoch=m.epoch,
        batch_no=m.batch_no,
        roll=m.roll,
        commitment=m.commitment,
        elements=_elements(m.elements, "BlindBatch"),
    )


def encode_evaluation(evaluation: BlindEvaluation) -> bytes:
    """Write an evaluation."""
    return registrar_pb2.BlindEvaluation(
        elements=b"".join(evaluation.elements), proof=evaluation.proof
    ).SerializeToString(deterministic=True)


def decode_evaluation(data: bytes) -> BlindEvaluation:
    """Read an evaluation.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(registrar_pb2.BlindEvaluation, data, BLIND_BYTES)
    if len(m.proof) != enrolment.PROOF_BYTES:
        raise _malformed("BlindEvaluation")
    return BlindEvaluation(elements=_elements(m.elements, "BlindEvaluation"), proof=m.proof)


def encode_status_request(department: str, series: int) -> bytes:
    """Write the question for a department's first current list of at least this number."""
    request = registrar_pb2.StatusListRequest(department=department, series=series)
    return request.SerializeToString(deterministic=True)


def decode_status_request(data: bytes) -> tuple[str, int]:
    """Read which department's status list is wanted, and from which number on.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(registrar_pb2.StatusListRequest, data, STATUS_REQUEST_BYTES)
    return m.department, m.series


def encode_status_list(listed: SignedList) -> bytes:
    """Write a signed status list."""
    return registrar_pb2.StatusList(
        jwt=listed.jwt, series=listed.series, more=listed.more
    ).SerializeToString(deterministic=True)


def decode_status_list(data: bytes) -> SignedList:
    """Read a signed status list, unverified.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(registrar_pb2.StatusList, data, limits.STATUS_BYTES + 16)
    return SignedList(jwt=m.jwt, series=m.series, more=m.more)


def _person_message(person: ConsentPerson) -> registrar_pb2.ConsentPerson:
    return registrar_pb2.ConsentPerson(
        id=person.id,
        name=person.name,
        role=registrar_pb2.Role.ValueType(person.role),
        method=registrar_pb2.SignatureMethod.ValueType(person.method),
        signer_id=person.signer_id,
        evidence=person.evidence,
    )


def _person(m: registrar_pb2.ConsentPerson) -> ConsentPerson:
    if len(m.evidence) not in {0, EVIDENCE_BYTES}:
        raise ValueError("evidence")
    return ConsentPerson(
        id=m.id,
        name=m.name,
        role=Role(m.role),
        method=SignatureMethod(m.method),
        signer_id=m.signer_id,
        evidence=m.evidence,
    )


def _grant_message(grant: GrantRequest) -> registrar_pb2.GrantRequest:
    return registrar_pb2.GrantRequest(
        person=grant.person,
        department=grant.department,
        predicate=grant.predicate,
        parameter=grant.parameter,
        max_uses=grant.max_uses,
        declared=grant.declared,
    )


def _grant(m: registrar_pb2.GrantRequest) -> GrantRequest:
    if len(m.declared) not in {0, DIGEST}:
        raise _malformed("GrantRequest")
    return GrantRequest(
        person=m.person,
        department=m.department,
        predicate=m.predicate,
        parameter=m.parameter,
        max_uses=m.max_uses,
        declared=m.declared,
    )


def _elements(data: bytes, message: str) -> tuple[bytes, ...]:
    size = enrolment.ELEMENT_BYTES
    if not data or len(data) % size or len(data) > limits.BATCH * size:
        raise _malformed(message)
    return tuple(data[i : i + size] for i in range(0, len(data), size))


def _malformed(message: str) -> PeerFault:
    return PeerFault("MALFORMED", message=message)
