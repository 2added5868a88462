"""Fills pools in the background while nobody asks, one value at a time.

Knows a thread of the lowest priority. Does not know what is in a pool.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Final

IDLE: Final = 0.05
"""Seconds between two looks at full pools."""
LOWEST: Final = 19
"""Priority of the thread: whoever answers comes first."""


class Filler:
    """Calls ``fill``, which adds a value and tells whether there was room, again and again."""

    def __init__(self, fill: Callable[[], bool]) -> None:
        self._fill = fill
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
        with suppress(OSError):  # where a thread cannot be told apart it goes on as the others do
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
        while not self._over.is_set():
            if not self._fill():
                self._over.wait(IDLE)
