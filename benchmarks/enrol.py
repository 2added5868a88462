"""``enrol``: persons a second from a department's roll to stored pseudonyms.

Ours is the department's whole enrolment against the real registrar over mutual TLS: reading and
checking the roll, batches written down before they are sent, blinding, the signed calls, quota and
evaluation at the registrar, proof, outputs, storing. The baseline is the sum of what the primitives
alone cost for the same ids, one after the other in this process, by the Rust package ``voprf`` on
both sides: hash to the group and blind; evaluate with a proof; verify, take the blinds off, hash.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

from voprf import ristretto

from benchmarks import town
from benchmarks.measuring import ROUNDS, Benchmark, Direction, Play, Round
from benchmarks.processes import serving
from crypto import labels
from department_node.enrolment import BATCH
from department_node.node import Node
from federation.clock import epoch_of
from hedui.demo.stage import REGISTRAR

_PEOPLE: Final = 4_096


class NotEnrolled(Exception):
    """Somebody was not enrolled: what was measured was not the work."""


@dataclass(slots=True)
class _Contest:
    """Departments that have enrolled nobody yet, the next one first."""

    place: town.Town
    departments: list[str]

    def play(self) -> Round:
        """Enrol the next department, then do the primitives alone."""
        seconds = _enrol(self.place, self.departments.pop(0))
        bare = primitives(self.place.people)
        return Round(ours=_PEOPLE / seconds, baseline=_PEOPLE / bare)


@contextmanager
def contest(folder: Path) -> Iterator[Play]:
    """Found a federation with a department a round: nobody is enrolled twice in one."""
    home = folder / "federation"
    departments = [f"department_{number}" for number in range(ROUNDS + 1)]
    place = town.build(home, departments=departments, people=_PEOPLE)
    registrar = ["hedui", "registrar", "serve", "--json", "--folder", str(home / REGISTRAR)]
    with ExitStack() as stack:
        stack.enter_context(serving(folder, {REGISTRAR: registrar}))
        contest = _Contest(place, departments)
        contest.play()
        yield contest.play


def _enrol(place: town.Town, department: str) -> float:
    with Node(place.folder / department) as node:
        run = node.enrolment()
        began = perf_counter()
        tally = run.run()
        node.finish_enrolment()
        seconds = perf_counter() - began
        if node.store.enrolled(epoch_of(node.clock.now())) != len(place.people) or tally.rejected:
            raise NotEnrolled(f"{department}: {tally}")
    return seconds


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
        target=0.6,
        stage=contest,
    )
]
