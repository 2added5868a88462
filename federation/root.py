"""The root of trust: which keys must sign a federation's documents, and how many of them.

Knows root documents, DSSE, and how one set of root keys hands over to the next. Does not know what
any other document says, nor which version was in use before: ``pins`` does.

The rules (python-tuf's for its root role):

1. ``root.json`` holds root documents, one DSSE envelope a line, oldest first.
2. Each is signed by enough of its own keys, so whoever is listed has the key.
3. Each but the first is signed by enough keys of the one before, and its version is one higher.
4. Only the newest is asked who may sign anything else, and only its end counts.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from crypto import envelope
from crypto.envelope import Envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey, VerifyKey
from federation import keyentry, limits
from federation.errors import BadInput, PeerFault
from federation.strictjson import dumps, exactly, loads

PAYLOAD_TYPE: Final = "application/vnd.hedui.root.v1+json"

KEYS_MOST: Final = envelope.SIGNATURES_MAX // 2
"""Most root keys: all old and all new ones may sign the document that exchanges them."""

_FIELDS: Final = frozenset({"federation", "version", "issued", "expires", "threshold", "keys"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """The root keys by kid, and how many must sign."""

    keys: Mapping[str, VerifyKey]
    threshold: int

    def open(self, document: bytes, payload_type: str) -> bytes:
        """Give the payload of a document that enough root keys signed: the one way to believe it.

        Raises:
            PeerFault: ROOT_SIGNATURE.
        """
        try:
            signed = envelope.from_json(document, max_bytes=limits.MANIFEST_BYTES)
        except CryptoError as e:
            raise PeerFault("ROOT_SIGNATURE", document=payload_type) from e
        return self.believe(signed, payload_type)

    def believe(self, signed: Envelope, payload_type: str) -> bytes:
        """Give the payload of an envelope that enough root keys signed.

        Raises:
            PeerFault: ROOT_SIGNATURE.
        """
        try:
            return envelope.verify(
                signed, self.keys, payload_type=payload_type, threshold=self.threshold
            )
        except CryptoError as e:
            raise PeerFault("ROOT_SIGNATURE", document=payload_type) from e

    def signers(self, signed: Envelope) -> frozenset[str]:
        """Name the root keys that have signed, without regard to how many must.

        Raises:
            PeerFault: ROOT_SIGNATURE when a root key's signature does not hold.
        """
        mine = {s.kid for s in signed.signatures} & self.keys.keys()
        try:
            if mine:
                envelope.verify(
                    signed, self.keys, payload_type=signed.payload_type, threshold=len(mine)
                )
        except CryptoError as e:
            raise PeerFault("ROOT_SIGNATURE", document=signed.payload_type) from e
        return frozenset(mine)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootDocument:
    """One version of the root. Times in UTC seconds; ``digest``: SHA-256 of what is signed."""

    federation: str
    version: int
    issued: int
    expires: int
    root: Root
    digest: bytes = b""

    def check_current(self, now: int) -> None:
        """Refuse a root that has come to its end.

        Raises:
            PeerFault: ROOT_EXPIRED.
        """
        if self.expires <= now:
            raise PeerFault("ROOT_EXPIRED", version=self.version)


@dataclass(frozen=True, slots=True)
class Chain:
    """The root documents of a federation, each vouched for by the one before."""

    documents: tuple[RootDocument, ...]

    @property
    def newest(self) -> RootDocument:
        """The one that counts."""
        return self.documents[-1]

    def version(self, version: int) -> RootDocument | None:
        """Find a version, if the chain reaches back to it."""
        index = version - self.documents[0].version
        return self.documents[index] if 0 <= index < len(self.documents) else None


def sign(payload: bytes, payload_type: str, keys: Collection[SigningKey]) -> bytes:
    """Sign a document with root keys, as DSSE JSON."""
    return envelope.to_json(envelope.sign(payload, payload_type, *keys))


def write(document: RootDocument) -> bytes:
    """Write the payload that old and new root keys sign."""
    keys = sorted(document.root.keys.items())
    return dumps(
        {
            "federation": document.federation,
            "version": document.version,
            "issued": document.issued,
            "expires": document.expires,
            "threshold": document.root.threshold,
            "keys": [keyentry.write(key, keyentry.ROOT) for _, key in keys],
        }
    )


def parse(payload: bytes) -> RootDocument:
    """Read what root keys sign; nothing is verified here.

    Raises:
        BadInput: ROOT_INVALID.
        PeerFault: SUITE_UNKNOWN.
    """
    try:
        return _document(exactly(loads(payload, "root"), _FIELDS, "root"), payload)
    except PeerFault as e:
        if e.code == "SUITE_UNKNOWN":
            raise
        raise BadInput("ROOT_INVALID") from e
    except (CryptoError, KeyError, TypeError, ValueError) as e:
        raise BadInput("ROOT_INVALID") from e


def read_chain(data: bytes) -> Chain:
    """Verify ``root.json`` from its first line to its last.

    Raises:
        BadInput: ROOT_INVALID.
        PeerFault: ROOT_SIGNATURE when a version is not vouched for; SUITE_UNKNOWN.
    """
    lines = data.rstrip(b"\n").split(b"\n")
    if len(data) > limits.MANIFEST_BYTES:
        raise BadInput("ROOT_INVALID")
    documents: list[RootDocument] = []
    for line in lines:
        documents.append(_next(line, documents[-1] if documents else None))
    return Chain(tuple(documents))


def read(data: bytes) -> Root:
    """Read ``root.json`` and give the root that counts now.

    Raises:
        BadInput: ROOT_INVALID.
        PeerFault: ROOT_SIGNATURE, SUITE_UNKNOWN.
    """
    return read_chain(data).newest.root


def believe_next(signed: Envelope, before: RootDocument | None) -> RootDocument:
    """Read a root document that its own keys and those of the one before have signed.

    Raises:
        BadInput: ROOT_INVALID.
        PeerFault: ROOT_SIGNATURE, SUITE_UNKNOWN.
    """
    if before:
        before.root.believe(signed, PAYLOAD_TYPE)
    document = parse(signed.payload)
    document.root.believe(signed, PAYLOAD_TYPE)
    if before and (document.federation, document.version) != (
        before.federation,
        before.version + 1,
    ):
        raise BadInput("ROOT_INVALID")
    return document


def _next(line: bytes, before: RootDocument | None) -> RootDocument:
    try:
        signed = envelope.from_json(line, max_bytes=limits.MANIFEST_BYTES)
    except CryptoError as e:
        raise BadInput("ROOT_INVALID") from e
    return believe_next(signed, before)


def _document(raw: dict[str, Any], payload: bytes) -> RootDocument:
    rows = [keyentry.read(row, keyentry.ROOT) for row in raw["keys"]]
    keys = {key.kid: key for key in rows}
    threshold = raw["threshold"]
    whole = (raw["version"], raw["issued"], raw["expires"], threshold)
    if any(type(n) is not int for n in whole) or type(raw["federation"]) is not str:
        raise TypeError("root")
    if len(keys) != len(rows) or not 1 <= threshold <= len(keys) <= KEYS_MOST:
        raise ValueError("keys")
    if raw["version"] < 1:
        raise ValueError("version")
    return RootDocument(
        federation=raw["federation"],
        version=raw["version"],
        issued=raw["issued"],
        expires=raw["expires"],
        root=Root(keys=keys, threshold=threshold),
        digest=sha256(payload).digest(),
    )
