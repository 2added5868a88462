"""A centre of before there was a log: its log begins with what it has done."""

from dataclasses import replace
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from coordinator import migrations
from coordinator.asking.journal import Received
from coordinator.asking.mandate_books import Filed, Listed, MandateBooks
from coordinator.casework.filed import ConsentStage
from coordinator.database import Database
from federation.errors import Unavailable
from federation.ledger import LedgerEntry
from federation.log.coordinator_events import CaseMoved
from federation.log.kinds import Happened
from tests.coordinator import logged
from tests.coordinator.logged import Said
from tests.coordinator.test_log_entries import REQUEST
from tests.coordinator.town import NOW, Town, case_text

MANDATE = Filed(id=b"m" * 16, document=b"", signed=True, salt=b"", size=1, round=1, created=NOW)
LISTED = Listed(department="tax", signed_list=b"list", presented=False)


def go_back(connection: Connection, revision: str) -> None:
    """Make the database one of an earlier release."""
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(migrations.__path__[0])))
    alembic.attributes["connection"] = connection
    command.downgrade(alembic, revision)


def ask_by_mandate(database: Database) -> None:
    """Keep a list of a mandate and two questions of it, one of them answered."""
    books = MandateBooks(database)
    books.add(MANDATE, ["79030119700312011X"])
    books.keep_list(MANDATE.id, LISTED, [b"p" * 32], NOW)
    sent = [books.send(MANDATE, "tax", 0, (one, ""), REQUEST) for one in ("P10", "P64")]
    books.answer(MANDATE, "tax", sent[0], b"said", Received(data=b"answer", at=NOW + 3))


def timeless(one: Said) -> Said:
    """Forget the time of what has none of its own in the books."""
    if isinstance(one, LedgerEntry):
        return one if one.kind == "request" else replace(one, at=0)
    return one if one.event.kind == "case.opened" else one._replace(at=0)


def _step(one: Said) -> bool:
    """Tell a step of a case's life, which no books of that time had."""
    return isinstance(one, Happened) and isinstance(one.event, CaseMoved)


def test_the_log_begins_with_what_was_done_before_it(town: Town) -> None:
    first, second, third = town.ready(*[case_text(commission=f"c-{n}") for n in range(3)])
    town.departments["tax"].replay = b"garbage"
    town.departments["bank_a"].script = [Unavailable("PEER_UNREACHABLE")] * 10
    with town.desk() as desk:
        desk.run([first, second, third])
        desk.revoke(second)
        desk.suspend(third)
        desk.new([desk.read(case_text().encode()).case])
    with town.database() as database:
        ask_by_mandate(database)
    before = [one for one in logged.said(town) if not _step(one)]
    with town.database() as database, database.writing() as connection:
        go_back(connection, "0003")
    after = logged.said(town)
    assert sorted(map(repr, map(timeless, after))) == sorted(map(repr, map(timeless, before)))
    assert {one.at for one in after if isinstance(one, LedgerEntry) and one.kind == "request"} == {
        NOW
    }
    events = [one.event.kind for one in after if isinstance(one, Happened)]
    assert events.count("case.opened") == 4
    assert {"case.consented", "case.suspended", "case.ended", "mandate.enlisted"} < {*events}
    logged_mandates = sum(one.caller == "tax" for one in after if isinstance(one, LedgerEntry))
    assert logged_mandates == 2 * 3 + 3
    with town.database() as database:
        logged.keeper(town, database).cut()
        assert logged.keeper(town, database).check(0, 100) == 0


def test_what_was_on_its_way_goes_on_with_the_same_bytes(town: Town) -> None:
    (case,) = town.ready()
    tax = town.departments["tax"]
    tax.script = [Unavailable("PEER_UNREACHABLE")] * 3
    with town.desk() as desk:
        desk.run([case])
    with town.database() as database, database.writing() as connection:
        go_back(connection, "0003")
    with town.desk() as desk:
        assert desk.standing([case])[0].stage is ConsentStage.READY
        desk.run([case])
    assert len({*tax.requests}) == 1
    logged.settled(town)
