"""The register follows the cases: what has happened to them, and nobody's name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from coordinator.casework import practice
from coordinator.casework.happened import Act, CaseEvent
from coordinator.casework.lifecycle import Event, State
from coordinator.casework.workdays import WorkDays
from coordinator.database import Database
from coordinator.desk import Books, Desk
from coordinator.feedback.tasks import Reply, Result
from coordinator.life_book import LifeBook
from coordinator.statistics import layout, periods
from coordinator.statistics.counting import Counting
from coordinator.statistics.desk import StatisticsDesk
from coordinator.statistics.gathering import Gathering, Practised
from coordinator.statistics.register import KEY, Numbers
from coordinator.store import Store
from federation.clock import FixedClock
from tests.coordinator.feedback.conftest import open_desk
from tests.coordinator.town import APPLICANT, NOW, WIFE_TEXT, Town, case_text

HOUR = 3_600
PERIOD = periods.parse("2026-11")


@contextmanager
def statistics(town: Town) -> Iterator[tuple[StatisticsDesk, Gathering]]:
    """Open the desk of statistics anew."""
    with town.desk() as desk, town.database() as database:
        gathering = gathering_of(town, desk, database)
        counting = Counting(database, layout.load())
        yield StatisticsDesk(desk, gathering, counting, town.clock), gathering


def gathering_of(town: Town, desk: Desk, database: Database) -> Gathering:
    books = Books(
        store=Store(database),
        life=LifeBook(database),
        record=None,  # type: ignore[arg-type]
        sums=None,  # type: ignore[arg-type]
        gate=desk.gate,
    )
    by = Practised(
        practice=practice.load(), days=WorkDays(), clock=town.clock, numbers=Numbers(town.data)
    )
    return Gathering(desk, books, database, by)


def verified(town: Town, *texts: str, after: int = 0) -> list[str]:
    """Open cases, have them answered, and look at their reports so many seconds later."""
    cases = town.ready(*texts)
    with town.desk() as desk:
        desk.run(cases)
    at(town, after)
    with town.desk() as desk:
        for case in cases:
            desk.show(case)
    return cases


def at(town: Town, seconds: int) -> None:
    town.clock = FixedClock(NOW + seconds)


def test_a_case_counts_when_it_is_reported(town: Town) -> None:
    (case,) = town.ready(case_text(more=WIFE_TEXT))
    with statistics(town) as (desk, _):
        assert desk.statistics(PERIOD).total.households == 0
        (coverage,) = desk.coverage(PERIOD)
        assert (coverage.new.wanted, coverage.new.checked) == (1, 0)
    with town.desk() as desk:
        desk.run([case])
        desk.show(case)
    with statistics(town) as (desk, _):
        total = desk.statistics(PERIOD).total
        (coverage,) = desk.coverage(PERIOD)
    assert (total.households, total.persons, total.people) == (1, 2, 2)
    assert (total.hits, total.findings) == (1, 8)
    assert (total.timed, total.late) == (1, 0)
    assert (coverage.new.wanted, coverage.new.checked) == (1, 1)


def test_time_to_the_report_and_the_day_that_was_promised(town: Town) -> None:
    verified(town, case_text(), after=6 * HOUR)
    at(town, 0)
    verified(town, case_text(commission="790301-18"), after=30 * HOUR)
    with statistics(town) as (desk, _):
        total = desk.statistics(PERIOD).total
    assert (total.timed, total.late, total.in_time) == (2, 1, 0.5)
    assert total.hours == 18.0
    # one person twice: two times, one of the people
    assert (total.persons, total.people) == (2, 1)


def test_only_cases_that_changed_are_looked_at_again(town: Town) -> None:
    first, _ = verified(town, case_text(), case_text(commission="790301-18"))
    with statistics(town) as (_, gathering):
        assert gathering.refresh() == 2
        assert gathering.refresh() == 0
    with town.database() as database:
        book = LifeBook(database)
        book.act(first, Act(event=Event.VISIT, operator="op-lin"), NOW)
    with statistics(town) as (_, gathering):
        assert gathering.refresh() == 1


def test_a_case_that_is_asked_anew_stays_as_it_was(town: Town) -> None:
    (case,) = verified(town, case_text())
    with statistics(town) as (desk, _):
        before = desk.statistics(PERIOD).total
    with town.database() as database:
        book = LifeBook(database)
        for event in (Event.NOTICE, Event.RECONFIRM):
            book.act(case, Act(event=event, operator="op-lin", document=b"\1" * 32), NOW)
        book.asked([case], NOW, again=True)
    with statistics(town) as (desk, gathering):
        assert gathering.refresh() == 0
        assert desk.statistics(PERIOD).total == before
    with town.database() as database:
        assert LifeBook(database).history([case])[case][-1].event is Event.QUERY


def test_counting_takes_no_step_in_a_clerk_s_name(town: Town) -> None:
    """Not even of a case that was visited while it was asked anew."""
    (case,) = asked_anew(town)
    before = history(town, case)
    with statistics(town) as (desk, gathering):
        assert desk.statistics(PERIOD).total.households == 0
        assert gathering.refresh() == 0
    assert history(town, case) == before
    assert before[-1].state is State.QUERYING


def test_a_report_that_nobody_asked_for_leaves_a_case_where_it_is(town: Town) -> None:
    (case,) = town.ready(case_text())
    with town.desk() as desk:
        desk.run([case])
        (report,) = desk.reports([case])
        assert history(town, case)[-1].event is Event.QUERY
        assert desk.show(case) == report
    assert history(town, case)[-1].event is Event.REPORT


def test_reports_are_read_a_group_at_a_time(town: Town) -> None:
    """Ten cases more cost no statement more, but for writing their lines."""
    verified(town, case_text())
    with statistics(town) as (_, gathering):
        one = reads(gathering)
    verified(town, *[case_text(commission=f"c-{n}") for n in range(11)])
    with statistics(town) as (_, gathering):
        assert reads(gathering) == one


def asked_anew(town: Town) -> list[str]:
    """Have a household confirmed and asked anew, and visited before its next report."""
    (case,) = verified(town, case_text())
    with town.database() as database:
        book = LifeBook(database)
        for event in (Event.NOTICE, Event.RECONFIRM):
            book.act(case, Act(event=event, operator="op-lin", document=b"\1" * 32), NOW)
    with town.desk() as desk:
        desk.run([case], again=True)
    with town.database() as database:
        LifeBook(database).act(case, Act(event=Event.VISIT, operator="op-lin"), NOW)
    return [case]


def history(town: Town, case: str) -> list[CaseEvent]:
    with town.database() as database:
        return LifeBook(database).history([case])[case]


def reads(gathering: Gathering) -> int:
    """Count the statements by which everything that changed is read."""
    read: list[str] = []

    def heard(*words: Any) -> None:
        if "check_" not in words[2]:
            read.append(words[2])

    event.listen(Engine, "before_cursor_execute", heard)
    try:
        assert gathering.refresh()
    finally:
        event.remove(Engine, "before_cursor_execute", heard)
    return len(read)


def test_objections_decisions_and_feedback(town: Town) -> None:
    (case,) = verified(town, case_text())
    with open_desk(town) as feedback:
        (task,) = feedback.issue([case], "reviewer")
        reply = Reply(result=Result.CONFIRMED, document=b"\2" * 32, at=NOW, operator="clerk")
        feedback.answer(task.id, [1], reply)
    with town.database() as database:
        book = LifeBook(database)
        objection = Act(event=Event.OBJECT, operator="op-lin", document=b"\1" * 32)
        book.act(case, Act(event=Event.VISIT, operator="op-lin"), NOW)
        book.act(case, objection, NOW)
        book.act(case, Act(event=Event.SETTLE, operator="op-lin", reasons=("CORRECTED",)), NOW)
        book.act(case, Act(event=Event.GRANT, operator="op-lin"), NOW)
    with statistics(town) as (desk, _):
        total = desk.statistics(PERIOD).total
    assert (total.objected, total.sustained, total.granted) == (1, 1, 1)
    assert (total.flagged, total.answered, total.confirmed) == (4, 1, 1)
    assert (total.tasks_due, total.tasks_on_time) == (0, 0)
    at(town, 60 * 24 * HOUR)
    with statistics(town) as (desk, _):
        late = desk.statistics(PERIOD).total
    assert (late.tasks_due, late.tasks_on_time, late.feedback) == (1, 0, 0.0)


def test_the_register_names_nobody(town: Town) -> None:
    verified(town, case_text(more=WIFE_TEXT))
    with statistics(town) as (desk, _):
        desk.statistics(PERIOD)
    with town.database() as database, database.reading() as connection:
        lines = connection.exec_driver_sql("SELECT * FROM check_line").all()
        people = connection.exec_driver_sql("SELECT * FROM check_person").all()
    everything = repr([tuple(row) for row in (*lines, *people)])
    assert len(people) == 2
    assert APPLICANT not in everything
    assert "王" not in everything
    # the same person has another number under another key
    mine = Numbers(town.data).of(APPLICANT)
    assert str(mine) in everything
    (town.data / KEY).unlink()
    assert Numbers(town.data).of(APPLICANT) != mine
