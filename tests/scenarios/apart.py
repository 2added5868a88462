"""A message taken apart: into all bytes that it may mean, and into all numbers that it holds.

Bytes: the message itself and whatever in it reads as base64 (both alphabets, every alignment),
hexadecimal or zlib, again and again. Numbers: protobuf fields, known and unknown, JSON inside
tokens, and digits inside texts. Bytes that are random by nature (salts, digests, signatures,
pseudonyms, group elements) are not read as numbers, for there every number occurs by chance.
"""

import base64
import binascii
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Proto
from google.protobuf.unknown_fields import UnknownFieldSet

from federation.exchange import (
    ASK,
    CHANGE_HOUSEHOLD,
    COMPARE,
    CONTRIBUTE,
    EVALUATE,
    ISSUE_TOKENS,
    RECORD_CONSENT,
    RECORD_OBJECTION,
    RESUME_CONSENT,
    REVOKE_CONSENT,
    SUSPEND_CONSENT,
    TEST,
)
from federation.v1 import envelope_pb2, log_pb2, node_pb2, registrar_pb2, sum_pb2
from federation.wire.description import DESCRIBE
from federation.wire.log_messages import ADD_CHECKPOINT, READ
from federation.wire.receipt_messages import PROVE, PROVE_SUM
from federation.wire.registrar_messages import STATUS_LIST
from tests.scenarios.recording import Message

Numbers = Iterator[tuple[str, float]]
"""Where a number stands, as Message.field or as the path inside a token, and the number."""

_DEPTH: Final = 4
_UNZIPPED: Final = 1 << 20
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEX: Final = re.compile(rb"(?:[0-9a-fA-F]{2}){6,}")
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_RANDOM: Final = re.compile(r"[A-Za-z0-9_-]{22}|[A-Za-z0-9_-]{43}|[A-Za-z0-9_-]{86}")
"""16, 32 or 64 bytes in base64url: an id, salt, digest, key or signature."""
_DIGITS: Final = re.compile(r"(?<![0-9A-Za-z.])\d[\d,]*(?:\.\d+)?(?![0-9A-Za-z])")
_ITEMS: Final[dict[tuple[str, bool], type[Proto]]] = {
    (ASK, True): node_pb2.Question,
    (ASK, False): node_pb2.Answer,
    (RECORD_CONSENT, True): registrar_pb2.ConsentForm,
    (RECORD_CONSENT, False): registrar_pb2.ConsentReceipt,
    (ISSUE_TOKENS, True): registrar_pb2.ConsentOrder,
    (ISSUE_TOKENS, False): registrar_pb2.IssuedTokens,
    (REVOKE_CONSENT, True): registrar_pb2.ConsentOrder,
    (REVOKE_CONSENT, False): registrar_pb2.ConsentReceipt,
    (SUSPEND_CONSENT, True): registrar_pb2.ConsentOrder,
    (SUSPEND_CONSENT, False): registrar_pb2.ConsentReceipt,
    (RESUME_CONSENT, True): registrar_pb2.ConsentOrder,
    (RESUME_CONSENT, False): registrar_pb2.ConsentReceipt,
    (CHANGE_HOUSEHOLD, True): registrar_pb2.ConsentOrder,
    (CHANGE_HOUSEHOLD, False): registrar_pb2.EndedConsents,
    (RECORD_OBJECTION, True): registrar_pb2.Objection,
    (RECORD_OBJECTION, False): registrar_pb2.IssuedTokens,
    (EVALUATE, True): registrar_pb2.BlindBatch,
    (EVALUATE, False): registrar_pb2.BlindEvaluation,
}
_LAST: Final[dict[tuple[str, bool], type[Proto]]] = {
    (CONTRIBUTE, True): sum_pb2.SumOrder,
    (CONTRIBUTE, False): sum_pb2.Contribution,
    (COMPARE, True): sum_pb2.Comparison,
    (COMPARE, False): sum_pb2.Compared,
    (TEST, True): sum_pb2.SlotTest,
    (TEST, False): sum_pb2.Tested,
}
"""The last item of a sum's messages; before it stands a question or an answer for each slot."""
_PLAIN: Final[dict[tuple[str, bool], type[Proto]]] = {
    (STATUS_LIST, True): registrar_pb2.StatusListRequest,
    (STATUS_LIST, False): registrar_pb2.StatusList,
    (DESCRIBE, True): node_pb2.DescribeRequest,
    (DESCRIBE, False): node_pb2.NodeDescription,
    (PROVE, True): node_pb2.ProveRequest,
    (PROVE, False): node_pb2.Proved,
    (PROVE_SUM, True): node_pb2.ProveRequest,
    (PROVE_SUM, False): node_pb2.Proved,
    (READ, True): log_pb2.LogRequest,
    (READ, False): log_pb2.LogPart,
    (ADD_CHECKPOINT, True): log_pb2.AddCheckpoint,
    (ADD_CHECKPOINT, False): log_pb2.Cosigned,
}


def views(data: bytes, depth: int = _DEPTH) -> Iterator[bytes]:
    """Give the bytes and everything they decode to."""
    yield data
    if depth == 0:
        return
    for run in _BASE64.findall(data):
        for start in range(4):
            yield from views(_unbase64(run[start:]), depth - 1)
    for run in _HEX.findall(data):
        yield from views(bytes.fromhex(run.decode()), depth - 1)
        yield from views(bytes.fromhex(run[1:-1].decode()), depth - 1)
    if data[:1] == b"\x78":
        yield from views(_unzip(data), depth - 1)


def numbers(message: Message) -> Numbers:
    """Give every number of a message."""
    call = message.method, message.request
    if call in _PLAIN:
        yield from _parsed(_PLAIN[call], message.data)
    elif call in _LAST:
        batch = envelope_pb2.SignedBatch.FromString(message.data)
        last, slot = batch.items.pop(), node_pb2.Question if message.request else node_pb2.Answer
        yield from _parsed(envelope_pb2.SignedBatch, batch.SerializeToString(), slot)
        yield from _parsed(_LAST[call], last.item)
    else:
        yield from _parsed(envelope_pb2.SignedBatch, message.data, _ITEMS[call])


def _unbase64(run: bytes) -> bytes:
    whole = run[: len(run) - (len(run) % 4 == 1)].translate(_TO_STANDARD)
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))


def _unzip(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _UNZIPPED)
    except zlib.error:
        return b""


def _parsed(kind: type[Proto], data: bytes, item: type[Proto] | None = None) -> Numbers:
    try:
        message = kind.FromString(data)
    except DecodeError:
        yield from _text(f"{kind.__name__}?", data.decode("utf-8", "ignore"))
    else:
        yield from _fields(message, item)


def _fields(message: Proto, item: type[Proto] | None) -> Numbers:
    for field, value in message.ListFields():
        name = f"{message.DESCRIPTOR.name}.{field.name}"
        for one in [value] if isinstance(value, bytes | str | int | float | Proto) else value:
            match one:
                case Proto():
                    yield from _fields(one, item)
                case bytes():
                    yield from _bytes(name, one, item)
                case str():
                    yield from _text(name, one)
                case _:
                    yield name, one
    yield from _unknown(f"{message.DESCRIPTOR.name}.?", UnknownFieldSet(message))


def _bytes(name: str, data: bytes, item: type[Proto] | None) -> Numbers:
    if name == "SaltedItem.item" and item:
        yield from _parsed(item, data)
    elif name == "Envelope.payload":
        yield from _parsed(envelope_pb2.Header, data)
    elif name in _TOKENS:
        yield from _TOKENS[name](data)
    else:
        yield from _text(name, _printable(data))


def _unknown(name: str, fields: Any) -> Numbers:
    """Read fields that no message of the protocol has, whatever they may be."""
    for field in fields:
        data = field.data
        if isinstance(data, bytes):
            yield from _text(name, _printable(data))
            try:
                nested = node_pb2.DescribeRequest.FromString(data)  # it has no field of its own
            except DecodeError:
                continue
            yield from _unknown(name, UnknownFieldSet(nested))
        elif isinstance(data, int):
            yield name, data
            yield name, data >> 1 if data % 2 == 0 else -(data >> 1) - 1
            wide = {1: "<Qd", 5: "<If"}.get(field.wire_type)
            if wide:
                yield name, struct.unpack(f"<{wide[2]}", struct.pack(wide[:2], data))[0]
        else:
            yield from _unknown(name, data)


def _printable(data: bytes) -> str:
    """Read bytes as a text, where they are one."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""


def _text(name: str, text: str) -> Numbers:
    if text[:1] in {"{", "["}:
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if value is not None:
            yield from _json(name, value)
            return
    if not _RANDOM.fullmatch(text):
        for digits in _DIGITS.findall(text):
            yield name, float(Decimal(digits.replace(",", "")))


def _json(name: str, value: Any) -> Numbers:
    match value:
        case bool() | None:
            return
        case int() | float():
            yield name, value
        case str():
            yield from _text(name, value)
        case list():
            for one in value:
                yield from _json(name, one)
        case dict():
            for key, one in value.items():
                yield from _text(f"{name} key", key)
                yield from _json(f"{name}.{key}", one)


def _sd_jwt(data: bytes) -> Numbers:
    """Read a consent token: header, claims, and every disclosure after a tilde."""
    head, *disclosures = data.decode("ascii", "replace").split("~")
    yield from _jwt("token", head)
    for one in disclosures:
        yield from _decoded("disclosure", one)


def _status_list(data: bytes) -> Numbers:
    yield from _jwt("status", data.decode("ascii", "replace"))


def _events(data: bytes) -> Numbers:
    """Read the events among the rows of a log; an exchange's signed messages travelled before."""
    text, decoder = data.decode("latin-1"), json.JSONDecoder()
    start = text.find('{"')
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
            yield from _json("event", value)
        except ValueError:
            end = start + 1
        start = text.find('{"', end)


def _jwt(name: str, text: str) -> Numbers:
    for part in text.split(".")[:2]:  # the third is the signature
        yield from _decoded(name, part)


def _decoded(name: str, part: str) -> Numbers:
    try:
        text = _unbase64(part.encode()).decode()
    except (binascii.Error, UnicodeError):
        text = part
    yield from _text(name, text)


_TOKENS: Final[dict[str, Callable[[bytes], Numbers]]] = {
    "SignedBatch.presentations": _sd_jwt,
    "IssuedToken.token": _sd_jwt,
    "StatusList.jwt": _status_list,
    "LogPart.data": _events,
}
