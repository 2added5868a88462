"""A line that lives while a review runs: how far it is, kills, who is away.

Knows how to look and how to show it, on a terminal and in a pipe. Decides nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Final, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from federation.terminal import Terminal
from hedui.demo.stage import REGISTRAR, TALLY, WITNESSES, Stage

_OTHERS: Final = {REGISTRAR: ("登记处", "Registrar"), TALLY: ("统计局", "Tally"), **WITNESSES}
_EVERY: Final = 1.0
_LINE_EVERY: Final = 10.0
"""Seconds between two looks, and between two lines where nothing can move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """How far it is: questions, kills, and who is away just now."""

    asked: int
    answered: int
    kills: int
    away: tuple[str, ...]


class Watch:
    """Looks once a second and shows it: a bar on a terminal, now and then a line in a pipe."""

    def __init__(self, look: Callable[[], Glance], stage: Stage, at: Terminal) -> None:
        self._look = look
        self._stage = stage
        self._at = at
        self._began = self._told = time.monotonic()
        self._over = Event()
        console = at.console()
        self._moving = not at.json and console.is_terminal
        self._bar = Progress(
            TextColumn(at.pick("答复", "answers")),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not self._moving,
        )
        self._task = self._bar.add_task("", total=None)
        self._thread = Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._bar.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._bar.stop()

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            seen = self._look()
            beside = self._beside(seen)
            self._bar.update(
                self._task, completed=seen.answered, total=seen.asked, description=beside
            )
            if not self._moving and time.monotonic() - self._told >= _LINE_EVERY:
                self._told = time.monotonic()
                line = f"{seen.answered:>7,}/{seen.asked:,}  {self._told - self._began:4.0f} s"
                self._at.say(f"{line}  {beside}", f"{line}  {beside}")

    def _beside(self, seen: Glance) -> str:
        """Word the kills so far and who is away."""
        kills = self._at.pick(f"杀进程 {seen.kills} 次", f"{seen.kills} kills")
        if not seen.away:
            return kills
        names = {**_OTHERS, **self._stage.names}
        away = self._at.pick("、", ", ").join(self._at.pick(*names[name]) for name in seen.away)
        return f"{kills} · " + self._at.pick(f"不在线:{away}", f"away: {away}")
