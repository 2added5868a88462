"""Reading the log of a town's centre, and holding it to what its books and departments know."""

import hashlib
import hmac
from types import SimpleNamespace
from typing import cast

from coordinator.database import Database
from coordinator.log_book import LogBook
from coordinator.log_keeping import RULES
from federation.clock import FixedClock
from federation.ledger import LedgerEntry
from federation.log import checking, events, kinds
from federation.log.coordinator_events import CaseMoved, CaseOpened
from federation.log.keeper import Keeper, Plan
from federation.log.kinds import Happened
from federation.log.rows import Row
from federation.party import Party
from federation.strictjson import dumps
from federation.wire import codec
from tests.coordinator.town import Town, questions_of

Said = LedgerEntry | Happened


def rows(database: Database) -> list[Row]:
    """Read the whole log."""
    book = LogBook(database)
    return book.rows(0, book.size())


def read(record: bytes | None) -> Said:
    """Read a record as what it is."""
    assert record is not None
    return kinds.read(record) if events.is_event(record) else codec.decode_entry(record)


def said(town: Town) -> list[Said]:
    """Read what the log says."""
    with town.database() as database:
        return [read(row.record) for row in rows(database)]


def exchanges(town: Town, kind: str) -> list[LedgerEntry]:
    """Read the requests, or the replies."""
    return [one for one in said(town) if isinstance(one, LedgerEntry) and one.kind == kind]


def named(town: Town) -> list[str]:
    """Name what the log says, in order."""
    return [one.kind if isinstance(one, LedgerEntry) else one.event.kind for one in said(town)]


def without_steps(town: Town) -> list[str]:
    """Name what the log says, in order, but for the steps of cases' lives."""
    return [name for name in named(town) if name != CaseMoved.kind]


def keeper(town: Town, database: Database) -> Keeper:
    """Set a keeper over the centre's log."""
    owner = SimpleNamespace(
        id="coordinator", manifest=town.around.manifest, key=town.keys["coordinator"]
    )
    clock = FixedClock(town.clock.now())
    return Keeper(LogBook(database), cast("Party", owner), clock, plan=Plan(rules=RULES))


def check(book: LogBook) -> None:
    """Hold the whole log to its newest checkpoint."""
    checking.check_edge(book)
    position = checking.check_rows(book, 0, 1, RULES)
    while position:
        position = checking.check_rows(book, position, 1, RULES)


def settled(town: Town) -> None:
    """Hold log, books and departments to one another.

    Every request that is kept, and so each that a department has, is in the log once, before what
    came to it; so is every answer that is kept, and every case.
    """
    with town.database() as database:
        kept = [row for row in rows(database) if row.record and not events.is_event(row.record)]
        with database.reading() as connection:
            books = connection.exec_driver_sql(
                "SELECT department, request, receipt FROM question_batch ORDER BY batch_id"
            ).all()
            cases = connection.exec_driver_sql("SELECT case_id FROM case_file").all()
    entries = [(codec.decode_entry(row.record or b""), row.beside) for row in kept]
    for kind, column in (("request", 1), ("reply", 2)):
        logged = sorted((e.caller, beside) for e, beside in entries if e.kind == kind)
        assert logged == sorted((row[0], row[column]) for row in books if row[column] is not None)
    assert all(hashlib.sha256(b or b"").digest() == e.beside for e, b in entries)
    asked: set[bytes] = set()
    for entry, _ in entries:
        assert (entry.kind == "reply") is (entry.request in asked)
        asked.add(entry.request)
    had = {r for one in town.departments.by_id.values() for r in one.requests}
    assert had <= {beside for entry, beside in entries if entry.kind == "request"}
    happened = [one.event for one in said(town) if isinstance(one, Happened)]
    opened = [one.case for one in happened if isinstance(one, CaseOpened)]
    assert sorted(opened) == sorted(case for (case,) in cases)


def opened_by(event: CaseOpened, department: str) -> bytes:
    """Make a case's reference at a department of nothing but its entry in the log (§4)."""
    own = hmac.digest(event.opening, department.encode(), "sha256")
    words = [event.case, event.commission, event.operator]
    return hashlib.sha256(own + dumps(words)).digest()


def joined(town: Town) -> list[tuple[str, str, str, str]]:
    """Join the log alone: department, case, commission and operator of every question asked."""
    references: dict[tuple[str, bytes], CaseOpened] = {}
    found = []
    with town.database() as database:
        for row in rows(database):
            one = read(row.record)
            if isinstance(one, Happened):
                if isinstance(one.event, CaseOpened):
                    for department in town.departments.by_id:
                        references[department, opened_by(one.event, department)] = one.event
            elif one.kind == "request":
                for question in questions_of(row.beside or b""):
                    case = references[one.caller, question.case_ref]
                    found.append((one.caller, case.case, case.commission, case.operator))
    return found
