"""The way to the departments: a port, and the one that goes over mutual TLS.

Knows who is where by the manifest. Does not know what a request says, and never tries twice.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from federation.exchange import ASK, ASK_MANDATE, ASK_STREAM
from federation.manifest import Manifest, PartyRole
from federation.wire.channel import Peers
from federation.wire.count_messages import COUNT
from federation.wire.receipt_messages import PROVE, PROVE_SUM


class Transport(Protocol):
    """Whatever carries a signed request to a department and its answer back."""

    def call(self, department: str, request: bytes) -> bytes:
        """Ask once.

        Raises:
            Refused, PeerFault, Unavailable: what the department said, or that it said nothing.
        """
        ...

    def stream(self, department: str, requests: Iterable[bytes]) -> Iterator[bytes]:
        """Ask request after request; the answers come in their order.

        Raises:
            Refused, PeerFault, Unavailable: as ``call``, at the first that is not answered.
        """
        ...


class SumTransport(Protocol):
    """Whatever carries the signed requests of a sum to a department or the tally."""

    def put(self, party: str, method: str, request: bytes) -> bytes:
        """Ask once.

        Raises:
            Refused, PeerFault, Unavailable: what the party said, or that it said nothing.
        """
        ...


class WireTransport:
    """Calls over the federation's channels; ``timeout`` in seconds a call."""

    def __init__(self, manifest: Manifest, peers: Peers, timeout: float) -> None:
        self._manifest = manifest
        self._peers = peers
        self._timeout = timeout

    def call(self, department: str, request: bytes) -> bytes:
        """Ask once.

        Raises:
            Refused, PeerFault, Unavailable: as ``Peers.call``.
        """
        node = self._manifest.party(department, PartyRole.NODE)
        return self._peers.call(node, ASK, request, timeout=self._timeout)

    def stream(self, department: str, requests: Iterable[bytes]) -> Iterator[bytes]:
        """Ask request after request.

        Raises:
            Refused, PeerFault, Unavailable: as ``Peers.stream``.
        """
        node = self._manifest.party(department, PartyRole.NODE)
        return self._peers.stream(node, ASK_STREAM, requests, timeout=self._timeout)

    def put(self, party: str, method: str, request: bytes) -> bytes:
        """Ask a department or the tally once for its part of a sum.

        Raises:
            Refused, PeerFault, Unavailable: as ``Peers.call``.
        """
        entry = self._manifest.party(party)
        return self._peers.call(entry, method, request, timeout=self._timeout)

    def ask_mandate(self, department: str, request: bytes) -> bytes:
        """Ask once about a block of a batch mandate's people.

        Raises:
            Refused, PeerFault, Unavailable: as ``Peers.call``.
        """
        node = self._manifest.party(department, PartyRole.NODE)
        return self._peers.call(node, ASK_MANDATE, request, timeout=self._timeout)

    def prove(self, department: str, request: bytes) -> bytes:
        """Ask once for the proof that an exchange is in the log of a department or the tally.

        Raises:
            Refused, PeerFault, Unavailable: as ``Peers.call``.
        """
        entry = self._manifest.party(department)
        method = PROVE_SUM if entry.role is PartyRole.TALLY else PROVE
        return self._peers.call(entry, method, request, timeout=self._timeout)

    def count(self, department: str, request: bytes) -> bytes:
        """Ask once how often tokens were used.

        Raises:
            Refused, PeerFault, Unavailable: as ``Peers.call``.
        """
        node = self._manifest.party(department, PartyRole.NODE)
        return self._peers.call(node, COUNT, request, timeout=self._timeout)
