"""The coordinator's log among its other tables: a ``Book``, and how entries are appended to it.

Knows the tables of the log, and where the signed messages are kept that lie beside its exchanges:
they are not stored twice. Does not know what a record says, or when a checkpoint is made.

Row n of the log is ``seq`` n + 1. What comes from the database is held to its types: whoever edits
a row behind the program's back can put anything there.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Executable,
    bindparam,
    delete,
    func,
    insert,
    select,
    type_coerce,
    update,
)
from sqlalchemy.types import NULLTYPE

from coordinator.database import Database, chunks
from coordinator.schema import (
    log,
    log_check,
    log_checkpoint,
    log_tile,
    mandate_ask,
    question_batch,
    sum_message,
    suspicion,
)
from crypto.envelope import SALT_SIZE, item_leaf
from crypto.merkle import HASH_SIZE
from federation.log.book import ALWAYS, Kept, altered
from federation.log.rows import Row


class Beside(StrEnum):
    """Where the bytes lie that an entry commits to and does not hold."""

    NOTHING = ""
    REQUEST = "question_batch.request"
    REPLY = "question_batch.receipt"
    MANDATE_REQUEST = "mandate_ask.request"
    MANDATE_REPLY = "mandate_ask.receipt"
    SUM_REQUEST = "sum_message.request"
    SUM_REPLY = "sum_message.receipt"
    ALERT = "suspicion.alert"


class Entry(NamedTuple):
    """A record to be appended; ``number`` is the row that holds what lies beside it."""

    record: bytes
    beside: Beside = Beside.NOTHING
    number: int = 0


def _raw(column: Column[Any]) -> ColumnElement[Any]:
    """Read a column as it is there, of whatever type."""
    return type_coerce(column, NULLTYPE)


_KEPT_IN: Final = {
    Beside.REQUEST: (question_batch.c.batch_id, question_batch.c.request),
    Beside.REPLY: (question_batch.c.batch_id, question_batch.c.receipt),
    Beside.MANDATE_REQUEST: (mandate_ask.c.ask_id, mandate_ask.c.request),
    Beside.MANDATE_REPLY: (mandate_ask.c.ask_id, mandate_ask.c.receipt),
    Beside.SUM_REQUEST: (sum_message.c.message_id, sum_message.c.request),
    Beside.SUM_REPLY: (sum_message.c.message_id, sum_message.c.receipt),
    Beside.ALERT: (suspicion.c.number, suspicion.c.alert),
}
_IDS: Final[Any] = bindparam("ids", expanding=True)
_BYTES: Final = {
    place: select(number, _raw(held)).where(number.in_(_IDS))
    for place, (number, held) in _KEPT_IN.items()
}
_LENGTHS: Final = {
    place: select(number, func.length(held)).where(number.in_(_IDS))
    for place, (number, held) in _KEPT_IN.items()
}
_SIZE: Final = select(  # each by itself is one step down the index
    select(func.min(log.c.seq)).scalar_subquery(), select(func.max(log.c.seq)).scalar_subquery()
)
_WITHIN: Final = (log.c.seq > bindparam("first")) & (log.c.seq <= bindparam("stop"))
_LEAVES: Final = select(log.c.seq, _raw(log.c.leaf)).where(_WITHIN).order_by(log.c.seq)
_PLACE: Final = log.c.beside_in, log.c.beside_of
_ROWS: Final = _LEAVES.add_columns(_raw(log.c.salt), _raw(log.c.record), *_PLACE)
_SIZES: Final = _LEAVES.add_columns(func.length(log.c.record), *_PLACE)
_TILE: Final = select(_raw(log_tile.c.hashes)).where(
    log_tile.c.level == bindparam("at"), log_tile.c.n == bindparam("index")
)
_CHECKPOINTS: Final = select(
    log_checkpoint.c.size,
    _raw(log_checkpoint.c.root),
    _raw(log_checkpoint.c.at),
    _raw(log_checkpoint.c.note),
)
_NEWEST: Final = _CHECKPOINTS.order_by(log_checkpoint.c.size.desc()).limit(1)
_REPLACED: Final = delete(log_tile).where(
    log_tile.c.level == bindparam("at"), log_tile.c.n == bindparam("index")
)
_COSIGNED: Final = (
    update(log_checkpoint)
    .where(log_checkpoint.c.size == bindparam("of"), log_checkpoint.c.root == bindparam("over"))
    .values(note=bindparam("signed"))
)
_POSITION: Final = select(_raw(log_check.c.position))


def append(
    connection: Connection, entries: Sequence[Entry], random: Callable[[int], bytes] = os.urandom
) -> None:
    """Append entries inside the transaction of what they tell, each with a salt of its own."""
    if not entries:
        return
    last = connection.scalar(select(func.max(log.c.seq))) or 0
    salts = random(SALT_SIZE * len(entries))
    connection.execute(
        insert(log),
        [
            _row(last + 1 + i, entry, salts[i * SALT_SIZE : (i + 1) * SALT_SIZE])
            for i, entry in enumerate(entries)
        ],
    )


def _row(seq: int, entry: Entry, salt: bytes) -> dict[str, Any]:
    return {
        "seq": seq,
        "leaf": item_leaf(salt, entry.record),
        "salt": salt,
        "record": entry.record,
        "beside_in": entry.beside.value,
        "beside_of": entry.number,
    }


class LogBook:
    """The coordinator's ``Book``; where the database fails it says DATABASE_UNAVAILABLE."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def size(self) -> int:
        """Count the rows; the first of them must be there."""
        with self._database.reading() as connection:
            first, last = connection.execute(_SIZE).one()
        if first not in {None, 1}:
            raise altered(min(first - 1, 0))
        return last or 0

    def leaves(self, first: int, stop: int) -> list[bytes]:
        """Read the leaves of rows."""
        with self._database.reading() as connection:
            found = _numbered(connection, _LEAVES, first, stop)
        return [_hash(leaf, row) for row, (_, leaf) in enumerate(found, first)]

    def rows(self, first: int, stop: int) -> list[Row]:
        """Read rows whole, with what lies beside them."""
        with self._database.reading() as connection:
            found = _numbered(connection, _ROWS, first, stop)
            held = _held(connection, [row[-2:] for row in found], _BYTES)
        return [
            Row(_hash(leaf, row), salt, record, None if record is None else beside)
            for row, ((_, leaf, salt, record, _, _), beside) in enumerate(
                zip(found, held, strict=True), first
            )
        ]

    def lengths(self, first: int, stop: int) -> list[int | None]:
        """Read how many bytes record and beside of rows have together; None where there is none."""
        with self._database.reading() as connection:
            found = _numbered(connection, _SIZES, first, stop)
            held = _held(connection, [row[-2:] for row in found], _LENGTHS)
        return [
            None if record is None else record + (beside or 0)
            for (_, _, record, _, _), beside in zip(found, held, strict=True)
        ]

    def tombstones(self, first: int, stop: int) -> dict[int, int]:  # noqa: ARG002 - see there
        """Tell by which rows others were erased: none, for the centre erases nothing."""
        return {}

    def tile(self, level: int, index: int) -> bytes | None:
        """Read the hashes of a tile, as many as there are."""
        with self._database.reading() as connection:
            hashes = connection.scalar(_TILE, {"at": level, "index": index})
        return hashes if type(hashes) is bytes else None

    def newest(self) -> Kept | None:
        """Read the newest checkpoint."""
        with self._database.reading() as connection:
            found = connection.execute(_NEWEST).first()
        return _kept(found) if found else None

    def kept(self, since: int = 0, until: int = ALWAYS) -> list[Kept]:
        """Read the checkpoints cut from one time to another, both included, oldest first."""
        then = log_checkpoint.c.at.between(since, until)
        wanted = _CHECKPOINTS.where(then).order_by(log_checkpoint.c.size)
        with self._database.reading() as connection:
            return [_kept(row) for row in connection.execute(wanted)]

    def keep(self, tiles: Mapping[tuple[int, int], bytes], kept: Kept) -> None:
        """Keep a checkpoint and the tiles that changed with it."""
        with self._database.writing() as connection:
            if (connection.scalar(select(func.max(log_checkpoint.c.size))) or 0) >= kept.size:
                raise altered(kept.size)
            connection.execute(_REPLACED, [{"at": level, "index": n} for level, n in tiles])
            connection.execute(
                insert(log_tile),
                [{"level": level, "n": n, "hashes": data} for (level, n), data in tiles.items()],
            )
            row = {"size": kept.size, "root": kept.root, "at": kept.at, "note": kept.note}
            connection.execute(insert(log_checkpoint), row)

    def cosigned(self, kept: Kept) -> None:
        """Exchange the note of a checkpoint that is kept for one with more cosignatures."""
        row = {"of": kept.size, "over": kept.root, "signed": kept.note}
        with self._database.writing() as connection:
            connection.execute(_COSIGNED, row)

    def position(self) -> int:
        """Tell up to which row the self-check has come."""
        with self._database.reading() as connection:
            found = connection.scalar(_POSITION)
        return max(found, 0) if type(found) is int else 0

    def passed(self, position: int) -> None:
        """Remember up to which row the self-check has come."""
        with self._database.writing() as connection:
            connection.execute(delete(log_check))
            connection.execute(insert(log_check), {"one": 1, "position": position})


def _numbered(
    connection: Connection, statement: Executable, first: int, stop: int
) -> Sequence[Any]:
    """Read rows, of which none may be missing."""
    found = connection.execute(statement, {"first": first, "stop": stop}).all()
    if len(found) != stop - first:
        there = {row.seq - 1 for row in found}
        raise altered(next(row for row in range(first, stop) if row not in there))
    return found


def _held(
    connection: Connection, places: Sequence[Sequence[Any]], statements: Mapping[Beside, Executable]
) -> list[Any]:
    """Read what lies beside rows, each time all of one table together; None where it is gone."""
    found: dict[tuple[str, int], Any] = {}
    for place, statement in statements.items():
        numbers = [number for where, number in places if where == place]
        for ids in chunks(numbers):
            for number, held in connection.execute(statement, {"ids": ids}):
                found[place, number] = held
    return [
        b"" if where == Beside.NOTHING else found.get((where, number)) for where, number in places
    ]


def _hash(leaf: object, row: int) -> bytes:
    if type(leaf) is not bytes or len(leaf) != HASH_SIZE:
        raise altered(row)
    return leaf


def _kept(row: Sequence[Any]) -> Kept:
    size, root, at, note = row
    if type(at) is not int or type(note) is not bytes:
        raise altered(size)
    return Kept(size=size, root=_hash(root, size), at=at, note=note)
