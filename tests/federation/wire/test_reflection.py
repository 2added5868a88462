"""Reflection behind the boundary: what it says, to whom, and how long a caller may hold it open."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any, cast

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from hypothesis import given
from hypothesis import strategies as st

from federation import certificates
from federation.clock import SystemClock
from federation.errors import PeerFault
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.v1 import node_pb2
from federation.wire import reflection, server
from federation.wire.channel import TlsIdentity, tls_name
from federation.wire.server import CALLS_A_PARTY, Server, Service
from federation.wire.status import from_call

NOW = SystemClock().now()
CA = certificates.make_authority("test", NOW, 10)
NODE, CENTRE, STRANGER = (
    certificates.issue(CA, party, NOW, 5) for party in ("tax", "coordinator", "coordinator")
)
SERVICE = "federation.v1.DepartmentNode"
SERVICES = [SERVICE, "grpc.health.v1.Health"]
PATH = f"/{reflection.NAME}/{reflection.METHOD}"
PATIENCE = 3.0

Request = reflection_pb2.ServerReflectionRequest
Reply = reflection_pb2.ServerReflectionResponse
LIST = Request(list_services="").SerializeToString()


def _entry(party: str, identity: TlsIdentity) -> PartyEntry:
    return PartyEntry(
        id=party,
        role=PartyRole.NODE,
        kind="",
        zh=party,
        en=party,
        endpoint="127.0.0.1:0",
        keys={},
        certificates=(certificates.der(identity.certificate),),
    )


@contextmanager
def serving(*, described: bool) -> Iterator[Server]:
    manifest = Manifest(
        federation="test",
        version=1,
        issued=NOW,
        expires=NOW + 100,
        demonstration=True,
        ca=CA.certificate,
        parties={"tax": _entry("tax", NODE), "coordinator": _entry("coordinator", CENTRE)},
        pseudonym_keys={},
    )
    service = Service(name=SERVICE, methods={"Say": lambda _, __: b""}, reflection=described)
    running = server.build(manifest, NODE, "127.0.0.1:0", service, patience=PATIENCE)
    running.start()
    try:
        yield running
    finally:
        running.stop(0)


@contextmanager
def calling(running: Server, identity: TlsIdentity = CENTRE) -> Iterator[grpc.Channel]:
    credentials = grpc.ssl_channel_credentials(CA.certificate, identity.key, identity.certificate)
    name = ("grpc.ssl_target_name_override", tls_name("tax"))
    with grpc.secure_channel(f"127.0.0.1:{running.port}", credentials, [name]) as channel:
        yield channel


@pytest.fixture(scope="module")
def channel() -> Iterator[grpc.Channel]:
    with serving(described=True) as running, calling(running) as channel:
        yield channel


def talk(channel: grpc.Channel, *requests: bytes) -> list[Any]:
    """Put questions in one call and give the replies."""
    ask: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(PATH)
    return [Reply.FromString(one) for one in ask(iter(requests), timeout=10)]


def refused(channel: grpc.Channel, *requests: bytes) -> str:
    """Put questions that are not answered and give the code."""
    with pytest.raises(grpc.RpcError) as caught:
        talk(channel, *requests)
    return from_call(caught.value, "tax").code


def test_it_names_the_service_and_health(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    assert sorted(database.get_services()) == SERVICES


def test_it_describes_what_the_stubs_were_made_of(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    told = database.FindFileContainingSymbol(SERVICE)
    ours = descriptor_pb2.FileDescriptorProto()
    node_pb2.DESCRIPTOR.CopyToProto(ours)
    assert told == ours
    assert database.FindFileByName(ours.dependency[0]).name == "federation/v1/envelope.proto"
    with pytest.raises(KeyError):
        database.FindFileContainingSymbol("federation.v1.Nobody")


def test_a_caller_may_ask_on_in_one_call(channel: grpc.Channel) -> None:
    named = Request(file_containing_symbol=SERVICE).SerializeToString()
    kinds = [reply.WhichOneof("message_response") for reply in talk(channel, LIST, named, LIST)]
    assert kinds == [
        "list_services_response",
        "file_descriptor_response",
        "list_services_response",
    ]
    assert talk(channel) == []


def test_it_is_off_unless_set() -> None:
    with serving(described=False) as running, calling(running) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            talk(channel, LIST)
        assert cast("grpc.Call", caught.value).code() is grpc.StatusCode.UNIMPLEMENTED
        say: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{SERVICE}/Say")
        assert say(b"", timeout=10) == b""


def test_only_the_manifest_s_parties_may_ask() -> None:
    with serving(described=True) as running, calling(running, STRANGER) as channel:
        assert refused(channel, LIST) == "WRONG_PARTY"


def test_without_a_certificate_there_is_no_connection() -> None:
    credentials = grpc.ssl_channel_credentials(CA.certificate)
    name = ("grpc.ssl_target_name_override", tls_name("tax"))
    with (
        serving(described=True) as running,
        grpc.secure_channel(f"127.0.0.1:{running.port}", credentials, [name]) as channel,
    ):
        assert refused(channel, LIST) == "PEER_UNREACHABLE"


def test_what_is_not_canonical_is_refused(channel: grpc.Channel) -> None:
    assert refused(channel, b"\xff") == "MALFORMED"
    assert refused(channel, LIST + LIST) == "MALFORMED"
    assert refused(channel, Request(host="x" * 1_024).SerializeToString()) == "OVERSIZE"


def test_a_caller_who_holds_calls_open_is_cut_off() -> None:
    never = Event()

    def silent() -> Iterator[bytes]:
        yield LIST
        never.wait(30)

    with serving(described=True) as running, calling(running) as channel:
        ask: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(PATH)
        held = [ask(silent(), timeout=30) for _ in range(CALLS_A_PARTY)]
        for call in held:
            next(call)
        assert refused(channel, LIST) == "TOO_MANY_CALLS"
        for call in held:
            with pytest.raises(grpc.RpcError) as caught:
                next(call)
            assert cast("grpc.Call", caught.value).code() is grpc.StatusCode.CANCELLED
        never.set()
        assert len(talk(channel, LIST)) == 1


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.sampled_from(
    [SERVICE, f"{SERVICE}.Ask", "federation.v1.Header", "federation/v1/node.proto"]
)
extensions = st.builds(
    reflection_pb2.ExtensionRequest,
    containing_type=names,
    extension_number=st.integers(-(2**31), 2**31 - 1),
)
questions = st.one_of(
    st.builds(Request, host=names),
    st.builds(Request, list_services=names),
    st.builds(Request, file_by_filename=names),
    st.builds(Request, file_containing_symbol=names),
    st.builds(Request, file_containing_extension=extensions),
    st.builds(Request, all_extension_numbers_of_type=names),
)


@given(questions)
def test_every_question_has_an_answer(question: Any) -> None:
    answer = reflection.handler(SERVICES)
    reply = Reply.FromString(answer("coordinator", question.SerializeToString()))
    assert reply.WhichOneof("message_response")
    assert reply.original_request == question


@given(st.binary(max_size=60))
def test_garbage_is_refused_or_read(data: bytes) -> None:
    with suppress(PeerFault):
        reflection.handler(SERVICES)("coordinator", data)
