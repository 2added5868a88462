"""Registers of invented people, and a registrar in memory that can count, lie and fail."""

import os
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from crypto import labels, oprf
from department_node.catalogue import NodeCatalogue
from federation import ids
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import Refused

EPOCH = 2026
ROLL = "SELECT id, name, key FROM person"

Row = tuple[str | None, str | None, str | None]


def person_id(number: int) -> str:
    """Make the number of an invented person."""
    first = f"790301{1950 + number % 60}{1 + number % 12:02}{1 + number % 28:02}{number % 1000:03}"
    return first + ids.check_digit(first)


def people(count: int, start: int = 0) -> list[Row]:
    """Make rows of a roll; 8,400 different numbers at most."""
    return [(person_id(n), f"王{n}", f"k{n}") for n in range(start, start + count)]


def write_roll(path: Path, rows: Iterable[Row]) -> None:
    """Write a register anew."""
    with sqlite3.connect(path) as c:
        c.execute("DROP TABLE IF EXISTS person")
        c.execute("CREATE TABLE person (id, name, key)")
        c.executemany("INSERT INTO person VALUES (?, ?, ?)", rows)
    c.close()


def listed(source: Path, *, names: bool = False, roll: str = ROLL) -> NodeCatalogue:
    """Make a catalogue that answers nothing but, if asked to, compares names."""
    return _Names(
        department="public_security",
        version=1,
        source=source,
        roll=roll,
        as_of="SELECT '2026-11-17'",
        answers={},
        names=names,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names(NodeCatalogue):
    names: bool = False

    @property
    def compares_names(self) -> bool:
        return self.names


@dataclass
class FakeRegistrar:
    """Evaluates in memory; a number stands for one batch, as at the real one."""

    evaluator: oprf.Evaluator = field(
        default_factory=lambda: oprf.Evaluator.from_seed(
            bytes(range(32)), labels.voprf_info("public_security", EPOCH)
        )
    )
    asked: list[BlindBatch] = field(default_factory=list)
    seen: dict[tuple[str, int], tuple[bytes, ...]] = field(default_factory=dict)
    lie: Callable[[BlindEvaluation], BlindEvaluation] | None = None

    def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
        self.asked.append(batch)
        before = self.seen.setdefault((batch.tag, batch.batch_no), batch.elements)
        if before != batch.elements:
            raise Refused("BATCH_CHANGED")
        done = self.evaluator.evaluate_batch(batch.elements)
        reply = BlindEvaluation(elements=done.elements, proof=done.proof)
        return self.lie(reply) if self.lie else reply

    def psn(self, person: str) -> bytes:
        return oprf.psn(self.evaluator.evaluate_known(labels.id_input(person)))

    def name_psn(self, person: str, name: str) -> bytes:
        return oprf.psn(self.evaluator.evaluate_known(labels.name_input(person, name)))

    @property
    def elements(self) -> int:
        """Count the different elements that were evaluated: what the quota counts."""
        return sum(map(len, self.seen.values()))


def stranger() -> oprf.Evaluator:
    """Make another evaluator than the one whose key is published."""
    return oprf.Evaluator.from_seed(os.urandom(32), labels.voprf_info("tax", EPOCH))
