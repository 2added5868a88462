"""The registrar's state in one SQLite file: consents; beside it ``issued``, ``entries``, ``rolls``.

Knows SQL and transactions: one call of the protocol is one transaction, durable before it is
answered. Does not know which form, token or batch is allowed.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
    Role,
    SignatureMethod,
)
from federation.errors import Refused, Unavailable
from federation.exchange import Purpose
from federation.limits import SKEW
from federation.status import Status
from registrar.consents import Consent
from registrar.entries import Entries, Listing
from registrar.issued import IssuedBook
from registrar.mandate_rows import MandateRows
from registrar.rolls import Rolls

FILE: Final = "registrar.sqlite"
BUSY_SECONDS: Final = 30.0
"""Patience with another process (the command line) that is writing."""
_NUMBERS_A_DAY: Final = 999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call whose signature is verified: who, which request, until when, signed with which key."""

    caller: str
    qid: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    expires: int
    key: bytes = field(repr=False)


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

    def listing(self, department: str, least: int, now: int) -> Listing | None:
        """Find the first current status list of a department of at least a number."""
        with self.read() as view:
            return view.entries.listing(department, least, now)

    def states(self, department: str, series: int) -> dict[int, Status]:
        """Give the states of those tokens of one status list that are not valid."""
        with self.read() as view:
            return view.entries.states(department, series)


class Transaction:
    """Statements within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self.rolls = Rolls(connection)
        self.mandates = MandateRows(connection)
        self.entries = Entries(connection)
        self.issued = IssuedBook(connection)

    def claim(self, call: Call, now: int) -> None:
        """Note a request, so that its query id stands for no other.

        Raises:
            Refused: REPLAYED.
        """
        self._sql.execute("DELETE FROM request WHERE expires < ?", (now - SKEW,))
        known = self._sql.execute(
            "SELECT digest FROM request WHERE sender = ? AND qid = ?", (call.caller, call.qid)
        ).fetchone()
        if known is None:
            row = (call.caller, call.qid, call.digest, call.expires)
            self._sql.execute("INSERT INTO request VALUES (?, ?, ?, ?)", row)
        elif known[0] != call.digest:
            raise Refused("REPLAYED")

    def own(self, coordinator: str, consent_no: str) -> Consent:
        """Find a consent that a coordinator itself recorded; another's is as unknown as none.

        Raises:
            Refused: CONSENT_UNKNOWN.
        """
        consent = self.by_number(consent_no)
        if consent is None or consent.coordinator != coordinator:
            raise Refused("CONSENT_UNKNOWN")
        return consent

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
            "SELECT coordinator, reference, purpose, basis, renews, origin, members, not_after,"
            " revoked, EXISTS (SELECT 1 FROM suspension AS s WHERE s.origin = consent.origin)"
            " FROM consent WHERE consent_no = ?",
            (consent_no,),
        ).fetchone()
        if head is None:
            return None
        coordinator, reference, purpose, basis, renews, origin, members, end, ended, rests = head
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
            not_after=end,
            renews=renews,
        )
        return Consent(
            consent_no=consent_no,
            origin=origin,
            coordinator=coordinator,
            form=form,
            signed=tuple(bool(row[-1]) for row in persons),
            revoked=ended is not None,
            suspended=bool(rests),
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
        if following > _NUMBERS_A_DAY:
            raise Unavailable("CONSENT_NUMBERS_FULL", day=day)
        return f"{day}-{following:06}"

    def add(self, consent: Consent, now: int) -> None:
        """Store a consent that was not there."""
        form, number = consent.form, consent.consent_no
        self._sql.execute(
            "INSERT INTO consent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (
                *(number, consent.coordinator, form.reference, int(form.purpose), form.basis),
                *(form.renews, consent.origin, form.members, form.not_after, now),
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

    def revoke(self, consent: Consent, now: int) -> None:
        """End a consent, all that go by the same signatures, and all their tokens, for good."""
        self._sql.execute(
            "UPDATE consent SET revoked = ? WHERE origin = ? AND revoked IS NULL",
            (now, consent.origin),
        )
        self.entries.move(consent.origin, Status.INVALID)

    def suspend(self, consent: Consent, party: str, now: int) -> None:
        """Let a consent, and all that go by the same signatures, rest until a party resumes it."""
        row = (consent.origin, party, now)
        self._sql.execute("INSERT OR IGNORE INTO suspension VALUES (?, ?, ?)", row)
        self.entries.move(consent.origin, Status.SUSPENDED, only=Status.VALID)

    def resume(self, consent: Consent, party: str) -> None:
        """Lift a party's suspension; tokens are valid again once no other is left."""
        row = (consent.origin, party)
        self._sql.execute("DELETE FROM suspension WHERE origin = ? AND party = ?", row)
        others = self._sql.execute("SELECT 1 FROM suspension WHERE origin = ?", row[:1])
        if others.fetchone() is None:
            self.entries.move(consent.origin, Status.VALID, only=Status.SUSPENDED)

    def of_signature(self, consent_no: str) -> list[Consent]:
        """List a consent and all that go by the same signatures: one state holds for all."""
        rows = self._sql.execute(
            "SELECT consent_no FROM consent WHERE origin ="
            " (SELECT origin FROM consent WHERE consent_no = ?) ORDER BY consent_no",
            (consent_no,),
        ).fetchall()
        return [one for (number,) in rows if (one := self.by_number(number))]

    def of_household(self, consent: Consent) -> list[Consent]:
        """List all consents on which somebody of a consent's household stands as one of it."""
        rows = self._sql.execute(
            "SELECT DISTINCT other.consent_no FROM person AS one JOIN person AS other USING (id)"
            " WHERE one.consent_no = ? AND one.role <> ? AND other.role <> ?"
            " ORDER BY other.consent_no",
            (consent.consent_no, Role.SUPPORTER, Role.SUPPORTER),
        ).fetchall()
        return [one for (number,) in rows if (one := self.by_number(number))]

    def elsewhere(self, evidence: bytes, consent_no: str) -> list[bool]:
        """Tell, of each other consent on which a signed paper stands, whether it is revoked.

        A signed objection stands on its consent like any other paper.
        """
        rows = self._sql.execute(
            "SELECT DISTINCT consent_no, revoked IS NOT NULL FROM consent JOIN"
            " (SELECT consent_no FROM person WHERE evidence = ?"
            " UNION SELECT consent_no FROM objection WHERE evidence = ?) USING (consent_no)"
            " WHERE consent_no <> ?",
            (evidence, evidence, consent_no),
        )
        return [bool(revoked) for _, revoked in rows]

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
