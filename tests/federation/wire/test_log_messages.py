"""Messages about a log: literal bytes, round trips, and refusal of anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.note import NOTE_MAX
from federation.errors import PeerFault
from federation.v1 import log_pb2
from federation.wire import log_messages as messages
from federation.wire.log_messages import AddCheckpoint, Cosigned, LogPart, LogRequest

HASH = bytes(range(32))


def test_the_bytes_of_a_request() -> None:
    assert messages.encode_request(LogRequest(path="checkpoint")) == b"\x0a\x0acheckpoint"
    asked = LogRequest(path="tile/0/000", offset=300)
    assert messages.encode_request(asked) == b"\x0a\x0atile/0/000\x10\xac\x02"
    assert messages.decode_request(messages.encode_request(asked)) == asked


@given(st.binary(max_size=100), st.integers(0, 2**64 - 1))
def test_parts_round_trip(data: bytes, size: int) -> None:
    part = LogPart(data=data, size=size)
    assert messages.decode_part(messages.encode_part(part)) == part


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.binary(max_size=100),
)
def test_checkpoints_round_trip(old: int, proof: tuple[bytes, ...], checkpoint: bytes) -> None:
    new = AddCheckpoint(old_size=old, proof=proof, checkpoint=checkpoint)
    assert messages.decode_checkpoint(messages.encode_checkpoint(new)) == new


@pytest.mark.parametrize("said", [Cosigned(lines="— a b\n"), Cosigned(known_size=7), Cosigned()])
def test_what_a_witness_says_round_trips(said: Cosigned) -> None:
    assert messages.decode_cosigned(messages.encode_cosigned(said)) == said


def test_large_parts_and_notes_fit() -> None:
    part = LogPart(data=bytes(messages.PART_BYTES), size=2**40)
    assert messages.decode_part(messages.encode_part(part)) == part
    note = bytes(NOTE_MAX)
    new = AddCheckpoint(old_size=2**62, proof=(HASH,) * messages.PROOF, checkpoint=note)
    assert messages.decode_checkpoint(messages.encode_checkpoint(new)) == new


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        log_pb2.AddCheckpoint(old_size=2**63).SerializeToString(),
        log_pb2.AddCheckpoint(proof=[HASH] * 64).SerializeToString(),
        log_pb2.AddCheckpoint(proof=[HASH[1:]]).SerializeToString(),
        log_pb2.AddCheckpoint(old_size=1).SerializeToString() + b"\x20\x01",
    ],
)
def test_another_checkpoint_is_malformed(data: bytes) -> None:
    with pytest.raises(PeerFault, match="MALFORMED message=AddCheckpoint"):
        messages.decode_checkpoint(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        log_pb2.Cosigned(lines="x", known_size=1).SerializeToString(),
        log_pb2.Cosigned(known_size=2**63).SerializeToString(),
    ],
)
def test_another_answer_is_malformed(data: bytes) -> None:
    with pytest.raises(PeerFault, match="MALFORMED message=Cosigned"):
        messages.decode_cosigned(data)


def test_whatever_is_too_large_is_refused() -> None:
    for decode, most in (
        (messages.decode_request, 128),
        (messages.decode_part, messages.PART_BYTES + 64),
        (messages.decode_checkpoint, NOTE_MAX + 63 * 34 + 64),
        (messages.decode_cosigned, NOTE_MAX + 64),
    ):
        with pytest.raises(PeerFault, match="OVERSIZE"):
            decode(bytes(most + 1))
