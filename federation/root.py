"""The root of trust: which keys must sign a federation's documents, and how many of them.

Knows the pinned root and DSSE. Does not know what a document says beyond its version and expiry.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from crypto import envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey, VerifyKey
from federation import limits
from federation.errors import BadInput, PeerFault
from federation.strictjson import b64, dumps, exactly, loads, unb64


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The pinned root keys by kid, and how many must sign."""

    keys: Mapping[str, VerifyKey]
    threshold: int

    def open(self, document: bytes, payload_type: str) -> bytes:
        """Give the payload of a document that enough root keys signed.

        Raises:
            PeerFault: ROOT_SIGNATURE.
        """
        try:
            signed = envelope.from_json(document, max_bytes=limits.MANIFEST_BYTES)
            return envelope.verify(
                signed, self.keys, payload_type=payload_type, threshold=self.threshold
            )
        except CryptoError as e:
            raise PeerFault("ROOT_SIGNATURE", document=payload_type) from e


def sign(payload: bytes, payload_type: str, keys: list[SigningKey]) -> bytes:
    """Sign a document with root keys, as DSSE JSON."""
    return envelope.to_json(envelope.sign(payload, payload_type, *keys))


def write(root: Root) -> bytes:
    """Write the root for pinning at a party."""
    keys = [{"kid": kid, "public": b64(key.raw)} for kid, key in sorted(root.keys.items())]
    return dumps({"threshold": root.threshold, "keys": keys})


def read(data: bytes) -> Root:
    """Read a pinned root.

    Raises:
        BadInput: ROOT_INVALID.
    """
    try:
        raw = exactly(loads(data, "root"), {"threshold", "keys"}, "root")
        rows = [exactly(row, {"kid", "public"}, "key") for row in raw["keys"]]
        keys = {row["kid"]: VerifyKey(unb64(row["public"], "key")) for row in rows}
        root = Root(keys=keys, threshold=raw["threshold"])
    except (PeerFault, CryptoError, KeyError, TypeError, ValueError) as e:
        raise BadInput("ROOT_INVALID") from e
    mismatched = len(keys) != len(rows) or any(kid != key.kid for kid, key in keys.items())
    if mismatched or type(root.threshold) is not int or not 1 <= root.threshold <= len(keys):
        raise BadInput("ROOT_INVALID")
    return root
