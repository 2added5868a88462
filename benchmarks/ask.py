"""``ask.standing`` and ``ask.first``: how many questions a second one node answers for 16 callers.

Ours is the whole way: mutual TLS, signed request, gate, evaluation, durable log, signed answer. The
baseline is a bare gRPC echo under the same mutual TLS, of the same requests and answer sizes. Every
answer of ours is verified and compared with the records, after the clock has stopped.

The node keeps itself to one core, as it does in service; the echo is left to the scheduler, as a
plain gRPC server is. Kept to one core too, the echo is up to half as fast again on two cores.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
_PEOPLE: Final = 20_000
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
    """A node and an echo, both serving and warm."""

    asking: Asking
    making: Making
    ask: Line
    say: Line

    def play(self) -> Round:
        """Put new questions to the node, then the very same bytes to the echo."""
        held, requests = self.making(self.asking, self.ask, _REQUESTS)
        seconds, replies = callers.through(self.ask, requests)
        for one, request, reply in zip(held, requests, replies, strict=True):
            self.asking.check(request, reply, [one])
        bare, _ = callers.through(self.say, requests)
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
        _, replies = callers.through(ask, requests)
        words = ["benchmarks.echo", str(home / _NODE), str(len(replies[0]))]
        echoing = stack.enter_context(serving(folder, {"echo": words}))
        say = stack.enter_context(
            callers.line(place.coordinator, _NODE, echoing["echo"], echo.METHOD)
        )
        callers.through(say, requests)
        yield _Contest(asking, making, ask, say).play


BENCHMARKS: Final = [
    Benchmark(
        name="ask.standing",
        unit="requests/s",
        direction=Direction.MORE,
        target=0.30,
        stage=partial(contest, standing),
    ),
    Benchmark(
        name="ask.first",
        unit="requests/s",
        direction=Direction.MORE,
        target=0.20,
        stage=partial(contest, first),
    ),
]
