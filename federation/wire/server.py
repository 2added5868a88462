"""A gRPC server over mutual TLS that knows which party is calling.

Knows grpc, certificates and the boundary where any failure becomes a status. Does not know what a
method does: a handler takes the caller's id and bytes, and gives bytes.

A method is served as a stream of one message, the same on the wire: so the caller is identified
before its message is waited for, and a caller that sends none is cut off.
"""

import logging
import os
import ssl
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

import grpc
from grpc_health.v1 import health_pb2
from grpc_status.rpc_status import to_status as to_grpc

from federation.errors import BadInput, HeduiError, PeerFault, Unavailable
from federation.manifest import Manifest
from federation.wire.channel import OPTIONS, TlsIdentity
from federation.wire.status import to_status
from federation.wire.tap import Tap

log = logging.getLogger(__name__)

Handler = Callable[[str, bytes], bytes]
"""Takes the calling party's id and the request, gives the reply; raises HeduiError to refuse."""

MESSAGE_SECONDS: Final = 10.0
"""Longest wait for a call's message, seconds."""
CALLS_A_PARTY: Final = 16
"""Most calls of one party at a time; the rest of the threads is for the others."""
_THREADS: Final = 24
_TICK: Final = 0.5
_HEALTH: Final = "grpc.health.v1.Health"
_OPTIONS: Final = [
    *OPTIONS,
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 64),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service's full name and its handlers by method name."""

    name: str
    methods: Mapping[str, Handler]


class Callers:
    """Tells which party holds the certificate of a connection, and how many calls it has open."""

    def __init__(self, manifest: Manifest) -> None:
        self._by_der = {der: p.id for p in manifest.parties.values() for der in p.certificates}
        self._by_pem: dict[bytes, str] = {}
        self._open: Counter[str] = Counter()
        self._lock = Lock()

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
            party = self._by_der[ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))]
        except (ValueError, KeyError) as e:
            raise PeerFault("WRONG_PARTY") from e
        self._by_pem[pem] = party
        return party

    @contextmanager
    def calling(self, party: str) -> Iterator[None]:
        """Count a call while it runs.

        Raises:
            Unavailable: TOO_MANY_CALLS when the party has its share open already.
        """
        with self._lock:
            if self._open[party] >= CALLS_A_PARTY:
                raise Unavailable("TOO_MANY_CALLS")
            self._open[party] += 1
        try:
            yield
        finally:
            with self._lock:
                self._open[party] -= 1


class Patience:
    """Cancels calls whose message does not come; one thread watches over all of them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[int, tuple[float, grpc.ServicerContext]] = {}
        self._over = Event()
        Thread(target=self._watch, name="patience", daemon=True).start()

    def message(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        """Wait for the one message of a call.

        Raises:
            PeerFault: MALFORMED when none comes.
        """
        self._waiting[id(context)] = (time.monotonic() + self._seconds, context)
        try:
            for request in requests:
                return request
        except grpc.RpcError as e:
            raise PeerFault("MALFORMED", message="none came") from e
        finally:
            self._waiting.pop(id(context), None)
        raise PeerFault("MALFORMED", message="none came")

    def stop(self) -> None:
        """Stop watching."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.wait(_TICK):
            now = time.monotonic()
            for until, context in list(self._waiting.values()):
                if until < now:
                    context.cancel()


class Server:
    """A running server; ``port`` is the bound port."""

    def __init__(self, server: grpc.Server, patience: Patience, serving: Event, port: int) -> None:
        self._server = server
        self._patience = patience
        self._serving = serving
        self.port = port

    def start(self) -> None:
        """Begin to answer, and say so to health checks."""
        self._serving.set()
        self._server.start()

    def stop(self, grace: float = 2.0) -> None:
        """Finish what is running within ``grace`` seconds, refuse what is new."""
        self._serving.clear()
        self._server.stop(grace).wait()
        self._patience.stop()


def build(
    manifest: Manifest,
    tls: TlsIdentity,
    listen: str,
    service: Service,
    tap: Tap | None = None,
    *,
    patience: float = MESSAGE_SECONDS,
) -> Server:
    """Bind a server that only the manifest's parties can call.

    Raises:
        BadInput: LISTEN_FAILED when the address cannot be bound.
    """
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="rpc")
    server = grpc.server(pool, options=_OPTIONS)
    boundary = _Boundary(Callers(manifest), Patience(patience), tap)
    serving = Event()
    health = Service(name=_HEALTH, methods={"Check": _health(serving)})
    server.add_generic_rpc_handlers((boundary.around(service), boundary.around(health)))
    credentials = grpc.ssl_server_credentials(
        [(tls.key, tls.certificate)], root_certificates=manifest.ca, require_client_auth=True
    )
    try:
        port = server.add_secure_port(listen, credentials)
    except RuntimeError as e:
        raise BadInput("LISTEN_FAILED", address=listen) from e
    return Server(server, boundary.patience, serving, port)


@dataclass(frozen=True, slots=True)
class _Boundary:
    """Where a call comes in and where any failure becomes a status."""

    callers: Callers
    patience: Patience
    tap: Tap | None

    def around(self, service: Service) -> grpc.GenericRpcHandler:
        """Put the boundary around every method of a service."""
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            name: grpc.stream_unary_rpc_method_handler(
                self._method(f"{service.name}/{name}", handler)
            )
            for name, handler in service.methods.items()
        }
        return grpc.method_handlers_generic_handler(service.name, handlers)

    def _method(
        self, method: str, handler: Handler
    ) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
        def answer(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            try:
                caller = self.callers.identify(context)
                with self.callers.calling(caller):
                    request = self.patience.message(requests, context)
                    self._note("in", method, request)
                    reply = handler(caller, request)
                    self._note("out", method, reply)
            except HeduiError as error:
                context.abort_with_status(to_grpc(to_status(error)))
            except Exception as bug:  # noqa: BLE001 - the one place where a bug becomes a status
                log.error("%s failed: %s", method, _where(bug))
                context.abort(grpc.StatusCode.INTERNAL, "INTERNAL")
            return reply

        return answer

    def _note(self, direction: str, method: str, message: bytes) -> None:
        if self.tap:
            self.tap(direction, method, message)


def keep_to_one_core() -> None:
    """Keep this process, with all its threads, on one core of those it may use.

    The threads share one interpreter lock; handing it to another core costs more than a second core
    brings (protocol §8). Does nothing where the operating system knows no such thing.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it has just ended
            os.sched_setaffinity(int(thread.name), {cores[os.getpid() % len(cores)]})


def _health(serving: Event) -> Handler:
    """Answer ``grpc.health.v1.Health/Check`` for the server as a whole."""
    states = health_pb2.HealthCheckResponse

    def check(_: str, __: bytes) -> bytes:
        state = states.SERVING if serving.is_set() else states.NOT_SERVING
        return bytes(states(status=state).SerializeToString())

    return check


def _where(bug: Exception) -> str:
    """Name a bug's type and frames; its text stays untold, for it may hold what it choked on."""
    frames = traceback.extract_tb(bug.__traceback__)
    places = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
    return f"{type(bug).__name__} at {places}"


def _certificate(context: grpc.ServicerContext) -> bytes:
    pem = next(iter(context.auth_context().get("x509_pem_cert", ())), b"")
    return pem if isinstance(pem, bytes) else b""
