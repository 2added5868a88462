"""What a node says of itself to other parties: bytes to values and back.

Knows ``NodeDescription``. Nothing in it is about people.
"""

from dataclasses import dataclass
from typing import Final

from federation.v1 import node_pb2
from federation.wire.codec import strict

DESCRIBE: Final = "federation.v1.DepartmentNode/Describe"
_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """Which party answers, with which program version, which predicates; whether it is paused."""

    party: str
    version: str
    predicates: tuple[str, ...]
    paused: bool


def encode_request() -> bytes:
    """Write the empty question."""
    return node_pb2.DescribeRequest().SerializeToString(deterministic=True)


def check_request(data: bytes) -> None:
    """Refuse anything but the empty question.

    Raises:
        PeerFault: MALFORMED or OVERSIZE.
    """
    strict(node_pb2.DescribeRequest, data, 0)


def encode(description: Description) -> bytes:
    """Write a description."""
    return node_pb2.NodeDescription(
        party=description.party,
        version=description.version,
        predicates=description.predicates,
        paused=description.paused,
    ).SerializeToString(deterministic=True)


def decode(data: bytes) -> Description:
    """Read a description.

    Raises:
        PeerFault: MALFORMED or OVERSIZE.
    """
    m = strict(node_pb2.NodeDescription, data, _BYTES)
    return Description(
        party=m.party, version=m.version, predicates=tuple(m.predicates), paused=m.paused
    )
