"""Paillier against `phe`, and what is refused as a key or a ciphertext."""

import copy
import os
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phe import paillier as peer

from crypto import paillier
from crypto.errors import BadCiphertext, BadKey
from crypto.paillier import PrivateKey, PublicKey
from tests.crypto.cast import paillier_key

KEY = paillier_key()
PUBLIC = KEY.public
PEER_PUBLIC = peer.PaillierPublicKey(PUBLIC.n)
PRIMES = [int.from_bytes(half, "big") for half in (KEY.to_bytes()[:32], KEY.to_bytes()[32:])]
PLAIN = st.integers(-PUBLIC.n, 2 * PUBLIC.n)


@pytest.fixture(scope="session")
def full() -> PrivateKey:
    return paillier_key(bits=paillier.BITS)


def obfuscator() -> int:
    return PUBLIC.obfuscator(os.urandom)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(PLAIN)
def test_what_was_encrypted_is_decrypted(plain: int) -> None:
    ciphertext = PUBLIC.encrypt(plain, obfuscator())
    assert len(ciphertext) == 128
    assert KEY.decrypt(PUBLIC.read(ciphertext)) == plain % PUBLIC.n


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(0, PUBLIC.n - 1), st.integers(1, PUBLIC.n - 1))
def test_the_package_that_we_build_on_gives_the_same(plain: int, r: int) -> None:
    ours = PUBLIC.encrypt_raw(plain, pow(r, PUBLIC.n, PUBLIC.square))
    assert ours == PEER_PUBLIC.raw_encrypt(plain, r)
    private = peer.PaillierPrivateKey(PEER_PUBLIC, *PRIMES)
    assert private.raw_decrypt(ours) == KEY.decrypt(ours) == plain


@settings(deadline=None, derandomize=True, max_examples=20)
@given(st.lists(PLAIN, max_size=6))
def test_a_product_adds_up(plains: list[int]) -> None:
    ciphertexts = [PUBLIC.encrypt_raw(one, obfuscator()) for one in plains]
    assert KEY.decrypt(PUBLIC.product(ciphertexts)) == sum(plains) % PUBLIC.n


def test_an_obfuscator_is_of_the_randomness_that_it_was_given() -> None:
    made = PUBLIC.obfuscator(lambda size: bytes([5] * size))
    drawn = int.from_bytes(bytes([5] * 80), "big") % (PUBLIC.n - 1) + 1
    assert made == pow(drawn, PUBLIC.n, PUBLIC.square)
    assert KEY.decrypt(made) == 0
    assert PUBLIC.obfuscator(bytes) == 1  # zero is taken for one: it would have no inverse


def test_the_real_size(full: PrivateKey) -> None:
    public = PublicKey.from_bytes(full.public.to_bytes())
    assert public == full.public
    assert len(public.to_bytes()) == paillier.MODULUS_SIZE == 384
    ciphertext = public.encrypt(-7, public.obfuscator(os.urandom))
    assert len(ciphertext) == paillier.CIPHERTEXT_SIZE == public.size == 768
    assert full.decrypt(public.read(ciphertext)) == public.n - 7
    again = PrivateKey.from_bytes(full.to_bytes())
    assert (again.public, again.to_bytes()) == (public, full.to_bytes())


def test_modulus_of_another_kind_is_refused(full: PrivateKey) -> None:
    n = full.public.n
    good = full.public.to_bytes()
    prime = 2**3072 - 1103717  # a safe prime
    for data, why in (
        (b"", "3072 bits"),
        (good[1:], "3072 bits"),
        (b"\x00" + good, "3072 bits"),
        (PUBLIC.to_bytes(), "3072 bits"),
        ((n >> 1).to_bytes(384, "big"), "3072 bits"),
        ((n + 1).to_bytes(384, "big"), "two large primes"),
        (prime.to_bytes(384, "big"), "two large primes"),
    ):
        with pytest.raises(BadKey, match=why):
            PublicKey.from_bytes(data)


@pytest.mark.parametrize("value", [0, PUBLIC.square, PUBLIC.square + 1])
def test_a_ciphertext_is_within_its_bounds(value: int) -> None:
    with pytest.raises(BadCiphertext, match="between"):
        PUBLIC.read(value.to_bytes(128, "big"))


@pytest.mark.parametrize("value", [*PRIMES, PUBLIC.n, PRIMES[0] * 12345, PUBLIC.n * 77])
def test_a_ciphertext_has_no_factor_of_the_modulus(value: int) -> None:
    with pytest.raises(BadCiphertext, match="factor"):
        PUBLIC.read(value.to_bytes(128, "big"))


@pytest.mark.parametrize("size", [0, 127, 129, 768])
def test_a_ciphertext_has_one_size(size: int) -> None:
    with pytest.raises(BadCiphertext):
        PUBLIC.read((5).to_bytes(size, "big") if size else b"")


def test_the_ends_of_the_range_are_read() -> None:
    for value in (1, PUBLIC.square - 1):
        assert PUBLIC.read(value.to_bytes(128, "big")) == value


def test_a_generated_key_works() -> None:
    key = PrivateKey.generate(256)
    assert key.public.n.bit_length() == 256
    assert key.decrypt(key.public.encrypt_raw(9, key.public.obfuscator(os.urandom))) == 9
    assert PrivateKey.from_bytes(key.to_bytes()).public == key.public


def test_a_private_key_is_two_primes_of_one_length() -> None:
    p, q = (prime.to_bytes(32, "big") for prime in PRIMES)
    for data, why in (
        (b"", "equal length"),
        (p, "two primes"),
        (p + p, "different"),
        (p + q + b"\x00", "equal length"),
        (p + bytes(31) + b"\x07", "equal length"),
        (p + (PRIMES[1] - 1).to_bytes(32, "big"), "two primes"),
        ((PRIMES[0] - 1).to_bytes(32, "big") + q, "two primes"),
    ):
        with pytest.raises(BadKey, match=why):
            PrivateKey.from_bytes(data)


def test_secrets_are_neither_shown_nor_pickled() -> None:
    assert repr(KEY) == "<PrivateKey of 512 bits>"
    assert str(PUBLIC.n) not in repr(PUBLIC)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            attempt(KEY)
