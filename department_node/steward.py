"""What a serving node sees to besides answering: it logs pauses, follows orders, notices misuse.

Knows the schedule, and that nothing that goes wrong here ends it. Does not know what the chores do.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from sqlite3 import Connection
from threading import Event, Thread
from typing import Final

from department_node import spent
from department_node.store import Store, typed_errors
from federation.clock import Clock, epoch_of
from federation.errors import HeduiError
from federation.log import kinds
from federation.log.node_events import NodePaused, NodeResumed
from federation.log.sqlite import append

log = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds between two rounds."""
_PAUSED: Final = "paused"

Chore = Callable[[], None]


class Steward:
    """Does one chore after the other, round after round, while ``sound`` does not refuse."""

    def __init__(self, sound: Chore, chores: Sequence[Chore], every: float = EVERY) -> None:
        self._sound = sound
        self._chores = chores
        self._every = every
        self._over = Event()
        self._thread = Thread(target=self._run, name="steward", daemon=True)

    def start(self) -> None:
        """See to everything in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Do one more round and end."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def round(self) -> None:
        """Do every chore once; a log that is not sound is left as it is."""
        if self._done(self._sound):
            for chore in self._chores:
                self._done(chore)

    def _run(self) -> None:
        stopped = False
        while not stopped:
            stopped = self._over.wait(self._every)
            self.round()

    def _done(self, chore: Chore) -> bool:
        try:
            with typed_errors():
                chore()
        except (HeduiError, OSError) as error:
            log.warning("not done: %s", getattr(error, "code", "disk"))
            return False
        return True


class Pauses:
    """Logs when the node is paused and resumed: a file says which, the log that it was noticed."""

    def __init__(self, store: Store, marker: Path, clock: Clock) -> None:
        self._store = store
        self._marker = marker
        self._clock = clock

    def note(self) -> None:
        """Log a change since the last one that was logged.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        paused = self._marker.exists()
        if paused == bool(self._store.meta(_PAUSED)):
            return
        record = kinds.write(NodePaused() if paused else NodeResumed(), self._clock.now())

        def job(connection: Connection) -> None:
            append(connection, record)
            connection.execute("REPLACE INTO meta VALUES (?, ?)", (_PAUSED, int(paused)))

        self._store.writer.write(job)


class Sweep:
    """Removes at the turn of a year what was kept until then of records that were erased."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._year = 0

    def sweep(self) -> None:
        """Sweep once a year, and once after a start.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        year = epoch_of(self._clock.now())
        if year != self._year:
            self._store.writer.write(lambda connection: spent.sweep(connection, year))
            self._year = year
