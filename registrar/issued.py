"""What was issued: tokens with their renewals, and the objections behind rechecks.

Knows the SQL of these two tables, within a transaction of ``store``. Does not know who may have a
token, or what stands in one.
"""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from federation import summing
from federation.consenting import IssuedToken, Objection, paper
from federation.log.registrar_events import ObjectionRecorded, TokenIssued
from registrar.journal import Journal
from registrar.objections import Recorded
from registrar.tokens import Issued

Place = tuple[str, int]
"""A department, and a person by its index in the form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The newest tokens of a consent: number of the round, whose key, when they end."""

    number: int
    holder: bytes
    expires: int
    tokens: tuple[IssuedToken, ...] = field(repr=False)


class IssuedBook:
    """Tokens and objections, as one transaction sees them."""

    def __init__(self, connection: sqlite3.Connection, journal: Journal) -> None:
        self._sql = connection
        self._journal = journal

    def newest(self, consent_no: str) -> Round | None:
        """Give the newest round of a consent's tokens, in the order of issue."""
        rows = self._sql.execute(
            "SELECT round, holder, expires, person, department, presentation FROM token"
            " WHERE consent_no = ? AND objection IS NULL AND round ="
            " (SELECT max(round) FROM token WHERE consent_no = ? AND objection IS NULL)"
            " ORDER BY rowid",
            (consent_no, consent_no),
        ).fetchall()
        if not rows:
            return None
        return Round(
            number=rows[0][0],
            holder=rows[0][1],
            expires=rows[0][2],
            tokens=tuple(IssuedToken(person=p, department=d, token=t) for *_, p, d, t in rows),
        )

    def of_person(self, consent_no: str, person: int) -> Iterator[tuple[str, bytes]]:
        """Read the tokens about a person on a consent, each with its department."""
        yield from self._sql.execute(
            "SELECT department, presentation FROM token"
            " WHERE consent_no = ?1 AND person = ?2 AND objection IS NULL UNION ALL"
            " SELECT department, presentation FROM token WHERE objection IN"
            " (SELECT objection FROM objection WHERE consent_no = ?1 AND person = ?2)",
            (consent_no, person),
        )

    def chains(self, origin: str) -> Mapping[Place, bytes]:
        """Give the chains that began under a signed consent or under what renews it."""
        rows = self._sql.execute(
            "SELECT department, person, chain FROM token JOIN consent USING (consent_no)"
            " WHERE origin = ? AND objection IS NULL",
            (origin,),
        )
        return {(department, person): chain for department, person, chain in rows}

    def add(
        self,
        consent_no: str,
        tokens: Sequence[Issued],
        now: int,
        *,
        number: int = 0,
        objection: int | None = None,
    ) -> None:
        """Store the tokens of a round by its number, or those of an objection."""
        self._sql.executemany(
            "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(t.jti, consent_no, objection, number, t.person, t.department, t.chain),
                    *(t.series, t.status_index, t.evidence_salt, t.holder, now, t.expires),
                    t.token,
                )
                for t in tokens
            ],
        )
        for one in tokens:
            event = TokenIssued(
                consent_no=consent_no,
                person=one.person,
                jti=one.jti,
                token=sha256(one.token).digest(),
                department=one.department,
                chain=one.chain,
                round=number,
                series=one.series,
                index=one.status_index,
                expires=one.expires,
                recheck=objection is not None,
            )
            self._journal.note(event, now)

    def reference(self, origin: str, predicate: str, subject: int) -> bytes:
        """Give what stands for a household in a sum, drawn when first asked for."""
        self._sql.execute(
            "INSERT OR IGNORE INTO sum_ref VALUES (?, ?, ?, ?)",
            (origin, predicate, subject, os.urandom(summing.REF)),
        )
        found = self._sql.execute(
            "SELECT ref FROM sum_ref WHERE origin = ? AND predicate = ? AND subject = ?",
            (origin, predicate, subject),
        ).fetchone()
        return bytes(found[0])

    def objection(self, person_id: str, predicate: str, year: int) -> Recorded | None:
        """Find a person's objection about a predicate in a year, under whatever consent."""
        row = self._sql.execute(
            "SELECT objection, o.consent_no, o.person, parameter, o.evidence FROM person AS p"
            " JOIN objection AS o ON o.consent_no = p.consent_no AND o.person = p.position"
            " WHERE p.id = ? AND predicate = ? AND year = ?",
            (person_id, predicate, year),
        ).fetchone()
        if row is None:
            return None
        number, consent_no, person, parameter, evidence = row
        return Recorded(
            number=number,
            objection=Objection(
                consent_no=consent_no,
                person=person,
                predicate=predicate,
                parameter=parameter,
                evidence=evidence,
            ),
        )

    def add_objection(self, one: Objection, year: int, now: int) -> int:
        """Store an objection and give its number."""
        added = self._sql.execute(
            "INSERT INTO objection VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
            (one.consent_no, one.person, one.predicate, one.parameter, year, one.evidence, now),
        )
        event = ObjectionRecorded(
            consent_no=one.consent_no,
            person=one.person,
            predicate=one.predicate,
            parameter=one.parameter,
            year=year,
            evidence=paper(one.consent_no, one.person, one.evidence),
        )
        self._journal.note(event, now)
        return int(added.lastrowid or 0)

    def of_objection(self, number: int) -> tuple[IssuedToken, ...]:
        """Give the tokens of an objection, in the order of issue."""
        rows = self._sql.execute(
            "SELECT person, department, presentation FROM token WHERE objection = ? ORDER BY rowid",
            (number,),
        )
        return tuple(IssuedToken(person=p, department=d, token=t) for p, d, t in rows)
