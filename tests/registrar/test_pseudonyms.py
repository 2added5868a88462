"""Quota, resumed batches, epochs and the keys behind them."""

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import labels, oprf
from federation.clock import epoch_of
from federation.enrolment import BlindBatch
from federation.errors import BadInput, HeduiError, PeerFault, Refused, Unavailable
from registrar import pseudonyms
from registrar.pseudonyms import Evaluated, Pseudonyms
from tests.registrar.town import NOW

YEAR = epoch_of(NOW)
SEED = bytes(range(32))


def a_batch(batch_no: int = 0, size: int = 3, roll: int = 10, fill: int = 0) -> BlindBatch:
    elements = tuple(bytes([fill, i % 256, i // 256]) + bytes(29) for i in range(size))
    return BlindBatch(
        tag="id", epoch=YEAR, batch_no=batch_no, roll=roll, commitment=bytes(32), elements=elements
    )


def admitted(*batches: BlindBatch) -> list[Evaluated]:
    before: list[Evaluated] = []
    for batch in batches:
        new = pseudonyms.admit(batch, before)
        before += [new] if new else []
    return before


def keys(epoch: int = YEAR) -> Pseudonyms:
    public = oprf.Evaluator.from_seed(SEED, labels.voprf_info("tax", epoch)).public_key
    return Pseudonyms(lambda _: SEED, {("tax", epoch): public})


def test_the_same_batch_again_costs_nothing() -> None:
    assert len(admitted(*[a_batch(size=10)] * 50)) == 1


def test_a_batch_number_stands_for_one_content() -> None:
    with pytest.raises(Refused, match="BATCH_CHANGED"):
        admitted(a_batch(), a_batch(fill=1))


def test_the_order_of_elements_is_content() -> None:
    batch = a_batch()
    with pytest.raises(Refused, match="BATCH_CHANGED"):
        admitted(batch, replace(batch, elements=batch.elements[::-1]))


@pytest.mark.parametrize(("roll", "last"), [(100, 2), (1000, 20), (49, 0), (50, 1)])
def test_two_percent_above_the_roll_is_the_end(roll: int, last: int) -> None:
    full = [a_batch(0, roll, roll)]
    full += [a_batch(1, last, roll)] if last else []
    before = admitted(*full)
    with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
        pseudonyms.admit(a_batch(2, 1, roll), before)
    assert pseudonyms.admit(a_batch(2, 1, roll + 1), before)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 20), st.integers(0, 60))))
def test_no_order_of_batches_beats_the_quota(tries: list[tuple[int, int, int]]) -> None:
    before: list[Evaluated] = []
    for batch_no, size, roll in tries:
        try:
            new = pseudonyms.admit(a_batch(batch_no, size, roll), before)
        except Refused:
            continue
        before += [new] if new else []
    declared = max((roll for _, _, roll in tries), default=0)
    assert sum(one.size for one in before) <= declared * 1.02
    assert len({one.batch_no for one in before}) == len(before)


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
