"""Ask a party's own server whether it serves, as any other party could.

Knows grpc's health service. Does not know what a party answers; leaves no trace at the one asked.
"""

from contextlib import closing
from dataclasses import replace
from typing import Final

from grpc_health.v1 import health_pb2

from federation.errors import Unavailable
from federation.party import Party
from federation.wire.channel import Peers

CHECK: Final = "grpc.health.v1.Health/Check"
PATIENCE: Final = 5.0
"""For the answer, seconds."""
_SERVING: Final = health_pb2.HealthCheckResponse(
    status=health_pb2.HealthCheckResponse.SERVING
).SerializeToString()


def check(party: Party) -> None:
    """Call the address that the party listens on, with the party's own certificate on both sides.

    Raises:
        Unavailable: PEER_UNREACHABLE, PEER_SLOW or NOT_SERVING.
    """
    here = replace(party.entry, endpoint=party.listen)
    with closing(Peers(party.tls)) as peers:
        reply = peers.call(here, CHECK, b"", timeout=PATIENCE)
    if reply != _SERVING:
        raise Unavailable("NOT_SERVING", party=party.id)
