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
_WHITE: Final = b" \t\r\n"
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


_numbers: Final[dict[str, Any]] = {"parse_float": _no_number, "parse_constant": _no_number}
_decoder: Final = json.JSONDecoder(**_numbers)
_unique_decoder: Final = json.JSONDecoder(object_pairs_hook=_unique, **_numbers)


def _keys(value: Any) -> int:
    """Count the keys of all objects, level by level.

    Raises:
        ValueError: there are more levels than allowed.
    """
    keys = 0
    level = [value] if type(value) in _NESTING else []
    for _ in range(limits.JSON_DEPTH):
        if not level:
            return keys
        below: list[Any] = []
        for outer in level:
            if type(outer) is dict:
                keys += len(outer)
                below += [inner for inner in outer.values() if type(inner) in _NESTING]
            else:
                below += [inner for inner in outer if type(inner) in _NESTING]
        level = below
    if level:
        raise ValueError("too deep")
    return keys


def _may_repeat(data: bytes, keys: int) -> bool:
    """Tell whether a key may stand twice: without white space each brings its own ``":``."""
    return data.count(b'":') != keys or len(data.translate(None, _WHITE)) != len(data)


def loads(data: bytes, what: str) -> Any:
    """Parse JSON that has one reading only.

    Raises:
        PeerFault: MALFORMED for syntax, duplicate keys, floats, NaN, depth or what is no UTF-8.
    """
    try:
        text = data.decode("utf-8")
        value = _decoder.decode(text)
        if _may_repeat(data, _keys(value)):
            value = _unique_decoder.decode(text)
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
