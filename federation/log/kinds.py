"""The closed table of events: which kinds may stand in a log, and exactly which fields each has.

A module a party (``registrar_events`` …) names its kinds; here they are written and read in one way
only, bytes as base64url. None holds a resident number or a name. The tombstone is no row of the
table: the log itself understands it (``events``). Does not know what follows from an event.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin, get_type_hints

from federation.errors import PeerFault
from federation.log import events
from federation.log.alert_events import AlertRaised
from federation.log.coordinator_events import CoordinatorEvent
from federation.log.node_events import NodeEvent
from federation.log.registrar_events import RegistrarEvent
from federation.shapes import sized, text, whole
from federation.strictjson import b64, exactly

Event = RegistrarEvent | CoordinatorEvent | NodeEvent | AlertRaised
KINDS: Final[Mapping[str, type[Event]]] = {one.kind: one for one in get_args(Event)}

_NUMBER_MOST: Final = (1 << 53) - 1
_LIST_MOST: Final = 4_096

Reader = Callable[[object], object]


class Happened(NamedTuple):
    """An event and when it happened, UTC seconds."""

    at: int
    event: Event


def write(event: Event, at: int) -> bytes:
    """Write an event as the record of a log."""
    facts = {name: _plain(getattr(event, name)) for name in _READERS[event.kind]}
    return events.write(at, event.kind, facts)


def read(record: bytes) -> Happened:
    """Read an event of the table: a known kind and exactly its fields.

    Raises:
        PeerFault: MALFORMED.
    """
    raw = events.read(record)
    if raw["kind"] not in _READERS:
        raise PeerFault("MALFORMED", message="event")
    readers = _READERS[raw["kind"]]
    exactly(raw, readers.keys() | {"at", "kind"}, raw["kind"])
    facts: dict[str, Any] = {name: reader(raw[name]) for name, reader in readers.items()}
    return Happened(_number(raw["at"]), KINDS[raw["kind"]](**facts))


def beside(record: bytes) -> bytes | None:
    """Give the SHA-256 of what must lie beside an event's record; None where that is nothing.

    Raises:
        PeerFault: MALFORMED.
    """
    event = read(record).event
    digest: bytes | None = getattr(event, event.beside) if event.beside else None
    return digest


def _plain(value: Any) -> Any:
    if type(value) is bytes:
        return b64(value)
    return list(map(_plain, value)) if type(value) is tuple else value


def _bytes(value: object, sizes: tuple[int, ...]) -> bytes:
    return b"" if value == "" and 0 in sizes else sized(value, sizes[-1])


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise PeerFault("MALFORMED", message="flag")
    return value


def _number(value: object) -> int:
    return whole(value, 0, _NUMBER_MOST)


def _several(value: object) -> list[object]:
    if type(value) is not list or len(value) > _LIST_MOST:
        raise PeerFault("MALFORMED", message="list")
    return value


_SIMPLE: Final[Mapping[Any, Reader]] = {str: text, bool: _flag, int: _number}


def _reader(hint: Any) -> Reader:
    """Give the reader of a field of a type."""
    if get_origin(hint) is Annotated:
        return lambda value: _bytes(value, hint.__metadata__)
    if get_origin(hint) is tuple:
        each = _reader(get_args(hint)[0])
        return lambda value: tuple(map(each, _several(value)))
    return _SIMPLE[hint]


def _readers(kind: type[Event]) -> dict[str, Reader]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: _reader(hints[field.name]) for field in fields(kind)}


_READERS: Final = {name: _readers(kind) for name, kind in KINDS.items()}
