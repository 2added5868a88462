"""Signed batches: what was signed opens, and nothing else does."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import envelope, merkle
from crypto.keys import SigningKey
from federation import exchange, limits
from federation.errors import PeerFault
from federation.exchange import Header, SaltedItem
from federation.wire import codec, signed
from federation.wire.codec import SignedBatch
from federation.wire.signed import Opened

NOW = 1_795_000_000
ASKER = SigningKey.from_seed(b"a" * 32)
NODE = SigningKey.from_seed(b"n" * 32)
KEYS = {ASKER.kid: ASKER.verify_key}
NODE_KEYS = {NODE.kid: NODE.verify_key}
HEADER = Header(
    method=exchange.ASK,
    sender="coordinator",
    audience="tax",
    qid=b"q" * 16,
    issued=NOW,
    expires=NOW + limits.REQUEST_LIFE,
    n=0,
    root=signed.UNSET_ROOT,
)
items = st.lists(st.binary(max_size=20), max_size=9)


def _batch(wanted: list[bytes], key: SigningKey = ASKER, header: Header = HEADER) -> SignedBatch:
    return signed.sign(signed.prepare(header, wanted), key, (b"presentation",))


def _open(batch: SignedBatch) -> Opened:
    """Open what went over the wire."""
    received = codec.decode_batch(codec.encode_batch(batch))
    return signed.verify(received, signed.claimed_header(received), KEYS)


def _refuse(batch: SignedBatch, code: str) -> None:
    with pytest.raises(PeerFault, match=code):
        _open(batch)


@given(items)
def test_what_was_signed_opens(wanted: list[bytes]) -> None:
    opened = _open(_batch(wanted))
    assert opened.items == tuple(wanted)
    assert opened.presentations == (b"presentation",)
    assert opened.header.n == len(wanted)
    assert opened.header.root == merkle.root(opened.leaves)
    assert replace(opened.header, n=0, root=signed.UNSET_ROOT) == HEADER


def test_salts_are_fresh_and_hide_equal_items() -> None:
    first, second = (_batch([b"same", b"same"]) for _ in range(2))
    salts = [item.salt for batch in (first, second) for item in batch.items]
    assert len(set(salts)) == 4
    assert len(set(_open(first).leaves)) == 2


def test_the_same_batch_gives_the_same_bytes() -> None:
    unsigned = signed.prepare(HEADER, [b"x"])
    assert signed.sign(unsigned, ASKER) == signed.sign(unsigned, ASKER)


def test_one_item_can_be_shown_without_the_others() -> None:
    opened = _open(_batch([b"mine", b"another's", b"a third's"]))
    path = merkle.inclusion_path(0, opened.leaves)
    merkle.verify_inclusion(opened.leaves[0], 0, opened.header.n, path, opened.header.root)


# ---- what does not open


def test_another_s_signature_does_not_open() -> None:
    _refuse(_batch([b"x"], SigningKey.generate()), "BAD_SIGNATURE sender=coordinator")


def _signatures(batch: SignedBatch, *signatures: envelope.Signature) -> SignedBatch:
    return replace(batch, envelope=replace(batch.envelope, signatures=signatures))


def test_a_signature_under_another_name_does_not_open() -> None:
    batch = _batch([b"x"])
    renamed = replace(batch.envelope.signatures[0], kid="0" * 32)
    _refuse(_signatures(batch, renamed), "BAD_SIGNATURE")


def test_exactly_one_signature_stands_under_a_message() -> None:
    batch, thief = _batch([b"x"]), _batch([b"x"], SigningKey.generate())
    (mine,), (other,) = batch.envelope.signatures, thief.envelope.signatures
    for signatures in ((), (mine, other), (other, mine), (mine, mine)):
        _refuse(_signatures(batch, *signatures), "MALFORMED message=signatures")


@settings(max_examples=30)
@given(st.data())
def test_no_bit_of_the_header_can_be_changed(data: st.DataObject) -> None:
    batch = _batch([b"x"])
    payload = bytearray(batch.envelope.payload)
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= 1 << data.draw(st.integers(0, 7))
    forged = replace(batch, envelope=replace(batch.envelope, payload=bytes(payload)))
    _refuse(forged, "MALFORMED|BAD_SIGNATURE")


def _item(batch: SignedBatch, **change: Any) -> SignedBatch:
    first, *rest = batch.items
    changed = SaltedItem(change.get("salt", first.salt), change.get("item", first.item))
    return replace(batch, items=(changed, *rest))


def test_items_are_those_that_were_signed() -> None:
    batch = _batch([b"x", b"y"])
    for forged in (
        _item(batch, item=b"z"),
        _item(batch, salt=bytes(16)),
        replace(batch, items=batch.items[:1]),
        replace(batch, items=()),
        replace(batch, items=batch.items[::-1]),
        replace(batch, items=(*batch.items, batch.items[0])),
    ):
        _refuse(forged, "ITEMS_DO_NOT_MATCH")


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_salt_has_its_size(size: int) -> None:
    _refuse(_item(_batch([b"x"]), salt=bytes(size)), "MALFORMED message=salt")


def test_a_header_of_another_payload_type_is_not_read() -> None:
    payload = signed.prepare(HEADER, []).payload
    other = envelope.sign(payload, "application/other", ASKER)
    _refuse(SignedBatch(other, ()), "MALFORMED message=payload type")


def test_a_header_that_lies_about_the_count_does_not_open() -> None:
    unsigned = signed.prepare(HEADER, [b"x"])
    lie = replace(codec.decode_header(unsigned.payload), n=2)
    forged = signed.sign(replace(unsigned, payload=codec.encode_header(lie)), ASKER)
    _refuse(forged, "ITEMS_DO_NOT_MATCH")


# ---- answers

ASKED = codec.decode_header(signed.prepare(HEADER, [b"x"]).payload)
ANSWER = Header(
    method=exchange.ASK,
    sender="tax",
    audience="coordinator",
    qid=ASKED.qid,
    issued=NOW,
    expires=NOW + 60,
    n=0,
    root=signed.UNSET_ROOT,
    request_hash=hashlib.sha256(codec.encode_header(ASKED)).digest(),
)


def test_an_answer_to_the_request_opens() -> None:
    opened = signed.open_answer(_batch([b"yes"], NODE, ANSWER), ASKED, NODE_KEYS)
    assert opened.items == (b"yes",)
    assert opened.digest == hashlib.sha256(codec.encode_header(opened.header)).digest()


@pytest.mark.parametrize(
    "change",
    [
        {"sender": "bank_a"},
        {"audience": "stranger"},
        {"method": exchange.ISSUE_TOKENS},
        {"qid": bytes(16)},
        {"request_hash": b""},
        {"request_hash": bytes(32)},
        {"schema": 2},
    ],
    ids=str,
)
def test_an_answer_to_something_else_is_refused(change: dict[str, Any]) -> None:
    batch = _batch([b"yes"], NODE, replace(ANSWER, **change))
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        signed.open_answer(batch, ASKED, NODE_KEYS)


@pytest.mark.parametrize("answers", [[], [b"yes", b"no"]])
def test_an_answer_with_more_or_fewer_items_is_refused(answers: list[bytes]) -> None:
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        signed.open_answer(_batch(answers, NODE, ANSWER), ASKED, NODE_KEYS)


def test_an_answer_by_another_key_is_refused() -> None:
    with pytest.raises(PeerFault, match="BAD_SIGNATURE"):
        signed.open_answer(_batch([b"yes"], ASKER, ANSWER), ASKED, NODE_KEYS)
