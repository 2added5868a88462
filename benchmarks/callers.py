"""The calling side: many threads, one channel, requests made before the clock starts.

Knows grpc and clocks, and does as little as it can between two calls. Does not know what is asked.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

import grpc

from federation.party import Party
from federation.wire.channel import OPTIONS, tls_name

CALLERS: Final = 16
STREAMS: Final = 4
_SECONDS: Final = 60.0

Line = Callable[[bytes], bytes]
"""Sends one request and gives the reply."""
Stream = Callable[[Iterator[bytes]], Iterator[bytes]]
"""Sends request after request and gives the replies in their order."""


@contextmanager
def line(caller: Party, peer: str, port: int, method: str) -> Iterator[Line]:
    """Open a channel of ``caller`` to a port where ``peer``'s certificate is shown."""
    with _channel(caller, peer, port) as channel:
        invoke: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{method}")

        def send(request: bytes) -> bytes:
            return invoke(request, timeout=_SECONDS)

        yield send


@contextmanager
def stream(caller: Party, peer: str, port: int, method: str) -> Iterator[Stream]:
    """Open a channel as ``line`` does, for calls of many messages."""
    with _channel(caller, peer, port) as channel:
        invoke: grpc.StreamStreamMultiCallable[bytes, bytes]
        invoke = channel.stream_stream(f"/{method}")

        def send(requests: Iterator[bytes]) -> Iterator[bytes]:
            return invoke(requests, timeout=_SECONDS)

        yield send


def flowing(send: Stream, requests: Sequence[bytes]) -> tuple[float, list[bytes]]:
    """Send all requests over a few streams; gives the seconds it took and the replies in order."""
    shares = [requests[i::STREAMS] for i in range(STREAMS)]

    def work(share: Sequence[bytes]) -> list[bytes]:
        return list(send(iter(share)))

    with ThreadPoolExecutor(STREAMS) as pool:
        began = time.perf_counter()
        done = list(pool.map(work, shares))
        seconds = time.perf_counter() - began
    return seconds, _in_order(done, len(requests))


def _in_order(shares: Sequence[Sequence[bytes]], number: int) -> list[bytes]:
    replies = [b""] * number
    for i, share in enumerate(shares):
        replies[i :: len(shares)] = share
    return replies


def _channel(caller: Party, peer: str, port: int) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(
        root_certificates=caller.manifest.ca,
        private_key=caller.tls.key,
        certificate_chain=caller.tls.certificate,
    )
    options = [*OPTIONS, ("grpc.ssl_target_name_override", tls_name(peer))]
    return grpc.secure_channel(f"127.0.0.1:{port}", credentials, options)


def through(send: Line, requests: Sequence[bytes]) -> tuple[float, list[bytes]]:
    """Send all requests over 16 callers; gives the seconds it took and the replies in order."""
    shares = [requests[i::CALLERS] for i in range(CALLERS)]

    def work(share: Sequence[bytes]) -> list[bytes]:
        return [send(request) for request in share]

    with ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(time.sleep, [0.01] * CALLERS))  # all threads are there
        began = time.perf_counter()
        done = list(pool.map(work, shares))
        seconds = time.perf_counter() - began
    return seconds, _in_order(done, len(requests))
