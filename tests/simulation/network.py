"""The federation's network within one process: calls go straight to the handlers of their callees.

Everything above the transport is what runs in earnest: each party wires its own server, callers are
told by their certificates, and errors come back as they were raised. A dishonest party is a handler
in the place of its own; whoever watches sees every message that was delivered.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from federation import certificates
from federation.errors import Unavailable
from federation.manifest import Manifest, PartyEntry
from federation.wire import server
from federation.wire.channel import Peers, TlsIdentity
from federation.wire.log_messages import ADD_CHECKPOINT
from federation.wire.server import Handler, Service
from federation.wire.tap import Tap

Trick = Callable[[str, bytes, Handler], bytes]
"""A dishonest handler: takes caller, request and the honest handler in whose place it stands."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A call that was answered; ``lost`` where its answer did not arrive."""

    caller: str
    callee: str
    method: str
    request: bytes = field(repr=False)
    reply: bytes = field(repr=False)
    lost: bool


class Serving:
    """What a party has of its server: nothing to start, for whoever is built is reached."""

    port = 0

    def start(self) -> None: ...

    def stop(self, grace: float = 0) -> None: ...

    def renew(self, manifest: Manifest, tls: TlsIdentity) -> None: ...


class Network:
    """Who can be reached, and what happens on the way."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, str], Handler] = {}
        self.tricks: dict[tuple[str, str], Trick] = {}
        self.away: frozenset[str] = frozenset()
        self.losing = 0
        """So many replies get lost on their way back, but for those of witnesses."""
        self.watchers: list[Callable[[Delivered], None]] = []
        self._names: dict[bytes, str] = {}

    def build(
        self,
        manifest: Manifest,
        tls: TlsIdentity,
        _listen: str,
        service: Service,
        _tap: Tap | None = None,
    ) -> Serving:
        """Stand in for ``server.build``."""
        self._names = {der: one.id for one in manifest.parties.values() for der in one.certificates}
        me = self._name(tls)
        for each in (service, *service.others):
            for method, handler in {**each.methods, **each.streams}.items():
                self.handlers[me, f"{each.name}/{method}"] = handler
        return Serving()

    def deliver(self, caller: str, callee: str, method: str, request: bytes) -> bytes:
        """Carry a call and its reply."""
        place = callee, method
        if callee in self.away or place not in self.handlers:
            raise Unavailable("PEER_UNREACHABLE", peer=callee)
        honest, trick = self.handlers[place], self.tricks.get(place)
        reply = trick(caller, request, honest) if trick else honest(caller, request)
        lost = self.losing > 0 and method != ADD_CHECKPOINT
        for watch in self.watchers:
            watch(Delivered(caller, callee, method, request, reply, lost))
        if lost:
            self.losing -= 1
            raise Unavailable("PEER_FAILED", peer=callee)
        return reply

    def send(self, tls: TlsIdentity, callee: str, method: str, request: bytes) -> bytes:
        """Call as whoever holds a certificate."""
        return self.deliver(self._name(tls), callee, method, request)

    def drop_tricks(self) -> None:
        """Let everybody be honest from now on, but for those who never are: witnesses."""
        self.tricks = {place: one for place, one in self.tricks.items() if ADD_CHECKPOINT in place}

    def gone(self, party: str) -> None:
        """Forget a party that has stopped."""
        self.handlers = {place: one for place, one in self.handlers.items() if place[0] != party}

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Stand in the place of sockets, for all parties of this process."""
        network = self

        def call(
            peers: Peers, peer: PartyEntry, method: str, request: bytes, *, timeout: float
        ) -> bytes:
            return network.send(peers._tls, peer.id, method, request)

        def stream(
            peers: Peers,
            peer: PartyEntry,
            method: str,
            requests: Iterable[bytes],
            *,
            timeout: float,
        ) -> Iterator[bytes]:
            for request in requests:
                yield network.send(peers._tls, peer.id, method, request)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server, "build", self.build)
            patch.setattr(Peers, "call", call)
            patch.setattr(Peers, "stream", stream)
            yield

    def _name(self, tls: TlsIdentity) -> str:
        return self._names[certificates.der(tls.certificate)]
