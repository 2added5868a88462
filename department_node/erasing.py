"""Erasing: what this department keeps of a person's consents, on the registrar's signed order.

Knows which rows are a person's, and what of a request about several people can go. Does not know
how an order comes here (``orders``), nor what an auditor makes of the gap.

An exchange about this person alone goes from the log: its row keeps the leaf, and a tombstone names
the order. Of one with others the log's row stays, for it says nothing of anybody: headers, salted
hashes and random ids. What opens those hashes, question, answer and salt, goes for this person.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple

from department_node import contribution_books, spent
from department_node.beside import join, split
from department_node.contribution_books import ContributionBooks
from department_node.drafting import NO_TOKEN
from department_node.settling import KIND
from federation import consent, ledger, limits
from federation.consent import Claims
from federation.erasure import ErasureOrder
from federation.errors import Refused
from federation.log import events, kinds, sqlite
from federation.log.events import Tombstone
from federation.log.node_events import ErasureFollowed, UsesCounted
from federation.log.sqlite import MOST_ERASED, append
from federation.status import Status, StatusLists
from federation.strictjson import b64
from federation.wire import codec

_STRIDE: Final = limits.SALT_BYTES + limits.ANSWER_ITEM_BYTES
_GONE: Final = bytes(_STRIDE)
_EMPTY: Final = (
    "UPDATE answered SET request = x'', payload = x'', items = x'', questions = x'' WHERE qid = ?"
)
_SHORTEN: Final = "UPDATE answered SET request = x'', items = ?, questions = ? WHERE qid = ?"
_BY_CONSENT: Final = frozenset({KIND, contribution_books.KIND})
"""Kinds of exchanges that name tokens of people."""
_AT_ONCE: Final = 16
"""Tokens that are looked for in one walk over the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A verified order as it came, and what this department knows when it follows it."""

    order: ErasureOrder
    document: bytes = field(repr=False)
    lists: StatusLists | None
    now: int

    @property
    def digest(self) -> bytes:
        """The name of the order in tombstones."""
        return sha256(self.document).digest()

    def ended(self, claims: Claims) -> bool:
        """Tell whether a token has ended, as far as is known here."""
        listed = self.lists.by_uri.get(claims.status_uri) if self.lists else None
        revoked = listed is not None and listed.at(claims.status_index) is Status.INVALID
        return revoked or claims.expires <= self.now


class Named(NamedTuple):
    """A row of the log that names a token of the person; ``qid`` is empty for an event."""

    row: int
    qid: bytes
    tokens: tuple[bytes, ...]


@dataclass(slots=True, kw_only=True)
class Found:
    """What was found of a person, and up to which rows of the two tables was looked.

    ``tokens`` are those that the order covers by their ids; ``later`` those that it does not.
    """

    tokens: dict[bytes, Claims] = field(default_factory=dict, repr=False)
    later: dict[bytes, Claims] = field(default_factory=dict, repr=False)
    named: list[Named] = field(default_factory=list, repr=False)
    consents: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an order brought: tokens of the person, rows that are empty now, exchanges with others.

    ``tokens`` are their ids; ``first`` unless the order was followed before.
    """

    tokens: tuple[bytes, ...]
    emptied: int
    shared: int
    first: bool


def look(connection: sqlite3.Connection, order: ErasureOrder, found: Found | None = None) -> Found:
    """Look for a person's tokens and for the rows that name them; go on after what was found.

    Goes through the whole log, so begin it outside of the writer's transaction.
    """
    found = found or Found()
    subs = spent.pseudonyms(connection, order.subs)
    last = found.consents
    for rowid, jti, sub, presentation in _presented(connection, subs, last):
        claims = consent.visible(presentation)
        covered = sub in order.subs and claims.issued <= order.issued
        (found.tokens if covered else found.later)[jti] = claims
        found.consents = max(found.consents, rowid)
    (size,) = connection.execute("SELECT coalesce(max(seq), 0) FROM log").fetchone()
    if found.tokens:
        found.named += _naming(connection, found.tokens.keys(), (found.entries, size))
    found.entries = size
    return found


def follow(connection: sqlite3.Connection, ground: Ground, found: Found) -> Erased:
    """Erase what was found, inside the writer's transaction, and say so in the log.

    Again it erases what the order covers and was not there before; where there is nothing, it
    writes nothing.

    Raises:
        Refused: ERASURE_TOO_EARLY when a token that it covers has not ended; nothing is written.
    """
    found = look(connection, ground.order, found)
    alive = sum(not ground.ended(claims) for claims in found.tokens.values())
    if alive:
        raise Refused("ERASURE_TOO_EARLY", tokens=alive)
    sql = "SELECT 1 FROM erasure WHERE document = ?"
    first = connection.execute(sql, (ground.digest,)).fetchone() is None
    connection.execute("PRAGMA secure_delete = ON")
    rows, shared = _exchanges(connection, found)
    rows |= spent.erase(connection, ground.order.subs, found.tokens, found.later, ground.now)
    erased = Erased(tokens=tuple(found.tokens), emptied=len(rows), shared=shared, first=first)
    if first or erased.tokens or rows:
        _say(connection, ground, sorted(rows))
        _count(connection, ground, erased)
    return erased


def _presented(
    connection: sqlite3.Connection, subs: Sequence[bytes], after: int
) -> Iterator[tuple[int, bytes, bytes, bytes]]:
    marks = ", ".join("?" * len(subs))
    sql = (
        "SELECT rowid, jti, sub, presentation FROM consent"  # noqa: S608 - marks only
        f" WHERE rowid > ? AND sub IN ({marks})"
    )
    return iter(connection.execute(sql, (after, *subs)).fetchall())


def _naming(
    connection: sqlite3.Connection, tokens: Iterable[bytes], between: tuple[int, int]
) -> list[Named]:
    """Find the rows that name any of some tokens: exchanges with consents, and counts."""
    wanted = list(tokens)
    found: dict[int, Named] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        where = " OR ".join(["instr(beside, ?) OR instr(record, ?)"] * len(some))
        sql = (
            "SELECT seq - 1, record, beside FROM log"  # noqa: S608 - marks only
            f" WHERE seq > ? AND seq <= ? AND record IS NOT NULL AND ({where})"
        )
        keys = [key for jti in some for key in (jti, b64(jti).encode())]
        for row, record, beside in connection.execute(sql, (*between, *keys)):
            named = _named(row, record, beside)
            if named and not {*wanted}.isdisjoint(named.tokens):
                found[row] = named
    return list(found.values())


def _named(row: int, record: bytes, beside: bytes) -> Named | None:
    if not events.is_event(record):
        entry = codec.decode_entry(record)
        qid = codec.decode_header(entry.request).qid
        tokens = ledger.read_items(beside).tokens if entry.kind in _BY_CONSENT else ()
        return Named(row, qid, tokens)
    event = kinds.read(record).event
    return Named(row, b"", (event.token,)) if isinstance(event, UsesCounted) else None


def _exchanges(connection: sqlite3.Connection, found: Found) -> tuple[set[int], int]:
    """Empty what was answered; give the rows that go whole, and how many stay for others."""
    whole: set[int] = set()
    shared = 0
    for one in found.named:
        ContributionBooks(connection).close(one.qid)
        asked = _asked(connection, one.qid)
        mine = {n for n, token in enumerate(one.tokens) if token in found.tokens}
        others = {n for n, item in enumerate(asked) if item and one.tokens[n] != NO_TOKEN} - mine
        if not others:
            whole.add(one.row)
            connection.execute(_EMPTY, (one.qid,))
        else:
            shared += 1
            _blank(connection, one.qid, asked, mine)
    return whole, shared


def _asked(connection: sqlite3.Connection, qid: bytes) -> list[bytes]:
    """Read the questions of an answered request; those that are gone are empty."""
    sql = "SELECT questions FROM answered WHERE qid = ?"
    found = connection.execute(sql, (qid,)).fetchone()
    return list(split(found[0])) if found else []


def _blank(
    connection: sqlite3.Connection, qid: bytes, asked: Sequence[bytes], gone: set[int]
) -> None:
    """Take some questions with their answers and salts out of an answered request.

    Nobody gets its answer again: a request that is repeated no more has the digest of the first.
    """
    (items,) = connection.execute("SELECT items FROM answered WHERE qid = ?", (qid,)).fetchone()
    answers = (items[at : at + _STRIDE] for at in range(0, len(items), _STRIDE))
    left = b"".join(_GONE if n in gone else answer for n, answer in enumerate(answers))
    questions = join(b"" if n in gone else item for n, item in enumerate(asked))
    connection.execute(_SHORTEN, (left, questions, qid))


def _say(connection: sqlite3.Connection, ground: Ground, rows: Sequence[int]) -> None:
    """Log that an order was followed, and right behind it the tombstones of what it emptied."""
    event = ErasureFollowed(
        order=ground.order.id, reason=ground.order.reason.value, document=ground.digest
    )
    append(connection, kinds.write(event, ground.now), ground.document)
    for start in range(0, len(rows), MOST_ERASED):
        part = tuple(rows[start : start + MOST_ERASED])
        sqlite.erase(connection, Tombstone(at=ground.now, order=ground.digest, rows=part))


def _count(connection: sqlite3.Connection, ground: Ground, erased: Erased) -> None:
    row = (ground.digest, ground.now, len(erased.tokens), erased.emptied, erased.shared)
    connection.execute(
        "INSERT INTO erasure VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " at = excluded.at, tokens = tokens + excluded.tokens,"
        " emptied = emptied + excluded.emptied, shared = shared + excluded.shared",
        row,
    )
