"""The book of lives: a step and its entry in the log, both or neither, and never two from one."""

from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from typing import Any, Final

import pytest
from sqlalchemy import Connection, delete

from coordinator import life_book, log_book
from coordinator.casework.happened import Act
from coordinator.casework.lifecycle import Event, Life, State
from coordinator.database import Database
from coordinator.life_book import LifeBook
from coordinator.log_book import Entry, LogBook
from coordinator.schema_lifecycle import case_event
from coordinator.store import Store
from federation.errors import BadInput, Refused
from federation.log.coordinator_events import CaseMoved
from federation.log.kinds import Happened
from tests.coordinator import logged
from tests.coordinator.town import NOW, Killed, Town, case_text

ACCEPT: Final = Act(event=Event.ACCEPT, operator="op-wang", document=b"d" * 32, note="备注")


def moves(town: Town) -> list[CaseMoved]:
    happened = [one.event for one in logged.said(town) if isinstance(one, Happened)]
    return [one for one in happened if isinstance(one, CaseMoved)]


def opened(town: Town, number: int = 1) -> list[str]:
    with town.desk() as desk:
        texts = [case_text(commission=f"c-{n}") for n in range(number)]
        return desk.new([desk.read(one.encode()).case for one in texts])


def test_a_step_is_kept_and_logged_without_its_note(town: Town) -> None:
    (case,) = opened(town)
    with town.database() as database:
        one = LifeBook(database).act(case, ACCEPT, NOW)
        assert LifeBook(database).history([case]) == {case: [one]}
        assert LifeBook(database).lives([case])[case].state is State.ACCEPTED
        logged.keeper(town, database).cut()
        logged.check(LogBook(database))
    assert (one.number, one.note) == (1, "备注")
    assert moves(town) == [
        CaseMoved(
            case=case,
            event="accept",
            state="ACCEPTED",
            operator="op-wang",
            reasons=(),
            document=b"d" * 32,
            other="",
        )
    ]


def test_what_is_refused_changes_nothing(town: Town) -> None:
    (case,) = opened(town)
    with town.database() as database:
        book = LifeBook(database)
        with pytest.raises(Refused, match="CASE_UNREPORTED") as refusal:
            book.act(case, Act(event=Event.GRANT, operator="op"), NOW)
        assert refusal.value.details["case"] == case
        with pytest.raises(BadInput, match="CASE_UNKNOWN"):
            book.act("HD-9", ACCEPT, NOW)
        assert book.lives([case]) == {case: Life()}
    assert moves(town) == []


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_kill_leaves_neither_step_nor_entry_nor_case(
    town: Town, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    (case,) = town.ready()
    with town.desk() as desk:
        desk.run([case])
        desk.show(case)
        (filed,) = Store(desk._store._database).cases([case])
    before = moves(town)
    real = log_book.append

    def dying(connection: Connection, entries: Sequence[Entry]) -> None:
        if where == "after":
            real(connection, entries)
        raise Killed

    monkeypatch.setattr(life_book, "append", dying)
    with town.database() as database:
        act = Act(event=Event.TRANSFER, operator="op", reasons=("OTHER_PROGRAMME_FITS",))
        with pytest.raises(Killed):
            LifeBook(database).transfer(case, act, (filed.case, ""), NOW, bytes)
        assert Store(database).case_ids() == [case]
        assert LifeBook(database).lives([case])[case].state is State.REPORTED
    assert moves(town) == before


def test_two_at_once_take_one_step(town: Town) -> None:
    (case,) = opened(town)
    with town.database() as database:
        ended = _both(lambda: LifeBook(database).act(case, ACCEPT, NOW))
        assert sorted(type(one).__name__ for one in ended) == ["CaseEvent", "Refused"]
        assert [one.number for one in LifeBook(database).history([case])[case]] == [1]


def _both(job: Callable[[], Any]) -> list[Any]:
    ended: list[Any] = []
    ready = Barrier(2)

    def run() -> None:
        ready.wait(10)
        try:
            ended.append(job())
        except Refused as refused:
            ended.append(refused)

    threads = [Thread(target=run) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    return ended


def test_many_cases_move_on_together_by_their_own_operators(town: Town) -> None:
    ids = opened(town, 1_000)
    with town.database() as database:
        LifeBook(database).asked(ids, NOW, again=False)
        LifeBook(database).asked(ids, NOW, again=False)
        states = {life.state for life in LifeBook(database).lives(ids).values()}
    assert states == {State.QUERYING}
    assert [(one.case, one.operator) for one in moves(town)] == [(one, "op-lin") for one in ids]


def test_a_case_of_before_stands_at_the_beginning_and_moves_on(town: Town) -> None:
    """A database that had cases before it had lives: what they are goes by what comes next."""
    (case,) = town.ready()
    with town.database() as database:
        _forget(database)
    with town.desk() as desk:
        assert desk.standing([case])[0].state is State.DRAFT
        assert desk.run([case]).answered == 5
        desk.show(case)
        assert desk.standing([case])[0].state is State.REPORTED


def _forget(database: Database) -> None:
    with database.writing() as connection:
        connection.execute(delete(case_event))
