"""No message between the parties says who is meant or what a register holds.

The recorder sees every message before encryption, at both of its ends. The scanner that finds
nothing in them finds every kind of leak that is planted into a copy of one.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from typing import Final

import pytest

from crypto import labels, oprf
from federation.exchange import (
    ASK,
    COMPARE,
    CONTRIBUTE,
    EVALUATE,
    ISSUE_TOKENS,
    REVOKE_CONSENT,
    TEST,
)
from federation.v1 import envelope_pb2, node_pb2, registrar_pb2
from federation.v1.envelope_pb2 import SignedBatch
from federation.wire import codec
from federation.wire.description import DESCRIBE
from federation.wire.log_messages import READ
from federation.wire.receipt_messages import PROVE, PROVE_SUM
from hedui.demo.stage import TALLY, WITNESSES
from tests.scenarios import forbidden, recording
from tests.scenarios.forbidden import Kind
from tests.scenarios.leak import Scanner
from tests.scenarios.played import REGISTRAR, Played
from tests.scenarios.recording import CARRIES_IDENTITY, POLLED, Message, count

LI: Final = "79030219680504013X"
NAME: Final = "李示和"
BILL: Final = 4_310_050
"""One of Li's medical bills, in fen."""


@pytest.fixture(scope="module")
def messages(demo: Played) -> list[Message]:
    assert demo.record
    return recording.read(demo.record)


@pytest.fixture(scope="module")
def scanner(demo: Played) -> Scanner:
    return Scanner(forbidden.of(demo), demo.manifest.issued)


def test_everything_that_was_sent_was_recorded(demo: Played, messages: list[Message]) -> None:
    methods = {ASK, CARRIES_IDENTITY, ISSUE_TOKENS, REVOKE_CONSENT, EVALUATE, *POLLED}
    methods |= {PROVE, READ, CONTRIBUTE, COMPARE, TEST, PROVE_SUM}
    assert {one.method for one in messages} - {DESCRIBE} == methods
    assert {one.party for one in messages} == set(demo.manifest.parties)
    asked = {one.data for one in messages if one.method == ASK and one.request}
    answered = {one.data for one in messages if one.method == ASK and not one.request}
    assert asked >= {one.request for one in demo.exchanges}
    assert answered >= {one.receipt for one in demo.exchanges}
    summed = {one.data for one in messages if one.method in {CONTRIBUTE, COMPARE, TEST}}
    assert summed >= {one.request for one in demo.messages} | {one.receipt for one in demo.messages}


def test_every_query_a_node_answered_was_recorded_there(
    demo: Played, messages: list[Message]
) -> None:
    for node in demo.nodes:
        recorded = {
            codec.decode_header(codec.decode_batch(one.data).envelope.payload).qid
            for one in messages
            if one.party == node and one.method in {ASK, CONTRIBUTE} and not one.request
        }
        assert recorded == {qid for (qid,) in demo.node(node, "SELECT qid FROM answered")}


@pytest.mark.parametrize("request_", [True, False], ids=["requests", "replies"])
def test_both_ends_recorded_the_same(messages: list[Message], request_: bool) -> None:
    sent = count(messages, request=request_, received=False)
    received = count(messages, request=request_, received=True)
    assert not received - sent, "something arrived that nobody was seen to send"
    assert {one.method for one in sent - received} <= POLLED, "something was lost on its way"


def test_no_message_holds_an_identity_or_an_amount(
    scanner: Scanner, messages: list[Message]
) -> None:
    scanned = [one for one in messages if not one.exempt]
    assert {one.method for one in scanned} >= {CARRIES_IDENTITY}, "its receipts name nobody"
    assert scanner.scan(scanned) == set()


def test_the_one_message_that_names_people_was_recorded(
    demo: Played, scanner: Scanner, messages: list[Message]
) -> None:
    exempt = [one for one in messages if one.exempt]
    assert {Kind.ID, Kind.NAME} <= {found.kind for found in scanner.scan(exempt)}
    everything = b"".join(one.data for one in exempt)
    for number, name in demo.books("SELECT id_number, name FROM person"):
        assert number.encode() in everything
        assert name.encode() in everything


def test_no_process_wrote_an_identity_into_its_log(demo: Played, scanner: Scanner) -> None:
    logs = [*(demo.home / "logs").iterdir()]
    assert len(logs) == len(demo.nodes) + len({REGISTRAR, TALLY, *WITNESSES})
    texts = [file.read_bytes() for file in logs] + [demo.out.encode(), demo.err.encode()]
    assert [found for text in texts for found in scanner.search(text)] == []


Plant = Callable[[SignedBatch], None]


def _text(text: str) -> Plant:
    """Hide a text in the one free word of a question."""

    def plant(batch: SignedBatch) -> None:
        question = node_pb2.Question.FromString(batch.items[0].item)
        question.parameter = text
        batch.items[0].item = question.SerializeToString()

    return plant


def _bytes(data: bytes) -> Plant:
    """Hide bytes where random ones are expected."""

    def plant(batch: SignedBatch) -> None:
        question = node_pb2.Question.FromString(batch.items[-1].item)
        question.case_ref = data + question.case_ref[len(data) :]
        batch.items[-1].item = question.SerializeToString()

    return plant


def _field(tail: bytes) -> Plant:
    """Append a field that no message of the protocol has."""

    def plant(batch: SignedBatch) -> None:
        batch.items[0].item += tail

    return plant


def _header(text: str) -> Plant:
    def plant(batch: SignedBatch) -> None:
        header = envelope_pb2.Header.FromString(batch.envelope.payload)
        header.audience = text
        batch.envelope.payload = header.SerializeToString()

    return plant


def _disclosure(value: object) -> Plant:
    """Hide a value in one more disclosure of a consent token."""

    def plant(batch: SignedBatch) -> None:
        words = json.dumps([_random(16), {"predicate": "P55", "note": value}]).encode()
        batch.presentations[0] += base64.urlsafe_b64encode(words).rstrip(b"=") + b"~"

    return plant


def _claim(value: object) -> Plant:
    """Hide a value among the claims of a consent token."""

    def plant(batch: SignedBatch) -> None:
        head, payload, rest = batch.presentations[0].split(b".", 2)
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=="))
        claims["household"]["note"] = value
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
        batch.presentations[0] = b".".join([head, payload, rest])

    return plant


def _random(size: int) -> str:
    digest = hashlib.shake_128(b"salt").digest(size)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _base64(data: bytes, before: int) -> str:
    """Write bytes as base64 at an alignment, in the middle of other bytes."""
    return base64.b64encode(b"\xfb" * before + data + b"\xff").decode().rstrip("=")


def _varint(number: int, field: int) -> bytes:
    out, rest = bytes([field << 3 & 0x7F | 0x80, field >> 4]), number
    while rest > 0x7F:
        out, rest = out + bytes([rest & 0x7F | 0x80]), rest >> 7
    return out + bytes([rest])


PLANTED = {
    "id": (_text(LI), Kind.ID),
    "id, lower case": (_text(LI.lower()), Kind.ID),
    "id, no check digit": (_bytes(LI[:17].encode()), Kind.ID),
    "id, 15 digits": (_header(LI[:6] + LI[8:17]), Kind.ID),
    "id, backwards": (_text(LI[::-1]), Kind.ID),
    "id, UTF-16": (_bytes(LI[:14].encode("utf-16-le")[:28] + LI[14:].encode("utf-16-le")), Kind.ID),
    "id, hex": (_text(LI.encode().hex()), Kind.ID),
    "id, HEX after a digit": (_text("7" + LI.encode().hex().upper()), Kind.ID),
    "id, base64": (_text(_base64(LI.encode(), 0)), Kind.ID),
    "id, base64 at alignment 1": (_text(_base64(LI.encode(), 1)), Kind.ID),
    "id, base64 at alignment 2": (_header("k" + _base64(LI.encode(), 2)), Kind.ID),
    "id, base64url among other letters": (
        _text("xy" + _base64(LI.encode(), 2).replace("+", "-")),
        Kind.ID,
    ),
    "id, in a claim": (_claim(LI), Kind.ID),
    "id, in a disclosure": (_disclosure(LI), Kind.ID),
    "id, base64 in a disclosure": (_disclosure(_base64(LI.encode(), 2)), Kind.ID),
    "id, zlib in a disclosure": (
        _disclosure(base64.urlsafe_b64encode(zlib.compress(LI.encode())).decode()),
        Kind.ID,
    ),
    "name": (_text(NAME), Kind.NAME),
    "name, GBK": (_bytes(NAME.encode("gbk")), Kind.NAME),
    "name, UTF-16": (_bytes(NAME.encode("utf-16-be")), Kind.NAME),
    "name, base64 of GBK": (_header(_base64(NAME.encode("gbk"), 1)), Kind.NAME),
    "name, escaped in a disclosure": (_disclosure(NAME), Kind.NAME),
    "name, percent-encoded": (_text("%E6%9D%8E%E7%A4%BA%E5%92%8C"), Kind.NAME),
    "md5": (_bytes(hashlib.md5(LI.encode(), usedforsecurity=False).digest()), Kind.HASH),
    "sha256, hex": (_text(hashlib.sha256(LI.encode()).hexdigest()), Kind.HASH),
    "sha256, HEX": (_text(hashlib.sha256(LI.encode()).hexdigest().upper()), Kind.HASH),
    "sha256 of id and name, base64url": (
        _claim(base64.urlsafe_b64encode(hashlib.sha256((LI + NAME).encode()).digest()).decode()),
        Kind.HASH,
    ),
    "sha1 of name|id, truncated": (
        _bytes(hashlib.sha1(f"{NAME}|{LI}".encode(), usedforsecurity=False).digest()[:16]),
        Kind.HASH,
    ),
    "sha512 of a name in GBK, hex in a disclosure": (
        _disclosure(hashlib.sha512(NAME.encode("gbk")).hexdigest()[:32]),
        Kind.HASH,
    ),
    "sha3-256 of 15 digits": (
        _bytes(hashlib.sha3_256((LI[:6] + LI[8:17]).encode()).digest()),
        Kind.HASH,
    ),
    "blake2b of lower case": (
        _bytes(hashlib.blake2b(LI.lower().encode()).digest()[:32]),
        Kind.HASH,
    ),
    "sha256 of the pseudonym's input": (
        _bytes(hashlib.sha256(labels.id_input(LI)).digest()),
        Kind.HASH,
    ),
    "element that nobody blinded": (_bytes(oprf.hash_to_group(labels.id_input(LI))), Kind.HASH),
    "amount, unknown varint": (_field(_varint(BILL, 19)), Kind.AMOUNT),
    "amount, text in yuan": (_text("43100.50"), Kind.AMOUNT),
    "amount, text with commas": (_header("pay-43,100.50"), Kind.AMOUNT),
    "amount, text in fen": (_text(f"fen {BILL}"), Kind.AMOUNT),
    "amount, unknown text": (_field(b"\xba\x01\x0743100.5"), Kind.AMOUNT),
    "amount, in a claim": (_claim(BILL), Kind.AMOUNT),
    "amount, in yuan in a claim": (_claim(43100.5), Kind.AMOUNT),
    "amount, in a disclosure": (_disclosure({"deep": [BILL]}), Kind.AMOUNT),
    "amount, text in a disclosure": (_disclosure("43100.50 yuan"), Kind.AMOUNT),
}


@pytest.mark.parametrize(("plant", "kind"), PLANTED.values(), ids=PLANTED)
def test_a_leak_in_a_request_is_found(
    scanner: Scanner, messages: list[Message], plant: Plant, kind: Kind
) -> None:
    _found(scanner, _first(messages, request=True), plant, {kind})


def _answer_value(batch: SignedBatch) -> None:
    answer = node_pb2.Answer.FromString(batch.items[0].item)
    answer.value = BILL
    batch.items[0].item = answer.SerializeToString()


def _answer_date(batch: SignedBatch) -> None:
    answer = node_pb2.Answer.FromString(batch.items[0].item)
    answer.as_of = BILL
    batch.items[0].item = answer.SerializeToString()


def _answer_pad(batch: SignedBatch) -> None:
    answer = node_pb2.Answer.FromString(batch.items[0].item)
    answer.pad = NAME.encode("gbk") + answer.pad[6:]
    batch.items[0].item = answer.SerializeToString()


REPLIES = {
    "amount as an answer's value": (_answer_value, Kind.AMOUNT),
    "amount as an answer's date": (_answer_date, Kind.AMOUNT),
    "name in an answer's padding": (_answer_pad, Kind.NAME),
}


@pytest.mark.parametrize(("plant", "kind"), REPLIES.values(), ids=REPLIES)
def test_a_leak_in_an_answer_is_found(
    scanner: Scanner, messages: list[Message], plant: Plant, kind: Kind
) -> None:
    _found(scanner, _first(messages, request=False), plant, {kind})


@pytest.mark.skipif("sm3" not in hashlib.algorithms_available, reason="this OpenSSL has no SM3")
def test_sm3_is_found(scanner: Scanner, messages: list[Message]) -> None:
    plant = _bytes(hashlib.new("sm3", LI.encode()).digest())
    _found(scanner, _first(messages, request=True), plant, {Kind.HASH})


def test_a_leak_in_an_issued_token_is_found(scanner: Scanner, messages: list[Message]) -> None:
    clean = next(one for one in messages if one.method == ISSUE_TOKENS and not one.request)

    def plant(batch: SignedBatch) -> None:
        issued = registrar_pb2.IssuedTokens.FromString(batch.items[0].item)
        hidden = SignedBatch(presentations=[issued.tokens[0].token])
        _disclosure([BILL, LI])(hidden)
        issued.tokens[0].token = hidden.presentations[0]
        batch.items[0].item = issued.SerializeToString()

    _found(scanner, clean, plant, {Kind.ID, Kind.AMOUNT})


def _first(messages: list[Message], *, request: bool) -> Message:
    """Choose a real question, or answer, to plant a leak into."""
    return next(one for one in messages if one.method == ASK and one.request is request)


def _found(scanner: Scanner, clean: Message, plant: Plant, kinds: set[Kind]) -> None:
    """Plant a leak into a copy of a message that is clean, and look for it."""
    assert not scanner.scan([clean])
    batch = SignedBatch.FromString(clean.data)
    plant(batch)
    data = batch.SerializeToString()
    leaking = Message(clean.party, clean.method, clean.request, clean.received, data)
    assert {found.kind for found in scanner.scan([leaking])} == kinds
