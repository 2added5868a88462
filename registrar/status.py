"""The signed status lists: one per department, at most a minute old, renewed by any revocation.

Knows when a signed list may be handed out again. Does not know who asks or why a token ended.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final

from crypto.keys import SigningKey
from federation import status
from federation.clock import Clock
from federation.status import Status

RESIGN_AFTER: Final = 60
"""Age at which a list is signed anew, seconds (protocol §3)."""

Ended = Callable[[str], int]
"""Counts the tokens of a department that are no longer valid; it only ever rises."""
States = Callable[[str], Mapping[int, Status]]
"""Gives the indices of a department's tokens that are not valid."""


@dataclass(frozen=True, slots=True)
class _Signed:
    jwt: bytes
    issued: int
    ended: int


class StatusPublisher:
    """Signs lists and keeps each for a minute, unless a token has ended meanwhile.

    Counting what has ended, instead of being told, also sees a revocation that another process
    (the command line) wrote.
    """

    def __init__(
        self, registrar: str, key: SigningKey, clock: Clock, *, ended: Ended, states: States
    ) -> None:
        self._registrar = registrar
        self._key = key
        self._clock = clock
        self._ended = ended
        self._states = states
        self._signed: dict[str, _Signed] = {}
        self._lock = Lock()

    def current(self, department: str) -> bytes:
        """Give a department's list as a signed JWT.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        with self._lock:
            now, ended = self._clock.now(), self._ended(department)
            last = self._signed.get(department)
            if last and last.ended == ended and 0 <= now - last.issued < RESIGN_AFTER:
                return last.jwt
            uri = status.uri_of(self._registrar, department)
            packed = status.pack(self._states(department))
            jwt = status.issue(uri, packed, now, self._key)
            self._signed[department] = _Signed(jwt, now, ended)
            return jwt
