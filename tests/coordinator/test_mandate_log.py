"""Batch mandates in the centre's log: lists, questions before they go out, answers as they came."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from coordinator.asking.mandates import MandateRun, Ports, Standing
from coordinator.mandate_cli import MandateDesk
from federation import catalogue, limits
from federation.errors import Unavailable
from federation.ledger import LedgerEntry, digest
from federation.log.coordinator_events import MandateEnlisted
from federation.log.kinds import Happened
from federation.wire import codec, mandate_messages
from tests.coordinator import logged
from tests.coordinator.logged import Said
from tests.support import mandates as towns
from tests.support.mandates import CIVIL, RURAL, Town, person_id

PEOPLE = [person_id(n) for n in range(40)]
Call = Callable[[str, bytes], bytes]


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    """Let blocks be small, so that there are several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "MANDATE_BLOCK", 16)
        yield


@pytest.fixture(scope="module")
def town(small_blocks: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Run a registrar and two departments."""
    with towns.running(tmp_path_factory.mktemp("town") / "f", 40) as running:
        yield running


def said(desk: MandateDesk) -> list[tuple[Said, bytes | None]]:
    return [(logged.read(row.record), row.beside) for row in logged.rows(desk.at.database)]


def run(desk: MandateDesk, mandate: bytes, wrap: Callable[[Call], Call]) -> list[Standing]:
    """Run a mandate's questions with something between the centre and the departments."""
    asked = desk.at
    ports = Ports(books=desk.books, call=wrap(asked.transport().ask_mandate), clock=asked.clock)
    conductor = MandateRun(
        asked.asker(), asked.party.manifest, catalogue.load(), ports, asked.patience()
    )
    return conductor.run(desk.books.find(mandate))


def test_lists_questions_and_answers_are_logged(town: Town) -> None:
    filed = town.enlisted(PEOPLE)
    with town.desk() as desk:
        before = len(said(desk))
        lists = desk.books.lists(filed.id)
        looked: list[bytes] = []

        def watching(call: Call) -> Call:
            def send(department: str, request: bytes) -> bytes:
                signed = codec.envelope_of(request)
                (entry,) = (
                    one
                    for one, _ in said(desk)
                    if isinstance(one, LedgerEntry) and one.request == signed.payload
                )
                assert (entry.kind, entry.caller) == ("request", department)
                looked.append(request)
                return call(department, request)

            return send

        standing = run(desk, filed.id, watching)
        assert [(one.done, one.all, one.code) for one in standing] == [(3, 3, "")] * 2
        entries = said(desk)
        events = [one.event for one, _ in entries[:before] if isinstance(one, Happened)]
        exchanges = [(one, b) for one, b in entries[before:] if isinstance(one, LedgerEntry)]
    listed = {one.department: one.list for one in events if isinstance(one, MandateEnlisted)}
    assert listed == {name: one.digest for name, one in lists.items()}
    assert {one.mandate for one in events if isinstance(one, MandateEnlisted)} == {filed.id}
    assert sorted((one.kind, one.caller) for one, _ in exchanges) == sorted(
        [(kind, name) for kind in ("request", "reply") for name in (CIVIL, RURAL)] * 3
    )
    assert len(looked) == 6
    for one, beside in exchanges:
        assert one.beside == digest(beside or b"")
        if one.kind == "request":
            (item,) = codec.decode_batch(beside or b"").items
            assert mandate_messages.decode_question(item.item).signed_list == listed[one.caller]


def test_an_answer_that_is_none_is_logged_and_the_question_put_anew(town: Town) -> None:
    filed = town.enlisted([person_id(n) for n in range(100, 110)])

    def lying(call: Call) -> Call:
        return lambda department, request: call(department, request)[:-1]

    with town.desk() as desk:
        before = len(said(desk))
        standing = run(desk, filed.id, lying)
        assert {(one.done, one.code) for one in standing} == {(0, "MALFORMED")}
        assert run(desk, filed.id, lambda call: call)[0].done == 1
        mine = [one for one, _ in said(desk)[before:] if isinstance(one, LedgerEntry)]
    of_civil = [one for one in mine if one.caller == CIVIL]
    assert [one.kind for one in of_civil] == ["request", "reply"] * 2
    assert len({one.request for one in of_civil}) == 2
    assert of_civil[1].answer == codec.envelope_of(_beside(town, of_civil[1])).payload


def _beside(town: Town, entry: LedgerEntry) -> bytes:
    with town.desk() as desk:
        (found,) = (beside for one, beside in said(desk) if one == entry)
    return found or b""


def test_nothing_is_asked_from_a_log_that_was_altered(town: Town) -> None:
    filed = town.enlisted([person_id(n) for n in range(200, 210)])
    change = text("UPDATE log SET record = :record WHERE seq = 1")
    with town.desk() as desk:
        record = logged.rows(desk.at.database)[0].record or b""
        with desk.at.database.writing() as connection:
            connection.execute(change, {"record": record + b" "})
    with town.desk() as desk, pytest.raises(Unavailable) as caught:
        desk.run.run(desk.books.find(filed.id))
    assert (caught.value.code, caught.value.details) == ("LOG_ALTERED", {"row": 0})
    with town.desk() as desk, desk.at.database.writing() as connection:
        connection.execute(change, {"record": record})
    with town.desk() as desk:
        assert [one.code for one in desk.run.run(desk.books.find(filed.id))] == ["", ""]


def test_what_a_centre_has_logged_is_under_a_checkpoint_when_it_ends(town: Town) -> None:
    town.enlisted([person_id(n) for n in range(300, 305)])
    with town.desk() as desk:
        newest = desk.at.log.book.newest()
        assert newest is not None
        assert newest.size == desk.at.log.book.size() >= 2
        logged.check(desk.at.log.book)
