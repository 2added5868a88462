"""What a policy may follow, and what its writers should look at although it may be signed.

Knows the limits that every node keeps (protocol §5). Does not know files, signatures or any one
node. What may not be signed at all is refused by ``policy.parse``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise

from federation import ladder, limits
from federation.catalogue import Catalogue
from federation.errors import BadInput, Said
from federation.ladder import Ladder
from federation.policy import INVALID, Policy

NEAR_PERCENT = 10
"""Cuts nearer than this, in percent of the upper one, are worth a look."""
RENEW_DAYS = 60
"""A policy that ends sooner should be followed by the next one now."""


class Concern(StrEnum):
    """Why a place of a policy is worth a look."""

    MANY_LINES = "many_lines"
    NEAR_LINES = "near_lines"
    SEVERAL_LADDERS = "several_ladders"
    BAND_OF_SUM = "band_of_sum"
    UNUSED = "unused"
    NOT_IN_FORCE = "not_in_force"
    ENDS_SOON = "ends_soon"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing to look at: where it stands and why."""

    concern: Concern
    where: str
    said: Said


def check_successor(old: Policy, new: Policy, catalogue: Catalogue) -> None:
    """Refuse a policy that may not follow another of its family.

    Raises:
        BadInput: POLICY_INVALID.
    """
    if new.family != old.family:
        raise _invalid("family", f"不是 {old.family},不能接续", f"is not {old.family}")
    if new.version <= old.version:
        raise _invalid(
            "version",
            f"必须大于已签的第 {old.version} 版",
            f"has to be above {old.version}, signed before",
        )
    if (new.issued.month, new.issued.day) != (1, 1):
        _check_turned(old, new, catalogue)


def _check_turned(old: Policy, new: Policy, catalogue: Catalogue) -> None:
    """Refuse lines that turn round within a year: old and new at one T would tell the amount."""
    before = ladder.ladders(old.asked(catalogue))
    for quantity, after in ladder.ladders(new.asked(catalogue)).items():
        for rung in after.rungs:
            was = before[quantity].rungs[:1] if quantity in before else ()
            if any((w.comparator, w.per) != (rung.comparator, rung.per) for w in was):
                raise _invalid(
                    rung.id,
                    f"与第 {old.version} 版方向或口径不同;只有一月一日起施行的政策可以改",
                    f"turns round from version {old.version}: only a policy of 1 January may do so",
                )


def _invalid(where: str, zh: str, en: str) -> BadInput:
    return BadInput(INVALID, where=where, why=Said(zh, en))


def notes(policy: Policy, catalogue: Catalogue, today: date) -> tuple[Note, ...]:
    """List what is worth a look, in the order of the policy."""
    held = ladder.ladders(policy.asked(catalogue))
    return (
        *_dates(policy, today),
        *_unused(policy),
        *(note for one in held.values() for note in _of_ladder(one)),
        *_summed(held),
    )


def _dates(policy: Policy, today: date) -> Iterator[Note]:
    if not policy.issued <= today <= policy.expires:
        yield Note(
            concern=Concern.NOT_IN_FORCE,
            where="issued" if today < policy.issued else "expires",
            said=Said(
                f"今天不在有效期内({policy.issued} 至 {policy.expires})",
                f"not in force today ({policy.issued} to {policy.expires})",
            ),
        )
    elif policy.expires - today < timedelta(days=RENEW_DAYS):
        days = (policy.expires - today).days
        yield Note(
            concern=Concern.ENDS_SOON,
            where="expires",
            said=Said(f"还有 {days} 天到期", f"ends in {days} days"),
        )


def _unused(policy: Policy) -> Iterator[Note]:
    used = {name for rule in policy.rules.values() for name in rule.parameters}
    for name in policy.parameters:
        if name not in used:
            said = Said("没有规则用到它", "no rule uses it")
            yield Note(concern=Concern.UNUSED, where=name, said=said)


def _of_ladder(one: Ladder) -> Iterator[Note]:
    predicate = one.predicates[0].id
    if len(one.lines) > limits.LINES_A_QUANTITY:
        yield Note(
            concern=Concern.MANY_LINES,
            where=predicate,
            said=Said(
                f"{len(one.lines)} 条规定线;一条记录一年至多问 {limits.LINES_A_QUANTITY} 条,"
                "多的会被拒绝",
                f"{len(one.lines)} lines, but a record opens at most {limits.LINES_A_QUANTITY}"
                " a year: more are refused",
            ),
        )
    for low, high in pairwise(one.cuts(1)):
        if (high - low) * 100 < high * NEAR_PERCENT:
            yield Note(
                concern=Concern.NEAR_LINES,
                where=predicate,
                said=Said(
                    f"{low} 与 {high} 相距不到 {NEAR_PERCENT}%:两条都问,数额就知道得很细",
                    f"{low} and {high} lie less than {NEAR_PERCENT} % apart: who asks both knows"
                    " the amount closely",
                ),
            )
    if len(one.bands) > 1:
        names = " ".join(band.id for band in one.bands)
        yield Note(
            concern=Concern.SEVERAL_LADDERS,
            where=predicate,
            said=Said(
                f"{names}:几套档位合起来,比每一套都细",
                f"{names}: several ladders of bands are finer together than each for itself",
            ),
        )


def _summed(held: dict[str, Ladder]) -> Iterator[Note]:
    for one in held.values():
        for joint in one.predicates:
            for component in joint.components:
                if component in held and held[component].bands:
                    yield Note(
                        concern=Concern.BAND_OF_SUM,
                        where=held[component].predicates[0].id,
                        said=Said(
                            f"档位所问的数额也计入 {joint.id} 的合计",
                            f"the amount in bands is also part of the sum {joint.id}",
                        ),
                    )
