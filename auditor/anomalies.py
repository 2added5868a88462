"""What in reconciled logs looks like misuse: nothing is broken, and yet somebody should look.

Pure rules over what ``reconcile`` has joined. Does not know who anybody is: the centre alone can
tell whether somebody asks about the own family, and what it suspects stands in its log.

    VOLUME      one operator's questions of one day are many times the usual
    HOURS       an operator asks outside of 07:00 to 20:00 in China
    SERIES      several thresholds of one quantity were asked about one person in a year
    ABORTED     a sum's shares were not those of one run; honest parties' always are
    UNDECIDED   a case was asked about and never closed, where cases are closed
    ALERT       a party's own sentinel suspects somebody, by its signed alert (also RELATIVE)
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Final

from auditor.findings import Place
from auditor.reconcile import Reconciled
from auditor.sums import Sum
from auditor.tally import HOURS
from federation.clock import business_date, business_time
from federation.sentinel import State

TIMES_USUAL: Final = 3
LEAST: Final = 20
"""Questions of an operator's day below which no volume is unusual."""
LINES: Final = 3
"""Thresholds of one quantity about one person in a year that make a series."""


class Kind(StrEnum):
    """By what something was noticed."""

    VOLUME = "VOLUME"
    HOURS = "HOURS"
    SERIES = "SERIES"
    ABORTED = "ABORTED"
    UNDECIDED = "UNDECIDED"
    ALERT = "ALERT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """What was noticed of whom; ``level`` is what was counted."""

    kind: Kind
    about: str
    level: int
    places: tuple[Place, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)


def look(all_: Reconciled) -> list[Anomaly]:
    """Find what is unusual."""
    found = [*_traffic(all_), *_series(all_), *_aborted(all_), *_undecided(all_), *_alerts(all_)]
    return sorted(found, key=lambda one: (one.kind, -one.level, one.about))


def decides(all_: Reconciled) -> bool:
    """Tell whether any case was ever closed: only then can one be missed."""
    return any(
        case.closed is not None
        for centre in all_.centres.values()
        for case in centre.book.cases.values()
    )


def _traffic(all_: Reconciled) -> Iterator[Anomaly]:
    """Count questions by operator and day, and those outside of working hours."""
    days: Counter[tuple[str, str]] = Counter()
    late: Counter[tuple[str, str]] = Counter()
    first: dict[tuple[str, str], Place] = {}
    for one in all_.exchanges:
        cases = all_.centres[one.coordinator].book.cases
        at = business_time(one.asked.issued)
        for item in one.items:
            operator = cases[item.case].event.operator if item.case else ""
            key = operator, at.date().isoformat()
            days[key] += 1
            if at.hour not in HOURS:
                late[key] += 1
                first.setdefault(key, one.place)
    usual = median(days.values()) if days else 0
    for (operator, day), questions in days.items():
        if questions >= LEAST and questions > TIMES_USUAL * usual:
            told = {"day": day, "usual": str(usual)}
            yield Anomaly(kind=Kind.VOLUME, about=operator, level=questions, evidence=told)
    for key, questions in late.items():
        operator, day = key
        where = (first[key],)
        told = {"day": day}
        yield Anomaly(kind=Kind.HOURS, about=operator, level=questions, places=where, evidence=told)


def _series(all_: Reconciled) -> Iterator[Anomaly]:
    """Count the thresholds of a quantity that were asked about one person at a department."""
    measured = {
        rule.predicate: rule.quantity
        for rules in all_.papers.policies.values()
        for rule in rules.rules.values()
    }
    lines: dict[tuple[str, bytes, str, int], set[str]] = defaultdict(set)
    places: dict[tuple[str, bytes, str, int], list[Place]] = defaultdict(list)
    for one in all_.exchanges:
        tokens = all_.centres[one.coordinator].presented.tokens
        year = business_date(one.asked.issued).year
        for item in one.items:
            token = tokens.get(item.token)
            quantity = measured.get(item.predicate, "") if item.parameter else ""
            if token and quantity:
                key = one.department, token.claims.sub, quantity, year
                lines[key].add(item.parameter)
                places[key].append(one.place)
    for key, asked in lines.items():
        if len(asked) >= LINES:
            department, sub, quantity, year = key
            told = {"person": sub.hex(), "year": str(year), "asked": " ".join(sorted(asked))}
            yield Anomaly(
                kind=Kind.SERIES,
                about=f"{department} {quantity}",
                level=len(asked),
                places=tuple(dict.fromkeys(places[key])),
                evidence=told,
            )


def _aborted(all_: Reconciled) -> Iterator[Anomaly]:
    """Count by case the sums that the tally aborted."""
    torn: dict[str, list[Sum]] = defaultdict(list)
    for one in all_.sums:
        if one.aborted:
            torn[one.case].append(one)
    for case, some in torn.items():
        asked = sorted({f"{one.predicate} {one.parameter}" for one in some})
        yield Anomaly(
            kind=Kind.ABORTED,
            about=case,
            level=len(some),
            places=tuple(one.place for one in some),
            evidence={"asked": ", ".join(asked), "run": some[0].run.hex()},
        )


def _undecided(all_: Reconciled) -> Iterator[Anomaly]:
    """Find cases that were asked about and not closed, if this federation's centres close any."""
    if not decides(all_):
        return
    asked: Counter[tuple[str, str]] = Counter()
    for one in all_.exchanges:
        asked.update((one.coordinator, item.case) for item in one.items if item.case)
    for (party, name), questions in asked.items():
        case = all_.centres[party].book.cases[name]
        if case.closed is None:
            where = (Place(party, case.row),)
            told = {"operator": case.event.operator}
            yield Anomaly(
                kind=Kind.UNDECIDED, about=name, level=questions, places=where, evidence=told
            )


def _alerts(all_: Reconciled) -> Iterator[Anomaly]:
    """List the suspicions that parties have logged and not withdrawn."""
    for alerts in all_.alerts.values():
        newest = {alert.matter: (place, alert) for place, alert in alerts}
        for place, alert in newest.values():
            if alert.state is not State.CALM:
                told = {"rule": alert.rule.value, "state": alert.state.value}
                yield Anomaly(
                    kind=Kind.ALERT,
                    about=alert.about,
                    level=alert.level,
                    places=(place,),
                    evidence=told,
                )
