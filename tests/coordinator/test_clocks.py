"""The clocks of a case: when they begin and end, what is due, and who is reminded."""

from datetime import datetime

import pytest

from coordinator.casework.clocks import Level, Moment, Running, Timed, clocks, local
from coordinator.casework.lifecycle import State
from coordinator.casework.practice import Practice, parse
from coordinator.casework.workdays import WorkDays
from federation.clock import BUSINESS_ZONE

ROW = """
[[clock]]
id = "{id}"
programmes = []
area = ""
since = {since}
begins = {begins}
ends = {ends}
{length}
zh = "期限"
en = "clock"
source = "测试"
"""
DECISION = ROW.format(
    id="decision",
    since="2020-01-01",
    begins='["open", "accept"]',
    ends='["grant", "refuse"]',
    length="workdays = 18",
)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BUSINESS_ZONE).timestamp())


def run(
    known: Practice, now: str, *moments: tuple[str, str], state: State = State.DRAFT
) -> list[Running]:
    case = Timed(
        case_id="HD-1",
        programme="TEKUN",
        area="360313",
        state=state,
        moments=[Moment(name=name, at=at(when)) for name, when in moments],
    )
    return clocks(case, known, WorkDays(), at(now))


def test_eighteen_working_days_over_the_spring_festival() -> None:
    known = parse(DECISION, "")
    opened = ("open", "2022-01-18T09:30")
    (one,) = run(known, "2022-01-18T10:00", opened)
    assert (local(one.due), one.provisional) == ("2022-02-16 23:59", False)
    for now, level in (
        ("2022-01-28T23:59", Level.RUNNING),
        ("2022-01-29T00:00", Level.HALF),
        ("2022-02-16T23:59:59", Level.HALF),
        ("2022-02-17T00:00", Level.OVER),
    ):
        assert run(known, now, opened)[0].level is level, now
    (ended,) = run(known, "2022-03-01T00:00", opened, ("grant", "2022-01-26T16:00"))
    assert (ended.level, ended.ended) == (Level.RUNNING, at("2022-01-26T16:00"))


def test_the_newest_beginning_counts_and_the_first_end_after_it() -> None:
    known = parse(DECISION, "")
    moments = [("open", "2022-01-04T09:00"), ("accept", "2022-01-18T09:00")]
    (one,) = run(known, "2022-01-19T09:00", *moments)
    assert one.began == at("2022-01-18T09:00")
    twice = ROW.format(
        id="objection",
        since="2020-01-01",
        begins='["object"]',
        ends='["settle"]',
        length="days = 10",
    )
    objected = [
        ("open", "2022-01-04T09:00"),
        ("object", "2022-01-05T09:00"),
        ("settle", "2022-01-06T09:00"),
        ("object", "2022-01-10T09:00"),
    ]
    (one,) = run(parse(twice, ""), "2022-01-15T09:00", *objected)
    assert (one.ended, local(one.due), one.level) == (None, "2022-01-20 23:59", Level.HALF)
    assert run(parse(twice, ""), "2022-01-15T09:00", objected[0]) == []


def test_hours_count_to_the_second() -> None:
    known = parse(
        ROW.format(
            id="report",
            since="2020-01-01",
            begins='["open"]',
            ends='["report"]',
            length="hours = 24",
        ),
        "",
    )
    opened = ("open", "2022-01-28T10:00")
    for now, level in (
        ("2022-01-28T21:59:59", Level.RUNNING),
        ("2022-01-28T22:00", Level.HALF),
        ("2022-01-29T10:00", Level.HALF),
        ("2022-01-29T10:00:01", Level.OVER),
    ):
        assert run(known, now, opened)[0].level is level, now


def test_the_rule_of_the_day_on_which_it_began() -> None:
    older = DECISION.replace("2020-01-01", "2014-01-01").replace("= 18", "= 30")
    known = parse(DECISION.replace("2020-01-01", "2022-01-10") + older, "")
    lengths = [
        run(known, "2022-01-20T09:00", ("open", f"2022-01-{day}T09:00"))[0].rule.length
        for day in ("07", "10")
    ]
    assert lengths == [30, 18]
    assert run(known, "2013-02-01T09:00", ("open", "2013-01-04T09:00")) == []


@pytest.mark.parametrize("state", [State.GRANTED, State.WITHDRAWN_VOLUNTARY])
def test_a_decided_case_is_waited_for_no_more(state: State) -> None:
    known = parse(DECISION, "")
    opened = ("open", "2022-01-18T09:30")
    assert run(known, "2023-01-01T00:00", opened, state=state) == []
    ended = run(known, "2023-01-01T00:00", opened, ("grant", "2022-03-01T00:00"), state=state)
    assert [one.level for one in ended] == [Level.OVER]
