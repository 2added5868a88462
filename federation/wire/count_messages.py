"""Bytes to values and back for the question how often tokens were used, and for the answer.

Knows protobuf. Does not know what a signed count says (``federation.closing`` does).
"""

from collections.abc import Sequence
from typing import Final

from federation import limits
from federation.closing import ID_BYTES
from federation.errors import PeerFault
from federation.v1 import node_pb2
from federation.wire.codec import strict

COUNT: Final = "federation.v1.DepartmentNode/Count"
_REQUEST_BYTES: Final = limits.COUNT_TOKENS * (ID_BYTES + 2)


def encode_request(tokens: Sequence[bytes]) -> bytes:
    """Write of which tokens the uses are to be counted."""
    return node_pb2.CountRequest(tokens=tokens).SerializeToString(deterministic=True)


def decode_request(data: bytes) -> tuple[bytes, ...]:
    """Read of which tokens the uses are to be counted: 1 to 100, each once.

    Raises:
        PeerFault: MALFORMED or OVERSIZE.
    """
    message = strict(node_pb2.CountRequest, data, _REQUEST_BYTES)
    tokens = tuple(message.tokens)
    if not tokens or len({*tokens}) != len(tokens) or {len(one) for one in tokens} != {ID_BYTES}:
        raise PeerFault("MALFORMED", message="CountRequest")
    return tokens


def encode_counted(counts: Sequence[bytes]) -> bytes:
    """Write signed counts."""
    return node_pb2.Counted(counts=counts).SerializeToString(deterministic=True)


def decode_counted(data: bytes) -> tuple[bytes, ...]:
    """Read signed counts, which are not verified here.

    Raises:
        PeerFault: MALFORMED or OVERSIZE.
    """
    return tuple(strict(node_pb2.Counted, data, limits.MESSAGE_BYTES).counts)
