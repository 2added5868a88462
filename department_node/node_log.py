"""The node's log: by which rules its records go, who keeps it, and a look at it from beside.

Knows what lies beside a record. Does not write entries (``settling``, ``mandates``), and does not
know what an auditor makes of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final, NoReturn

from department_node.beside import beside
from department_node.store import Store
from federation.clock import Clock
from federation.errors import PeerFault
from federation.log import events, kinds
from federation.log.book import Book
from federation.log.checking import Rules
from federation.log.keeper import Keeper, Plan
from federation.log.node_events import ErasureFollowed
from federation.log.sqlite import SqliteBook
from federation.party import Party
from federation.wire import codec
from federation.wire.channel import Peers
from federation.wire.log_service import witness_sender


def _beside(record: bytes) -> bytes | None:
    if not events.is_event(record):
        return codec.decode_entry(record).beside
    return None if events.read_tombstone(record) else kinds.beside(record)


def _ordered(book: Book, row: int, order: bytes) -> bool:
    """Find the order of a tombstone right before it and the others of the same order.

    Whether the registrar has signed it, an auditor asks the registrar's log.
    """
    try:
        tombstone = events.read_tombstone(_record(book, row))
        while tombstone and tombstone.order == order:
            row -= 1
            tombstone = events.read_tombstone(_record(book, row))
        return _follows(_record(book, row), order)
    except PeerFault:
        return False


def _record(book: Book, row: int) -> bytes:
    """Read a record; an erased one, and one before the first row, is nothing."""
    return (book.rows(row, row + 1)[0].record if row >= 0 else None) or b""


def _follows(record: bytes, order: bytes) -> bool:
    event = kinds.read(record).event
    return isinstance(event, ErasureFollowed) and event.document == order


RULES: Final = Rules(beside=_beside, ordered=_ordered)
"""By what a self-check finds an altered row: erased ones have an order that lies in the log."""


def book(store: Store) -> SqliteBook:
    """Give the log among the tables of an open node."""
    return SqliteBook(lambda: nullcontext(store.reader), store.writer.write)


def keeper(store: Store, party: Party, clock: Clock, peers: Peers, every: float) -> Keeper:
    """Look at the log, and be ready to see to it every so many seconds."""
    plan = Plan(every=every, rules=RULES)
    return Keeper(book(store), party, clock, witness_sender(party, peers), plan)


@contextmanager
def look(data: Path) -> Iterator[SqliteBook]:
    """Open the log of a data folder read-only, while the node may be running.

    Raises:
        BadInput: NODE_NEVER_RAN when there is none.
        Unavailable: LOG_UNAVAILABLE.
    """
    with beside(data) as own:
        yield SqliteBook(lambda: nullcontext(own.connection), _never)


def _never(_: object) -> NoReturn:
    raise TypeError("looked at, never written")
