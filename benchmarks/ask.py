"""``ask.standing`` and ``ask.first``: how many questions a second one node answers for 16 callers.

Ours is the whole way: mutual TLS, signed request, gate, evaluation, durable log, signed answer. The
baseline is a bare gRPC echo under the same mutual TLS, of the same requests and answer sizes. Every
answer of ours is verified and compared with the records, after the clock has stopped.

The node keeps itself to one core, as it does in service; the echo is left to the scheduler, as a
plain gRPC server is. Where its threads come to lie decides how fast it is, for as long as it runs:
so it is started anew for every round. Kept to one core too, it does about 14,000 a second on two
shared cores, where left alone it does 5,000 to 10,000.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks import callers, echo, town
from benchmarks.callers import Line
from benchmarks.measuring import Benchmark, Direction, Play, Round
from benchmarks.processes import serving
from benchmarks.requests import CAR, NEW_CAR, Asking, Held
from federation.exchange import ASK
from hedui.demo.stage import REGISTRAR

_NODE: Final = "public_security"
_PEOPLE: Final = 30_000
_ROUNDS: Final = 9
_REQUESTS: Final = 2_000
_WARM: Final = 1_000

Making = Callable[[Asking, Line, int], tuple[list[Held], list[bytes]]]
"""Makes so many requests of one question each, and says about whom; may ask beforehand."""


def standing(asking: Asking, ask: Line, number: int) -> tuple[list[Held], list[bytes]]:
    """Name tokens that were shown before, each with a question never asked before."""
    held = asking.hold(number)
    for start in range(0, number, _WARM):
        part = held[start : start + _WARM]
        showing = asking.presenting(part, NEW_CAR, CAR)
        asking.check(showing, ask(showing), part)
    return held, [asking.naming([one], CAR) for one in held]


def first(asking: Asking, _: Line, number: int) -> tuple[list[Held], list[bytes]]:
    """Show a fresh token in every request."""
    held = asking.hold(number)
    return held, [asking.presenting([one], CAR) for one in held]


@dataclass(frozen=True, slots=True)
class _Contest:
    """A node that serves and is warm; ``echoing`` opens a line to a fresh echo."""

    asking: Asking
    making: Making
    ask: Line
    echoing: Callable[[int], AbstractContextManager[Line]]

    def play(self) -> Round:
        """Put new questions to the node, then the very same bytes to the echo."""
        held, requests = self.making(self.asking, self.ask, _REQUESTS)
        seconds, replies = callers.through(self.ask, requests)
        for one, request, reply in zip(held, requests, replies, strict=True):
            self.asking.check(request, reply, [one])
        with self.echoing(len(replies[0])) as say:
            callers.through(say, requests[:_WARM])
            bare, _ = callers.through(say, requests)
        return Round(ours=_REQUESTS / seconds, baseline=_REQUESTS / bare)


@contextmanager
def contest(making: Making, folder: Path) -> Iterator[Play]:
    """Found a federation, enrol everybody, start node and echo and warm both up."""
    home = folder / "federation"
    place = town.build(home, departments=[_NODE], people=_PEOPLE)
    registrar = ["hedui", "registrar", "serve", "--json", "--folder", str(home / REGISTRAR)]
    node = ["hedui", "node", "serve", "--enrol", "--json", "--folder", str(home / _NODE)]
    with ExitStack() as stack:
        stack.enter_context(serving(folder, {REGISTRAR: registrar}))
        ports = stack.enter_context(serving(folder, {_NODE: node}))
        ask = stack.enter_context(callers.line(place.coordinator, _NODE, ports[_NODE], ASK))
        asking = Asking(place, place.coordinator.manifest.party(_NODE))
        _, requests = making(asking, ask, _WARM)
        callers.through(ask, requests)

        @contextmanager
        def echoing(size: int) -> Iterator[Line]:
            words = ["benchmarks.echo", str(home / _NODE), str(size)]
            with (
                serving(folder, {"echo": words}) as ports,
                callers.line(place.coordinator, _NODE, ports["echo"], echo.METHOD) as say,
            ):
                yield say

        yield _Contest(asking, making, ask, echoing).play


BENCHMARKS: Final = [
    Benchmark(
        name="ask.standing",
        unit="requests/s",
        direction=Direction.MORE,
        target=0.40,
        rounds=_ROUNDS,
        stage=partial(contest, standing),
    ),
    Benchmark(
        name="ask.first",
        unit="requests/s",
        direction=Direction.MORE,
        target=0.25,
        rounds=_ROUNDS,
        stage=partial(contest, first),
    ),
]
