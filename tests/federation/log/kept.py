"""A small federation's log for these tests: its party, its witnesses, and whoever keeps it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from crypto import checkpoint, merkle, note
from crypto.keys import SigningKey
from crypto.note import Note
from federation.clock import FixedClock
from federation.errors import HeduiError, Unavailable
from federation.log.book import Book
from federation.log.keeper import Keeper, Plan
from federation.log.sqlite import LOG_SCHEMA, SqliteBook
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.party import Party
from federation.wire import log_messages as messages
from federation.wire.log_messages import Cosigned

NOW = 1_795_000_000
ORIGIN = "test/tax"
ROLES = {
    "registrar": PartyRole.REGISTRAR,
    "coordinator": PartyRole.COORDINATOR,
    "tax": PartyRole.NODE,
    "auditor": PartyRole.AUDITOR,
    "witness_a": PartyRole.WITNESS,
    "witness_b": PartyRole.WITNESS,
    "witness_c": PartyRole.WITNESS,
    "tally": PartyRole.TALLY,
}
WITNESSES = ("witness_a", "witness_b", "witness_c")


def signing_key(party: str) -> SigningKey:
    """Make the key that a party always has here."""
    return SigningKey.from_seed(party.encode().ljust(32, b"."))


def manifest(*without: str) -> Manifest:
    """List the parties, without some of them."""
    entries = {
        name: PartyEntry(
            id=name,
            role=role,
            kind="tax" if role is PartyRole.NODE else "",
            zh=name,
            en=name,
            endpoint="127.0.0.1:0",
            keys={signing_key(name).kid: signing_key(name).verify_key},
            certificates=(),
        )
        for name, role in ROLES.items()
        if name not in without
    }
    return Manifest(
        federation="test",
        version=1,
        issued=NOW,
        expires=NOW + 100,
        demonstration=True,
        ca=b"",
        parties=entries,
        pseudonym_keys={},
    )


@dataclass
class Owner:
    """What a keeper sees of the party whose log it is."""

    id: str = "tax"
    manifest: Manifest = field(default_factory=manifest)
    key: SigningKey = field(default_factory=lambda: signing_key("tax"))

    def party(self) -> Party:
        """Pass for a party."""
        return cast("Party", self)


class Witnesses:
    """Three witnesses: ``seen`` has size and root of what each has cosigned last.

    ``refusing`` says what else one answers: an error it raises, or bytes.
    """

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.seen: dict[str, tuple[int, bytes]] = {}
        self.refusing: dict[str, HeduiError | bytes] = {}
        self.asked: list[str] = []

    def send(self, witness: str, data: bytes) -> bytes:
        self.asked.append(witness)
        match self.refusing.get(witness):
            case HeduiError() as error:
                raise error
            case bytes() as reply:
                return reply
        new = messages.decode_checkpoint(data)
        signed = note.parse(new.checkpoint)
        tree = checkpoint.parse(signed.text)
        size, root = self.seen.get(witness, (0, b""))
        if new.old_size != size:
            return messages.encode_cosigned(Cosigned(known_size=size))
        if size:
            merkle.verify_consistency(size, tree.size, new.proof, root, tree.root)
        self.seen[witness] = tree.size, tree.root
        return messages.encode_cosigned(Cosigned(lines=self.line(witness, signed.text)))

    def line(self, witness: str, text: str) -> str:
        """Cosign a text."""
        key = signing_key(witness)
        signature = note.cosign(text, f"test/{witness}", key, self.clock.now())
        whole = note.write(Note(text=text, signatures=(signature,))).decode()
        return whole.removeprefix(text + "\n")


def keeper(book: Book, witnesses: Witnesses | None = None, **more: Any) -> Keeper:
    """Set a keeper over a book."""
    clock = witnesses.clock if witnesses else FixedClock(NOW)
    owner = more.pop("owner", Owner()).party()
    return Keeper(book, owner, clock, witnesses.send if witnesses else None, Plan(**more))


class File:
    """A log in a SQLite file, and the hand of somebody who edits it behind the server's back."""

    def __init__(self, place: str) -> None:
        self.connection = sqlite3.connect(place, isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.executescript(LOG_SCHEMA)
        self.broken = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        if self.broken:
            raise sqlite3.OperationalError("disk I/O error")
        yield self.connection

    def writing(self, job: Callable[[sqlite3.Connection], None]) -> None:
        if self.broken:
            raise Unavailable("LOG_UNAVAILABLE")
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            job(self.connection)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def book(self) -> SqliteBook:
        return SqliteBook(self.reading, self.writing)

    def edit(self, sql: str, *values: object) -> None:
        """Change the file as no server would."""
        changed = self.connection.execute(sql, values)
        assert changed.rowcount > 0
