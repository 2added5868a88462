"""Group commit: one thread, one transaction for all that arrived meanwhile, one fsync.

Knows SQLite transactions and threads that wait. Does not know what a job writes. A job reads,
decides and writes inside the shared transaction; when the commit fails, every job of the group
fails. Jobs of one kind are settled together, by one call for the group. A job that fails by itself
(a bug) is undone alone: the others run again, so a job must bear a second run.
"""

import queue
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any, Final, TypeVar

from federation.errors import HeduiError, Unavailable

S = TypeVar("S")
T = TypeVar("T")

GROUP: Final = 256
"""Most jobs in one transaction."""


def _held() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True)
class _Job:
    """One caller's work, and the lock that it waits on: a Future does more than this needs."""

    work: Callable[..., Any]
    together: bool = False
    item: Any = None
    done: Lock = field(default_factory=_held)
    result: Any = None
    error: BaseException | None = None


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
        result: T = self._wait(_Job(job))
        return result

    def settle(self, work: Callable[[sqlite3.Connection, Sequence[S]], Sequence[T]], item: S) -> T:
        """Run ``work`` once over all items that the next group has for it; give this one's result.

        Raises:
            Unavailable: LOG_UNAVAILABLE when the group could not be made durable.
        """
        result: T = self._wait(_Job(work, together=True, item=item))
        return result

    def _wait(self, entry: _Job) -> Any:
        self._queue.put(entry)
        if self._closed:
            self._refuse_late()
        entry.done.acquire()
        if entry.error is not None:
            raise entry.error
        return entry.result

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
                    entry.error = Unavailable("LOG_UNAVAILABLE", why="closed")
                    entry.done.release()

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                if not job.together:
                    self._do(job)
            for work in dict.fromkeys(job.work for job in jobs if job.together):
                self._do_together([job for job in jobs if job.work == work])
            self._connection.execute("COMMIT")
        except BaseException as e:  # noqa: BLE001 - every waiting caller must hear of it
            self._give_up(jobs, e)
            return
        for job in jobs:
            job.done.release()

    def _do(self, job: _Job) -> None:
        before = self._connection.total_changes
        try:
            job.result = job.work(self._connection)
        except HeduiError as refusal:
            if self._connection.total_changes != before:
                raise RuntimeError("refused after it had written") from refusal
            job.error = refusal

    def _do_together(self, jobs: list[_Job]) -> None:
        results = jobs[0].work(self._connection, [job.item for job in jobs])
        for job, result in zip(jobs, results, strict=True):
            job.result = result

    def _give_up(self, jobs: list[_Job], cause: BaseException) -> None:
        """Undo a group; a fault of one job alone is not to fail the others, so each runs again."""
        with suppress(sqlite3.Error):  # a connection that cannot roll back fails at the next BEGIN
            self._connection.rollback()
        if len(jobs) > 1 and not isinstance(cause, sqlite3.OperationalError):
            for job in jobs:
                job.error = None
                self._commit([job])
            return
        for job in jobs:
            job.error = cause
            if isinstance(cause, sqlite3.Error):
                job.error = Unavailable("LOG_UNAVAILABLE", why=type(cause).__name__)
                job.error.__cause__ = cause
            job.done.release()
