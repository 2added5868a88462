"""What hangs on a person's tokens at a department, and how it goes when they are erased.

Knows consents, uses, frozen outcomes, opened lines, rechecks and suspicions. Does not know the log
or who orders it.

A record's budget outlasts its tokens: else an order after each consent would open four more lines
of an income every time. So of the present year the number of cells and the opened lines stay, and
nothing of what was answered; they go when the year is over (``sweep``).
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from federation.clock import epoch_of
from federation.consent import Claims

_OF_A_YEAR: Final = ("cell", "opened", "recheck")
_BLANK: Final = (
    "UPDATE cell SET question = randomblob(16), answer = x'' WHERE subject = ? AND answer <> x''"
)


def pseudonyms(connection: sqlite3.Connection, subs: Sequence[bytes]) -> tuple[bytes, ...]:
    """Give a person's pseudonyms, and all others under which its records are found here."""
    marks = ", ".join("?" * len(subs))
    sql = (
        "SELECT psn FROM person WHERE key IN"  # noqa: S608 - marks only
        f" (SELECT key FROM person WHERE psn IN ({marks}))"
    )
    others = (psn for (psn,) in connection.execute(sql, subs))
    return tuple(dict.fromkeys([*subs, *others]))


def erase(
    connection: sqlite3.Connection,
    subs: Sequence[bytes],
    tokens: Mapping[bytes, Claims],
    later: Mapping[bytes, Claims],
    now: int,
) -> set[int]:
    """Erase tokens with all that hangs on them; give the rows of the log that go with it.

    Frozen outcomes are a record's: while it has a ``later`` token they stay.
    """
    connection.executemany("DELETE FROM consent WHERE jti = ?", [(jti,) for jti in tokens])
    alive = {claims.chain for claims in later.values()}
    chains = {claims.chain for claims in tokens.values()} - alive
    connection.executemany("DELETE FROM uses WHERE chain = ?", [(chain,) for chain in chains])
    rows: set[int] = set()
    if not later:
        for subject in _subjects(connection, subs):
            _forget(connection, subject, epoch_of(now))
            rows |= _suspicions(connection, subject)
    return rows


def _subjects(connection: sqlite3.Connection, subs: Sequence[bytes]) -> Iterator[bytes]:
    """Give under what a person's cells stand: its record's key, or where there is none, itself."""
    for sub in subs:
        yield sub
        for (key,) in connection.execute("SELECT key FROM person WHERE psn = ?", (sub,)).fetchall():
            yield key.encode()


def _forget(connection: sqlite3.Connection, subject: bytes, year: int) -> None:
    """Remove what past years opened of a record, and what was answered in this one."""
    for table in _OF_A_YEAR:
        sql = f"DELETE FROM {table} WHERE subject = ? AND year < ?"  # noqa: S608 - own names
        connection.execute(sql, (subject, year))
    connection.execute(_BLANK, (subject,))
    connection.execute("DELETE FROM alert WHERE subject = ?", (subject,))


def sweep(connection: sqlite3.Connection, year: int) -> None:
    """Remove what has outlasted the tokens of records in the years before one."""
    sql = "SELECT DISTINCT subject, year FROM cell WHERE answer = x'' AND year < ?"
    over = connection.execute(sql, (year,)).fetchall()
    connection.executemany("DELETE FROM cell WHERE subject = ? AND year = ? AND answer = x''", over)
    for table in ("opened", "recheck"):
        sql = f"DELETE FROM {table} WHERE subject = ? AND year = ?"  # noqa: S608 - own names
        connection.executemany(sql, over)


def _suspicions(connection: sqlite3.Connection, subject: bytes) -> set[int]:
    """Remove what was suspected about a record; give its rows of the log."""
    about = f"{subject.hex()} "
    sql = "SELECT entry FROM suspicion WHERE substr(about, 1, ?) = ?"
    rows = {row for (row,) in connection.execute(sql, (len(about), about))}
    connection.executemany("DELETE FROM suspicion WHERE entry = ?", [(row,) for row in rows])
    return rows
