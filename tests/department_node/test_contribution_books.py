"""What is kept of shares: begun, then whole, and closed when it is gone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from department_node.contribution_books import ContributionBooks, Share
from department_node.store import Store
from federation.exchange import Answer, Outcome

RUN = b"r" * 32
SHARE = Share(Answer(outcome=Outcome.CONTRIBUTED, as_of=20261117), b"c" * 768)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[ContributionBooks]:
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "node.sqlite", isolation_level=None)) as connection:
        yield ContributionBooks(connection)


def test_a_share_is_there_once_it_is_whole(books: ContributionBooks) -> None:
    assert not books.begun(RUN)
    assert books.find(RUN) is None
    books.begin(RUN, 5)
    assert books.begun(RUN)
    assert books.find(RUN) is None
    assert books.lost() == 1
    books.complete(RUN, SHARE)
    assert books.find(RUN) == SHARE
    assert books.lost() == 0


def test_a_run_is_begun_once(books: ContributionBooks) -> None:
    books.begin(RUN, 5)
    with pytest.raises(sqlite3.IntegrityError):
        books.begin(RUN, 6)


def test_nothing_is_closed_by_an_exchange_that_is_not_there(books: ContributionBooks) -> None:
    books.begin(RUN, 5)
    books.complete(RUN, SHARE)
    books.close(b"q" * 16)
    assert books.find(RUN) == SHARE


def test_no_repr_shows_a_ciphertext() -> None:
    assert "ccc" not in repr(SHARE)
