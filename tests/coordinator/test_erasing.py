"""Erasing cases: whom it takes, what goes, what stays, and that the log says so."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from coordinator import integrity, schema
from coordinator.erasing import TABLES, Erasing
from coordinator.schema_documents import report_issue
from federation.erasure import Reason
from federation.errors import BadInput, Refused, Unavailable
from federation.exchange import Refusal
from federation.log.coordinator_events import CaseErased, ReportIssued
from federation.log.kinds import Happened
from federation.wire import codec, sum_messages
from tests.coordinator import logged, summed
from tests.coordinator.documents.offices import opened
from tests.coordinator.test_storage import raw
from tests.coordinator.town import APPLICANT, NOW, WIFE, WIFE_TEXT, Town, case_text

DAYS = 100
DAY = 86_400
STAYING = {
    "ask": "predicates asked of places in a case",
    "case_closing": "a time",
    "case_erasure": "says itself what was erased",
    "check_line": "counts of the register that statistics are made of; persons under a key",
    "closing_count": "signed counts of uses, of tokens",
    "consent": "numbers and ends of a consent",
    "feedback_task": "a task; its free words are in feedback_reply",
    "imported_case": "in which row of a list it stood",
    "sum_ask": "which sums were asked of places in a case",
}
"""Tables with a case in them of which nothing goes, and why nobody is named there."""


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def asked(town: Town) -> Iterator[Town]:
    """Give a town with two cases that were asked about."""
    cases = town.ready(case_text(more=WIFE_TEXT), case_text(commission="c-2"))
    with town.desk() as desk:
        desk.run(cases)
    yield town
    logged.settled(town)
    with town.database() as database:
        logged.keeper(town, database).cut()
        integrity.check(database)


def ended(town: Town) -> str:
    with town.desk() as desk:
        case, *_ = desk.case_ids()
        desk.revoke(case)
    return case


def erase(town: Town, case: str, reason: Reason = Reason.PURPOSE_ENDED) -> None:
    with town.database() as database:
        Erasing(database, town.clock, DAYS).erase(case, reason, "op-lin")


def test_every_table_of_cases_was_thought_of(town: Town) -> None:
    with town.database():
        tables = schema.metadata.tables.values()
    with_cases = {one.name for one in tables if "case_id" in one.c}
    assert with_cases - set(TABLES) == STAYING.keys()


@pytest.mark.usefixtures("backend")
def test_what_lives_is_not_erased(asked: Town) -> None:
    with asked.database() as database:
        assert Erasing(database, asked.clock, DAYS).kept(["HD-790301-2026-0001"]) == []
    for reason in Reason:
        with pytest.raises(Refused) as caught:
            erase(asked, "HD-790301-2026-0001", reason)
        assert caught.value.code == "CASE_ALIVE"


def test_a_case_is_kept_for_its_time_or_until_somebody_may_demand_it(asked: Town) -> None:
    case = ended(asked)
    with pytest.raises(Refused) as caught:
        erase(asked, case)
    assert (caught.value.code, caught.value.details["case"]) == ("CASE_KEPT", case)
    with asked.database() as database:
        (kept,) = Erasing(database, asked.clock, DAYS).kept([case, "HD-790301-2026-0002"])
    assert (kept.ended, kept.until) == (NOW, NOW + DAYS * DAY)
    assert (kept.due(kept.until - 1), kept.due(kept.until)) == (False, True)
    erase(asked, case, Reason.WITHDRAWN)


def test_a_consent_that_ran_out_has_ended(asked: Town) -> None:
    with asked.database() as database, database.reading() as connection:
        end = connection.scalar(select(func.max(schema.consent.c.not_after)))
    asked.clock.seconds = end + DAYS * DAY
    with asked.database() as database:
        kept = Erasing(database, asked.clock, DAYS).kept(["HD-790301-2026-0001"])
    assert [(one.ended, one.due(asked.clock.now())) for one in kept] == [(end, True)]
    erase(asked, kept[0].case_id)
    with asked.database() as database, database.reading() as connection:
        wanted = select(schema.consent.c.case_id, schema.consent.c.state)
        states = {one.case_id: one.state for one in connection.execute(wanted)}
    assert states["HD-790301-2026-0001"] == "REVOKED"
    assert states["HD-790301-2026-0002"] == "READY"


def test_nobody_is_named_afterwards_and_the_other_case_is_as_it_was(asked: Town) -> None:
    case = ended(asked)
    erase(asked, case, Reason.REQUESTED)
    held = raw(asked)
    assert WIFE not in held
    assert "李乙" not in held
    assert held.count(APPLICANT) == 1  # of the other case
    with asked.desk() as desk:
        assert desk.case_ids() == ["HD-790301-2026-0002"]
        assert desk.run(desk.case_ids(), again=True).not_ready == ()
        with pytest.raises(BadInput) as caught:
            desk.show(case)
        assert caught.value.code == "CASE_ERASED"
        with pytest.raises(BadInput) as caught:
            desk.run([case])
        assert caught.value.code == "CASE_ERASED"
    with pytest.raises(BadInput) as caught:
        erase(asked, case, Reason.REQUESTED)
    assert caught.value.code == "CASE_ERASED"


def test_the_log_says_so_and_loses_nothing(asked: Town) -> None:
    case = ended(asked)
    before = logged.said(asked)
    erase(asked, case, Reason.REQUESTED)
    after = logged.said(asked)
    assert after[: len(before)] == before
    (event,) = (one.event for one in after[len(before) :] if isinstance(one, Happened))
    assert event == CaseErased(case=case, reason="REQUESTED", operator="op-lin")


def test_what_was_declared_stays_in_the_request_that_opened_it_to_the_tally(
    tmp_path: Path,
) -> None:
    """And nowhere else: the log's row is over its exact bytes."""
    town = summed.build(tmp_path, summed.GAP)
    (case,) = town.ready("declared_income = 1234567\n" + case_text(more=WIFE_TEXT))
    with town.desk() as desk:
        desk.run([case])
        desk.revoke(case)
    erase(town, case, Reason.REQUESTED)
    assert "1234567" not in raw(town)
    compared = select(schema.sum_message.c.request).where(schema.sum_message.c.round == "compare")
    with town.database() as database, database.reading() as connection:
        (request,) = connection.scalars(compared)
    shown = sum_messages.decode_comparison(codec.decode_batch(bytes(request)).items[-1].item)
    assert shown.declared == 1234567
    with town.database() as database:
        logged.keeper(town, database).cut()
        assert integrity.check(database).logged
        with database.writing() as connection:
            connection.execute(update(schema.sum_message).values(request=b""))
        with pytest.raises(Unavailable) as caught:
            integrity.check(database)
    assert caught.value.code == "LOG_ALTERED"


def test_the_open_seed_of_a_refused_run_goes(tmp_path: Path) -> None:
    """What is sealed to the auditor stays: a transcript is replayed from it."""
    town = summed.build(tmp_path)
    (case,) = town.ready(case_text(more=WIFE_TEXT))
    town.tally.refuses = Refusal.SUM_RUNS_EXHAUSTED
    with town.desk() as desk:
        desk.run([case])
        desk.revoke(case)
    seeds = select(schema.sum_run.c.seed, schema.sum_run.c.sealed)
    with town.database() as database, database.reading() as connection:
        ((seed, sealed),) = connection.execute(seeds)
    assert seed
    erase(town, case, Reason.REQUESTED)
    with town.database() as database, database.reading() as connection:
        assert connection.execute(seeds).all() == [(None, sealed)]


@pytest.mark.usefixtures("backend")
def test_of_its_reports_the_digests_in_the_log_stay(asked: Town) -> None:
    other = "HD-790301-2026-0002"
    case = ended(asked)
    with opened(asked) as office:
        digests = [
            office.issue(one, "op-lin", reason).digest
            for one, reason in ((case, ""), (case, "王甲补充材料"), (other, ""))
        ]
    erase(asked, case, Reason.REQUESTED)
    with asked.database() as database, database.reading() as connection:
        left = connection.execute(select(report_issue)).all()
    assert [(one.case_id, one.digest.hex()) for one in left] == [(other, digests[2])]
    said = (one.event for one in logged.said(asked) if isinstance(one, Happened))
    assert [one.report.hex() for one in said if isinstance(one, ReportIssued)] == digests


def test_an_erasure_that_fails_half_way_changes_nothing(
    asked: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = ended(asked)

    def fail(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr("coordinator.erasing.append", fail)
    with pytest.raises(KeyError):
        erase(asked, case, Reason.REQUESTED)
    with asked.desk() as desk:
        assert desk.standing([case])[0].filed.case.persons[0].id == APPLICANT


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # a server's files are its own
def test_no_page_of_the_file_has_the_number_any_more(asked: Town, tmp_path: Path) -> None:
    erase(asked, ended(asked), Reason.REQUESTED)
    with asked.database() as database:
        Erasing(database, asked.clock, DAYS).compact()
        found = b"".join(one.read_bytes() for one in tmp_path.glob("coordinator.sqlite*"))
    assert not re.search(WIFE.encode() + "|李乙".encode(), found)
