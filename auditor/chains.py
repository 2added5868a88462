"""How often each grant was used: numbers from 1 to k along a chain of tokens, and no further.

Knows uses as numbers. Does not know who asked, or whether a use was right.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from auditor.exchanges import Exchange, Item
from auditor.findings import Finding, Place, found
from federation.clock import business_date
from federation.closing import ClosingCount
from federation.consent import Claims, Grant


class Used(NamedTuple):
    """What uses are counted of: a question, along a chain of tokens at a department."""

    department: str
    chain: bytes
    predicate: str
    parameter: str


@dataclass(slots=True)
class Chains:
    """All uses that answers tell of; ``unheard`` counts those whose answer nobody has."""

    uses: dict[Used, dict[int, Exchange]] = field(default_factory=lambda: defaultdict(dict))
    unheard: Counter[Used] = field(default_factory=Counter)
    hidden: Counter[bytes] = field(default_factory=Counter)
    _months: Counter[tuple[str, bytes, int, int]] = field(default_factory=Counter)

    def use(self, one: Exchange, item: Item, claims: Claims, grant: Grant) -> Iterator[Finding]:
        """Take a use that an answer tells of; give what is wrong with its number."""
        number = item.answer.use_no if item.answer else 0
        used = Used(one.department, claims.chain, item.predicate, item.parameter)
        told = {"chain": claims.chain, "predicate": item.predicate, "use": number}
        numbers = self.uses[used]
        if number in numbers or number < 1:
            others = numbers[number].places if number in numbers else ()
            yield found("USES_BROKEN", *one.places, *others, **told, why="twice")
        numbers[number] = one
        day = business_date((one.said or one.asked).issued)
        month = one.department, claims.chain, day.year, day.month
        self._months[month] += 1
        if number > grant.max_uses or self._months[month] > claims.uses_a_month:
            limit = min(grant.max_uses, claims.uses_a_month)
            yield found("USES_EXCEEDED", *one.places, **told, granted=limit)

    def lost(self, used: Used) -> None:
        """Note a question that was put, and whose answer nobody has: it may have been a use."""
        self.unheard[used] += 1

    def close(self) -> Iterator[Finding]:
        """Find the numbers that are missing, beyond those that nobody heard of."""
        for used, numbers in self.uses.items():
            last = max(numbers)
            missing = last - sum(number > 0 for number in numbers)
            if missing > self.unheard[used] + self.hidden[used.chain]:
                first = next(number for number in count(1) if number not in numbers)
                told = {"chain": used.chain, "predicate": used.predicate, "missing": missing}
                yield found("USES_BROKEN", *numbers[last].places, **told, first=first)

    def counted(self, told: ClosingCount, place: Place) -> Iterator[Finding]:
        """Hold a department's signed count, in a row of its log, to the uses before that row."""
        for one in told.uses:
            used = Used(told.department, told.chain, one.predicate, one.parameter)
            rows = [each.node for each in self.uses.get(used, {}).values()]
            known = sum(row is not None and row < (place.row or 0) for row in rows)
            more = rows.count(None) + self.unheard[used] + self.hidden[used.chain]
            if not known <= one.used <= known + more:
                about = {"chain": used.chain, "predicate": used.predicate, "signed": one.used}
                yield found("USES_BROKEN", place, **about, computed=known, why="count")
