"""A node's description: round trip, and refusal of anything else."""

import pytest

from federation.errors import PeerFault
from federation.wire import description
from federation.wire.description import Description

ONE = Description(party="tax", version="0.1.0", predicates=("P21", "P22"), paused=True)


def test_round_trip() -> None:
    assert description.decode(description.encode(ONE)) == ONE


def test_the_question_is_empty() -> None:
    description.check_request(description.encode_request())
    with pytest.raises(PeerFault, match="OVERSIZE"):
        description.check_request(b"\x08\x01")


def test_garbage_is_refused() -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        description.decode(description.encode(ONE) + b"\xff")
