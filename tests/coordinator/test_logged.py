"""The centre's log: whatever it asks is there before it is sent, and whatever came, as it came."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from coordinator import log_book, store
from coordinator.asking import journal
from coordinator.desk import Desk
from coordinator.log_book import Entry
from federation import limits
from federation.errors import Unavailable
from federation.exchange import Outcome, Purpose, Refusal
from federation.ledger import LedgerEntry, digest
from federation.log.coordinator_events import CaseConsented, CaseOpened
from federation.log.kinds import Happened
from federation.wire import codec
from tests.coordinator import logged
from tests.coordinator.town import (
    APPLICANT,
    KINDS,
    NOW,
    WIFE,
    WIFE_TEXT,
    Departments,
    Killed,
    Town,
    case_text,
    told,
)


def test_a_case_from_opening_to_answers(town: Town) -> None:
    (case,) = town.ready()
    with town.desk() as desk:
        desk.run([case])
    names = logged.without_steps(town)
    assert names[:2] == ["case.opened", "case.consented"]
    assert sorted(names[2:]) == ["reply"] * 5 + ["request"] * 5
    logged.settled(town)
    (number,) = (form.hex() for form in town.registrar.forms)
    assert logged.said(town)[1] == Happened(NOW, CaseConsented(case=case, consent_no=number))


def test_every_question_leads_to_case_commission_and_operator(town: Town) -> None:
    """By nothing but the log: three cases in one request, each with its own commission."""
    ids = town.ready(*[case_text(commission=f"c-{n}", more=WIFE_TEXT) for n in range(3)])
    with town.desk() as desk:
        desk.run(ids, group=3)
    wanted = [
        (name, case, f"c-{n}", "op-lin")
        for name in KINDS
        for n, case in enumerate(ids)
        for _ in range(2)
    ]
    assert sorted(logged.joined(town)) == sorted(wanted)
    assert len(logged.exchanges(town, "request")) == len(KINDS)


def test_a_reference_opens_to_no_other_operator(town: Town) -> None:
    (case,) = town.ready()
    with town.desk() as desk:
        desk.run([case])
    (opened,) = (
        one.event
        for one in logged.said(town)
        if isinstance(one, Happened) and isinstance(one.event, CaseOpened)
    )
    (found,) = {tuple(one[1:]) for one in logged.joined(town)}
    assert found == (case, opened.commission, opened.operator)
    with town.database() as database, database.writing() as connection:
        connection.execute(text("UPDATE case_file SET operator = 'op-wang'"))
    with town.desk() as desk:
        desk.run([case], again=True)
    with pytest.raises(KeyError):
        logged.joined(town)


@dataclass
class Watching(Departments):
    """Departments that look, at each request, whether it stands in the centre's log already."""

    file: Path
    seen: list[str] = field(default_factory=list)

    def call(self, department: str, request: bytes) -> bytes:
        with sqlite3.connect(self.file) as connection:
            rows = connection.execute("SELECT record FROM log WHERE beside_in != ''").fetchall()
        connection.close()
        entries = [codec.decode_entry(row) for (row,) in rows]
        assert [e.caller for e in entries if e.beside == digest(request)] == [department]
        self.seen.append(department)
        return super().call(department, request)


@pytest.mark.parametrize("group", [1, 3])
def test_nothing_is_sent_that_is_not_in_the_log(town: Town, group: int) -> None:
    ids = town.ready(*[case_text(commission=f"c-{n}") for n in range(7)])
    watching = Watching(town.departments.by_id, town.data / "coordinator.sqlite")
    town.departments = watching
    with town.desk() as desk:
        desk.run(ids, group=group)
    assert len(watching.seen) == len(KINDS) * -(-7 // group)
    logged.settled(town)


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_kill_inside_the_transaction_leaves_neither_request_nor_entry(
    town: Town, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (case,) = town.ready()
    before = logged.without_steps(town)

    def dying(connection: Connection, entries: Sequence[Entry]) -> None:
        if where == "after":
            log_book.append(connection, entries)
        raise Killed

    monkeypatch.setattr(journal, "append", dying)
    with town.desk() as desk, pytest.raises(Killed):
        desk.run([case])
    monkeypatch.undo()
    assert logged.without_steps(town) == before
    logged.settled(town)
    assert not any(one.requests for one in town.departments.by_id.values())
    with town.desk() as desk:
        assert desk.run([case]).answered == 5
    logged.settled(town)


class Unsent(journal.Journal):
    """A journal whose process dies when a request is kept, logged, and about to be sent."""

    def sending(self, _batch_id: int) -> None:
        raise Killed


def test_a_kill_between_log_and_sending_is_taken_up_with_the_same_bytes(town: Town) -> None:
    (case,) = town.ready()
    town.wrap_journal = lambda one: Unsent(one._database)
    with town.desk() as desk, pytest.raises(Killed):
        desk.run([case])
    town.wrap_journal = lambda one: one
    entries = logged.exchanges(town, "request")
    assert entries
    assert not any(one.requests for one in town.departments.by_id.values())
    with town.desk() as desk:
        assert desk.run([case]).answered == 5
    for entry in entries:
        (request,) = town.departments[entry.caller].requests
        assert digest(request) == entry.beside
    assert len(logged.exchanges(town, "request")) == len(KINDS)
    logged.settled(town)


@pytest.mark.parametrize(
    "done",
    [
        lambda desk, _: desk.new([desk.read(case_text().encode()).case]),
        lambda desk, case: desk.revoke(case),
        lambda desk, case: desk.run([case]),
    ],
    ids=["new", "revoke", "run"],
)
def test_what_cannot_be_logged_is_not_done(town: Town, done: Callable[[Desk, str], object]) -> None:
    (case,) = town.ready()
    names = logged.without_steps(town)
    with town.database() as database, database.writing() as connection:
        connection.execute(text("ALTER TABLE log RENAME TO elsewhere"))
    with town.desk() as desk, pytest.raises(Unavailable) as caught:
        done(desk, case)
    assert caught.value.code == "DATABASE_UNAVAILABLE"
    with town.database() as database, database.writing() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO log"))
    assert logged.without_steps(town) == names
    with town.desk() as desk:
        assert desk.case_ids() == [case]
        assert desk.run([case]).answered == 5
    logged.settled(town)


@pytest.mark.parametrize("replay", [b"garbage", b"", b"\x0a\x03abc", b"x" * 70_000])
def test_what_is_no_answer_is_kept_as_it_came(town: Town, replay: bytes) -> None:
    (case,) = town.ready()
    town.departments["tax"].replay = replay or b"\x00"
    with town.desk() as desk:
        desk.run([case])
    (entry,) = (one for one in logged.exchanges(town, "reply") if one.caller == "tax")
    assert (entry.answer, entry.beside) == (b"", digest(replay or b"\x00"))
    logged.settled(town)


def test_a_lie_is_logged_with_its_header(town: Town) -> None:
    (case,) = town.ready()
    bank, other = town.departments["bank_a"], town.departments["bank_b"]
    bank.key = other.key
    with town.desk() as desk:
        desk.run([case])
    (entry,) = (one for one in logged.exchanges(town, "reply") if one.caller == "bank_a")
    (lie,) = bank.answers.values()
    assert entry.answer == codec.decode_batch(lie).envelope.payload
    assert (entry.beside, entry.at) == (digest(lie), NOW)
    logged.settled(town)


def test_an_answer_that_came_too_late_is_logged_and_the_next_request_too(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    tax.script = [Unavailable("PEER_UNREACHABLE")] * 3
    with town.desk() as desk:
        desk.run([case])
    town.clock.seconds += limits.REQUEST_LIFE + 1
    with town.desk() as desk:
        desk.run([case])
    mine = [one for one in logged.said(town) if isinstance(one, LedgerEntry)]
    assert [(one.kind, one.at - NOW) for one in mine if one.caller == "tax"] == [
        ("request", 0),
        ("reply", 301),
        ("request", 301),
        ("reply", 301),
    ]
    logged.settled(town)


def test_a_question_that_is_to_be_presented_again_is_two_exchanges(town: Town) -> None:
    (case,) = town.ready()
    with town.desk() as desk:
        desk.run([case])
        town.departments["tax"].known.clear()
        desk.run([case], again=True)
    mine = [one for one in logged.said(town) if isinstance(one, LedgerEntry)]
    assert [one.kind for one in mine if one.caller == "tax"] == ["request", "reply"] * 3
    logged.settled(town)


def test_the_life_of_a_consent(town: Town) -> None:
    (case,) = town.ready()
    with town.desk() as desk:
        desk.suspend(case)
        desk.suspend(case)
        desk.resume(case)
        desk.revoke(case)
        desk.revoke(case)
    expected = ["opened", "consented", "suspended", "resumed", "ended"]
    assert logged.without_steps(town) == [f"case.{one}" for one in expected]


def test_a_consent_ends_in_the_log_before_the_registrar_hears_of_it(town: Town) -> None:
    (case,) = town.ready()
    town.registrar.script = [Unavailable("PEER_UNREACHABLE")]
    with town.desk() as desk, pytest.raises(Unavailable):
        desk.revoke(case)
    assert logged.without_steps(town)[-1] == "case.ended"


def test_what_departments_say_of_a_consent_is_told_when_the_registrar_confirms_it(
    town: Town,
) -> None:
    (case,) = town.ready()
    refusal = told(Outcome.REFUSED, refusal=Refusal.CONSENT_REVOKED)
    town.departments["tax"].answer = lambda _: refusal
    town.registrar.script = [Unavailable("PEER_UNREACHABLE")]
    with town.desk() as desk:
        desk.run([case])
        assert "case.ended" not in logged.without_steps(town)
        town.registrar.revoked |= {form.hex() for form in town.registrar.forms}
        desk.run([case])
    assert logged.without_steps(town)[-1] == "case.ended"


def test_a_review_is_a_case_of_its_own(town: Town) -> None:
    (case,) = town.ready()
    with town.desk() as desk:
        again = desk.renew(case, Purpose.REVIEW).filed.id
        desk.consent([again])
        desk.change_household(case)
    events = [one.event for one in logged.said(town) if isinstance(one, Happened)]
    opened = [one for one in events if isinstance(one, CaseOpened)]
    assert [(one.case, one.purpose) for one in opened] == [(case, "ENTRY"), (again, "REVIEW")]
    assert opened[0].opening != opened[1].opening
    assert logged.without_steps(town)[2:4] == ["case.opened", "case.consented"]


def test_no_number_and_no_name_is_in_the_log(town: Town) -> None:
    (case,) = town.ready(case_text(more=WIFE_TEXT))
    with town.desk() as desk:
        desk.run([case])
        desk.revoke(case)
    with town.database() as database:
        rows = logged.rows(database)
    written = b"".join((row.record or b"") + (row.beside or b"") for row in rows)
    for secret in (APPLICANT, WIFE, "王甲", "李乙"):
        assert secret.encode() not in written


def test_cases_of_one_call_are_logged_together(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counting(connection: Connection, entries: Sequence[Entry], *more: Any) -> None:
        calls.append(len(entries))
        log_book.append(connection, entries, *more)

    monkeypatch.setattr(store, "append", counting)
    town.ready(*[case_text(commission=f"c-{n}") for n in range(40)])
    assert [one for one in calls if one] == [40, 40]
    logged.settled(town)
