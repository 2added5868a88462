"""Bytes to values and back for the messages about a party's log; refuses what is not canonical.

Knows protobuf. Does not read notes or paths, and verifies no proof.
"""

from dataclasses import dataclass, field
from typing import Final

from crypto.merkle import HASH_SIZE
from crypto.note import NOTE_MAX
from crypto.tiles import SIZE_MAX
from federation import limits
from federation.errors import PeerFault
from federation.v1 import log_pb2
from federation.wire.codec import strict

LOG: Final = "federation.v1.Log"
READ: Final = f"{LOG}/Read"
WITNESS: Final = "federation.v1.Witness"
ADD_CHECKPOINT: Final = f"{WITNESS}/AddCheckpoint"

PROOF: Final = 63
"""Most hashes of a consistency proof (C2SP tlog-witness)."""
REQUEST_BYTES: Final = 128
PART_BYTES: Final = limits.MESSAGE_BYTES // 2
"""Most bytes of a resource in one message."""
_FRAME: Final = 64
_CHECKPOINT_BYTES: Final = NOTE_MAX + PROOF * (HASH_SIZE + 2) + _FRAME


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRequest:
    """Which resource of a log, and from which byte on."""

    path: str
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPart:
    """A part of a resource, and the size of the whole."""

    data: bytes = field(repr=False)
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCheckpoint:
    """A checkpoint (a signed note) for a witness, and why it follows from that of the old size."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """Signature lines of a witness; or none, and the size that it knows."""

    lines: str = ""
    known_size: int = 0


def encode_request(request: LogRequest) -> bytes:
    """Write which resource is wanted."""
    message = log_pb2.LogRequest(path=request.path, offset=request.offset)
    return message.SerializeToString(deterministic=True)


def decode_request(data: bytes) -> LogRequest:
    """Read which resource is wanted.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(log_pb2.LogRequest, data, REQUEST_BYTES)
    return LogRequest(path=m.path, offset=m.offset)


def encode_part(part: LogPart) -> bytes:
    """Write a part of a resource."""
    message = log_pb2.LogPart(data=part.data, size=part.size)
    return message.SerializeToString(deterministic=True)


def decode_part(data: bytes) -> LogPart:
    """Read a part of a resource.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(log_pb2.LogPart, data, PART_BYTES + _FRAME)
    return LogPart(data=m.data, size=m.size)


def encode_checkpoint(new: AddCheckpoint) -> bytes:
    """Write a checkpoint for a witness."""
    return log_pb2.AddCheckpoint(
        old_size=new.old_size, proof=new.proof, checkpoint=new.checkpoint
    ).SerializeToString(deterministic=True)


def decode_checkpoint(data: bytes) -> AddCheckpoint:
    """Read a checkpoint for a witness.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(log_pb2.AddCheckpoint, data, _CHECKPOINT_BYTES)
    proof = tuple(m.proof)
    if m.old_size > SIZE_MAX or len(proof) > PROOF:
        raise PeerFault("MALFORMED", message="AddCheckpoint")
    if any(len(digest) != HASH_SIZE for digest in proof):
        raise PeerFault("MALFORMED", message="AddCheckpoint")
    return AddCheckpoint(old_size=m.old_size, proof=proof, checkpoint=m.checkpoint)


def encode_cosigned(cosigned: Cosigned) -> bytes:
    """Write what a witness says to a checkpoint."""
    message = log_pb2.Cosigned(lines=cosigned.lines, known_size=cosigned.known_size)
    return message.SerializeToString(deterministic=True)


def decode_cosigned(data: bytes) -> Cosigned:
    """Read what a witness says to a checkpoint: lines or a size.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    m = strict(log_pb2.Cosigned, data, NOTE_MAX + _FRAME)
    if (m.lines and m.known_size) or m.known_size > SIZE_MAX:
        raise PeerFault("MALFORMED", message="Cosigned")
    return Cosigned(lines=m.lines, known_size=m.known_size)
