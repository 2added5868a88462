"""What the node keeps of batch mandates: lists, blocks of pseudonyms, what was said of each.

Knows SQL on one connection: a reader's, or the writer's inside its transaction. Does not know what
is admitted, and computes nothing.
"""

import sqlite3
from dataclasses import dataclass, field
from typing import Final

from department_node.ledger import Kept, StoredAnswer
from department_node.mandate_gate import Shown

KIND: Final = "mandate"
"""The kind of these exchanges in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said of a block in a period, and how often."""

    answer: bytes = field(repr=False)
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A mandate that was presented, and how many people its lists here have together."""

    document: bytes = field(repr=False)
    people: int
    lists: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer about a block is frozen: the same people, whatever list they stand in."""

    people: bytes
    block: int
    question: str


class MandateBooks:
    """Mandates, as one connection sees them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._c = connection

    def answered(self, qid: bytes) -> StoredAnswer | None:
        """Find the answer to a query id."""
        row = self._c.execute(
            "SELECT sender, request, payload, items FROM mandate_answered WHERE qid = ?", (qid,)
        ).fetchone()
        return StoredAnswer(*row) if row else None

    def keep_answer(self, kept: Kept) -> None:
        """Store an answer by query id, with what was asked; repeats get its bytes."""
        answer = kept.answer
        stored = (answer.sender, answer.request, answer.payload, answer.items)
        row = (kept.qid, *stored, kept.questions, kept.at, kept.entry)
        self._c.execute("INSERT INTO mandate_answered VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def presented(self, digest: bytes) -> tuple[bytes, bytes] | None:
        """Find a list that was presented before, and its mandate."""
        row: tuple[bytes, bytes] | None = self._c.execute(
            "SELECT list, document FROM mandate_list WHERE digest = ?", (digest,)
        ).fetchone()
        return row

    def block(self, digest: bytes) -> bytes | None:
        """Find pseudonyms that were presented before."""
        row = self._c.execute(
            "SELECT pseudonyms FROM mandate_block WHERE digest = ?", (digest,)
        ).fetchone()
        return row[0] if row else None

    def said(self, place: Place) -> Said | None:
        """Find what was said of a block."""
        row = self._c.execute(
            "SELECT answer, used FROM mandate_said WHERE people = ? AND block = ? AND question = ?",
            (place.people, place.block, place.question),
        ).fetchone()
        return Said(answer=row[0], used=row[1]) if row else None

    def newest(self, mandate: bytes) -> int:
        """Give the highest version seen of a mandate; 0 before the first."""
        row = self._c.execute(
            "SELECT coalesce(max(version), 0) FROM mandate_list WHERE mandate = ?", (mandate,)
        ).fetchone()
        return int(row[0])

    def counted(self, shown: Shown) -> int:
        """Count the people of other lists under a list's mandate in its epoch."""
        listed = shown.listed
        row = self._c.execute(
            "SELECT coalesce(sum(persons), 0) FROM (SELECT DISTINCT people, persons"
            " FROM mandate_list WHERE mandate = ? AND epoch = ? AND people <> ?)",
            (shown.mandate.id, listed.epoch, listed.people),
        ).fetchone()
        return int(row[0])

    def all(self) -> list[Presented]:
        """List the mandates that were presented, with the lists of each."""
        rows = self._c.execute(
            "SELECT document, sum(persons), count(*) FROM"
            " (SELECT DISTINCT mandate, document, people, persons FROM mandate_list)"
            " GROUP BY mandate, document"
        )
        return [Presented(document=row[0], people=row[1], lists=row[2]) for row in rows]

    def asked(self, mandate: bytes) -> dict[str, int]:
        """Count how often blocks were asked about under a mandate, by question and period."""
        rows = self._c.execute(
            "SELECT question, sum(used) FROM mandate_said WHERE people IN"
            " (SELECT people FROM mandate_list WHERE mandate = ?) GROUP BY question",
            (mandate,),
        )
        return {row[0]: row[1] for row in rows}

    def keep(self, shown: Shown, block: bytes, pseudonyms: bytes) -> None:
        """Keep a list, its mandate and one of its blocks, unless they are there."""
        listed, given = shown.listed, shown.mandate
        self._c.execute(
            "INSERT OR IGNORE INTO mandate_list VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(listed.digest, given.id, given.version, listed.epoch, listed.people),
                *(listed.size, shown.signed_list, shown.document),
            ),
        )
        self._c.execute("INSERT OR IGNORE INTO mandate_block VALUES (?, ?)", (block, pseudonyms))

    def say(self, place: Place, answer: bytes, used: int) -> None:
        """Freeze what is said of a block, and count how often."""
        row = (place.people, place.block, place.question, answer, used)
        self._c.execute(
            "INSERT INTO mandate_said VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET used = excluded.used",
            row,
        )
