"""What the coordinator's log says of requests, answers, cases and mandates.

Pure: from what happened to the entries that tell it. Does not know tables, trees or who reads them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import Final

from coordinator.casework.filed import ConsentStage, FiledCase, FiledConsent
from coordinator.casework.happened import CaseEvent
from coordinator.log_book import Beside, Entry
from federation import ledger
from federation.alert import Alert
from federation.errors import PeerFault
from federation.ledger import LedgerEntry
from federation.log import events, kinds
from federation.log.alert_events import AlertRaised
from federation.log.coordinator_events import (
    CaseClosed,
    CaseConsented,
    CaseEnded,
    CaseErased,
    CaseMoved,
    CaseOpened,
    CaseResumed,
    CaseSuspended,
    CoordinatorEvent,
    MandateEnlisted,
)
from federation.wire import codec

REQUEST: Final = "request"
REPLY: Final = "reply"


class Kept(Enum):
    """Where an exchange is kept: its request and its reply."""

    QUESTIONS = Beside.REQUEST, Beside.REPLY
    MANDATE = Beside.MANDATE_REQUEST, Beside.MANDATE_REPLY
    SUM = Beside.SUM_REQUEST, Beside.SUM_REPLY


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A signed request as it is kept, and in which row of which table."""

    department: str
    request: bytes = field(repr=False)
    number: int
    kept: Kept = Kept.QUESTIONS


def sent(one: Exchange) -> Entry:
    """Tell that a request may go out from now on; its exact bytes lie beside."""
    issued = codec.decode_header(codec.envelope_of(one.request).payload).issued
    place, _ = one.kept.value
    return Entry(_record(one, REQUEST, issued, one.request), place, one.number)


def came(one: Exchange, reply: bytes, at: int) -> Entry:
    """Tell what came in answer, believed or not; its exact bytes lie beside."""
    _, place = one.kept.value
    return Entry(_record(one, REPLY, at, reply, _header(reply)), place, one.number)


def opened(filed: FiledCase) -> Entry:
    """Tell that a case was opened, and by what its references at departments are made."""
    case = filed.case
    event = CaseOpened(
        case=filed.id,
        programme=case.programme,
        plan=filed.plan,
        purpose=case.purpose.name,
        area=case.area,
        commission=case.commission,
        operator=case.operator,
        members=case.members,
        opening=filed.salt,
    )
    return _event(event, filed.opened)


def changed(before: FiledConsent, after: FiledConsent, at: int) -> list[Entry]:
    """Tell what has become of a case's consent, as far as others are to know it."""
    case, number = after.case_id, after.consent_no
    return [_event(kind(case=case, consent_no=number), at) for kind in _changes(before, after)]


def enlisted(mandate: bytes, department: str, signed_list: bytes, at: int) -> Entry:
    """Tell that a department's list of a mandate is there."""
    digest = sha256(signed_list).digest()
    return _event(MandateEnlisted(mandate=mandate, department=department, list=digest), at)


def closed(case: str, consent_no: str, counts: Sequence[bytes], at: int) -> Entry:
    """Tell that a case is decided, and what the departments say of the uses of its tokens."""
    digests = tuple(sha256(one).digest() for one in counts)
    return _event(CaseClosed(case=case, consent_no=consent_no, counts=digests), at)


def erased(case: str, reason: str, operator: str, at: int) -> Entry:
    """Tell that nobody is named any more in a case's books."""
    return _event(CaseErased(case=case, reason=reason, operator=operator), at)


def moved(one: CaseEvent) -> Entry:
    """Tell a step of a case's life; its note stays at the centre."""
    event = CaseMoved(
        case=one.case_id,
        event=one.event.value,
        state=one.state.value,
        operator=one.operator,
        reasons=one.reasons,
        document=one.document,
        other=one.other,
    )
    return _event(event, one.at)


def alerted(alert: Alert, signed: bytes, number: int) -> Entry:
    """Tell that a suspicion has changed; the signed alert lies beside."""
    event = AlertRaised(
        matter=alert.matter,
        rule=alert.rule.value,
        state=alert.state.value,
        alert=sha256(signed).digest(),
    )
    return Entry(kinds.write(event, alert.at), Beside.ALERT, number)


def beside(record: bytes) -> bytes | None:
    """Give the SHA-256 of what must lie beside a record; None where nothing does.

    Raises:
        PeerFault: MALFORMED or OVERSIZE for what is no record of this log.
    """
    if events.is_event(record):
        return kinds.beside(record)
    return codec.decode_entry(record).beside


_Change = type[CaseConsented] | type[CaseSuspended] | type[CaseResumed] | type[CaseEnded]


def _changes(before: FiledConsent, after: FiledConsent) -> Iterator[_Change]:
    if after.consent_no != before.consent_no:
        yield CaseConsented
    if after.stage is before.stage:
        return
    if after.stage is ConsentStage.REVOKED:
        yield CaseEnded
    elif after.stage is ConsentStage.SUSPENDED:
        yield CaseSuspended
    elif before.stage is ConsentStage.SUSPENDED:
        yield CaseResumed


def _event(event: CoordinatorEvent, at: int) -> Entry:
    return Entry(kinds.write(event, at))


def _record(one: Exchange, kind: str, at: int, beside: bytes, answer: bytes = b"") -> bytes:
    asked = codec.envelope_of(one.request)
    return codec.encode_entry(
        LedgerEntry(
            at=at,
            kind=kind,
            caller=one.department,
            request=asked.payload,
            request_signature=asked.signatures[0].sig,
            answer=answer,
            beside=ledger.digest(beside),
        )
    )


def _header(reply: bytes) -> bytes:
    """Give the header of what is said to be a signed answer; nothing where there is none."""
    try:
        return codec.envelope_of(reply).payload
    except PeerFault:
        return b""
