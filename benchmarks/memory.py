"""``memory``: what a node process takes, with few people and with a million enrolled.

Each round starts two nodes afresh, one after the other, and reads their sizes from the system:
idle, and after some thousand questions under tokens never seen before. All rows come from the same
rounds. ``rss`` is what the process has in memory; ``pss`` counts what several processes share, the
libraries above all, only by its share.

The baseline of the node with a million people is the node with few; that of a node that has
answered is itself before. The million are written straight into the node's store: what they take
does not depend on who computed their pseudonyms.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import callers, town
from benchmarks.enrol import NotEnrolled
from benchmarks.measuring import ROUNDS, Benchmark, Direction, Play, Round
from benchmarks.processes import serving
from benchmarks.requests import CAR, Asking
from benchmarks.town import Town
from department_node.node import Node
from department_node.store import RollEntry, Store
from federation.clock import epoch_of
from federation.exchange import ASK
from hedui.demo.stage import REGISTRAR

_FEW: Final = "public_security"
_MANY: Final = "housing"
_MILLION: Final = 1_000_000
_QUESTIONS: Final = 3_000
_AT_ONCE: Final = 10_000
"""People written into a store in one transaction."""
_KIB: Final = 1024
_KINDS: Final = ("rss", "pss")
_BASELINES: Final = {"idle": "", "asked": "idle", "idle_1m": "idle", "asked_1m": "asked"}
"""What each state is compared with."""

Sizes = Mapping[str, float]
"""MiB by state and kind: ``idle.rss``."""


@dataclass(frozen=True, slots=True)
class _Serving:
    """A node's folder, whom to ask about, and what its states are called."""

    place: Town
    department: str
    asking: Asking
    suffix: str

    def sizes(self, logs: Path) -> Sizes:
        """Start the node, ask it, stop it; gives its sizes idle and asked."""
        home = self.place.folder / self.department
        words = ["hedui", "node", "serve", "--json", "--folder", str(home)]
        with serving(logs, {self.department: words}) as ports:
            process = int((home / "data" / "lock").read_text("ascii"))
            idle = sizes(process)
            self._ask(ports[self.department])
            asked = sizes(process)
        states = {"idle": idle, "asked": asked}
        return {f"{s}{self.suffix}.{kind}": states[s][kind] for s in states for kind in _KINDS}

    def _ask(self, port: int) -> None:
        held = self.asking.hold(_QUESTIONS)
        requests = [self.asking.presenting([one], CAR) for one in held]
        with callers.line(self.place.coordinator, self.department, port, ASK) as ask:
            _, replies = callers.through(ask, requests)
        for one, request, reply in zip(held, requests, replies, strict=True):
            self.asking.check(request, reply, [one])


@cache
def rounds() -> Sequence[Sizes]:
    """Found a federation, enrol and fill, and measure every state in each round."""
    with TemporaryDirectory(prefix="hedui-bench-") as name:
        folder = Path(name)
        home = folder / "federation"
        place = town.build(home, departments=[_FEW, _MANY], people=ROUNDS * _QUESTIONS)
        registrar = ["hedui", "registrar", "serve", "--json", "--folder", str(home / REGISTRAR)]
        with serving(folder, {REGISTRAR: registrar}):
            few = _enrolled(place, _FEW, suffix="")
            many = _enrolled(place, _MANY, suffix="_1m")
            return [{**few.sizes(folder), **many.sizes(folder)} for _ in range(ROUNDS)]


def _enrolled(place: Town, department: str, *, suffix: str) -> _Serving:
    wanted = _MILLION if suffix else len(place.people)
    with Node(place.folder / department) as node:
        epoch = epoch_of(node.clock.now())
        node.enrolment().run()
        fill(node.store, epoch, islice(town.invented(), len(place.people), wanted))
        node.finish_enrolment()
        if node.store.enrolled(epoch) != wanted:
            raise NotEnrolled(department)
    asking = Asking(place, place.coordinator.manifest.party(department))
    return _Serving(place, department, asking, suffix)


def fill(store: Store, epoch: int, keys: Iterable[str]) -> None:
    """Write people into a store by their record keys, under pseudonyms out of the air."""
    left = iter(keys)
    for part in iter(lambda: list(islice(left, _AT_ONCE)), []):
        rows = [
            RollEntry(psn=os.urandom(32), key=key, name=b"", fingerprint=os.urandom(32))
            for key in part
        ]
        store.finish_batch(epoch, 0, rows)


def sizes(process: int) -> dict[str, float]:
    """Read what a process takes, MiB by kind, from Linux."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines()[1:]
    fields = {name.lower(): rest for name, _, rest in (line.partition(":") for line in lines)}
    return {kind: int(fields[kind].split()[0]) / _KIB for kind in _KINDS}


@contextmanager
def contest(state: str, kind: str, _: Path) -> Iterator[Play]:
    """Play the rounds that all rows share, one after the other."""
    left = iter(rounds())
    compared = _BASELINES[state]

    def play() -> Round:
        found = next(left)
        baseline = found[f"{compared}.{kind}"] if compared else None
        return Round(ours=found[f"{state}.{kind}"], baseline=baseline)

    yield play


BENCHMARKS: Final = [
    Benchmark(
        name=f"memory.{state}.{kind}",
        unit="MiB",
        direction=Direction.LESS,
        target=None,
        stage=partial(contest, state, kind),
    )
    for state in _BASELINES
    for kind in _KINDS
]
