"""Calls to another party over mutual TLS.

Knows grpc channels and the names in certificates. Does not know what a message says.
"""

import ssl
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

import grpc

from federation import limits
from federation.manifest import PartyEntry
from federation.wire.status import from_call
from federation.wire.tap import Tap

OPTIONS: Final = [
    ("grpc.max_receive_message_length", limits.MESSAGE_BYTES),
    ("grpc.max_send_message_length", limits.MESSAGE_BYTES),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsIdentity:
    """This party's certificate and key, PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


def tls_name(party: str) -> str:
    """Give the DNS name that a party's certificate carries."""
    return party.replace("_", "-") + ".hedui.internal"


class Peers:
    """Channels to other parties, opened when first used and closed together."""

    def __init__(self, tls: TlsIdentity, tap: Tap | None = None) -> None:
        self._tls = tls
        self._channels: dict[str, grpc.Channel] = {}
        self._lock = Lock()
        self._tap = tap

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

    def close(self) -> None:
        """Close all channels."""
        with self._lock:
            for channel in self._channels.values():
                channel.close()
            self._channels.clear()

    def _credentials(self, peer: PartyEntry) -> grpc.ChannelCredentials:
        """Trust exactly the certificates that the manifest lists for the peer, and no authority."""
        pinned = "".join(ssl.DER_cert_to_PEM_cert(der) for der in peer.certificates)
        return grpc.ssl_channel_credentials(
            root_certificates=pinned.encode(),
            private_key=self._tls.key,
            certificate_chain=self._tls.certificate,
        )

    def _channel(self, peer: PartyEntry) -> grpc.Channel:
        with self._lock:
            channel = self._channels.get(peer.id)
            if channel is None:
                name = ("grpc.ssl_target_name_override", tls_name(peer.id))
                credentials = self._credentials(peer)
                channel = grpc.secure_channel(peer.endpoint, credentials, [*OPTIONS, name])
                self._channels[peer.id] = channel
            return channel
