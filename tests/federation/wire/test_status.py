"""Errors on the wire: a code travels and comes back as its class, nothing else travels."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as ProtoAny
from google.rpc import error_details_pb2, status_pb2

from federation.errors import (
    BadInput,
    Fault,
    HeduiError,
    PeerFault,
    Refused,
    Unavailable,
    table,
)
from federation.wire import status

CLASSES: dict[Fault, type[HeduiError]] = {
    Fault.REFUSED: Refused,
    Fault.PEER: PeerFault,
    Fault.UNAVAILABLE: Unavailable,
    Fault.INPUT: BadInput,
}
RICH = "grpc-status-details-bin"
CODES = {number.value[0]: number for number in grpc.StatusCode}


class Failed(grpc.RpcError, grpc.Call):
    """A call that failed with a code and trailing metadata."""

    def __init__(self, code: grpc.StatusCode, details: str = "", rich: bytes | None = None) -> None:
        self._code = code
        self._details = details
        self._rich = rich

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> Any:
        return () if self._rich is None else ((RICH, self._rich),)

    def initial_metadata(self) -> Any:
        return ()

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> float:
        return 0.0

    def cancel(self) -> bool:
        return False

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return False


def _sent(rich: status_pb2.Status) -> Failed:
    return Failed(CODES[rich.code], rich.message, rich.SerializeToString())


def _info(reason: str, domain: str = "hedui") -> ProtoAny:
    packed = ProtoAny()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain=domain))
    return packed


@pytest.mark.parametrize("code", list(table()))
def test_every_code_comes_back_as_its_class(code: str) -> None:
    fault = table()[code].fault
    wire = status.to_status(CLASSES[fault](code, secret="79030119700312011X"))
    assert "7903" not in str(wire)
    back = status.from_call(_sent(wire), "tax")
    # What is our own input's fault at the peer is, seen from here, the peer's.
    assert type(back) is (PeerFault if fault is Fault.INPUT else CLASSES[fault])
    assert (back.code, back.details) == (code, {"peer": "tax"})


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (Refused("CONSENT_EXPIRED"), grpc.StatusCode.FAILED_PRECONDITION),
        (Refused("REPLAYED"), grpc.StatusCode.ALREADY_EXISTS),
        (PeerFault("MALFORMED"), grpc.StatusCode.INVALID_ARGUMENT),
        (PeerFault("ITEMS_DO_NOT_MATCH"), grpc.StatusCode.INVALID_ARGUMENT),
        (PeerFault("WRONG_PARTY"), grpc.StatusCode.PERMISSION_DENIED),
        (PeerFault("BAD_SIGNATURE"), grpc.StatusCode.UNAUTHENTICATED),
        (Unavailable("LOG_UNAVAILABLE"), grpc.StatusCode.UNAVAILABLE),
        (BadInput("FILE_MISSING"), grpc.StatusCode.INTERNAL),
    ],
    ids=str,
)
def test_a_status_also_speaks_to_other_clients(error: HeduiError, number: grpc.StatusCode) -> None:
    assert status.to_status(error).code == number.value[0]


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, Unavailable, "PEER_SLOW"),
        (grpc.StatusCode.UNAVAILABLE, Unavailable, "PEER_UNREACHABLE"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, PeerFault, "OVERSIZE"),
        (grpc.StatusCode.INTERNAL, PeerFault, "PEER_FAILED"),
        (grpc.StatusCode.UNIMPLEMENTED, PeerFault, "PEER_FAILED"),
    ],
)
def test_a_bare_status_has_a_meaning_too(
    number: grpc.StatusCode, kind: type[HeduiError], code: str
) -> None:
    error = status.from_call(Failed(number), "tax")
    assert type(error) is kind
    assert error.code == code
    assert error.details["peer"] == "tax"


def test_an_error_that_is_no_call_is_the_peer_s_failure() -> None:
    assert status.from_call(grpc.RpcError(), "tax").details == {"peer": "tax", "status": "?"}


@pytest.mark.parametrize(
    "details",
    [
        [],
        [_info("NEVER_SEEN")],
        [_info("CONSENT_EXPIRED", "elsewhere")],
        [ProtoAny(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff")],
        [ProtoAny(type_url="type.googleapis.com/google.rpc.Help", value=b"")],
    ],
    ids=["none", "unknown", "another domain", "garbage", "another type"],
)
def test_details_that_are_not_ours_say_nothing(details: list[ProtoAny]) -> None:
    rich = status_pb2.Status(code=13, message="m", details=details)
    assert status.from_call(_sent(rich), "tax").code == "PEER_FAILED"


def test_ours_is_found_among_others() -> None:
    rich = status_pb2.Status(
        code=9, message="m", details=[_info("X", "elsewhere"), _info("CONSENT_EXPIRED")]
    )
    assert status.from_call(_sent(rich), "tax").code == "CONSENT_EXPIRED"


@pytest.mark.parametrize(
    "rich",
    [
        b"\xff\xff",
        status_pb2.Status(code=9, message="other").SerializeToString(),
        status_pb2.Status(code=5, message="m").SerializeToString(),
    ],
    ids=["garbage", "another message", "another code"],
)
def test_a_status_that_contradicts_itself_says_nothing(rich: bytes) -> None:
    error = status.from_call(Failed(grpc.StatusCode.FAILED_PRECONDITION, "m", rich), "tax")
    assert error.code == "PEER_FAILED"
