"""A desk of feedback over the town's own desk, with cases that were asked and reported."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from coordinator.casework.workdays import WorkDays
from coordinator.feedback import rules
from coordinator.feedback.book import FeedbackBook
from coordinator.feedback.desk import FeedbackDesk, Terms
from coordinator.life_book import LifeBook
from tests.coordinator.town import WIFE_TEXT, Town, case_text


@contextmanager
def open_desk(town: Town) -> Iterator[FeedbackDesk]:
    """Open the desk of feedback anew."""
    with town.desk() as desk, town.database() as database:
        terms = Terms(
            rules=rules.load(),
            days=WorkDays(),
            clock=town.clock,
            centre="coordinator",
            key=town.keys["coordinator"],
        )
        yield FeedbackDesk(desk, LifeBook(database), FeedbackBook(database), terms)


@pytest.fixture
def case(town: Town) -> str:
    """Open a household's case, have everything answered and the report seen."""
    (case_id,) = town.ready(case_text(more=WIFE_TEXT))
    with town.desk() as desk:
        desk.run([case_id])
        desk.show(case_id)
    return case_id
