"""What a coordinator hands out of a sum: the transcript of a run, and its sealed seed beside.

Knows the JSON of both (docs/protocol/sum.md, "Transcript"). The messages in it are bytes that
others read, without presentations: those lie beside, by their digests. Verifies nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from federation import limits
from federation.errors import PeerFault
from federation.shapes import sized, text, whole
from federation.strictjson import Json, b64, dumps, exactly, loads, unb64
from federation.summing import ATTEMPTS, DIGEST

FORMAT: Final = 1
SEALED: Final = 80
"""Bytes of a sealed seed."""

_KEYS: Final = frozenset(
    {"format", "predicate", "parameter", "persons", "group", "run", "period", "attempt"}
    | {"outcome", "messages"}
)
_MESSAGE: Final = frozenset({"round", "party", "request", "answer", "proof"})
_SEEDS: Final = frozenset({"format", "federation", "coordinator", "case", "seeds"})
_SEED: Final = frozenset({"predicate", "parameter", "run", "attempt", "commitment", "sealed"})


class Round(StrEnum):
    """The three rounds of a run: every department's share, the tally's bits, the tally's share."""

    CONTRIBUTE = "contribute"
    COMPARE = "compare"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A signed request without presentations, its signed answer, and that the party logged both.

    ``proof`` is what the party's ``Prove`` gave, without status lists.
    """

    round: Round
    party: str
    request: bytes = field(repr=False)
    answer: bytes = field(repr=False)
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One run of one rung, as far as it came; ``persons`` are numbers of the report, by slot.

    ``outcome`` is YES or NO, else the code of why there is none.
    """

    predicate: str
    parameter: str
    persons: tuple[int, ...]
    group: bytes
    run: bytes
    period: int
    attempt: int
    outcome: str
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedSeed:
    """The seed of one run and rung, sealed to the auditor's key of its group."""

    predicate: str
    parameter: str
    run: bytes
    attempt: int
    commitment: bytes
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """The sealed seeds of a case."""

    federation: str
    coordinator: str
    case: str
    seeds: tuple[SealedSeed, ...]


def write(one: Transcript) -> bytes:
    """Write a transcript: canonical JSON."""
    return dumps(
        {
            "format": FORMAT,
            "predicate": one.predicate,
            "parameter": one.parameter,
            "persons": list(one.persons),
            "group": b64(one.group),
            "run": b64(one.run),
            "period": one.period,
            "attempt": one.attempt,
            "outcome": one.outcome,
            "messages": [_written(message) for message in one.messages],
        }
    )


def read(data: bytes) -> Transcript:
    """Read a transcript that ``write`` could have written.

    Raises:
        PeerFault: OVERSIZE or MALFORMED.
    """
    if len(data) > limits.BUNDLE_BYTES:
        raise PeerFault("OVERSIZE", limit=limits.BUNDLE_BYTES, size=len(data))
    raw = _raw(data, "transcript", _KEYS)
    return Transcript(
        predicate=text(raw["predicate"]),
        parameter=text(raw["parameter"]),
        persons=tuple(
            whole(number, 1, limits.HOUSEHOLD_PERSONS) for number in _several(raw["persons"])
        ),
        group=sized(raw["group"], DIGEST),
        run=sized(raw["run"], DIGEST),
        period=whole(raw["period"], 0, 999_999),
        attempt=whole(raw["attempt"], 0, ATTEMPTS - 1),
        outcome=text(raw["outcome"]),
        messages=tuple(_message(row) for row in _several(raw["messages"])),
    )


def write_seeds(one: Seeds) -> bytes:
    """Write the sealed seeds of a case: canonical JSON."""
    return dumps(
        {
            "format": FORMAT,
            "federation": one.federation,
            "coordinator": one.coordinator,
            "case": one.case,
            "seeds": [_written_seed(seed) for seed in one.seeds],
        }
    )


def read_seeds(data: bytes) -> Seeds:
    """Read what ``write_seeds`` could have written.

    Raises:
        PeerFault: MALFORMED.
    """
    raw = _raw(data, "seeds", _SEEDS)
    return Seeds(
        federation=text(raw["federation"]),
        coordinator=text(raw["coordinator"]),
        case=text(raw["case"]),
        seeds=tuple(_seed(row) for row in _several(raw["seeds"])),
    )


def _raw(data: bytes, what: str, keys: frozenset[str]) -> Json:
    raw = exactly(loads(data, what), keys, what)
    if raw["format"] != FORMAT or dumps(raw) != data:
        raise PeerFault("MALFORMED", message=what)
    return raw


def _several(value: Any) -> Sequence[Any]:
    if type(value) is not list or len(value) > limits.BUNDLE_FILES:
        raise PeerFault("MALFORMED", message="list")
    return value


def _written(one: Message) -> Json:
    return {
        "round": one.round.value,
        "party": one.party,
        "request": b64(one.request),
        "answer": b64(one.answer),
        "proof": b64(one.proof),
    }


def _message(row: Any) -> Message:
    raw = exactly(row, _MESSAGE, "message")
    if raw["round"] not in list(Round):
        raise PeerFault("MALFORMED", message="round")
    return Message(
        round=Round(raw["round"]),
        party=text(raw["party"]),
        request=unb64(raw["request"], "request"),
        answer=unb64(raw["answer"], "answer"),
        proof=unb64(raw["proof"], "proof"),
    )


def _written_seed(one: SealedSeed) -> Json:
    return {
        "predicate": one.predicate,
        "parameter": one.parameter,
        "run": b64(one.run),
        "attempt": one.attempt,
        "commitment": b64(one.commitment),
        "sealed": b64(one.sealed),
    }


def _seed(row: Any) -> SealedSeed:
    raw = exactly(row, _SEED, "seed")
    return SealedSeed(
        predicate=text(raw["predicate"]),
        parameter=text(raw["parameter"]),
        run=sized(raw["run"], DIGEST),
        attempt=whole(raw["attempt"], 0, ATTEMPTS - 1),
        commitment=sized(raw["commitment"], DIGEST),
        sealed=sized(raw["sealed"], SEALED),
    )
