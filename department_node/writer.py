"""Group commit: one thread, one transaction for all that arrived meanwhile, one fsync.

Knows SQLite transactions and futures. Does not know what a job writes. A job reads, decides and
writes inside the shared transaction; when the commit fails, every job of the group fails. A job
that fails by itself (a bug) is undone alone: the others run again, so a job must bear a second run.
"""

import queue
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Any, Final, TypeVar

from federation.errors import HeduiError, Unavailable

T = TypeVar("T")
_Job = tuple[Callable[..., Any], Future[Any]]

GROUP: Final = 256
"""Most jobs in one transaction."""


class Writer:
    """The only writer of a database file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job in the next group and wait until it is durable.

        A job that raises a HeduiError must not have written anything yet: that is a bug.

        Raises:
            HeduiError: what the job raised.
            Unavailable: LOG_UNAVAILABLE when the group could not be made durable.
        """
        future: Future[T] = Future()
        self._queue.put((job, future))
        if self._closed:
            self._refuse_late()
        return future.result()

    def close(self) -> None:
        """Finish the queue and stop the thread; who comes later is refused."""
        self._queue.put(None)
        self._thread.join()
        self._closed = True
        self._refuse_late()
        self._connection.close()

    def _run(self) -> None:
        running = True
        while running:
            group = [self._queue.get()]
            while len(group) < GROUP and not self._queue.empty():
                group.append(self._queue.get_nowait())
            jobs = [entry for entry in group if entry is not None]
            running = len(jobs) == len(group)
            if jobs:
                self._commit(jobs)

    def _refuse_late(self) -> None:
        while not self._queue.empty():
            with suppress(queue.Empty):
                entry = self._queue.get_nowait()
                if entry is not None:
                    entry[1].set_exception(Unavailable("LOG_UNAVAILABLE", why="closed"))

    def _commit(self, jobs: list[_Job]) -> None:
        results: list[tuple[Future[Any], Any]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job, future in jobs:
                before = self._connection.total_changes
                try:
                    results.append((future, job(self._connection)))
                except HeduiError as refusal:
                    if self._connection.total_changes != before:
                        raise RuntimeError("refused after it had written") from refusal
                    results.append((future, refusal))
            self._connection.execute("COMMIT")
        except BaseException as e:  # noqa: BLE001 - every waiting caller must hear of it
            self._give_up(jobs, e)
            return
        for future, result in results:
            if isinstance(result, HeduiError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _give_up(self, jobs: list[_Job], cause: BaseException) -> None:
        """Undo a group; a fault of one job alone is not to fail the others, so each runs again."""
        with suppress(sqlite3.Error):  # a connection that cannot roll back fails at the next BEGIN
            self._connection.rollback()
        if len(jobs) > 1 and not isinstance(cause, sqlite3.OperationalError):
            for job in jobs:
                self._commit([job])
            return
        for _, future in jobs:
            failure = cause
            if isinstance(cause, sqlite3.Error):
                failure = Unavailable("LOG_UNAVAILABLE", why=type(cause).__name__)
                failure.__cause__ = cause
            future.set_exception(failure)
