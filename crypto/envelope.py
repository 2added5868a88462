"""DSSE v1.0.2: signatures over opaque bytes together with their type.

Knows payload bytes, a type string and named signatures. Does not know what a payload means,
nor which keys ought to have signed: the caller hands over the keys it trusts. The signed bytes
are those received; nothing is parsed before the signature holds, nothing serialised again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import NoReturn

from crypto.errors import BadEnvelope, BadSignature
from crypto.keys import SigningKey, VerifyKey
from crypto.labels import LEAF
from crypto.spelling import from_base64, to_base64

SIGNATURES_MAX = 16
SALT_SIZE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature and the name of the key said to have made it."""

    kid: str
    sig: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Bytes, their type, and signatures over both; nothing in it is verified yet."""

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]


def pae(payload_type: str, payload: bytes) -> bytes:
    """Encode type and payload into the bytes that are signed (DSSE v1.0.2, PAE)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, payload_type: str, *keys: SigningKey) -> Envelope:
    """Sign a payload with each key.

    Raises:
        BadEnvelope: no key, a key twice, or more than 16.
    """
    if not 1 <= len(keys) <= SIGNATURES_MAX or len({key.kid for key in keys}) < len(keys):
        raise BadEnvelope(f"an envelope takes 1 to {SIGNATURES_MAX} different keys")
    message = pae(payload_type, payload)
    return Envelope(
        payload=payload,
        payload_type=payload_type,
        signatures=tuple(Signature(kid=key.kid, sig=key.sign(message)) for key in keys),
    )


def verify(
    envelope: Envelope,
    keys: Mapping[str, VerifyKey],
    *,
    payload_type: str,
    threshold: int = 1,
) -> bytes:
    """Give the payload once enough of the given keys are found to have signed it.

    Signatures by unknown keys do not count. One key under two names counts once.

    Raises:
        BadEnvelope: another type, more than 16 signatures, or one name twice.
        BadSignature: a known key's signature fails, or fewer than `threshold` keys signed.
        ValueError: a threshold below one, which would accept anything.
    """
    if threshold < 1:
        raise ValueError("a threshold is at least one")
    if envelope.payload_type != payload_type:
        raise BadEnvelope(f"wanted {payload_type}, got {envelope.payload_type!r}")
    _check_names(envelope.signatures)
    message = pae(payload_type, envelope.payload)
    signers: set[bytes] = set()
    for signature in envelope.signatures:
        key = keys.get(signature.kid)
        if key is not None:
            key.verify(message, signature.sig)
            signers.add(key.raw)
    if len(signers) < threshold:
        raise BadSignature(f"{len(signers)} known keys signed, {threshold} needed")
    return envelope.payload


def to_json(envelope: Envelope) -> bytes:
    """Write the JSON form (DSSE v1.0.2, envelope), without spaces."""
    signatures = [
        {"keyid": signature.kid, "sig": to_base64(signature.sig)}
        for signature in envelope.signatures
    ]
    document = {
        "payload": to_base64(envelope.payload),
        "payloadType": envelope.payload_type,
        "signatures": signatures,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(data: bytes, *, max_bytes: int) -> Envelope:
    """Read the JSON form, refusing all that `to_json` could not have meant.

    Stricter than DSSE asks: no unknown or repeated fields, standard base64 only, each
    signature named.

    Raises:
        BadEnvelope: oversize, not JSON, or not of this shape.
    """
    if len(data) > max_bytes:
        raise BadEnvelope(f"an envelope of {len(data)} bytes exceeds {max_bytes}")
    try:
        parsed = json.loads(
            data.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise BadEnvelope("an envelope is not JSON") from error
    document = _fields(parsed, ("payload", "payloadType", "signatures"))
    listed = document["signatures"]
    if not isinstance(listed, list):
        raise BadEnvelope("'signatures' is not a list")
    signatures = tuple(_read_signature(entry) for entry in listed)
    _check_names(signatures)
    return Envelope(
        payload=_from_base64(document["payload"]),
        payload_type=_text(document["payloadType"]),
        signatures=signatures,
    )


def item_leaf(salt: bytes, item: bytes) -> bytes:
    """Hash one item of a signed batch with its salt into a Merkle leaf (RFC 6962 §2.1).

    Raises:
        BadEnvelope: the salt does not have 16 bytes.
    """
    if len(salt) != SALT_SIZE:
        raise BadEnvelope("an item's salt has 16 bytes")
    return sha256(LEAF + salt + item).digest()


def _check_names(signatures: tuple[Signature, ...]) -> None:
    if len(signatures) > SIGNATURES_MAX:
        raise BadEnvelope(f"more than {SIGNATURES_MAX} signatures")
    if len({signature.kid for signature in signatures}) < len(signatures):
        raise BadEnvelope("two signatures under one name")


def _read_signature(entry: object) -> Signature:
    parsed = _fields(entry, ("keyid", "sig"))
    return Signature(kid=_text(parsed["keyid"]), sig=_from_base64(parsed["sig"]))


def _fields(value: object, names: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(value, dict) or value.keys() != set(names):
        raise BadEnvelope(f"wanted an object of exactly {', '.join(names)}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise BadEnvelope("wanted a string that is not empty")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # JSON can escape half a surrogate pair
        raise BadEnvelope("a string is not Unicode text") from error
    return value


def _from_base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise BadEnvelope("base64 is a string")
    try:
        return from_base64(value)
    except ValueError as error:
        raise BadEnvelope("not base64 in its only spelling") from error


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    parsed = dict(pairs)
    if len(parsed) < len(pairs):
        raise BadEnvelope("a field is repeated")
    return parsed


def _refuse_constant(name: str) -> NoReturn:
    raise BadEnvelope(f"{name} is not JSON")
