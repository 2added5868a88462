"""The drill: seeded kills of random processes while the centre works, and one that comes and goes.

Knows whom to stop and when. Does not know how anybody recovers.
"""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from threading import Event, Thread
from typing import Final, Self

from hedui.demo.centre import Centre
from hedui.demo.processes import Troupe

_CENTRE: Final = "coordinator"
_FASTEST: Final = 0.4
_SLOWEST: Final = 1.8
_AHEAD: Final = 0.1  # this part of the kills may come before any answer
_OFTEN: Final = 4  # the centre has the most to lose, so it is drawn as often as four others
_UP: Final = (2.0, 6.0)
_DOWN: Final = (1.0, 4.0)
"""How long one that flaps runs and how long it is away, at least and at most, seconds."""


class Drill:
    """Kills processes one after the other until its number is reached or it is called off.

    ``done`` says which part of the work is done: kills keep pace with it, lest a slow machine has
    seen them all before the first answer.
    """

    def __init__(
        self,
        troupe: Troupe,
        centre: Centre,
        *,
        kills: int,
        seed: int,
        done: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._troupe = troupe
        self._centre = centre
        self._rng = Random(seed)
        self._over = Event()
        self._kills = self._left = kills
        self._done = done
        self.killed: list[str] = []
        self._thread = Thread(target=self._run, name="drill", daemon=True)

    @property
    def unfinished(self) -> bool:
        """Whether kills are left."""
        return self._left > 0

    def __enter__(self) -> Self:
        """Begin to kill."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kill nobody any more."""
        self._over.set()
        self._thread.join()

    def hurry(self) -> None:
        """Hold no kill back any more: what is not answered by now never will be."""
        self._done = lambda: 1.0

    def wait(self) -> None:
        """Wait until no kills are left."""
        self._thread.join()

    def _run(self) -> None:
        while self._left and not self._over.wait(self._rng.uniform(_FASTEST, _SLOWEST)):
            if len(self.killed) > self._kills * (self._done() + _AHEAD):
                continue
            victim = self._rng.choice([*self._troupe.names, *[_CENTRE] * _OFTEN])
            kill = self._centre.kill if victim == _CENTRE else partial(self._troupe.kill, victim)
            if kill():
                self.killed.append(victim)
                self._left -= 1


class Flapping:
    """Stops processes in good order and lets them run again, over and over."""

    def __init__(self, troupe: Troupe, names: Sequence[str], *, seed: int) -> None:
        self._troupe = troupe
        self._names = names
        self._rng = Random(seed)
        self._over = Event()
        self.times = 0
        self._thread = Thread(target=self._run, name="flapping", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave everybody running."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._rng.uniform(*_UP)):
            for name in self._names:
                self._troupe.hold(name)
            self.times += 1
            self._over.wait(self._rng.uniform(*_DOWN))
            for name in self._names:
                self._troupe.release(name)
