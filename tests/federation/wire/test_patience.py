"""Calls that send no message, and parties that open too many: nobody else has to wait for them."""

import socket
import time
from collections.abc import Iterator
from threading import Event

import grpc
import pytest

from federation.errors import Unavailable
from federation.wire import server
from federation.wire.channel import Peers
from tests.support import twin as twins
from tests.support.twin import Twin

SERVICE = "federation.v1.Echo"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    return twins.make(tmp_path_factory.mktemp("patience") / "f", ports={"registrar": free_port()})


@pytest.fixture
def hold() -> Event:
    return Event()


@pytest.fixture
def echo(twin: Twin, hold: Event) -> Iterator[None]:
    def answer(_: str, request: bytes) -> bytes:
        if request == b"slow":
            hold.wait(20)
        return request

    registrar = twin.registrar
    running = server.build(
        registrar.manifest,
        registrar.tls,
        registrar.listen,
        server.Service(name=SERVICE, methods={"Say": answer}),
        patience=0.5,
    )
    running.start()
    yield
    hold.set()
    running.stop()


def silent_stream(twin: Twin) -> grpc.Call:
    """Open a call and send nothing."""
    peers = Peers(twin.coordinator.tls)
    channel = peers._channel(twin.coordinator.manifest.registrar)
    never = Event()

    def messages() -> Iterator[bytes]:
        never.wait(30)
        yield b""

    say: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(f"/{SERVICE}/Say")
    call: grpc.Call = say.future(messages())
    call.add_done_callback(lambda _: never.set())  # type: ignore[attr-defined]
    return call


def say(twin: Twin, message: bytes, timeout: float = 10.0) -> bytes:
    peers = Peers(twin.coordinator.tls)
    try:
        registrar = twin.coordinator.manifest.registrar
        return peers.call(registrar, f"{SERVICE}/Say", message, timeout=timeout)
    finally:
        peers.close()


def test_silent_streams_are_cut_off(twin: Twin, echo: None) -> None:
    streams = [silent_stream(twin) for _ in range(16)]
    end = time.monotonic() + 15
    while not all(s.done() for s in streams) and time.monotonic() < end:  # type: ignore[attr-defined]
        time.sleep(0.1)
    assert {s.code() for s in streams} == {grpc.StatusCode.CANCELLED}
    assert say(twin, b"hello") == b"hello"


def test_one_party_cannot_take_all_threads(twin: Twin, echo: None, hold: Event) -> None:
    peers = Peers(twin.coordinator.tls)
    channel = peers._channel(twin.coordinator.manifest.registrar)
    say_slowly: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    say_slowly = channel.unary_unary(f"/{SERVICE}/Say")
    slow = [say_slowly.future(b"slow") for _ in range(16)]
    end = time.monotonic() + 10
    refused = False
    while not refused and time.monotonic() < end:
        try:
            say(twin, b"one more", timeout=1.0)
        except Unavailable as error:
            refused = error.code == "TOO_MANY_CALLS"
    assert refused
    hold.set()
    assert {call.result() for call in slow} == {b"slow"}
    peers.close()
