"""``enrol``: persons a second from a department's roll to stored pseudonyms.

Ours is the department's whole enrolment, with its settings as they come, against the real registrar
over mutual TLS: reading and checking the roll, batches written down before they are sent, blinding,
the signed calls, quota and evaluation at the registrar, proof, outputs, storing. The baseline is
the sum of what the primitives alone cost for the same ids, one after the other in this process, by
the Rust package ``voprf`` on both sides: hash to the group and blind; evaluate with a proof;
verify, take the blinds off, hash.

Ours uses more than one core: the department's and the registrar's are two processes anyway.
``enrol.second_worker`` says how much of that is the second worker's: the baseline is the same
enrolment with one worker, whose rate over that of ``enrol``'s baseline is what one core does beside
the registrar.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final

from voprf import ristretto

from benchmarks import town
from benchmarks.measuring import ROUNDS, Benchmark, Direction, Play, Round
from benchmarks.processes import serving
from crypto import labels
from department_node.enrolment import BATCH, WORKERS
from department_node.node import Node
from federation.clock import epoch_of
from hedui.demo.stage import REGISTRAR

_PEOPLE: Final = 8_192
_ENROLMENTS: Final = 2
"""Most enrolments in a round."""


class NotEnrolled(Exception):
    """Somebody was not enrolled: what was measured was not the work."""


@dataclass(frozen=True, slots=True)
class _Departments:
    """Departments that have enrolled nobody yet."""

    place: town.Town
    left: list[str]

    def enrol(self, workers: int) -> float:
        """Enrol the next department; gives the seconds."""
        department = self.left.pop()
        with Node(self.place.folder / department) as node:
            node.settings = replace(node.settings, enrol_workers=workers)
            run = node.enrolment()
            began = perf_counter()
            tally = run.run()
            node.finish_enrolment()
            seconds = perf_counter() - began
            enrolled = node.store.enrolled(epoch_of(node.clock.now()))
        if enrolled != len(self.place.people) or tally.rejected:
            raise NotEnrolled(f"{department}: {tally}")
        return seconds


Playing = Callable[[_Departments], Round]


def against_primitives(departments: _Departments) -> Round:
    """Enrol with the workers that are set by default, then do the primitives alone."""
    return _round(departments.enrol(WORKERS), primitives(departments.place.people))


def second_worker(departments: _Departments) -> Round:
    """Enrol with two workers, then with one."""
    return _round(departments.enrol(2), departments.enrol(1))


def _round(ours: float, baseline: float) -> Round:
    return Round(ours=_PEOPLE / ours, baseline=_PEOPLE / baseline)


@contextmanager
def contest(playing: Playing, folder: Path) -> Iterator[Play]:
    """Found a federation with enough departments: nobody is enrolled twice in one."""
    home = folder / "federation"
    names = [f"department_{number}" for number in range((ROUNDS + 1) * _ENROLMENTS)]
    place = town.build(home, departments=names, people=_PEOPLE)
    registrar = ["hedui", "registrar", "serve", "--json", "--folder", str(home / REGISTRAR)]
    with ExitStack() as stack:
        stack.enter_context(serving(folder, {REGISTRAR: registrar}))
        play = partial(playing, _Departments(place, names))
        play()
        yield play


def primitives(people: tuple[str, ...]) -> float:
    """Give the seconds that blinding, evaluating and finishing take without anything around."""
    evaluator = ristretto.Evaluator.from_seed(bytes(32), b"benchmark")
    inputs = [labels.id_input(person) for person in people]
    began = perf_counter()
    for start in range(0, len(inputs), BATCH):
        blinded = [ristretto.Client.blind(one) for one in inputs[start : start + BATCH]]
        evaluated = evaluator.evaluate_batch([element for _, element in blinded])
        clients = [client for client, _ in blinded]
        ristretto.Client.finalize_batch(clients, evaluated, evaluator.public_key)
    return perf_counter() - began


BENCHMARKS: Final = [
    Benchmark(
        name="enrol",
        unit="persons/s",
        direction=Direction.MORE,
        target=0.8,
        stage=partial(contest, against_primitives),
    ),
    Benchmark(
        name="enrol.second_worker",
        unit="persons/s",
        direction=Direction.MORE,
        target=None,
        stage=partial(contest, second_worker),
    ),
]
