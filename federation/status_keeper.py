"""Keeps a party's own status lists fresh: all of its series, on a schedule, never for a person.

Knows the lists' file and the schedule. Does not decide what a stale list means: the gate does.
Nothing that goes wrong here ends the schedule.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Thread
from typing import Final

from federation import keyfile, limits, status
from federation.errors import HeduiError, PeerFault, Unavailable
from federation.party import Party
from federation.status import StatusList, StatusLists
from federation.strictjson import dumps, loads

log = logging.getLogger(__name__)

FILE: Final = "status.json"
REFRESH: Final = 30.0
"""Seconds between two fetches."""
FIRST: Final = 10.0
"""Longest wait for a first list before answering begins, seconds."""
FIRST_RETRY: Final = 0.3
"""Seconds between two tries of the first fetch."""
RETRY: Final = 2.0
"""Seconds before a failed fetch is tried again."""


Signed = Mapping[int, bytes]
"""A party's current lists, as signed, by the number of their series."""
Fetch = Callable[[str], Signed]
"""Gives all current lists of a party."""


Keep = Callable[[bytes, Sequence[bytes], int], None]
"""Keeps signed lists by their joint digest, with the time (UTC seconds)."""


def _forget(_digest: bytes, _lists: Sequence[bytes], _at: int) -> None:
    pass


class StatusKeeper:
    """Holds the newest verified lists: all of a fetch are taken over, or none.

    An older list is refused, and one that brings a revoked token back, for revoked is final: also
    where the list was withheld meanwhile. So is a list from the future: it would keep out all later
    ones until its time comes.
    """

    def __init__(
        self, party: Party, fetch: Fetch, now: Callable[[], int], keep: Keep = _forget
    ) -> None:
        self._path = party.data / FILE
        self._party = party
        self._fetch = fetch
        self._now = now
        self._keep = keep
        self._stop = Event()
        self._thread: Thread | None = None
        self.current: StatusLists | None = None
        self._away: Mapping[str, StatusList] = {}
        try:
            known = read_file(party)
            if known:
                self._accept(known)
        except PeerFault as error:  # one that cannot be believed is as good as none
            log.warning("the last status lists are not used: %s", error)

    def refresh(self) -> None:
        """Fetch the lists once.

        Raises:
            PeerFault, Unavailable: a list is wrong (STATUS_LIST_INVALID), the registrar cannot be
                reached, or the lists cannot be written down (LOG_UNAVAILABLE; they are used all
                the same).
        """
        fetched = self._fetch(self._party.id)
        fresh = believed(self._party, fetched)
        changed = self.current is None or fresh.digest != self.current.digest
        self._accept(fresh)
        if not changed:
            return
        self._keep(fresh.digest, [jwt for _, jwt in sorted(fetched.items())], self._now())
        try:
            keyfile.write_private(
                self._path, dumps({str(series): jwt.decode() for series, jwt in fetched.items()})
            )
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

    def _accept(self, fresh: StatusLists) -> None:
        seen = {**self._away, **(self.current.by_uri if self.current else {})}
        for uri, listed in fresh.by_uri.items():
            known = seen.get(uri)
            if listed.issued > self._now() + limits.SKEW:
                raise PeerFault("STATUS_LIST_INVALID", why="from the future")
            if known and listed.issued < known.issued:
                raise PeerFault("STATUS_LIST_INVALID", why="older than one that was seen")
            if known and listed.brings_back(known):
                raise PeerFault("STATUS_LIST_INVALID", why="revoked tokens are back")
        self._away = {uri: one for uri, one in seen.items() if uri not in fresh.by_uri}
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


def read_file(party: Party) -> StatusLists | None:
    """Read the last lists that this party has written down; None where there are none.

    Raises:
        PeerFault: STATUS_LIST_INVALID when they are torn or not the registrar's.
    """
    try:
        data = (party.data / FILE).read_bytes()
    except OSError:
        return None
    try:
        signed = {int(series): str(jwt).encode() for series, jwt in loads(data, FILE).items()}
    except (PeerFault, AttributeError, ValueError) as e:
        raise PeerFault("STATUS_LIST_INVALID", why="file") from e
    return believed(party, signed)


def believed(party: Party, signed: Signed) -> StatusLists:
    """Verify a party's lists, each by the name of its series.

    Raises:
        PeerFault: STATUS_LIST_INVALID.
    """
    registrar = party.manifest.registrar
    if not signed:
        raise PeerFault("STATUS_LIST_INVALID", why="no list")
    return StatusLists.of(
        *(
            status.read(
                jwt, uri=status.uri_of(registrar.id, party.id, series), issuers=registrar.keys
            )
            for series, jwt in sorted(signed.items())
        )
    )
