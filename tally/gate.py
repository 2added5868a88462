"""The tally's gate: may this sum be compared? Pure functions, deny by default.

Knows the order of admission of protocol note §5 and §7 from the header on: audience, method,
freshness, policy, status list → every slot's token → grant → policy's rung → group → slots, period,
attempt → household → threshold → uses → budget. Does not know keys, ciphertexts, sockets or stores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from federation import admission, consent, limits, status, summing
from federation import group as groups
from federation.catalogue import Catalogue, Form
from federation.consent import Consent, Grant
from federation.errors import Refused
from federation.exchange import Header, Question
from federation.group import Group
from federation.parameter import Parameter
from federation.presentations import SUPPORTER
from federation.summing import Slot, SumGrant, SumOrder

RUNS_A_YEAR: Final = summing.RUNS_A_YEAR
CELLS_A_YEAR: Final = summing.TALLY_CELLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(admission.Moment):
    """All that a decision may depend on: also the groups of the manifest and what is declared."""

    groups: Mapping[str, Group]
    catalogue: Catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A sum that may be compared: of whom, by which group, at which rung, in which run."""

    tokens: tuple[Consent, ...] = field(repr=False)
    group: Group
    rung: Parameter
    grants: tuple[Grant, ...]
    joint: SumGrant
    order: SumOrder

    @property
    def run(self) -> bytes:
        """The run's id."""
        return summing.run_id(self.joint, self.group, self.order)

    @property
    def first(self) -> bytes:
        """The id of the first attempt at this run."""
        return summing.run_id(self.joint, self.group, replace(self.order, attempt=0))

    @property
    def subjects(self) -> tuple[bytes, ...]:
        """Whom a run is charged to: each of the household, and what stands for all of it.

        The latter stays when pseudonyms change with the year while a consent goes on.
        """
        return (self.joint.ref, *(one.claims.sub for one in self.tokens))


def admit_request(header: Header, moment: Moment, method: str) -> None:
    """Decide about a request as a whole.

    Raises:
        Refused: WRONG_AUDIENCE, WRONG_METHOD, REQUEST_NOT_FRESH, POLICY_VERSION or
            STATUS_LIST_STALE.
    """
    admission.check_request(header, moment, method)
    status.check_fresh(moment.revoked, moment.now)


def check_questions(questions: Sequence[Question]) -> None:
    """Refuse a request that asks several things, or of more people than any household has.

    Raises:
        Refused: SUM_SLOTS.
    """
    asked = {(one.predicate, one.parameter) for one in questions}
    if len(asked) != 1 or len(questions) > limits.HOUSEHOLD_PERSONS:
        raise Refused("SUM_SLOTS")


def admit(
    question: Question, tokens: Sequence[Consent], order: SumOrder, moment: Moment
) -> Admitted:
    """Decide about a sum under the verified tokens of all its slots, asked as ``question``.

    Raises:
        Refused: the code of the first step that says no.
    """
    for token in tokens:
        admission.check_token(token, moment)
    predicate, rung = question.predicate, question.parameter
    grants = tuple(_granted(token, predicate, rung) for token in tokens)
    joint = [one.joint for one in grants if one.joint]
    _, parameter = moment.policy.check(predicate, rung, moment.purpose)
    group = moment.groups.get(predicate)
    if group is None or parameter is None or group.tally.id != moment.department:
        raise Refused("SUM_GROUP")
    slots = [
        Slot(sub=token.claims.sub, members=grant.members, grant=one)
        for token, grant, one in zip(tokens, grants, joint, strict=True)
    ]
    summing.check(slots, order, group, moment.policy, moment.now)
    _check_household(tokens)
    if moment.catalogue.predicate(predicate).declared is not bool(joint[0].declared):
        raise Refused("CONSENT_NOT_GRANTED", predicate=predicate)
    return Admitted(
        tokens=tuple(tokens),
        group=group,
        rung=parameter,
        grants=grants,
        joint=joint[0],
        order=order,
    )


def threshold(admitted: Admitted, salt: bytes, declared: int) -> int:
    """Give T of an admitted sum; where it is held to a declared total, these open that.

    Raises:
        Refused: SUM_MALFORMED when they do not, or nothing was declared; POLICY_PARAMETER.
    """
    wanted = admitted.joint.declared
    opened = summing.commit(salt, declared) == wanted if wanted else not (salt or declared)
    if not opened:
        raise Refused("SUM_MALFORMED", why="declared")
    return groups.threshold(admitted.group, admitted.rung, admitted.grants[0].members, declared)


def check_usage(token: Consent, grant: Grant, grant_uses: int, month_uses: int) -> None:
    """Hold a run to its grants' number of uses and their tokens' frequency, along the chain.

    Raises:
        Refused: USES_EXHAUSTED.
    """
    if grant_uses >= grant.max_uses or month_uses >= token.claims.uses_a_month:
        raise Refused("USES_EXHAUSTED")


def check_budget(runs: int, cells: int) -> None:
    """Hold a new run to a record's runs of this quantity, and to all its runs, in the year.

    Raises:
        Refused: SUM_RUNS_EXHAUSTED or BUDGET_EXHAUSTED.
    """
    if runs >= RUNS_A_YEAR:
        raise Refused("SUM_RUNS_EXHAUSTED")
    if cells >= CELLS_A_YEAR:
        raise Refused("BUDGET_EXHAUSTED")


def _granted(token: Consent, predicate: str, rung: str) -> Grant:
    """Find the grant of a slot; one that lacks a signed fact grants nothing."""
    grant = token.grants.get((predicate, rung))
    if grant is None or grant.form != Form.SUM.value or grant.recheck:
        raise Refused("CONSENT_NOT_GRANTED", predicate=predicate)
    if grant.joint is None or grant.members < 1:
        raise Refused("CONSENT_NOT_GRANTED", predicate=predicate)
    return grant


def _check_household(tokens: Sequence[Consent]) -> None:
    """Recompute the household from the tokens shown; a supporter is asked about alone.

    Raises:
        Refused: HOUSEHOLD_MISMATCH.
    """
    subs = [one.claims.sub for one in tokens]
    roles = {one.claims.role == SUPPORTER for one in tokens}
    if roles == {True} and len(tokens) == 1:
        return
    for one in tokens:
        made = consent.household_commitment(one.claims.household_salt, subs)
        if True in roles or made != one.claims.household_commitment:
            raise Refused("HOUSEHOLD_MISMATCH")
