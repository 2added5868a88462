"""Standard base64 in its only spelling (RFC 4648 §4).

Knows bytes and their text. Does not know what they mean, nor which refusal a second spelling is.
"""

import base64


def to_base64(data: bytes) -> str:
    """Write bytes as base64, padded."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """Read what `to_base64` wrote.

    Raises:
        ValueError: it would not have written it so.
    """
    data = base64.b64decode(text, validate=True)
    # The decoder ignores stray bits before the padding: two spellings of one value.
    if to_base64(data) != text:
        raise ValueError("base64 that is not canonical")
    return data
