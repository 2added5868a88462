"""Errors on the wire: a HeduiError becomes a gRPC status with google.rpc.ErrorInfo, and back.

Knows grpc. Texts never travel: the code does, and each side words it in its reader's language.
"""

from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as ProtoAny
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status.rpc_status import from_call as status_of

from federation.errors import Fault, HeduiError, PeerFault, Refused, Unavailable, table

_DOMAIN: Final = "hedui"
_BY_CODE: Final = {
    "MALFORMED": code_pb2.INVALID_ARGUMENT,
    "OVERSIZE": code_pb2.INVALID_ARGUMENT,
    "REPLAYED": code_pb2.ALREADY_EXISTS,
    "WRONG_PARTY": code_pb2.PERMISSION_DENIED,
    "BAD_SIGNATURE": code_pb2.UNAUTHENTICATED,
}
_BY_CLASS: Final = {
    Refused: code_pb2.FAILED_PRECONDITION,
    PeerFault: code_pb2.INVALID_ARGUMENT,
    Unavailable: code_pb2.UNAVAILABLE,
}
_CLASSES: Final = {
    Fault.REFUSED: Refused,
    Fault.PEER: PeerFault,
    Fault.UNAVAILABLE: Unavailable,
    Fault.INPUT: PeerFault,
}


def to_status(error: HeduiError) -> status_pb2.Status:
    """Word an error as a status; details stay at home, for they may name local things."""
    number = _BY_CODE.get(error.code) or _BY_CLASS.get(type(error), code_pb2.INTERNAL)
    info = ProtoAny()
    info.Pack(error_details_pb2.ErrorInfo(reason=error.code, domain=_DOMAIN))
    return status_pb2.Status(code=number, message=error.code, details=[info])


def from_call(error: grpc.RpcError, peer: str) -> HeduiError:
    """Turn a failed call into the typed error it stands for."""
    try:
        reason = _reason(error)
    except (DecodeError, ValueError):  # a status that contradicts itself says nothing
        reason = ""
    if reason in table():
        return _CLASSES[table()[reason].fault](reason, peer=peer)
    code = error.code() if isinstance(error, grpc.Call) else None
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unavailable("PEER_SLOW", peer=peer)
    if code is grpc.StatusCode.UNAVAILABLE:
        return Unavailable("PEER_UNREACHABLE", peer=peer)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return PeerFault("OVERSIZE", peer=peer)
    return PeerFault("PEER_FAILED", peer=peer, status=getattr(code, "name", "?"))


def _reason(error: grpc.RpcError) -> str:
    """Read our own code from a failed call's details, if it is there."""
    status = status_of(error) if isinstance(error, grpc.Call) else None
    details: list[ProtoAny] = list(status.details) if status else []
    for detail in details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == _DOMAIN:
            return str(info.reason)
    return ""
