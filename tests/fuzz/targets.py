"""What is fuzzed: the strict parsers of bytes from outside, and what must hold of what they take.

A parser refuses with its own typed error or gives a value that is written back as the same bytes.
Signatures count as sound here, so that what stands behind them is reached too.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from crypto import checkpoint, envelope, note, tiles
from crypto.errors import CryptoError
from crypto.keys import VerifyKey
from crypto.merkle import HASH_SIZE
from federation import bundle, consent, status, strictjson
from federation.errors import HeduiError
from federation.ledger import read_items
from federation.log import events, proof, rows
from federation.wire import codec, log_messages, receipt_messages

LEAVES: Final = [bytes((n,)) * 32 for n in range(3)]
URI: Final = status.uri_of("registrar", "public_security")
_LARGEST: Final = 1 << 16

Run = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parser and its promise; ``seeds`` are folders of hostile files to begin with."""

    run: Run
    seeds: tuple[str, ...] = ()


def attempt(target: Target, data: bytes) -> bool:
    """Tell whether a target takes some bytes; anything but a typed refusal is a finding."""
    try:
        target.run(data)
    except (HeduiError, CryptoError):
        return False
    return True


class _Trusting:
    """A key that finds every signature sound."""

    def verify(self, *_: object) -> None:
        pass


class _Trusted(dict[str, Any]):
    """Has a key under every name that is text."""

    def __missing__(self, name: str) -> object:
        assert type(name) is str
        return _Trusting()


ANYBODY: Final = cast("Mapping[str, VerifyKey]", _Trusted())


def _same(written: bytes, data: bytes) -> None:
    assert written == data, "written back otherwise"


def _batch(data: bytes) -> None:
    _same(codec.encode_batch(codec.decode_batch(data)), data)


def _header(data: bytes) -> None:
    _same(codec.encode_header(codec.decode_header(data)), data)


def _question(data: bytes) -> None:
    _same(codec.encode_question(codec.decode_question(data)), data)


def _answer(data: bytes) -> None:
    _same(codec.encode_answer(codec.decode_answer(data)), data)


def _entry(data: bytes) -> None:
    entry = codec.decode_entry(data)
    _same(codec.encode_entry(entry), data)
    if len(entry.beside) == HASH_SIZE:
        assert codec.entry_beside(data) == entry.beside


def _items(data: bytes) -> None:
    _same(read_items(data).write(), data)


def _receipt(data: bytes) -> None:
    receipt = receipt_messages.decode_receipt(data)
    _same(receipt_messages.encode_receipt(receipt), data)
    places = receipt_messages.places(data).values()
    assert sum(stop - first for first, stop in places) == len(data)


def _presented(data: bytes) -> None:
    _same(log_messages.encode_checkpoint(log_messages.decode_checkpoint(data)), data)


def _note(data: bytes) -> None:
    _same(note.write(note.parse(data)), data)


def _vkey(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert note.write_vkey(note.parse_vkey(text)) == text


def _checkpoint(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert checkpoint.write(checkpoint.parse(text)) == text


def _path(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert tiles.path(*tiles.parse_path(text)) == text


def _proof(data: bytes) -> None:
    _same(proof.write(proof.parse(data)), data)


def _rows(data: bytes) -> None:
    _same(rows.write(rows.read(data, LEAVES)), data)


def _event(data: bytes) -> None:
    _same(strictjson.dumps(events.read(data)), data)
    events.read_tombstone(data)


def _json(data: bytes) -> None:
    """Whatever is taken, the usual reader understands as the same."""
    value = strictjson.loads(data, "fuzz")
    assert json.loads(data) == value
    assert strictjson.loads(strictjson.dumps(value), "fuzz") == value


def _b64(data: bytes) -> None:
    assert strictjson.b64(strictjson.unb64(data, "fuzz")).encode() == data


def _token(data: bytes) -> None:
    read = consent.read(data, ANYBODY)
    assert len(read.grants) <= read.slots
    assert consent.read(consent.disclose(data, read.grants), ANYBODY) == read


def _list(data: bytes) -> None:
    read = status.read(data, uri=URI, issuers=ANYBODY)
    assert status.claimed_uri(data) == URI
    assert not read.brings_back(read)


def _envelope(data: bytes) -> None:
    read = envelope.from_json(data, max_bytes=_LARGEST)
    assert envelope.from_json(envelope.to_json(read), max_bytes=2 * _LARGEST) == read


def _bundle(data: bytes) -> None:
    archive = bundle.read(data)
    if not archive.damaged:
        _same(bundle.write(archive.files), data)
    if bundle.CONTENTS in archive.files:
        _, contents = bundle.read_contents(archive)
        bundle.write_contents(contents)


TARGETS: Final[Mapping[str, Target]] = {
    "answer": Target(run=_answer),
    "b64": Target(run=_b64),
    "batch": Target(run=_batch, seeds=("requests",)),
    "bundle": Target(run=_bundle, seeds=("bundles",)),
    "checkpoint": Target(run=_checkpoint),
    "entry": Target(run=_entry),
    "envelope": Target(run=_envelope, seeds=("manifests", "alarms", "orders")),
    "event": Target(run=_event),
    "header": Target(run=_header),
    "items": Target(run=_items),
    "json": Target(run=_json),
    "list": Target(run=_list, seeds=("lists",)),
    "note": Target(run=_note, seeds=("checkpoints",)),
    "path": Target(run=_path),
    "presented": Target(run=_presented, seeds=("witness",)),
    "proof": Target(run=_proof, seeds=("proofs",)),
    "question": Target(run=_question),
    "receipt": Target(run=_receipt, seeds=("receipts",)),
    "rows": Target(run=_rows),
    "token": Target(run=_token, seeds=("tokens",)),
    "vkey": Target(run=_vkey),
}
