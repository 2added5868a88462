"""Base64 that has one spelling."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.spelling import from_base64, to_base64


@given(st.binary(max_size=100))
def test_what_is_written_is_read(data: bytes) -> None:
    assert to_base64(data) == base64.b64encode(data).decode()
    assert from_base64(to_base64(data)) == data


@given(st.text("QUFB+/=-_ \n", max_size=12))
def test_whatever_is_read_is_written_the_same(text: str) -> None:
    try:
        data = from_base64(text)
    except ValueError:
        return
    assert to_base64(data) == text


@pytest.mark.parametrize(
    "text",
    ["YQ", "YQ=", "YR==", "YQ===", "YQ==\n", " YQ==", "Y Q==", "-_==", "====", "YQ==YQ==", "é"],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_base64(text)
