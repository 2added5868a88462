"""JSON and base64url from outside, held to one reading: no duplicate keys, no floats, no depth.

Knows RFC 8259 and RFC 4648 §5. Does not know what the values mean.
"""

import base64
import binascii
import json
from collections.abc import Set as AbstractSet
from typing import Any, Final, NoReturn

from federation import limits
from federation.errors import PeerFault

Json = dict[str, Any]

# To the standard alphabet, for the strict decoder; what is foreign to base64url becomes foreign there.
_URL_SAFE: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
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


def _depth(value: Any, left: int = limits.JSON_DEPTH) -> None:
    if left == 0:
        raise ValueError("too deep")
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return
    for inner in value:
        if isinstance(inner, dict | list):
            _depth(inner, left - 1)


def loads(data: bytes, what: str) -> Any:
    """Parse JSON that has one reading only.

    Raises:
        PeerFault: MALFORMED for syntax, duplicate keys, floats, NaN, depth or bad UTF-8.
    """
    try:
        value = _decoder.decode(data.decode("utf-8"))
        if data.count(b"{") + data.count(b"[") > limits.JSON_DEPTH:
            _depth(value)
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
    if not isinstance(text, str | bytes):
        raise PeerFault("MALFORMED", message=what)
    try:
        raw = text.encode("ascii") if isinstance(text, str) else text
        padded = raw.translate(_URL_SAFE) + b"=" * (-len(raw) % 4)
        data = binascii.a2b_base64(padded, strict_mode=True)
    except (ValueError, UnicodeEncodeError) as e:
        raise PeerFault("MALFORMED", message=what) from e
    left = len(raw) % 4
    if left and raw[-1] not in _LAST[left]:
        raise PeerFault("MALFORMED", message=what)
    return data
