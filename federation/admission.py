"""What departments and tally hold every request and every token to, before they look at a grant.

Knows the steps of protocol note §5 that are the same whatever is asked: audience, method, freshness
and policy of a request; holder, times, status, purpose and policy of a token. Pure functions, deny
by default. Does not know grants, budgets, sockets or stores.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from federation import consent, exchange, limits, status
from federation.clock import epoch_end, epoch_of
from federation.consent import Claims, Consent
from federation.errors import Refused
from federation.exchange import Header
from federation.policy import Policy
from federation.status import Status, StatusLists

BASES: Final = frozenset({"CONSENT", "IN_FORCE_AID"})
ROLES: Final = frozenset({"APPLICANT", "MEMBER", "SUPPORTER"})
DAY: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a decision may depend on, captured once a request.

    ``department`` is who is asked, a department or the tally; ``holder`` the requester's raw
    signing key; ``now`` in UTC seconds.
    """

    department: str
    now: int
    holder: bytes
    purpose: int
    policy: Policy
    revoked: StatusLists | None


def check_request(header: Header, moment: Moment, method: str) -> None:
    """Hold a request as a whole to audience, method and freshness, and to the policy in force.

    Raises:
        Refused: WRONG_AUDIENCE, WRONG_METHOD, REQUEST_NOT_FRESH or POLICY_VERSION.
    """
    exchange.check_request(header, audience=moment.department, method=method, now=moment.now)
    if header.policy_version != moment.policy.version:
        raise Refused("POLICY_VERSION", version=moment.policy.version)
    moment.policy.check_current(moment.now)


def check_token(shown: Consent, moment: Moment) -> None:
    """Hold a verified token to its asker and this moment, before what it grants is looked at.

    Raises:
        Refused: CONSENT_WRONG_AUDIENCE, CONSENT_WRONG_HOLDER, CONSENT_NOT_YET_VALID,
            CONSENT_EXPIRED, CONSENT_INVALID, STATUS_LIST_STALE, CONSENT_REVOKED, CONSENT_SUSPENDED,
            CONSENT_WRONG_PURPOSE or POLICY_VERSION.
    """
    consent.check_consent(shown, audience=moment.department, holder=moment.holder, now=moment.now)
    _check_claims(shown.claims)
    _check_status(shown.claims, moment)
    if shown.claims.purpose != moment.purpose:
        raise Refused("CONSENT_WRONG_PURPOSE")
    if shown.claims.policy_family != moment.policy.family:
        raise Refused("POLICY_VERSION", version=moment.policy.version)
    if shown.claims.policy_version > moment.policy.version:
        raise Refused("POLICY_VERSION", version=moment.policy.version)


def _check_claims(claims: Claims) -> None:
    """Refuse a token that says what this version does not know, or outlives its epoch."""
    latest = _latest_end(claims.issued)
    if claims.basis not in BASES or claims.role not in ROLES or claims.expires > latest:
        raise Refused("CONSENT_INVALID", why="basis, role or end")


@lru_cache(maxsize=1_024)
def _latest_end(issued: int) -> int:
    """Give the latest end of a token issued on a day: tokens of one day share it."""
    return epoch_end(epoch_of(issued + DAY - 1)) + limits.EPOCH_GRACE


def _check_status(claims: Claims, moment: Moment) -> None:
    current = status.check_fresh(moment.revoked, moment.now).at(claims.status_uri)
    state = current.at(claims.status_index)
    if state is Status.INVALID:
        raise Refused("CONSENT_REVOKED")
    if state is not Status.VALID:
        raise Refused("CONSENT_SUSPENDED")
