"""The misuse sentinel of a department, from answers to signed alerts."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from department_node import alerts, sentinel
from department_node.alerts import Alerts
from department_node.node_log import book
from department_node.sentinel import Sentinel, guard
from federation import alert, limits
from federation.alert import Alert, Raised
from federation.errors import BadInput, Unavailable
from federation.exchange import Refusal
from federation.log import events, kinds
from federation.log.alert_events import AlertRaised
from federation.sentinel import DAY, HOUR, Rule, State
from tests.department_node import erasures
from tests.department_node.erasures import HERE, LINES, Office
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR

MORNING = NOW - NOW % DAY + DAY + 2 * HOUR  # ten in China, on a Thursday


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    twin = erasures.make(tmp_path / "f")
    with twins.open_node(twin) as node:
        yield erasures.open_office(twin, node)


def watch(office: Office, **usual: object) -> Sentinel:
    usual = {"sentinel_hourly": 4, "sentinel_after_hours": 2} | usual
    return Sentinel(office.node.party, office.node.store, office.twin.clock, guard(usual))


def raised(office: Office) -> list[Raised]:
    return alerts.history(office.node.store.reader)


def states(office: Office, *rules: Rule) -> list[tuple[Rule, State, int]]:
    return [(one.rule, one.state, one.level) for one in raised(office) if one.rule in rules]


def ask(office: Office, times: int = 1, **more: Any) -> None:
    for _ in range(times):
        office.answers(office.ask(WITH_CAR, **more))


def at(office: Office, seconds: int) -> None:
    office.twin.clock.seconds = seconds
    office.node.status.refresh()


def test_more_than_usual_in_an_hour_is_suspicious_and_passes(office: Office) -> None:
    at(office, MORNING)
    sentinel = watch(office)
    ask(office, 4)
    sentinel.look()
    assert raised(office) == []
    ask(office)
    sentinel.look()
    sentinel.look()
    ask(office, 8)
    sentinel.look()
    for _ in range(3):
        at(office, office.twin.clock.seconds + HOUR)
        sentinel.look()
    assert states(office, Rule.VOLUME) == [
        (Rule.VOLUME, State.SUSPECT, 5),
        (Rule.VOLUME, State.ALARM, 13),
        (Rule.VOLUME, State.CALM, 0),
    ]
    assert {one.about for one in raised(office)} == {"coordinator"}
    assert len({one.matter for one in raised(office)}) == 1


def test_the_next_time_is_another_matter(office: Office) -> None:
    at(office, MORNING)
    sentinel = watch(office)
    for _ in range(2):
        ask(office, 5)
        sentinel.look()
        at(office, office.twin.clock.seconds + 2 * HOUR)
        sentinel.look()
    found = raised(office)
    assert [one.state for one in found] == [State.SUSPECT, State.CALM] * 2
    assert found[0].matter == found[1].matter != found[2].matter == found[3].matter


def test_questions_at_night_are_counted_by_day(office: Office) -> None:
    at(office, MORNING + 14 * HOUR)
    sentinel = watch(office, sentinel_hourly=99)
    ask(office, 3)
    sentinel.look()
    at(office, MORNING + 3 * DAY)
    sentinel.look()
    assert states(office, *Rule) == [
        (Rule.HOURS, State.SUSPECT, 3),
        (Rule.HOURS, State.CALM, 0),
    ]


def test_many_lines_on_one_record_are_a_series(office: Office) -> None:
    sentinel = watch(office, sentinel_hourly=99, sentinel_after_hours=99)
    for line in LINES[:2]:
        ask(office, line=line)
    sentinel.look()
    assert raised(office) == []
    ask(office, line=LINES[2])
    sentinel.look()
    ask(office, line=LINES[3])
    sentinel.look()
    request = office.ask(WITH_CAR, line=LINES[4])
    assert office.answers(request)[0].refusal is Refusal.THRESHOLDS_EXHAUSTED
    sentinel.look()
    ask(office)
    sentinel.look()
    (quantity,) = {one.about for one in raised(office)}
    assert quantity
    assert states(office, *Rule) == [
        (Rule.SERIES, State.SUSPECT, 3),
        (Rule.SERIES, State.ALARM, 5),
    ]
    assert {one.record for one in raised(office)} == {WITH_CAR.encode()}


def test_a_line_twice_counts_once_and_an_unknown_token_not_at_all(office: Office) -> None:
    watching = watch(office, sentinel_hourly=99, sentinel_after_hours=99, sentinel_lines=1)
    office.answers(office.ask(WITH_CAR, WITH_CAR, line=LINES[0]))
    office.fresh(WITHOUT_CAR, holder=bytes(32))
    for line in LINES:
        office.answers(office.ask(WITHOUT_CAR, line=line))
    watching.look()
    assert raised(office) == []


def test_a_series_ends_with_its_year(office: Office) -> None:
    sentinel = watch(office, sentinel_hourly=99, sentinel_after_hours=99)
    for line in LINES[:3]:
        ask(office, line=line)
    sentinel.look()
    office.twin.clock.seconds += 60 * DAY
    sentinel.look()
    assert [one.state for one in raised(office)] == [State.SUSPECT, State.CALM]


def test_no_alert_that_leaves_names_a_record(office: Office) -> None:
    sentinel = watch(office)
    for line in LINES:
        ask(office, line=line)
    sentinel.look()
    assert any(one.record for one in raised(office))
    log = book(office.node.store)
    for row in log.rows(0, log.size()):
        kept = (row.record or b"") + (row.beside or b"")
        assert WITH_CAR.encode() not in kept
        assert WITH_CAR.encode().hex().encode() not in kept


def test_a_record_whose_budget_is_nearly_spent(office: Office) -> None:
    watching = watch(office)
    record, writer = WITHOUT_CAR.encode(), office.node.store.writer

    def cells(first: int, stop: int) -> None:
        rows = [(record, 2026, n.to_bytes(16, "big"), b"x") for n in range(first, stop)]
        writer.write(lambda c: c.executemany("INSERT INTO cell VALUES (?, ?, ?, ?)", rows))

    cells(0, 192)
    watching.look()
    assert raised(office) == []
    writer.write(lambda c: c.execute("INSERT INTO alert VALUES (?, 2026)", (record,)))
    watching.look()
    cells(192, 216)
    watching.look()
    assert states(office, *Rule) == [
        (Rule.BUDGET, State.SUSPECT, 192),
        (Rule.BUDGET, State.ALARM, 216),
    ]


def test_one_case_for_more_people_than_a_household(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HOUSEHOLD_PERSONS", 2)
    watching = watch(office, sentinel_hourly=99, sentinel_after_hours=99)
    reference = b"\xcd" * 32
    for number in (WITH_CAR, WITHOUT_CAR, WITH_CAR):
        office.fresh(number)
        office.answers(office.ask(number, case=reference))
        office.answers(office.ask(number, case=reference))
    office.answers(office.ask(WITH_CAR))
    watching.look()
    assert [(one.rule, one.about, one.level) for one in raised(office)] == [
        (Rule.CROWD, "cd" * 32, 3)
    ]
    office.twin.clock.seconds += 2 * DAY
    watching.look()
    assert [one.state for one in raised(office)] == [State.SUSPECT, State.CALM]


def test_each_alert_is_signed_and_lies_in_the_log(office: Office) -> None:
    at(office, MORNING)
    ask(office, 5)
    watch(office).look()
    log = book(office.node.store)
    (row,) = log.rows(5, 6)
    document = row.beside or b""
    said = alert.read(document, office.node.party.manifest, HERE)
    (one,) = raised(office)
    assert said == Alert(
        federation="test",
        party=HERE,
        matter=one.matter,
        at=MORNING,
        rule=Rule.VOLUME,
        about="coordinator",
        was=State.CALM,
        state=State.SUSPECT,
        level=5,
        bounds=guard({"sentinel_hourly": 4}).bounds()[Rule.VOLUME],
    )
    assert kinds.read(row.record or b"").event == AlertRaised(
        matter=one.matter, rule="VOLUME", state="SUSPECT", alert=sha256(document).digest()
    )
    office.check()


def test_after_a_restart_nothing_is_raised_twice(office: Office) -> None:
    at(office, MORNING)
    ask(office, 13)
    for _ in range(3):
        watch(office).look()
    assert states(office, *Rule) == [(Rule.VOLUME, State.ALARM, 13)]
    at(office, MORNING + HOUR)
    watch(office).look()
    assert len(raised(office)) == 1  # the last hour still counts


def test_a_start_reads_no_further_back_than_it_has_to(office: Office) -> None:
    for day in range(6):
        at(office, MORNING + day * DAY)
        ask(office, 2)
    connection = office.node.store.reader
    assert [sentinel._before(connection, MORNING + n * DAY) for n in range(7)] == [
        *(2 * n for n in range(6)),
        12,
    ]
    fresh = watch(office)
    fresh.look()
    assert fresh._last == 12


def test_what_could_not_be_logged_is_raised_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = watch(office, sentinel_hourly=99, sentinel_after_hours=99)
    for line in LINES[:3]:
        ask(office, line=line)

    def fails(*_: object) -> None:
        raise Unavailable("LOG_UNAVAILABLE")

    with monkeypatch.context() as patch:
        patch.setattr(Alerts, "raise_all", fails)
        with pytest.raises(Unavailable):
            watching.look()
    watching.look()
    assert states(office, *Rule) == [(Rule.SERIES, State.SUSPECT, 3)]


def test_erasing_a_record_erases_what_was_suspected_of_it(office: Office) -> None:
    watching = watch(office, sentinel_hourly=3)
    for line in LINES[:3]:
        ask(office, line=line)
    office.answers(office.ask(WITHOUT_CAR))
    watching.look()
    assert {one.rule for one in raised(office)} == {Rule.SERIES, Rule.VOLUME, Rule.HOURS}
    office.end(WITH_CAR)
    office.eraser.follow(office.order(WITH_CAR))
    assert {one.rule for one in raised(office)} == {Rule.VOLUME, Rule.HOURS}
    log = book(office.node.store)
    left = [row.record for row in log.rows(0, log.size()) if row.record]
    said = [kinds.read(one).event for one in left if _is_alert(one)]
    assert {one.rule for one in said if isinstance(one, AlertRaised)} == {"VOLUME", "HOURS"}
    watching.look()
    assert {one.rule for one in raised(office)} == {Rule.VOLUME, Rule.HOURS}
    office.check()


def _is_alert(record: bytes) -> bool:
    return events.is_event(record) and events.read(record)["kind"] == AlertRaised.kind


def test_erased_and_unreadable_questions_are_passed_over(office: Office) -> None:
    ask(office)
    office.answers(office.ask(WITH_CAR, WITHOUT_CAR))
    office.node.store.writer.write(
        lambda c: c.execute("UPDATE answered SET questions = x'0001ff' WHERE rowid = 1")
    )
    office.end(WITH_CAR)
    office.eraser.follow(office.order(WITH_CAR))
    watch(office, sentinel_hourly=1).look()
    assert {one.rule for one in raised(office)} == {Rule.VOLUME}


@pytest.mark.parametrize(
    "settings",
    [
        {"sentinel_hourly": 0},
        {"sentinel_hourly": "many"},
        {"sentinel_hourly": True},
        {"sentinel_after_hours": 10**9 + 1},
        {"sentinel_lines": 5},
        {"working_time": "8-18"},
        {"working_time": 8},
    ],
)
def test_settings_are_held_to_their_bounds(settings: Mapping[str, object]) -> None:
    with pytest.raises(BadInput, match="SETTINGS_INVALID"):
        guard(settings)


def test_the_default_of_every_setting_reads() -> None:
    assert guard({}).bounds().keys() == {
        Rule.VOLUME,
        Rule.HOURS,
        Rule.SERIES,
        Rule.BUDGET,
        Rule.CROWD,
    }


class Sentinels(RuleBasedStateMachine):
    """Whenever somebody looks, restarts or fails: the log has each change once, in order."""

    where: Path

    def __init__(self) -> None:
        super().__init__()
        folder = self.where / f"{len(list(self.where.iterdir()))}"
        self.twin = erasures.make(folder)
        self.node = twins.open_node(self.twin)
        self.office = erasures.open_office(self.twin, self.node)
        at(self.office, MORNING)
        self.watching = watch(self.office)

    def teardown(self) -> None:
        self.node.__exit__()

    @rule(line=st.sampled_from([0, 0, 0, *LINES]), times=st.integers(1, 3))
    def ask(self, line: int, times: int) -> None:
        ask(self.office, times, line=line)

    @rule(hours=st.sampled_from([1, 9, 24, 48]))
    def wait(self, hours: int) -> None:
        end = self.office.people[WITH_CAR].claims.expires
        at(self.office, min(self.twin.clock.seconds + hours * HOUR, end - 1))

    @rule()
    def look(self) -> None:
        self.watching.look()

    @rule()
    def restart(self) -> None:
        self.watching = watch(self.office)

    @invariant()
    def each_change_is_in_the_log_once(self) -> None:
        log = book(self.node.store)
        logged = [
            alert.read(row.beside or b"", self.node.party.manifest, HERE)
            for row in log.rows(0, log.size())
            if _is_alert(row.record or b"")
        ]
        told = raised(self.office)
        assert [(one.matter, one.state) for one in logged] == [(t.matter, t.state) for t in told]
        now: dict[bytes, State] = {}
        for one in logged:
            assert now.get(one.matter, State.CALM) is one.was
            now[one.matter] = one.state
        alive = Alerts(self.node.party, self.node.store, self.twin.clock).known()
        assert len(alive) == sum(state is not State.CALM for state in now.values())


def test_alerts_under_any_order_of_events(tmp_path: Path) -> None:
    Sentinels.where = tmp_path
    test = Sentinels.TestCase
    test.settings = settings(max_examples=8, stateful_step_count=15, deadline=None)
    test("runTest").runTest()
