"""The words of blind enrolment: a batch of blinded elements and its evaluation.

Knows sizes and tags only. Does not know how an element is blinded, whose it is, or any quota.
"""

from dataclasses import dataclass
from typing import Final

ID: Final = "id"
NAME: Final = "name"
TAGS: Final = frozenset({ID, NAME})
ELEMENT_BYTES: Final = 32
PROOF_BYTES: Final = 64
COMMITMENT_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindBatch:
    """Blinded elements of one tag and epoch; ``roll`` is the size of the roll being enrolled.

    ``commitment`` is the Merkle root that an auditor on site opens (protocol §2).
    """

    tag: str
    epoch: int
    batch_no: int
    roll: int
    commitment: bytes
    elements: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindEvaluation:
    """The evaluated elements, in the batch's order, with one DLEQ proof for all of them."""

    elements: tuple[bytes, ...]
    proof: bytes
