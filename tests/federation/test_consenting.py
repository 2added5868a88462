"""Grants as they lie beside the registrar's log: written and read in one way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import consenting
from federation.consenting import GrantRequest
from federation.errors import PeerFault

words = st.text(max_size=128)
grants = st.builds(
    GrantRequest,
    person=st.integers(0, 29),
    department=words,
    predicate=words,
    parameter=words,
    max_uses=st.integers(1, 10_000),
)


@given(st.lists(grants))
def test_what_is_written_reads_back(some: list[GrantRequest]) -> None:
    assert consenting.read_grants(consenting.write_grants(some)) == tuple(some)


def test_the_bytes_of_grants() -> None:
    one = GrantRequest(person=1, department="tax", predicate="P50", parameter="r", max_uses=2)
    assert consenting.write_grants([one]) == b'[[1,"tax","P50","r",2]]'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"7",
        b"[[]]",
        b"[7]",
        b'[[1,"tax","P50","r"]]',
        b'[[1,"tax","P50","r",2,3]]',
        b'[[30,"tax","P50","r",2]]',
        b'[[-1,"tax","P50","r",2]]',
        b'[[1,"tax","P50","r",0]]',
        b'[[1,"tax","P50","r",10001]]',
        b'[[1,"tax","P50",7,2]]',
        b'[[true,"tax","P50","r",2]]',
        b'[[1, "tax","P50","r",2]]',
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        consenting.read_grants(data)
