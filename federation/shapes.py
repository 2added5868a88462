"""Parsed JSON values held to one shape: a short text, an integer within bounds, bytes of a length.

Knows types and sizes. Does not know what a value means.
"""

from federation.errors import PeerFault
from federation.strictjson import unb64


def text(value: object, most: int = 128) -> str:
    """Hold a value to a string of at most so many characters.

    Raises:
        PeerFault: MALFORMED.
    """
    if not isinstance(value, str) or len(value) > most:
        raise PeerFault("MALFORMED", message="text")
    return value


def whole(value: object, least: int, most: int) -> int:
    """Hold a value to an integer within bounds, both included; a boolean is none.

    Raises:
        PeerFault: MALFORMED.
    """
    if type(value) is not int or not least <= value <= most:
        raise PeerFault("MALFORMED", message="integer")
    return value


def sized(value: object, size: int) -> bytes:
    """Read base64url of exactly so many bytes.

    Raises:
        PeerFault: MALFORMED.
    """
    data = unb64(value, "bytes")
    if len(data) != size:
        raise PeerFault("MALFORMED", message="length")
    return data
