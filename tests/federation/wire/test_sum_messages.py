"""What is last in a sum's messages: read back as written, and of exactly the sizes that it has."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from federation import limits
from federation.errors import PeerFault
from federation.summing import SumOrder
from federation.wire import sum_messages as messages
from federation.wire.sum_messages import Compared, Comparison, Contribution, SlotTest

ORDER = SumOrder(period=202611, attempt=1, abort=b"abort", verdict=b"verdict")
RUN = b"r" * 32
CASES: list[tuple[Any, Callable[[Any], bytes], Callable[[bytes], Any]]] = [
    (ORDER, messages.encode_order, messages.decode_order),
    (
        Contribution(run=RUN, ciphertext=b"c" * 768),
        messages.encode_contribution,
        messages.decode_contribution,
    ),
    (
        Comparison(
            order=ORDER,
            z=b"z" * 768,
            seed_commitment=b"s" * 32,
            declared_salt=b"d" * 32,
            declared=12,
        ),
        messages.encode_comparison,
        messages.decode_comparison,
    ),
    (
        Compared(run=RUN, rung="h", bits=b"bits"),
        messages.encode_compared,
        messages.decode_compared,
    ),
    (SlotTest(order=ORDER, slots=b"slots"), messages.encode_test, messages.decode_test),
    (messages.Tested(run=RUN, share=1), messages.encode_tested, messages.decode_tested),
]


@pytest.mark.parametrize(("value", "encode", "decode"), CASES, ids=lambda one: type(one).__name__)
def test_it_is_read_as_it_was_written(
    value: Any, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]
) -> None:
    data = encode(value)
    assert decode(data) == value
    with pytest.raises(PeerFault, match="MALFORMED"):
        decode(data + b"\x78\x01")
    with pytest.raises(PeerFault, match="OVERSIZE"):
        decode(bytes(limits.SUM_ITEM_BYTES + 1))


@pytest.mark.parametrize(
    ("place", "changed"),
    [
        (1, {"run": b"r" * 31}),
        (1, {"ciphertext": b"c" * 767}),
        (2, {"z": b""}),
        (2, {"seed_commitment": b""}),
        (2, {"declared_salt": b"short"}),
        (2, {"declared": 1 << 39}),
        (3, {"run": b""}),
        (5, {"run": b""}),
        (5, {"share": 2}),
    ],
)
def test_other_sizes_are_malformed(place: int, changed: dict[str, Any]) -> None:
    value, encode, decode = CASES[place]
    with pytest.raises(PeerFault, match="MALFORMED"):
        decode(encode(replace(value, **changed)))


def test_no_amount_or_mask_is_in_a_repr() -> None:
    shown = repr([value for value, _, _ in CASES])
    assert "ccc" not in shown
    assert "zzz" not in shown
    assert "declared" not in shown
