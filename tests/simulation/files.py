"""The hand of somebody who can write a party's database behind its programs' back.

Clumsy edits leave rows and tree at odds; a forger makes the tree anew, signed with the party's own
key; and an older copy put in the place of the file is in order by itself. Knows the tables of the
log. Does not know who finds out.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from crypto.envelope import item_leaf
from federation.log import events
from federation.wire import codec
from tests.simulation.world import CENTRE, World

Edit = Callable[[sqlite3.Connection, str, int], bool]
"""Changes something about a row, by its number, of a party's log; False where that is not there."""


@contextmanager
def opened(world: World, party: str) -> Iterator[sqlite3.Connection]:
    """Open a party's database beside it."""
    with closing(sqlite3.connect(world.file(party), timeout=10, isolation_level=None)) as file:
        yield file


def size(world: World, party: str) -> int:
    """Count the rows of a party's log."""
    with opened(world, party) as c:
        return int(c.execute("SELECT count(*) FROM log").fetchone()[0])


def length(place: Path) -> int:
    """Count the rows in a copy of a log."""
    with closing(sqlite3.connect(place)) as c:
        return int(c.execute("SELECT count(*) FROM log").fetchone()[0])


def covered(world: World, party: str) -> int:
    """Tell how many rows stand under a checkpoint."""
    with opened(world, party) as c:
        sql = "SELECT coalesce(max(size), 0) FROM log_checkpoint"
        return int(c.execute(sql).fetchone()[0])


def flipped(data: bytes) -> bytes:
    """Change one bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _column(name: str) -> Edit:
    def edit(c: sqlite3.Connection, _: str, row: int) -> bool:
        (before,) = c.execute(f"SELECT {name} FROM log WHERE seq = ?", (row + 1,)).fetchone()
        if not before:
            return False
        c.execute(f"UPDATE log SET {name} = ? WHERE seq = ?", (flipped(before), row + 1))
        return True

    return edit


def _beside(c: sqlite3.Connection, party: str, row: int) -> bool:
    if party != CENTRE:
        return _column("beside")(c, party, row)
    sql = "SELECT beside_in, beside_of FROM log WHERE seq = ?"
    place, number = c.execute(sql, (row + 1,)).fetchone()
    if not place:
        return False
    table, _, column = place.partition(".")
    key = "batch_id" if table == "question_batch" else "ask_id"
    sql = f"SELECT {column} FROM {table} WHERE {key} = ?"
    (before,) = c.execute(sql, (number,)).fetchone()
    c.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (flipped(before), number))
    return True


def _emptied(c: sqlite3.Connection, party: str, row: int) -> bool:
    """Show a row as erased, which no tombstone names."""
    more = "" if party == CENTRE else ", beside = NULL"
    sql = f"UPDATE log SET salt = NULL, record = NULL{more} WHERE seq = ? AND record IS NOT NULL"
    return c.execute(sql, (row + 1,)).rowcount == 1


def _deleted(c: sqlite3.Connection, _: str, row: int) -> bool:
    return c.execute("DELETE FROM log WHERE seq = ?", (row + 1,)).rowcount == 1


def _exchanged(c: sqlite3.Connection, _: str, row: int) -> bool:
    """Let two rows change places."""
    other = row - 1 if row else row + 1
    places = [(row + 1, -1), (other + 1, row + 1), (-1, other + 1)]
    if c.execute("SELECT count(*) FROM log WHERE seq = ?", (other + 1,)).fetchone() != (1,):
        return False
    for before, after in places:
        c.execute("UPDATE log SET seq = ? WHERE seq = ?", (after, before))
    return True


def _tile(c: sqlite3.Connection, _: str, row: int) -> bool:
    sql = "SELECT hashes FROM log_tile WHERE level = 0 AND n = ?"
    (before,) = c.execute(sql, (row // 256,)).fetchone() or (b"",)
    if not before:
        return False
    sql = "UPDATE log_tile SET hashes = ? WHERE level = 0 AND n = ?"
    c.execute(sql, (flipped(before), row // 256))
    return True


def _root(c: sqlite3.Connection, _: str, __: int) -> bool:
    newest = "size = (SELECT max(size) FROM log_checkpoint)"
    (before,) = c.execute(f"SELECT root FROM log_checkpoint WHERE {newest}").fetchone()
    c.execute(f"UPDATE log_checkpoint SET root = ? WHERE {newest}", (flipped(before),))
    return True


def _note(c: sqlite3.Connection, _: str, __: int) -> bool:
    """Let the newest checkpoint tell another size."""
    newest = "size = (SELECT max(size) FROM log_checkpoint)"
    (before,) = c.execute(f"SELECT note FROM log_checkpoint WHERE {newest}").fetchone()
    origin, size, rest = before.split(b"\n", 2)
    after = b"\n".join([origin, str(int(size) + 1).encode(), rest])
    c.execute(f"UPDATE log_checkpoint SET note = ? WHERE {newest}", (after,))
    return True


def _no_checkpoint(c: sqlite3.Connection, _: str, __: int) -> bool:
    """Forget the newest checkpoint, and leave the tree as it is."""
    sql = "DELETE FROM log_checkpoint WHERE size = (SELECT max(size) FROM log_checkpoint)"
    return c.execute(sql).rowcount == 1


EDITS: Final[Mapping[str, Edit]] = {
    "edited_record": _column("record"),
    "edited_salt": _column("salt"),
    "edited_leaf": _column("leaf"),
    "edited_beside": _beside,
    "emptied_row": _emptied,
    "deleted_row": _deleted,
    "exchanged_rows": _exchanged,
    "edited_tile": _tile,
    "edited_root": _root,
    "edited_note": _note,
    "lost_checkpoint": _no_checkpoint,
}
"""Clumsy edits, by name: each leaves the log at odds with itself."""
LIES: Final = (*EDITS, "forged_log", "rolled_back")
"""What is done to a file, by name."""


def forge(world: World, party: str, row: int) -> bool:
    """Let a row say something else, and the whole tree with it; the party signs it anew.

    The record tells another time. False where the row is erased, or is not there.
    """
    with opened(world, party) as c:
        found = c.execute("SELECT salt, record FROM log WHERE seq = ?", (row + 1,)).fetchone()
        if not found or found[1] is None:
            return False
        salt, record = found
        told = _another_time(record)
        values = told, item_leaf(salt, told), row + 1
        c.execute("UPDATE log SET record = ?, leaf = ? WHERE seq = ?", values)
        c.execute("DELETE FROM log_tile")
        c.execute("DELETE FROM log_checkpoint")
    return True


def copy_of(world: World, party: str, place: Path) -> None:
    """Lay a copy of a party's database aside."""
    with opened(world, party) as c, closing(sqlite3.connect(place)) as copy:
        c.backup(copy)


def put_back(world: World, party: str, place: Path) -> None:
    """Put an older copy of a party's database in the place of the present one."""
    file = world.file(party)
    world.stop(party)
    for end in ("", "-wal", "-shm"):
        file.with_name(file.name + end).unlink(missing_ok=True)
    with closing(sqlite3.connect(place)) as copy, closing(sqlite3.connect(file)) as fresh:
        copy.backup(fresh)
    file.chmod(0o600)
    world.start(party)


def _another_time(record: bytes) -> bytes:
    if events.is_event(record):
        raw = events.read(record)
        facts = {name: value for name, value in raw.items() if name not in {"at", "kind"}}
        return events.write(raw["at"] - 1, raw["kind"], facts)
    entry = codec.decode_entry(record)
    return codec.encode_entry(replace(entry, at=entry.at - 1))
