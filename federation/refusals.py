"""Transport refusals of the running process: counted by code, never one by one.

Knows codes from the closed table, so it cannot grow. Does not know who was refused.
"""

from collections import Counter
from threading import Lock


class Refusals:
    """Counts that many threads add to and one takes away to where they are kept."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def count(self, code: str) -> None:
        """Count one refusal."""
        with self._lock:
            self._counts[code] += 1

    def take(self) -> dict[str, int]:
        """Give the counts and begin again at zero."""
        with self._lock:
            taken = dict(self._counts)
            self._counts.clear()
        return taken

    def put_back(self, taken: dict[str, int]) -> None:
        """Add again what could not be kept."""
        with self._lock:
            self._counts.update(taken)
