"""A department's part in a sum: may it contribute, to which run, how much? Pure, deny by default.

Knows the order of admission for the tokens of a household together (protocol note §5, §7): each
slot as any question → what a sum needs of a grant → all slots, group, ladder and period. And what
is added up: components by their weights, over all slots. Does not know stores, keys, SQL, sockets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from department_node import evaluate, gate, parts
from department_node.evaluate import Period
from department_node.gate import Admitted, Moment
from federation import group, summing
from federation.clock import business_date
from federation.consent import Consent, Grant
from federation.errors import Refused, Unavailable
from federation.exchange import Question
from federation.group import Group
from federation.policy import Rule
from federation.summing import Slot, SumGrant, SumOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Joint:
    """A contribution that may be made: to which run of which group, by what in each slot.

    ``first`` is the run of the first attempt.
    """

    group: Group
    order: SumOrder
    run: bytes
    first: bytes
    slots: tuple[Admitted, ...]

    @property
    def rule(self) -> Rule:
        """The policy's rule, the same for all slots."""
        return self.slots[0].rule

    @property
    def parameter(self) -> str:
        """The rung that is asked about, the same for all slots."""
        return self.slots[0].grant.parameter


def admit(
    questions: Sequence[Question],
    tokens: Sequence[Consent],
    order: SumOrder,
    moment: Moment,
    groups: Mapping[str, Group],
) -> Joint:
    """Decide about a household's contribution under the verified token of each slot.

    ``moment`` answers sums alone (``parts.answerings`` of the same groups).

    Raises:
        Refused: the code of the first step that says no.
    """
    if len({(one.predicate, one.parameter) for one in questions}) != 1:
        raise Refused("SUM_SLOTS")
    admitted = [
        _slot(question, token, moment) for question, token in zip(questions, tokens, strict=True)
    ]
    asked, grant = groups[questions[0].predicate], admitted[0][1].grant
    summing.check([slot for _, slot in admitted], order, asked, moment.policy, moment.now)
    return Joint(
        group=asked,
        order=order,
        run=summing.run_id(grant, asked, order),
        first=summing.run_id(grant, asked, replace(order, attempt=0)),
        slots=tuple(one for one, _ in admitted),
    )


def check_records(subjects: Sequence[bytes]) -> None:
    """Refuse slots of which two are about one record: it would count twice.

    Raises:
        Refused: SUM_SLOTS.
    """
    if len(set(subjects)) != len(subjects):
        raise Refused("SUM_SLOTS")


def period(joint: Joint, now: int) -> Period:
    """Give the period that records are read for: it hangs on the month of the order, not on now."""
    month = joint.order.period
    found = evaluate.period_of(joint.rule.period, date(month // 100, month % 100, 1))
    return replace(found, today=business_date(now))


def amount(one: Group, department: str, values: Mapping[str, Sequence[object | None]]) -> int:
    """Add up what the records have of each component, over all slots; no record counts 0.

    A share of a sum that none makes smaller is cut off where the line cannot be (protocol §7).

    Raises:
        Refused: SUM_AMOUNT when it does not fit a comparison.
        Unavailable: SOURCE_VALUE when the records have something else than a whole number.
    """
    weights = parts.weights(one, department)
    share = sum(w * _number(name, value) for name, w in weights.items() for value in values[name])
    bound = group.clip(one)
    if share <= -bound or (one.signed and share >= bound):
        raise Refused("SUM_AMOUNT")
    return min(share, bound - 1)


def _slot(question: Question, token: Consent, moment: Moment) -> tuple[Admitted, Slot]:
    admitted = gate.admit(question, token, moment)
    grant = admitted.grant
    joint = _joint(grant)
    return admitted, Slot(sub=token.claims.sub, members=grant.members, grant=joint)


def _joint(grant: Grant) -> SumGrant:
    """Refuse a grant that lacks what a sum needs; nothing is computed again on an objection."""
    if grant.joint is None or grant.members < 1 or grant.recheck:
        raise Refused("CONSENT_NOT_GRANTED", predicate=grant.predicate)
    return grant.joint


def _number(component: str, value: object | None) -> int:
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    raise Unavailable("SOURCE_VALUE", predicate=component)
