"""The registrar's state in one SQLite file: consents, tokens, status entries, and what ``rolls`` keeps.

Knows SQL and transactions: one call of the protocol is one transaction, durable before it is
answered. Does not know which form, token or batch is allowed.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Final

import sqlite_utils

from federation import party as installation
from federation.consenting import (
    ConsentForm,
    ConsentPerson,
    GrantRequest,
    IssuedToken,
    Role,
    SignatureMethod,
)
from federation.errors import Refused, Unavailable
from federation.exchange import Purpose
from federation.limits import SKEW, STATUS_ENTRIES
from federation.status import Status
from registrar.consents import Consent
from registrar.rolls import Rolls
from registrar.tokens import Issued, Random

FILE: Final = "registrar.sqlite"
BUSY_SECONDS: Final = 30.0
"""Patience with another process (the command line) that is writing."""
FULL_AT: Final = STATUS_ENTRIES * 9 // 10
"""Used entries at which a status list takes no more tokens (protocol §3)."""


class Store:
    """One writer at a time; readers of status lists never wait for it."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        try:
            installation.private_file(path)
        except OSError as e:
            raise Unavailable("LOG_UNAVAILABLE") from e
        with _durable():
            self._writer = _connect(path)
            schema = resources.files("registrar").joinpath("schema.sql").read_text("utf-8")
            sqlite_utils.Database(self._writer).executescript(schema)
            self._reader = _connect(path)
        self._write_lock = Lock()
        self._read_lock = Lock()

    def close(self) -> None:
        """Close the file."""
        with self._write_lock, self._read_lock:
            self._writer.close()
            self._reader.close()

    @contextmanager
    def write(self) -> Iterator["Transaction"]:
        """Hold the one transaction; it is on disk when the block ends, or nothing is.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        with self._write_lock, _durable():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._writer)
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextmanager
    def read(self) -> Iterator["Transaction"]:
        """Hold one consistent view.

        Raises:
            Unavailable: LOG_UNAVAILABLE.
        """
        with self._read_lock, _durable():
            self._reader.execute("BEGIN")
            try:
                yield Transaction(self._reader)
            finally:
                if self._reader.in_transaction:
                    self._reader.execute("ROLLBACK")

    def ended(self, department: str) -> int:
        """Count a department's tokens that are not valid any more."""
        with self.read() as view:
            return view.ended(department)

    def states(self, department: str) -> dict[int, Status]:
        """Give the status of a department's tokens that are not valid any more."""
        with self.read() as view:
            return view.states(department)


class Transaction:
    """Statements within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self.rolls = Rolls(connection)

    def claim(self, sender: str, qid: bytes, digest: bytes, *, expires: int, now: int) -> None:
        """Note a request, so that its query id stands for no other.

        Raises:
            Refused: REPLAYED.
        """
        self._sql.execute("DELETE FROM request WHERE expires < ?", (now - SKEW,))
        known = self._sql.execute(
            "SELECT digest FROM request WHERE sender = ? AND qid = ?", (sender, qid)
        ).fetchone()
        if known is None:
            row = (sender, qid, digest, expires)
            self._sql.execute("INSERT INTO request VALUES (?, ?, ?, ?)", row)
        elif known[0] != digest:
            raise Refused("REPLAYED")

    def by_reference(self, coordinator: str, reference: bytes) -> Consent | None:
        """Find a consent by its coordinator's reference."""
        found = self._sql.execute(
            "SELECT consent_no FROM consent WHERE coordinator = ? AND reference = ?",
            (coordinator, reference),
        ).fetchone()
        return self.by_number(found[0]) if found else None

    def by_number(self, consent_no: str) -> Consent | None:
        """Find a consent by its number."""
        head = self._sql.execute(
            "SELECT coordinator, reference, purpose, basis, members, not_after, revoked"
            " FROM consent WHERE consent_no = ?",
            (consent_no,),
        ).fetchone()
        if head is None:
            return None
        coordinator, reference, purpose, basis, members, not_after, revoked = head
        persons = self._sql.execute(
            "SELECT id, name, role, method, signer_id, evidence, signed FROM person"
            " WHERE consent_no = ? ORDER BY position",
            (consent_no,),
        ).fetchall()
        form = ConsentForm(
            reference=reference,
            purpose=Purpose(purpose),
            basis=basis,
            persons=tuple(_person(row) for row in persons),
            grants=self._grants(consent_no),
            members=members,
            not_after=not_after,
        )
        return Consent(
            consent_no=consent_no,
            coordinator=coordinator,
            form=form,
            signed=tuple(bool(row[-1]) for row in persons),
            revoked=revoked is not None,
        )

    def numbers(self) -> list[str]:
        """List all consents, oldest first."""
        rows = self._sql.execute("SELECT consent_no FROM consent ORDER BY consent_no")
        return [number for (number,) in rows]

    def next_number(self, day: str) -> str:
        """Give the next free consent number of a day (yyyymmdd).

        Raises:
            Unavailable: CONSENT_NUMBERS_FULL.
        """
        (last,) = self._sql.execute(
            "SELECT max(consent_no) FROM consent WHERE consent_no BETWEEN ? AND ?",
            (f"{day}-000000", f"{day}-999999"),
        ).fetchone()
        following = int(last[-6:]) + 1 if last else 1
        if following > 999_999:
            raise Unavailable("CONSENT_NUMBERS_FULL", day=day)
        return f"{day}-{following:06}"

    def add(self, consent: Consent, now: int) -> None:
        """Store a consent that was not there."""
        form, number = consent.form, consent.consent_no
        self._sql.execute(
            "INSERT INTO consent VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (
                *(number, consent.coordinator, form.reference, int(form.purpose), form.basis),
                *(form.members, form.not_after, now),
            ),
        )
        self._put_persons(consent)
        self._sql.executemany(
            "INSERT INTO grant_request VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (number, i, g.person, g.department, g.predicate, g.parameter, g.max_uses)
                for i, g in enumerate(form.grants)
            ],
        )

    def sign(self, consent: Consent) -> None:
        """Store the signatures of a consent that was there."""
        self._sql.execute("DELETE FROM person WHERE consent_no = ?", (consent.consent_no,))
        self._put_persons(consent)

    def revoke(self, consent_no: str, now: int) -> None:
        """End a consent and all its tokens for good."""
        self._sql.execute(
            "UPDATE consent SET revoked = ? WHERE consent_no = ? AND revoked IS NULL",
            (now, consent_no),
        )
        self._sql.execute(
            "UPDATE status_entry SET state = ? WHERE (department, status_index) IN"
            " (SELECT department, status_index FROM token WHERE consent_no = ?)",
            (int(Status.INVALID), consent_no),
        )

    def tokens(self, consent_no: str) -> tuple[IssuedToken, ...]:
        """Give the tokens issued for a consent, in the order of issue."""
        rows = self._sql.execute(
            "SELECT person, department, presentation FROM token WHERE consent_no = ?"
            " ORDER BY rowid",
            (consent_no,),
        )
        return tuple(IssuedToken(person=p, department=d, token=t) for p, d, t in rows)

    def add_tokens(self, consent_no: str, tokens: Sequence[Issued], now: int) -> None:
        """Store issued tokens."""
        self._sql.executemany(
            "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(t.jti, consent_no, t.person, t.department, t.status_index),
                    *(t.evidence_salt, now, t.token),
                )
                for t in tokens
            ],
        )

    def draw_index(self, department: str, random: Random) -> int:
        """Take a random unused entry of a department's status list; keep ``FULL_AT`` before."""
        while True:
            index = int.from_bytes(random(3), "big") % STATUS_ENTRIES
            taken = self._sql.execute(
                "INSERT OR IGNORE INTO status_entry VALUES (?, ?, 0)", (department, index)
            )
            if taken.rowcount:
                return index

    def used_indices(self, department: str) -> int:
        """Count the used entries of a department's status list."""
        return self._count("SELECT count(*) FROM status_entry WHERE department = ?", department)

    def ended(self, department: str) -> int:
        """Count a department's tokens that are not valid any more."""
        return self._count(
            "SELECT count(*) FROM status_entry WHERE department = ? AND state <> 0", department
        )

    def states(self, department: str) -> dict[int, Status]:
        """Give the status of a department's tokens that are not valid any more."""
        rows = self._sql.execute(
            "SELECT status_index, state FROM status_entry WHERE department = ? AND state <> 0",
            (department,),
        )
        return {index: Status(state) for index, state in rows}

    def elsewhere(self, evidence: bytes, consent_no: str) -> list[bool]:
        """Tell, of each other consent on which a signed paper stands, whether it is revoked."""
        rows = self._sql.execute(
            "SELECT DISTINCT consent_no, revoked IS NOT NULL FROM person JOIN consent"
            " USING (consent_no) WHERE evidence = ? AND consent_no <> ?",
            (evidence, consent_no),
        )
        return [bool(revoked) for _, revoked in rows]

    def _count(self, sql: str, department: str) -> int:
        (count,) = self._sql.execute(sql, (department,)).fetchone()
        return int(count)

    def _put_persons(self, consent: Consent) -> None:
        rows = zip(consent.form.persons, consent.signed, strict=True)
        self._sql.executemany(
            "INSERT INTO person VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(consent.consent_no, i, p.id, p.name, int(p.role), int(p.method)),
                    *(p.signer_id, p.evidence, int(signed)),
                )
                for i, (p, signed) in enumerate(rows)
            ],
        )

    def _grants(self, consent_no: str) -> tuple[GrantRequest, ...]:
        rows = self._sql.execute(
            "SELECT person, department, predicate, parameter, max_uses FROM grant_request"
            " WHERE consent_no = ? ORDER BY position",
            (consent_no,),
        )
        return tuple(
            GrantRequest(person=p, department=d, predicate=q, parameter=r, max_uses=u)
            for p, d, q, r, u in rows
        )


def _person(row: tuple[str, str, int, int, str, bytes, int]) -> ConsentPerson:
    identity, name, role, method, signer_id, evidence, _ = row
    return ConsentPerson(
        id=identity,
        name=name,
        role=Role(role),
        method=SignatureMethod(method),
        signer_id=signer_id,
        evidence=evidence,
    )


@contextmanager
def _durable() -> Iterator[None]:
    """Turn a failing file (disk full, no rights, damaged, busy) into what a caller can name."""
    try:
        yield
    except sqlite3.DatabaseError as e:
        if isinstance(e, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise Unavailable("LOG_UNAVAILABLE") from e


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
