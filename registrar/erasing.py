"""Erasing: people whose consents have all ended, here and, by signed orders, at the departments.

Knows when a person may be erased, and what a department needs to find it. Does not know what the
departments do then: an order says who, never what. Here numbers and names are blanked; the log
holds none, and stays.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256

from federation import consent as sd_jwt
from federation import erasure
from federation.clock import day_start
from federation.erasure import ErasureOrder, Reason
from federation.errors import BadInput, Refused
from federation.log import kinds
from federation.log.book import Book, spans
from federation.log.registrar_events import ErasureOrdered, PersonErased
from federation.party import Party
from registrar.consents import Consent
from registrar.transaction import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A consent, and a person on it by the index in its form; None for everybody on it."""

    consent_no: str
    person: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Why somebody is erased, and when (UTC seconds)."""

    reason: Reason
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """An order as it was signed for a department, and when (UTC seconds)."""

    id: bytes
    department: str
    at: int
    document: bytes = field(repr=False)


def place(text: str) -> Place:
    """Read a consent's number, perhaps with a slash and a person's index behind it.

    Raises:
        BadInput: NOTHING_TO_ERASE when that is no index.
    """
    number, slash, person = text.partition("/")
    if slash and not (person.isascii() and person.isdigit()):
        raise BadInput("NOTHING_TO_ERASE")
    return Place(consent_no=number, person=int(person) if slash else None)


def erase(tx: Transaction, party: Party, places: Iterable[Place], ground: Ground) -> list[Signed]:
    """Blank the people at some places, and sign an order for each department that knows of one.

    Raises:
        Refused: CONSENT_UNKNOWN; CONSENT_ALIVE when one of them has a consent that has not ended.
        BadInput: NOTHING_TO_ERASE when nobody is there, or nobody any more.
    """
    people = dict.fromkeys(one for where in places for one in _people(tx, where))
    if not people:
        raise BadInput("NOTHING_TO_ERASE")
    return [order for one in people for order in _erase(tx, party, one, ground)]


def orders(book: Book) -> Iterator[Signed]:
    """Read out of the log all orders that were ever signed, oldest first."""
    mark = ErasureOrdered.kind.encode()
    for first, stop in spans(book, 0, book.size()):
        for row in book.rows(first, stop):
            if row.record and row.beside and mark in row.record:
                at, event = kinds.read(row.record)
                if isinstance(event, ErasureOrdered):
                    yield Signed(
                        id=event.order, department=event.department, at=at, document=row.beside
                    )


def _people(tx: Transaction, where: Place) -> Iterator[str]:
    """Give the numbers of those who stand at a place and are not erased."""
    consent = tx.by_number(where.consent_no)
    if consent is None:
        raise Refused("CONSENT_UNKNOWN")
    for index, person in enumerate(consent.form.persons):
        if person.id and where.person in {None, index}:
            yield person.id


def _erase(tx: Transaction, party: Party, identity: str, ground: Ground) -> Iterator[Signed]:
    consents = tx.of_person(identity)
    for one in consents:
        if not one.revoked and one.form.not_after > ground.at:
            raise Refused("CONSENT_ALIVE", consent=one.consent_no)
    known = _known(tx, consents, identity)
    tx.blank(identity, ground.at)
    numbers = tuple(one.consent_no for one in consents)
    tx.journal.note(PersonErased(consents=numbers, reason=ground.reason.value), ground.at)
    for department in sorted(known):
        order = ErasureOrder(
            federation=party.manifest.federation,
            registrar=party.id,
            id=os.urandom(erasure.ID_BYTES),
            issued=day_start(ground.at),
            department=department,
            subs=tuple(sorted(known[department])),
            reason=ground.reason,
        )
        yield _signed(tx, order, erasure.sign(order, party.key), ground.at)


def _known(tx: Transaction, consents: Iterable[Consent], identity: str) -> dict[str, set[bytes]]:
    """Give a person's pseudonyms at each department that was given a token about it."""
    known: dict[str, set[bytes]] = {}
    for one in consents:
        index = [person.id for person in one.form.persons].index(identity)
        for department, token in tx.issued.of_person(one.consent_no, index):
            known.setdefault(department, set()).add(sd_jwt.subject(token))
    return known


def _signed(tx: Transaction, order: ErasureOrder, document: bytes, at: int) -> Signed:
    event = ErasureOrdered(
        order=order.id,
        department=order.department,
        reason=order.reason.value,
        document=sha256(document).digest(),
    )
    tx.journal.note(event, at, document)
    return Signed(id=order.id, department=order.department, at=at, document=document)
