"""One party of openmined-psi's private set intersection; run by the peers' own Python.

Run as ``python openmined_party.py server INPUT CLIENTS`` (prints its port, then answers until it is
stopped) or ``python openmined_party.py client INPUT OUTPUT PORT``. The server's setup message is
made once, beforehand, and not counted: it is this protocol's offline part. The client prints the
CPU seconds of both sides as JSON. Imports nothing of this project.
"""

import importlib
import json
import socket
import struct
import sys
import time

psi = importlib.import_module("private_set_intersection.python")
_FALSE_POSITIVES = 1e-9


def read(path: str) -> list[str]:
    """Read a CSV file of one column with a heading."""
    with open(path, encoding="utf-8") as file:
        return file.read().split()[1:]


def send(line: socket.socket, data: bytes) -> None:
    """Send one message after its length."""
    line.sendall(struct.pack(">Q", len(data)) + data)


def receive(line: socket.socket) -> bytes:
    """Receive one message."""
    with line.makefile("rb", buffering=0) as file:
        (size,) = struct.unpack(">Q", file.read(8))
        parts = []
        while size:
            parts.append(file.read(min(size, 1 << 20)))
            size -= len(parts[-1])
    return b"".join(parts)


def serve(source: str, clients: int) -> None:
    """Make the setup message, then answer one client after the other."""
    people = read(source)
    server = psi.server.CreateWithNewKey(True)
    setup = server.CreateSetupMessage(
        _FALSE_POSITIVES, clients, people, psi.DataStructure.RAW
    ).SerializeToString()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
        while True:
            line, _ = listening.accept()
            with line:
                before = time.process_time()
                send(line, setup)
                request = psi.Request()
                request.ParseFromString(receive(line))
                send(line, server.ProcessRequest(request).SerializeToString())
                send(line, json.dumps(time.process_time() - before).encode())


def ask(source: str, target: str, port: int) -> None:
    """Intersect once."""
    with socket.create_connection(("127.0.0.1", port)) as line:
        before = time.process_time()
        people = read(source)
        client = psi.client.CreateWithNewKey(True)
        setup, response = psi.ServerSetup(), psi.Response()
        setup.ParseFromString(receive(line))
        send(line, client.CreateRequest(people).SerializeToString())
        response.ParseFromString(receive(line))
        found = client.GetIntersection(setup, response)
        with open(target, "w", encoding="utf-8") as file:
            file.write("\n".join(["id", *(people[i] for i in found)]) + "\n")
        mine = time.process_time() - before
        print(json.dumps({"cpu": mine + json.loads(receive(line))}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        ask(sys.argv[2], sys.argv[3], int(sys.argv[4]))
