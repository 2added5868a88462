"""Every message of an exchange: there and back, and nothing that is not canonical."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.envelope import Envelope, Signature
from federation import limits
from federation.errors import PeerFault
from federation.exchange import Answer, Header, Outcome, Question, Refusal, SaltedItem, Scope
from federation.ledger import LedgerEntry
from federation.v1 import node_pb2
from federation.wire import codec
from federation.wire.codec import SignedBatch

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
u32 = st.integers(0, 2**32 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)
number = st.integers(0, limits.ANSWER_NUMBER)
day = st.integers(0, 99_991_231)


def _bytes(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def _tuple(one: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(one, max_size=most).map(tuple)


batches = st.builds(
    SignedBatch,
    st.builds(
        Envelope,
        payload=st.binary(max_size=20),
        payload_type=text,
        signatures=_tuple(st.builds(Signature, kid=text, sig=st.binary(max_size=8))),
    ),
    _tuple(st.builds(SaltedItem, st.binary(max_size=4), st.binary(max_size=4))),
    _tuple(st.binary(max_size=20)),
)
headers = st.builds(
    Header,
    method=text,
    sender=text,
    audience=text,
    qid=_bytes(16),
    issued=i64,
    expires=i64,
    n=u32,
    root=_bytes(32),
    purpose=st.integers(0, 9),
    policy_version=u32,
    request_hash=st.binary(max_size=32),
    status_list_digest=st.binary(max_size=32),
    schema=u32,
)
questions = st.one_of(
    st.builds(
        Question, predicate=text, parameter=text, presentation=_bytes(32), case_ref=_bytes(32)
    ),
    st.builds(Question, predicate=text, parameter=text, jti=_bytes(16), case_ref=_bytes(32)),
)
answers = st.builds(
    Answer,
    outcome=st.sampled_from([one for one in Outcome if one is not Outcome.UNAVAILABLE]),
    value=number,
    refusal=st.sampled_from(Refusal),
    as_of=day,
    scope=st.sampled_from(Scope),
    enrolled_to=day,
    period_from=day,
    period_to=day,
    policy_version=number,
    use_no=number,
)
entries = st.builds(
    LedgerEntry,
    at=i64,
    kind=text,
    caller=text,
    request=st.binary(max_size=9),
    request_signature=st.binary(max_size=9),
    answer=st.binary(max_size=9),
    beside=st.binary(max_size=32),
)
Kind = tuple[st.SearchStrategy[Any], Callable[[Any], bytes], Callable[[bytes], Any]]
KINDS: list[Kind] = [
    (batches, codec.encode_batch, codec.decode_batch),
    (headers, codec.encode_header, codec.decode_header),
    (questions, codec.encode_question, codec.decode_question),
    (answers, codec.encode_answer, codec.decode_answer),
    (entries, codec.encode_entry, codec.decode_entry),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[-1].__name__)
few = settings(max_examples=30)

QUESTION = Question(predicate="P40", presentation=bytes(32), case_ref=bytes(32))
HEADER = Header(
    method="m",
    sender="s",
    audience="a",
    qid=bytes(16),
    issued=1,
    expires=2,
    n=0,
    root=bytes(32),
)
ANSWER = Answer(outcome=Outcome.YES)
BATCH = SignedBatch(Envelope(payload=b"p", payload_type="t", signatures=()), ())


def _refuse(decode: Callable[[bytes], Any], data: bytes, code: str = "MALFORMED") -> None:
    with pytest.raises(PeerFault) as caught:
        decode(data)
    assert caught.value.code == code


@each_kind
@few
@given(data=st.data())
def test_what_is_written_is_read(kind: Kind, data: st.DataObject) -> None:
    strategy, encode, decode = kind
    value = data.draw(strategy)
    assert decode(encode(value)) == value


@each_kind
@few
@given(data=st.data())
def test_an_unknown_field_is_refused(kind: Kind, data: st.DataObject) -> None:
    strategy, encode, decode = kind
    wire = encode(data.draw(strategy))
    for stray in (b"\xfa\x01\x00", b"\xf8\x01\x05", b"\x00", b"\x80"):
        _refuse_any(decode, wire + stray)


def _refuse_any(decode: Callable[[bytes], Any], data: bytes) -> None:
    with pytest.raises(PeerFault, match=r"MALFORMED|OVERSIZE"):
        decode(data)


@each_kind
@few
@given(noise=st.binary(max_size=100))
def test_noise_is_refused_or_means_itself(kind: Kind, noise: bytes) -> None:
    _, encode, decode = kind
    with contextlib.suppress(PeerFault):
        assert encode(decode(noise)) == noise


@each_kind
@few
@given(data=st.data())
def test_one_changed_byte_is_refused_or_means_itself(kind: Kind, data: st.DataObject) -> None:
    strategy, encode, decode = kind
    wire = bytearray(encode(data.draw(strategy)))
    if wire:
        wire[data.draw(st.integers(0, len(wire) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(PeerFault):
        assert encode(decode(bytes(wire))) == bytes(wire)


# ---- canonical form


def _field(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2, len(value)]) + value


def test_fields_in_another_order_are_refused() -> None:
    wire = codec.encode_question(QUESTION)
    presentation, rest = wire[:34], wire[34:]
    assert codec.decode_question(presentation + rest) == QUESTION
    _refuse(codec.decode_question, rest + presentation)


def test_a_scalar_that_stands_twice_is_refused() -> None:
    wire = codec.encode_question(QUESTION)
    twice = wire[:34] + _field(3, b"P41") + wire[34:]
    _refuse(codec.decode_question, twice)


def test_a_default_that_is_written_out_is_refused() -> None:
    wire = codec.encode_question(QUESTION)
    at = wire.index(_field(3, b"P40")) + 5
    _refuse(codec.decode_question, wire[:at] + _field(4, b"") + wire[at:])


def test_a_number_in_too_many_bytes_is_refused() -> None:
    wire = codec.encode_header(HEADER)
    schema = wire.index(b"\x10\x01")
    _refuse(codec.decode_header, wire[:schema] + b"\x10\x81\x00" + wire[schema + 2 :])


def test_a_repeated_message_inside_is_held_to_the_same() -> None:
    inside = _field(1, b"kid") + _field(2, b"sig")
    envelope = _field(1, b"p") + _field(2, b"t") + _field(3, inside)
    assert codec.decode_batch(_field(1, envelope)).envelope.signatures[0].kid == "kid"
    reordered = _field(2, b"sig") + _field(1, b"kid")
    for wrong in (reordered, inside + b"\xfa\x01\x00", inside + _field(1, b"kid")):
        spoiled = _field(1, b"p") + _field(2, b"t") + _field(3, wrong)
        _refuse(codec.decode_batch, _field(1, spoiled))


def test_a_batch_has_an_envelope() -> None:
    _refuse(codec.decode_batch, b"")
    _refuse(codec.decode_batch, _field(3, b"presentation"))


def test_an_envelope_in_two_parts_is_refused() -> None:
    _refuse(codec.decode_batch, _field(1, _field(1, b"p")) + _field(1, _field(2, b"t")))


def test_a_text_is_utf8() -> None:
    _refuse(codec.decode_header, codec.encode_header(HEADER).replace(b"\x0a\x01m", b"\x0a\x01\xff"))


# ---- shape


@pytest.mark.parametrize(
    "change",
    [
        {"presentation": b""},
        {"presentation": bytes(31)},
        {"presentation": bytes(33)},
        {"jti": bytes(16)},
        {"presentation": b"", "jti": bytes(15)},
        {"case_ref": b""},
        {"case_ref": bytes(33)},
    ],
    ids=str,
)
def test_a_question_names_one_consent_and_one_case(change: dict[str, Any]) -> None:
    _refuse(codec.decode_question, codec.encode_question(replace(QUESTION, **change)))


@pytest.mark.parametrize("change", [{"qid": bytes(15)}, {"root": bytes(31)}, {"root": b""}])
def test_a_header_has_its_sizes(change: dict[str, Any]) -> None:
    _refuse(codec.decode_header, codec.encode_header(replace(HEADER, **change)))


@given(answers)
def test_every_answer_has_the_one_size(answer: Answer) -> None:
    assert len(codec.encode_answer(answer)) == limits.ANSWER_ITEM_BYTES


def _answer(**fields: Any) -> bytes:
    """Write an answer of the right size around any fields."""
    message = node_pb2.Answer(**fields)
    message.pad = bytes(limits.ANSWER_ITEM_BYTES - message.ByteSize() - 2)
    return message.SerializeToString(deterministic=True)


def test_padding_is_exact_and_says_nothing() -> None:
    wire = codec.encode_answer(ANSWER)
    assert codec.decode_answer(_answer(outcome=1)) == ANSWER
    _refuse(codec.decode_answer, wire[:-1] + b"\x01")
    short = node_pb2.Answer(outcome=node_pb2.Outcome.YES, pad=bytes(10))
    _refuse(codec.decode_answer, short.SerializeToString(deterministic=True))
    _refuse(codec.decode_answer, node_pb2.Answer(outcome=node_pb2.Outcome.YES).SerializeToString())


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": 0},
        {"outcome": -1},
        {"outcome": 14},
        {"outcome": 99},
        {"outcome": 1, "refusal": 35},
        {"outcome": 1, "scope": 4},
    ],
    ids=str,
)
def test_an_answer_s_lists_are_closed(fields: dict[str, Any]) -> None:
    _refuse(codec.decode_answer, _answer(**fields))


# ---- size


@pytest.mark.parametrize(
    ("decode", "limit"),
    [
        (codec.decode_batch, limits.MESSAGE_BYTES),
        (codec.decode_header, limits.HEADER_BYTES),
        (codec.decode_question, limits.ITEM_BYTES),
        (codec.decode_answer, limits.ANSWER_ITEM_BYTES),
        (codec.decode_entry, limits.MESSAGE_BYTES),
    ],
)
def test_what_is_too_large_is_not_parsed(decode: Callable[[bytes], Any], limit: int) -> None:
    _refuse(decode, bytes(limit + 1), "OVERSIZE")


def test_a_batch_has_a_most_of_items_and_of_presentations() -> None:
    item = SaltedItem(bytes(16), b"x")
    most = replace(BATCH, items=(item,) * limits.ITEMS, presentations=(b"p",) * limits.ITEMS)
    assert codec.decode_batch(codec.encode_batch(most)) == most
    more = replace(BATCH, items=(item,) * (limits.ITEMS + 1))
    _refuse(codec.decode_batch, codec.encode_batch(more), "OVERSIZE")
    more = replace(BATCH, presentations=(b"p",) * (limits.ITEMS + 1))
    _refuse(codec.decode_batch, codec.encode_batch(more), "OVERSIZE")


def test_a_crowd_of_small_parts_is_refused_before_it_is_parsed() -> None:
    crowd = b"\x1a\x00" * (2 * limits.ITEMS + 2)
    _refuse(codec.decode_batch, crowd, "OVERSIZE")
    _refuse(codec.decode_batch, b"\x12\x00" * (limits.MESSAGE_BYTES // 2), "OVERSIZE")


def test_a_large_envelope_is_refused_before_it_is_parsed() -> None:
    large = replace(BATCH, envelope=replace(BATCH.envelope, payload=bytes(8 * limits.HEADER_BYTES)))
    _refuse(codec.decode_batch, codec.encode_batch(large), "OVERSIZE")


@pytest.mark.parametrize(
    "wire",
    [b"\x0a", b"\x0a\x05", b"\x0a\x80", b"\x0a\x80\x80\x80\x80\x01", b"\x08\x05", b"\x22\x00"],
    ids=str,
)
def test_parts_that_cannot_be_counted_are_refused(wire: bytes) -> None:
    _refuse(codec.decode_batch, wire)
    _refuse(codec.envelope_of, wire)


@given(batch=batches, tail=st.binary(max_size=20))
def test_an_envelope_is_read_whatever_follows_it(batch: SignedBatch, tail: bytes) -> None:
    assert codec.envelope_of(codec.encode_batch(batch) + tail) == batch.envelope


def test_an_envelope_alone_is_whole_canonical_and_not_large() -> None:
    data = codec.encode_batch(BATCH)
    assert codec.envelope_of(data) == BATCH.envelope
    for cut in range(len(data)):
        _refuse(codec.envelope_of, data[:cut])
    _refuse(codec.envelope_of, b"")
    _refuse(codec.envelope_of, _field(2, b"item") + data)
    _refuse(codec.envelope_of, _field(1, _field(2, b"t") + _field(1, b"p")))
    large = replace(BATCH, envelope=replace(BATCH.envelope, payload=bytes(8 * limits.HEADER_BYTES)))
    _refuse(codec.envelope_of, codec.encode_batch(large), "OVERSIZE")


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x12\x00" * 2_100_000,
        b"\x1a\x00" * 2_100_000,
        b"\x0a\x80\x80\x80\x01" + b"\x1a\x00" * 1_048_576,
    ],
    ids=["items", "presentations", "signatures"],
)
def test_a_decode_bomb_is_refused_before_it_is_parsed(
    bomb: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr(codec, "strict", never)
    with pytest.raises(PeerFault, match="OVERSIZE"):
        codec.decode_batch(bomb)


@pytest.mark.parametrize("name", ["value", "as_of", "enrolled_to", "policy_version", "use_no"])
def test_a_number_that_a_database_could_not_hold_is_refused(name: str) -> None:
    assert codec.decode_answer(_answer(outcome=1, **{name: limits.ANSWER_NUMBER}))
    _refuse(codec.decode_answer, _answer(outcome=1, **{name: limits.ANSWER_NUMBER + 1}))


@given(questions)
def test_a_question_that_was_read_is_recalled(question: Question) -> None:
    recalled = codec.recall_question(codec.encode_question(question))
    assert recalled == (question.predicate, question.case_ref)


def test_what_was_never_read_is_not_recalled() -> None:
    _refuse(codec.recall_question, b"\xff")
