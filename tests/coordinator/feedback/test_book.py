"""A ticket about a sum names the run that told what was found: whose, and which came to an end."""

from pathlib import Path

import pytest
from sqlalchemy import select

from coordinator.feedback.tasks import Reply, Result, Task
from coordinator.schema import sum_ask, sum_run
from federation.exchange import Refusal
from tests.coordinator import summed
from tests.coordinator.feedback.conftest import open_desk
from tests.coordinator.imports.lists import number
from tests.coordinator.summed import SUPPORTER, Summing, table
from tests.coordinator.town import NOW, WIFE_TEXT, case_text, person_text

MONTH = 31 * 86_400


@pytest.fixture
def town(tmp_path: Path) -> Summing:
    """Give a town whose household has too much, and whose supporter has too."""
    found = summed.build(tmp_path, table("H2", "assets-12s") + SUPPORTER)
    found.amounts("H2", 99_999, 99_999, 0)
    return found


def issued(town: Summing) -> Task:
    """Have a household asked and reported, and its findings issued."""
    supporter = person_text(number(7, "19450101"), "王丁", "OTHER", "SUPPORTER")
    (case,) = town.ready(case_text(more=WIFE_TEXT + supporter))
    with town.desk() as desk:
        desk.run([case])
        desk.show(case)
    with open_desk(town) as feedback:
        (task,) = feedback.issue([case], "reviewer")
    return task


def runs(town: Summing) -> dict[int, list[tuple[str, bytes]]]:
    """Give the runs by whose they are, oldest first."""
    wanted = select(sum_ask.c.subject, sum_run.c.state, sum_run.c.run).join(
        sum_run, sum_run.c.sum_id == sum_ask.c.sum_id
    )
    found: dict[int, list[tuple[str, bytes]]] = {}
    with town.database() as database, database.reading() as connection:
        for row in connection.execute(wanted.order_by(sum_run.c.run_no)):
            found.setdefault(row.subject, []).append((row.state, bytes(row.run)))
    return found


def named(town: Summing, task: Task) -> dict[int, set[bytes]]:
    """Answer every finding of a sum, and give the runs that tickets name, by whose they are."""
    said = Reply(result=Result.WRONG_DATA, document=b"\x5a" * 32, at=NOW, operator="clerk")
    found: dict[int, set[bytes]] = {}
    with open_desk(town) as desk:
        for one in task.findings:
            if one.matter.predicate == "H2":
                known = {ticket.ticket for ticket, _ in desk.tickets()}
                desk.answer(task.id, [one.number], said)
                new = {each.exchange for each, _ in desk.tickets() if each.ticket not in known}
                found[one.matter.person] = new
    return found


def test_a_ticket_names_the_run_of_whom_it_is_about(town: Summing) -> None:
    task = issued(town)
    told = {whose: {run for _, run in of} for whose, of in runs(town).items()}
    assert sorted(told) == [-1, 2]
    assert named(town, task) == told


def test_a_run_that_told_nothing_is_named_by_no_ticket(town: Summing) -> None:
    town.registrar.expires = town.clock.now() + 12 * MONTH
    task = issued(town)
    told = {whose: {run for _, run in of} for whose, of in runs(town).items()}
    town.clock.seconds += MONTH
    town.tally.refuses = Refusal.SUM_RUNS_EXHAUSTED
    with town.desk() as desk:
        desk.run([task.case_id], again=True)
    assert {of[-1][0] for of in runs(town).values()} == {"REFUSED"}
    assert named(town, task) == told
