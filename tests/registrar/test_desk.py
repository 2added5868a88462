"""What blind evaluation costs the registrar: nothing before it is counted."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from crypto import labels, oprf
from federation.clock import epoch_of
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import HeduiError, PeerFault, Refused, Unavailable
from registrar.config import Settings
from registrar.desk import Desk
from registrar.pseudonyms import Pseudonyms
from registrar.store import Store
from registrar.transaction import Call
from tests.registrar.town import NOW, Town

YEAR = epoch_of(NOW)
SEED = bytes(range(32))
PUBLIC = oprf.Evaluator.from_seed(SEED, labels.voprf_info("tax", YEAR)).public_key
ELEMENTS = oprf.blind([b"%d" % i for i in range(4)], oprf.derive_blinds(bytes(32), 0, 4))


class Keys(Pseudonyms):
    """Counts what is evaluated; ``meet`` holds calls until so many have passed the first look."""

    def __init__(self, meet: int = 1) -> None:
        super().__init__(lambda _: SEED, {("tax", YEAR): PUBLIC})
        self.evaluated: list[int] = []
        self._barrier = Barrier(meet, timeout=20)

    def check(self, department: str, batch: BlindBatch) -> None:
        self._barrier.wait()
        super().check(department, batch)

    def evaluate(self, department: str, batch: BlindBatch) -> BlindEvaluation:
        self.evaluated.append(batch.batch_no)
        return super().evaluate(department, batch)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "r.sqlite")
    yield store
    store.close()


def desk(town: Town, store: Store, keys: Pseudonyms) -> Desk:
    return Desk(town.registrar, store, keys, town.clock, Settings(rolls={"tax": 1000}))


def a_call() -> Call:
    return Call(
        caller="tax", qid=os.urandom(16), digest=os.urandom(32), expires=NOW + 60, key=bytes(32)
    )


def a_batch(batch_no: int, roll: int = 4, elements: list[bytes] = ELEMENTS) -> BlindBatch:
    return BlindBatch(
        tag="id",
        epoch=YEAR,
        batch_no=batch_no,
        roll=roll,
        commitment=bytes(32),
        elements=tuple(elements),
    )


def test_a_batch_over_the_quota_is_not_evaluated(town: Town, store: Store) -> None:
    keys = Keys()
    at = desk(town, store, keys)
    for batches in ([a_batch(0, roll=3)], [a_batch(0, roll=1001)], [a_batch(0), a_batch(1)]):
        with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
            at.evaluate(a_call(), batches)
    at.evaluate(a_call(), [a_batch(0)])
    with pytest.raises(Refused, match="BATCH_CHANGED"):
        at.evaluate(a_call(), [a_batch(0, elements=ELEMENTS[::-1])])
    assert keys.evaluated == [0]


def test_of_calls_at_the_same_time_only_those_within_the_quota_are_evaluated(
    town: Town, store: Store
) -> None:
    """All four see an empty quota that one of them fills, and none is counted yet."""
    keys = Keys(meet=4)
    at = desk(town, store, keys)

    def evaluate(number: int) -> str:
        try:
            at.evaluate(a_call(), [a_batch(number)])
        except HeduiError as error:
            return error.code
        return ""

    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(evaluate, range(4)))
    assert sorted(codes) == ["", *["QUOTA_EXCEEDED"] * 3]
    assert keys.evaluated == [codes.index("")]


def test_what_cannot_be_counted_is_not_evaluated(
    town: Town, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = Keys()

    def full(_: Store) -> None:
        raise Unavailable("LOG_UNAVAILABLE")

    monkeypatch.setattr(Store, "write", full)
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        desk(town, store, keys).evaluate(a_call(), [a_batch(0)])
    assert keys.evaluated == []


def test_a_broken_batch_is_neither_counted_nor_evaluated(town: Town, store: Store) -> None:
    keys = Keys()
    at = desk(town, store, keys)
    with pytest.raises(PeerFault, match="BATCH_MALFORMED"):
        at.evaluate(a_call(), [a_batch(0, elements=[*ELEMENTS[:3], b"\xff" * 32])])
    assert keys.evaluated == []
    assert len(at.evaluate(a_call(), [a_batch(0)])) == 1
