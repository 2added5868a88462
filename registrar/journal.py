"""The registrar's log, as a transaction writes it: a change stands with its entry, or not at all.

Knows how an entry is appended, and what those of a consent say; none holds a number or a name. Does
not know who may change what, nor what becomes of the log.
"""

import sqlite3
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from federation.consenting import paper, write_grants
from federation.log import kinds
from federation.log.checking import Rules
from federation.log.registrar_events import (
    ConsentEnded,
    ConsentRecorded,
    ConsentResumed,
    ConsentRevoked,
    ConsentSigned,
    ConsentSuspended,
    RegistrarEvent,
)
from federation.log.sqlite import append
from registrar.consents import Consent

Change = type[ConsentSuspended | ConsentResumed | ConsentRevoked | ConsentEnded]
"""What can happen to a consent and to all that go by the same signatures."""
RULES: Final = Rules(beside=kinds.beside, ordered=lambda *_: False)
"""By what a self-check finds a row that was altered: none of the registrar's is ever erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which party asks for a change, when (UTC seconds), and its signed request's digest.

    The registrar's own operator sends no request.
    """

    by: str
    at: int
    request: bytes = field(default=b"", repr=False)


class Journal:
    """The end of the log, within a transaction of ``store``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    def note(self, event: RegistrarEvent, at: int, beside: bytes = b"") -> None:
        """Append an event, and what it names by its digest."""
        append(self._sql, kinds.write(event, at), beside)

    def recorded(self, consent: Consent, at: int) -> None:
        """Note a consent, with its grants beside."""
        form = consent.form
        grants = write_grants(form.grants)
        event = ConsentRecorded(
            consent_no=consent.consent_no,
            coordinator=consent.coordinator,
            reference=form.reference,
            purpose=form.purpose.name,
            basis=form.basis,
            renews=form.renews,
            origin=consent.origin,
            members=form.members,
            not_after=form.not_after,
            grants=sha256(grants).digest(),
            evidence=_evidence(consent),
            missing=len(consent.missing),
        )
        self.note(event, at, grants)

    def signed(self, consent: Consent, at: int) -> None:
        """Note that more of a consent's signatures are there."""
        number, missing = consent.consent_no, len(consent.missing)
        event = ConsentSigned(consent_no=number, evidence=_evidence(consent), missing=missing)
        self.note(event, at)

    def changed(self, change: Change, consent: Consent, asked: Asked) -> None:
        """Note what has happened to a consent, and who asked for it."""
        number, origin = consent.consent_no, consent.origin
        event = change(consent_no=number, origin=origin, by=asked.by, request=asked.request)
        self.note(event, asked.at)


def _evidence(consent: Consent) -> tuple[bytes, ...]:
    return tuple(
        paper(consent.consent_no, position, person.evidence)
        for position, person in enumerate(consent.form.persons)
    )
