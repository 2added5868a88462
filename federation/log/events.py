"""Events: whatever stands in a log and is no exchange; canonical JSON with a time and a kind.

Knows their frame, and the one event that the log itself understands: the tombstone of erased rows.
Does not know what other kinds say.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from crypto.merkle import HASH_SIZE
from federation.errors import PeerFault
from federation.strictjson import Json, b64, dumps, loads, unb64

TOMBSTONE: Final = "tombstone"
_BEGIN: Final = b"{"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """Rows were erased: when, by which signed order (its SHA-256), and which ones, rising."""

    at: int
    order: bytes
    rows: tuple[int, ...]


def write(at: int, kind: str, facts: Json) -> bytes:
    """Write the record of an event; bytes among its facts go through ``strictjson.b64``."""
    return dumps({**facts, "at": at, "kind": kind})


def is_event(record: bytes) -> bool:
    """Tell an event from an exchange by its first byte."""
    return record.startswith(_BEGIN)


def read(record: bytes) -> Json:
    """Read the record of an event.

    Raises:
        PeerFault: MALFORMED when it is none, or not written as ``write`` writes.
    """
    value = loads(record, "event")
    if not isinstance(value, dict) or dumps(value) != record:
        raise PeerFault("MALFORMED", message="event")
    if type(value.get("at")) is not int or type(value.get("kind")) is not str:
        raise PeerFault("MALFORMED", message="event")
    return value


def write_tombstone(tombstone: Tombstone) -> bytes:
    """Write the record of a tombstone."""
    facts = {"order": b64(tombstone.order), "rows": list(tombstone.rows)}
    return write(tombstone.at, TOMBSTONE, facts)


def read_tombstone(record: bytes) -> Tombstone | None:
    """Read a tombstone; None where the record is an exchange or another event.

    Raises:
        PeerFault: MALFORMED.
    """
    if not is_event(record):
        return None
    event = read(record)
    if event["kind"] != TOMBSTONE:
        return None
    rows: Any = event.get("rows")
    if event.keys() != {"at", "kind", "order", "rows"} or not _rising(rows):
        raise PeerFault("MALFORMED", message=TOMBSTONE)
    order = unb64(event["order"], TOMBSTONE)
    if len(order) != HASH_SIZE:
        raise PeerFault("MALFORMED", message=TOMBSTONE)
    return Tombstone(at=event["at"], order=order, rows=tuple(rows))


def _rising(rows: Any) -> bool:
    if not isinstance(rows, list) or not rows or any(type(row) is not int for row in rows):
        return False
    return rows[0] >= 0 and all(one < other for one, other in pairwise(rows))
