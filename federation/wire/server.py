"""A gRPC server over mutual TLS that knows which party is calling.

Knows grpc, certificates' digests and the boundary where any failure becomes a status. Does not
know what a method does: a handler takes the caller's id and bytes, and gives bytes.
"""

import hashlib
import logging
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status.rpc_status import to_status as to_grpc

from federation.errors import BadInput, HeduiError, PeerFault
from federation.manifest import Manifest
from federation.wire.channel import OPTIONS, TlsIdentity
from federation.wire.status import to_status
from federation.wire.tap import Tap

log = logging.getLogger(__name__)

Handler = Callable[[str, bytes], bytes]
"""Takes the calling party's id and the request, gives the reply; raises HeduiError to refuse."""

_THREADS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service's full name and its handlers by method name."""

    name: str
    methods: Mapping[str, Handler]


class Callers:
    """Tells which party holds the certificate of a connection."""

    def __init__(self, manifest: Manifest) -> None:
        self._by_digest = {d: p.id for p in manifest.parties.values() for d in p.certificates}
        self._by_pem: dict[bytes, str] = {}

    def identify(self, context: grpc.ServicerContext) -> str:
        """Give the caller's party id.

        Raises:
            PeerFault: WRONG_PARTY when the manifest does not list the certificate.
        """
        pem = _certificate(context)
        known = self._by_pem.get(pem)
        if known is not None:
            return known
        try:
            digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))).hexdigest()
            party = self._by_digest[digest]
        except (ValueError, KeyError) as e:
            raise PeerFault("WRONG_PARTY") from e
        self._by_pem[pem] = party
        return party


class Server:
    """A running server; ``port`` is the bound port."""

    def __init__(self, server: grpc.Server, healthy: health.HealthServicer, port: int) -> None:
        self._server = server
        self._health = healthy
        self.port = port

    def start(self) -> None:
        """Begin to answer, and say so to health checks."""
        self._server.start()
        self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    def stop(self, grace: float = 2.0) -> None:
        """Finish what is running within ``grace`` seconds, refuse what is new."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()


def build(
    manifest: Manifest, tls: TlsIdentity, listen: str, service: Service, tap: Tap | None = None
) -> Server:
    """Bind a server that only the manifest's parties can call.

    Raises:
        BadInput: LISTEN_FAILED when the address cannot be bound.
    """
    server = grpc.server(
        ThreadPoolExecutor(_THREADS, thread_name_prefix="rpc"),
        options=[*OPTIONS, ("grpc.so_reuseport", 0)],
    )
    callers = Callers(manifest)
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        name: grpc.unary_unary_rpc_method_handler(
            _boundary(callers, f"{service.name}/{name}", handler, tap)
        )
        for name, handler in service.methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.name, handlers),))
    healthy = health.HealthServicer()
    healthy.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    credentials = grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)], root_certificates=manifest.ca, require_client_auth=True
    )
    try:
        port = server.add_secure_port(listen, credentials)
    except RuntimeError as e:
        raise BadInput("LISTEN_FAILED", address=listen) from e
    return Server(server, healthy, port)


def _certificate(context: grpc.ServicerContext) -> bytes:
    pem = next(iter(context.auth_context().get("x509_pem_cert", ())), b"")
    return pem if isinstance(pem, bytes) else b""


def _boundary(
    callers: Callers, method: str, handler: Handler, tap: Tap | None
) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            if tap:
                tap("in", method, request)
            reply = handler(callers.identify(context), request)
            if tap:
                tap("out", method, reply)
        except HeduiError as error:
            context.abort_with_status(to_grpc(to_status(error)))
        except Exception:  # the one place where a bug becomes a status and a log line
            log.exception("%s failed", method)
            context.abort(grpc.StatusCode.INTERNAL, "INTERNAL")
        return reply

    return answer
