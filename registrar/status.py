"""The signed status lists: a department's series, at most a minute old, renewed by any change.

Knows when a signed list may be handed out again, and that none is before the log has it. Does not
know who asks or why a token ended.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

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


class Book(Protocol):
    """Lists within a transaction, which changes nothing but the log."""

    def listing(self, department: str, least: int, now: int) -> Listing | None:
        """Find a list, as ``FindListing``."""
        ...

    def states(self, department: str, series: int) -> Mapping[int, Status]:
        """Give the indices of those tokens of one list that are not valid."""
        ...

    def published(self, department: str, series: int, jwt: bytes, now: int) -> None:
        """Note that a list was signed anew."""
        ...


Publishing = Callable[[], AbstractContextManager[Book]]
"""Begins a transaction; its note is durable when it ends."""


@dataclass(frozen=True, slots=True)
class _Signed:
    jwt: bytes
    issued: int
    changes: int
    key: SigningKey


class StatusPublisher:
    """Signs lists and keeps each for a minute, unless a token's state has changed meanwhile.

    Counting changes, instead of being told, also sees a revocation that another process (the
    command line) wrote.
    """

    def __init__(
        self,
        registrar: str,
        key: SigningKey,
        clock: Clock,
        *,
        find: FindListing,
        publishing: Publishing,
    ) -> None:
        self._registrar = registrar
        self._key = key
        self._clock = clock
        self._find = find
        self._publishing = publishing
        self._signed: dict[str, _Signed] = {}

    def renew(self, key: SigningKey) -> None:
        """Sign with another key from now on."""
        self._key = key

    def current(self, department: str, least: int) -> SignedList:
        """Give a department's first current list of at least a number, as a signed JWT.

        Raises:
            PeerFault: MALFORMED when there is none.
            Unavailable: LOG_UNAVAILABLE.
        """
        now = self._clock.now()
        listing = _known(self._find(department, least, now))
        jwt = self._kept(department, listing, now)
        if jwt is None:
            listing, jwt = self._publish(department, least)
        return SignedList(jwt=jwt, series=listing.series, more=listing.more)

    def _kept(self, department: str, listing: Listing, now: int) -> bytes | None:
        """Find a signed list that may be handed out again."""
        last = self._signed.get(self._uri(department, listing))
        if last is None or last.key is not self._key or last.changes != listing.changes:
            return None
        return last.jwt if 0 <= now - last.issued < RESIGN_AFTER else None

    def _publish(self, department: str, least: int) -> tuple[Listing, bytes]:
        """Sign a list that shows every change that stands before it in the log."""
        with self._publishing() as book:
            now, key = self._clock.now(), self._key
            listing = _known(book.listing(department, least, now))
            kept = self._kept(department, listing, now)
            if kept:  # another call has signed it meanwhile
                return listing, kept
            packed = status.pack(book.states(department, listing.series))
            jwt = status.issue(self._uri(department, listing), packed, now, key)
            book.published(department, listing.series, jwt, now)
        self._signed[self._uri(department, listing)] = _Signed(jwt, now, listing.changes, key)
        return listing, jwt

    def _uri(self, department: str, listing: Listing) -> str:
        return status.uri_of(self._registrar, department, listing.series)


def _known(listing: Listing | None) -> Listing:
    if listing is None:
        raise PeerFault("MALFORMED", message="StatusListRequest")
    return listing
