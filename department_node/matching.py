"""Match a block of pseudonyms with the roll and the records: sets in, one outcome a person out.

Knows the roll's table and the department's own SQL as set queries, and that a question of a mandate
is yes or no. Does not know mandates, consents or who asks, and keeps nothing.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final, Protocol, Self

from department_node.catalogue import Answering
from department_node.evaluate import Period
from department_node.store import typed_errors
from federation.errors import Unavailable
from federation.exchange import Outcome
from federation.mandate_list import PSEUDONYM_BYTES
from federation.policy import Parameter

_MAPPED: Final = 1 << 31
"""Bytes of the database that are read where they lie, without copying."""
# One statement for a block: the counter runs in SQLite, and the pseudonyms are cut there.
_PRESENT: Final = """
WITH RECURSIVE place (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM place WHERE i + 1 < ?2)
SELECT i, person.key FROM place CROSS JOIN person
ON person.psn = substr(?1, i * ?3 + 1, ?3) AND person.present = 1
"""


class SetSource(Protocol):
    """Records that answer one statement for many record keys at once."""

    def scalars(
        self, sql: str, keys: Sequence[str], parameters: Mapping[str, object], *, prompt: bool
    ) -> list[object | None]:
        """Give what a query finds for each key, in their order."""
        ...


class Roll:
    """The enrolled people, read beside the writer on a connection of its own."""

    def __init__(self, database: Path) -> None:
        """Open the node's database read-only.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        with typed_errors():
            self._connection = sqlite3.connect(
                database.resolve().as_uri() + "?mode=ro",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection.execute(f"PRAGMA mmap_size = {_MAPPED}")
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.reading() as connection:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold the connection, which one thread at a time may use.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        with self._lock, typed_errors():
            yield self._connection

    def present(self, pseudonyms: bytes) -> list[tuple[int, str]]:
        """Find who of a block is on the roll: places in the block, with record keys.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        people = len(pseudonyms) // PSEUDONYM_BYTES
        with self.reading() as connection:
            found = connection.execute(_PRESENT, (pseudonyms, people, PSEUDONYM_BYTES))
            return found.fetchall()


def match(
    pseudonyms: bytes,
    roll: Roll,
    records: SetSource,
    answering: Answering,
    bound: Mapping[str, object],
) -> bytes:
    """Answer a yes-or-no question about a register of events with one outcome a person.

    NO is for who is not on the roll as for who has no such record.

    Raises:
        BadInput, Unavailable: the source cannot be read, or the catalogue's SQL does not fit.
    """
    present = roll.present(pseudonyms)
    keys = [key for _, key in present]
    values = records.scalars(answering.sql, keys, bound, prompt=False) if keys else []
    if not all(value is None or isinstance(value, int) for value in values):
        raise Unavailable("SOURCE_VALUE", predicate=answering.predicate.id)
    said = bytearray([Outcome.NO]) * (len(pseudonyms) // PSEUDONYM_BYTES)
    for (place, _), value in zip(present, values, strict=True):
        if value:
            said[place] = Outcome.YES
    return bytes(said)


def bindings(parameter: Parameter | None, period: Period) -> dict[str, object]:
    """Give what a catalogue's statement may bind, the record's key apart."""
    today = period.today.isoformat()
    return {
        "from": period.start.isoformat(),
        "to": period.end.isoformat(),
        "today": today,
        "since": today,
        "prefix": "",
        "value": parameter.value if parameter else "",
        "size": 0,
    }
