"""The arithmetic of a batch of the roll: what is sent, and what the evaluation comes to.

Knows inputs, blinds and the commitment of protocol note §2. Does not know people, stores or the
registrar.
"""

import hmac
from collections.abc import Sequence
from typing import Final

from crypto import merkle, oprf
from crypto.oprf import Evaluation
from federation.enrolment import COMMITMENT_BYTES, ELEMENT_BYTES

_SALT_TAG: Final = b"salt"


class Blinding:
    """Inputs behind the blinds that one batch key gives them, always the same ones."""

    __slots__ = ("_blinds", "_inputs", "_key")

    def __init__(self, key: bytes, inputs: Sequence[bytes]) -> None:
        self._key = key
        self._inputs = inputs
        self._blinds = oprf.derive_blinds(key, 0, len(inputs))

    def sent(self) -> bytes:
        """Give what is sent: the commitment, then one element an input; nothing for no input."""
        if not self._inputs:
            return b""
        return self._commitment() + b"".join(oprf.blind(self._inputs, self._blinds))

    def pseudonyms(
        self, elements: Sequence[bytes], evaluation: Evaluation, public_key: bytes
    ) -> list[bytes]:
        """Verify an evaluation of what was sent, and give a pseudonym an input.

        Raises:
            BadProof: the evaluation was not made with that key.
            BadElement, BadKey: the inputs, what was sent and the key do not belong together.
        """
        outputs = oprf.finalize(self._inputs, self._blinds, elements, evaluation, public_key)
        return [oprf.psn(output) for output in outputs]

    def _commitment(self) -> bytes:
        """Commit to the batch, so that an auditor on site can have random leaves opened."""
        salt = hmac.digest(self._key, _SALT_TAG, "sha256")
        leaves = [
            merkle.leaf_hash(hmac.digest(salt, i.to_bytes(8, "big"), "sha256") + data + blind)
            for i, (data, blind) in enumerate(zip(self._inputs, self._blinds, strict=True))
        ]
        return merkle.root(leaves)


def split(sent: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Part what is sent into the commitment and the blinded elements."""
    starts = range(COMMITMENT_BYTES, len(sent), ELEMENT_BYTES)
    return sent[:COMMITMENT_BYTES], tuple(sent[i : i + ELEMENT_BYTES] for i in starts)
