"""A sound status list, and every way in which one can be wrong, as the same three programs read it.

Does not know which token is looked up: a reader gives the state of one index.
"""

import hmac
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey
from openvc.errors import OpenvcError
from openvc.status import _decompress, check_token_status, verify_status_list_token

from federation import limits, status
from federation.errors import HeduiError
from federation.status import Status, StatusLists
from federation.strictjson import b64, dumps, unb64
from tests.interop import token_readers
from tests.interop.token_readers import Expected
from tests.interop.tokens import EXPECTED, KEY, NOW, THIEF
from tests.interop.verdicts import EndlessError, Reader, RefusedError

URI: Final = status.uri_of("registrar", "tax")
INDEX: Final = 7
STATES: Final = {INDEX: Status.SUSPENDED, 1_000: Status.INVALID}
LIST: Final = status.issue(URI, status.pack(STATES), NOW, KEY)

Json = dict[str, Any]


def hedui(data: bytes, uri: str, expected: Expected, index: int = INDEX) -> int:
    """Look an index up as a department node does."""
    try:
        read = status.read(data, uri=uri, issuers=expected.keys)
        return status.check_fresh(StatusLists.of(read), expected.now).at(uri).at(index)
    except HeduiError as e:
        raise RefusedError from e


def openvc(data: bytes, uri: str, expected: Expected, index: int = INDEX) -> int:
    """Look an index up with openvc-core; its caller finds the key."""

    def fetch(_: str) -> Json:
        return verify_status_list_token(
            data.decode(),
            public_key_jwk=token_readers.jwk(expected.keys[_kid(data)]),
            expected_uri=uri,
            leeway_s=0,
            now=datetime.fromtimestamp(expected.now, UTC),
        )

    claims = {"status": {"status_list": {"idx": index, "uri": uri}}}
    counted = SimpleNamespace(decompressobj=_Counted, error=zlib.error)
    try:
        with mock.patch.object(_decompress, "zlib", counted):
            found = check_token_status(claims, resolve_status_list_token=fetch)
    except (OpenvcError, KeyError, ValueError) as e:
        raise RefusedError from e
    assert found
    return found.status


class _Counted:
    """A decompressor that notices when it is asked for ever.

    16 MiB, the most that openvc takes, need a few hundred calls.
    """

    def __init__(self) -> None:
        self._inner = zlib.decompressobj()
        self._calls = 0

    def decompress(self, data: bytes, most: int) -> bytes:
        self._calls += 1
        if self._calls > 10_000:
            raise EndlessError
        return self._inner.decompress(data, most)

    @property
    def unconsumed_tail(self) -> bytes:
        return self._inner.unconsumed_tail

    def flush(self) -> bytes:
        return self._inner.flush()


def joserfc(data: bytes, uri: str, expected: Expected) -> Json:
    """Read the JWT of a list with joserfc, which knows nothing of what is packed in it."""
    keys = KeySet([OKPKey.import_key(token_readers.jwk(k)) for k in expected.keys.values()])  # type: ignore[arg-type]
    registry = token_readers.registry(status.TYPE)
    registry.max_payload_length = limits.STATUS_BYTES
    essential = {name: {"essential": True} for name in ("iat", "exp", "status_list")}
    claims = {
        **essential,
        "sub": {"essential": True, "value": uri},
        "ttl": {"essential": True, "value": 60},
    }
    try:
        read = jwt.decode(data, keys, registry=registry)
        jwt.JWTClaimsRegistry(expected.now, **claims).validate(read.claims)  # type: ignore[arg-type]
    except JoseError as e:
        raise RefusedError from e
    return read.claims


def readers(expected: Expected = EXPECTED, uri: str = URI) -> list[Reader]:
    """Give all three, for one expectation."""
    return [
        Reader(name="Hedui", read=lambda data: hedui(data, uri, expected)),
        Reader(name="openvc-core", read=lambda data: openvc(data, uri, expected)),
        Reader(name="joserfc", read=lambda data: joserfc(data, uri, expected), blind=_packed_only),
    ]


def _packed_only(data: bytes) -> bool:
    """Tell whether nothing is wrong but what stands in `status_list`."""
    cut = re.compile(rb'"status_list":\{[^}]*\}')
    claims, sound = (unb64(one.split(b".")[1], "claims") for one in (data, LIST))
    return cut.sub(b"", claims) == cut.sub(b"", sound)


def _kid(data: bytes) -> str:
    """Read the name of the key, without believing it."""
    header = json.loads(unb64(data.partition(b".")[0], "header"))
    return str(header["kid"])


def _parts() -> tuple[Json, Json]:
    header, claims, _ = LIST.split(b".")
    return json.loads(unb64(header, "header")), json.loads(unb64(claims, "claims"))


def signed(claims: Json) -> bytes:
    """Sign claims as the registrar does."""
    return _signed(dumps(_parts()[0]), dumps(claims))


def _signed(header: bytes, claims: bytes) -> bytes:
    body = f"{b64(header)}.{b64(claims)}".encode()
    return body + b"." + b64(KEY.sign(body)).encode()


def _with(change: Callable[[Json, Json], object]) -> bytes:
    header, claims = _parts()
    change(header, claims)
    return _signed(dumps(header), dumps(claims))


def _header(**changes: object) -> bytes:
    return _with(lambda header, _: header.update(changes))


def _claims(**changes: object) -> bytes:
    return _with(lambda _, claims: claims.update(changes))


def _packed(data: bytes, bits: object = 2) -> bytes:
    return _claims(status_list={"bits": bits, "lst": b64(data)})


def _aged(seconds: int) -> bytes:
    return status.issue(URI, status.pack(STATES), NOW - seconds, KEY)


def faults() -> Mapping[str, bytes]:
    """Give all faulty lists by what is wrong with them."""
    found = [*_signatures(), *_headers(), *_contents(), *_lists()]
    by_name = dict(found)
    assert len(by_name) == len(found), "one name twice"
    return by_name


def _signatures() -> Iterator[tuple[str, bytes]]:
    body, _, signature = LIST.rpartition(b".")
    raw = unb64(signature, "signature")
    header, claims = _parts()
    yield "signature: one bit changed", body + b"." + b64(bytes([raw[0] ^ 1]) + raw[1:]).encode()
    yield "signature: missing", body + b"."
    yield (
        "signature: a stranger's, under the registrar's `kid`",
        (body + b"." + b64(THIEF.sign(body)).encode()),
    )
    yield (
        "signature: a stranger's, under the stranger's `kid`",
        status.issue(URI, status.pack({}), NOW, THIEF),
    )
    unsigned = f"{b64(dumps(header | {'alg': 'none'}))}.{b64(dumps(claims))}."
    yield "`alg`: `none`, no signature", unsigned.encode()
    keyed = f"{b64(dumps(header | {'alg': 'HS256'}))}.{b64(dumps(claims))}".encode()
    mac = hmac.digest(KEY.verify_key.raw, keyed, "sha256")
    yield "`alg`: `HS256`, keyed with the public key", keyed + b"." + b64(mac).encode()


def _headers() -> Iterator[tuple[str, bytes]]:
    yield "`alg`: `EdDSA`, signed with Ed25519", _header(alg="EdDSA")
    yield "`typ`: `JWT`", _header(typ="JWT")
    yield "`typ`: a consent token's", _header(typ="dc+sd-jwt")
    yield "`crit`: an unknown extension", _header(crit=["hedui"], hedui=True)
    yield "header: a parameter of no use (`cty`)", _header(cty="json")


def _contents() -> Iterator[tuple[str, bytes]]:
    yield "time: expired", _aged(limits.STATUS_AGE + 1)
    yield "time: fresh, but `exp` has passed", _claims(exp=NOW - 1)
    yield "time: expired, but `exp` has not passed", _claims(iat=NOW - 2 * limits.STATUS_AGE)
    yield "time: issued in an hour", _aged(-3_600)
    yield "time: `exp` is text", _claims(exp=str(NOW + 900))
    yield "time: `iat` is true", _claims(iat=True)
    yield "time: `exp` missing", _with(lambda _, claims: claims.pop("exp"))
    header, claims = _parts()
    text = dumps(claims).replace(f'"exp":{NOW + 900}'.encode(), f'"exp":{NOW + 900}.0'.encode())
    yield "time: `exp` is a float", _signed(dumps(header), text)
    yield (
        "claim: `sub` names another department's list",
        _claims(sub=status.uri_of("registrar", "bank_a")),
    )
    yield (
        "claim: `sub` names the next of the series",
        _claims(sub=status.uri_of("registrar", "tax", 1)),
    )
    yield "claim: `sub` missing", _with(lambda _, claims: claims.pop("sub"))
    yield "claim: `ttl` of a year", _claims(ttl=31_536_000)
    yield "claim: one that is not ours", _claims(nickname="x")
    yield (
        "claim: `sub` twice",
        _signed(dumps(header), dumps(claims)[:-1] + f',"sub":"{URI}"}}'.encode()),
    )


def _lists() -> Iterator[tuple[str, bytes]]:
    packed = status.pack(STATES)
    whole = zlib.compress(packed)
    for bits in (1, 4, 3, True, "2"):
        yield f"list: `bits` is {json.dumps(bits)}", _packed(whole, bits)
    yield "list: `bits` missing", _claims(status_list={"lst": b64(whole)})
    yield "list: an entry short of 2²⁰", _packed(zlib.compress(packed[:-1]))
    yield "list: longer than 2²⁰", _packed(zlib.compress(packed + b"\0"))
    yield "list: empty", _packed(zlib.compress(b""))
    yield "list: grows to 64 MiB", _packed(zlib.compress(bytes(64 << 20), 9))
    yield "list: compressed stream cut short", _packed(whole[:-1])
    yield "list: wrong checksum", _packed(whole[:-4] + bytes(4))
    yield "list: bytes behind the compressed stream", _packed(whole + b"more")
    yield "list: not compressed", _packed(packed[:1_000])
    yield (
        "list: padded base64url",
        _claims(status_list={"bits": 2, "lst": b64(whole) + "=" * (-len(b64(whole)) % 4 or 4)}),
    )
    yield (
        "list: something beside it",
        _claims(status_list={"bits": 2, "lst": b64(whole), "aggregation_uri": "x"}),
    )
    yield (
        f"encoding: more than {limits.STATUS_BYTES} bytes",
        _claims(status_list={"bits": 2, "lst": "A" * limits.STATUS_BYTES}),
    )
    yield "encoding: a new line after the list", LIST + b"\n"
    yield "encoding: four parts", LIST + b".AA"
