"""A second suite passes through the port, and nobody but the key's entry chooses the rules."""

import pickle
from collections.abc import Iterator
from dataclasses import replace

import pytest

from crypto import envelope, suites
from crypto.errors import BadKey, BadSignature, UnknownSuite
from crypto.keys import SigningKey, VerifyKey
from tests.support.ecdsa import ECDSA, EcdsaP256

TYPE = "application/x"


@pytest.fixture
def registered() -> Iterator[EcdsaP256]:
    suites.register(ECDSA)
    yield ECDSA
    del suites._REGISTERED[ECDSA.name]


def test_the_built_in_suite_is_found_and_is_the_default() -> None:
    assert suites.named("ed25519") is suites.ED25519
    assert SigningKey.generate().verify_key.suite is suites.ED25519


@pytest.mark.parametrize("name", ["sm2-sm3", "", "ED25519", "ed25519 "])
def test_an_unknown_suite_is_refused(name: str) -> None:
    with pytest.raises(UnknownSuite):
        suites.named(name)


def test_a_provider_adds_a_suite(registered: EcdsaP256) -> None:
    key = SigningKey.generate(suites.named(registered.name))
    signed = envelope.sign(b"payload", TYPE, key, SigningKey.generate())
    trusted = {key.kid: VerifyKey(key.verify_key.raw, registered)}
    assert envelope.verify(signed, trusted, payload_type=TYPE) == b"payload"
    with pytest.raises(BadSignature, match=key.kid):
        envelope.verify(replace(signed, payload=b"other"), trusted, payload_type=TYPE)


def test_suites_count_together_towards_a_threshold(registered: EcdsaP256) -> None:
    keys = [SigningKey.generate(registered), SigningKey.generate()]
    trusted = {key.kid: key.verify_key for key in keys}
    both = envelope.sign(b"payload", TYPE, *keys)
    assert envelope.verify(both, trusted, payload_type=TYPE, threshold=2) == b"payload"
    one = replace(both, signatures=both.signatures[:1])
    with pytest.raises(BadSignature, match="1 known keys signed, 2 needed"):
        envelope.verify(one, trusted, payload_type=TYPE, threshold=2)


def test_a_key_comes_back_from_its_seed(registered: EcdsaP256) -> None:
    key = SigningKey.generate(registered)
    assert SigningKey.from_seed(key.seed, registered).verify_key == key.verify_key


def test_one_seed_gives_different_names_in_different_suites(registered: EcdsaP256) -> None:
    seed = bytes(range(32))
    assert SigningKey.from_seed(seed).kid != SigningKey.from_seed(seed, registered).kid


def test_the_bytes_of_one_suite_are_no_key_of_another(registered: EcdsaP256) -> None:
    key = SigningKey.generate(registered).verify_key
    with pytest.raises(BadKey):
        VerifyKey(key.raw)
    with pytest.raises(BadKey):
        VerifyKey(SigningKey.generate().verify_key.raw, registered)


def test_a_signature_is_judged_by_the_suite_of_the_key(registered: EcdsaP256) -> None:
    mine, other = SigningKey.generate(registered), SigningKey.generate()
    signed = envelope.sign(b"payload", TYPE, other)
    renamed = replace(signed.signatures[0], kid=mine.kid)
    with pytest.raises(BadSignature):
        envelope.verify(
            replace(signed, signatures=(renamed,)),
            {mine.kid: mine.verify_key},
            payload_type=TYPE,
        )


def test_a_suite_is_not_replaced(registered: EcdsaP256) -> None:
    for name in ("ed25519", registered.name):
        with pytest.raises(ValueError, match=name):
            suites.register(EcdsaP256(name))


@pytest.mark.parametrize("name", ["", "SM2", "-sm2", "a|b", "a" * 33, "二"])
def test_a_suite_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="can be called"):
        suites.register(EcdsaP256(name))


def test_a_key_survives_the_way_to_another_process() -> None:
    key = SigningKey.generate().verify_key
    assert pickle.loads(pickle.dumps(key)) == key  # noqa: S301 - our own bytes
