"""The comparison against plain numbers, and every message that is not what it should be."""

import copy
import pickle
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import comparison, elgamal, paillier
from crypto.comparison import Aggregator, Prepared, Referee, Run
from crypto.elgamal import BIT_SIZE, CIPHERTEXT_SIZE
from crypto.errors import (
    BadAmount,
    BadCiphertext,
    BadElement,
    BadKey,
    BadProof,
    OutOfRange,
    Spent,
)
from tests.crypto.cast import Cast, paillier_key

HALF = 1 << (comparison.BITS - 1)
AMOUNTS = (30, -12, 5)
TOTAL = 23

# Computed once with this code: an auditor replays old comparisons with new versions.
COMMITMENT = "a949a33a9bc68ea2ef464ba38b33446f286365c64e1b58001ba6183917720971"
BLIND = 7583797058910530594996229601522628841538
FLIP = 0
ORDER = (7, 6, 4, 2, 3, 5, 8, 1, 0)
ENCRYPTED = 10962933278102014713
SCALAR = "dc73392653e250d0338346d2891cb1bb4fb0be3b153a612860aaf2db506f550f"
MASKER = (
    "d836c6f1386ae80d892e0b7d16c8e890262a2c4791c239124649f0d91ea4d27c"
    "145855a3586e0f901010392618fa6e32fe9d85b1bd5469b92e65412c5562f468"
)


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :]


def split(total: int, parts: int = 3) -> list[int]:
    """Split a total in parts of either sign."""
    drawn = [Random(total).randint(-1000, 1000) for _ in range(parts - 1)]
    return [*drawn, total - sum(drawn)]


@pytest.mark.parametrize(
    ("total", "threshold"),
    [
        *((total, 8_300_000) for total in (8_299_999, 8_300_000, 8_300_001, 0, HALF - 1)),
        *((total, -500) for total in (-501, -500, -499, 0, 1 - HALF)),
        *((total, 0) for total in (-1, 0, 1)),
        *((total, HALF) for total in (HALF - 1, 0)),
        *((total, -HALF) for total in (1 - HALF, HALF - 1)),
        *((total, HALF - 1) for total in (HALF - 2, HALF - 1)),
    ],
)
def test_boundaries(total: int, threshold: int) -> None:
    cast = Cast(bits=comparison.BITS)
    assert cast.compare(split(total), threshold) is (total >= threshold)


def every_blind(run: Run) -> list[Prepared]:
    """Draw one seed for every blind modulo twice the range and both values of the flip."""
    random = Random(3)
    found: dict[tuple[int, int], Prepared] = {}
    while len(found) < 4 << run.bits:
        seed = random.randbytes(32)
        one = comparison.prepare(run.paillier, run.elgamal, seed, run.bits, run.kappa)
        found.setdefault((one.blind % (2 << run.bits), one.flip), one)
    return list(found.values())


def test_all_blinds_with_all_differences_of_three_bits() -> None:
    cast = Cast(bits=3)
    run = cast.run()
    for prepared in every_blind(run):
        for difference in range(-7, 8):
            total = difference // 2
            threshold = total - difference
            aggregator = Aggregator(run, prepared.seed, prepared)
            bits = cast.refer(aggregator.start(cast.contribute(split(total))), threshold)
            slots = aggregator.slots(bits.message)
            outcome = aggregator.outcome(cast.referee.test(run, slots, bits.high))
            assert outcome is (difference >= 0), (prepared.blind, prepared.flip, difference)


def test_all_sums_and_thresholds_of_three_bits() -> None:
    cast = Cast(bits=3)
    for total in range(-3, 4):
        for threshold in range(-4, 5):
            assert cast.compare(split(total), threshold) is (total >= threshold)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.data(), st.integers(1, 6), st.integers(4, 14))
def test_any_amounts_within_the_clip(data: st.DataObject, departments: int, bits: int) -> None:
    largest = comparison.clip(departments, bits)
    one = st.integers(-largest, largest)
    amounts = data.draw(st.lists(one, min_size=departments, max_size=departments))
    half = 1 << (bits - 1)
    near = st.sampled_from([sum(amounts) + i for i in (-1, 0, 1)]).filter(lambda t: abs(t) <= half)
    threshold = data.draw(near | st.integers(-half, half))
    cast = Cast(departments=departments, bits=bits)
    assert cast.compare(amounts, threshold) is (sum(amounts) >= threshold)


@pytest.mark.parametrize("total", [8_300_000, 8_299_999])
def test_at_the_real_size(total: int) -> None:
    cast = Cast(departments=4, bits=comparison.BITS, paillier=paillier_key(bits=paillier.BITS))
    run = cast.run()
    aggregator = cast.aggregator()
    contributions = cast.contribute(split(total, 4))
    z = aggregator.start(contributions)
    bits = cast.refer(z, 8_300_000)
    slots = aggregator.slots(bits.message)
    assert {len(one) for one in contributions} == {len(z)} == {paillier.CIPHERTEXT_SIZE}
    assert (len(bits.message), len(slots)) == (40 * 192, 41 * 64)
    outcome = aggregator.outcome(cast.referee.test(run, slots, bits.high))
    assert outcome is (total >= 8_300_000)


@pytest.mark.parametrize("departments", range(1, 20))
def test_clipped_amounts_never_leave_the_range(departments: int) -> None:
    largest = comparison.clip(departments)
    assert departments * largest < HALF
    assert 2 * departments * (largest + 1) > HALF / 2


def test_the_clip_of_the_note() -> None:
    assert comparison.clip(3) == 2**37 - 1
    assert comparison.clip(5) == 2**36 - 1


# What the referee refuses.

Tamper = Callable[[Cast, list[bytes]], Sequence[bytes]]


def squared(cast: Cast, contributions: list[bytes]) -> list[bytes]:
    public = cast.paillier.public
    return [public.write(pow(public.read(one), 2, public.square)) for one in contributions]


def random_ciphertext(cast: Cast, contributions: list[bytes]) -> list[bytes]:
    public = cast.paillier.public
    foreign = public.encrypt(
        cast.random.randrange(cast.n), public.obfuscator(cast.random.randbytes)
    )
    return [*contributions[:2], foreign]


TAMPERED: dict[str, Tamper] = {
    "missing": lambda _, given: given[:2],
    "none": lambda _, given: [],
    "doubled": lambda _, given: [*given, given[0]],
    "one twice, one missing": lambda _, given: [given[0], given[0], given[2]],
    "scaled": squared,
    "of another run": lambda cast, given: cast.contribute(AMOUNTS, b"another qid"),
    "mixed": lambda cast, given: [*given[:2], cast.contribute(AMOUNTS, b"another qid")[2]],
    "both runs": lambda cast, given: [*given, *cast.contribute(AMOUNTS, b"another qid")],
    "foreign": random_ciphertext,
    "of another cast": lambda _, given: Cast(random=Random(8)).contribute(AMOUNTS),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_contributions_of_another_kind_abort(name: str) -> None:
    cast = Cast()
    z = cast.aggregator().start(TAMPERED[name](cast, cast.contribute(AMOUNTS)))
    with pytest.raises(OutOfRange):
        cast.refer(z, TOTAL)


def test_no_honest_run_aborts_and_every_missing_share_does() -> None:
    cast = Cast(bits=3)
    for _ in range(100):
        given = cast.contribute([1, -2, 1])
        cast.refer(cast.aggregator().start(given), 0)
        given.pop(cast.random.randrange(3))
        with pytest.raises(OutOfRange):
            cast.refer(cast.aggregator().start(given), 0)


def test_a_sum_far_beyond_the_range_aborts() -> None:
    cast = Cast()
    with pytest.raises(OutOfRange):
        cast.refer(cast.aggregator().start(cast.contribute([1 << 140, 0, 0])), 0)
    with pytest.raises(OutOfRange):
        cast.refer(cast.aggregator().start(cast.contribute([-(1 << 140), 0, 0])), 0)


@pytest.mark.parametrize("threshold", [-129, 129, 10**6])
def test_a_threshold_beyond_the_range_is_refused(threshold: int) -> None:
    cast = Cast()
    z = cast.aggregator().start(cast.contribute(AMOUNTS))
    with pytest.raises(BadAmount):
        cast.refer(z, threshold)


def test_a_blinded_sum_that_is_no_ciphertext_is_refused() -> None:
    cast = Cast()
    p = int.from_bytes(cast.paillier.to_bytes()[:32], "big")
    for z in (b"", bytes(128), b"\xff" * 128, p.to_bytes(128, "big")):
        with pytest.raises(BadCiphertext):
            cast.refer(z, TOTAL)


def test_a_run_under_other_keys_is_refused() -> None:
    cast, other = Cast(), Cast(random=Random(8))
    foreign = replace(cast.run(), paillier=paillier_key(seed=2).public)
    for run in (other.run(), foreign):
        with pytest.raises(BadKey, match="other keys"):
            cast.referee.bits(run, b"", 0, 0, lambda: pytest.fail("a bit was taken"))
        with pytest.raises(BadKey, match="other keys"):
            cast.referee.test(run, b"", 0)


def test_every_bit_takes_a_preparation_of_its_own() -> None:
    cast = Cast()
    made = [cast.referee.prepare_bit(cast.random.randbytes) for _ in range(8)]
    left = list(made)
    z = cast.aggregator().start(cast.contribute(AMOUNTS))
    bits = cast.referee.bits(cast.run(), z, cast.masks(), TOTAL, left.pop)
    assert not left
    for i, one in enumerate(reversed(made)):
        assert bits.message[i * BIT_SIZE :][:CIPHERTEXT_SIZE] in one.ciphertexts


def test_an_abort_takes_no_preparation() -> None:
    cast = Cast()
    z = cast.aggregator().start(cast.contribute(AMOUNTS)[:2])
    with pytest.raises(OutOfRange):
        cast.referee.bits(
            cast.run(), z, cast.masks(), TOTAL, lambda: pytest.fail("a bit was taken")
        )


def played(cast: Cast) -> tuple[Aggregator, bytes, int]:
    """Play up to the slots."""
    aggregator = cast.aggregator()
    bits = cast.refer(aggregator.start(cast.contribute(AMOUNTS)), TOTAL)
    return aggregator, aggregator.slots(bits.message), bits.high


@pytest.mark.parametrize("change", [-64, -1, 1, 64])
def test_there_is_one_slot_more_than_bits(change: int) -> None:
    cast = Cast()
    _, slots, high = played(cast)
    assert len(slots) == 9 * CIPHERTEXT_SIZE
    with pytest.raises(BadElement, match="9 slots"):
        cast.referee.test(cast.run(), (slots + bytes(64))[: len(slots) + change], high)


@pytest.mark.parametrize("value", [bytes(32), b"\xff" * 32])
@pytest.mark.parametrize("place", range(18))
def test_every_slot_is_looked_at(place: int, value: bytes) -> None:
    cast = Cast()
    _, slots, high = played(cast)
    start = 32 * place
    with pytest.raises(BadElement):
        cast.referee.test(cast.run(), slots[:start] + value + slots[start + 32 :], high)


# What the aggregator refuses.


def test_a_contribution_that_is_no_ciphertext_is_refused() -> None:
    cast = Cast()
    aggregator, good = cast.aggregator(), cast.contribute(AMOUNTS)
    for bad in (b"", bytes(128), good[0] + b"\x00", b"\xff" * 128):
        with pytest.raises(BadCiphertext):
            aggregator.start([good[0], bad, good[2]])
    cast.refer(aggregator.start(good), TOTAL)  # nothing was spent


def test_malformed_bits_are_refused_by_their_number() -> None:
    cast = Cast()
    aggregator = cast.aggregator()
    message = cast.refer(aggregator.start(cast.contribute(AMOUNTS)), TOTAL).message
    one, two = message[:BIT_SIZE], message[BIT_SIZE : 2 * BIT_SIZE]
    rest = message[2 * BIT_SIZE :]
    for changed, why in (
        (b"", "8 bits"),
        (message[:-BIT_SIZE], "8 bits"),
        (message + one, "8 bits"),
        (two + one + rest, "bit 0: not proven"),
        (one + one + rest, "bit 1: not proven"),
        (flipped(message, 7 * BIT_SIZE + 70), "bit 7: not proven"),
        (bytes(32) + message[32:], "bit 0: not two elements"),
        (message[:96] + bytes(32) + message[128:], "bit 0: malformed"),
    ):
        with pytest.raises(BadProof, match=why):
            aggregator.slots(changed)
    assert len(aggregator.slots(message)) == 9 * CIPHERTEXT_SIZE  # nothing was spent


def test_bits_of_another_run_are_refused() -> None:
    cast = Cast()
    given = cast.contribute(AMOUNTS, b"qid|other rung")
    z = cast.aggregator(b"qid|other rung").start(given)
    bits = cast.refer(z, TOTAL, b"qid|other rung")
    with pytest.raises(BadProof, match="bit 0: not proven"):
        cast.aggregator().slots(bits.message)


def test_one_seed_serves_one_set_of_messages() -> None:
    cast = Cast()
    aggregator = cast.aggregator()
    given = cast.contribute(AMOUNTS)
    z = aggregator.start(given)
    message = cast.refer(z, TOTAL).message
    slots = aggregator.slots(message)
    assert (aggregator.start(given), aggregator.slots(message)) == (z, slots)
    with pytest.raises(Spent, match="other contributions"):
        aggregator.start(given[:2])
    with pytest.raises(Spent, match="other bits"):
        aggregator.slots(cast.refer(z, TOTAL).message)


def vanishing(cast: Cast, message: Sequence[int], blinds: Sequence[int]) -> bytes:
    """Make proven bits of chosen blinds, as a referee that cheats may."""

    def bit(blind: int) -> elgamal.PreparedBit:
        draws = [blind.to_bytes(64, "little"), *(cast.random.randbytes(64) for _ in range(3))]
        return cast.referee.prepare_bit(lambda _: draws.pop(0))

    return b"".join(
        elgamal.prove_bit(bit(blind), one, cast.run().context, i)
        for i, (one, blind) in enumerate(zip(message, blinds, strict=True))
    )


def test_no_choice_of_the_referee_makes_an_aggregator_fail_by_its_blind() -> None:
    # With the lower blind three times the upper, a term is the identity when the blind's upper bit
    # is 0, and nothing could be multiplied there: failing then would tell that bit.
    cast = Cast(bits=2)
    run = cast.run()
    for blind in every_blind(run):
        beta = 2
        message = vanishing(cast, (beta & 1, beta >> 1), (3 * 77, 77))
        aggregator = Aggregator(run, blind.seed, blind)
        slots = aggregator.slots(message)
        alpha = blind.blind % 4
        expected = (beta >= alpha) ^ blind.flip
        assert cast.referee.test(run, slots, 0) == expected


@pytest.mark.parametrize("answer", [-1, 2, 255])
def test_an_answer_is_a_bit(answer: int) -> None:
    with pytest.raises(BadElement, match="one bit"):
        Cast().aggregator().outcome(answer)


def test_the_other_answer_is_the_other_outcome() -> None:
    aggregator = Cast().aggregator()
    assert {aggregator.outcome(0), aggregator.outcome(1)} == {True, False}


def test_a_seed_has_32_bytes_and_its_own_preparation() -> None:
    run = Cast().run()
    for size in (0, 31, 33):
        with pytest.raises(BadKey, match="32 bytes"):
            Aggregator(run, bytes(size))
    prepared = comparison.prepare(run.paillier, run.elgamal, bytes(32), run.bits)
    with pytest.raises(BadKey, match="another seed"):
        Aggregator(run, b"\x01" * 32, prepared)
    with pytest.raises(BadKey, match="another length"):
        Aggregator(replace(run, bits=9), bytes(32), prepared)


@pytest.mark.parametrize("key", [b"", bytes(32), b"\xff" * 32])
def test_a_run_has_an_elgamal_key(key: bytes) -> None:
    with pytest.raises(BadKey):
        replace(Cast().run(), elgamal=key)


# Audits.


def test_a_replay_gives_both_messages_byte_for_byte() -> None:
    cast = Cast(bits=12)
    run, seed = cast.run(), cast.random.randbytes(32)
    prepared = comparison.prepare(run.paillier, run.elgamal, seed, run.bits, run.kappa)
    aggregator = Aggregator(run, seed, prepared)
    given = cast.contribute(AMOUNTS)
    z = aggregator.start(given)
    message = cast.refer(z, TOTAL).message
    slots = aggregator.slots(message)
    replayed = comparison.replay(run, seed, given, message)
    assert (replayed.z, replayed.slots) == (z, slots)
    assert comparison.commitment(seed) == aggregator.commitment


def test_a_replay_of_something_else_gives_something_else() -> None:
    cast = Cast()
    run, seed = cast.run(), cast.random.randbytes(32)
    aggregator = Aggregator(run, seed)
    given = cast.contribute(AMOUNTS)
    z = aggregator.start(given)
    message = cast.refer(z, TOTAL).message
    slots = aggregator.slots(message)
    other = comparison.replay(run, flipped(seed, 0), given, message)
    assert other.z != z
    assert other.slots != slots
    assert comparison.commitment(flipped(seed, 0)) != aggregator.commitment
    fewer = comparison.replay(run, seed, given[:2], message)
    assert (fewer.z != z, fewer.slots == slots) == (True, True)
    again = cast.refer(z, TOTAL).message
    assert comparison.replay(run, seed, given, again).slots != slots


def test_a_replay_does_not_change_between_versions() -> None:
    run = Cast().run()
    prepared = comparison.prepare(run.paillier, run.elgamal, bytes(range(32)), run.bits)
    assert comparison.commitment(bytes(range(32))).hex() == COMMITMENT
    assert (prepared.blind, prepared.flip, prepared.order) == (BLIND, FLIP, ORDER)
    assert prepared.encrypted % 2**64 == ENCRYPTED
    assert (prepared.scalars[0].hex(), prepared.maskers[8].hex()) == (SCALAR, MASKER)


def test_messages_are_fresh_each_time() -> None:
    cast = Cast()
    given = cast.contribute(AMOUNTS)
    seen: set[bytes] = set(given)
    for _ in range(5):
        aggregator = cast.aggregator()
        z = aggregator.start(given)
        message = cast.refer(z, TOTAL).message
        slots = aggregator.slots(message)
        parts = [z, *(slots[i : i + 32] for i in range(0, len(slots), 32))]
        assert seen.isdisjoint(parts)
        seen.update(parts)
    assert len(seen) == 3 + 5 * 19


def test_the_context_alone_changes_no_draw() -> None:
    # Which is why a seed is drawn anew for each comparison.
    cast = Cast()
    seed = bytes(32)
    one, other = (Aggregator(cast.run(name), seed) for name in (b"one", b"other"))
    given = cast.contribute(AMOUNTS)
    assert one.start(given) == other.start(given)


def test_secrets_are_neither_shown_nor_pickled() -> None:
    cast = Cast()
    aggregator = cast.aggregator()
    bits = cast.refer(aggregator.start(cast.contribute(AMOUNTS)), TOTAL)
    prepared = aggregator._prepared
    assert repr(bits) == "Bits()"
    assert re.fullmatch("<crypto.comparison.Prepared object at 0x[0-9a-f]+>", repr(prepared))
    shown: Sequence[object] = (aggregator, cast.referee)
    for secret in shown:
        assert re.fullmatch("<crypto.comparison.[A-Za-z]+ object at 0x[0-9a-f]+>", repr(secret))
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="not pickled"):
                attempt(secret)


def test_a_referee_needs_a_good_secret() -> None:
    with pytest.raises(BadKey):
        Referee(paillier_key(), bytes(32))
