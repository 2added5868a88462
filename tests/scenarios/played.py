"""A demonstration played by its real command line, and what it left on the disk.

Reads databases with plain SQL and messages with the protocol's codec; believes nothing of what the
demonstration says about itself.
"""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from federation import catalogue, ledger, root
from federation import manifest as manifests
from federation.exchange import Answer, Outcome, SaltedItem, outcome_text
from federation.ledger import Items, LedgerEntry
from federation.log import events
from federation.manifest import Manifest, PartyRole
from federation.wire import codec
from hedui.demo.verdict import CLOSED, Key

CENTRE: Final = "coordinator"
REGISTRAR: Final = "registrar"
REPOSITORY: Final = Path(__file__).parents[2]
_ENDS: Final = {"SUM_CLOSED": CLOSED}
"""How a sum may end without an outcome, by its code."""
_NEWEST: Final = (
    "SELECT sum_id, state, code, outcome FROM sum_run AS newest WHERE run_no ="
    " (SELECT max(run_no) FROM sum_run WHERE sum_id = newest.sum_id)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A signed request in the centre's books, with the exact bytes that came back."""

    batch: int
    department: str
    state: str
    request: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One planned question by the oracle's key, its token, and every answer it was given."""

    key: Key
    jti: bytes
    newest: Answer | None
    answers: tuple[Answer, ...]

    @property
    def outcome(self) -> str:
        """Write the newest answer as the oracle does; empty where there is none."""
        if self.newest is None:
            return ""
        return outcome_text(self.newest, catalogue.load().predicate(self.key[3]).values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """One planned sum by the oracle's key, with the state of its newest run and what it told.

    ``parties`` are its departments and the tally, ``persons`` the places of those added up.
    """

    sum: int
    key: Key
    parties: tuple[str, ...]
    persons: tuple[int, ...]
    state: str
    code: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A signed request of a run in the centre's books, with the exact bytes that came back."""

    sum: int
    run: bytes
    round: str
    party: str
    state: str
    request: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One row of a node's log, as it is stored and as it reads."""

    seq: int
    leaf: bytes
    salt: bytes
    record: bytes
    entry: LedgerEntry
    items: Items


class Played:
    """A folder after ``hedui demo``."""

    def __init__(self, home: Path, code: int, out: str, err: str, record: Path | None) -> None:
        self.home = home
        self.code = code
        self.out = out
        self.err = err
        self.record = record

    @property
    def summary(self) -> dict[str, Any]:
        """Read the last line."""
        summary: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return summary

    def folder(self, party: str) -> Path:
        """Give a party's folder."""
        return self.home / "federation" / party

    @cached_property
    def manifest(self) -> Manifest:
        """Read the signed manifest."""
        folder = self.folder(CENTRE)
        pinned = root.read((folder / "root.json").read_bytes())
        return manifests.read((folder / "manifest.json").read_bytes(), pinned, now=0)

    @cached_property
    def nodes(self) -> list[str]:
        """Name the departments."""
        return [party.id for party in self.manifest.having(PartyRole.NODE)]

    @cached_property
    def present(self) -> list[str]:
        """Name the departments that were ever there: one that never started has no database."""
        return [
            node for node in self.nodes if (self.folder(node) / "data" / "node.sqlite").exists()
        ]

    @cached_property
    def oracle(self) -> dict[Key, str]:
        """Read the expected outcomes."""
        rows = json.loads((self.home / "city" / "oracle.json").read_text("utf-8"))
        names = ("case", "person", "department", "predicate", "parameter")
        return {tuple(row[name] for name in names): row["outcome"] for row in rows}

    @cached_property
    def applicants(self) -> dict[str, str]:
        """Name the city's cases by their applicant's resident number."""
        found = {}
        for file in sorted((self.home / "city" / "cases").glob("*.toml")):
            people = tomllib.loads(file.read_text("utf-8"))["person"]
            (applicant,) = (one["id"] for one in people if one["role"] == "APPLICANT")
            found[applicant] = file.stem
        return found

    @cached_property
    def labels(self) -> dict[str, str]:
        """Give the oracle's name of every case in the centre's books."""
        rows = self.books("SELECT case_id, id_number FROM person WHERE role = 'APPLICANT'")
        return {case: self.applicants[applicant] for case, applicant in rows}

    def books(self, sql: str) -> list[Any]:
        """Query the centre's database."""
        return query(self.folder(CENTRE) / "data" / "coordinator.sqlite", sql)

    def node(self, party: str, sql: str) -> list[Any]:
        """Query a node's database."""
        return query(self.folder(party) / "data" / "node.sqlite", sql)

    @cached_property
    def exchanges(self) -> list[Exchange]:
        """Read every request the centre ever wrote down."""
        rows = self.books(
            "SELECT batch_id, department, state, request, receipt FROM question_batch"
        )
        return [
            Exchange(batch=batch, department=d, state=state, request=sent, receipt=got or b"")
            for batch, d, state, sent, got in rows
        ]

    @cached_property
    def asks(self) -> list[Ask]:
        """Read every planned question with its answers, out of the receipts themselves."""
        given: dict[int, dict[int, Answer]] = {}
        receipts = {one.batch: answers(one.receipt) for one in self.exchanges if one.receipt}
        for batch, place, ask in self.books("SELECT batch_id, position, ask_id FROM question"):
            if batch in receipts:
                given.setdefault(ask, {})[batch] = receipts[batch][place]
        rows = self.books(
            "SELECT ask_id, case_id, id_number, department, predicate, parameter, answered_by, jti"
            " FROM ask JOIN token USING (case_id, place, department)"
            " JOIN person USING (case_id, place)"
        )
        return [
            Ask(
                key=(self.labels[case], person, department, predicate, parameter),
                jti=jti,
                newest=given.get(ask, {}).get(newest),
                answers=tuple(given.get(ask, {}).values()),
            )
            for ask, case, person, department, predicate, parameter, newest, jti in rows
        ]

    @cached_property
    def sums(self) -> list[Sum]:
        """Read every planned sum with what its newest run came to."""
        people = self.books("SELECT case_id, place, id_number FROM person")
        ids = {(case, place): number for case, place, number in people}
        newest = {row[0]: row[1:] for row in self.books(_NEWEST)}
        found = []
        for number, case, predicate, parameter, subject, persons, departments, tally in self.books(
            "SELECT sum_id, case_id, predicate, parameter, subject, persons, departments, tally"
            " FROM sum_ask"
        ):
            state, code, outcome = newest.get(number, ("", "", 0))
            person = "" if subject < 0 else ids[case, subject]
            found.append(
                Sum(
                    sum=number,
                    key=(self.labels[case], person, "", predicate, parameter),
                    parties=(*departments.split(), tally),
                    persons=tuple(int(place) for place in persons.split()),
                    state=state,
                    code=code,
                    outcome=Outcome(outcome).name if state == "TOLD" else _ENDS.get(code, ""),
                )
            )
        return found

    @cached_property
    def messages(self) -> list[Message]:
        """Read every request of a sum that the centre ever wrote down."""
        rows = self.books(
            "SELECT sum_id, run, round, party, sum_message.state, request, receipt"
            " FROM sum_message JOIN sum_run USING (run_no) ORDER BY message_id"
        )
        return [
            Message(
                sum=number,
                run=run,
                round=round_,
                party=party,
                state=state,
                request=sent,
                receipt=got or b"",
            )
            for number, run, round_, party, state, sent, got in rows
        ]

    def log(self, party: str) -> list[Logged]:
        """Read the exchanges in a node's log."""
        return self.log_of(self.folder(party) / "data" / "node.sqlite")

    def log_of(self, path: Path) -> list[Logged]:
        """Read the exchanges in a log, whosever it is."""
        rows = query(path, "SELECT seq, leaf, salt, record, beside FROM log ORDER BY seq")
        return [
            Logged(
                seq=seq,
                leaf=leaf,
                salt=s,
                record=record,
                entry=codec.decode_entry(record),
                items=ledger.read_items(beside),
            )
            for seq, leaf, s, record, beside in rows
            if not events.is_event(record)
        ]


def play(folder: Path, *words: str, record: Path | None = None) -> Played:
    """Run ``hedui demo`` to its end in a folder."""
    recording = ["--record", str(record)] if record else []
    line = command("demo", "-C", str(folder), "--json", *recording, *words)
    done = subprocess.run(
        line, check=False, cwd=REPOSITORY, env=environment(), capture_output=True, text=True
    )
    return Played(folder, done.returncode, done.stdout, done.stderr, record)


def command(*words: str) -> list[str]:
    """Give the command line of ``hedui``."""
    return [sys.executable, "-m", "hedui", *words]


def environment(**more: str) -> dict[str, str]:
    """Give the environment of a demonstration; no setting of the tester's reaches it."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("HEDUI_", "LC_", "LANG"))}
    return plain | {"PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"} | more


def query(path: Path, sql: str) -> list[Any]:
    """Query a database that nobody holds any more."""
    assert path.is_file(), path
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def answers(receipt: bytes) -> list[Answer]:
    """Read the answers of a receipt, in order."""
    return [codec.decode_answer(one.item) for one in codec.decode_batch(receipt).items]


def leaf(one: SaltedItem) -> bytes:
    """Hash an item the way the protocol says (§4), by itself: SHA-256(0x00 ‖ salt ‖ item)."""
    return hashlib.sha256(b"\x00" + one.salt + one.item).digest()


def leaves(batch: bytes) -> tuple[bytes, ...]:
    """Hash the items of a signed batch."""
    return tuple(leaf(one) for one in codec.decode_batch(batch).items)


def strangers(played: Played) -> Iterator[tuple[str, Logged]]:
    """Give what the nodes logged and the centre's books do not hold, with the node's name."""
    written: tuple[Exchange | Message, ...] = (*played.exchanges, *played.messages)
    sent = {codec.decode_batch(one.request).envelope.payload for one in written}
    for node in played.present:
        for row in played.log(node):
            if row.entry.request not in sent:
                yield node, row
