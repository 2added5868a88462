"""The misuse sentinel's rules: hysteresis, windows, working time."""

from collections import Counter
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from federation import sentinel
from federation.clock import BUSINESS_ZONE, business_time
from federation.errors import BadInput
from federation.sentinel import (
    DAY,
    HOUR,
    Bounds,
    Change,
    Key,
    Rule,
    State,
    Traffic,
    Working,
    changes,
    traffic_since,
)

OFFICE = Working(opens=8 * 60, closes=18 * 60)
BOUNDS = Bounds(calm=5, suspect=10, alarm=30)
WHO = Key(Rule.VOLUME, "coordinator")
CALM, SUSPECT, ALARM = State.CALM, State.SUSPECT, State.ALARM


def at(text: str) -> int:
    """Give the UTC second of a time in China."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BUSINESS_ZONE).timestamp())


@pytest.mark.parametrize(
    ("state", "level", "following"),
    [
        (CALM, 9, CALM),
        (CALM, 10, SUSPECT),
        (CALM, 29, SUSPECT),
        (CALM, 30, ALARM),
        (SUSPECT, 30, ALARM),
        (SUSPECT, 5, SUSPECT),
        (SUSPECT, 4, CALM),
        (ALARM, 10, ALARM),
        (ALARM, 9, SUSPECT),
        (ALARM, 5, SUSPECT),
        (ALARM, 4, CALM),
        (ALARM, 0, CALM),
    ],
)
def test_how_a_state_follows_a_level(state: State, level: int, following: State) -> None:
    assert BOUNDS.following(state, level) is following


@pytest.mark.parametrize(
    ("calm", "suspect", "alarm"), [(0, 1, 1), (2, 1, 3), (1, 3, 2), (-1, 0, 1)]
)
def test_bounds_rise_from_above_nothing(calm: int, suspect: int, alarm: int) -> None:
    with pytest.raises(ValueError, match="rise"):
        Bounds(calm=calm, suspect=suspect, alarm=alarm)


@given(st.integers(1, 10**9))
def test_what_is_usual_is_not_suspicious(usual: int) -> None:
    bounds = Bounds.over(usual)
    assert bounds.following(CALM, usual) is CALM
    assert bounds.following(CALM, usual + 1) is SUSPECT
    assert bounds.following(CALM, 3 * usual) is not ALARM
    assert bounds.following(CALM, 3 * usual + 1) is ALARM


@given(st.sampled_from(State), st.integers(0, 100))
def test_nothing_is_an_alarm_again_without_reason(state: State, level: int) -> None:
    once = BOUNDS.following(state, level)
    assert BOUNDS.following(once, level) is once or level < BOUNDS.suspect


def test_changes_are_told_once_and_of_their_own_rules_only() -> None:
    other = Key(Rule.HOURS, "coordinator")
    bounds = {Rule.VOLUME: BOUNDS}
    assert list(changes({}, {WHO: 10, other: 99}, bounds)) == [Change(WHO, CALM, SUSPECT, 10)]
    assert list(changes({WHO: SUSPECT}, {WHO: 12}, bounds)) == []
    assert list(changes({WHO: SUSPECT, other: ALARM}, {}, bounds)) == [
        Change(WHO, SUSPECT, CALM, 0)
    ]


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("2026-11-18T08:00", True),
        ("2026-11-18T17:59", True),
        ("2026-11-18T18:00", False),
        ("2026-11-18T07:59", False),
        ("2026-11-20T12:00", True),
        ("2026-11-21T12:00", False),
        ("2026-11-22T12:00", False),
    ],
)
def test_working_time_is_chinas(text: str, within: bool) -> None:
    assert OFFICE.within(at(text)) is within


@pytest.mark.parametrize("text", ["00:00-24:00", "08:00-18:00", "23:59-24:00"])
def test_working_time_reads(text: str) -> None:
    found = sentinel.working(text)
    ends = [f"{minute // 60:02}:{minute % 60:02}" for minute in (found.opens, found.closes)]
    assert "-".join(ends) == text


@pytest.mark.parametrize(
    "text", ["", "8:00-18:00", "18:00-08:00", "08:00-08:00", "08:00-24:01", "08:60-18:00", "8-18"]
)
def test_other_working_time_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="SETTINGS_INVALID") as refused:
        sentinel.working(text)
    assert refused.value.details["why"] == "working_time"


def test_traffic_counts_this_hour_and_the_last() -> None:
    now = at("2026-11-18T10:30")
    traffic = Traffic(OFFICE)
    traffic.note(now - HOUR, "a", 7)
    traffic.note(now, "a", 2)
    traffic.note(now, "b", 3)
    assert traffic.levels(now) == {Key(Rule.VOLUME, "a"): 7, Key(Rule.VOLUME, "b"): 3}
    assert traffic.levels(now + HOUR)[Key(Rule.VOLUME, "a")] == 2
    assert traffic.levels(now + 2 * HOUR) == {}


def test_after_hours_are_counted_by_day() -> None:
    evening, night = at("2026-11-18T23:59"), at("2026-11-19T00:01")
    traffic = Traffic(OFFICE)
    traffic.note(evening, "a", 7)
    traffic.note(night, "a", 2)
    traffic.note(at("2026-11-19T12:00"), "a", 100)
    hours = Key(Rule.HOURS, "a")
    assert traffic.levels(at("2026-11-19T12:00"))[hours] == 7
    assert traffic.levels(at("2026-11-20T12:00"))[hours] == 2
    assert hours not in traffic.levels(at("2026-11-21T12:00"))


@given(st.integers(0, 2**32))
def test_what_still_counts_lies_after_the_beginning(now: int) -> None:
    since = traffic_since(now)
    assert since <= now - DAY < since + DAY
    assert business_time(since).hour == 0
    traffic = Traffic(Working(opens=0, closes=0))
    traffic.note(since - 1, "a", 1)
    assert traffic.levels(now) == {}
    traffic.note(since, "a", 1)
    assert traffic.levels(now)[Key(Rule.HOURS, "a")] == 1


class Watching(RuleBasedStateMachine):
    """Questions come at random; whoever watches may be restarted with what was kept."""

    def __init__(self) -> None:
        super().__init__()
        self.now = at("2026-11-18T07:00")
        self.noted: list[tuple[int, str, int]] = []
        self.traffic = Traffic(OFFICE)
        self.known: dict[Key, State] = {}
        self.alerts: list[Change] = []
        self.bounds = {Rule.VOLUME: BOUNDS, Rule.HOURS: Bounds.over(3)}

    @rule(who=st.sampled_from("ab"), questions=st.integers(1, 12))
    def ask(self, who: str, questions: int) -> None:
        self.noted.append((self.now, who, questions))
        self.traffic.note(self.now, who, questions)

    @rule(seconds=st.sampled_from([1, 600, HOUR, 5 * HOUR, DAY, 3 * DAY]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def look(self) -> None:
        for change in changes(self.known, self.traffic.levels(self.now), self.bounds):
            assert change.was is self.known.get(change.key, CALM)
            assert change.state is not change.was
            self.known[change.key] = change.state
            self.alerts.append(change)

    @rule()
    def restart(self) -> None:
        """All that is remembered is the state; what still counts is read again."""
        self.traffic = Traffic(OFFICE)
        for when, who, questions in self.noted:
            if when >= traffic_since(self.now):
                self.traffic.note(when, who, questions)

    @rule()
    def look_again(self) -> None:
        self.look()
        before = len(self.alerts)
        self.look()
        assert len(self.alerts) == before

    @invariant()
    def levels_are_what_was_asked(self) -> None:
        hours: Counter[tuple[int, str]] = Counter()
        for when, who, questions in self.noted:
            hours[when // HOUR, who] += questions
        this = self.now // HOUR
        expected = {who: max(hours[this, who], hours[this - 1, who]) for who in "ab"}
        levels = self.traffic.levels(self.now)
        assert {who: levels.get(Key(Rule.VOLUME, who), 0) for who in "ab"} == expected

    @precondition(lambda self: self.alerts)
    @invariant()
    def alerts_of_a_matter_follow_one_another(self) -> None:
        before: dict[Key, State] = {}
        for change in self.alerts:
            assert before.get(change.key, CALM) is change.was
            before[change.key] = change.state

    @invariant()
    def nobody_is_calm_above_the_alarm_once_looked_at(self) -> None:
        self.look()
        levels = self.traffic.levels(self.now)
        for key, level in levels.items():
            bounds = self.bounds[key.rule]
            assert level < bounds.alarm or self.known[key] is ALARM
            assert level < bounds.suspect or self.known[key] is not CALM
        for key, state in self.known.items():
            if levels.get(key, 0) < self.bounds[key.rule].calm:
                assert state is CALM


TestWatching = Watching.TestCase
