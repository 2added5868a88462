"""VOPRF of RFC 9497 (mode 1, ristretto255-SHA512), both sides.

The evaluating side runs on the Rust package `voprf`. The blinding side is written here on
`rbcl` (libsodium's group), because its blinds are derived from a batch key: a batch can then be
resumed after a crash and single entries can be opened to an auditor.

Knows inputs, scalars and group elements as bytes. Does not know whose identity an input is,
which department or epoch a key belongs to, or where outputs are kept.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha512
from typing import NoReturn, Self

from voprf import ristretto

from crypto import group
from crypto.errors import BadElement, BadKey, BadProof
from crypto.group import ELEMENT_SIZE
from crypto.labels import INPUT_MAX

BATCH_MAX = 1024
"""Most items in one batch: 32 KiB each way on the wire, 0.15 s to verify and unblind."""

PROOF_SIZE = 64
SEED_SIZE = 32
OUTPUT_SIZE = 64
PSN_SIZE = 32
MODE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A batch of evaluated elements with one proof that all were made with the same key."""

    elements: tuple[bytes, ...]
    proof: bytes


class Evaluator:
    """The holder of one pseudonym key; it is not shown, compared or pickled."""

    __slots__ = ("_key", "public_key")

    public_key: bytes
    _key: ristretto.Evaluator

    def __init__(self, key: ristretto.Evaluator) -> None:
        """Take a key of the Rust package; use `from_seed` instead."""
        self._key = key
        self.public_key = key.public_key.serialize()

    @classmethod
    def from_seed(cls, seed: bytes, info: bytes) -> Self:
        """Derive the key of a 32-byte seed and a public context (RFC 9497 §3.2.1).

        Raises:
            BadKey: the seed does not have 32 bytes, or the context is too long.
        """
        if len(seed) != SEED_SIZE:  # the Rust package takes any length
            raise BadKey("a pseudonym key's seed has 32 bytes")
        try:
            return cls(ristretto.Evaluator.from_seed(seed, info))
        except ValueError as error:
            raise BadKey("no key can be derived from this context") from error

    def evaluate_batch(self, blinded: Sequence[bytes]) -> Evaluation:
        """Evaluate blinded elements without learning their inputs (RFC 9497 §3.3.2).

        Raises:
            BadElement: none or more than 1,024, or one is not a valid element.
        """
        _check_count(len(blinded))
        try:
            inputs = [ristretto.BlindedInput.deserialize(element) for element in blinded]
        except ValueError as error:
            raise BadElement("a blinded element is not a group element") from error
        # Found by experiment: proof (challenge ‖ response, 64 bytes), then 32 bytes an element.
        data = self._key.evaluate_batch(inputs).serialize()
        elements = tuple(
            data[start : start + ELEMENT_SIZE]
            for start in range(PROOF_SIZE, len(data), ELEMENT_SIZE)
        )
        return Evaluation(elements=elements, proof=data[:PROOF_SIZE])

    def evaluate_known(self, data: bytes) -> bytes:
        """Give the 64-byte output of an input in the clear (RFC 9497 §3.3.1, Evaluate).

        Raises:
            BadElement: the input is empty or longer than 65,535 bytes.
        """
        _check_input(data)
        return self._key.evaluate_known_input(data)

    def __repr__(self) -> str:
        """Name the public key, never show the secret one."""
        return f"<Evaluator {self.public_key.hex()[:16]}>"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied.

        Raises:
            TypeError: always.
        """
        raise TypeError("a pseudonym key is not pickled; seal its seed")


def hash_to_group(data: bytes, mode: int = MODE) -> bytes:
    """Map bytes to a group element nobody knows the logarithm of (RFC 9497 §4.1)."""
    return group.from_uniform(group.expand(data, b"HashToGroup-" + _context(mode)))


def hash_to_scalar(data: bytes, mode: int = MODE) -> bytes:
    """Map bytes to a scalar (RFC 9497 §4.1)."""
    return group.reduce_scalar(group.expand(data, b"HashToScalar-" + _context(mode)))


def derive_blinds(batch_key: bytes, start: int, count: int) -> list[bytes]:
    """Derive the blinds of items `start` to `start + count` of a batch.

    Blind i is HashToScalar(HMAC-SHA256(batch key, i as 8 bytes, big-endian)), so a batch can be
    resumed from its key and one item opened without the others.

    Raises:
        BadKey: the batch key does not have 32 bytes.
    """
    if len(batch_key) != SEED_SIZE:
        raise BadKey("a batch key has 32 bytes")
    return [
        hash_to_scalar(hmac.digest(batch_key, index.to_bytes(8, "big"), "sha256"))
        for index in range(start, start + count)
    ]


def blind(inputs: Sequence[bytes], blinds: Sequence[bytes]) -> list[bytes]:
    """Hide each input behind its blind, as a 32-byte element (RFC 9497 §3.3.2, Blind).

    Raises:
        BadElement: counts differ, an input has a wrong length, a blind is zero or not reduced.
    """
    _check_pairs(inputs, blinds)
    return [
        group.multiply(scalar, hash_to_group(data))
        for data, scalar in zip(inputs, blinds, strict=True)
    ]


def finalize(
    inputs: Sequence[bytes],
    blinds: Sequence[bytes],
    blinded: Sequence[bytes],
    evaluation: Evaluation,
    public_key: bytes,
) -> list[bytes]:
    """Verify the batch proof, then take the blinds off (RFC 9497 §3.3.2, Finalize).

    Gives the 64-byte outputs, in order.

    Raises:
        BadElement: what this side brings (inputs, blinds, blinded elements) does not fit.
        BadKey: the public key is not a group element.
        BadProof: the evaluation is malformed or was not made with that key.
    """
    _check_pairs(inputs, blinds)
    if len(blinded) != len(inputs):
        raise BadElement("as many blinded elements as inputs are needed")
    verify_evaluation(blinded, evaluation, public_key)
    return [
        _output(data, group.multiply(inverse, element))
        for data, inverse, element in zip(
            inputs, group.invert_all(blinds), evaluation.elements, strict=True
        )
    ]


def verify_evaluation(blinded: Sequence[bytes], evaluation: Evaluation, public_key: bytes) -> None:
    """Refuse unless one key made all of the evaluation (RFC 9497 §2.2.2).

    Raises:
        BadElement: a blinded element is not a group element.
        BadKey: the public key is not a group element.
        BadProof: the evaluation is malformed or was not made with that key.
    """
    if not group.is_element(public_key):
        raise BadKey("a pseudonym key's public half is a group element")
    if len(evaluation.elements) != len(blinded) or len(evaluation.proof) != PROOF_SIZE:
        raise BadProof("an evaluation of another size")
    challenge, response = evaluation.proof[:32], evaluation.proof[32:]
    if not (group.is_scalar(challenge) and group.is_scalar(response)):
        raise BadProof("a proof of scalars that are zero or not reduced")
    weights = _weights(blinded, evaluation.elements, public_key)
    blinded_sum = group.weighted_sum(weights, blinded)
    try:
        evaluated_sum = group.weighted_sum(weights, evaluation.elements)
        commitment = group.add(group.multiply_base(response), group.multiply(challenge, public_key))
        batch_commitment = group.weighted_sum((response, challenge), (blinded_sum, evaluated_sum))
    except BadElement as error:
        raise BadProof("an evaluated element is malformed or leads to the identity") from error
    parts = (public_key, blinded_sum, evaluated_sum, commitment, batch_commitment)
    if hash_to_scalar(b"".join(map(_prefixed, parts)) + b"Challenge") != challenge:
        raise BadProof("the evaluation was not made with this key")


def psn(output: bytes) -> bytes:
    """Give the pseudonym: the first 32 of the 64 output bytes.

    Raises:
        BadElement: the output does not have 64 bytes.
    """
    if len(output) != OUTPUT_SIZE:
        raise BadElement("an output has 64 bytes")
    return output[:PSN_SIZE]


def _weights(blinded: Sequence[bytes], elements: Sequence[bytes], public_key: bytes) -> list[bytes]:
    label = b"Seed-" + _context(MODE)
    seed = _prefixed(sha512(_prefixed(public_key) + _prefixed(label)).digest())
    size = ELEMENT_SIZE.to_bytes(2, "big")
    return [
        hash_to_scalar(
            b"".join((seed, index.to_bytes(2, "big"), size, one, size, other, b"Composite"))
        )
        for index, (one, other) in enumerate(zip(blinded, elements, strict=True))
    ]


def _output(data: bytes, element: bytes) -> bytes:
    return sha512(_prefixed(data) + _prefixed(element) + b"Finalize").digest()


def _context(mode: int) -> bytes:
    return b"OPRFV1-" + bytes((mode,)) + b"-ristretto255-SHA512"


def _prefixed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _check_count(count: int) -> None:
    if not 1 <= count <= BATCH_MAX:
        raise BadElement(f"a batch has 1 to {BATCH_MAX} items, not {count}")


def _check_input(data: bytes) -> None:
    if not 1 <= len(data) <= INPUT_MAX:
        raise BadElement(f"an input has 1 to {INPUT_MAX} bytes")


def _check_pairs(inputs: Sequence[bytes], blinds: Sequence[bytes]) -> None:
    _check_count(len(inputs))
    if len(blinds) != len(inputs):
        raise BadElement("as many blinds as inputs are needed")
    for data in inputs:
        _check_input(data)
    if not all(map(group.is_scalar, blinds)):
        raise BadElement("a blind is zero or not reduced")
