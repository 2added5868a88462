"""What a party writes into its log about one exchange.

Knows the fields that an audit joins. Does not know trees, files or who reads it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One exchange: signed payloads, item leaves (32 bytes) and token ids (16 bytes) in order."""

    at: int
    kind: str
    caller: str
    request: bytes
    request_signature: bytes
    answer: bytes
    request_leaves: tuple[bytes, ...]
    answer_leaves: tuple[bytes, ...]
    tokens: tuple[bytes, ...]
