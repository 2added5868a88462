"""The bare echo: a gRPC server of the same options and certificates that only sends bytes back.

Run as ``python -m benchmarks.echo FOLDER BYTES``: a party's folder, and the size of every answer.
Knows nothing of the protocol; this is what a call costs before anybody thinks.
"""

import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Final

import grpc

from federation import party as parties
from federation.clock import SystemClock
from federation.wire.channel import OPTIONS

METHOD: Final = "benchmarks.Echo/Say"
_THREADS: Final = 16


def main(folder: Path, size: int) -> None:
    """Answer with ``size`` bytes until told to stop."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    party = parties.load(folder, None, SystemClock().now())
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=[*OPTIONS, ("grpc.so_reuseport", 0)])
    service, _, method = METHOD.partition("/")
    server.add_generic_rpc_handlers((_handler(service, method, bytes(size)),))
    credentials = grpc.ssl_server_credentials(
        [(party.tls.key, party.tls.certificate)],
        root_certificates=party.manifest.ca,
        require_client_auth=True,
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    print(json.dumps({"port": port}), flush=True)
    stop.wait()
    server.stop(1).wait()


def _handler(service: str, method: str, answer: bytes) -> grpc.GenericRpcHandler:
    def say(_: bytes, __: grpc.ServicerContext) -> bytes:
        return answer

    return grpc.method_handlers_generic_handler(
        service, {method: grpc.unary_unary_rpc_method_handler(say)}
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
