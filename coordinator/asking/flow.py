"""Requests that go out one after the other over one stream, a few ahead of their answers.

Knows which are on their way. Does not know what they say, how they are made or what becomes of an
answer. The transport takes requests in a thread of its own; nothing is made once the flow is over.
"""

from collections import deque
from collections.abc import Callable, Iterator
from threading import BoundedSemaphore, Lock
from typing import Final, Generic, TypeVar

from federation.errors import PeerFault

T = TypeVar("T")

AHEAD: Final = 3
"""Most requests of a stream that wait for their answers: what bounds memory at both ends."""
_LOOK: Final = 0.2  # seconds between two looks whether the flow is over


class Flow(Generic[T]):
    """A row of requests; ``make`` gives the next one and its bytes, None at the end."""

    def __init__(self, make: Callable[[], tuple[T, bytes] | None]) -> None:
        self._make = make
        self._sent: deque[T] = deque()
        self._room = BoundedSemaphore(AHEAD)
        self._lock = Lock()
        self._over = False
        self._fault: BaseException | None = None

    def requests(self) -> Iterator[bytes]:
        """Give the bytes of request after request, as soon as there is room for one."""
        while self._wait():
            data = self._next()
            if data is None:
                return
            yield data

    def answered(self) -> T:
        """Take the oldest request: its answer has come.

        Raises:
            PeerFault: WRONG_ANSWER when no request waits for one.
        """
        if not self._sent:
            raise PeerFault("WRONG_ANSWER", why="nothing was asked")
        one = self._sent.popleft()
        self._room.release()
        return one

    def end(self) -> list[T]:
        """Make no more; give what was made and not answered.

        Raises:
            BaseException: what kept a request from being made.
        """
        with self._lock:
            self._over = True
        if self._fault is not None:
            raise self._fault
        return list(self._sent)

    def _wait(self) -> bool:
        while not self._room.acquire(timeout=_LOOK):
            if self._over:
                return False
        return True

    def _next(self) -> bytes | None:
        with self._lock:
            if self._over:
                return None
            try:
                made = self._make()
            except BaseException as fault:  # noqa: BLE001 - told by end, in the caller's thread
                self._fault = fault
                return None
            if made is None:
                return None
            self._sent.append(made[0])
            return made[1]
