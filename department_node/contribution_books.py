"""What the node keeps of contributions to sums: by run, begun and then whole.

Knows SQL on one connection: a reader's, or the writer's inside its transaction. Does not know what
is admitted, and computes nothing.
"""

import sqlite3
from dataclasses import dataclass, field
from typing import Final

from federation import limits
from federation.exchange import Answer
from federation.wire import codec, sum_messages

KIND: Final = "contribute"
"""The kind of these exchanges in the log."""
STRIDE: Final = limits.SALT_BYTES + limits.ANSWER_ITEM_BYTES
"""Bytes of a slot's answer with its salt, as they are stored."""


@dataclass(frozen=True, slots=True)
class Share:
    """A contribution as it leaves for every rung: what is answered, uses apart, and the bytes."""

    answer: Answer
    ciphertext: bytes = field(repr=False)


class ContributionBooks:
    """Contributions, as one connection sees them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._c = connection

    def begun(self, run: bytes) -> bool:
        """Tell whether a run was begun, whatever became of it."""
        found = self._c.execute("SELECT 1 FROM contribution WHERE run = ?", (run,)).fetchone()
        return found is not None

    def find(self, run: bytes) -> Share | None:
        """Find the contribution to a run; None where it is not whole."""
        row = self._c.execute(
            "SELECT answer, ciphertext FROM contribution WHERE run = ? AND ciphertext <> x''",
            (run,),
        ).fetchone()
        return Share(codec.decode_answer(row[0]), row[1]) if row else None

    def begin(self, run: bytes, now: int) -> None:
        """Write down that a contribution is going to be computed: it will be so once."""
        self._c.execute("INSERT INTO contribution (run, begun) VALUES (?, ?)", (run, now))

    def complete(self, run: bytes, share: Share) -> None:
        """Keep a contribution before it is released."""
        self._c.execute(
            "UPDATE contribution SET answer = ?, ciphertext = ? WHERE run = ?",
            (codec.encode_answer(share.answer), share.ciphertext, run),
        )

    def lost(self) -> int:
        """Count the runs that were begun and broken off: they stay closed."""
        sql = "SELECT count(*) FROM contribution WHERE ciphertext = x'' AND begun > 0"
        return int(self._c.execute(sql).fetchone()[0])

    def close(self, qid: bytes) -> None:
        """Take the ciphertext out of a stored exchange, and out of its run, which stays closed.

        Of an exchange that is no contribution nothing goes: all its items are answers.
        """
        sql = "SELECT payload, items FROM answered WHERE qid = ? AND payload <> x''"
        row = self._c.execute(sql, (qid,)).fetchone()
        n = codec.decode_header(row[0]).n if row else 0
        if row is None or len(row[1]) == n * STRIDE:
            return
        slots, last = row[1][: (n - 1) * STRIDE], row[1][(n - 1) * STRIDE + limits.SALT_BYTES :]
        if last:
            run = sum_messages.decode_contribution(last).run
            sql = "UPDATE contribution SET begun = 0, answer = x'', ciphertext = x'' WHERE run = ?"
            self._c.execute(sql, (run,))
        self._c.execute("UPDATE answered SET items = ? WHERE qid = ?", (slots, qid))
