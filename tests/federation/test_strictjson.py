"""JSON and base64url with one reading only."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation import limits
from federation.errors import PeerFault
from federation.strictjson import b64, dumps, exactly, loads, unb64

text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _malformed(data: bytes) -> None:
    with pytest.raises(PeerFault, match="MALFORMED message=thing"):
        loads(data, "thing")


@given(values)
def test_what_is_written_reads_back_unless_too_deep(value: Any) -> None:
    if _depth(value) <= limits.JSON_DEPTH:
        assert loads(dumps(value), "thing") == value
    else:
        _malformed(dumps(value))


@given(values)
def test_there_is_one_way_to_write(value: Any) -> None:
    written = dumps(value)
    assert dumps(json.loads(written)) == written
    assert b"\n" not in written


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[1,]",
        b"[1] x",
        b"{'a':1}",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'"\\ud800"',
        b'{"\\udfff":"\\ud83d"}',
        b'{"a":1,"a":1}',
        b'[{"a":{"b":1,"b":2}}]',
        b"1.0",
        b"1e3",
        b"-0.0",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"9" * 5_000,
        b"[" * (limits.JSON_DEPTH + 1) + b"]" * (limits.JSON_DEPTH + 1),
        b'{"a":' * (limits.JSON_DEPTH + 1) + b"1" + b"}" * (limits.JSON_DEPTH + 1),
        b"[" * 100_000 + b"]" * 100_000,
        b"[" * 100_000,
    ],
    ids=lambda data: str(data[:20]),
)
def test_json_that_others_forgive_is_refused(data: bytes) -> None:
    _malformed(data)


def test_the_deepest_that_is_allowed_reads() -> None:
    loads(b"[" * limits.JSON_DEPTH + b"]" * limits.JSON_DEPTH, "thing")
    loads(b'{"a":' * limits.JSON_DEPTH + b"1" + b"}" * limits.JSON_DEPTH, "thing")


def test_text_may_be_written_with_escapes() -> None:
    assert loads(b'"\\u6838\\u5bf9 \\ud83d\\ude00"', "thing") == "核对 😀"


@given(st.binary())
def test_base64url_reads_back(data: bytes) -> None:
    assert unb64(b64(data), "thing") == data
    assert unb64(b64(data).encode(), "thing") == data
    assert not set(b64(data)) & set("+/=")


@given(st.text(max_size=12))
def test_base64url_has_one_spelling(spelling: str) -> None:
    with suppress(PeerFault):
        assert b64(unb64(spelling, "thing")) == spelling


@pytest.mark.parametrize(
    "spelling",
    [
        "A",
        "AA==",
        "AA=",
        "AB",
        "A A",
        "AA\n",
        "+w",
        "/w",
        "-_=",
        "AÄ",
        "\ud800",
        "AA%",
        5,
        None,
        ["AA"],
    ],
    ids=ascii,
)
def test_base64_that_others_forgive_is_refused(spelling: object) -> None:
    with pytest.raises(PeerFault, match="MALFORMED message=thing"):
        unb64(spelling, "thing")


def test_an_object_has_exactly_its_keys() -> None:
    assert exactly({"a": 1, "b": 2}, {"a", "b"}, "thing") == {"a": 1, "b": 2}
    for value in ({"a": 1}, {"a": 1, "b": 2, "c": 3}, ["a", "b"], "ab", None, 7):
        with pytest.raises(PeerFault, match="MALFORMED message=thing"):
            exactly(value, {"a", "b"}, "thing")
