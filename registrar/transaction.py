"""A transaction over the registrar's state: consents; beside it ``issued``, ``entries``, ``rolls``.

Knows the SQL of consents, and that each change goes with its entry in the log. Does not know which
form, token or batch is allowed, nor when a transaction begins or ends.
"""

import sqlite3
from dataclasses import dataclass, field
from typing import Final

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
from federation.log.registrar_events import (
    ConsentEnded,
    ConsentResumed,
    ConsentRevoked,
    ConsentSuspended,
)
from federation.status import Status
from registrar.consents import Consent
from registrar.entries import Entries
from registrar.issued import IssuedBook
from registrar.journal import Asked, Journal
from registrar.mandate_rows import MandateRows
from registrar.rolls import Rolls

_NUMBERS_A_DAY: Final = 999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call whose signature is verified: who, which request, until when, signed with which key."""

    caller: str
    qid: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    expires: int
    key: bytes = field(repr=False)

    def asked(self, now: int) -> Asked:
        """Say for the log who asks."""
        return Asked(by=self.caller, at=now, request=self.digest)


class Transaction:
    """Statements within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self.journal = Journal(connection)
        self.rolls = Rolls(connection, self.journal)
        self.mandates = MandateRows(connection, self.journal)
        self.entries = Entries(connection, self.journal)
        self.issued = IssuedBook(connection, self.journal)

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
            "INSERT INTO grant_request VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(number, i, g.person, g.department),
                    *(g.predicate, g.parameter, g.max_uses, g.declared),
                )
                for i, g in enumerate(form.grants)
            ],
        )
        self.journal.recorded(consent, now)

    def sign(self, consent: Consent, now: int) -> None:
        """Store the signatures of a consent that was there."""
        self._sql.execute("DELETE FROM person WHERE consent_no = ?", (consent.consent_no,))
        self._put_persons(consent)
        self.journal.signed(consent, now)

    def revoke(self, consent: Consent, asked: Asked, *, household: bool = False) -> None:
        """End a consent, all that go by the same signatures, and all their tokens, for good.

        ``household`` where that is because their household has changed.
        """
        ended = self._sql.execute(
            "UPDATE consent SET revoked = ? WHERE origin = ? AND revoked IS NULL",
            (asked.at, consent.origin),
        )
        self.entries.move(consent.origin, Status.INVALID)
        if ended.rowcount:
            self.journal.changed(ConsentEnded if household else ConsentRevoked, consent, asked)

    def suspend(self, consent: Consent, asked: Asked) -> None:
        """Let a consent, and all that go by the same signatures, rest until a party resumes it."""
        row = (consent.origin, asked.by, asked.at)
        rests = self._sql.execute("INSERT OR IGNORE INTO suspension VALUES (?, ?, ?)", row)
        self.entries.move(consent.origin, Status.SUSPENDED, only=Status.VALID)
        if rests.rowcount:
            self.journal.changed(ConsentSuspended, consent, asked)

    def resume(self, consent: Consent, asked: Asked) -> None:
        """Lift a party's suspension; tokens are valid again once no other is left."""
        row = (consent.origin, asked.by)
        lifted = self._sql.execute("DELETE FROM suspension WHERE origin = ? AND party = ?", row)
        others = self._sql.execute("SELECT 1 FROM suspension WHERE origin = ?", row[:1])
        if others.fetchone() is None:
            self.entries.move(consent.origin, Status.VALID, only=Status.SUSPENDED)
        if lifted.rowcount:
            self.journal.changed(ConsentResumed, consent, asked)

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
            " WHERE one.consent_no = ? AND one.role <> ? AND other.role <> ? AND id <> ''"
            " ORDER BY other.consent_no",
            (consent.consent_no, Role.SUPPORTER, Role.SUPPORTER),
        ).fetchall()
        return [one for (number,) in rows if (one := self.by_number(number))]

    def of_person(self, identity: str) -> list[Consent]:
        """List all consents on which a person stands, whatever as."""
        rows = self._sql.execute(
            "SELECT DISTINCT consent_no FROM person WHERE id = ? ORDER BY consent_no", (identity,)
        ).fetchall()
        return [one for (number,) in rows if (one := self.by_number(number))]

    def blank(self, identity: str, now: int) -> None:
        """Blank a person's number and name, and its number where it signed on an ended consent."""
        self._sql.execute("PRAGMA secure_delete = ON")
        self._sql.execute(
            "UPDATE person SET signer_id = '' WHERE signer_id = ? AND consent_no IN"
            " (SELECT consent_no FROM consent WHERE revoked IS NOT NULL OR not_after <= ?)",
            (identity, now),
        )
        self._sql.execute(
            "UPDATE person SET id = '', name = '', signer_id = '' WHERE id = ?", (identity,)
        )

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
            "SELECT person, department, predicate, parameter, max_uses, declared FROM grant_request"
            " WHERE consent_no = ? ORDER BY position",
            (consent_no,),
        )
        return tuple(
            GrantRequest(
                person=p, department=d, predicate=q, parameter=r, max_uses=u, declared=declared
            )
            for p, d, q, r, u, declared in rows
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
