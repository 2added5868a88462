"""What a record of a log is: an exchange, an event of the table, or the tombstone of erased rows.

Knows how to tell them apart, and what must lie beside each. Does not know what any of them means.
"""

from collections.abc import Mapping
from typing import Final

from federation import exchange
from federation.ledger import LedgerEntry
from federation.log import events, kinds
from federation.log.events import Tombstone
from federation.log.kinds import Happened
from federation.wire import codec

Said = LedgerEntry | Happened | Tombstone

KINDS: Final[Mapping[str, str]] = {
    "ask": exchange.ASK,
    "mandate": exchange.ASK_MANDATE,
    "contribute": exchange.CONTRIBUTE,
    "compare": exchange.COMPARE,
    "test": exchange.TEST,
}
"""What those who are asked log of exchanges, each kind with its method."""

_TOMBSTONE: Final = f'"kind":"{events.TOMBSTONE}"'.encode()
"""Stands in every tombstone, and in no other record: quotes within a text are escaped."""


def read(record: bytes) -> Said:
    """Read a record as what it is.

    Raises:
        PeerFault: MALFORMED or OVERSIZE when it is nothing that may stand in a log.
    """
    if not events.is_event(record):
        return codec.decode_entry(record)
    return tombstone(record) or kinds.read(record)


def tombstone(record: bytes) -> Tombstone | None:
    """Read a tombstone; None where the record is anything else, which is not read.

    Raises:
        PeerFault: MALFORMED.
    """
    return events.read_tombstone(record) if _TOMBSTONE in record else None


def beside(record: bytes) -> bytes | None:
    """Give the SHA-256 of what must lie beside a record; None where that is nothing.

    An exchange is not read further than that.

    Raises:
        PeerFault: MALFORMED.
    """
    if not events.is_event(record):
        return codec.entry_beside(record)
    return None if _TOMBSTONE in record else kinds.beside(record)
