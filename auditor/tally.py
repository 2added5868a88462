"""What reconciled logs come to in numbers: questions, consents, commissions, refusals, operators.

Pure: counts what ``reconcile`` has joined. Does not know how numbers are shown.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from auditor.exchanges import Exchange, Item
from auditor.reconcile import Reconciled
from federation.clock import business_time
from federation.exchange import Outcome

HOURS = range(7, 20)
"""Hours of a day in China in which asking is nothing unusual: from 07:00 to before 20:00."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """What one operator has asked, over all its cases."""

    cases: set[str] = field(default_factory=set)
    questions: int = 0
    told: int = 0
    refused: int = 0
    late: int = 0


@dataclass(slots=True, kw_only=True)
class Span:
    """From when to when a policy version was asked by, UTC seconds, and how often."""

    first: int
    last: int
    requests: int = 0


@dataclass(slots=True, kw_only=True)
class Line:
    """Comparisons of one sum with one line; those that were aborted are among them."""

    sums: int = 0
    replayed: int = 0
    aborted: int = 0


@dataclass(slots=True, kw_only=True)
class Tally:
    """``told`` questions told something; so many of them had a consent, and a commission."""

    requests: int = 0
    questions: int = 0
    told: int = 0
    consented: int = 0
    commissioned: int = 0
    unanswered: int = 0
    again: int = 0
    blocks: int = 0
    sums: int = 0
    replayed: int = 0
    aborted: int = 0
    lines: dict[tuple[str, str], Line] = field(default_factory=lambda: defaultdict(Line))
    refused: Counter[str] = field(default_factory=Counter)
    policies: dict[int, Span] = field(default_factory=dict)
    operators: dict[str, Desk] = field(default_factory=lambda: defaultdict(Desk))
    consents: int = 0
    tokens: int = 0
    cases: int = 0


def count(all_: Reconciled) -> Tally:
    """Count what logs say."""
    tally = Tally(
        consents=len(all_.registry.consents),
        tokens=len(all_.registry.tokens),
        cases=sum(len(one.book.cases) for one in all_.centres.values()),
    )
    for each in all_.sums:
        line = tally.lines[each.predicate, each.parameter]
        for one in (tally, line):
            one.sums += 1
            one.replayed += each.replayed
            one.aborted += each.aborted
    for asked in all_.exchanges:
        _request(tally, asked)
        for item in asked.items:
            _question(tally, all_, asked, item)
    return tally


def _request(tally: Tally, one: Exchange) -> None:
    at, version = one.asked.issued, one.asked.policy_version
    tally.requests += 1
    tally.blocks += one.block is not None
    span = tally.policies.setdefault(version, Span(first=at, last=at))
    span.first, span.last = min(span.first, at), max(span.last, at)
    span.requests += 1


def _question(tally: Tally, all_: Reconciled, one: Exchange, item: Item) -> None:
    tally.questions += 1
    case = all_.centres[one.coordinator].book.cases.get(item.case)
    desk = tally.operators[case.event.operator if case else ""]
    desk.cases.add(item.case)
    desk.questions += 1
    desk.late += business_time(one.asked.issued).hour not in HOURS
    if item.answer is None:
        tally.unanswered += 1
    elif item.answer.outcome is Outcome.REFUSED:
        tally.refused[item.answer.refusal.name] += 1
        desk.refused += 1
    elif item.told is None:
        tally.again += 1
    else:
        tally.told += 1
        desk.told += 1
        tally.consented += item.token in all_.registry.tokens
        tally.commissioned += case is not None and bool(case.event.commission)
