"""How an order to erase reaches this node: at once where nobody serves, else through the tray.

Knows the tray, a folder of the data folder into which orders are put for a serving node, and what
the node says of each. Does not know what is erased (``erasing``).

    data/erasures/<SHA-256>.json      an order that waits; gone once it is followed
    data/erasures/<SHA-256>.refused   in its place: why it is not
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from department_node import erasing
from department_node.beside import beside
from department_node.erasing import Ground
from department_node.store import Store, typed_errors
from federation import erasure, keyfile
from federation import party as parties
from federation.clock import Clock
from federation.erasure import ErasureOrder
from federation.errors import BadInput, PeerFault, Refused, Unavailable
from federation.party import Party
from federation.status import StatusLists
from federation.status_keeper import read_file
from federation.strictjson import dumps, loads

log = logging.getLogger(__name__)

TRAY: Final = "erasures"
PATIENCE: Final = 30.0
"""How long a command waits for a serving node, seconds."""
_LOOK: Final = 0.2
_WAITING: Final = ".json"
_REFUSED: Final = ".refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What came of an order here, all in all: when it was followed last, and what went."""

    order: ErasureOrder
    at: int
    tokens: int
    emptied: int
    shared: int


class Eraser:
    """Follows orders with a store at hand; ``lists`` are the newest status lists."""

    def __init__(
        self,
        party: Party,
        store: Store,
        clock: Clock,
        lists: Callable[[], StatusLists | None],
        forget: Callable[[Iterable[bytes]], None] = lambda _: None,
    ) -> None:
        self._party = party
        self._store = store
        self._clock = clock
        self._lists = lists
        self._forget = forget

    def follow(self, document: bytes) -> None:
        """Follow an order; what it erased is gone from the file, and from its journal too.

        Raises:
            BadInput: ERASURE_INVALID.
            Refused: ERASURE_TOO_EARLY.
            Unavailable: LOG_UNAVAILABLE; follow it again to be sure of the journal.
        """
        order = read(document, self._party)
        ground = Ground(order=order, document=document, lists=self._lists(), now=self._clock.now())
        with typed_errors():
            found = erasing.look(self._store.reader, order)

        def job(connection: Connection) -> erasing.Erased:
            return erasing.follow(connection, ground, found)

        self._forget(self._store.writer.write(job).tokens)
        if not self._store.scrub():
            raise Unavailable("LOG_UNAVAILABLE", why="busy")

    def empty_tray(self) -> None:
        """Follow what was put into the tray; what cannot be done now stays there."""
        for file in sorted((self._party.data / TRAY).glob(f"*{_WAITING}")):
            try:
                self.follow(file.read_bytes())
                file.unlink()
            except (BadInput, Refused) as error:
                log.warning("an order to erase is not followed: %s", error)
                said = {"code": error.code, "details": error.details}
                keyfile.write_private(file.with_suffix(_REFUSED), dumps(said))
                file.unlink()
            except (Unavailable, OSError) as error:
                log.warning("an order to erase has to wait: %s", error)


def read(document: bytes, party: Party) -> ErasureOrder:
    """Verify an order, and that it is this department's.

    Raises:
        BadInput: ERASURE_INVALID.
    """
    order = erasure.read(document, party.manifest)
    if order.department != party.id:
        raise BadInput("ERASURE_INVALID", why="department")
    return order


def follow(party: Party, document: bytes, clock: Clock, patience: float = PATIENCE) -> Followed:
    """Have an order followed: here, or by the node that serves.

    Raises:
        BadInput, Refused, Unavailable: as ``Eraser.follow``, or ERASURE_LEFT to the serving node.
    """
    order = read(document, party)
    with _alone(party) as alone:
        if alone:
            party.pin()
            with closing(Store(party.data)) as store:
                Eraser(party, store, clock, lambda: _lists(party)).follow(document)
            _waiting(party.data, document).unlink(missing_ok=True)
        else:
            _hand_over(_waiting(party.data, document), document, patience)
    return _followed(party.data, order, document)


@contextmanager
def _alone(party: Party) -> Iterator[bool]:
    """Hold the data folder, and tell whether nobody else does."""
    try:
        lock = parties.lock(party.data)
    except BadInput:
        yield False
        return
    with lock:
        yield True


def _lists(party: Party) -> StatusLists | None:
    """Read the last lists that this node has written down, however old: revoked is final."""
    try:
        return read_file(party)
    except PeerFault:
        return None


def _waiting(data: Path, document: bytes) -> Path:
    return data / TRAY / (sha256(document).hexdigest() + _WAITING)


def _hand_over(waiting: Path, document: bytes, patience: float) -> None:
    """Put an order into the tray and wait until it is taken.

    Raises:
        BadInput, Refused: what the serving node says of it.
        Unavailable: ERASURE_LEFT.
    """
    refused = waiting.with_suffix(_REFUSED)
    try:
        waiting.parent.mkdir(mode=0o700, exist_ok=True)
        refused.unlink(missing_ok=True)
        keyfile.write_private(waiting, document)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=waiting.name, folder=TRAY) from e
    until = time.monotonic() + patience
    while waiting.exists():
        if time.monotonic() > until:
            raise Unavailable("ERASURE_LEFT")
        time.sleep(_LOOK)
    if refused.exists():
        said = loads(refused.read_bytes(), refused.name)
        refused.unlink()
        kind = Refused if said["code"] == "ERASURE_TOO_EARLY" else BadInput
        raise kind(said["code"], **said["details"])


def _followed(data: Path, order: ErasureOrder, document: bytes) -> Followed:
    with beside(data) as own:
        sql = "SELECT at, tokens, emptied, shared FROM erasure WHERE document = ?"
        found = own.connection.execute(sql, (sha256(document).digest(),)).fetchone()
    at, tokens, emptied, shared = found
    return Followed(order=order, at=at, tokens=tokens, emptied=emptied, shared=shared)
