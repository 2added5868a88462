"""The demonstration's processes: started, watched, killed for the drill, started again, stopped.

Knows Popen and readiness. Does not know what a process does. Only processes started here are ended.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final, Self

from federation.errors import Unavailable

READY_SECONDS: Final = 120.0
_POLL: Final = 0.1
_DEATHS: Final = 3
"""So often a process may end before it was first ready; then it is not started again."""


def command(*words: str) -> list[str]:
    """Give the command line of ``hedui`` in this very environment."""
    return [sys.executable, "-m", "hedui", *words]


@dataclass(slots=True)
class _Member:
    words: Sequence[str]
    again: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)
    served: bool = False
    held: bool = False
    deaths: int = 0

    def start(self) -> None:
        """Start the process anew; what it prints is added to its log."""
        with self.log.open("ab") as log:
            log.write(b"--- start\n")
            log.flush()
            self.process = subprocess.Popen(  # noqa: S603 - our own command line
                command(*self.words), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def stop(self) -> None:
        """Ask the process to stop, and wait until it has."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def ready(self) -> bool:
        """Tell whether the process runs and has said that it serves since it was last started."""
        said = self.log.read_bytes().rpartition(b"--- start\n")[2]
        self.served = self.served or b'"port"' in said
        return b'"port"' in said and self.process.poll() is None

    @property
    def hopeless(self) -> bool:
        """Tell whether the process ended too often without ever having served."""
        return not self.served and self.deaths >= _DEATHS

    def revive(self) -> None:
        """Start the process again if it has ended, may run and there is hope."""
        if self.process.poll() is None or self.held or self.hopeless:
            return
        self.ready()  # it may have served and ended since anybody looked
        self.deaths += 1
        if self.hopeless:
            return
        if self.served:
            self.words = self.again
        try:
            self.start()
        except OSError:
            return  # it still counts as ended: the watcher comes back to it


class Troupe:
    """All serving processes of a demonstration; one that dies is started again."""

    def __init__(self, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._members: dict[str, _Member] = {}
        self._lock = Lock()
        self._stopping = Event()
        self._watcher = Thread(target=self._watch, name="watch", daemon=True)
        self._watcher.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def names(self) -> list[str]:
        """Name the processes in the order they were started."""
        return list(self._members)

    def start(self, name: str, words: Sequence[str], preparing: Sequence[str] = ()) -> None:
        """Start a process that is to serve until the end; ``preparing`` words only at first."""
        member = _Member([*words, *preparing], words, self._logs / f"{name}.log")
        member.start()
        with self._lock:
            self._members[name] = member

    def ready(self) -> Iterator[str]:
        """Wait until all processes serve, and name each as it begins to.

        Raises:
            Unavailable: DEMO_PROCESS names one that does not, and its log.
        """
        end = time.monotonic() + READY_SECONDS
        waiting = self.names
        while waiting:
            for name in [name for name in waiting if self._members[name].ready()]:
                waiting.remove(name)
                yield name
            waiting = [name for name in waiting if not self._members[name].held]
            late = waiting if time.monotonic() > end else []
            lost = [name for name in waiting if self._members[name].hopeless] or late
            if lost:
                log = self._members[lost[0]].log
                raise Unavailable("DEMO_PROCESS", process=lost[0], log=log)
            time.sleep(_POLL)

    def kill(self, name: str) -> bool:
        """Kill a process without warning, if it runs; the watcher starts it again."""
        process = self._members[name].process
        runs = process.poll() is None
        process.kill()
        process.wait()
        return runs

    def hold(self, name: str) -> None:
        """Stop a process in good order, until it is released."""
        with self._lock:
            member = self._members[name]
            member.held = True
        member.stop()

    def release(self, name: str) -> None:
        """Let a process run again; the watcher starts it."""
        self._members[name].held = False

    def runs(self, name: str) -> bool:
        """Tell whether a process serves now."""
        return self._members[name].ready()

    def stop(self) -> None:
        """Ask all processes to stop, and wait for them."""
        self._stopping.set()
        self._watcher.join()
        with self._lock:
            for member in self._members.values():
                member.process.terminate()
            for member in self._members.values():
                member.stop()

    def _watch(self) -> None:
        while not self._stopping.wait(_POLL):
            with self._lock:
                for member in self._members.values():
                    member.revive()
