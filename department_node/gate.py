"""The gate: may this question be answered? Pure functions, deny by default.

Knows the order of admission of protocol note §5 from the header on: audience, method, freshness →
policy version → consent (holder, times, status, purpose) → grant → policy and catalogue → uses →
thresholds → budget. Does not know sockets, stores, records or what an answer says. Size, TLS party,
stored answer and signature come before and end as transport refusals (``answer`` and ``wire``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from department_node.catalogue import Answering
from federation import consent, exchange, limits, status
from federation.catalogue import Form, ParameterKind
from federation.clock import epoch_end, epoch_of
from federation.consent import Claims, Consent, Grant
from federation.errors import Refused
from federation.exchange import Header, Question
from federation.policy import Parameter, Policy, Rule
from federation.status import Status, StatusLists

BASES: Final = frozenset({"CONSENT", "IN_FORCE_AID"})
ROLES: Final = frozenset({"APPLICANT", "MEMBER", "SUPPORTER"})
_DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """All that a decision may depend on, captured once a request.

    ``holder`` is the requester's raw signing key; ``now`` in UTC seconds.
    """

    department: str
    now: int
    holder: bytes
    purpose: int
    policy: Policy
    answers: Mapping[str, Answering]
    revoked: StatusLists | None
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A question that may be answered: by which rule, with which parameter and grant."""

    consent: Consent
    grant: Grant
    rule: Rule
    parameter: Parameter | None
    answering: Answering


Opening = tuple[str, int, int]
"""What a threshold opens of a quantity: its id, the line (T of one head) and the household's size.

``ANY`` stands where the question has no line or does not depend on the size.
"""
ANY: Final = -1


def admit_request(header: Header, moment: Moment, method: str) -> None:
    """Decide about a request as a whole.

    Raises:
        Refused: WRONG_AUDIENCE, WRONG_METHOD, REQUEST_NOT_FRESH, POLICY_VERSION, NODE_PAUSED or
            STATUS_LIST_STALE.
    """
    exchange.check_request(header, audience=moment.department, method=method, now=moment.now)
    if header.policy_version != moment.policy.version:
        raise Refused("POLICY_VERSION", version=moment.policy.version)
    moment.policy.check_current(moment.now)
    if moment.paused:
        raise Refused("NODE_PAUSED")
    status.check_fresh(moment.revoked, moment.now)


def admit(question: Question, shown: Consent, moment: Moment) -> Admitted:
    """Decide about one question under one verified consent token.

    Raises:
        Refused: the code of the first step that says no.
    """
    consent.check_consent(shown, audience=moment.department, holder=moment.holder, now=moment.now)
    _check_claims(shown)
    _check_status(shown, moment)
    if shown.claims.purpose != moment.purpose:
        raise Refused("CONSENT_WRONG_PURPOSE")
    if shown.claims.policy_family != moment.policy.family:
        raise Refused("POLICY_VERSION", version=moment.policy.version)
    if shown.claims.policy_version > moment.policy.version:
        raise Refused("POLICY_VERSION", version=moment.policy.version)
    grant = shown.grants.get((question.predicate, question.parameter))
    if grant is None:
        raise Refused("CONSENT_NOT_GRANTED", predicate=question.predicate)
    rule, parameter = moment.policy.check(question.predicate, question.parameter, moment.purpose)
    answering = moment.answers.get(question.predicate)
    if answering is None or moment.purpose not in answering.purposes:
        raise Refused("POLICY_NOT_ANSWERED", predicate=question.predicate)
    _check_grant(grant, answering)
    return Admitted(consent=shown, grant=grant, rule=rule, parameter=parameter, answering=answering)


def check_usage(admitted: Admitted, grant_uses: int, month_uses: int) -> None:
    """Hold a question to its number of uses and its token's frequency, along the chain.

    ``grant_uses`` and ``month_uses`` are those before: of the grant, and of all in this month.

    Raises:
        Refused: USES_EXHAUSTED.
    """
    grant = admitted.grant
    if grant_uses >= grant.max_uses or month_uses >= admitted.consent.claims.uses_a_month:
        raise Refused("USES_EXHAUSTED")


def check_budget(cells: int, *, recheck: bool = False) -> None:
    """Hold a new cell to the record's budget for the year, of which rechecks have a reserve.

    Raises:
        Refused: BUDGET_EXHAUSTED.
    """
    kept = 0 if recheck else limits.CELLS_RESERVED
    if cells >= limits.CELLS_PER_RECORD_YEAR - kept:
        raise Refused("BUDGET_EXHAUSTED")


def opening(admitted: Admitted) -> Opening | None:
    """Tell what a question opens of a quantity, None where it compares no amount."""
    predicate, parameter = admitted.answering.predicate, admitted.parameter
    if predicate.form is Form.THRESHOLD and parameter is not None:
        by_size = parameter.per == "head"
        return predicate.quantity, parameter.per_head, admitted.grant.members if by_size else ANY
    if predicate.parameter is ParameterKind.SIZE:
        return predicate.quantity, ANY, admitted.grant.members
    return None


def check_opening(wanted: Opening, opened: Iterable[Opening]) -> None:
    """Hold a new threshold to those opened of the record in the year: four lines, two sizes.

    Raises:
        Refused: THRESHOLDS_EXHAUSTED (protocol §5, against probing).
    """
    same = [wanted, *(one for one in opened if one[0] == wanted[0])]
    if len({line for _, line, _ in same} - {ANY}) > limits.LINES_A_QUANTITY:
        raise Refused("THRESHOLDS_EXHAUSTED")
    if len({size for _, _, size in same} - {ANY}) > limits.SIZES_A_QUANTITY:
        raise Refused("THRESHOLDS_EXHAUSTED")


def check_roll(claims: Claims, enrolled: frozenset[int]) -> None:
    """Refuse to call somebody absent whom a roll not wholly enrolled might have.

    ``enrolled`` are the epochs whose roll was enrolled to the end.

    Raises:
        Refused: SOURCE_UNAVAILABLE.
    """
    if enrolled.isdisjoint(epochs(claims)):
        raise Refused("SOURCE_UNAVAILABLE", why="roll not enrolled")


def epochs(claims: Claims) -> set[int]:
    """Give the epochs that a token's pseudonyms may be of: its day of issue is rounded in UTC."""
    return {epoch_of(claims.issued), epoch_of(claims.issued + _DAY - 1)}


def _check_claims(shown: Consent) -> None:
    """Refuse a token that says what this version does not know, or outlives its epoch."""
    claims = shown.claims
    latest = _latest_end(claims.issued)
    if claims.basis not in BASES or claims.role not in ROLES or claims.expires > latest:
        raise Refused("CONSENT_INVALID", why="basis, role or end")


@lru_cache(maxsize=1_024)
def _latest_end(issued: int) -> int:
    """Give the latest end of a token issued on a day: tokens of one day share it."""
    return epoch_end(epoch_of(issued + _DAY - 1)) + limits.EPOCH_GRACE


def _check_status(shown: Consent, moment: Moment) -> None:
    current = status.check_fresh(moment.revoked, moment.now).at(shown.claims.status_uri)
    state = current.at(shown.claims.status_index)
    if state is Status.INVALID:
        raise Refused("CONSENT_REVOKED")
    if state is not Status.VALID:
        raise Refused("CONSENT_SUSPENDED")


def _check_grant(grant: Grant, answering: Answering) -> None:
    """Refuse a grant that lacks the signed facts its question needs, or a recheck of many uses."""
    predicate = answering.predicate
    needs_size = predicate.form is Form.THRESHOLD or predicate.parameter is ParameterKind.SIZE
    if grant.form != predicate.form.value or (needs_size and grant.members < 1):
        raise Refused("CONSENT_NOT_GRANTED", predicate=predicate.id)
    if grant.recheck and grant.max_uses != 1:
        raise Refused("CONSENT_NOT_GRANTED", predicate=predicate.id)
    if predicate.parameter is ParameterKind.NAME and len(grant.args) != 1:
        raise Refused("CONSENT_NOT_GRANTED", predicate=predicate.id)
