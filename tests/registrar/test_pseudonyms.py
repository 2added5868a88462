"""Quota, resumed batches, epochs and the keys behind them."""

import contextlib
import os
from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import labels, oprf
from federation.clock import epoch_of
from federation.enrolment import TAGS, BlindBatch
from federation.errors import BadInput, HeduiError, PeerFault, Refused, Unavailable
from registrar import pseudonyms
from registrar.pseudonyms import Pseudonyms, Standing
from tests.registrar.town import NOW

YEAR = epoch_of(NOW)
SEED = bytes(range(32))


def a_batch(batch_no: int = 0, size: int = 3, roll: int = 10, fill: int = 0) -> BlindBatch:
    elements = tuple(bytes([fill, i % 256, i // 256]) + bytes(29) for i in range(size))
    return BlindBatch(
        tag="id", epoch=YEAR, batch_no=batch_no, roll=roll, commitment=bytes(32), elements=elements
    )


@dataclass
class Counted:
    """What a registrar would have stored of one department and year."""

    ceiling: int = 1_000_000
    roll: int = 0
    growths: list[int] = field(default_factory=list)
    sizes: Counter[str] = field(default_factory=Counter)
    digests: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def admit(self, *batches: BlindBatch) -> int:
        """Admit batches one after the other and count those that were new."""
        return sum(self._admit(batch) for batch in batches)

    def _admit(self, batch: BlindBatch) -> bool:
        key = batch.tag, batch.batch_no
        standing = Standing(
            roll=self.roll, used=self.sizes[batch.tag], digest=self.digests.get(key, b"")
        )
        new = pseudonyms.admit(batch, standing, self.ceiling)
        if new is None:
            return False
        self.sizes[batch.tag] += len(batch.elements)
        self.digests[key] = new.digest
        if new.grows:
            self.roll = new.roll
            self.growths.append(new.roll)
        return True


def keys(epoch: int = YEAR) -> Pseudonyms:
    public = oprf.Evaluator.from_seed(SEED, labels.voprf_info("tax", epoch)).public_key
    return Pseudonyms(lambda _: SEED, {("tax", epoch): public})


def test_the_same_batch_again_costs_nothing() -> None:
    counted = Counted()
    assert counted.admit(*[a_batch(size=10)] * 50) == 1
    assert counted.sizes["id"] == 10


def test_a_batch_number_stands_for_one_content() -> None:
    with pytest.raises(Refused, match="BATCH_CHANGED"):
        Counted().admit(a_batch(), a_batch(fill=1))


def test_the_order_of_elements_is_content() -> None:
    batch = a_batch()
    with pytest.raises(Refused, match="BATCH_CHANGED"):
        Counted().admit(batch, replace(batch, elements=batch.elements[::-1]))


@pytest.mark.parametrize(("roll", "last"), [(100, 2), (1000, 20), (49, 0), (50, 1)])
def test_two_percent_above_the_roll_is_the_end(roll: int, last: int) -> None:
    counted = Counted()
    counted.admit(a_batch(0, roll, roll))
    if last:
        counted.admit(a_batch(1, last, roll))
    with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
        counted.admit(a_batch(2, 1, roll))
    assert counted.admit(a_batch(2, 1, roll + 1)) == 1


def test_ids_and_names_count_apart_against_one_roll() -> None:
    counted = Counted()
    names = replace(a_batch(0, 10, 10), tag="name")
    assert counted.admit(a_batch(0, 10, 10), names) == 2
    assert counted.growths == [10]
    for over in (a_batch(1, 1, 10), replace(a_batch(1, 1, 10), tag="name")):
        with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
            counted.admit(over)


def test_the_first_declared_roll_stands_and_growth_is_told() -> None:
    counted = Counted(ceiling=40)
    assert counted.admit(a_batch(0, 10, roll=10)) == 1
    assert counted.admit(a_batch(1, 10, roll=20)) == 1
    counted.admit(a_batch(1, 10, roll=30))  # a repetition declares nothing
    with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
        counted.admit(a_batch(2, 1, roll=15))
    assert counted.growths == [10, 20]


def test_no_roll_is_declared_above_the_operators_ceiling() -> None:
    counted = Counted(ceiling=40)
    for roll in (41, 4_000_000_000):
        with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
            counted.admit(a_batch(0, 1, roll))
    assert counted.growths == []
    assert counted.admit(a_batch(0, 40, roll=40)) == 1
    with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
        counted.admit(a_batch(1, 1, roll=41))


def test_a_ceiling_that_was_lowered_ends_enrolment_but_not_its_resumption() -> None:
    counted = Counted(ceiling=40)
    counted.admit(a_batch(0, 20, roll=30))
    counted.ceiling = 20
    assert counted.admit(a_batch(0, 20, roll=30)) == 0
    with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
        counted.admit(a_batch(1, 5, roll=20))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(TAGS)),
            st.integers(0, 6),
            st.integers(1, 20),
            st.integers(0, 60),
        )
    ),
    st.integers(0, 50),
)
def test_no_order_of_batches_beats_the_quota(
    tries: list[tuple[str, int, int, int]], ceiling: int
) -> None:
    counted = Counted(ceiling=ceiling)
    for tag, batch_no, size, roll in tries:
        with contextlib.suppress(Refused):
            counted.admit(replace(a_batch(batch_no, size, roll), tag=tag))
    declared = [roll for *_, roll in tries if roll <= ceiling]
    assert max(counted.sizes.values(), default=0) <= max(declared, default=0) * 1.02
    assert counted.growths == sorted(set(counted.growths))
    assert set(counted.growths) <= set(declared)


@pytest.mark.parametrize(("epoch", "live"), [(-1, False), (0, True), (1, True), (2, False)])
def test_this_year_and_the_next_are_open(epoch: int, live: bool) -> None:
    if live:
        pseudonyms.check_epoch(YEAR + epoch, NOW)
    else:
        with pytest.raises(Refused, match="EPOCH_NOT_LIVE"):
            pseudonyms.check_epoch(YEAR + epoch, NOW)


def test_blind_and_known_evaluation_agree() -> None:
    inputs = [labels.id_input("x"), labels.name_input("x", "甲")]
    blinds = oprf.derive_blinds(os.urandom(32), 0, 2)
    blinded = oprf.blind(inputs, blinds)
    batch = replace(a_batch(), elements=tuple(blinded))
    done = keys().evaluate("tax", batch)
    outputs = oprf.finalize(
        inputs,
        blinds,
        blinded,
        oprf.Evaluation(elements=done.elements, proof=done.proof),
        oprf.Evaluator.from_seed(SEED, labels.voprf_info("tax", YEAR)).public_key,
    )
    assert [oprf.psn(o) for o in outputs] == [keys().of("tax", YEAR, data) for data in inputs]


def test_an_element_outside_the_group_is_the_senders_fault() -> None:
    with pytest.raises(PeerFault, match="BATCH_MALFORMED"):
        keys().evaluate("tax", replace(a_batch(), elements=(b"\xff" * 32,)))


def test_a_batch_is_checked_without_being_evaluated() -> None:
    element = oprf.blind([b"x"], oprf.derive_blinds(bytes(32), 0, 1))[0]
    keys().check("tax", replace(a_batch(), elements=(element,)))
    for wrong in (b"\xff" * 32, bytes(32)):
        with pytest.raises(PeerFault, match="BATCH_MALFORMED"):
            keys().check("tax", replace(a_batch(), elements=(element, wrong)))
    with pytest.raises(Refused, match="EPOCH_NOT_LIVE"):
        keys().check("housing", replace(a_batch(), elements=(element,)))


@pytest.mark.parametrize(("department", "epoch"), [("bank_a", YEAR), ("tax", YEAR + 1)])
def test_a_key_that_the_manifest_does_not_list_is_not_used(department: str, epoch: int) -> None:
    with pytest.raises(Refused, match="EPOCH_NOT_LIVE"):
        keys().of(department, epoch, b"x")


def missing(_: int) -> bytes:
    raise BadInput("KEY_FILE_MISSING")


@pytest.mark.parametrize("seeds", [missing, lambda _: bytes(32)], ids=["missing", "another"])
def test_without_the_right_seed_nothing_is_evaluated(seeds: pseudonyms.Seeds) -> None:
    public = oprf.Evaluator.from_seed(SEED, labels.voprf_info("tax", YEAR)).public_key
    broken = Pseudonyms(seeds, {("tax", YEAR): public})
    with pytest.raises(Unavailable, match="EPOCH_KEY_MISSING"):
        broken.of("tax", YEAR, b"x")


def test_no_error_shows_a_seed() -> None:
    with pytest.raises(HeduiError) as caught:
        Pseudonyms(missing, {}).open(YEAR)
    assert caught.value.details == {"epoch": YEAR}
