"""A log in memory: a ``Book`` whose rows a test may edit as somebody with the file would."""

from collections.abc import Mapping

from federation.log import events, rows
from federation.log.book import ALWAYS, Kept, altered
from federation.log.events import Tombstone
from federation.log.rows import Row


class MemoryBook:
    """Rows, tiles and checkpoints in lists and mappings."""

    def __init__(self) -> None:
        self.all: list[Row] = []
        self.tiles: dict[tuple[int, int], bytes] = {}
        self.checkpoints: list[Kept] = []
        self.erased: dict[int, int] = {}
        self.checked = 0

    def append(self, record: bytes, beside: bytes = b"") -> int:
        """Append a record under a salt that follows from its place."""
        self.all.append(rows.made(record, beside, len(self.all).to_bytes(16, "big")))
        return len(self.all) - 1

    def erase(self, tombstone: Tombstone) -> int:
        """Erase rows, and append the tombstone that says so."""
        at = self.append(events.write_tombstone(tombstone))
        for row in tombstone.rows:
            self.all[row] = Row(self.all[row].leaf, None, None, None)
            self.erased[row] = at
        return at

    def size(self) -> int:
        return len(self.all)

    def leaves(self, first: int, stop: int) -> list[bytes]:
        return [row.leaf for row in self.rows(first, stop)]

    def rows(self, first: int, stop: int) -> list[Row]:
        if not 0 <= first <= stop <= len(self.all):
            raise altered(len(self.all))
        return self.all[first:stop]

    def lengths(self, first: int, stop: int) -> list[int | None]:
        return [
            None if row.record is None else len(row.record) + len(row.beside or b"")
            for row in self.rows(first, stop)
        ]

    def tombstones(self, first: int, stop: int) -> dict[int, int]:
        return {row: by for row, by in self.erased.items() if first <= row < stop}

    def tile(self, level: int, index: int) -> bytes | None:
        return self.tiles.get((level, index))

    def newest(self) -> Kept | None:
        return self.checkpoints[-1] if self.checkpoints else None

    def kept(self, since: int = 0, until: int = ALWAYS) -> list[Kept]:
        return [kept for kept in self.checkpoints if since <= kept.at <= until]

    def keep(self, tiles: Mapping[tuple[int, int], bytes], kept: Kept) -> None:
        newest = self.newest()
        if newest and newest.size >= kept.size:
            raise altered(kept.size)
        self.tiles.update(tiles)
        self.checkpoints.append(kept)

    def cosigned(self, kept: Kept) -> None:
        self.checkpoints = [
            kept if (one.size, one.root) == (kept.size, kept.root) else one
            for one in self.checkpoints
        ]

    def position(self) -> int:
        return self.checked

    def passed(self, position: int) -> None:
        self.checked = position
