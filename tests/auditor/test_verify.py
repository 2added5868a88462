"""Single links: a token is refused at every flipped byte, and the part that is wrong is found."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import verify
from federation import status
from federation.errors import PeerFault
from tests.support import exchanges
from tests.support.exchanges import DEPARTMENT, NOW, Story, key, tell

DOCUMENT = exchanges.first_manifest()
TOKEN = tell().token
FIRST = TOKEN.index(b"~")


def refused(token: bytes) -> str:
    with pytest.raises(PeerFault) as caught:
        verify.token(token, DOCUMENT)
    return caught.value.code


def flipped(at: int, mask: int) -> bytes:
    return TOKEN[:at] + bytes((TOKEN[at] ^ mask,)) + TOKEN[at + 1 :]


def located(at: int, mask: int) -> None:
    token = flipped(at, mask)
    assert refused(token) == "TOKEN_SIGNATURE"
    first, stop = verify.token_fault(token, DOCUMENT)
    assert first <= at < stop


def test_every_byte_of_a_token_counts() -> None:
    """Flipping any byte is refused and located, exhaustively for one token."""
    assert len(verify.token(TOKEN, DOCUMENT).grants) == 2
    for at in range(len(TOKEN)):
        located(at, 0xFF)
        located(at, 0x01)


@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_any_change_of_any_byte_is_refused_and_located(at: int, mask: int) -> None:
    located(at, mask)


def test_a_separator_that_was_put_in_is_found() -> None:
    for at in (FIRST - 5, FIRST + 5, len(TOKEN) - 5):
        located(at, TOKEN[at] ^ ord("~"))


def test_the_signed_part_and_the_disclosures_are_told_apart() -> None:
    assert verify.token_fault(flipped(FIRST - 1, 0xFF), DOCUMENT) == (0, FIRST + 1)
    second = TOKEN.index(b"~", FIRST + 1)
    assert verify.token_fault(flipped(FIRST + 1, 0xFF), DOCUMENT) == (FIRST, second + 1)


def test_a_disclosure_twice_is_somewhere_behind_the_signature() -> None:
    twice = TOKEN + TOKEN[FIRST + 1 :]
    assert refused(twice) == "TOKEN_SIGNATURE"
    assert verify.token_fault(twice, DOCUMENT) == (FIRST, len(twice))


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"issuer": "coordinator"}, "TOKEN_PARTIES"),
        ({"audience": "coordinator"}, "TOKEN_PARTIES"),
        ({"audience": "elsewhere"}, "TOKEN_PARTIES"),
        ({"holder": key("tax").verify_key.raw}, "TOKEN_PARTIES"),
        ({"basis": ""}, "TOKEN_TERMS"),
        ({"role": ""}, "TOKEN_TERMS"),
    ],
)
def test_what_a_genuine_token_must_not_say(claims: dict[str, object], code: str) -> None:
    assert refused(tell(Story(claims=claims)).token) == code


def test_the_last_second_of_the_longest_token() -> None:
    longest = 1_801_411_200  # 2027-02-01 in China: the end of the epoch and 31 days
    assert verify.token(tell(Story(claims={"expires": longest})).token, DOCUMENT)
    assert refused(tell(Story(claims={"expires": longest + 1})).token) == "TOKEN_TERMS"


def test_a_list_of_two_series_is_as_old_as_the_older() -> None:
    made = tell()
    jwts = [
        status.issue(
            status.uri_of("registrar", DEPARTMENT, series), status.pack({}), at, key("registrar")
        )
        for series, at in ((0, NOW - 50), (1, NOW - 20))
    ]
    said = verify.header(made.receipt.answer)
    joint = replace(said, status_list_digest=status.joint_digest(jwts))
    found = verify.lists(jwts, joint, DOCUMENT)
    claims = exchanges.claims_of(DEPARTMENT, bytes(16))
    assert verify.unrevoked(found, claims, said) == 51
    with pytest.raises(PeerFault, match="RECEIPT_STATUS_LIST"):
        verify.lists(jwts[::-1], joint, DOCUMENT)
