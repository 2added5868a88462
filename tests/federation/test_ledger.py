"""What lies beside a log entry: leaves and token ids, read back as they were written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import PeerFault
from federation.ledger import Items, digest, read_items, read_tokens


def many(size: int) -> st.SearchStrategy[tuple[bytes, ...]]:
    return st.lists(st.binary(min_size=size, max_size=size), max_size=4).map(tuple)


items = st.builds(Items, request_leaves=many(32), answer_leaves=many(32), tokens=many(16))


@given(items)
def test_items_are_read_as_they_were_written(one: Items) -> None:
    assert read_items(one.write()) == one
    assert read_tokens(one.write()) == one.tokens
    assert len(digest(one.write())) == 32


@given(items, st.binary(min_size=1, max_size=40))
def test_anything_more_or_less_is_refused(one: Items, more: bytes) -> None:
    for wrong in (one.write() + more, one.write()[:-1]):
        with pytest.raises(PeerFault, match="MALFORMED"):
            read_items(wrong)
        with pytest.raises(PeerFault, match="MALFORMED"):
            read_tokens(wrong)


def test_counts_that_promise_more_than_there_is_are_refused() -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        read_items(b"\xff" * 12)
