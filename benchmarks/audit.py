"""``log.verify``: how many entries of an exported log an auditor verifies a second.

Ours is the auditor's whole way from the checkpoint down: signature and cosignatures, tiles held to
the one above, rows to their leaves, what lies beside to its record, erasures to tombstones. What it
is held against reads the same rows and hashes leaves and interior nodes, and believes all else.
"""

import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Final

from auditor import logs, papers
from benchmarks import town
from benchmarks.measuring import Benchmark, Direction, Play, Round
from crypto import note, tiles
from crypto.labels import LEAF, NODE
from crypto.tiles import WIDTH
from federation import party as parties
from federation.clock import SystemClock
from federation.ledger import Items, LedgerEntry, digest
from federation.log import reader
from federation.log.keeper import Keeper
from federation.log.sqlite import LOG_SCHEMA, SqliteBook, append_all
from federation.manifest import PartyRole
from federation.wire import codec

_ENTRIES: Final = 1_000_000
_SLICE: Final = 5_000
_HEADER: Final = 220
_SIGNATURE: Final = 64
_LENGTH: Final = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class _Contest:
    """An exported log and the documents of its federation."""

    folder: Path
    papers: papers.Papers

    def verify(self) -> Round:
        """Verify the log, then only hash it."""
        read = reader.folder_reader(self.folder)
        began = perf_counter()
        head = logs.head(read, self.papers)
        logs.verify(logs.Log(read, head))
        ours = head.tree.size / (perf_counter() - began)
        began = perf_counter()
        root = _bare(read, head.tree.size)
        bare = head.tree.size / (perf_counter() - began)
        if root != head.tree.root:
            raise ValueError("the bare loop came to another root")
        return Round(ours=ours, baseline=bare)


def _bare(read: Callable[[str], bytes], size: int) -> bytes:
    level: list[bytes] = []
    for first in range(0, size, WIDTH):
        data = read(tiles.path(None, first // WIDTH, min(WIDTH, size - first)))
        at = 0
        while at < len(data):
            start, middle = at + 17, at + 21
            end = middle + _LENGTH.unpack_from(data, start)[0]
            salted = data[at + 1 : start] + data[middle:end]
            level.append(sha256(LEAF + salted).digest())
            at = end + 4 + _LENGTH.unpack_from(data, end)[0]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [sha256(NODE + left + right).digest() for left, right in pairs]
        level = above + level[len(above) * 2 :]
    return level[0]


def _records(number: int) -> list[tuple[bytes, bytes]]:
    """Make entries as long as a node's, one question each."""
    made = []
    for _ in range(number):
        drawn = os.urandom(2 * _HEADER + _SIGNATURE + 80)
        items = Items(
            request_leaves=(drawn[:32],), answer_leaves=(drawn[32:64],), tokens=(drawn[64:80],)
        )
        beside = items.write()
        entry = LedgerEntry(
            at=1,
            kind="ask",
            caller="coordinator",
            request=drawn[80 : 80 + _HEADER],
            request_signature=drawn[-_SIGNATURE:],
            answer=drawn[80 + _HEADER : 80 + 2 * _HEADER],
            beside=digest(beside),
        )
        made.append((codec.encode_entry(entry), beside))
    return made


@contextmanager
def contest(folder: Path) -> Iterator[Play]:
    """Write a log of a million entries, have its checkpoint cosigned, and export it."""
    home = folder / "federation"
    place = town.build(home, departments=["public_security"], people=1)
    party = place.registrar
    with closing(sqlite3.connect(folder / "log.sqlite", isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
        connection.executescript(LOG_SCHEMA)
        for _ in range(_ENTRIES // _SLICE):
            connection.execute("BEGIN")
            append_all(connection, _records(_SLICE))
            connection.execute("COMMIT")
        book = SqliteBook(lambda: nullcontext(connection), lambda job: job(connection))
        clock = SystemClock()
        Keeper(book, party, clock).cut()
        kept = book.newest()
        if kept is None:
            raise ValueError("no checkpoint")
        signed = note.parse(kept.note)
        lines = [
            note.cosign(signed.text, party.manifest.note_name(one.id), key, clock.now())
            for one in party.manifest.having(PartyRole.WITNESS)
            for key in [parties.load(home / one.id, PartyRole.WITNESS, clock.now()).key]
        ]
        cosigned = replace(signed, signatures=(*signed.signatures, *lines))
        book.cosigned(replace(kept, note=note.write(cosigned)))
        reader.export(book, folder / "export")
    (folder / "log.sqlite").unlink()
    documents = {
        name: (home / party.id / name).read_bytes() for name in ("manifest.json", "policy.json")
    }
    chain = papers.chain_of((home / party.id / "root.json").read_bytes())
    one = _Contest(folder / "export", papers.gather(chain, documents))
    one.verify()
    yield one.verify


BENCHMARKS: Final = [
    Benchmark(
        name="log.verify",
        unit="entries/s",
        direction=Direction.MORE,
        target=0.6,
        stage=contest,
    ),
]
