"""JSON and base64url from outside, held to one reading: no duplicate keys, no floats, no depth.

Knows RFC 8259 and RFC 4648 §5. Does not know what the values mean.
"""

import base64
import json
from binascii import a2b_base64
from collections.abc import Set as AbstractSet
from typing import Any, Final, NoReturn

from federation import limits
from federation.errors import PeerFault

Json = dict[str, Any]

_NESTING: Final = frozenset({dict, list})
# To the standard alphabet, for the strict decoder; foreign to base64url becomes foreign there.
_URL_SAFE: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING: Final = (b"", b"===", b"==", b"=")
# Last characters, by length modulo 4, whose bits are all used.
_LAST: Final = {2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"not an integer: {text[:20]}")


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("duplicate key")
    return mapping


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_no_number, parse_constant=_no_number
)


def _depth(value: Any) -> None:
    """Go down level by level, looking at what can hold something only."""
    level = [value] if type(value) in _NESTING else []
    for _ in range(limits.JSON_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _NESTING
        ]
        if not level:
            return
    raise ValueError("too deep")


def loads(data: bytes, what: str) -> Any:
    """Parse JSON that has one reading only.

    Raises:
        PeerFault: MALFORMED for syntax, duplicate keys, floats, NaN, depth or what is no UTF-8.
    """
    try:
        value = _decoder.decode(data.decode("utf-8"))
        if data.count(b"{") + data.count(b"[") > limits.JSON_DEPTH:
            _depth(value)
        if b"\\u" in data:
            dumps(value)  # an escape can write half a surrogate pair, which is no text
    except (ValueError, RecursionError) as e:
        raise PeerFault("MALFORMED", message=what) from e
    return value


def exactly(value: Any, keys: AbstractSet[str], what: str) -> Json:
    """Hold a parsed value to an object of exactly these keys.

    Raises:
        PeerFault: MALFORMED.
    """
    if not isinstance(value, dict) or value.keys() != keys:
        raise PeerFault("MALFORMED", message=what)
    return value


def dumps(value: Any) -> bytes:
    """Write compact JSON with sorted keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def b64(data: bytes) -> str:
    """Write unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: object, what: str) -> bytes:
    """Read unpadded canonical base64url from text or ASCII bytes.

    Raises:
        PeerFault: MALFORMED for padding, white space, a foreign alphabet, stray trailing bits,
            and any other type.
    """
    try:
        raw = text.encode("ascii") if type(text) is str else memoryview(text).tobytes()  # type: ignore[arg-type]
        left = len(raw) & 3
        data = a2b_base64(raw.translate(_URL_SAFE) + _PADDING[left], strict_mode=True)
    except (TypeError, ValueError) as e:
        raise PeerFault("MALFORMED", message=what) from e
    if left and raw[-1] not in _LAST[left]:  # stray bits
        raise PeerFault("MALFORMED", message=what)
    return data
