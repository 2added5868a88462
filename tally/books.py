"""What the tally reads and writes of its state, on one connection.

Knows the SQL. Does not know what is admitted, or how much may be spent.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from federation import limits
from federation.exchange import SaltedItem
from federation.log.sqlite import append_all
from federation.presentations import Token

LISTS_KEPT: Final = 7 * 86_400
"""How long status lists are kept for receipts, seconds."""
_LENGTH: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An answer that left before: whose request it answered, and its unsigned bytes."""

    sender: str
    request: bytes
    payload: bytes
    items: tuple[SaltedItem, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A rung of a run as far as it has come."""

    asked: bytes
    uses: tuple[int, ...]
    compared: bytes | None = None
    aborted: bool = False
    high: int | None = field(default=None, repr=False)
    tested: bytes | None = None
    told: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A run that is about to be computed, and all that it costs."""

    run: bytes
    rung: str
    quantity: str
    year: int
    asked: bytes
    uses: tuple[int, ...]
    subjects: Sequence[bytes] = field(repr=False)
    spent: Mapping[tuple[bytes, str], int]


class Books:
    """One connection's view: a reader's, or the writer's inside its transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._c = connection

    def stored(self, qid: bytes) -> Stored | None:
        """Find the answer to a query id."""
        sql = "SELECT sender, request, payload, items FROM answered WHERE qid = ?"
        row = self._c.execute(sql, (qid,)).fetchone()
        if row is None:
            return None
        sender, request, payload, items = row
        return Stored(sender=sender, request=request, payload=payload, items=tuple(_split(items)))

    def exchange(self, qid: bytes) -> tuple[str, int] | None:
        """Tell who asked under a query id, and in which row of the log it stands."""
        sql = "SELECT sender, entry FROM answered WHERE qid = ?"
        row: tuple[str, int] | None = self._c.execute(sql, (qid,)).fetchone()
        return row

    def compared(self, run: bytes, rung: str) -> Compared | None:
        """Find how far a rung of a run has come."""
        sql = (
            "SELECT asked, uses, compared, aborted, high, tested, told FROM comparison"
            " WHERE run = ? AND rung = ?"
        )
        row = self._c.execute(sql, (run, rung)).fetchone()
        if row is None:
            return None
        asked, uses, compared, aborted, high, tested, told = row
        return Compared(
            asked=asked,
            uses=tuple(json.loads(uses)),
            compared=compared,
            aborted=bool(aborted),
            high=high,
            tested=tested,
            told=told,
        )

    def charged(self, subject: bytes, quantity: str, year: int) -> tuple[int, int]:
        """Count a subject's runs of a quantity in a year, and all of them."""
        sql = "SELECT count(*), sum(quantity = ?) FROM charged WHERE subject = ? AND year = ?"
        cells, runs = self._c.execute(sql, (quantity, subject, year)).fetchone()
        return int(runs or 0), int(cells)

    def used(self, chain: bytes, name: str) -> int:
        """Count the uses of a counter along a chain."""
        sql = "SELECT used FROM uses WHERE chain = ? AND name = ?"
        row = self._c.execute(sql, (chain, name)).fetchone()
        return int(row[0]) if row else 0

    def presentations(self, jtis: Collection[bytes]) -> dict[bytes, bytes]:
        """Find tokens that were presented before, by their ids."""
        sql = "SELECT jti, presentation FROM consent WHERE jti = ?"
        rows = (self._c.execute(sql, (jti,)).fetchone() for jti in jtis)
        return {row[0]: row[1] for row in rows if row}

    def begin(self, begun: Begun) -> None:
        """Charge a run, before it is computed."""
        where = begun.run, begun.rung
        self._c.execute(
            "INSERT INTO comparison (run, rung, quantity, year, asked, uses)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (*where, begun.quantity, begun.year, begun.asked, json.dumps(begun.uses)),
        )
        charged = [(one, begun.year, begun.quantity, *where) for one in begun.subjects]
        self._c.executemany("INSERT INTO charged VALUES (?, ?, ?, ?, ?)", charged)
        used = [(chain, name, n) for (chain, name), n in begun.spent.items()]
        self._c.executemany("REPLACE INTO uses VALUES (?, ?, ?)", used)

    def answer(self, run: bytes, rung: str, qid: bytes, high: int | None) -> None:
        """Note the answer to a blinded sum: its bits and the one that is kept, or an abort."""
        self._c.execute(
            "UPDATE comparison SET compared = ?, aborted = ?, high = ? WHERE run = ? AND rung = ?",
            (qid, high is None, high, run, rung),
        )

    def tell(self, run: bytes, rung: str, qid: bytes, tested: bytes) -> None:
        """Note the answer to a message of slots; the bit that was kept for it goes."""
        self._c.execute(
            "UPDATE comparison SET told = ?, tested = ?, high = NULL WHERE run = ? AND rung = ?",
            (qid, tested, run, rung),
        )

    def keep(self, qid: bytes, stored: Stored, at: int, record: tuple[bytes, bytes]) -> None:
        """Store an answer by query id and append it to the log."""
        entry = append_all(self._c, [record])
        self._c.execute(
            "INSERT INTO answered VALUES (?, ?, ?, ?, ?, ?, ?)",
            (qid, stored.sender, stored.request, stored.payload, _join(stored.items), at, entry),
        )

    def keep_tokens(self, tokens: Iterable[Token]) -> None:
        """Keep presentations."""
        rows = [(one.jti, one.presentation) for one in tokens]
        self._c.executemany("REPLACE INTO consent VALUES (?, ?)", rows)

    def keep_lists(self, digest: bytes, lists: Sequence[bytes], now: int) -> None:
        """Keep signed status lists by their joint digest for a week."""
        text = json.dumps([one.decode("ascii") for one in lists])
        self._c.execute("REPLACE INTO status_list VALUES (?, ?, ?)", (digest, text, now))
        self._c.execute("DELETE FROM status_list WHERE at < ?", (now - LISTS_KEPT,))

    def lists(self, digest: bytes) -> tuple[bytes, ...]:
        """Give the signed status lists of a joint digest; none where they are not kept any more."""
        sql = "SELECT lists FROM status_list WHERE digest = ?"
        row = self._c.execute(sql, (digest,)).fetchone()
        return tuple(one.encode("ascii") for one in json.loads(row[0])) if row else ()

    def seen_time(self, now: int) -> None:
        """Remember the highest time that was seen."""
        self._c.execute(
            "INSERT INTO meta VALUES ('time', ?) ON CONFLICT DO UPDATE"
            " SET value = max(value, excluded.value)",
            (now,),
        )

    def time(self) -> int:
        """Give the highest time that was seen."""
        row = self._c.execute("SELECT value FROM meta WHERE name = 'time'").fetchone()
        return int(row[0]) if row else 0

    def count_refusals(self, day: str, counted: Mapping[str, int]) -> None:
        """Count transport refusals of a day."""
        self._c.executemany(
            "INSERT INTO refused VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            [(day, code, n) for code, n in counted.items()],
        )


def _join(items: Iterable[SaltedItem]) -> bytes:
    rows = (one.salt + one.item for one in items)
    return b"".join(len(row).to_bytes(_LENGTH, "big") + row for row in rows)


def _split(packed: bytes) -> Iterator[SaltedItem]:
    at = 0
    while at < len(packed):
        start = at + _LENGTH
        at = start + int.from_bytes(packed[at:start], "big")
        yield SaltedItem(
            packed[start : start + limits.SALT_BYTES], packed[start + limits.SALT_BYTES : at]
        )
