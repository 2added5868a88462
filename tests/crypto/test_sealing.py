"""What is sealed to a key opens with its other half, whole, and with nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import masks, sealing
from crypto.errors import BadElement, BadKey

SECRET = bytes(range(32))
PUBLIC = masks.public_key(SECRET)


@given(st.binary(max_size=200))
def test_it_opens_with_the_other_half(secret: bytes) -> None:
    sealed = sealing.seal_to(PUBLIC, secret)
    assert len(sealed) == len(secret) + sealing.OVERHEAD
    assert sealing.open_sealed(SECRET, sealed) == secret


def test_it_is_never_sealed_alike_twice() -> None:
    assert sealing.seal_to(PUBLIC, b"seed") != sealing.seal_to(PUBLIC, b"seed")


@given(st.integers(0, 51), st.integers(1, 255))
def test_another_byte_does_not_open(at: int, other: int) -> None:
    sealed = bytearray(sealing.seal_to(PUBLIC, b"seed"))
    sealed[at] ^= other
    with pytest.raises(BadElement):
        sealing.open_sealed(SECRET, bytes(sealed))


def test_another_key_does_not_open() -> None:
    sealed = sealing.seal_to(PUBLIC, b"seed")
    with pytest.raises(BadElement):
        sealing.open_sealed(bytes(32), sealed)
    with pytest.raises(BadElement):
        sealing.open_sealed(SECRET, sealed[:40])


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32)])
def test_a_key_that_is_none_seals_nothing(key: bytes) -> None:
    with pytest.raises(BadKey):
        sealing.seal_to(key, b"seed")


def test_a_key_of_another_size_opens_nothing() -> None:
    with pytest.raises(BadKey):
        sealing.open_sealed(bytes(31), sealing.seal_to(PUBLIC, b"seed"))
