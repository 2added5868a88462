"""Serving processes of a benchmark: started, waited for, stopped.

Knows Popen and the line of JSON in which a server says its port. Does not know what is served.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

READY_SECONDS: Final = 180.0
"""Longest wait for a server, enrolment included."""
_POLL: Final = 0.05
_STOP_SECONDS: Final = 10.0


class NotServing(Exception):
    """A process ended, or took too long, before it served."""


@contextmanager
def serving(logs: Path, commands: Mapping[str, Sequence[str]]) -> Iterator[dict[str, int]]:
    """Run one ``python -m …`` a name until the block ends; gives their ports by name.

    Raises:
        NotServing: names the first that does not serve, with the end of its log.
    """
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(_process(logs / f"{name}.log", words))
            for name, words in commands.items()
        }
        end = time.monotonic() + READY_SECONDS
        yield {name: _port(name, logs, process, end) for name, process in started.items()}


@contextmanager
def _process(log: Path, words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", *words]
    with log.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            command, stdout=file, stderr=file, stdin=subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(name: str, logs: Path, process: subprocess.Popen[bytes], end: float) -> int:
    log = logs / f"{name}.log"
    while time.monotonic() < end and process.poll() is None:
        for line in log.read_text("utf-8", "replace").splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                said = json.loads(line)
                if "port" in said:
                    return int(said["port"])
        time.sleep(_POLL)
    raise NotServing(f"{name}: {log.read_text('utf-8', 'replace')[-2000:]}")
