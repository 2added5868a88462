"""A node's database, read beside whatever runs: never written, never locked.

Knows the tables. Does not know what any of it means to a person.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from crypto import envelope
from department_node.contribution_books import ContributionBooks
from department_node.ledger import Ledger
from department_node.mandate_books import KIND, MandateBooks
from department_node.store import FILE, typed_errors
from federation import limits
from federation.errors import BadInput, PeerFault
from federation.exchange import Answer, Header, Question
from federation.log import events
from federation.summing import SumOrder
from federation.wire import codec, sum_messages

_STRIDE: Final = limits.SALT_BYTES + limits.ANSWER_ITEM_BYTES
_COUNTED: Final = ("answered", "log", "consent", "cell")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What is left of an answered request: what was erased of it is not here.

    ``questions`` has None where an item could not be read. Of a contribution to a sum it has one a
    slot; ``order`` says which run was meant, if that could be read.
    """

    at: int
    header: Header
    questions: tuple[Question | None, ...]
    answers: tuple[Answer, ...]
    order: SumOrder | None = None


class Beside:
    """What a node has enrolled, answered and counted."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._c = self.connection = connection

    @property
    def mandates(self) -> MandateBooks:
        """What is kept of batch mandates."""
        return MandateBooks(self._c)

    @property
    def contributions(self) -> ContributionBooks:
        """What is kept of contributions to sums."""
        return ContributionBooks(self._c)

    def meta(self, name: str) -> int:
        """Read a number the node has written down about itself; 0 where there is none."""
        row = self._c.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def enrolled(self, epoch: int) -> int:
        """Count the people of an epoch whom the roll had at the last enrolment."""
        sql = "SELECT count(*) FROM person WHERE epoch = ? AND present = 1"
        return int(self._c.execute(sql, (epoch,)).fetchone()[0])

    def is_enrolled(self, epoch: int, key: str) -> bool:
        """Tell whether a record key is enrolled."""
        sql = "SELECT 1 FROM person WHERE epoch = ? AND key = ? AND present = 1"
        return self._c.execute(sql, (epoch, key)).fetchone() is not None

    def pending(self, epoch: int) -> int:
        """Count the batches of an enrolment that was broken off."""
        sql = "SELECT count(*) FROM enrolment WHERE epoch = ? AND done = 0"
        return int(self._c.execute(sql, (epoch,)).fetchone()[0])

    def counts(self) -> dict[str, int]:
        """Count answered requests, log entries, known tokens and frozen cells."""
        return {
            table: int(self._c.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - own names
            for table in _COUNTED
        }

    def nearly_spent(self, year: int) -> int:
        """Count the records of which four fifths of a year's budget are spent."""
        return sum(of == year for _, of in Ledger(self._c).alerts())

    def refused(self) -> dict[str, int]:
        """Count the transport refusals by code."""
        sql = "SELECT code, sum(n) FROM refused GROUP BY code ORDER BY code"
        return {code: int(n) for code, n in self._c.execute(sql)}

    def changed_entry(self) -> int:
        """Give the number of the first log entry that is missing or does not fit its leaf; else 0.

        Each answered request has an entry, so that entries cut off at the end are missed too.
        """
        rows = self._c.execute(
            "SELECT log.seq, leaf, salt, record, tombstone"
            " FROM log LEFT JOIN log_erased ON log_erased.seq = log.seq ORDER BY log.seq"
        )
        seq = 0
        for expected, (seq, leaf, salt, record, tombstone) in enumerate(rows, start=1):
            erased = tombstone is not None and record is None
            if seq != expected or not (erased or _fits(leaf, salt, record)):
                return expected
        return seq + 1 if seq < self.counts()["answered"] else 0

    def latest(self) -> bytes | None:
        """Give the query id of the newest log entry that is not about a mandate."""
        sql = "SELECT record FROM log WHERE record IS NOT NULL ORDER BY seq DESC"
        for (record,) in self._c.execute(sql):
            if not events.is_event(record):
                entry = codec.decode_entry(record)
                if entry.kind != KIND:
                    return codec.decode_header(entry.answer).qid
        return None

    def decided(self, qid: bytes) -> Decided | None:
        """Read one answered request; None where there is none, or nothing is left of it."""
        sql = "SELECT at, payload, items, questions FROM answered WHERE qid = ?"
        row = self._c.execute(sql, (qid,)).fetchone()
        if row is None:
            return None
        at, payload, items, questions = row
        asked, order = list(split(questions)), None
        if not any(asked):
            return None
        if len(items) != len(asked) * _STRIDE:  # a sum's last item is no answer
            order = _order(asked.pop())
            items = items[: len(asked) * _STRIDE]
        left = [pair for pair in zip(asked, _answers(items), strict=True) if pair[0]]
        return Decided(
            at=at,
            header=codec.decode_header(payload),
            questions=tuple(_question(item) for item, _ in left),
            answers=tuple(codec.decode_answer(answer) for _, answer in left),
            order=order,
        )

    def told(self, asker: str, qid: bytes, position: int) -> tuple[Question, Answer] | None:
        """Read one answer by its place in a request; None where nothing is left of it."""
        sql = "SELECT items, questions FROM answered WHERE qid = ? AND sender = ?"
        items, questions = self._c.execute(sql, (qid, asker)).fetchone() or (b"", b"")
        pairs = zip(split(questions), _answers(items), strict=False)
        asked, answer = next(islice(pairs, position, None), (b"", b""))
        question = _question(asked) if asked else None
        return (question, codec.decode_answer(answer)) if question else None


def _answers(items: bytes) -> Iterator[bytes]:
    return (items[i + limits.SALT_BYTES : i + _STRIDE] for i in range(0, len(items), _STRIDE))


def split(packed: bytes) -> Iterator[bytes]:
    """Cut the questions that are kept of a request apart; one that was erased is empty."""
    start = 0
    while start < len(packed):
        end = start + 2 + int.from_bytes(packed[start : start + 2], "big")
        yield packed[start + 2 : end]
        start = end


def join(items: Iterable[bytes]) -> bytes:
    """Put questions together as they are kept."""
    return b"".join(len(item).to_bytes(2, "big") + item for item in items)


@contextmanager
def beside(data: Path) -> Iterator[Beside]:
    """Open the database of a data folder read-only.

    Raises:
        BadInput: NODE_NEVER_RAN when there is none.
        Unavailable: LOG_UNAVAILABLE when it cannot be read.
    """
    path = data / FILE
    if not path.exists():
        raise BadInput("NODE_NEVER_RAN")
    with typed_errors():
        connection = sqlite3.connect(path.resolve().as_uri() + "?mode=ro", uri=True)
        try:
            yield Beside(connection)
        finally:
            connection.close()


def _fits(leaf: object, salt: object, record: object) -> bool:
    if not isinstance(salt, bytes) or not isinstance(record, bytes):
        return False
    return len(salt) == limits.SALT_BYTES and envelope.item_leaf(salt, record) == leaf


def _order(item: bytes) -> SumOrder | None:
    try:
        return sum_messages.decode_order(item)
    except PeerFault:
        return None


def _question(item: bytes) -> Question | None:
    try:
        return codec.decode_question(item)
    except PeerFault:
        return None
