"""A run of a sum: what its token grants, which run a request means, and what every party checks.

Knows the sum grant and the rules of protocol note §7 that departments and tally keep alike: all
slots of a household, the same in every field, for a period that has begun. Does not know stores,
ciphertexts or keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

from federation import limits
from federation.clock import business_date
from federation.errors import Refused
from federation.group import Group
from federation.policy import Policy
from federation.shapes import sized, whole
from federation.strictjson import Json, b64, dumps

REF: Final = 16
DIGEST: Final = 32
RUNS_A_YEAR: Final = 4
"""Most runs of a (record, quantity) in a calendar year (protocol §7)."""
TALLY_CELLS: Final = 12
"""Most runs of a record in a calendar year (protocol §5)."""
ATTEMPTS: Final = 2

_MONTHS: Final = range(1, 13)
_TAG: Final = b"hedui/sum/v1"
_FIELDS: Final = frozenset({"ref", "slot", "slots", "group", "ladder", "from", "to"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SumGrant:
    """What a grant adds for a sum; all but ``slot`` is the same for every slot of a household.

    ``ref`` (16 random bytes) stands for household, group and consent. ``slots`` counts those who
    have a token, which may be fewer than the household's members. ``first`` and ``last`` are months
    of asking, yyyymm. ``declared`` (32 bytes, or none) commits to the declared total.
    """

    ref: bytes
    slot: int
    slots: int
    group: bytes
    ladder: bytes
    first: int
    last: int
    declared: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class SumOrder:
    """Which run a request means; ``abort`` and ``verdict`` open the second attempt."""

    period: int
    attempt: int = 0
    abort: bytes = field(default=b"", repr=False)
    verdict: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot's token as far as a sum goes by it: pseudonym, signed members, and the grant."""

    sub: bytes
    members: int
    grant: SumGrant


def write(grant: SumGrant) -> Json:
    """Write it into the disclosure of a grant."""
    value: Json = {
        "ref": b64(grant.ref),
        "slot": grant.slot,
        "slots": grant.slots,
        "group": b64(grant.group),
        "ladder": b64(grant.ladder),
        "from": grant.first,
        "to": grant.last,
    }
    if grant.declared:
        value["declared"] = b64(grant.declared)
    return value


def read(value: Any) -> SumGrant:
    """Read it from the disclosure of a grant.

    Raises:
        PeerFault: MALFORMED.
        KeyError, TypeError, ValueError: it has another shape.
    """
    if not isinstance(value, dict) or not _FIELDS <= value.keys() <= _FIELDS | {"declared"}:
        raise TypeError("sum")
    slots = whole(value["slots"], 1, limits.HOUSEHOLD_PERSONS)
    return SumGrant(
        ref=sized(value["ref"], REF),
        slot=whole(value["slot"], 0, slots - 1),
        slots=slots,
        group=sized(value["group"], DIGEST),
        ladder=sized(value["ladder"], DIGEST),
        first=whole(value["from"], 0, 999_999),
        last=whole(value["to"], 0, 999_999),
        declared=sized(value["declared"], DIGEST) if "declared" in value else b"",
    )


def ladder_digest(policy: Policy, predicate: str) -> bytes:
    """Name the rungs that a policy allows for a predicate, in its order.

    Raises:
        KeyError: the policy has no rule for it.
    """
    rungs = policy.values(policy.rules[predicate])
    return sha256(dumps([[r.id, r.per_head, r.per, r.comparator] for r in rungs])).digest()


def month_of(now: int) -> int:
    """Give the month of asking of a moment, yyyymm."""
    today = business_date(now)
    return today.year * 100 + today.month


def run_id(grant: SumGrant, group: Group, order: SumOrder) -> bytes:
    """Name a run: the ``qid`` of protocol note §7, the same for all rungs of a period."""
    parts = (
        _TAG,
        grant.ref,
        grant.group,
        group.quantity.encode(),
        grant.ladder,
        str(order.period).encode(),
        str(order.attempt).encode(),
    )
    return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).digest()


def context(run: bytes, rung: str) -> bytes:
    """Bind a comparison to its run and rung."""
    return run + rung.encode()


def commit(salt: bytes, declared: int) -> bytes:
    """Commit to a declared total in the quantity's unit, under a 32-byte salt."""
    return sha256(b"hedui/declared/v1" + salt + declared.to_bytes(8, "big")).digest()


def check(slots: Sequence[Slot], order: SumOrder, group: Group, policy: Policy, now: int) -> None:
    """Hold the tokens of a request to one household, whole, to a group, its ladder and a period.

    ``slots`` stand in the order of the request, which is that of their numbers.

    Raises:
        Refused: SUM_SLOTS, SUM_GROUP, POLICY_VERSION, SUM_PERIOD or SUM_ATTEMPT.
    """
    first = slots[0]
    alike = {replace(one.grant, slot=0) for one in slots}
    places = [one.grant.slot for one in slots]
    if len(alike) != 1 or places != list(range(first.grant.slots)):
        raise Refused("SUM_SLOTS")
    if len({one.sub for one in slots}) != len(slots) or len({one.members for one in slots}) != 1:
        raise Refused("SUM_SLOTS")
    if first.grant.group != group.digest:
        raise Refused("SUM_GROUP")
    if first.grant.ladder != ladder_digest(policy, group.predicate):
        raise Refused("POLICY_VERSION", version=policy.version)
    begun = first.grant.first <= order.period <= min(first.grant.last, month_of(now))
    if not begun or order.period % 100 not in _MONTHS:
        raise Refused("SUM_PERIOD")
    if order.attempt not in range(ATTEMPTS) or (order.attempt > 0) is not bool(order.abort):
        raise Refused("SUM_ATTEMPT")
