"""Fills a pool in the background while nobody asks.

Knows threads. Does not know what is in the pool.
"""

from threading import Event, Thread
from typing import Final

from crypto.elgamal import PreparedBit
from crypto.pool import Pool

IDLE: Final = 0.05
"""Seconds between two looks at a full pool."""


class Filler:
    """Keeps a pool full."""

    def __init__(self, pool: Pool[PreparedBit]) -> None:
        self._pool = pool
        self._over = Event()
        self._thread = Thread(target=self._run, name="pool", daemon=True)

    def start(self) -> None:
        """Fill on and on."""
        self._thread.start()

    def stop(self) -> None:
        """End after the value that is being made."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            if not self._pool.fill_one():
                self._over.wait(IDLE)
