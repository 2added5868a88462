"""The answer receipt: one answer with all that proves it, to be verified from public keys alone.

Knows what a receipt is made of (protocol §6). Does not know how it is written as bytes
(``wire.receipt_messages``), and believes nothing that stands in one: the auditor's verifier does.

A receipt shows one question and its answer. The others of the same request are hashes in a path,
so nobody else's matters are in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from crypto import envelope, merkle
from crypto.envelope import Envelope
from federation.exchange import SaltedItem

FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenItem:
    """One item of a signed batch and the way from its leaf to the root in the signed header."""

    envelope: Envelope
    index: int
    item: SaltedItem = field(repr=False)
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProof:
    """A ``LedgerEntry`` as it stands in a log, its salt, and a tlog-proof@v1 for its leaf."""

    record: bytes = field(repr=False)
    salt: bytes
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentName:
    """A root-signed document: its version and the SHA-256 of its payload."""

    version: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A question, its answer and their proofs.

    ``consent`` is the SHA-256 of the ``presentation`` by which the question was consented. That,
    and the status lists that the answer's header names, may be left out where they lie beside.
    """

    request: ProvenItem
    answer: ProvenItem
    consent: bytes
    log: LogProof
    manifest: DocumentName
    policy: DocumentName
    presentation: bytes = field(default=b"", repr=False)
    status_lists: tuple[bytes, ...] = field(default=(), repr=False)


def proven_item(signed: Envelope, items: Sequence[SaltedItem], index: int) -> ProvenItem:
    """Take one item out of a signed batch.

    Raises:
        BadProof: there is no such item.
    """
    leaves = [envelope.item_leaf(one.salt, one.item) for one in items]
    path = merkle.inclusion_path(index, leaves)
    return ProvenItem(envelope=signed, index=index, item=items[index], path=tuple(path))
