"""Findings go to townships once, come back under seal, and every loop is counted."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from coordinator.casework.clocks import Level
from coordinator.feedback.tasks import FAULTS, Reply, Result, grouped
from coordinator.schema_feedback import quality_ticket
from federation import ticket as tickets
from federation.clock import FixedClock, business_date
from federation.errors import BadInput, PeerFault
from federation.ticket import Fault
from tests.coordinator.feedback.conftest import open_desk
from tests.coordinator.statistics.test_gathering import asked_anew, history
from tests.coordinator.town import NOW, Town, header_of

SEALED = b"\x5a" * 32
DAY = 86_400


def reply(result: Result, **more: object) -> Reply:
    made = Reply(result=result, document=SEALED, at=NOW + DAY, operator="town-clerk")
    return replace(made, **more)  # type: ignore[arg-type]


def test_findings_are_grouped_by_township_household_and_category(town: Town, case: str) -> None:
    with open_desk(town) as desk:
        (task,) = desk.issue([case], "reviewer")
        again = list(desk.issue([case], "reviewer"))
        found = grouped(desk.tasks())
    assert again == []
    assert task.id == "FB-790301-2026-0001"
    assert (task.area, task.case_id, task.operator) == ("790301", case, "reviewer")
    assert list(found) == ["790301"]
    assert list(found["790301"]) == [case]
    # both are said to have a business (12), a company (27) and money at either bank (30)
    categories = found["790301"][case]
    assert list(categories) == [12, 27, 30]
    assert [[f.matter.person for _, f in some] for some in categories.values()] == [
        *([0, 1], [0, 1]),
        [0, 0, 1, 1],
    ]


def test_the_due_day_counts_working_days(town: Town, case: str) -> None:
    with open_desk(town) as desk:
        (task,) = desk.issue([case], "reviewer")
    assert business_date(NOW).isoformat() == "2026-11-18"
    # 15 working days from a Wednesday: three weeks later, none of them a holiday
    assert business_date(task.due).isoformat() == "2026-12-09"
    assert business_date(task.due + 1).isoformat() == "2026-12-10"
    assert not task.provisional


def test_only_reported_cases_are_issued(town: Town) -> None:
    (case_id,) = town.ready()
    with open_desk(town) as desk:
        assert list(desk.issue([case_id], "reviewer")) == []


def test_a_case_that_is_asked_anew_is_not_issued_and_stays_where_it_is(town: Town) -> None:
    """Also when it was visited after it was asked."""
    (case_id,) = asked_anew(town)
    before = history(town, case_id)
    with open_desk(town) as desk:
        assert list(desk.issue([case_id], "reviewer")) == []
    assert history(town, case_id) == before


def test_a_task_is_closed_by_the_last_answer_and_counted(town: Town, case: str) -> None:
    with open_desk(town) as desk:
        (task,) = desk.issue([case], "reviewer")
        partly = desk.answer(task.id, [1, 2, 5, 6, 7, 8], reply(Result.CONFIRMED))
        assert partly.closed is None
        done = desk.answer(
            task.id, [3, 4], reply(Result.EXPLAINED, exemption="COMPANY_CEASED", at=NOW + 2 * DAY)
        )
        (loop,) = desk.loops(desk.tasks())
    assert done.closed == NOW + 2 * DAY
    assert done.on_time
    assert (loop.area, loop.issued, loop.closed, loop.on_time, loop.overdue) == (
        *("790301", 1),
        *(1, 1, 0),
    )
    assert loop.rate == 1.0


def test_reminders_at_half_and_all_of_the_time(town: Town, case: str) -> None:
    with open_desk(town) as desk:
        (task,) = desk.issue([case], "reviewer")
        assert desk.reminders() == []
    half = replace_clock(town, NOW + 12 * DAY)
    with open_desk(half) as desk:
        assert [(one.id, desk.level(one)) for one in desk.reminders()] == [(task.id, Level.HALF)]
        assert desk.overdue() == []
    over = replace_clock(town, task.due + 1)
    with open_desk(over) as desk:
        assert [one.id for one in desk.overdue()] == [task.id]
        assert desk.overdue(area="7904") == []
        (loop,) = desk.loops(desk.tasks())
        assert (loop.due, loop.overdue, loop.rate) == (1, 1, 0.0)
        late = desk.answer(task.id, range(1, 9), reply(Result.CONFIRMED, at=desk.now))
        assert late.closed == desk.now
        assert not late.on_time
        (loop,) = desk.loops(desk.tasks())
        assert (loop.closed, loop.on_time, loop.overdue) == (1, 0, 0)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (reply(Result.CONFIRMED, document=b""), "DOCUMENT_MISSING"),
        (reply(Result.EXPLAINED), "EXEMPTION_MISSING"),
        (reply(Result.EXPLAINED, exemption="OLD_HOUSE"), "EXEMPTION_UNKNOWN"),
        (reply(Result.CONFIRMED, exemption="COMPANY_CEASED"), "EXEMPTION_UNKNOWN"),
    ],
)
def test_an_answer_without_its_ground_changes_nothing(
    town: Town, case: str, given: Reply, code: str
) -> None:
    with open_desk(town) as desk:
        (task,) = desk.issue([case], "reviewer")
        with pytest.raises(BadInput, match=code):
            desk.answer(task.id, [1, 3], given)
        assert desk.task(task.id) == task


def test_an_unknown_task_or_finding_changes_nothing(town: Town, case: str) -> None:
    with open_desk(town) as desk:
        (task,) = desk.issue([case], "reviewer")
        for wanted, numbers in (("FB-790301-2026-0009", [1]), (task.id, [1, 9])):
            with pytest.raises(BadInput, match="FEEDBACK_UNKNOWN"):
                desk.answer(wanted, numbers, reply(Result.CONFIRMED))
        assert desk.task(task.id) == task


def test_a_corrected_answer_counts_and_the_first_one_stays(town: Town, case: str) -> None:
    with open_desk(town) as desk:
        (task,) = desk.issue([case], "reviewer")
        desk.answer(task.id, [1], reply(Result.CONFIRMED))
        desk.answer(task.id, [1], reply(Result.WRONG_PERSON, note="同名"))
        first = desk.task(task.id).findings[0]
    assert first.reply is not None
    assert (first.reply.result, first.reply.note) == (Result.WRONG_PERSON, "同名")
    assert "同名" not in repr(first)
    with town.database() as database, database.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT version, result FROM feedback_reply ORDER BY version"
        ).all()
    assert [tuple(row) for row in rows] == [(1, "CONFIRMED"), (2, "WRONG_PERSON")]


def test_wrong_data_writes_a_signed_ticket_that_names_no_person(town: Town, case: str) -> None:
    with open_desk(town) as desk:
        (task,) = desk.issue([case], "reviewer")
        desk.answer(task.id, [3], reply(Result.WRONG_DATA))
        ((ticket, document),) = desk.tickets()
        assert desk.tickets("tax") == []
    matter = task.findings[2].matter
    assert ticket.ticket == "QT-market_regulation-2026-0001"
    assert (ticket.department, ticket.predicate) == ("market_regulation", matter.predicate)
    assert ticket.fault is Fault.WRONG_DATA
    assert frozenset({Result.WRONG_PERSON, Result.WRONG_DATA}) == FAULTS
    assert ticket.document == SEALED
    # the department finds its record by the exchange it answered in
    sent = town.departments["market_regulation"].requests
    assert ticket.exchange in {header_of(one).qid for one in sent}
    assert case.encode() not in document


@pytest.mark.parametrize("by", ["another centre", "nobody"])
def test_a_ticket_in_the_book_that_this_centre_did_not_sign_is_not_listed(
    town: Town, case: str, by: str
) -> None:
    with open_desk(town) as desk:
        (task,) = desk.issue([case], "reviewer")
        desk.answer(task.id, [3], reply(Result.WRONG_DATA))
        ((ticket, document),) = desk.tickets()
    key = town.keys["coordinator"]
    if by == "nobody":
        changed = document.replace(b'"sig":"', b'"sig":"A', 1)
    else:
        one = replace(town.around.manifest.party("coordinator"), id="other")
        parties = {**town.around.manifest.parties, "other": one}
        town.around = replace(town.around, manifest=replace(town.around.manifest, parties=parties))
        changed = tickets.sign(replace(ticket, centre="other"), key)
        assert tickets.read(changed, town.around.manifest).centre == "other"
    with town.database() as database, database.writing() as connection:
        connection.execute(update(quality_ticket).values(document=changed))
    with open_desk(town) as desk, pytest.raises(PeerFault, match="TICKET_INVALID"):
        desk.tickets()


def replace_clock(town: Town, now: int) -> Town:
    town.clock = FixedClock(now)
    return town
