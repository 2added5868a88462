"""Whoever is not who the manifest says gets nothing from a running node; a kill changes nothing."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import grpc
import pytest

from coordinator.asking.requests import read_reply
from federation import certificates
from federation.errors import HeduiError, PeerFault
from federation.exchange import ASK
from federation.manifest import PartyRole
from federation.wire import codec, signed
from federation.wire.channel import TlsIdentity, tls_name
from federation.wire.status import to_status
from tests.scenarios.played import CENTRE, REGISTRAR, Played, command, environment
from tests.scenarios.revived import NODE, TIMEOUT, Town, revived

MOMENTS: Final = (0.2, 0.5, 0.8)
"""When to kill, as shares of the time that an answer takes; once more when it is just durable."""


@pytest.fixture(scope="module")
def town(demo: Played, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Start the registrar and one node again."""
    with revived(demo, tmp_path_factory.mktemp("strangers")) as town:
        yield town


def refused(town: Town, tls: TlsIdentity, request: bytes) -> str:
    """Send a request that must not be answered and give the code that came back."""
    before = town.played.node(NODE, "SELECT count(*) FROM log"), town.uses()
    with pytest.raises(HeduiError) as caught:
        town.send(tls, request)
    assert (town.played.node(NODE, "SELECT count(*) FROM log"), town.uses()) == before
    with pytest.raises(HeduiError) as heard:
        town.send(town.centre.tls, b"")
    assert heard.value.code == "MALFORMED", "the node is there, and hears whom it knows"
    return caught.value.code


def call(channel: grpc.Channel, request: bytes) -> grpc.Call:
    """Ask over a channel that is not the program's own, and give what the refusal says."""
    ask: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{ASK}")
    with pytest.raises(grpc.RpcError) as caught:
        ask(request, timeout=TIMEOUT)
    assert isinstance(caught.value, grpc.Call)
    return caught.value


def test_the_centre_itself_is_answered(town: Town) -> None:
    request = town.request()
    reply = read_reply(
        request, town.send(town.centre.tls, request), town.centre.manifest.party(NODE).keys
    )
    assert len(reply.answers) > 200
    assert reply.refused == 0


def test_a_certificate_of_another_authority(town: Town) -> None:
    strange = certificates.make_authority("demo-city", town.now, 10)
    tls = certificates.issue(strange, CENTRE, town.now, 10)
    assert refused(town, tls, town.request()) == "PEER_UNREACHABLE"


def test_a_certificate_that_has_expired(town: Town) -> None:
    tls = certificates.issue(town.authority(), CENTRE, town.now - 10 * 86_400, 5)
    assert certificates.expires(tls.certificate) < town.now
    assert refused(town, tls, town.request()) == "PEER_UNREACHABLE"


def test_a_certificate_that_the_manifest_does_not_list(town: Town) -> None:
    tls = certificates.issue(town.authority(), CENTRE, town.now, 5)
    assert refused(town, tls, town.request()) == "WRONG_PARTY"


@pytest.mark.parametrize("encrypted", [True, False], ids=["without a certificate", "without TLS"])
def test_a_caller_who_shows_nothing(town: Town, encrypted: bool) -> None:
    node = town.centre.manifest.party(NODE)
    credentials = grpc.ssl_channel_credentials(root_certificates=town.centre.manifest.ca)
    options = [("grpc.ssl_target_name_override", tls_name(NODE))]
    channel = (
        grpc.secure_channel(node.endpoint, credentials, options)
        if encrypted
        else grpc.insecure_channel(node.endpoint)
    )
    with channel:
        assert call(channel, town.request()).code() is grpc.StatusCode.UNAVAILABLE


def test_a_department_that_sends_what_the_centre_signed(town: Town) -> None:
    bank = town.party("bank_a", PartyRole.NODE)
    assert refused(town, bank.tls, town.request()) == "WRONG_PARTY"


def test_a_department_that_asks_by_itself(town: Town) -> None:
    bank = town.party("bank_a", PartyRole.NODE)
    batch = codec.decode_batch(town.request())
    header = replace(signed.claimed_header(batch), sender=bank.id, qid=os.urandom(16))
    unsigned = signed.prepare(header, [one.item for one in batch.items])
    request = codec.encode_batch(signed.sign(unsigned, bank.key, batch.presentations))
    assert refused(town, bank.tls, request) == "PARTY_UNKNOWN"


def test_a_department_that_calls_itself_the_centre(town: Town) -> None:
    bank = town.party("bank_a", PartyRole.NODE)
    batch = codec.decode_batch(town.request())
    unsigned = signed.prepare(signed.claimed_header(batch), [one.item for one in batch.items])
    request = codec.encode_batch(signed.sign(unsigned, bank.key, batch.presentations))
    assert refused(town, town.centre.tls, request) == "BAD_SIGNATURE"


def test_a_refusal_on_the_wire_is_its_code_and_nothing_else(town: Town) -> None:
    bank = town.party("bank_a", PartyRole.NODE)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=town.centre.manifest.ca,
        private_key=bank.tls.key,
        certificate_chain=bank.tls.certificate,
    )
    options = [("grpc.ssl_target_name_override", tls_name(NODE))]
    endpoint = town.centre.manifest.party(NODE).endpoint
    with grpc.secure_channel(endpoint, credentials, options) as channel:
        caught = call(channel, town.request())
    assert caught.details() == "WRONG_PARTY"
    expected = to_status(PeerFault("WRONG_PARTY")).SerializeToString()
    assert dict(caught.trailing_metadata() or ()) == {"grpc-status-details-bin": expected}


@pytest.mark.parametrize(
    "words",
    [("node", "serve", NODE), ("node", "enrol", NODE), ("registrar", "serve", REGISTRAR)],
    ids=["node serve", "node enrol", "registrar serve"],
)
def test_a_second_process_on_a_data_folder(town: Town, words: tuple[str, str, str]) -> None:
    party, verb, name = words
    folder = str(town.played.folder(name))
    second = subprocess.run(
        command(party, verb, "--folder", folder, "--json"),
        check=False,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 2
    assert json.loads(second.stderr)["error"] == "DATA_FOLDER_IN_USE"
    request = town.request()
    assert town.send(town.centre.tls, request), "the first goes on answering"


def test_killed_in_mid_answer_a_node_gives_one_answer(town: Town) -> None:
    usual = _seconds(town)
    interrupted = 0
    for share in (*MOMENTS, None):
        request, before = town.request(), town.uses()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(town.send, town.centre.tls, request)
            _wait(town, None if share is None else share * usual, first)
            town.troupe.kill(NODE)
        list(town.troupe.ready())
        again = town.send(town.centre.tls, request)
        assert town.send(town.centre.tls, request) == again
        if first.exception() is None:
            assert first.result() == again, "what had left before is what is repeated"
        else:
            assert isinstance(first.exception(), HeduiError)
            interrupted += 1
        _check_once(town, request, again, before)
    assert interrupted, "no kill came in time"


def _seconds(town: Town) -> float:
    """Measure how long an answer takes here and now."""
    request = town.request()
    began = time.monotonic()
    town.send(town.centre.tls, request)
    return time.monotonic() - began


def _wait(town: Town, seconds: float | None, first: Future[bytes]) -> None:
    """Wait a while, or until the answer is durable and has hardly left."""
    if seconds is not None:
        time.sleep(seconds)
        return
    entries = town.played.node(NODE, "SELECT max(seq) FROM log")
    while town.played.node(NODE, "SELECT max(seq) FROM log") == entries and not first.done():
        time.sleep(0.001)


def _check_once(
    town: Town, request: bytes, reply: bytes, before: dict[tuple[bytes, str], int]
) -> None:
    """The answer stands in the log once, and every question of it was counted once."""
    payload = codec.decode_batch(request).envelope.payload
    entries = [row.entry for row in town.played.log(NODE) if row.entry.request == payload]
    assert [one.answer for one in entries] == [codec.decode_batch(reply).envelope.payload]
    answered = read_reply(request, reply, town.centre.manifest.party(NODE).keys)
    assert answered.refused == 0
    grown = {key: used - before.get(key, 0) for key, used in town.uses().items()}
    counted = {key: n for key, n in grown.items() if n and " " in key[1]}
    assert len(counted) == len(answered.answers)
    assert set(counted.values()) == {1}
