"""Keeps this department's status list fresh: fetched on a schedule, never for one person.

Knows the list's file and the schedule. Does not decide what a stale list means: the gate does.
Nothing that goes wrong here ends the schedule.
"""

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from federation import keyfile, limits, status
from federation.errors import HeduiError, PeerFault, Unavailable
from federation.party import Party
from federation.status import StatusList

log = logging.getLogger(__name__)

FILE: Final = "status.jwt"
REFRESH: Final = 30.0
"""Seconds between two fetches."""
FIRST: Final = 10.0
"""Longest wait for a first list before answering begins, seconds."""
FIRST_RETRY: Final = 0.3
"""Seconds between two tries of the first fetch."""
RETRY: Final = 2.0
"""Seconds before a failed fetch is tried again."""


Fetch = Callable[[str], bytes]
"""Gives the signed list of a department."""


class StatusKeeper:
    """Holds the newest verified list; an older one never replaces a newer one.

    A list from the future is refused: it would keep out all later ones until its time comes.
    """

    def __init__(self, party: Party, fetch: Callable[[str], bytes], now: Callable[[], int]) -> None:
        self._path = party.data / FILE
        self._party = party
        self._fetch = fetch
        self._now = now
        self._stop = Event()
        self._thread: Thread | None = None
        self.current: StatusList | None = None
        try:
            self._accept(read_file(party))
        except PeerFault as error:  # one that cannot be believed is as good as none
            log.warning("the last status list is not used: %s", error)

    def refresh(self) -> None:
        """Fetch the list once.

        Raises:
            PeerFault, Unavailable: the registrar's list is wrong, it cannot be reached, or the list
                cannot be written down (LOG_UNAVAILABLE; it is used all the same).
        """
        jwt = self._fetch(self._party.id)
        before = self.current
        self._take(jwt)
        if self.current is not before:
            try:
                keyfile.write_private(self._path, jwt)
            except OSError as e:
                raise Unavailable("LOG_UNAVAILABLE", why=type(e).__name__) from e

    def wait_first(self, seconds: float) -> None:
        """Give the first fetch some time; without a list the gate refuses everything anyway."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.refresh()
            except HeduiError as error:
                log.warning("status list not fetched: %s", error.code)
                self._stop.wait(FIRST_RETRY)
            else:
                return

    def start(self, every: float = REFRESH, tick: Callable[[], None] = lambda: None) -> None:
        """Fetch on a schedule in the background; ``tick`` runs after each round."""
        self._thread = Thread(target=self._run, args=(every, tick), name="status", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the schedule."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _take(self, jwt: bytes) -> None:
        self._accept(_believed(self._party, jwt))

    def _accept(self, fresh: StatusList | None) -> None:
        if fresh is None:
            return
        if fresh.issued > self._now() + limits.SKEW:
            raise PeerFault("STATUS_LIST_INVALID", why="from the future")
        if self.current is None or fresh.issued >= self.current.issued:
            self.current = fresh

    def _run(self, every: float, tick: Callable[[], None]) -> None:
        wait = every if self.current else min(RETRY, every)
        while not self._stop.wait(wait):
            wait = every
            try:
                self.refresh()
            except (HeduiError, OSError) as error:
                log.warning("status list not refreshed: %s", getattr(error, "code", "disk"))
                wait = min(RETRY, every)
            try:
                tick()
            except HeduiError as error:
                log.warning("refusals not counted: %s", error.code)


def read_file(party: Party) -> StatusList | None:
    """Read the last list that this node has written down; None where there is none.

    Raises:
        PeerFault: STATUS_LIST_INVALID when it is torn or not the registrar's.
    """
    try:
        jwt = (party.data / FILE).read_bytes()
    except OSError:
        return None
    return _believed(party, jwt)


def _believed(party: Party, jwt: bytes) -> StatusList:
    registrar = party.manifest.registrar
    return status.read(jwt, uri=status.uri_of(registrar.id, party.id), issuers=registrar.keys)
