"""A sound envelope under two of three keys, every way in which one can be wrong, and two readers.

Does not know what a payload says. A reader gives it, once enough keys are found to have signed.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from securesystemslib import dsse
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import Key, SSlibKey  # type: ignore[attr-defined]

from crypto import envelope
from crypto.keys import SigningKey, VerifyKey
from federation import limits, root
from federation.errors import HeduiError
from federation.root import Root
from federation.strictjson import dumps
from tests.interop.verdicts import Reader, RefusedError

TYPE: Final = "application/vnd.hedui.test.v1"
KEYS: Final = [SigningKey.from_seed(bytes([n]) * 32) for n in range(17)]
ROOT: Final = Root(keys={key.kid: key.verify_key for key in KEYS[:3]}, threshold=2)
# Its base64 needs both letters in which the alphabets differ, and padding.
PAYLOAD: Final = "核对".encode() + b"\xfb\xef\xff\xfe"
SOUND: Final = root.sign(PAYLOAD, TYPE, KEYS[:2])

Json = dict[str, Any]

_ORDER: Final = 2**252 + 27742317777372353535851937790883648493


def hedui(document: bytes, trusted: Root, kind: str) -> bytes:
    """Open a document as every party does."""
    try:
        return trusted.open(document, kind)
    except HeduiError as e:
        raise RefusedError from e


def securesystemslib(document: bytes, trusted: Root) -> bytes:
    """Open a document with securesystemslib, which is not told what type to expect."""
    keys = [_key(key) for key in trusted.keys.values()]
    try:
        read = dsse.Envelope.from_dict(json.loads(document))
        read.verify(keys, trusted.threshold)
    except (VerificationError, KeyError, TypeError, ValueError, AttributeError) as e:
        raise RefusedError from e
    return bytes(read.payload)


def _key(key: VerifyKey) -> Key:
    return SSlibKey(key.kid, "ed25519", "ed25519", {"public": key.raw.hex()})


def readers(trusted: Root = ROOT, kind: str = TYPE) -> list[Reader]:
    """Give both, for one set of trusted keys."""
    return [
        Reader(name="Hedui", read=lambda document: hedui(document, trusted, kind)),
        Reader(name="securesystemslib", read=lambda document: securesystemslib(document, trusted)),
    ]


def changed(change: Callable[[Json], object]) -> bytes:
    """Change the sound envelope."""
    document = json.loads(SOUND)
    change(document)
    return dumps(document)


def _signatures(change: Callable[[list[Json]], object]) -> bytes:
    return changed(lambda document: change(document["signatures"]))


def _signed_by(*keys: SigningKey) -> bytes:
    message = envelope.pae(TYPE, PAYLOAD)
    return changed(
        lambda document: document.update(
            signatures=[{"keyid": key.kid, "sig": _base64(key.sign(message))} for key in keys]
        )
    )


def _second(sig: bytes) -> bytes:
    return _signatures(lambda listed: listed[1].update(sig=_base64(sig)))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def faults() -> Mapping[str, bytes]:
    """Give all faulty envelopes by what is wrong with them."""
    found = [*_forged(), *_counted(), *_shaped(), *_encoded()]
    by_name = dict(found)
    assert len(by_name) == len(found), "one name twice"
    return by_name


def _forged() -> Iterator[tuple[str, bytes]]:
    sig = base64.b64decode(json.loads(SOUND)["signatures"][1]["sig"])
    high = int.from_bytes(sig[32:], "little") + _ORDER
    yield (
        "payload: one byte changed",
        changed(lambda document: document.update(payload=_base64(b"X" + PAYLOAD[1:]))),
    )
    yield "type: changed", changed(lambda document: document.update(payloadType=TYPE + "2"))
    yield "type: another document's, signed so", root.sign(PAYLOAD, TYPE + "2", KEYS[:2])
    yield "signature: one bit changed", _second(bytes([sig[0] ^ 1]) + sig[1:])
    yield "signature: one byte short", _second(sig[:-1])
    yield "signature: empty", _second(b"")
    yield (
        "signature: S not reduced (RFC 8032 §5.1.7)",
        _second(sig[:32] + high.to_bytes(32, "little")),
    )
    yield "signature: of the payload without its type", _second(KEYS[1].sign(PAYLOAD))
    yield (
        "signature: a stranger's, under a trusted name",
        _second(KEYS[3].sign(envelope.pae(TYPE, PAYLOAD))),
    )


def _counted() -> Iterator[tuple[str, bytes]]:
    yield "keys: none signed", _signed_by()
    yield "keys: one signed where two must", _signed_by(KEYS[0])
    yield "keys: one trusted and one stranger", _signed_by(KEYS[0], KEYS[3])
    yield "keys: one signed twice", _signatures(lambda listed: listed.__setitem__(1, listed[0]))
    yield (
        "keys: one signed again, under a stranger's name",
        _signatures(lambda listed: listed.__setitem__(1, {**listed[0], "keyid": KEYS[3].kid})),
    )
    yield (
        "keys: names exchanged",
        _signatures(
            lambda listed: [
                listed[0].update(keyid=KEYS[1].kid),
                listed[1].update(keyid=KEYS[0].kid),
            ]
        ),
    )
    broken = {"keyid": KEYS[2].kid, "sig": _base64(bytes(64))}
    yield (
        "keys: enough signed, a third signature fails",
        _signatures(lambda listed: listed.append(broken)),
    )
    yield (
        "keys: enough signed, one of them twice",
        _signatures(lambda listed: listed.append(listed[0])),
    )
    yield "keys: enough signed, 17 signatures", _signed_by(*KEYS)


def _shaped() -> Iterator[tuple[str, bytes]]:
    yield "shape: a field that is not DSSE's", changed(lambda document: document.update(more=1))
    yield (
        "shape: a field that is not DSSE's, in a signature",
        _signatures(lambda listed: listed[0].update(cert="x")),
    )
    for name in ("payload", "payloadType", "signatures"):
        yield f"shape: `{name}` missing", changed(lambda document, name=name: document.pop(name))  # type: ignore[misc]
    yield "shape: `keyid` missing", _signatures(lambda listed: listed[0].pop("keyid"))
    yield (
        "shape: `keyid` empty, beside enough",
        _signatures(lambda listed: listed.append({"keyid": "", "sig": listed[0]["sig"]})),
    )
    yield "shape: `payload` a number", changed(lambda document: document.update(payload=1))
    yield (
        "shape: `signatures` an object",
        changed(lambda document: document.update(signatures={"keyid": "x", "sig": ""})),
    )
    yield "shape: a list", b"[" + SOUND + b"]"


def _encoded() -> Iterator[tuple[str, bytes]]:
    text = json.loads(SOUND)["payload"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bare = text.rstrip("=")
    stray = bare[:-1] + alphabet[alphabet.index(bare[-1]) ^ 1] + text[len(bare) :]
    spellings = {
        "URL-safe base64 (DSSE allows it)": text.replace("+", "-").replace("/", "_"),
        "base64 without padding": bare,
        "base64 with stray bits": stray,
        "base64 with white space": text[:4] + "\n" + text[4:],
    }
    for what, spelling in spellings.items():
        yield (
            f"encoding: {what}",
            changed(
                lambda document, spelling=spelling: document.update(payload=spelling)  # type: ignore[misc]
            ),
        )
    yield "encoding: `payload` twice", SOUND[:-1] + f',"payload":"{text}"}}'.encode()
    yield "encoding: bytes behind the document", SOUND + b"{}"
    yield "encoding: UTF-16", SOUND.decode().encode("utf-16")
    yield "encoding: a byte order mark before it", b"\xef\xbb\xbf" + SOUND
    yield "encoding: `NaN` in a field", SOUND[:-1] + b',"more":NaN}'
    yield (
        f"encoding: more than {limits.MANIFEST_BYTES} bytes",
        (b" " * limits.MANIFEST_BYTES + SOUND),
    )


def spelling(order: Sequence[str], indent: int | None, extra: Sequence[Json]) -> bytes:
    """Write the sound envelope in another of the ways that mean the same."""
    document = json.loads(SOUND)
    document["signatures"] += extra
    return json.dumps({name: document[name] for name in order}, indent=indent).encode()
