"""The gate: may this question be answered? Pure functions, deny by default.

Knows the order of admission of protocol note §5 from the header on: audience, method, freshness →
policy version → consent (holder, times, status, purpose) → grant → policy and catalogue → uses →
thresholds → budget. Does not know sockets, stores, records or what an answer says. Size, TLS party,
stored answer and signature come before and end as transport refusals (``answer`` and ``wire``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from department_node.catalogue import Answering
from federation import admission, limits, status
from federation.admission import DAY
from federation.catalogue import Form, ParameterKind
from federation.clock import epoch_of
from federation.consent import Claims, Consent, Grant
from federation.errors import Refused
from federation.exchange import Header, Question
from federation.policy import Parameter, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(admission.Moment):
    """All that a decision may depend on: also what this department answers, and whether it does."""

    answers: Mapping[str, Answering]
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
_LINES: Final = frozenset({Form.THRESHOLD, Form.SUM})
"""Forms that compare an amount with a line."""


def admit_request(header: Header, moment: Moment, method: str) -> None:
    """Decide about a request as a whole.

    Raises:
        Refused: WRONG_AUDIENCE, WRONG_METHOD, REQUEST_NOT_FRESH, POLICY_VERSION, NODE_PAUSED or
            STATUS_LIST_STALE.
    """
    admission.check_request(header, moment, method)
    if moment.paused:
        raise Refused("NODE_PAUSED")
    status.check_fresh(moment.revoked, moment.now)


def admit(question: Question, shown: Consent, moment: Moment) -> Admitted:
    """Decide about one question under one verified consent token.

    Raises:
        Refused: the code of the first step that says no.
    """
    admission.check_token(shown, moment)
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
    if predicate.form in _LINES and parameter is not None:
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
    return {epoch_of(claims.issued), epoch_of(claims.issued + DAY - 1)}


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
