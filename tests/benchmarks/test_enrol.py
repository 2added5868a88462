"""What is measured is a whole enrolment: a person who is left out is noticed."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import enrol, town
from benchmarks.enrol import NotEnrolled
from benchmarks.measuring import Round
from benchmarks.requests import Asking
from benchmarks.town import Town
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.wire.registrar_client import RegistrarClient

NODE = "public_security"
PEOPLE = 20


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A town whose registrar evaluates in this process."""
    built = town.build(tmp_path / "federation", departments=[NODE], people=PEOPLE)
    evaluator = Asking(built, built.coordinator.manifest.party(NODE))._evaluator

    def evaluate(_: RegistrarClient, batch: BlindBatch) -> BlindEvaluation:
        done = evaluator.evaluate_batch(batch.elements)
        return BlindEvaluation(elements=done.elements, proof=done.proof)

    monkeypatch.setattr(RegistrarClient, "evaluate", evaluate)
    return built


def test_a_whole_roll_is_timed(place: Town) -> None:
    departments = enrol._Departments(place, [NODE])
    assert 0 < departments.enrol(workers=1) < 60
    assert departments.left == []


def test_a_rejected_row_is_no_measurement(place: Town) -> None:
    with closing(sqlite3.connect(place.folder / NODE / "records.sqlite")) as c, c:
        c.execute("UPDATE person SET id = '1' WHERE id = ?", (place.people[0],))
    with pytest.raises(NotEnrolled, match=NODE):
        enrol._Departments(place, [NODE]).enrol(workers=2)


@pytest.mark.parametrize(
    ("play", "asked"), [(enrol.against_primitives, [2]), (enrol.second_worker, [2, 1])]
)
def test_a_round_is_persons_a_second(
    place: Town,
    monkeypatch: pytest.MonkeyPatch,
    play: Callable[[enrol._Departments], Round],
    asked: list[int],
) -> None:
    seen: list[int] = []

    def timed(_: enrol._Departments, workers: int) -> float:
        seen.append(workers)
        return 2.0 * len(seen)

    monkeypatch.setattr(enrol._Departments, "enrol", timed)
    monkeypatch.setattr(enrol, "primitives", lambda _: 4.0)
    assert play(enrol._Departments(place, [])) == Round(
        ours=enrol._PEOPLE / 2, baseline=enrol._PEOPLE / 4
    )
    assert seen == asked
