"""A client that knows nothing but gRPC reflection looks at a node, by the examples of the page."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import cast

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from department_node.node import RunningNode
from federation import party as parties
from federation.clock import FixedClock
from federation.manifest import PartyRole
from federation.wire import description
from federation.wire.channel import TlsIdentity, tls_name
from registrar import server
from tests.interop.verdicts import PAGE
from tests.registrar import town as towns
from tests.support import twin as twins
from tests.support.twin import Twin

NODE = "public_security"


def example(name: str) -> str:
    """Give an example of the page."""
    found = re.search(
        rf"<!-- example: {re.escape(name)} -->\n```\w*\n(.*?)```",
        PAGE.read_text("utf-8"),
        re.DOTALL,
    )
    assert found, name
    return found[1]


def run(name: str, *arguments: str | Path) -> str:
    """Run an example of the page as a program of its own."""
    code = example(name) + "\nassert '--alone' not in sys.argv or 'federation' not in sys.modules"
    line = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(twin: Twin, settings: str) -> Iterator[RunningNode]:
    """Run the twin's node with further settings."""
    path = twin.folder / NODE / "party.toml"
    path.write_text(f"{path.read_text('utf-8')}one_core = false\n{settings}", "utf-8")
    with twins.open_node(twin) as node:
        running = RunningNode(node)
        running.start()
        try:
            yield running
        finally:
            running.stop()


@contextmanager
def calling(port: int, ca: bytes, tls: TlsIdentity, party: str) -> Iterator[grpc.Channel]:
    credentials = grpc.ssl_channel_credentials(ca, tls.key, tls.certificate)
    name = ("grpc.ssl_target_name_override", tls_name(party))
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, [name]) as channel:
        yield channel


@pytest.fixture
def twin(tmp_path: Path) -> Twin:
    return twins.make(tmp_path / "f")


def test_the_examples_on_the_page_do_what_they_say(twin: Twin, tmp_path: Path) -> None:
    with serving(twin, "reflection = true\n") as running:
        run("pems.py", twin.folder / "coordinator", tmp_path)
        address = f"127.0.0.1:{running.port}"
        told = run("describe.py", address, tls_name(NODE), tmp_path, "--alone")
    assert told == re.sub(r'(?<=version: )"[^"]*"', f'"{version("hedui")}"', example("output"))
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0


def test_a_node_as_it_is_delivered_describes_nothing(twin: Twin) -> None:
    centre = twin.coordinator
    with (
        serving(twin, "") as running,
        calling(running.port, centre.manifest.ca, centre.tls, NODE) as channel,
    ):
        with pytest.raises(grpc.RpcError) as caught:
            ProtoReflectionDescriptorDatabase(channel).get_services()
        assert cast("grpc.Call", caught.value).code() is grpc.StatusCode.UNIMPLEMENTED
        describe: grpc.UnaryUnaryMultiCallable[bytes, bytes]
        describe = channel.unary_unary(f"/{description.DESCRIBE}")
        assert description.decode(describe(b"", timeout=10)).party == NODE
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_a_registrar_describes_itself_when_told_to(tmp_path: Path) -> None:
    towns.found(tmp_path / "f")
    folder = tmp_path / "f" / "registrar"
    with (folder / "party.toml").open("a", encoding="utf-8") as settings:
        settings.write("[registrar]\nreflection = true\n")
    registrar = parties.load(folder, PartyRole.REGISTRAR, towns.NOW)
    centre = parties.load(tmp_path / "f" / "coordinator", PartyRole.COORDINATOR, towns.NOW)
    running = server.build(registrar, FixedClock(towns.NOW))
    running.start()
    try:
        with calling(running.port, centre.manifest.ca, centre.tls, "registrar") as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            assert "federation.v1.Registrar" in database.get_services()
            (service,) = database.FindFileContainingSymbol("federation.v1.Registrar").service
            assert "IssueTokens" in {method.name for method in service.method}
    finally:
        running.stop(0)
