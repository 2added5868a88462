"""Exponential ElGamal on ristretto255, and proofs that a ciphertext holds a bit.

A ciphertext of m under the key P = xG is (kG, kP + mG): two elements, 64 bytes. Ciphertexts add up.
Only whether m is zero can be read. The proof that m is 0 or 1 is two proofs of equal discrete
logarithms (Chaum-Pedersen) of which one is simulated (Cramer, Damgård, Schoenmakers 1994). Its hash
covers the key too: whoever may choose the key after the proof can prove a 2 to be a bit.

Knows elements and scalars. Does not know what is compared.
"""

from dataclasses import dataclass
from hashlib import shake_256

from crypto import group
from crypto.errors import BadElement, BadKey, BadProof
from crypto.group import ELEMENT_SIZE, ORDER, SCALAR_SIZE, Random
from crypto.labels import BIT_PROOF

CIPHERTEXT_SIZE = 2 * ELEMENT_SIZE
BIT_SIZE = CIPHERTEXT_SIZE + 4 * SCALAR_SIZE
"""A ciphertext and the proof: two challenges and two responses."""

ZERO = bytes(CIPHERTEXT_SIZE)
"""A ciphertext of zero that hides nothing: where sums begin."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PreparedBit:
    """All of an encrypted bit that does not depend on the bit or its context, for one use.

    `ciphertexts` and `commitments` are for bit 0 and bit 1; `challenge` and `response` are those of
    the simulated half.
    """

    public: bytes
    blind: int
    answer: int
    challenge: int
    response: int
    ciphertexts: tuple[bytes, bytes]
    commitments: tuple[bytes, bytes]


def key_pair(random: Random) -> tuple[bytes, bytes]:
    """Draw a secret and its public half, 32 bytes each."""
    secret = group.encode_scalar(group.random_scalar(random))
    return secret, group.multiply_base(secret)


def public_key(secret: bytes) -> bytes:
    """Give the public half of a secret.

    Raises:
        BadKey: the secret is malformed or zero.
    """
    if not group.is_scalar(secret):
        raise BadKey("an ElGamal secret is a scalar other than zero")
    return group.multiply_base(secret)


def prepare_bit(secret: bytes, public: bytes, random: Random) -> PreparedBit:
    """Prepare the encryption of either bit with its proof, by the holder of the key."""
    key = int.from_bytes(secret, "little")
    blind, answer, challenge, simulated = (group.random_scalar(random) for _ in range(4))

    def pair(first: int, second: int) -> bytes:
        # Whoever has the key knows every logarithm: products of the base point are the cheap ones.
        return group.times_base(group.encode_scalar(first)) + group.times_base(
            group.encode_scalar(second)
        )

    real = pair(answer, answer * key)
    first = group.times_base(group.encode_scalar(simulated))
    seconds = [
        group.times_base(group.encode_scalar(simulated * key + sign * challenge))
        for sign in (1, -1)
    ]
    return PreparedBit(
        public=public,
        blind=blind,
        answer=answer,
        challenge=challenge,
        response=(simulated + challenge * blind) % ORDER,
        ciphertexts=(pair(blind, blind * key), pair(blind, blind * key + 1)),
        commitments=(real + first + seconds[0], first + seconds[1] + real),
    )


def prove_bit(prepared: PreparedBit, bit: int, context: bytes, index: int) -> bytes:
    """Give the ciphertext of a bit and the proof that it is one, for one place in a context."""
    ciphertext = prepared.ciphertexts[bit]
    bound = _bound(prepared.public, context, index, ciphertext)
    whole = _challenge(bound, prepared.commitments[bit])
    challenge = (whole - prepared.challenge) % ORDER
    response = (prepared.answer + challenge * prepared.blind) % ORDER
    challenges, responses = (challenge, prepared.challenge), (response, prepared.response)
    if bit:
        challenges, responses = challenges[::-1], responses[::-1]
    return ciphertext + b"".join(map(group.encode_scalar, challenges + responses))


def verify_bit(data: bytes, public: bytes, context: bytes, index: int) -> bytes:
    """Give the ciphertext of what `prove_bit` gave.

    Raises:
        BadProof: malformed, or not proven to be a bit at this place in this context.
    """
    ciphertext, proof = data[:CIPHERTEXT_SIZE], data[CIPHERTEXT_SIZE:]
    scalars = [proof[i : i + SCALAR_SIZE] for i in range(0, len(proof), SCALAR_SIZE)]
    if len(data) != BIT_SIZE or not all(map(group.is_scalar, scalars)):
        raise BadProof(f"bit {index}: malformed")
    challenges, responses = scalars[:2], scalars[2:]
    try:
        commitments = b"".join(
            _commitments(public, _minus(ciphertext, bit), challenge, response)
            for bit, challenge, response in zip((0, 1), challenges, responses, strict=True)
        )
    except BadElement as error:
        raise BadProof(f"bit {index}: not two elements") from error
    whole = _challenge(_bound(public, context, index, ciphertext), commitments)
    if (sum(int.from_bytes(one, "little") for one in challenges) - whole) % ORDER:
        raise BadProof(f"bit {index}: not proven to be 0 or 1")
    return ciphertext


def add(one: bytes, other: bytes) -> bytes:
    """Add two valid ciphertexts."""
    return group.add(one[:32], other[:32]) + group.add(one[32:], other[32:])


def subtract(one: bytes, other: bytes) -> bytes:
    """Subtract the second of two valid ciphertexts from the first."""
    return group.subtract(one[:32], other[:32]) + group.subtract(one[32:], other[32:])


def scale(scalar: bytes, ciphertext: bytes) -> bytes:
    """Multiply a ciphertext by a scalar.

    Raises:
        BadElement: the scalar is zero, or an element is malformed or the identity.
    """
    return group.multiply(scalar, ciphertext[:32]) + group.multiply(scalar, ciphertext[32:])


def encrypt(plain: int, public: bytes, random: Random) -> bytes:
    """Encrypt a small number, or zero to make another ciphertext of the same by adding it."""
    blind = group.encode_scalar(group.random_scalar(random))
    constant = group.times_base(group.encode_scalar(plain))
    return group.multiply_base(blind) + group.add(group.multiply(blind, public), constant)


def is_zero(secret: bytes, ciphertext: bytes) -> bool:
    """Tell whether a ciphertext holds zero.

    Raises:
        BadElement: not two elements, or the first is the identity, which hides nothing.
    """
    if not group.is_element(ciphertext[32:]):
        raise BadElement("a ciphertext is two elements")
    return group.multiply(secret, ciphertext[:32]) == ciphertext[32:]


def _minus(ciphertext: bytes, bit: int) -> bytes:
    return subtract(ciphertext, group.IDENTITY + group.BASE) if bit else ciphertext


def _commitments(public: bytes, ciphertext: bytes, challenge: bytes, response: bytes) -> bytes:
    return subtract(
        group.multiply_base(response) + group.multiply(response, public),
        scale(challenge, ciphertext),
    )


def _bound(public: bytes, context: bytes, index: int, ciphertext: bytes) -> bytes:
    # All but the context have a fixed length, and it is the last but for the commitments, whose
    # length is fixed as well.
    return public + index.to_bytes(2, "big") + ciphertext + context


def _challenge(bound: bytes, commitments: bytes) -> int:
    digest = shake_256(BIT_PROOF + bound + commitments).digest(64)
    return int.from_bytes(digest, "little") % ORDER
