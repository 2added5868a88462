"""Receipts and proofs as bytes: one spelling, caps, and where a part lies."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.envelope import Envelope, Signature
from federation import limits
from federation.errors import PeerFault
from federation.exchange import SaltedItem
from federation.receipt import DocumentName, LogProof, ProvenItem, Receipt
from federation.v1 import node_pb2, receipt_pb2
from federation.wire import receipt_messages
from federation.wire.receipt_messages import Proved, places, span

ITEM = ProvenItem(
    envelope=Envelope(
        payload=b"header", payload_type="type", signatures=(Signature(kid="k", sig=b"s"),)
    ),
    index=1,
    item=SaltedItem(b"s" * 16, b"item"),
    path=(b"p" * 32, b"q" * 32),
)
LOG = LogProof(record=b"record", salt=b"t" * 16, proof=b"proof")
NAME = DocumentName(version=3, digest=b"d" * 32)
PLAIN = Receipt(
    request=ITEM,
    answer=replace(ITEM, index=0, path=()),
    consent=b"c" * 32,
    presentation=b"token~",
    log=LOG,
    manifest=NAME,
    policy=replace(NAME, version=0),
    status_lists=(b"one", b"two"),
)
digests = st.binary(min_size=32, max_size=32)
salts = st.binary(min_size=16, max_size=16)
items = st.builds(
    ProvenItem,
    envelope=st.builds(
        Envelope,
        payload=st.binary(max_size=50),
        payload_type=st.text(max_size=9),
        signatures=st.tuples(
            st.builds(Signature, kid=st.text(max_size=9), sig=st.binary(max_size=64))
        ),
    ),
    index=st.integers(0, 2**32 - 1),
    item=st.builds(SaltedItem, salts, st.binary(max_size=50)),
    path=st.lists(digests, max_size=10).map(tuple),
)
logs = st.builds(LogProof, record=st.binary(max_size=50), salt=salts, proof=st.binary(max_size=50))
names = st.builds(DocumentName, version=st.integers(0, 2**32 - 1), digest=digests)
receipts = st.builds(
    Receipt,
    request=items,
    answer=items,
    consent=digests,
    log=logs,
    manifest=names,
    policy=names,
    presentation=st.binary(max_size=50),
    status_lists=st.lists(st.binary(max_size=20), max_size=6).map(tuple),
)


@given(receipts)
def test_a_receipt_comes_back_the_same(one: Receipt) -> None:
    assert receipt_messages.decode_receipt(receipt_messages.encode_receipt(one)) == one


@given(logs, st.lists(st.binary(max_size=20), max_size=6))
def test_a_proof_comes_back_the_same(log: LogProof, lists: list[bytes]) -> None:
    one = Proved(log=log, status_lists=tuple(lists))
    assert receipt_messages.decode_proved(receipt_messages.encode_proved(one)) == one


def test_the_question_for_a_proof() -> None:
    data = receipt_messages.encode_prove(b"q" * 16)
    assert data == b"\x0a\x10" + b"q" * 16
    assert receipt_messages.decode_prove(data) == b"q" * 16


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "MALFORMED"),
        (b"\x0a\x0f" + b"q" * 15, "MALFORMED"),
        (b"\x0a\x10" + b"q" * 16 + b"\x10\x01", "MALFORMED"),
        (b"\x0a\x40" + b"q" * 64, "OVERSIZE"),
    ],
)
def test_another_question_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(PeerFault) as caught:
        receipt_messages.decode_prove(data)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "message",
    [
        node_pb2.Proved(),
        node_pb2.Proved(log=receipt_pb2.LogProof(salt=b"s" * 15)),
        node_pb2.Proved(log=receipt_pb2.LogProof(salt=b"s" * 16), status_lists=[b"x"] * 7),
        node_pb2.Proved(
            log=receipt_pb2.LogProof(salt=b"s" * 16, record=bytes(limits.ENTRY_BYTES + 1))
        ),
        node_pb2.Proved(
            log=receipt_pb2.LogProof(salt=b"s" * 16, proof=bytes(limits.PROOF_BYTES + 1))
        ),
    ],
)
def test_another_proof_is_refused(message: Any) -> None:
    with pytest.raises(PeerFault) as caught:
        receipt_messages.decode_proved(message.SerializeToString())
    assert caught.value.code == "MALFORMED"


def message() -> receipt_pb2.Receipt:
    return receipt_pb2.Receipt.FromString(receipt_messages.encode_receipt(PLAIN))


def changed(part: str, **values: Any) -> bytes:
    one = message()
    target: Any = one
    for name in filter(None, part.split(".")):
        target = getattr(target, name)
    for name, value in values.items():
        if isinstance(value, list):
            target.ClearField(name)
            getattr(target, name).extend(value)
        else:
            setattr(target, name, value)
    return one.SerializeToString(deterministic=True)


def without(*parts: str) -> bytes:
    one = message()
    target: Any = one
    for name in parts[:-1]:
        target = getattr(target, name)
    target.ClearField(parts[-1])
    return one.SerializeToString(deterministic=True)


WRONG = {
    "format": [changed("", format=2), without("format")],
    "request": [
        without("request"),
        without("request", "envelope"),
        without("request", "item"),
        without("request", "envelope", "signatures"),
        changed("request.item", salt=b"s" * 15),
        changed("request", path=b"p" * 33),
        changed("request", path=b"p" * 32 * 11),
    ],
    "answer": [without("answer"), changed("answer.item", salt=b"")],
    "consent": [without("consent"), changed("", consent=b"c" * 31)],
    "presentation": [changed("", presentation=bytes(limits.TOKEN_BYTES + 1))],
    "log": [
        without("log"),
        changed("log", salt=b"t" * 17),
        changed("log", record=bytes(limits.ENTRY_BYTES + 1)),
        changed("log", proof=bytes(limits.PROOF_BYTES + 1)),
    ],
    "manifest": [without("manifest"), changed("manifest", digest=b"d" * 31)],
    "policy": [without("policy"), changed("policy", digest=b"")],
    "status_lists": [changed("", status_lists=[b"x"] * 7)],
}


@pytest.mark.parametrize(
    ("part", "data"), [(part, data) for part, all_ in WRONG.items() for data in all_]
)
def test_what_a_receipt_cannot_be(part: str, data: bytes) -> None:
    with pytest.raises(PeerFault) as caught:
        receipt_messages.decode_receipt(data)
    assert caught.value.code == "RECEIPT_MALFORMED"
    first, last = map(int, str(caught.value.details["bytes"]).split("-"))
    there = places(data).get(part)
    if there:
        assert first < there[1]
        assert there[0] <= last


DATA = receipt_messages.encode_receipt(PLAIN)


@pytest.mark.parametrize(
    "data",
    [
        DATA + b"\x50\x01",
        DATA + b"\x53",
        DATA + b"\x08",
        DATA + b"\xff" * 12,
        DATA[:2] + DATA,
        DATA[2:] + DATA[:2],
        b"\x08\x81\x00" + DATA[2:],
        b"\x08\x01" + DATA,
        DATA[:-1],
    ],
)
def test_another_spelling_is_refused(data: bytes) -> None:
    with pytest.raises(PeerFault) as caught:
        receipt_messages.decode_receipt(data)
    assert caught.value.code == "RECEIPT_MALFORMED"


def test_a_receipt_that_is_too_large_is_refused() -> None:
    with pytest.raises(PeerFault) as caught:
        receipt_messages.decode_receipt(bytes(limits.RECEIPT_BYTES + 1))
    assert (caught.value.code, caught.value.details["why"]) == ("RECEIPT_MALFORMED", "OVERSIZE")


def test_where_the_parts_lie() -> None:
    found = places(DATA)
    assert list(found) == [one.name for one in receipt_pb2.Receipt.DESCRIPTOR.fields]
    edges = [edge for pair in found.values() for edge in pair]
    assert (edges[0], edges[-1]) == (0, len(DATA))
    assert edges[1:-1:2] == edges[2::2]
    first, stop = found["presentation"]
    assert DATA[first:stop] == b"\x2a\x06token~"
    first, stop = found["status_lists"]
    assert DATA[first:stop] == b"\x4a\x03one\x4a\x03two"


def test_bytes_are_named_by_the_first_and_the_last() -> None:
    assert (span(0, 1), span(3, 10), span(5, 5)) == ("0-0", "3-9", "5-5")
