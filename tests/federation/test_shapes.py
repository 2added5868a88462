"""Values held to one shape, or refused."""

import pytest

from federation.errors import PeerFault
from federation.shapes import sized, text, whole
from federation.strictjson import b64


def test_what_fits_is_given() -> None:
    assert text("字" * 128) == "字" * 128
    assert (whole(3, 3, 5), whole(5, 3, 5)) == (3, 5)
    assert sized(b64(b"\0\1"), 2) == b"\0\1"


@pytest.mark.parametrize("value", ["x" * 129, b"x", 1, None])
def test_no_text(value: object) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        text(value)


@pytest.mark.parametrize("value", [2, 6, True, 4.0, "4", None])
def test_no_integer_within_bounds(value: object) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        whole(value, 3, 5)


@pytest.mark.parametrize("value", [b64(b"\0"), b64(b"\0\1\2"), "AA==", None])
def test_no_bytes_of_that_length(value: object) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        sized(value, 2)
