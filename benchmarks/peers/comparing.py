"""TNO's secure comparison as a process on this host: one question and answer a line.

Knows the peer's command line. Does not know its protocol, and believes no outcome: whoever compares
does.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final

from benchmarks.peers.environment import LOCKS, Installed
from benchmarks.peers.running import PeerFailed

TNO: Final = "tno"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Bits of Paillier's and DGK's moduli and of DGK's primes v."""

    paillier: int
    dgk: int
    v: int


DEFAULTS: Final = Lengths(paillier=2048, dgk=2048, v=160)
"""Those of the package where none are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Whether x <= y, the CPU seconds of both parties, and how many of them drew randomness."""

    holds: bool
    cpu: float
    randomness: float


class Comparer:
    """A running peer; `sizes` says how long its keys really are."""

    def __init__(self, questions: IO[str], answers: IO[str]) -> None:
        """Wait for the keys."""
        self._questions = questions
        self._answers = answers
        self.sizes: dict[str, int] = self._said()

    def compare(self, x: int, y: int) -> Compared:
        """Ask whether x <= y.

        Raises:
            PeerFailed: it ended instead.
        """
        print(x, y, file=self._questions, flush=True)
        return Compared(**self._said())

    def _said(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise PeerFailed(TNO)
        said: dict[str, Any] = json.loads(line)
        return said


@contextmanager
def comparer(installed: Installed, bits: int, lengths: Lengths = DEFAULTS) -> Iterator[Comparer]:
    """Run the peer with new keys until the block ends."""
    words = [bits, lengths.paillier, lengths.dgk, lengths.v]
    process = subprocess.Popen(  # noqa: S603 - our own words
        [str(installed.python), str(LOCKS / "tno_party.py"), *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise PeerFailed(TNO)
        yield Comparer(process.stdin, process.stdout)
    finally:
        process.kill()
        process.wait()
