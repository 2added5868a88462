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
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Final

import grpc
from grpc_health.v1 import health_pb2
from grpc_status.rpc_status import to_status as to_grpc

from federation.errors import BadInput, HeduiError, PeerFault, Unavailable
from federation.manifest import Manifest
from federation.wire import reflection
from federation.wire.channel import OPTIONS, TlsIdentity
from federation.wire.status import to_status
from federation.wire.tap import Tap

log = logging.getLogger(__name__)

Handler = Callable[[str, bytes], bytes]
"""Takes the calling party's id and the request, gives the reply; raises HeduiError to refuse."""

MESSAGE_SECONDS: Final = 10.0
"""Longest wait for a call's message, or for room to send a stream's reply, seconds."""
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
    """A service's full name and its handlers by method name.

    A handler of ``streams`` answers the messages of a call one after the other. With ``reflection``
    the server also tells parties what can be called, and how. ``others`` are served with it.
    """

    name: str
    methods: Mapping[str, Handler]
    streams: Mapping[str, Handler] = field(default_factory=dict)
    reflection: bool = False
    others: tuple["Service", ...] = ()


class Callers:
    """Tells which party holds the certificate of a connection, and how many calls it has open."""

    def __init__(self, manifest: Manifest) -> None:
        self.renew(manifest)
        self._open: Counter[str] = Counter()
        self._lock = Lock()

    def renew(self, manifest: Manifest) -> None:
        """Go by another manifest from now on, for open connections as well."""
        listed = {der: p.id for p in manifest.parties.values() for der in p.certificates}
        seen: dict[bytes, str] = {}
        self._known = listed, seen

    def identify(self, context: grpc.ServicerContext) -> str:
        """Give the caller's party id.

        Raises:
            PeerFault: WRONG_PARTY when the manifest does not list the certificate.
        """
        pem = _certificate(context)
        by_der, by_pem = self._known
        known = by_pem.get(pem)
        if known is not None:
            return known
        try:
            party = by_der[ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))]
        except (ValueError, KeyError) as e:
            raise PeerFault("WRONG_PARTY") from e
        by_pem[pem] = party
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


class Identity:
    """What new connections are shown, and by whose authority they are judged; old ones go on."""

    def __init__(self, manifest: Manifest, tls: TlsIdentity) -> None:
        self.renew(manifest, tls)
        self._shown = self._current

    def renew(self, manifest: Manifest, tls: TlsIdentity) -> None:
        """Show another certificate from the next connection on."""
        self._current = grpc.ssl_server_certificate_configuration(
            [(tls.key, tls.certificate)], root_certificates=manifest.ca
        )

    def credentials(self) -> grpc.ServerCredentials:
        """Demand a certificate of every caller."""
        return grpc.dynamic_ssl_server_credentials(
            self._current,
            self._fetch,  # type: ignore[arg-type] # grpc takes None for "as before"
            require_client_authentication=True,
        )

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        """Give what has changed since the last connection; None for nothing."""
        current = self._current
        if current is self._shown:
            return None
        self._shown = current
        return current


class Patience:
    """Cancels calls whose caller is silent or does not read; one thread watches all of them."""

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
        request = self.following(requests, context)
        if request is None:
            raise PeerFault("MALFORMED", message="none came")
        return request

    def following(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes | None:
        """Wait for the next message of a call; None when the caller has ended it.

        Raises:
            PeerFault: MALFORMED when neither comes.
        """
        try:
            with self.waiting(context):
                return next(requests, None)
        except grpc.RpcError as e:
            raise PeerFault("MALFORMED", message="none came") from e

    @contextmanager
    def waiting(self, context: grpc.ServicerContext) -> Iterator[None]:
        """Wait for the caller of a call, and not for ever."""
        self._waiting[id(context)] = (time.monotonic() + self._seconds, context)
        try:
            yield
        finally:
            self._waiting.pop(id(context), None)

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

    def __init__(
        self, server: grpc.Server, boundary: "_Boundary", identity: Identity, serving: Event
    ) -> None:
        self._server = server
        self._boundary = boundary
        self._identity = identity
        self._serving = serving
        self.port = 0

    def renew(self, manifest: Manifest, tls: TlsIdentity) -> None:
        """Go by another manifest and show another certificate; calls that run are finished."""
        self._identity.renew(manifest, tls)
        self._boundary.callers.renew(manifest)

    def start(self) -> None:
        """Begin to answer, and say so to health checks."""
        self._serving.set()
        self._server.start()

    def stop(self, grace: float = 2.0) -> None:
        """Finish what is running within ``grace`` seconds, refuse what is new."""
        self._serving.clear()
        self._server.stop(grace).wait()
        self._boundary.patience.stop()


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
    served = (service, *service.others, health)
    server.add_generic_rpc_handlers(tuple(map(boundary.around, served)))
    if service.reflection:
        describe = {reflection.METHOD: reflection.handler([one.name for one in served])}
        described = Service(name=reflection.NAME, methods={}, streams=describe)
        server.add_generic_rpc_handlers((boundary.around(described),))
    identity = Identity(manifest, tls)
    built = Server(server, boundary, identity, serving)
    try:
        built.port = server.add_secure_port(listen, identity.credentials())
    except RuntimeError as e:
        raise BadInput("LISTEN_FAILED", address=listen) from e
    return built


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
        for name, handler in service.streams.items():
            stream = self._stream(f"{service.name}/{name}", handler)
            handlers[name] = grpc.stream_stream_rpc_method_handler(stream)
        return grpc.method_handlers_generic_handler(service.name, handlers)

    def _method(
        self, method: str, handler: Handler
    ) -> Callable[[Iterator[bytes], grpc.ServicerContext], bytes]:
        def answer(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            with self._calling(method, context) as caller:
                request = self.patience.message(requests, context)
                self._note("in", method, request)
                reply = handler(caller, request)
                self._note("out", method, reply)
            return reply

        return answer

    def _stream(
        self, method: str, handler: Handler
    ) -> Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]:
        """Answer message after message: the next is read when the reply is on its way.

        Each is its caller's by the manifest of the moment: a stream may outlive a certificate.
        """

        def answer(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
            with self._calling(method, context):
                while (request := self.patience.following(requests, context)) is not None:
                    self._note("in", method, request)
                    reply = handler(self.callers.identify(context), request)
                    self._note("out", method, reply)
                    with self.patience.waiting(context):
                        yield reply

        return answer

    @contextmanager
    def _calling(self, method: str, context: grpc.ServicerContext) -> Iterator[str]:
        """Give the caller's id while its call runs, and make a status of any failure."""
        try:
            caller = self.callers.identify(context)
            with self.callers.calling(caller):
                yield caller
        except HeduiError as error:
            context.abort_with_status(to_grpc(to_status(error)))
        except Exception as bug:  # noqa: BLE001 - the one place where a bug becomes a status
            log.error("%s failed: %s", method, _where(bug))  # noqa: TRY400 - its text may name people
            context.abort(grpc.StatusCode.INTERNAL, "INTERNAL")

    def _note(self, direction: str, method: str, message: bytes) -> None:
        if self.tap:
            self.tap(direction, method, message)


def keep_to_one_core() -> None:
    """Keep all threads of this process that run Python on one core of those it may use.

    They share one interpreter lock; handing it to another core costs more than a second core brings
    (protocol §8). Threads that bear names of their own stay free: the library's, which move bytes,
    and readers of many tokens, which mostly verify signatures without that lock.
    Does nothing where the operating system knows no such thing.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    mine = Path("/proc/self/comm").read_text("utf-8")
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError, FileNotFoundError):  # it has just ended
            if (thread / "comm").read_text("utf-8") == mine:
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
