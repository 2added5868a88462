"""Envelopes against the DSSE document, securesystemslib and hostile JSON."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
import securesystemslib.dsse
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import (  # type: ignore[attr-defined]
    CryptoSigner,
    Key,
    SSlibKey,
)

from crypto import envelope
from crypto.envelope import Envelope, Signature
from crypto.errors import BadEnvelope, BadSignature
from crypto.keys import SigningKey, VerifyKey
from crypto.merkle import leaf_hash

TYPE = "application/vnd.hedui.test"
KEYS = [SigningKey.from_seed(bytes([number]) * 32) for number in range(20)]
TRUSTED = {key.kid: key.verify_key for key in KEYS[:3]}
SIGNED = envelope.sign(b"payload", TYPE, *KEYS[:3])
WIRE = envelope.to_json(SIGNED)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def read(document: Any) -> Envelope:
    return envelope.from_json(json.dumps(document).encode(), max_bytes=10_000)


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(WIRE), **changes}


def test_example_of_the_dsse_document() -> None:
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert envelope.pae("http://example.com/HelloWorld", b"hello world") == expected


def test_lengths_count_bytes_and_separate_type_from_payload() -> None:
    assert envelope.pae("核", b"") == b"DSSEv1 3 \xe6\xa0\xb8 0 "
    assert envelope.pae("a", b"b 1 c") != envelope.pae("a 5 b", b"c")


@given(st.binary(max_size=500), TEXT)
def test_securesystemslib_verifies_ours(payload: bytes, kind: str) -> None:
    signed = envelope.sign(payload, kind, KEYS[0], KEYS[1])
    theirs = securesystemslib.dsse.Envelope.from_dict(json.loads(envelope.to_json(signed)))
    assert theirs.pae() == envelope.pae(kind, payload)
    keys: list[Key] = [
        SSlibKey(key.kid, "ed25519", "ed25519", {"public": key.verify_key.raw.hex()})
        for key in KEYS[:2]
    ]
    assert set(theirs.verify(keys, 2)) == {key.kid for key in KEYS[:2]}
    theirs.payload += b"."
    with pytest.raises(VerificationError):
        theirs.verify(keys, 1)


@given(st.binary(max_size=500), TEXT)
def test_we_verify_securesystemslibs(payload: bytes, kind: str) -> None:
    key = KEYS[0]
    public = SSlibKey(key.kid, "ed25519", "ed25519", {"public": key.verify_key.raw.hex()})
    theirs = securesystemslib.dsse.Envelope(payload, kind, {})
    theirs.sign(CryptoSigner(Ed25519PrivateKey.from_private_bytes(key.seed), public))
    ours = read(theirs.to_dict())
    assert envelope.verify(ours, {key.kid: key.verify_key}, payload_type=kind) == payload
    assert ours == envelope.sign(payload, kind, key)


@given(st.binary(max_size=300), TEXT, st.integers(1, 16))
def test_json_returns_what_was_written(payload: bytes, kind: str, signers: int) -> None:
    signed = envelope.sign(payload, kind, *KEYS[:signers])
    wire = envelope.to_json(signed)
    assert envelope.from_json(wire, max_bytes=len(wire)) == signed
    trusted = {key.kid: key.verify_key for key in KEYS}
    assert envelope.verify(signed, trusted, payload_type=kind, threshold=signers) == payload


@given(st.integers(0, len(WIRE) - 1), st.integers(1, 255))
def test_no_changed_byte_verifies(position: int, mask: int) -> None:
    changed = bytearray(WIRE)
    changed[position] ^= mask
    with pytest.raises((BadEnvelope, BadSignature)):
        envelope.verify(
            envelope.from_json(bytes(changed), max_bytes=10_000),
            TRUSTED,
            payload_type=TYPE,
            threshold=3,
        )


def test_another_type_is_refused_before_any_signature_counts() -> None:
    with pytest.raises(BadEnvelope, match="other"):
        envelope.verify(SIGNED, TRUSTED, payload_type="other")


def test_type_and_payload_are_signed() -> None:
    with pytest.raises(BadSignature):
        envelope.verify(replace(SIGNED, payload=b"Payload"), TRUSTED, payload_type=TYPE)
    with pytest.raises(BadSignature):
        envelope.verify(replace(SIGNED, payload_type="other"), TRUSTED, payload_type="other")


def test_unknown_keys_do_not_count() -> None:
    one = {KEYS[1].kid: KEYS[1].verify_key}
    assert envelope.verify(SIGNED, one, payload_type=TYPE) == b"payload"
    with pytest.raises(BadSignature, match="1 known keys signed, 2 needed"):
        envelope.verify(SIGNED, one, payload_type=TYPE, threshold=2)
    with pytest.raises(BadSignature, match="0 known keys signed"):
        envelope.verify(SIGNED, {}, payload_type=TYPE)


def test_no_signature_is_not_enough() -> None:
    with pytest.raises(BadSignature, match="0 known"):
        envelope.verify(replace(SIGNED, signatures=()), TRUSTED, payload_type=TYPE)


@pytest.mark.parametrize("threshold", [0, -1])
def test_a_threshold_below_one_would_accept_anything(threshold: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        envelope.verify(SIGNED, TRUSTED, payload_type=TYPE, threshold=threshold)


def test_one_failing_signature_spoils_the_rest() -> None:
    first, *rest = SIGNED.signatures
    spoilt = replace(SIGNED, signatures=(*rest, replace(first, sig=bytes(64))))
    with pytest.raises(BadSignature):
        envelope.verify(spoilt, TRUSTED, payload_type=TYPE)


def test_one_key_under_two_names_counts_once() -> None:
    name, key = KEYS[0].kid, KEYS[0].verify_key
    twice = (SIGNED.signatures[0], Signature(kid="alias", sig=SIGNED.signatures[0].sig))
    keys: dict[str, VerifyKey] = {name: key, "alias": key}
    doubled = replace(SIGNED, signatures=twice)
    assert envelope.verify(doubled, keys, payload_type=TYPE) == b"payload"
    with pytest.raises(BadSignature, match="1 known"):
        envelope.verify(doubled, keys, payload_type=TYPE, threshold=2)


def test_one_name_twice_is_refused() -> None:
    doubled = replace(SIGNED, signatures=SIGNED.signatures[:1] * 2)
    with pytest.raises(BadEnvelope, match="under one name"):
        envelope.verify(doubled, TRUSTED, payload_type=TYPE)
    with pytest.raises(BadEnvelope, match="under one name"):
        envelope.from_json(envelope.to_json(doubled), max_bytes=10_000)


def test_at_most_sixteen_signatures() -> None:
    message = envelope.pae(TYPE, b"payload")
    many = tuple(Signature(kid=key.kid, sig=key.sign(message)) for key in KEYS[:17])
    crowded = replace(SIGNED, signatures=many)
    with pytest.raises(BadEnvelope, match="more than 16"):
        envelope.verify(crowded, TRUSTED, payload_type=TYPE)
    with pytest.raises(BadEnvelope, match="more than 16"):
        envelope.from_json(envelope.to_json(crowded), max_bytes=10_000)


@pytest.mark.parametrize("keys", [[], KEYS[:17], [KEYS[0], KEYS[0]]])
def test_signing_takes_one_to_sixteen_different_keys(keys: list[SigningKey]) -> None:
    with pytest.raises(BadEnvelope, match="1 to 16"):
        envelope.sign(b"payload", TYPE, *keys)


def test_size_is_capped_to_the_byte() -> None:
    assert envelope.from_json(WIRE, max_bytes=len(WIRE)) == SIGNED
    with pytest.raises(BadEnvelope, match="exceeds"):
        envelope.from_json(WIRE, max_bytes=len(WIRE) - 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"{",
        WIRE + b"x",
        WIRE.decode().encode("utf-16"),
        b"[" * 9_000,
        b'{"payload":NaN,"payloadType":"a","signatures":[]}',
        b"1" * 5_000,
        WIRE[:-1] + b',"payload":""}',
        WIRE.replace(b'"sig":', b'"sig":"","sig":', 1),
    ],
)
def test_what_is_not_plain_json_is_refused(data: bytes) -> None:
    with pytest.raises(BadEnvelope):
        envelope.from_json(data, max_bytes=10_000)


@pytest.mark.parametrize(
    "bad",
    [
        [],
        None,
        document(extra=1),
        {"payload": "", "payloadType": "a"},
        document(payload=1),
        document(payload=None),
        document(payloadType=""),
        document(payloadType=1),
        document(payloadType="\ud800"),
        document(signatures={}),
        document(signatures=["sig"]),
        document(signatures=[{"keyid": "a"}]),
        document(signatures=[{"keyid": "a", "sig": "", "cert": ""}]),
        document(signatures=[{"keyid": "", "sig": ""}]),
        document(signatures=[{"keyid": "a", "sig": 1}]),
    ],
)
def test_another_shape_is_refused(bad: Any) -> None:
    with pytest.raises(BadEnvelope):
        read(bad)


@pytest.mark.parametrize(
    "spelling",
    ["_-8=", "YQ", "YQ=", "YR==", "YQ===", "YQ== ", "Y Q==", "Y\nQ==", "YQ==YQ==", "ÿÿ==", "="],
)
def test_base64_has_one_spelling(spelling: str) -> None:
    assert read(document(payload=base64.b64encode(b"a").decode())).payload == b"a"
    with pytest.raises(BadEnvelope, match="base64"):
        read(document(payload=spelling))


def test_item_leaf_is_a_salted_leaf_of_the_tree() -> None:
    salt = bytes(range(16))
    assert envelope.item_leaf(salt, b"item") == leaf_hash(salt + b"item")


@pytest.mark.parametrize("size", [0, 15, 17])
def test_item_leaf_takes_sixteen_bytes_of_salt(size: int) -> None:
    with pytest.raises(BadEnvelope, match="salt"):
        envelope.item_leaf(bytes(size), b"item")
