"""One log, read from its checkpoint down: whose it is, who has witnessed it, every row of it.

Knows tiles, leaves, and what a record commits to. Rows are given only once they are held to the
checkpoint, so that whoever reads them believes them. Pure but for the reader it is given: does not
know where a log lies, what a record means (``reconcile``), or screens.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from typing import Final, NoReturn

from auditor import inclusion, records
from auditor.papers import Papers
from crypto import checkpoint, merkle, note, tiles
from crypto.checkpoint import Checkpoint
from crypto.envelope import item_leaf
from crypto.errors import BadNote
from crypto.labels import LEAF
from crypto.merkle import HASH_SIZE
from crypto.tiles import HEIGHT, WIDTH
from federation.errors import PeerFault, Unavailable
from federation.log import rows
from federation.log.book import split
from federation.log.events import Tombstone
from federation.log.reader import CHECKPOINT, LogReader
from federation.log.rows import BUNDLE
from federation.wire.codec import ENTRY_END
from federation.wire.receipt_messages import span

Tell = Callable[[int, int], None]
"""Is told how many rows of how many are verified."""

Shown = tuple[bytes, bytes, bytes] | None
"""A row as its log shows it: salt, record and what lies beside it; None once it is erased."""

_NAME_SHOWN: Final = 100


def _silent(_done: int, _size: int) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A log's checkpoint, believed: its party, its tree, and when each witness cosigned it."""

    party: str
    tree: Checkpoint
    cosigners: Mapping[str, int]

    @property
    def seen(self) -> int:
        """The latest time at which a witness has cosigned it, UTC seconds."""
        return max(self.cosigners.values())


def head(read: LogReader, papers: Papers) -> Head:
    """Read a log's checkpoint, and hold it to its party's key and to enough witnesses.

    Raises:
        PeerFault: RECEIPT_CHECKPOINT, RECEIPT_COSIGNATURE, RECEIPT_WITNESSES, or RECEIPT_MANIFEST
            when none was in force; or as the reader.
        Unavailable: as the reader.
    """
    data = read(CHECKPOINT)
    try:
        return _head(data, papers)
    except PeerFault as error:
        place = inclusion.fault(data, papers.manifests.values())
        where = {"bytes": span(*place)} if place else {}
        raise PeerFault(error.code, **error.details | {"file": CHECKPOINT} | where) from error


def _head(data: bytes, papers: Papers) -> Head:
    try:
        signed = note.parse(data)
        tree = checkpoint.parse(signed.text)
    except BadNote as e:
        raise PeerFault("RECEIPT_CHECKPOINT", why=str(e)) from e
    latest = inclusion.latest(signed, 0)
    document = papers.manifest_at(latest) if latest else papers.newest
    party = tree.origin.rpartition("/")[2]
    if party not in document.parties or tree.origin != document.note_name(party):
        raise PeerFault("RECEIPT_CHECKPOINT", why=tree.origin[:_NAME_SHOWN])
    cosigners = inclusion.cosigned(signed, party, document)
    return Head(party=party, tree=tree, cosigners=cosigners)


class Log:
    """The rows and tiles under a checkpoint; each resource is believed as it was first read."""

    def __init__(self, read: LogReader, head: Head) -> None:
        self.head = head
        self._read = read
        self._edge: dict[tuple[int, int], bytes] = {}
        self._held: dict[int, tuple[int, bytes]] = {}

    def bundles(self, tell: Tell = _silent) -> Iterator[list[Shown]]:
        """Give all rows, 256 at a time, in their order.

        Raises:
            PeerFault: LOG_TILE, LOG_ROW, LOG_BESIDE or LOG_RECORD, with the file, and the row where
                there is one; or as the reader.
            Unavailable: as the reader.
        """
        size = self.head.tree.size
        self._check_edge()
        for first in range(0, size, BUNDLE):
            yield self._rows(first)
            tell(min(first + BUNDLE, size), size)

    def root_of(self, size: int) -> bytes:
        """Give the root over the first rows: that of the log when it was of this size.

        Raises:
            PeerFault, Unavailable: as ``bundles``.
        """
        self._check_edge()
        return tiles.root(size, self._hashes)

    def _check_edge(self) -> None:
        """Hold the tree's right edge to the checkpoint."""
        if self._edge:
            return
        tree, edge = self.head.tree, {}

        def read(level: int, index: int, width: int) -> bytes:
            tile = edge[level, index] = self._read_tile(level, index, width)
            return tile

        reached = tiles.root(tree.size, read)
        if reached != tree.root:
            told = {"signed": tree.root.hex(), "computed": reached.hex()}
            raise PeerFault("LOG_TILE", **self._torn(edge), **told)
        self._edge = edge

    def _torn(self, edge: Mapping[tuple[int, int], bytes]) -> dict[str, object]:
        """Find where the edge is not what it was made of: file, and first row under that hash.

        What was erased cannot tell: if nothing else is wrong it is the edge's own leaves. Without
        such rows the checkpoint is of another tree.
        """
        erased = ""
        for (level, index), tile in edge.items():
            shown = split(tile)
            path = tiles.path(level, index, len(shown))
            try:
                made = self._below(level, index, len(shown))
            except (PeerFault, Unavailable):
                continue  # what lies under it is torn itself
            for place, pair in enumerate(zip(made, shown, strict=True), index * WIDTH):
                if pair[0] and pair[0] != pair[1]:
                    return {"file": path, "row": place << HEIGHT * level}
            if not all(made):
                erased = path
        return {"file": erased or CHECKPOINT}

    def _below(self, level: int, index: int, width: int) -> list[bytes]:
        """Make the hashes of a tile anew of what lies under it; nothing where that is erased."""
        first = index * WIDTH
        if level:
            under = range(first, first + width)
            return [merkle.root(split(self._read_tile(level - 1, one, WIDTH))) for one in under]
        shown = rows.each(self._read(tiles.path(None, index, width)), width)
        return [item_leaf(row[0], row[1]) if row else b"" for row in shown]

    def _hashes(self, level: int, index: int, width: int) -> bytes:
        return self._tile(level, index)[: width * HASH_SIZE]

    def _tile(self, level: int, index: int) -> bytes:
        """Give a tile, held to the one above it."""
        if (level, index) in self._edge:
            return self._edge[level, index]
        held, tile = self._held.get(level, (-1, b""))
        if held == index:
            return tile
        above, place = divmod(index, WIDTH)
        signed = self._tile(level + 1, above)[place * HASH_SIZE : (place + 1) * HASH_SIZE]
        tile = self._read_tile(level, index, WIDTH)
        computed = merkle.root(split(tile))
        if computed != signed:
            path = tiles.path(level, index, WIDTH)
            row = index << HEIGHT * (level + 1)
            told = {"signed": signed.hex(), "computed": computed.hex()}
            raise PeerFault("LOG_TILE", file=path, row=row, **told)
        self._held[level] = index, tile
        return tile

    def _read_tile(self, level: int, index: int, width: int) -> bytes:
        path = tiles.path(level, index, width)
        try:
            tile = self._read(path)
        except PeerFault as e:
            raise PeerFault("LOG_TILE", file=path, why=e.code) from e
        if len(tile) != width * HASH_SIZE:
            raise PeerFault("LOG_TILE", file=path, why="length")
        return tile

    def _rows(self, first: int) -> list[Shown]:
        """Hold the rows of a bundle to their leaves, and to what lies beside them."""
        leaves = split(self._tile(0, first // BUNDLE))
        path = tiles.path(None, first // BUNDLE, len(leaves))
        found: list[Shown] = []
        try:
            shown = rows.each(self._read(path), len(leaves))
            for leaf, row in zip(leaves, shown, strict=True):
                if row is not None:
                    # Written out: it is most of the work of a million rows.
                    salt, record, beside = row
                    if sha256(LEAF + salt + record).digest() != leaf:
                        _refuse_record(leaf, salt, record)
                    if not record.endswith(ENTRY_END + sha256(beside).digest()):
                        _check_beside(record, beside)
                found.append(row)
        except PeerFault as error:
            raise _placed(error, path, first + len(found)) from error
        return found


@dataclass(slots=True)
class Erasures:
    """Which rows of a log are erased, and what its tombstones name."""

    erased: set[int] = field(default_factory=set)
    tombstones: dict[int, Tombstone] = field(default_factory=dict)

    def look(self, at: int, row: Shown) -> None:
        """Take a row by its number.

        Raises:
            PeerFault: MALFORMED for a tombstone that is none.
        """
        if row is None:
            self.erased.add(at)
            return
        _, record, beside = row
        tombstone = None if beside else records.tombstone(record)
        if tombstone:
            self.tombstones[at] = tombstone

    @property
    def named(self) -> set[int]:
        """All rows that tombstones name."""
        return {row for one in self.tombstones.values() for row in one.rows}


def verify(log: Log, tell: Tell = _silent) -> Erasures:
    """Verify a log from its first row to its last, and that every gap has its tombstone.

    Whether anybody ordered it is known to the registrar's log alone.

    Raises:
        PeerFault: as ``Log.bundles``; LOG_GAP with the first row that is erased without a
            tombstone, or named by one and there all the same.
        Unavailable: as the reader.
    """
    found = Erasures()
    for at, row in enumerate(chain.from_iterable(log.bundles(tell))):
        if row is None or not row[2]:  # no tombstone has anything beside it
            found.look(at, row)
    odd = found.erased ^ found.named
    if odd:
        raise PeerFault("LOG_GAP", row=min(odd))
    return found


def _refuse_record(leaf: bytes, salt: bytes, record: bytes) -> NoReturn:
    raise PeerFault("LOG_ROW", signed=leaf.hex(), computed=item_leaf(salt, record).hex())


def _check_beside(record: bytes, beside: bytes) -> None:
    named = records.beside(record)
    computed = sha256(beside).digest() if beside or named else None
    if computed != named:
        told = {"signed": (named or b"").hex(), "computed": (computed or b"").hex()}
        raise PeerFault("LOG_BESIDE", **told)


def _placed(error: PeerFault, path: str, row: int) -> PeerFault:
    """Say where in the log a row is wrong; one that cannot be read gets a code of its own."""
    details = {"file": path, "row": row, **error.details}
    if error.code != "MALFORMED":
        return PeerFault(error.code, **details)
    if details.pop("message") == "records":
        return PeerFault("LOG_ROW", **details)
    return PeerFault("LOG_RECORD", **details)
