"""The life of a case: which step may follow which. The table below is the law here.

Pure: from a state, what has happened so far and an event to the next state, or a refusal. The page
``docs/guides/case-life.md`` is drawn from the same table. Does not know who takes a step, when,
by which programme's practice, or what a case is about; verifying never decides: a person does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from federation.errors import Refused


class State(StrEnum):
    """How far a case has come."""

    DRAFT = "DRAFT"
    ACCEPTED = "ACCEPTED"
    BLOCKED_CONSENT = "BLOCKED_CONSENT"
    COMMISSIONED = "COMMISSIONED"
    QUERYING = "QUERYING"
    REPORTED = "REPORTED"
    NOTICED = "NOTICED"
    RECONFIRMING = "RECONFIRMING"
    OBJECTED = "OBJECTED"
    RECHECKED = "RECHECKED"
    GRANTED_EMERGENCY = "GRANTED_EMERGENCY"
    GRANTED = "GRANTED"
    CONFIRMED = "CONFIRMED"
    REFUSED = "REFUSED"
    POST_VERIFIED_NOT_ELIGIBLE = "POST_VERIFIED_NOT_ELIGIBLE"
    WITHDRAWN_VOLUNTARY = "WITHDRAWN_VOLUNTARY"
    TRANSFERRED = "TRANSFERRED"


class Event(StrEnum):
    """What happens to a case; the first group comes by itself, the others by somebody's hand."""

    BLOCK = "block"
    CONSENT = "consent"
    QUERY = "query"
    REPORT = "report"
    RECHECK = "recheck"
    FOLLOW = "follow"

    ACCEPT = "accept"
    COMMISSION = "commission"
    EMERGENCY = "emergency"
    VISIT = "visit"
    NOTICE = "notice"
    ACKNOWLEDGE = "acknowledge"
    RECONFIRM = "reconfirm"
    OBJECT = "object"
    SETTLE = "settle"
    PROPOSE = "propose"
    GRANT = "grant"
    REFUSE = "refuse"
    TRANSFER = "transfer"
    WITHDRAW = "withdraw"


class Fact(StrEnum):
    """What has happened to a case, or what its programme's practice allows or does without."""

    ACCEPTANCE = "ACCEPTANCE"
    COMMISSION = "COMMISSION"
    CONSENT = "CONSENT"
    REPORT = "REPORT"
    VISIT = "VISIT"
    HEARING = "HEARING"
    RECONFIRMATION = "RECONFIRMATION"
    EMERGENCY = "EMERGENCY"
    URGENT = "URGENT"


class Rule(NamedTuple):
    """An event may come in these states, with these facts and without those; ``to`` None: stays."""

    event: Event
    states: frozenset[State]
    to: State | None
    needs: frozenset[Fact] = frozenset()
    bars: frozenset[Fact] = frozenset()


def _of(*states: State) -> frozenset[State]:
    return frozenset(states)


S, E, F = State, Event, Fact
IN_FORCE: Final = _of(S.GRANTED, S.CONFIRMED)
"""Decided, and aid goes on: the consent lives as long."""
ENDED: Final = _of(S.REFUSED, S.POST_VERIFIED_NOT_ELIGIBLE, S.WITHDRAWN_VOLUNTARY, S.TRANSFERRED)
"""Decided, and nothing more is asked: the consent has ended."""
OPEN: Final = frozenset(State) - IN_FORCE - ENDED
_TO_DECIDE: Final = _of(S.REPORTED, S.NOTICED, S.RECONFIRMING, S.RECHECKED)
_SEEN: Final = frozenset({F.REPORT, F.VISIT})
_HEARD: Final = _SEEN | {F.HEARING}
_ONCE: Final = frozenset({F.EMERGENCY})

TRANSITIONS: Final = (
    # a follow-up case knows where it comes from
    Rule(E.FOLLOW, _of(S.DRAFT), None),
    # accepted and commissioned, in any order with the signatures
    Rule(E.ACCEPT, _of(S.DRAFT), S.ACCEPTED),
    Rule(
        E.ACCEPT, _of(S.BLOCKED_CONSENT, S.GRANTED_EMERGENCY), None, bars=frozenset({F.ACCEPTANCE})
    ),
    Rule(E.COMMISSION, _of(S.ACCEPTED), S.COMMISSIONED),
    Rule(E.COMMISSION, _of(S.GRANTED_EMERGENCY), S.COMMISSIONED, bars=frozenset({F.COMMISSION})),
    Rule(
        E.COMMISSION,
        _of(S.BLOCKED_CONSENT),
        None,
        needs=frozenset({F.ACCEPTANCE}),
        bars=frozenset({F.COMMISSION}),
    ),
    # a signature is missing; all have signed. A case that nobody accepted goes by its file's number
    Rule(E.BLOCK, _of(S.DRAFT, S.ACCEPTED, S.COMMISSIONED, S.GRANTED_EMERGENCY), S.BLOCKED_CONSENT),
    Rule(E.CONSENT, _of(S.DRAFT, S.GRANTED_EMERGENCY), S.COMMISSIONED),
    Rule(E.CONSENT, _of(S.ACCEPTED, S.COMMISSIONED), None, bars=frozenset({F.CONSENT})),
    Rule(E.CONSENT, _of(S.BLOCKED_CONSENT), S.COMMISSIONED, bars=frozenset({F.ACCEPTANCE})),
    Rule(
        E.CONSENT,
        _of(S.BLOCKED_CONSENT),
        S.COMMISSIONED,
        needs=frozenset({F.ACCEPTANCE, F.COMMISSION}),
    ),
    Rule(
        E.CONSENT,
        _of(S.BLOCKED_CONSENT),
        S.ACCEPTED,
        needs=frozenset({F.ACCEPTANCE}),
        bars=frozenset({F.COMMISSION}),
    ),
    # verified; the visit goes beside it and neither waits for the other
    Rule(E.QUERY, _of(S.DRAFT, S.COMMISSIONED, S.GRANTED_EMERGENCY, S.RECONFIRMING), S.QUERYING),
    Rule(E.REPORT, _of(S.QUERYING), S.REPORTED),
    Rule(E.VISIT, OPEN - {S.DRAFT}, None),
    # the party is told, and heard: confirms once anew, objects, or has nothing to say
    Rule(E.NOTICE, _of(S.REPORTED, S.RECHECKED), S.NOTICED),
    Rule(E.ACKNOWLEDGE, _of(S.NOTICED), None),
    Rule(E.RECONFIRM, _of(S.NOTICED), S.RECONFIRMING, bars=frozenset({F.RECONFIRMATION})),
    Rule(E.OBJECT, _TO_DECIDE, S.OBJECTED),
    Rule(E.RECHECK, _of(S.OBJECTED), S.RECHECKED),
    Rule(E.SETTLE, _of(S.OBJECTED, S.RECHECKED), S.RECHECKED),
    # proposed and decided by people, after a report; a refusal after the party was heard
    Rule(E.PROPOSE, _TO_DECIDE, None),
    Rule(E.GRANT, _TO_DECIDE, S.GRANTED, needs=_SEEN, bars=_ONCE),
    Rule(E.REFUSE, _TO_DECIDE, S.REFUSED, needs=_HEARD, bars=_ONCE),
    Rule(E.TRANSFER, _TO_DECIDE, S.TRANSFERRED, needs=frozenset({F.REPORT}), bars=_ONCE),
    Rule(E.WITHDRAW, OPEN | IN_FORCE, S.WITHDRAWN_VOLUNTARY),
    # emergency: aid first, all of the above after it
    Rule(
        E.EMERGENCY,
        _of(S.DRAFT, S.ACCEPTED, S.BLOCKED_CONSENT, S.COMMISSIONED),
        S.GRANTED_EMERGENCY,
        needs=frozenset({F.URGENT}),
        bars=_ONCE,
    ),
    Rule(E.GRANT, _TO_DECIDE, S.CONFIRMED, needs=_SEEN | _ONCE),
    Rule(E.REFUSE, _TO_DECIDE, S.POST_VERIFIED_NOT_ELIGIBLE, needs=_HEARD | _ONCE),
)

GIVES: Final = {
    E.ACCEPT: frozenset({F.ACCEPTANCE}),
    E.COMMISSION: frozenset({F.COMMISSION}),
    E.CONSENT: frozenset({F.CONSENT}),
    E.REPORT: frozenset({F.REPORT}),
    E.VISIT: frozenset({F.VISIT}),
    E.ACKNOWLEDGE: frozenset({F.HEARING}),
    E.RECONFIRM: frozenset({F.HEARING, F.RECONFIRMATION}),
    E.RECHECK: frozenset({F.HEARING}),
    E.SETTLE: frozenset({F.HEARING}),
    E.EMERGENCY: frozenset({F.EMERGENCY}),
}
"""What an event leaves behind for good."""

DECISIONS: Final = frozenset({E.GRANT, E.REFUSE, E.TRANSFER})
BY_ITSELF: Final = frozenset({E.BLOCK, E.CONSENT, E.QUERY, E.REPORT, E.RECHECK, E.FOLLOW})
"""What no person enters: it comes with another command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Where a case stands, and what has happened to it."""

    state: State = State.DRAFT
    facts: frozenset[Fact] = frozenset()

    @property
    def post_facto(self) -> bool:
        """Tell whether aid was granted before anything was verified."""
        return Fact.EMERGENCY in self.facts


def step(state: State, event: Event, facts: frozenset[Fact], case: str = "") -> State:
    """Give the state after an event; ``case`` is named in a refusal.

    Raises:
        Refused: CASE_STATE when the event cannot come in this state; CASE_RECONFIRMED for a second
            reconfirmation; CASE_UNREPORTED, CASE_UNVISITED, CASE_UNHEARD or CASE_NOT_URGENT when
            that is missing.
    """
    rules = [rule for rule in TRANSITIONS if rule.event is event]
    here = [rule for rule in rules if state in rule.states]
    for rule in here:
        if rule.needs <= facts and not rule.bars & facts:
            return rule.to or state
    ways = here or (rules if state in OPEN else [])
    raise _refusal(state, event, _wanting(ways, facts), case)


def after(life: Life, event: Event, waived: frozenset[Fact] = frozenset(), case: str = "") -> Life:
    """Give a case's life after an event; ``waived`` is what practice allows or does without.

    Raises:
        Refused: as ``step``.
    """
    state = step(life.state, event, life.facts | waived, case)
    return Life(state=state, facts=life.facts | GIVES.get(event, frozenset()))


def told(events: Iterable[tuple[Event, State]]) -> Life:
    """Read a life from what was recorded, whatever the table said at the time."""
    life = Life()
    for event, state in events:
        life = Life(state=state, facts=life.facts | GIVES.get(event, frozenset()))
    return life


def _wanting(ways: Sequence[Rule], facts: frozenset[Fact]) -> Fact | None:
    """Find what is missing on every way, or bars each of them; None where no way is there."""
    if any(rule.bars & facts & {Fact.RECONFIRMATION} for rule in ways):
        return Fact.RECONFIRMATION
    for fact in (Fact.REPORT, Fact.VISIT, Fact.HEARING, Fact.URGENT):
        if fact not in facts and ways and all(fact in rule.needs for rule in ways):
            return fact
    return None


def _refusal(state: State, event: Event, wanting: Fact | None, case: str) -> Refused:
    """Say what would help most."""
    match wanting:
        case Fact.RECONFIRMATION:
            return Refused("CASE_RECONFIRMED", case=case)
        case Fact.REPORT:
            return Refused("CASE_UNREPORTED", case=case)
        case Fact.VISIT:
            return Refused("CASE_UNVISITED", case=case)
        case Fact.HEARING:
            return Refused("CASE_UNHEARD", case=case)
        case Fact.URGENT:
            return Refused("CASE_NOT_URGENT", case=case)
        case _:
            return Refused("CASE_STATE", case=case, state=state.value, event=event.value)
