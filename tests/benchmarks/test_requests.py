"""What is measured is the work: the twin's node gives the answers that the records give."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import town
from benchmarks.requests import CAR, NEW_CAR, Asking, WrongAnswer
from benchmarks.town import Town
from department_node.node import Node
from federation import clock, status
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import PeerFault

NODE = "public_security"
PEOPLE = 12


class Registrar:
    """Evaluates with the key that the benchmark's tokens are made with, in this process."""

    def __init__(self, asking: Asking) -> None:
        self._evaluator = asking._evaluator

    def evaluate(self, batch: BlindBatch) -> BlindEvaluation:
        done = self._evaluator.evaluate_batch(batch.elements)
        return BlindEvaluation(elements=done.elements, proof=done.proof)


@pytest.fixture
def place(tmp_path: Path) -> Town:
    return town.build(tmp_path / "federation", departments=[NODE], people=PEOPLE)


@pytest.fixture
def asking(place: Town) -> Asking:
    return Asking(place, place.coordinator.manifest.party(NODE))


@pytest.fixture
def node(place: Town, asking: Asking) -> Iterator[Node]:
    with Node(place.folder / NODE) as opened:
        opened.registrar = Registrar(asking)  # type: ignore[assignment]
        uri = status.uri_of(place.registrar.id, NODE)
        now = clock.SystemClock().now()
        opened.status._fetch = lambda _: {
            0: status.issue(uri, status.pack({}), now, place.registrar.key)
        }
        opened.status.refresh()
        opened.enrolment().run()
        opened.finish_enrolment()
        yield opened


def ask(node: Node, place: Town, request: bytes) -> bytes:
    return node.answerer().ask(place.coordinator.id, request)


def test_invented_people_are_of_no_province_and_all_different() -> None:
    people = [one for one, _ in zip(town.invented(), range(40_000), strict=False)]
    assert len(set(people)) == len(people)
    assert all(one.startswith("79") for one in people)


def test_fresh_tokens_are_answered_as_the_records_say(
    node: Node, place: Town, asking: Asking
) -> None:
    held = asking.hold(PEOPLE)
    for one in held:
        request = asking.presenting([one], CAR)
        asking.check(request, ask(node, place, request), [one])


def test_tokens_shown_before_are_named(node: Node, place: Town, asking: Asking) -> None:
    held = asking.hold(PEOPLE)
    showing = asking.presenting(held, NEW_CAR, CAR)
    asking.check(showing, ask(node, place, showing), held)
    naming = asking.naming(held, CAR)
    assert len(naming) < len(showing) / 4
    asking.check(naming, ask(node, place, naming), held)


def test_a_refusal_or_a_wrong_answer_is_noticed(node: Node, place: Town, asking: Asking) -> None:
    held = asking.hold(2)
    unknown = asking.naming(held, CAR)
    reply = ask(node, place, unknown)
    with pytest.raises(WrongAnswer, match="PRESENT_AGAIN"):
        asking.check(unknown, reply, held)
    request = asking.presenting(held, CAR)
    reply = ask(node, place, request)
    swapped = [replace(one, number=one.number + 1) for one in held]
    with pytest.raises(WrongAnswer):
        asking.check(request, reply, swapped)
    with pytest.raises(PeerFault):
        asking.check(unknown, reply, held)
