"""Keys against pyca/cryptography and the edge cases of C2SP; sealing against every change."""

import copy
import json
import pickle
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import keys
from crypto.errors import BadKey, BadPassphrase, BadSignature
from crypto.keys import SealCost, SigningKey, VerifyKey, seal, unseal

SEED = bytes(range(32))
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
MINIMAL = SealCost.MINIMAL


def test_vector_of_rfc_8032() -> None:
    key = SigningKey.from_seed(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )
    assert key.verify_key.raw.hex() == (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )
    assert key.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=2000))
def test_pyca_signs_and_verifies_the_same(seed: bytes, message: bytes) -> None:
    ours, theirs = SigningKey.from_seed(seed), Ed25519PrivateKey.from_private_bytes(seed)
    public = theirs.public_key()
    assert public.public_bytes(Encoding.Raw, PublicFormat.Raw) == ours.verify_key.raw
    assert ours.sign(message) == theirs.sign(message)
    public.verify(ours.sign(message), message)
    ours.verify_key.verify(message, theirs.sign(message))


@given(st.binary(max_size=200), st.integers(0, 511))
def test_a_changed_bit_fails_in_both(message: bytes, bit: int) -> None:
    key = SigningKey.from_seed(SEED)
    changed = int.from_bytes(key.sign(message), "big") ^ (1 << bit)
    signature = changed.to_bytes(64, "big")
    with pytest.raises(BadSignature, match=key.kid):
        key.verify_key.verify(message, signature)
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(key.verify_key.raw).verify(signature, message)


def test_other_message_other_key_and_other_length_fail() -> None:
    key, other = SigningKey.generate(), SigningKey.generate()
    signature = key.sign(b"message")
    with pytest.raises(BadSignature):
        key.verify_key.verify(b"messages", signature)
    with pytest.raises(BadSignature):
        other.verify_key.verify(b"message", signature)
    # A byte moved across the border must not pass as a shorter signature of a longer message.
    for moved in (signature[:-1], signature + b"m"):
        with pytest.raises(BadSignature, match="64 bytes"):
            key.verify_key.verify(b"message", moved)


def test_a_signature_has_one_form() -> None:
    key = SigningKey.from_seed(SEED)
    signature = key.sign(b"message")
    scalar = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    with pytest.raises(BadSignature):
        key.verify_key.verify(b"message", signature[:32] + scalar.to_bytes(32, "little"))


def test_a_key_of_small_order_signs_nothing() -> None:
    with pytest.raises(BadSignature):
        VerifyKey(b"\x01" + bytes(31)).verify(b"any", b"\x01" + bytes(63))


def test_edge_cases_follow_libsodiums_rules(vectors: Path) -> None:
    # libsodium refuses small order and non-canonical encoding of key and commitment, and
    # compares the commitment itself, so a small-order residue fails too.
    refusals = {
        *("low_order_A", "low_order_R", "low_order_residue"),
        *("non_canonical_A", "non_canonical_R", "reencoded_k"),
    }
    cases = json.loads((vectors / "cctv-ed25519" / "ed25519vectors.json").read_text())
    accepted = 0
    for case in cases:
        key = VerifyKey(bytes.fromhex(case["key"]))
        try:
            key.verify(case["msg"].encode(), bytes.fromhex(case["sig"]))
            valid = True
        except BadSignature:
            valid = False
        assert valid is refusals.isdisjoint(case["flags"] or ()), case["number"]
        accepted += valid
    assert (accepted, len(cases)) == (43, 914)


def test_kid_names_the_public_key() -> None:
    key = SigningKey.from_seed(SEED)
    assert key.kid == key.verify_key.kid == "1d667cb20dc1a6b257fb69cc17b02bb9"
    assert VerifyKey(key.verify_key.raw) == key.verify_key
    assert len({VerifyKey(key.verify_key.raw), key.verify_key}) == 1
    assert key.kid != SigningKey.generate().kid


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_keys_have_32_bytes(size: int) -> None:
    with pytest.raises(BadKey):
        VerifyKey(bytes(size))
    with pytest.raises(BadKey):
        SigningKey.from_seed(bytes(size))


def test_a_verify_key_does_not_change() -> None:
    with pytest.raises(AttributeError):
        VerifyKey(SEED).raw = bytes(32)  # type: ignore[misc]


def test_a_signing_key_comes_back_from_its_seed() -> None:
    key = SigningKey.generate()
    assert SigningKey.from_seed(key.seed).verify_key == key.verify_key
    assert SigningKey.from_seed(SEED).seed == SEED


def test_a_signing_key_is_never_shown() -> None:
    key = SigningKey.from_seed(SEED)
    for text in (repr(key), str(key), f"{key}", f"{[key]}"):
        assert key.kid in text
        assert SEED.hex() not in text
        assert repr(SEED)[2:20] not in text
    assert not hasattr(key, "__dict__")


def test_a_signing_key_is_not_compared_by_value_or_copied() -> None:
    key = SigningKey.from_seed(SEED)
    assert key != SigningKey.from_seed(SEED)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            attempt(key)


PASSPHRASES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.binary(min_size=1)
).filter(lambda passphrase: passphrase not in ("other", b"other"))


@settings(deadline=None)
@given(st.binary(max_size=300), PASSPHRASES, st.binary(max_size=40))
def test_sealed_opens_with_the_same_passphrase_and_purpose(
    plain: bytes, passphrase: str | bytes, purpose: bytes
) -> None:
    sealed = seal(plain, passphrase, purpose=purpose, cost=MINIMAL)
    assert unseal(sealed, passphrase, purpose=purpose) == plain
    with pytest.raises(BadPassphrase):
        unseal(sealed, "other", purpose=purpose)
    with pytest.raises(BadPassphrase):
        unseal(sealed, passphrase, purpose=purpose + b"2")


def test_sealing_twice_differs() -> None:
    first, second = (seal(SEED, "p", purpose=b"test", cost=MINIMAL) for _ in range(2))
    assert first != second
    assert SEED not in first


def test_what_this_version_sealed_opens_for_good() -> None:
    sealed = bytes.fromhex(
        "48454455492d5345414c010000000100000000000020005dc509034e6ca53d31882dbaa39887"
        "de328d7a905b898dbc76135ec710b555d70a8616098d28fecca9341e147ae34fe7c8e5cfe3e8"
        "32a7815102b9c437e5754ffe296e4248671247b20d77426f12745a3039e6bc09b520ca"
    )
    assert unseal(sealed, "passphrase", purpose=b"test") == SEED


def test_the_default_cost_is_interactive() -> None:
    sealed = seal(SEED, "p", purpose=b"test")
    assert sealed[11:23] == (2).to_bytes(4, "big") + (64 * 2**20).to_bytes(8, "big")
    assert unseal(sealed, "p", purpose=b"test") == SEED


def test_a_passphrase_is_the_same_in_each_unicode_form() -> None:
    sealed = seal(SEED, "caf\u00e9", purpose=b"test", cost=MINIMAL)
    assert unseal(sealed, "cafe\u0301", purpose=b"test") == SEED


def test_every_changed_byte_is_refused() -> None:
    sealed = seal(SEED, "passphrase", purpose=b"test", cost=MINIMAL)
    header = len(b"HEDUI-SEAL") + 1 + 4 + 8
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 0x01
        expected = BadKey if position < header else BadPassphrase
        with pytest.raises(expected):
            unseal(bytes(changed), "passphrase", purpose=b"test")


def test_every_shorter_or_longer_file_is_refused() -> None:
    sealed = seal(SEED, "passphrase", purpose=b"test", cost=MINIMAL)
    for size in range(len(sealed)):
        with pytest.raises((BadKey, BadPassphrase)):
            unseal(sealed[:size], "passphrase", purpose=b"test")
    with pytest.raises(BadPassphrase):
        unseal(sealed + b"\x00", "passphrase", purpose=b"test")


@pytest.mark.parametrize(
    ("passes", "memory"),
    [(1, 10 * 2**30), (2**32 - 1, 8192), (2, 8192), (0, 0), (1, 2**64 - 1), (4, 64 * 2**20)],
)
def test_a_cost_that_is_not_offered_is_refused_before_it_is_spent(
    passes: int, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = seal(SEED, "passphrase", purpose=b"test", cost=MINIMAL)
    hostile = sealed[:11] + passes.to_bytes(4, "big") + memory.to_bytes(8, "big") + sealed[23:]
    monkeypatch.delattr(keys, "argon2id")
    with pytest.raises(BadKey, match="cost"):
        unseal(hostile, "passphrase", purpose=b"test")


def test_a_cheaper_header_does_not_open_a_dearer_file() -> None:
    sealed = seal(SEED, "passphrase", purpose=b"test")
    cheaper = sealed[:11] + (1).to_bytes(4, "big") + (8192).to_bytes(8, "big") + sealed[23:]
    with pytest.raises(BadPassphrase):
        unseal(cheaper, "passphrase", purpose=b"test")


def test_an_unknown_version_is_named() -> None:
    sealed = bytearray(seal(SEED, "passphrase", purpose=b"test", cost=MINIMAL))
    sealed[10] = 7
    with pytest.raises(BadKey, match="version 7"):
        unseal(bytes(sealed), "passphrase", purpose=b"test")


def test_oversize_is_refused_both_ways() -> None:
    with pytest.raises(BadKey):
        seal(bytes(keys.PLAIN_MAX + 1), "passphrase", purpose=b"test", cost=MINIMAL)
    sealed = seal(bytes(keys.PLAIN_MAX), "passphrase", purpose=b"test", cost=MINIMAL)
    with pytest.raises(BadKey, match="not a sealed key"):
        unseal(sealed + b"\x00", "passphrase", purpose=b"test")


@pytest.mark.parametrize("passphrase", ["", b"", "\ud800"])
def test_a_passphrase_is_text_and_not_empty(passphrase: str | bytes) -> None:
    with pytest.raises(BadPassphrase):
        seal(SEED, passphrase, purpose=b"test", cost=MINIMAL)
    sealed = seal(SEED, "passphrase", purpose=b"test", cost=MINIMAL)
    with pytest.raises(BadPassphrase):
        unseal(sealed, passphrase, purpose=b"test")
