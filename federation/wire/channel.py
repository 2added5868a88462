"""Calls to another party over mutual TLS.

Knows grpc channels and the names in certificates. Does not know what a message says.
"""

import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from threading import Event, Lock, Timer
from typing import Final

import grpc

from federation import limits
from federation.errors import Unavailable
from federation.manifest import PartyEntry
from federation.wire.status import from_call
from federation.wire.tap import Tap

OPTIONS: Final = [
    ("grpc.max_receive_message_length", limits.MESSAGE_BYTES),
    ("grpc.max_send_message_length", limits.MESSAGE_BYTES),
    ("grpc.compression_enabled_algorithms_bitset", 1),  # none (protocol §4)
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsIdentity:
    """The certificate and key of this party, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


def tls_name(party: str) -> str:
    """Give the DNS name that a party's certificate carries."""
    return party.replace("_", "-") + ".hedui.internal"


class Peers:
    """Channels to other parties, opened when first used and closed together.

    A channel lasts as long as what it was opened for: when the manifest lists other certificates or
    another address for the peer, or this party shows another certificate, the next call opens a new
    one. Calls on the old one are finished; it goes with the last of them.
    """

    def __init__(self, tls: TlsIdentity, tap: Tap | None = None) -> None:
        self._tls = tls
        self._channels: dict[str, tuple[object, grpc.Channel]] = {}
        self._lock = Lock()
        self._tap = tap

    def renew(self, tls: TlsIdentity) -> None:
        """Show another certificate from the next connection on."""
        self._tls = tls

    def call(self, peer: PartyEntry, method: str, request: bytes, *, timeout: float) -> bytes:
        """Call ``method`` (package.Service/Name) and give the reply's bytes; seconds of patience.

        Raises:
            Refused, PeerFault, Unavailable: what the peer said, or PEER_UNREACHABLE, PEER_SLOW.
        """
        if self._tap:
            self._tap("out", method, request)
        invoke: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        invoke = self._channel(peer).unary_unary(f"/{method}")
        try:
            reply = invoke(request, timeout=timeout)
        except grpc.RpcError as e:
            raise from_call(e, peer.id) from e
        if self._tap:
            self._tap("in", method, reply)
        return reply

    def stream(
        self, peer: PartyEntry, method: str, requests: Iterable[bytes], *, timeout: float
    ) -> Iterator[bytes]:
        """Call ``method`` with request after request; the replies come in their order.

        ``timeout`` is for each reply, seconds. The requests are taken by a thread of their own, as
        the transport has room for them.

        Raises:
            Refused, PeerFault, Unavailable: as ``call``; replies given before that stand.
        """
        invoke: grpc.StreamStreamMultiCallable[bytes, bytes]
        invoke = self._channel(peer).stream_stream(f"/{method}")
        call = invoke(self._noted(method, requests))
        try:
            while (reply := _following(call, call.cancel, timeout)) is not None:
                if self._tap:
                    self._tap("in", method, reply)
                yield reply
        except TimeoutError as e:
            raise Unavailable("PEER_SLOW", peer=peer.id) from e
        except grpc.RpcError as e:
            raise from_call(e, peer.id) from e
        finally:
            call.cancel()

    def _noted(self, method: str, requests: Iterable[bytes]) -> Iterator[bytes]:
        for request in requests:
            if self._tap:
                self._tap("out", method, request)
            yield request

    def close(self) -> None:
        """Close all channels."""
        with self._lock:
            for _, channel in self._channels.values():
                channel.close()
            self._channels.clear()

    def _channel(self, peer: PartyEntry) -> grpc.Channel:
        with self._lock:
            tls = self._tls
            wanted = peer.endpoint, peer.certificates, tls
            opened_for, channel = self._channels.get(peer.id, (None, None))
            if channel is None or opened_for != wanted:
                channel = _open(peer, tls)
                self._channels[peer.id] = wanted, channel
            return channel


def _following(
    replies: Iterator[bytes], cancel: Callable[[], object], timeout: float
) -> bytes | None:
    """Wait for the next reply of a stream; None at its end.

    Raises:
        TimeoutError: none came in time; the stream is over.
    """
    slow = Event()

    def give_up() -> None:
        slow.set()
        cancel()

    timer = Timer(timeout, give_up)
    timer.start()
    try:
        return next(replies, None)
    except grpc.RpcError as e:
        if slow.is_set():
            raise TimeoutError from e
        raise
    finally:
        timer.cancel()


def _open(peer: PartyEntry, tls: TlsIdentity) -> grpc.Channel:
    """Trust exactly the certificates that the manifest lists for the peer, and no authority."""
    pinned = "".join(ssl.DER_cert_to_PEM_cert(der) for der in peer.certificates)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=pinned.encode(),
        private_key=tls.key,
        certificate_chain=tls.certificate,
    )
    name = ("grpc.ssl_target_name_override", tls_name(peer.id))
    return grpc.secure_channel(peer.endpoint, credentials, [*OPTIONS, name])
