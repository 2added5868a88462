"""The drill: seeded kills of random processes while the centre works.

Knows whom to kill and when. Does not know how anybody recovers.
"""

from random import Random
from threading import Event, Thread
from typing import Final

from hedui.demo.centre import Centre
from hedui.demo.processes import Troupe

_CENTRE: Final = "coordinator"
_FASTEST: Final = 0.4
_SLOWEST: Final = 1.8
_OFTEN: Final = 4  # the centre has the most to lose, so it is drawn as often as four others


class Drill:
    """Kills processes one after the other until its number is reached or it is called off."""

    def __init__(self, troupe: Troupe, centre: Centre, *, kills: int, seed: int) -> None:
        self._troupe = troupe
        self._centre = centre
        self._rng = Random(seed)  # noqa: S311 - whom to kill is no secret
        self._over = Event()
        self._left = kills
        self.killed: list[str] = []
        self._thread = Thread(target=self._run, name="drill", daemon=True)

    @property
    def unfinished(self) -> bool:
        """Whether kills are left."""
        return self._left > 0

    def start(self) -> None:
        """Begin to kill."""
        self._thread.start()

    def stop(self) -> None:
        """Kill nobody any more."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while self._left and not self._over.wait(self._rng.uniform(_FASTEST, _SLOWEST)):
            victim = self._rng.choice([*self._troupe.names, *[_CENTRE] * _OFTEN])
            if victim != _CENTRE:
                self._troupe.kill(victim)
            elif not self._centre.kill():
                continue
            self.killed.append(victim)
            self._left -= 1
