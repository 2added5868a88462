"""Bits under encryption: what is proven is a bit, and nothing else can be proven."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import elgamal, group
from crypto.elgamal import BIT_SIZE, PreparedBit
from crypto.errors import BadElement, BadKey, BadProof
from crypto.group import ORDER, encode_scalar

RANDOM = Random(11).randbytes
SECRET, PUBLIC = elgamal.key_pair(RANDOM)
CONTEXT = b"qid|rung"
SMALL = st.integers(-120, 130)


def prepared() -> PreparedBit:
    return elgamal.prepare_bit(SECRET, PUBLIC, RANDOM)


def proven(bit: int = 0, index: int = 3) -> bytes:
    return elgamal.prove_bit(prepared(), bit, CONTEXT, index)


def plain(ciphertext: bytes, number: int) -> bool:
    """Tell whether a ciphertext holds this number."""
    shifted = elgamal.subtract(ciphertext, elgamal.encrypt(number, PUBLIC, RANDOM))
    return elgamal.is_zero(SECRET, shifted)


def times(scalar: int) -> bytes:
    return group.times_base(encode_scalar(scalar))


def test_a_key_pair_is_a_scalar_and_its_product() -> None:
    assert group.is_scalar(SECRET)
    assert elgamal.public_key(SECRET) == PUBLIC == group.multiply_base(SECRET)


@pytest.mark.parametrize("secret", [b"", bytes(32), ORDER.to_bytes(32, "little"), bytes(33)])
def test_a_malformed_secret_is_refused(secret: bytes) -> None:
    with pytest.raises(BadKey):
        elgamal.public_key(secret)


@pytest.mark.parametrize("bit", [0, 1])
@pytest.mark.parametrize("index", [0, 39])
def test_a_bit_is_proven_and_holds_itself(bit: int, index: int) -> None:
    message = proven(bit, index)
    assert len(message) == BIT_SIZE == 192
    ciphertext = elgamal.verify_bit(message, PUBLIC, CONTEXT, index)
    assert ciphertext == message[:64]
    assert plain(ciphertext, bit)
    assert not plain(ciphertext, 1 - bit)


def test_both_bits_of_one_preparation_are_proven() -> None:
    # For once: whoever saw both would have the key.
    one = prepared()
    for bit in (0, 1):
        message = elgamal.prove_bit(one, bit, CONTEXT, 0)
        assert plain(elgamal.verify_bit(message, PUBLIC, CONTEXT, 0), bit)


def test_a_proof_holds_at_its_own_place_only() -> None:
    message = proven(1, 3)
    other = elgamal.key_pair(RANDOM)[1]
    for public, context, index in (
        (PUBLIC, CONTEXT, 4),
        (PUBLIC, b"qid|rung2", 3),
        (PUBLIC, b"", 3),
        (other, CONTEXT, 3),
    ):
        with pytest.raises(BadProof, match=f"bit {index}: not proven"):
            elgamal.verify_bit(message, public, context, index)


@pytest.mark.parametrize("position", range(0, BIT_SIZE, 8))
@pytest.mark.parametrize("bit", [0, 1])
def test_no_byte_may_change(position: int, bit: int) -> None:
    changed = bytearray(proven(bit))
    changed[position] ^= 1
    with pytest.raises(BadProof, match="bit 3"):
        elgamal.verify_bit(bytes(changed), PUBLIC, CONTEXT, 3)


@pytest.mark.parametrize("size", [0, 64, BIT_SIZE - 1, BIT_SIZE + 1, BIT_SIZE + 32])
def test_another_size_is_malformed(size: int) -> None:
    with pytest.raises(BadProof, match="bit 3: malformed"):
        elgamal.verify_bit((proven() + bytes(32))[:size], PUBLIC, CONTEXT, 3)


@pytest.mark.parametrize("field", range(4))
@pytest.mark.parametrize("value", [0, ORDER, ORDER + 5, 2**256 - 1])
def test_scalars_are_reduced_and_not_zero(field: int, value: int) -> None:
    start = 64 + 32 * field
    message = proven()
    changed = message[:start] + value.to_bytes(32, "little") + message[start + 32 :]
    with pytest.raises(BadProof, match="bit 3: malformed"):
        elgamal.verify_bit(changed, PUBLIC, CONTEXT, 3)


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("value", [bytes(32), bytes([1, *bytes(31)]), b"\xff" * 32])
def test_elements_are_elements(half: int, value: bytes) -> None:
    message = proven()
    changed = message[: 32 * half] + value + message[32 * half + 32 :]
    with pytest.raises(BadProof, match="bit 3: not two elements"):
        elgamal.verify_bit(changed, PUBLIC, CONTEXT, 3)


def test_the_base_point_leaves_nothing_to_prove_of_a_one() -> None:
    message = proven()
    changed = message[:32] + group.BASE + message[64:]
    with pytest.raises(BadProof, match="not two elements"):
        elgamal.verify_bit(changed, PUBLIC, CONTEXT, 3)


@pytest.mark.parametrize("number", [-1, 2, 3, ORDER // 2])
def test_the_holder_of_the_key_proves_no_other_number(number: int) -> None:
    key = int.from_bytes(SECRET, "little")
    one = prepared()
    ciphertext = times(one.blind) + times(one.blind * key + number)
    for bit in (0, 1):
        cheated = replace(one, ciphertexts=(ciphertext, ciphertext))
        message = elgamal.prove_bit(cheated, bit, CONTEXT, 0)
        with pytest.raises(BadProof, match="bit 0: not proven"):
            elgamal.verify_bit(message, PUBLIC, CONTEXT, 0)


# The attack on a proof whose hash leaves the key out: fix ciphertext and commitments by their
# logarithms, ask for the challenge, and only then choose the key for which it all fits.


def square_root(value: int) -> int | None:
    """Find a root modulo the group's order, which is 5 modulo 8."""
    root = pow(value, (ORDER + 3) // 8, ORDER)
    for candidate in (root, root * pow(2, (ORDER - 1) // 4, ORDER) % ORDER):
        if (candidate * candidate - value) % ORDER == 0:
            return candidate
    return None


def forge(context: bytes, index: int) -> tuple[bytes, bytes, int]:
    """Give a public key, a "proven bit" under it, and the number that it holds."""
    while True:
        k, t, a0, b0, a1, b1 = (group.random_scalar(RANDOM) for _ in range(6))
        ciphertext = times(k) + times(t)
        commitments = b"".join(map(times, (a0, b0, a1, b1)))
        c = elgamal._challenge(elgamal._bound(PUBLIC, context, index, ciphertext), commitments)
        # (a0 x - b0)(m - 1) + (a1 x - b1) m = c m (m - 1), where m = t - k x
        square = -k * (a0 + a1) - c * k * k
        linear = a0 * (t - 1) + a1 * t + k * (b0 + b1) + c * k * (2 * t - 1)
        constant = -b0 * (t - 1) - b1 * t - c * t * (t - 1)
        root = square_root(linear * linear - 4 * square * constant)
        if root is None:
            continue
        x = (root - linear) * pow(2 * square, -1, ORDER) % ORDER
        m = (t - k * x) % ORDER
        c0 = (a0 * x - b0) * pow(m, -1, ORDER) % ORDER
        c1 = (c - c0) % ORDER
        scalars = (c0, c1, a0 + c0 * k, a1 + c1 * k)
        return times(x), ciphertext + b"".join(map(encode_scalar, scalars)), m


def test_with_the_key_left_out_of_the_hash_a_non_bit_is_forged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = elgamal._bound
    monkeypatch.setattr(elgamal, "_bound", lambda _, *rest: whole(b"", *rest))
    public, message, number = forge(CONTEXT, 5)
    assert elgamal.verify_bit(message, public, CONTEXT, 5) == message[:64]
    assert number not in {0, 1}


def test_with_the_key_in_the_hash_the_same_forgery_fails() -> None:
    for _ in range(5):
        public, message, _number = forge(CONTEXT, 5)
        with pytest.raises(BadProof, match="bit 5: not proven"):
            elgamal.verify_bit(message, public, CONTEXT, 5)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(SMALL, SMALL)
def test_ciphertexts_add_up(one: int, other: int) -> None:
    first, second = (elgamal.encrypt(each, PUBLIC, RANDOM) for each in (one, other))
    assert plain(elgamal.add(first, second), one + other)
    assert plain(elgamal.subtract(first, second), one - other)
    assert plain(elgamal.add(elgamal.ZERO, first), one)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(SMALL, st.integers(1, ORDER - 1))
def test_scaling_keeps_zero_and_nothing_else(number: int, scalar: int) -> None:
    scaled = elgamal.scale(encode_scalar(scalar), elgamal.encrypt(number, PUBLIC, RANDOM))
    assert elgamal.is_zero(SECRET, scaled) == (number == 0)


def test_nothing_is_scaled_by_zero_or_from_the_identity() -> None:
    ciphertext = elgamal.encrypt(1, PUBLIC, RANDOM)
    for scalar, value in ((bytes(32), ciphertext), (SECRET, elgamal.ZERO)):
        with pytest.raises(BadElement):
            elgamal.scale(scalar, value)


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("value", [bytes(32), b"\xff" * 32])
def test_what_is_tested_for_zero_is_a_ciphertext(half: int, value: bytes) -> None:
    ciphertext = elgamal.encrypt(0, PUBLIC, RANDOM)
    changed = ciphertext[: 32 * half] + value + ciphertext[32 * half + 32 :]
    with pytest.raises(BadElement):
        elgamal.is_zero(SECRET, changed)


def test_a_preparation_shows_nothing() -> None:
    one = prepared()
    assert str(one.blind) not in repr(one)
