"""The table of cases' lives: what it allows, what it refuses, and what it never lets happen."""

from itertools import chain, combinations, pairwise
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from coordinator.casework import lifecycle
from coordinator.casework.lifecycle import (
    BY_ITSELF,
    ENDED,
    GIVES,
    IN_FORCE,
    OPEN,
    TRANSITIONS,
    Event,
    Fact,
    Life,
    State,
    after,
    step,
    told,
)
from federation.errors import Refused
from federation.log.coordinator_events import Steps

EVERY_FACTS: Final = [
    frozenset(some)
    for some in chain.from_iterable(combinations(Fact, n) for n in range(len(Fact) + 1))
]
DECIDED: Final = {
    *(State.GRANTED, State.CONFIRMED, State.REFUSED, State.POST_VERIFIED_NOT_ELIGIBLE)
}


def live(*events: Event, waived: frozenset[Fact] = frozenset()) -> Life:
    life = Life()
    for event in events:
        life = after(life, event, waived)
    return life


E = Event
TO_REPORT: Final = (E.ACCEPT, E.COMMISSION, E.CONSENT, E.QUERY, E.REPORT)


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((), State.DRAFT),
        ((E.CONSENT, E.QUERY, E.REPORT), State.REPORTED),
        ((*TO_REPORT, E.VISIT, E.GRANT), State.GRANTED),
        ((E.ACCEPT, E.VISIT, *TO_REPORT[1:], E.GRANT), State.GRANTED),
        ((*TO_REPORT, E.VISIT, E.NOTICE, E.ACKNOWLEDGE, E.REFUSE), State.REFUSED),
        ((*TO_REPORT, E.NOTICE, E.RECONFIRM, E.WITHDRAW), State.WITHDRAWN_VOLUNTARY),
        ((*TO_REPORT, E.NOTICE, E.RECONFIRM, E.QUERY, E.REPORT), State.REPORTED),
        ((*TO_REPORT, E.OBJECT, E.RECHECK, E.SETTLE, E.VISIT, E.REFUSE), State.REFUSED),
        ((*TO_REPORT, E.TRANSFER), State.TRANSFERRED),
        ((E.BLOCK, E.CONSENT), State.COMMISSIONED),
        ((E.ACCEPT, E.BLOCK, E.CONSENT), State.ACCEPTED),
        ((E.BLOCK, E.ACCEPT, E.COMMISSION, E.CONSENT), State.COMMISSIONED),
        ((*TO_REPORT, E.VISIT, E.GRANT, E.WITHDRAW), State.WITHDRAWN_VOLUNTARY),
    ],
)
def test_ways_through_a_life(events: tuple[Event, ...], state: State) -> None:
    assert live(*events).state is state


@pytest.mark.parametrize(
    ("last", "state"),
    [
        ((E.VISIT, E.GRANT), State.CONFIRMED),
        ((E.VISIT, E.NOTICE, E.ACKNOWLEDGE, E.REFUSE), State.POST_VERIFIED_NOT_ELIGIBLE),
        ((E.WITHDRAW,), State.WITHDRAWN_VOLUNTARY),
    ],
)
def test_aid_first_and_verified_after(last: tuple[Event, ...], state: State) -> None:
    urgent = frozenset({Fact.URGENT})
    life = live(E.EMERGENCY, E.CONSENT, E.QUERY, E.REPORT, *last, waived=urgent)
    assert (life.state, life.post_facto) == (state, True)


@pytest.mark.parametrize(
    ("events", "event", "code"),
    [
        ((), E.COMMISSION, "CASE_STATE"),
        ((), E.GRANT, "CASE_UNREPORTED"),
        ((E.CONSENT, E.QUERY), E.REFUSE, "CASE_UNREPORTED"),
        ((), E.TRANSFER, "CASE_UNREPORTED"),
        ((), E.EMERGENCY, "CASE_NOT_URGENT"),
        (TO_REPORT, E.GRANT, "CASE_UNVISITED"),
        ((*TO_REPORT, E.VISIT), E.REFUSE, "CASE_UNHEARD"),
        ((*TO_REPORT, E.VISIT, E.NOTICE), E.REFUSE, "CASE_UNHEARD"),
        ((*TO_REPORT, E.NOTICE, E.RECONFIRM), E.RECONFIRM, "CASE_RECONFIRMED"),
        (
            (*TO_REPORT, E.NOTICE, E.RECONFIRM, E.QUERY, E.REPORT, E.NOTICE),
            E.RECONFIRM,
            "CASE_RECONFIRMED",
        ),
        ((*TO_REPORT, E.OBJECT, E.VISIT), E.GRANT, "CASE_STATE"),
        ((*TO_REPORT, E.VISIT, E.GRANT), E.REFUSE, "CASE_STATE"),
        ((E.ACCEPT,), E.QUERY, "CASE_STATE"),
        ((E.ACCEPT,), E.ACCEPT, "CASE_STATE"),
    ],
)
def test_what_may_not_come_says_why(events: tuple[Event, ...], event: Event, code: str) -> None:
    with pytest.raises(Refused, match=f"^{code}"):
        after(live(*events), event)


def test_practice_may_do_without_a_visit_or_a_hearing() -> None:
    assert live(*TO_REPORT, E.GRANT, waived=frozenset({Fact.VISIT})).state is State.GRANTED
    both = frozenset({Fact.VISIT, Fact.HEARING})
    assert live(*TO_REPORT, E.REFUSE, waived=both).state is State.REFUSED


@pytest.mark.parametrize("state", State)
def test_one_rule_at_most_fits(state: State) -> None:
    for event in Event:
        rules = [one for one in TRANSITIONS if one.event is event and state in one.states]
        for facts in EVERY_FACTS:
            fitting = [one for one in rules if one.needs <= facts and not one.bars & facts]
            assert len(fitting) <= 1, (event, facts)


def test_nothing_follows_an_end() -> None:
    for state in ENDED:
        for event in Event:
            with pytest.raises(Refused, match="CASE_STATE"):
                step(state, event, frozenset(Fact) - {Fact.EMERGENCY})


def test_every_state_and_every_event_can_be_reached() -> None:
    urgent = frozenset({Fact.URGENT})
    seen, ahead, events = {Life()}, [Life()], set()
    while ahead:
        life = ahead.pop()
        for event in Event:
            try:
                following = after(life, event, urgent)
            except Refused:
                continue
            events.add(event)
            if following not in seen:
                seen.add(following)
                ahead.append(following)
    assert {life.state for life in seen} == set(State)
    assert events == set(Event)


def test_states_are_open_or_in_force_or_ended() -> None:
    assert set(State) == OPEN | IN_FORCE | ENDED
    assert not OPEN & IN_FORCE
    assert not IN_FORCE & ENDED
    assert set(BY_ITSELF) < set(Event)
    assert set(GIVES) < set(Event)


def test_a_life_is_read_as_it_was_kept() -> None:
    life = told([(E.ACCEPT, State.ACCEPTED), (E.GRANT, State.GRANTED)])
    assert life == Life(state=State.GRANTED, facts=frozenset({Fact.ACCEPTANCE}))


class Lives(RuleBasedStateMachine):
    """Any steps in any order: what must never happen does not."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()
        self.taken: list[tuple[Event, State]] = []

    @rule(event=st.sampled_from(Event), urgent=st.booleans())
    def step(self, event: Event, urgent: bool) -> None:
        waived = frozenset({Fact.URGENT}) if urgent else frozenset()
        before = self.life
        try:
            self.life = after(before, event, waived)
        except Refused:
            assert self.life == before
            return
        self.taken.append((event, self.life.state))

    @invariant()
    def a_decision_rests_on_a_report_a_visit_and_a_hearing(self) -> None:
        events = [event for event, _ in self.taken]
        if self.life.state in DECIDED:
            assert {E.REPORT, E.VISIT} <= set(events)
        if self.life.state in {State.REFUSED, State.POST_VERIFIED_NOT_ELIGIBLE}:
            assert {E.ACKNOWLEDGE, E.RECONFIRM, E.RECHECK, E.SETTLE} & set(events)

    @invariant()
    def the_chance_comes_once_and_aid_first_once(self) -> None:
        events = [event for event, _ in self.taken]
        assert events.count(E.RECONFIRM) <= 1
        assert events.count(E.EMERGENCY) <= 1
        assert self.life.post_facto == (E.EMERGENCY in events)

    @invariant()
    def nothing_comes_after_an_end(self) -> None:
        states = [state for _, state in self.taken]
        assert not any(state in ENDED for state, _ in pairwise(states))

    @invariant()
    def what_is_kept_tells_the_same(self) -> None:
        assert told(self.taken) == self.life


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=200, stateful_step_count=30, derandomize=True, deadline=None
)


def test_an_auditor_knows_the_words() -> None:
    assert {*Steps.DECISIONS, Event.TRANSFER} == set(lifecycle.DECISIONS)
    assert (Steps.REPORT, Steps.RECONFIRM) == (Event.REPORT, Event.RECONFIRM)
