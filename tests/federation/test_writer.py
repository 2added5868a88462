"""Group commit: all of a group or nothing, and everybody hears of it."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from federation.errors import HeduiError, Refused, Unavailable
from federation.writer import GROUP, Writer


class Ledgered:
    """A database file with one table, its writer, and what was committed how often."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("CREATE TABLE IF NOT EXISTS line (text TEXT UNIQUE)")
        self.statements: list[str] = []
        self.connection.set_trace_callback(self.statements.append)
        self.writer = Writer(self.connection)

    def lines(self) -> set[str]:
        with sqlite3.connect(self.path) as other:
            found = {row[0] for row in other.execute("SELECT text FROM line")}
        other.close()
        return found

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")

    def together(self, jobs: Sequence[Callable[[sqlite3.Connection], object]]) -> list[object]:
        """Run jobs in one group: all are queued while the writer is held up."""
        held, go = threading.Event(), threading.Event()

        def hold(_: sqlite3.Connection) -> None:
            held.set()
            go.wait(10)

        with ThreadPoolExecutor(len(jobs) + 1) as pool:
            holding = pool.submit(self.writer.write, hold)
            held.wait(10)
            futures = [pool.submit(self.writer.write, job) for job in jobs]
            while self.writer._queue.qsize() < len(jobs):
                pass
            go.set()
            holding.result(10)
            return [future.exception(10) or future.result(10) for future in futures]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Ledgered]:
    one = Ledgered(tmp_path / "book.sqlite")
    yield one
    one.writer.close()


def line(text: str) -> Callable[[sqlite3.Connection], str]:
    def job(c: sqlite3.Connection) -> str:
        c.execute("INSERT INTO line VALUES (?)", (text,))
        return text

    return job


def refusing(c: sqlite3.Connection) -> str:
    c.execute("SELECT count(*) FROM line").fetchone()
    raise Refused("REPLAYED")


def test_a_job_is_durable_when_it_returns(book: Ledgered) -> None:
    assert book.writer.write(line("one")) == "one"
    assert book.lines() == {"one"}


def test_what_arrives_meanwhile_is_one_transaction(book: Ledgered) -> None:
    texts = [f"line {n}" for n in range(60)]
    before = book.commits
    assert sorted(map(str, book.together([line(t) for t in texts]))) == sorted(texts)
    assert book.commits - before == 2  # the holder's own and the group's
    assert book.lines() == set(texts)


def test_a_group_has_an_end(book: Ledgered) -> None:
    before = book.commits
    book.together([line(str(n)) for n in range(GROUP + 5)])
    assert book.commits - before == 3


def test_jobs_of_a_group_see_one_another_in_order(book: Ledgered) -> None:
    def count(c: sqlite3.Connection) -> int:
        c.execute("INSERT INTO line VALUES (hex(randomblob(8)))")
        return int(c.execute("SELECT count(*) FROM line").fetchone()[0])

    assert sorted(map(int, map(str, book.together([count] * 20)))) == list(range(1, 21))


def test_a_refusal_is_its_own_callers_only(book: Ledgered) -> None:
    results = book.together([line("a"), refusing, line("b"), refusing])
    assert results[0] == "a"
    assert results[2] == "b"
    assert [str(one) for one in results[1::2]] == ["REPLAYED", "REPLAYED"]
    assert book.lines() == {"a", "b"}


def test_a_full_disk_fails_the_whole_group_and_writes_nothing(book: Ledgered) -> None:
    book.writer.write(line("before"))
    pages = book.writer.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
    book.writer.write(lambda c: c.execute(f"PRAGMA max_page_count = {pages + 2}").fetchone())
    big = "x" * 3000
    results = book.together([line(f"{n}{big}") for n in range(8)] + [refusing])
    assert {getattr(one, "code", one) for one in results} == {"LOG_UNAVAILABLE"}
    assert all(isinstance(one, Unavailable) for one in results)
    assert book.lines() == {"before"}
    book.writer.write(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchone())
    assert book.writer.write(line("after")) == "after"
    assert book.lines() == {"before", "after"}


def test_a_commit_that_fails_fails_everybody(
    book: Ledgered, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deferred(c: sqlite3.Connection) -> None:
        c.execute("INSERT INTO child VALUES (1)")

    book.writer.write(
        lambda c: [
            c.execute("PRAGMA foreign_keys = ON"),
            c.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)"),
            c.execute(
                "CREATE TABLE child (id REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)"
            ),
        ]
    )
    book.connection.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(HeduiError, match="LOG_UNAVAILABLE"):
        book.writer.write(deferred)
    assert book.writer.write(line("after")) == "after"


def test_a_fault_of_one_job_is_not_the_others(book: Ledgered) -> None:
    def bug(c: sqlite3.Connection) -> None:
        c.execute("INSERT INTO line VALUES ('half')")
        raise IndexError("a bug")

    results = book.together([line("a"), bug, line("b"), line("a")])
    kinds = [type(one) for one in results]
    assert kinds == [str, IndexError, str, Unavailable]  # the second "a" breaks the table's rule
    assert book.lines() == {"a", "b"}


def test_a_job_that_refuses_after_writing_is_undone(book: Ledgered) -> None:
    def late(c: sqlite3.Connection) -> None:
        c.execute("INSERT INTO line VALUES ('half')")
        raise Refused("REPLAYED")

    results = book.together([late, line("a")])
    assert isinstance(results[0], RuntimeError)
    assert results[1] == "a"
    assert book.lines() == {"a"}


def test_many_threads(book: Ledgered) -> None:
    def work(number: int) -> list[str]:
        return [book.writer.write(line(f"{number}/{n}")) for n in range(25)]

    with ThreadPoolExecutor(16) as pool:
        done = [text for texts in pool.map(work, range(16)) for text in texts]
    assert book.lines() == set(done)
    assert len(done) == 400
    assert book.commits < 400


def test_a_group_is_not_seen_before_its_commit(book: Ledgered) -> None:
    seen: list[set[str]] = []

    def look(c: sqlite3.Connection) -> None:
        c.execute("INSERT INTO line VALUES ('inside')")
        seen.append(book.lines())

    book.writer.write(look)
    assert seen == [set()]
    assert book.lines() == {"inside"}


def test_who_comes_after_closing_is_refused(tmp_path: Path) -> None:
    one = Ledgered(tmp_path / "book.sqlite")
    one.writer.write(line("a"))
    one.writer.close()
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        one.writer.write(line("b"))
    assert one.lines() == {"a"}


def test_closing_finishes_what_is_queued(tmp_path: Path) -> None:
    one = Ledgered(tmp_path / "book.sqlite")
    with ThreadPoolExecutor(20) as pool:
        futures = [pool.submit(one.writer.write, line(str(n))) for n in range(20)]
        one.writer.close()
        done = {f.result(10) for f in futures if not f.exception(10)}
    assert one.lines() == done
    assert all(isinstance(f.exception(), Unavailable | None) for f in futures)
