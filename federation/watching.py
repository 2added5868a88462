"""Notice that a running party has been given new papers, and take them over without a restart.

Knows when somebody last wrote the files of an installation. Does not know what is in them:
``party`` does. Nothing that goes wrong here ends the watch, and what could not be taken over is
looked at again when a file changes.
"""

import logging
from collections.abc import Callable
from threading import Event, Thread

from federation import party as parties
from federation.clock import Clock
from federation.errors import HeduiError
from federation.party import Party

log = logging.getLogger(__name__)

EVERY = 2.0
"""Seconds between two looks at the files' stamps."""


class Watch:
    """Renews a party when its files change, and then whoever lives on its papers.

    A file that was half written when it was read is read again, for its stamp is taken before.
    """

    def __init__(self, party: Party, clock: Clock, renewed: Callable[[], None]) -> None:
        self._party = party
        self._clock = clock
        self._renewed = renewed
        self._stamp = party.stamp
        self._stop = Event()
        self._thread: Thread | None = None

    def look(self) -> None:
        """Take over what is new, if anything is.

        Raises:
            HeduiError: as ``party.renew``; what is in use stays in use.
        """
        stamp = parties.stamp_of(self._party.folder)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        before = self._party.papers
        try:
            parties.renew(self._party, self._clock.now())
        finally:  # documents may be new although keys are not
            if self._party.papers is not before:
                self._renewed()

    def start(self) -> None:
        """Look again and again in the background."""
        self._thread = Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watch."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            try:
                self.look()
            except HeduiError as error:
                log.warning("new papers are not taken over: %s", error)
