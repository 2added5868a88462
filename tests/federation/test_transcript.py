"""Transcripts and seeds have one spelling, and refuse every other."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from federation import limits, transcript
from federation.errors import PeerFault
from federation.strictjson import dumps
from federation.transcript import Message, Round, SealedSeed, Seeds, Transcript

MESSAGE = Message(
    round=Round.COMPARE, party="tally", request=b"asked", answer=b"said", proof=b"logged"
)
TRANSCRIPT = Transcript(
    predicate="H1",
    parameter="income-12s",
    persons=(1, 2),
    group=b"g" * 32,
    run=b"r" * 32,
    period=202611,
    attempt=1,
    outcome="YES",
    messages=(MESSAGE, replace(MESSAGE, round=Round.TEST)),
)
SEEDS = Seeds(
    federation="town",
    coordinator="coordinator",
    case="HD-790301-2026-0001",
    seeds=(
        SealedSeed(
            predicate="H1",
            parameter="income-12s",
            run=b"r" * 32,
            attempt=0,
            commitment=b"c" * 32,
            sealed=b"s" * 80,
        ),
    ),
)
Read = Callable[[bytes], object]
BOTH = [
    (transcript.write(TRANSCRIPT), transcript.read),
    (transcript.write_seeds(SEEDS), transcript.read_seeds),
]


def test_what_is_written_is_read() -> None:
    assert transcript.read(transcript.write(TRANSCRIPT)) == TRANSCRIPT
    assert transcript.read_seeds(transcript.write_seeds(SEEDS)) == SEEDS


def refused(data: bytes, read: Read) -> str:
    with pytest.raises(PeerFault) as caught:
        read(data)
    return caught.value.code


@pytest.mark.parametrize(("data", "read"), BOTH)
def test_another_spelling_is_refused(data: bytes, read: Read) -> None:
    raw = json.loads(data)
    for other in (b"", b"[]", data + b" ", json.dumps(raw).encode()):
        assert refused(other, read) == "MALFORMED"
    for key in raw:
        less = {name: value for name, value in raw.items() if name != key}
        assert refused(dumps(less), read) == "MALFORMED"
        assert refused(dumps({**raw, key: None}), read) == "MALFORMED"
    assert refused(dumps({**raw, "more": 1}), read) == "MALFORMED"
    assert refused(dumps({**raw, "format": 2}), read) == "MALFORMED"


@pytest.mark.parametrize(
    "changed",
    [
        {"persons": [0]},
        {"persons": [True]},
        {"persons": {}},
        {"run": "AA"},
        {"attempt": 2},
        {"period": 1_000_000},
        {"messages": [{}]},
        {"messages": [1]},
    ],
)
def test_values_out_of_their_bounds_are_refused(changed: dict[str, Any]) -> None:
    raw = json.loads(transcript.write(TRANSCRIPT))
    assert refused(dumps({**raw, **changed}), transcript.read) == "MALFORMED"


@pytest.mark.parametrize("changed", [{"round": "guess"}, {"round": 1}, {"party": 1}])
def test_a_message_is_of_one_of_three_rounds(changed: dict[str, Any]) -> None:
    raw = json.loads(transcript.write(TRANSCRIPT))
    raw["messages"][0] |= changed
    assert refused(dumps(raw), transcript.read) == "MALFORMED"


@pytest.mark.parametrize("changed", [{"sealed": "AA"}, {"commitment": ""}, {"attempt": -1}])
def test_a_seed_has_its_size(changed: dict[str, Any]) -> None:
    raw = json.loads(transcript.write_seeds(SEEDS))
    raw["seeds"][0] |= changed
    assert refused(dumps(raw), transcript.read_seeds) == "MALFORMED"


def test_what_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUNDLE_BYTES", 10)
    assert refused(transcript.write(TRANSCRIPT), transcript.read) == "OVERSIZE"


def test_messages_and_seeds_are_not_shown() -> None:
    assert "asked" not in repr(TRANSCRIPT)
    assert "ssss" not in repr(SEEDS)
