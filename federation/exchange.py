"""The words of a signed exchange: header, question, answer, and the rules every header must keep.

Knows the protocol's closed enums and freshness rules (protocol note §4). Does not know protobuf,
sockets, consent tokens or policy.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from federation import limits
from federation.errors import Refused

SCHEMA: Final = 1
PAYLOAD_TYPE: Final = "application/vnd.hedui.header.v1+protobuf"

ASK: Final = "federation.v1.DepartmentNode/Ask"
ASK_STREAM: Final = "federation.v1.DepartmentNode/AskStream"
"""Carries requests whose headers name ``ASK``: they are the same, and so are their answers."""
CONTRIBUTE: Final = "federation.v1.DepartmentNode/Contribute"
COMPARE: Final = "federation.v1.Tally/Compare"
TEST: Final = "federation.v1.Tally/Test"
ASK_MANDATE: Final = "federation.v1.DepartmentNode/AskMandate"
SUMMING: Final = frozenset({CONTRIBUTE, COMPARE, TEST})
"""Rounds of a sum: behind the questions of a request is an item that says what is to be done."""
RECORD_CONSENT: Final = "federation.v1.Registrar/RecordConsent"
ISSUE_TOKENS: Final = "federation.v1.Registrar/IssueTokens"
REVOKE_CONSENT: Final = "federation.v1.Registrar/RevokeConsent"
SUSPEND_CONSENT: Final = "federation.v1.Registrar/SuspendConsent"
RESUME_CONSENT: Final = "federation.v1.Registrar/ResumeConsent"
CHANGE_HOUSEHOLD: Final = "federation.v1.Registrar/ChangeHousehold"
RECORD_OBJECTION: Final = "federation.v1.Registrar/RecordObjection"
ISSUE_MANDATE_LIST: Final = "federation.v1.Registrar/IssueMandateList"
EVALUATE: Final = "federation.v1.Registrar/EvaluatePseudonyms"


class Purpose(IntEnum):
    """Purpose class of a request and of a consent."""

    ENTRY = 1
    REVIEW = 2
    MONITORING = 3
    STATUS = 4


class Outcome(IntEnum):
    """What a department may say; UNAVAILABLE is the coordinator's own word for silence."""

    YES = 1
    NO = 2
    NO_RECORD = 3
    BAND = 4
    COUNT = 5
    ENUM = 6
    UNKNOWN_IDENTITY = 7
    STALE = 8
    REFUSED = 9
    PRESENT_AGAIN = 10
    CONTRIBUTED = 11
    COMPARED = 12
    ABORTED = 13
    UNAVAILABLE = 99


class Scope(IntEnum):
    """How far the register behind an answer reaches."""

    UNKNOWN = 0
    COUNTY = 1
    CITY = 2
    PROVINCE = 3


class Refusal(IntEnum):
    """Why a question was refused, one code per step of admission (protocol §5)."""

    NONE = 0
    WRONG_AUDIENCE = 1
    WRONG_METHOD = 2
    REQUEST_NOT_FRESH = 3
    CONSENT_INVALID = 4
    CONSENT_WRONG_AUDIENCE = 5
    CONSENT_WRONG_HOLDER = 6
    CONSENT_EXPIRED = 7
    CONSENT_NOT_YET_VALID = 8
    CONSENT_REVOKED = 9
    CONSENT_SUSPENDED = 10
    CONSENT_WRONG_PURPOSE = 11
    CONSENT_NOT_GRANTED = 12
    HOUSEHOLD_MISMATCH = 13
    STATUS_LIST_STALE = 14
    POLICY_VERSION = 15
    POLICY_NOT_ANSWERED = 16
    POLICY_PARAMETER = 17
    USES_EXHAUSTED = 18
    BUDGET_EXHAUSTED = 19
    NODE_PAUSED = 20
    SOURCE_UNAVAILABLE = 21
    QUESTION_MALFORMED = 22
    RECHECK_EXHAUSTED = 23
    THRESHOLDS_EXHAUSTED = 24
    MANDATE_INVALID = 25
    MANDATE_EXHAUSTED = 26
    SUM_SLOTS = 27
    SUM_PERIOD = 28
    SUM_CLOSED = 29
    SUM_RUNS_EXHAUSTED = 30
    SUM_AMOUNT = 31
    SUM_GROUP = 32
    SUM_ATTEMPT = 33
    SUM_MALFORMED = 34


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The signed part of a request or an answer. Times in UTC seconds; ``root`` 32 bytes."""

    method: str
    sender: str
    audience: str
    qid: bytes
    issued: int
    expires: int
    n: int
    root: bytes
    purpose: int = 0
    policy_version: int = 0
    request_hash: bytes = b""
    status_list_digest: bytes = b""
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class SaltedItem:
    """An opaque item and the 16-byte salt of its leaf."""

    salt: bytes
    item: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question about one person: ``presentation`` (SHA-256) or ``jti``, never both."""

    predicate: str
    parameter: str = ""
    presentation: bytes = b""
    jti: bytes = b""
    case_ref: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A minimized answer. Dates as yyyymmdd integers, 0 where unknown."""

    outcome: Outcome
    value: int = 0
    refusal: Refusal = Refusal.NONE
    as_of: int = 0
    scope: Scope = Scope.UNKNOWN
    enrolled_to: int = 0
    period_from: int = 0
    period_to: int = 0
    policy_version: int = 0
    use_no: int = 0


def check_request(header: Header, *, audience: str, method: str, now: int) -> None:
    """Hold a request's header to audience, method and freshness, in that order.

    Raises:
        Refused: WRONG_AUDIENCE, WRONG_METHOD or REQUEST_NOT_FRESH (protocol §4: life five
            minutes, skew two).
    """
    if header.audience != audience:
        raise Refused("WRONG_AUDIENCE")
    answers = header.request_hash or header.status_list_digest
    if header.method != method or header.schema != SCHEMA or answers:
        raise Refused("WRONG_METHOD")
    if not 0 < header.expires - header.issued <= limits.REQUEST_LIFE:
        raise Refused("REQUEST_NOT_FRESH", why="life")
    if header.issued > now + limits.SKEW or header.expires <= now - limits.SKEW:
        raise Refused("REQUEST_NOT_FRESH", why="clock")


def outcome_text(answer: Answer, values: tuple[str, ...] = ()) -> str:
    """Write an outcome as reports and the oracle do: ``YES``, ``BAND(2)``, ``ENUM(single)``."""
    match answer.outcome:
        case Outcome.BAND | Outcome.COUNT:
            return f"{answer.outcome.name}({answer.value})"
        case Outcome.ENUM:
            name = values[answer.value] if answer.value < len(values) else str(answer.value)
            return f"ENUM({name})"
        case Outcome.REFUSED:
            return f"REFUSED({answer.refusal.name})"
        case _:
            return answer.outcome.name
