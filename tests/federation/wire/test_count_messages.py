"""The question how often tokens were used, as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import limits
from federation.errors import PeerFault
from federation.wire import count_messages

ids = st.binary(min_size=16, max_size=16)


@given(st.lists(ids, min_size=1, max_size=limits.COUNT_TOKENS, unique=True))
def test_a_question_reads_back(tokens: list[bytes]) -> None:
    assert count_messages.decode_request(count_messages.encode_request(tokens)) == tuple(tokens)


@given(st.lists(st.binary(max_size=64), max_size=9))
def test_an_answer_reads_back(counts: list[bytes]) -> None:
    assert count_messages.decode_counted(count_messages.encode_counted(counts)) == tuple(counts)


@pytest.mark.parametrize(
    "tokens",
    [[], [bytes(15)], [bytes(17)], [b""], [bytes(16), bytes(16)], [bytes(16), bytes(15)]],
)
def test_what_is_no_list_of_tokens_is_refused(tokens: list[bytes]) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        count_messages.decode_request(count_messages.encode_request(tokens))


def test_too_many_are_refused() -> None:
    tokens = [n.to_bytes(16, "big") for n in range(limits.COUNT_TOKENS + 1)]
    with pytest.raises(PeerFault, match="OVERSIZE"):
        count_messages.decode_request(count_messages.encode_request(tokens))


def test_strange_bytes_are_refused() -> None:
    extra = count_messages.encode_request([bytes(16)]) + b"\x78\x01"
    for decode in (count_messages.decode_request, count_messages.decode_counted):
        with pytest.raises(PeerFault, match="MALFORMED"):
            decode(extra)
