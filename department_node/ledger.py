"""What requests read and write of the node's state: sets of rows, a few statements each.

Knows the tables consent, uses, cell, opened, recheck, answered, log and alert. Does not know what
is admitted or how much may be spent.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, Final, NamedTuple

from department_node.evaluate import Person
from federation.log.sqlite import append_all
from federation.presentations import Token

_SIZES: Final = (1, 2, 4, 8, 16, 64, 512)
"""Keys of one statement: a few sizes, so that every statement is prepared once."""
_LOOK: Final = """
WITH q (n, chain, name, month, psn, question, year) AS (VALUES {rows})
SELECT q.n, p.key, p.name,
  (SELECT used FROM uses WHERE uses.chain = q.chain AND uses.name = q.name),
  (SELECT used FROM uses WHERE uses.chain = q.chain AND uses.name = q.month),
  (SELECT count(*) FROM cell
    WHERE cell.subject = coalesce(CAST(p.key AS BLOB), q.psn) AND cell.year = q.year),
  (SELECT answer FROM cell
    WHERE cell.subject = coalesce(CAST(p.key AS BLOB), q.psn) AND cell.year = q.year
    AND cell.question = q.question)
FROM q LEFT JOIN person AS p ON p.psn = q.psn AND p.present = 1
"""
_PRESENTATIONS: Final = """
WITH q (jti) AS (VALUES {rows})
SELECT c.jti, c.presentation FROM q CROSS JOIN consent AS c ON c.jti = q.jti
"""
_HOUSEHOLDS: Final = """
WITH q (household) AS (VALUES {rows})
SELECT c.household, c.sub FROM q CROSS JOIN consent AS c ON c.household = q.household
"""
_ANSWERED: Final = """
WITH q (qid) AS (VALUES {rows})
SELECT a.qid, a.sender, a.request, a.payload, a.items
FROM q CROSS JOIN answered AS a ON a.qid = q.qid
"""
_OPENED: Final = """
WITH q (subject, year) AS (VALUES {rows})
SELECT o.subject, o.quantity, o.line, o.size FROM q CROSS JOIN opened AS o
ON o.subject = q.subject AND o.year = q.year
"""
_RECHECKED: Final = """
WITH q (subject, year) AS (VALUES {rows})
SELECT r.subject, r.predicate FROM q CROSS JOIN recheck AS r
ON r.subject = q.subject AND r.year = q.year
"""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer that left before: whose request it answered and the unsigned bytes."""

    sender: str
    request: bytes
    payload: bytes
    items: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer to store: under which id, what was asked, when, and the row of its log entry."""

    qid: bytes
    answer: StoredAnswer
    questions: bytes = field(repr=False)
    at: int
    entry: int


class Look(NamedTuple):
    """What to look up for one question.

    ``name`` and ``month`` are the two counters it spends; ``cell`` is the 16-byte name under which
    its answer is frozen.
    """

    chain: bytes
    name: str
    month: str
    psn: bytes
    cell: bytes
    year: int

    def __repr__(self) -> str:
        """Leave out whom it is about."""
        return f"Look({self.name!r}, {self.month!r})"


class Seen(NamedTuple):
    """What was there: the person of the roll, uses so far, the record's cells, a frozen answer."""

    person: Person | None
    name_uses: int
    month_uses: int
    cells: int
    frozen: bytes | None


Opened = tuple[bytes, str, int, int]
"""Subject, quantity, line (T of one head, the predicate's unit) and size (members) of a cell."""


@dataclass(slots=True, kw_only=True)
class Writes:
    """All that a group of requests writes, beside stored answers and log entries.

    Subjects are record keys, which may be resident numbers: no repr shows them.
    """

    year: int
    tokens: list[Token] = field(default_factory=list)
    uses: dict[tuple[bytes, str], int] = field(default_factory=dict)
    cells: list[tuple[bytes, bytes, bytes]] = field(default_factory=list, repr=False)
    opened: list[Opened] = field(default_factory=list, repr=False)
    rechecked: list[tuple[bytes, str]] = field(default_factory=list, repr=False)
    alerts: list[bytes] = field(default_factory=list, repr=False)


class Ledger:
    """One connection's view: a reader's, or the writer's inside its transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._c = connection

    def answered(self, qids: Collection[bytes]) -> dict[bytes, StoredAnswer]:
        """Find the answers to query ids."""
        found = self._each(_ANSWERED, [(qid,) for qid in qids])
        return {qid: StoredAnswer(*row) for qid, *row in found}

    def look(self, wanted: Sequence[Look]) -> list[Seen]:
        """Read all that decides about some questions, in their order."""
        seen: list[Seen] = [_NOTHING] * len(wanted)
        rows = [(n, *one) for n, one in enumerate(wanted)]
        for n, key, name, uses, month, cells, frozen in self._each(_LOOK, rows):
            person = None if key is None else Person(key=key, name=name)
            seen[n] = Seen(person, uses or 0, month or 0, cells, frozen)
        return seen

    def presentations(self, jtis: Collection[bytes]) -> dict[bytes, bytes]:
        """Find tokens that were presented before, by their ids."""
        return dict(self._each(_PRESENTATIONS, [(jti,) for jti in jtis]))

    def households(self, commitments: Collection[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Read commitment and pseudonym of every kept token of some households."""
        return self._each(_HOUSEHOLDS, [(one,) for one in commitments])

    def opened(self, subjects: Collection[bytes], year: int) -> Iterator[Opened]:
        """Read which thresholds of which quantities were opened of some records in a year."""
        return self._each(_OPENED, [(subject, year) for subject in subjects])

    def rechecked(self, subjects: Collection[bytes], year: int) -> Iterator[tuple[bytes, str]]:
        """Read which predicates were rechecked of some records in a year."""
        return self._each(_RECHECKED, [(subject, year) for subject in subjects])

    def alerts(self) -> list[tuple[bytes, int]]:
        """List the records, by year, of which most of the budget is spent."""
        return self._c.execute("SELECT subject, year FROM alert ORDER BY year, subject").fetchall()

    def write(self, w: Writes) -> None:
        """Write what a request spends and opens."""
        many, year = self._c.executemany, w.year
        if w.tokens:
            rows = [(t.jti, t.household, t.sub, t.presentation) for t in w.tokens]
            many("REPLACE INTO consent (jti, household, sub, presentation) VALUES (?,?,?,?)", rows)
        if w.uses:
            used = [(chain, name, n) for (chain, name), n in w.uses.items()]
            many("REPLACE INTO uses VALUES (?, ?, ?)", used)
        if w.cells:
            frozen = [(subject, year, question, said) for subject, question, said in w.cells]
            many("REPLACE INTO cell VALUES (?, ?, ?, ?)", frozen)
        if w.opened:
            opened = [(s, year, quantity, line, size) for s, quantity, line, size in w.opened]
            many("INSERT OR IGNORE INTO opened VALUES (?, ?, ?, ?, ?)", opened)
        if w.rechecked:
            many("INSERT INTO recheck VALUES (?, ?, ?)", [(s, year, p) for s, p in w.rechecked])
        if w.alerts:
            many("INSERT OR IGNORE INTO alert VALUES (?, ?)", [(s, year) for s in w.alerts])

    def keep_answers(self, answers: Iterable[Kept]) -> None:
        """Store answers by query id, with what was asked; repeats get their bytes."""
        sql = "INSERT INTO answered VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self._c.executemany(
            sql,
            [
                (k.qid, a.sender, a.request, a.payload, a.items, k.questions, k.at, k.entry)
                for k in answers
                for a in [k.answer]
            ],
        )

    def append(self, records: Sequence[tuple[bytes, bytes]]) -> int:
        """Append records, each with what lies beside it, to the log; give the first one's row."""
        return append_all(self._c, records)

    def seen_time(self, now: int) -> None:
        """Remember the highest time this node has seen."""
        self._c.execute(
            "INSERT INTO meta VALUES ('time', ?) ON CONFLICT DO UPDATE"
            " SET value = max(value, excluded.value)",
            (now,),
        )

    def count_refusal(self, day: str, code: str, n: int) -> None:
        """Count transport refusals of a day."""
        self._c.execute(
            "INSERT INTO refused VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            (day, code, n),
        )

    def _each(self, sql: str, rows: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Run a statement over rows of keys; the last row fills the last statement up."""
        at = 0
        while at < len(rows):
            left = len(rows) - at
            size = next((s for s in _SIZES if s >= left), _SIZES[-1])
            chunk = rows[at : at + size]
            chunk += chunk[-1:] * (size - len(chunk))
            yield from self._c.execute(
                _written(sql, size, len(rows[0])), tuple(chain.from_iterable(chunk))
            )
            at += size


_NOTHING: Final = Seen(None, 0, 0, 0, None)


@lru_cache(maxsize=64)
def _written(sql: str, rows: int, width: int) -> str:
    row = f"({', '.join('?' * width)})"
    return sql.format(rows=", ".join([row] * rows))
