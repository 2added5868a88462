"""A pool of values computed beforehand, each used once.

Knows how many values wait and how to make another. Does not know what they are, who fills the pool
or when. They are in this process's memory only and must not survive a fork: make pools after it.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """At most `size` values that `make` made; what is taken is gone. Safe among threads."""

    __slots__ = ("_make", "_ready", "_size")

    def __init__(self, make: Callable[[], T], size: int) -> None:
        """Begin empty; `make` runs in whatever thread fills or finds the pool empty."""
        self._make = make
        self._size = size
        # One append or pop of a deque is atomic. Where two threads fill the last place together,
        # the oldest value falls out unused.
        self._ready: deque[T] = deque(maxlen=size)

    def fill_one(self) -> bool:
        """Add one value unless the pool is full; tells whether it did."""
        if len(self._ready) >= self._size:
            return False
        self._ready.append(self._make())
        return True

    def take(self) -> T:
        """Give the oldest value, or a new one if there is none."""
        try:
            return self._ready.popleft()
        except IndexError:
            return self._make()

    def __len__(self) -> int:
        return len(self._ready)

    def __repr__(self) -> str:
        """Show how many values wait, never one of them."""
        return f"<Pool of {len(self)}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied.

        Raises:
            TypeError: always.
        """
        raise TypeError("values for one use are not pickled")
