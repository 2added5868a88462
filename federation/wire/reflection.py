"""gRPC server reflection: what can be called here, for tools that were built without our stubs.

Knows the descriptors that this process has loaded; they are public, and a server's own service is
always among them. Does not know who asks: the server puts its boundary around this too.
"""

from collections.abc import Callable, Sequence
from typing import Final

from grpc_reflection.v1alpha import reflection, reflection_pb2

from federation.wire.codec import strict

NAME: Final = reflection.SERVICE_NAME
METHOD: Final = "ServerReflectionInfo"
_BYTES: Final = 1_024


def handler(services: Sequence[str]) -> Callable[[str, bytes], bytes]:
    """Answer one question after the other about services, each named in full."""
    servicer = reflection.ReflectionServicer(services)

    def answer(_: str, data: bytes) -> bytes:
        request = strict(reflection_pb2.ServerReflectionRequest, data, _BYTES)
        (reply,) = servicer.ServerReflectionInfo(iter([request]), None)
        return bytes(reply.SerializeToString(deterministic=True))

    return answer
