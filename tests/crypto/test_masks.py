"""Masks cancel out, and nothing but the right keys in the right context makes them."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import masks
from crypto.errors import BadKey
from tests.crypto.cast import Cast

# RFC 7748 §6.1
ALICE = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
ALICE_PUBLIC = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
BOB = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
BOB_PUBLIC = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
SHARED = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
KEY = bytes(range(32))
MODULUS = (1 << 512) - 569
# RFC 7748 §6: what leads to zero whatever the secret.
LOW_ORDER = [
    bytes(32),
    bytes([1, *bytes(31)]),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
]


def test_keys_are_those_of_the_standard() -> None:
    assert masks.public_key(ALICE) == ALICE_PUBLIC
    assert masks.public_key(BOB) == BOB_PUBLIC
    both = min(ALICE_PUBLIC, BOB_PUBLIC) + max(ALICE_PUBLIC, BOB_PUBLIC)
    expected = sha256(b"hedui/mask-key/v1|" + SHARED + both).digest()
    assert masks.shared_key(ALICE, BOB_PUBLIC) == expected
    assert masks.shared_key(BOB, ALICE_PUBLIC) == expected


def test_a_label_makes_another_key() -> None:
    other = masks.shared_key(ALICE, BOB_PUBLIC, b"another|")
    assert other != masks.shared_key(ALICE, BOB_PUBLIC)


@pytest.mark.parametrize("public", LOW_ORDER)
def test_a_key_of_low_order_is_refused(public: bytes) -> None:
    with pytest.raises(BadKey, match="low order"):
        masks.shared_key(ALICE, public)


@pytest.mark.parametrize("wrong", [b"", bytes(31), bytes(33)])
def test_keys_have_32_bytes(wrong: bytes) -> None:
    for attempt in (
        lambda: masks.public_key(wrong),
        lambda: masks.shared_key(wrong, BOB_PUBLIC),
        lambda: masks.shared_key(ALICE, wrong),
        lambda: masks.prf(wrong, b"qid", MODULUS),
        lambda: masks.mask([], wrong, b"qid", MODULUS),
        lambda: masks.mask([(1, wrong)], KEY, b"qid", MODULUS),
    ):
        with pytest.raises(BadKey, match="32 bytes"):
            attempt()


def test_pseudorandom_numbers_do_not_change_between_versions() -> None:
    assert masks.prf(KEY, b"qid", 2**61 - 1) == 1224777603519661634


def test_key_context_and_modulus_each_make_another_number() -> None:
    numbers = {
        masks.prf(key, context, modulus)
        for key in (KEY, bytes(32))
        for context in (b"", b"qid", b"qid2")
        for modulus in (MODULUS, MODULUS + 2)
    }
    assert len(numbers) == 12
    assert max(numbers) < MODULUS + 2


def test_numbers_fill_the_whole_range() -> None:
    drawn = [masks.prf(KEY, b"%d" % i, MODULUS) * 16 // MODULUS for i in range(1600)]
    counts = [drawn.count(sixteenth) for sixteenth in range(16)]
    assert sum((count - 100) ** 2 / 100 for count in counts) < 37.7  # chi-squared, 15, p = 0.001


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(2, 6), st.binary(max_size=40))
def test_masks_of_all_leave_what_the_tally_takes_off(departments: int, context: bytes) -> None:
    cast = Cast(departments=departments)
    every = [cast.mask(number, context) for number in range(departments)]
    assert sum(every) % cast.n == cast.masks(context)


def test_without_one_department_nothing_cancels() -> None:
    cast = Cast(departments=4)
    some = sum(cast.mask(number, b"qid") for number in range(3))
    towards = sum(masks.prf(key, b"qid", cast.n) for key in cast.towards[:3])
    assert (some - towards) % cast.n > 1 << 256


@pytest.mark.parametrize("sign", [0, 2, -2])
def test_a_sign_is_one_of_two(sign: int) -> None:
    with pytest.raises(BadKey, match="sign"):
        masks.mask([(1, KEY), (sign, KEY)], KEY, b"qid", MODULUS)
