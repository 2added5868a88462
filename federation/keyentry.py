"""A public key's entry in a signed document: its name, its suite, what it is for, its bytes.

Knows the JSON form, the same in root document and manifest. Does not know whose key it is.
"""

from typing import Any, Final

from crypto import suites
from crypto.errors import UnknownSuite
from crypto.keys import VerifyKey
from federation.errors import PeerFault
from federation.strictjson import Json, b64, exactly, unb64

SIGN: Final = "sign"
"""A party's key: its requests, answers, tokens and lists."""
ROOT: Final = "root"
"""A root key: documents of the federation."""

_FIELDS: Final = frozenset({"kid", "suite", "use", "public"})


def write(key: VerifyKey, use: str) -> Json:
    """Write an entry."""
    return {"kid": key.kid, "suite": key.suite.name, "use": use, "public": b64(key.raw)}


def read(value: Any, use: str) -> VerifyKey:
    """Read an entry; from here on the key is judged by the suite that it names.

    Raises:
        PeerFault: SUITE_UNKNOWN, or MALFORMED.
        ValueError, TypeError: another use, or a name that is not the key's.
        BadKey: bytes that are no key of the suite.
    """
    listed = exactly(value, _FIELDS, "key")
    name = listed["suite"]
    if type(name) is not str or listed["use"] != use:
        raise ValueError("key")
    try:
        key = VerifyKey(unb64(listed["public"], "key"), suites.named(name))
    except UnknownSuite as e:
        raise PeerFault("SUITE_UNKNOWN", suite=name[:32]) from e
    if listed["kid"] != key.kid:
        raise ValueError("key")
    return key
