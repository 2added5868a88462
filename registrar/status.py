"""The signed status lists: a department's series, at most a minute old, renewed by any change.

Knows when a signed list may be handed out again. Does not know who asks or why a token ended.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final

from crypto.keys import SigningKey
from federation import status
from federation.clock import Clock
from federation.errors import PeerFault
from federation.status import SignedList, Status
from registrar.entries import Listing

RESIGN_AFTER: Final = 60
"""Age at which a list is signed anew, seconds (protocol §3)."""

FindListing = Callable[[str, int, int], Listing | None]
"""Finds a department's first current list of at least a number at a time."""
States = Callable[[str, int], Mapping[int, Status]]
"""Gives the indices of those tokens of one list that are not valid."""


@dataclass(frozen=True, slots=True)
class _Signed:
    jwt: bytes
    issued: int
    changes: int


class StatusPublisher:
    """Signs lists and keeps each for a minute, unless a token's state has changed meanwhile.

    Counting changes, instead of being told, also sees a revocation that another process (the
    command line) wrote.
    """

    def __init__(
        self, registrar: str, key: SigningKey, clock: Clock, *, find: FindListing, states: States
    ) -> None:
        self._registrar = registrar
        self._key = key
        self._clock = clock
        self._find = find
        self._states = states
        self._signed: dict[str, _Signed] = {}
        self._lock = Lock()

    def renew(self, key: SigningKey) -> None:
        """Sign with another key from now on."""
        with self._lock:
            if key is not self._key:
                self._key = key
                self._signed.clear()

    def current(self, department: str, least: int) -> SignedList:
        """Give a department's first current list of at least a number, as a signed JWT.

        Raises:
            PeerFault: MALFORMED when there is none.
            Unavailable: LOG_UNAVAILABLE.
        """
        with self._lock:
            now = self._clock.now()
            listing = self._find(department, least, now)
            if listing is None:
                raise PeerFault("MALFORMED", message="StatusListRequest")
            jwt = self._current(department, listing, now)
        return SignedList(jwt=jwt, series=listing.series, more=listing.more)

    def _current(self, department: str, listing: Listing, now: int) -> bytes:
        uri = status.uri_of(self._registrar, department, listing.series)
        last = self._signed.get(uri)
        if last and last.changes == listing.changes and 0 <= now - last.issued < RESIGN_AFTER:
            return last.jwt
        packed = status.pack(self._states(department, listing.series))
        jwt = status.issue(uri, packed, now, self._key)
        self._signed[uri] = _Signed(jwt, now, listing.changes)
        return jwt
