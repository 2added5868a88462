"""Run the peers' parties as processes on this host and read what they spent and found.

Knows command lines and files. Does not know any protocol, and believes no result: whoever compares
does.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.environment import LOCKS, Installed
from hedui.demo.stage import free_ports

SPU: Final = ("RR22", "KKRT", "ECDH")
OPENMINED: Final = "openmined"
NAMES: Final = (*SPU, OPENMINED)
_SECONDS: Final = 600
_TRIES: Final = 3


class PeerFailed(Exception):
    """A peer's process ended without a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """What one intersection cost both sides together, CPU seconds, and whom it found."""

    cpu: float
    found: frozenset[str]


@dataclass(frozen=True, slots=True)
class Peers:
    """All peers that could be installed, over one register; ``port`` is openmined's server."""

    installed: Installed
    register: Path
    port: int

    def names(self) -> list[str]:
        """List the peers that can run."""
        missing = self.installed.missing
        return [n for n in NAMES if ("spu" if n in SPU else OPENMINED) not in missing]

    def match(self, name: str, people: Path) -> Matched:
        """Intersect a list with the register; tried again where a party did not reach the other.

        Raises:
            PeerFailed: it gave no result.
        """
        for _ in range(_TRIES - 1):
            with suppress(PeerFailed):
                return self._match(name, people)
        return self._match(name, people)

    def _match(self, name: str, people: Path) -> Matched:
        target = people.with_name(f"{name}.csv")
        if name == OPENMINED:
            commands: list[list[object]] = [
                ["openmined_party.py", "client", people, target, self.port]
            ]
        else:
            sides = [(people, target), (self.register, people.with_name("other.csv"))]
            ports = free_ports(2)
            commands = [
                ["spu_party.py", rank, name, *files, *ports] for rank, files in enumerate(sides)
            ]
        with ExitStack() as stack:
            parties = [stack.enter_context(_party(self.installed, *words)) for words in commands]
            cpu = sum(float(_said(party)["cpu"]) for party in parties)
        found = target.read_text("utf-8").replace('"', "").split()[1:]
        return Matched(cpu=cpu, found=frozenset(found))


@contextmanager
def peers(installed: Installed, register: Path, people: int) -> Iterator[Peers]:
    """Make openmined's server ready, if it is there, until the block ends."""
    if OPENMINED in installed.missing:
        yield Peers(installed, register, 0)
        return
    with _party(installed, "openmined_party.py", "server", register, people) as process:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise PeerFailed(OPENMINED)
        yield Peers(installed, register, int(json.loads(line)["port"]))


@contextmanager
def _party(
    installed: Installed, script: object, *words: object
) -> Iterator[subprocess.Popen[bytes]]:
    """Run one party, and end it with the block if it has not ended."""
    command = [str(installed.python), str(LOCKS / str(script)), *map(str, words)]
    process = subprocess.Popen(  # noqa: S603 - our own words
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _said(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Read the JSON object that a party prints at its end, among what else it prints."""
    try:
        out, _ = process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired as e:
        raise PeerFailed("took too long") from e
    for line in out.decode("utf-8", "replace").splitlines():
        start = line.find('{"cpu"')
        if start >= 0:
            said: dict[str, Any] = json.loads(line[start:])
            return said
    raise PeerFailed(out[-500:].decode("utf-8", "replace"))
