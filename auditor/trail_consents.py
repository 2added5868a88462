"""What the registrar's log says of one person's consents: their tokens, and what became of them.

A person is named by a consent's number and its index on it; the log holds no number and no name.
Of the others on the same consent no more is kept than which tokens are theirs. Does not know what
was asked or answered (``trail``), nor where a log lies.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from federation import consenting
from federation.errors import BadInput
from federation.log.kinds import Event, Happened
from federation.log.registrar_events import (
    ConsentEnded,
    ConsentRecorded,
    ConsentResumed,
    ConsentRevoked,
    ConsentSuspended,
    ObjectionRecorded,
    PersonErased,
    TokenIssued,
)

Entries = Callable[[], Iterator[tuple[Happened, bytes]]]
"""Gives all events of the registrar's log in their order, each with what lies beside it; again and
again."""
Granted = tuple[str, str, str, str]
"""Consent number, department, predicate and parameter."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A person: a consent's number, and the index on it."""

    consent_no: str
    person: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A consent that the person stands on. Times in UTC seconds; ``persons`` counts everybody."""

    number: str
    origin: str
    recorded: int
    purpose: str
    basis: str
    coordinator: str
    not_after: int
    persons: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has become of a consent, or that the person objected: the event's kind and its time."""

    at: int
    kind: str
    consent_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that was issued on one of the consents; ``mine``: it is about the person."""

    jti: bytes
    mine: bool
    consent_no: str
    department: str
    chain: bytes
    recheck: bool


@dataclass(slots=True, kw_only=True)
class Consents:
    """All that the log says of a person's consents, by whose signature they go.

    ``known`` are those of the ids that were looked for which the log has, on whatever consent;
    ``erased`` tells that number and name of somebody on a consent are blanked, by orders that
    departments have followed.
    """

    given: list[Given] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    tokens: dict[bytes, Token] = field(default_factory=dict)
    grants: dict[Granted, int] = field(default_factory=dict)
    known: set[bytes] = field(default_factory=set)
    erased: bool = False

    @property
    def others(self) -> int:
        """How many others stand on the consents."""
        return max((one.persons for one in self.given), default=1) - 1


def place(text: str) -> Place:
    """Read a person's place: a consent's number, a slash and the index from 0.

    Raises:
        BadInput: TRAIL_WHO.
    """
    number, _, person = text.partition("/")
    if not (number and person.isascii() and person.isdigit() and len(person) < 4):  # noqa: PLR2004 - digits of a household
        raise _unknown(text)
    return Place(consent_no=number, person=int(person))


def gather(entries: Entries, places: Iterable[Place], wanted: Collection[bytes]) -> Consents:
    """Read what the log says of a person's consents, and which of some token ids it has.

    What renews a consent goes by its signature and counts with it, whichever of them is named.

    Raises:
        BadInput: TRAIL_WHO when the log has no such consent or person, or two people are named.
    """
    asked = frozenset(places)
    persons = _origins(entries, asked)
    found = Consents()
    for happened, beside in entries():
        _take(found, happened, beside, persons, wanted)
    return found


def _origins(entries: Entries, places: Collection[Place]) -> Mapping[str, int]:
    """Give the person's index on each signed consent by which the named ones go."""
    open_places = {one.consent_no: one for one in places}
    persons: dict[str, int] = {}
    for happened, _ in entries():
        event = happened.event
        if isinstance(event, ConsentRecorded) and event.consent_no in open_places:
            one = open_places.pop(event.consent_no)
            if one.person >= len(event.evidence):
                raise _unknown(f"{one.consent_no}/{one.person}")
            if persons.setdefault(event.origin, one.person) != one.person:
                raise _unknown(f"{one.consent_no}/{one.person}")
            if not open_places:
                break
    if open_places:
        raise _unknown(min(open_places))
    if len({one.consent_no for one in places}) < len(places):
        raise _unknown(max(places).consent_no)
    return persons


def _take(
    found: Consents,
    happened: Happened,
    beside: bytes,
    persons: Mapping[str, int],
    wanted: Collection[bytes],
) -> None:
    event = happened.event
    numbers = {one.number: persons[one.origin] for one in found.given}
    match event:
        case ConsentRecorded() if event.origin in persons:
            _record(found, event, happened.at, beside, persons[event.origin])
        case ConsentSuspended() | ConsentResumed() | ConsentRevoked() | ConsentEnded():
            if event.origin in persons:
                found.changes.append(_change(event, happened.at, event.consent_no))
        case ObjectionRecorded() if event.consent_no in numbers:
            if event.person == numbers[event.consent_no]:
                found.changes.append(_change(event, happened.at, event.consent_no))
        case TokenIssued():
            if event.jti in wanted:
                found.known.add(event.jti)
            if event.consent_no in numbers:
                mine = event.person == numbers[event.consent_no]
                found.tokens[event.jti] = _token(event, mine=mine)
        case PersonErased():
            found.erased |= not numbers.keys().isdisjoint(event.consents)


def _record(found: Consents, event: ConsentRecorded, at: int, beside: bytes, person: int) -> None:
    found.given.append(
        Given(
            number=event.consent_no,
            origin=event.origin,
            recorded=at,
            purpose=event.purpose,
            basis=event.basis,
            coordinator=event.coordinator,
            not_after=event.not_after,
            persons=len(event.evidence),
        )
    )
    for grant in consenting.read_grants(beside):
        if grant.person == person:
            key = event.consent_no, grant.department, grant.predicate, grant.parameter
            found.grants[key] = grant.max_uses


def _token(event: TokenIssued, *, mine: bool) -> Token:
    return Token(
        jti=event.jti,
        mine=mine,
        consent_no=event.consent_no,
        department=event.department,
        chain=event.chain,
        recheck=event.recheck,
    )


def _change(event: Event, at: int, consent_no: str) -> Change:
    return Change(at=at, kind=event.kind, consent_no=consent_no)


def _unknown(who: str) -> BadInput:
    return BadInput("TRAIL_WHO", who=who[:64])
