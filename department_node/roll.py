"""Whom a department's register knows: the rows of the roll, made usable or counted as rejected.

Knows ids, names and fingerprints. Remembers which record keys and ids it has met in a nameless
temporary database, so that a roll of any size is read in flat memory. Does not know pseudonyms.
"""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

from department_node.records import RecordSource
from federation import ids
from federation.errors import BadInput

HALF: Final = 16
"""A fingerprint is 16 bytes of the id and 16 of id and name."""

_COLUMNS: Final = 3
_SCHEMA: Final = "CREATE TABLE met (key BLOB PRIMARY KEY, id BLOB UNIQUE) WITHOUT ROWID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One usable row of the roll. ``name`` is normalised, empty where none is to be compared."""

    key: str = field(repr=False)
    id: str = field(repr=False)
    name: str = field(repr=False)
    fingerprint: bytes


class Roll:
    """The roll of a catalogue; ``rejected`` counts by code what the last reading passed over."""

    def __init__(self, records: RecordSource, sql: str, *, names: bool, secret: bytes) -> None:
        self._records = records
        self._sql = sql
        self._names = names
        self._secret = secret
        self._met = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._met.executescript(f"PRAGMA journal_mode = OFF; BEGIN; {_SCHEMA}")
        self.rejected: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._met.close()

    def entries(self) -> Iterator[Entry]:
        """Read the usable rows, each id and each record key once: the first row counts."""
        self.rejected.clear()
        self._met.execute("DELETE FROM met")
        for row in self._records.rows(self._sql):
            try:
                entry = self._entry(row)
            except BadInput as error:
                self.rejected[error.code] += 1
                continue
            if self._meet(entry):
                yield entry
            else:
                self.rejected["ROLL_DUPLICATE"] += 1

    def has(self, key: str) -> bool:
        """Tell whether the last reading met a record key in a usable row."""
        sql = "SELECT 1 FROM met WHERE key = ?"
        return self._met.execute(sql, (self._hash(key),)).fetchone() is not None

    def met(self) -> int:
        """Count the usable rows of the last reading."""
        return int(self._met.execute("SELECT count(*) FROM met").fetchone()[0])

    def _entry(self, row: tuple[object, ...]) -> Entry:
        if len(row) != _COLUMNS or row[0] is None or row[2] is None:
            raise BadInput("ROLL_COLUMNS")
        number, called, key = row
        person = ids.canonical_id(str(number)).id
        name = ids.normal_name(str(called)) if self._names and called else ""
        return Entry(
            key=str(key),
            id=person,
            name=name,
            fingerprint=self._hash(person) + self._hash(f"{person}|{name}"),
        )

    def _meet(self, entry: Entry) -> bool:
        pair = (self._hash(entry.key), entry.fingerprint[:HALF])
        return self._met.execute("INSERT OR IGNORE INTO met VALUES (?, ?)", pair).rowcount == 1

    def _hash(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode(), digest_size=HALF, key=self._secret).digest()


def count(records: RecordSource, sql: str) -> int:
    """Count the rows of a roll, usable or not."""
    ((rows,),) = records.rows(f"SELECT count(*) FROM ({sql})")  # noqa: S608 - the department's own statement
    return int(str(rows))
