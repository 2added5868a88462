"""The lives of planted cases: carried to their end, or left undecided where a report is another."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.casework import practice
from coordinator.casework.lifecycle import Event, State
from coordinator.casework.workdays import WorkDays
from coordinator.findings.assess import Status
from coordinator.life_book import LifeBook
from coordinator.life_desk import LifeDesk, Practised
from coordinator.store import Store
from federation import catalogue
from federation.terminal import Terminal
from hedui.demo import lives
from hedui.demo.lives import COURSES, Course
from tests.coordinator import town as towns
from tests.coordinator.documents.offices import asked
from tests.coordinator.town import Town, case_text

EN = Terminal(lang="en")


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    town = towns.build(tmp_path)

    @contextmanager
    def opened(_: Path) -> Iterator[LifeDesk]:
        with town.desk() as desk, town.database() as database:
            by = Practised(practice=practice.load(), days=WorkDays(), clock=town.clock)
            yield LifeDesk(desk, Store(database), LifeBook(database), by)

    monkeypatch.setattr(lives, "open_life", opened)
    return town


def found(town: Town, case: str) -> frozenset[str]:
    with town.desk() as desk:
        rows = desk.show(case).rows
    return frozenset(row.predicate for row in rows if row.status is Status.FOUND)


def finish(case: str, course: Course, monkeypatch: pytest.MonkeyPatch) -> lives.Lived:
    monkeypatch.setattr(lives, "COURSES", {"X": course})
    (lived,) = lives.finish(Path(), {case: "X"})
    return lived


def test_every_course_names_what_there_is() -> None:
    known = {one.id for one in catalogue.load()}
    reasons = practice.load().reasons
    for course in COURSES.values():
        assert course.found <= known
        for reason in course.reasons:
            assert course.decision in reasons[reason].events
    assert set("ABCDEFIJKLN") <= COURSES.keys()


def test_a_case_is_carried_to_its_end(
    town: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = asked(town)
    course = replace(COURSES["A"], found=found(town, case))
    lived = finish(case, course, monkeypatch)
    assert (lived.state, lived.odd) == (State.REFUSED, ())
    assert lived.path[-4:] == (Event.VISIT, Event.NOTICE, Event.ACKNOWLEDGE, Event.REFUSE)
    lives.show([lived], EN)
    said = capsys.readouterr().out
    assert "✓ X  refused" in said
    assert "notice acknowledged → decision: refuse" in said


def test_nobody_decides_by_a_report_that_says_something_else(
    town: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = asked(town)
    course = replace(COURSES["A"], found=found(town, case) ^ {"P51"})
    lived = finish(case, course, monkeypatch)
    assert (lived.state, lived.odd) == (State.NOTICED, ("P51", "NOTICED"))
    lives.show([lived], EN)
    assert "✗ P51" in capsys.readouterr().out


def test_a_blind_spot_must_be_there(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    case = asked(town)
    course = replace(COURSES["D"], found=found(town, case))
    lived = finish(case, course, monkeypatch)
    blind = bool(lived.blind)
    assert lived.odd == (() if blind else ("NO_RECORD",))
    assert finish(case, replace(course, steps=(), blind=not blind), monkeypatch).odd


def test_whoever_was_accepted_is_not_accepted_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    with town.desk() as desk:
        (case,) = desk.new([desk.read(case_text().encode()).case])
    for _ in range(2):
        lives.begin(Path(), [case])
    course = Course(found=frozenset(), steps=(), ends=State.COMMISSIONED)
    lived = finish(case, course, monkeypatch)
    assert (lived.path, lived.odd) == ((Event.ACCEPT, Event.COMMISSION), ())
