"""What the registrar's log says: consents, their tokens and ends, status lists, orders to erase.

Knows what must hold within this one log (protocol §3), and what stood in it before any row. Does
not know what anybody asked by a consent.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import product
from operator import attrgetter
from sys import intern
from typing import NamedTuple

from auditor.exchanges import shared
from auditor.findings import Finding, Place, found
from federation import consenting, erasure
from federation.consenting import GrantRequest
from federation.errors import BadInput, PeerFault
from federation.log.kinds import Event, Happened
from federation.log.registrar_events import (
    ConsentEnded,
    ConsentRecorded,
    ConsentResumed,
    ConsentRevoked,
    ConsentSigned,
    ConsentSuspended,
    ErasureOrdered,
    MandateBegun,
    MandateListed,
    MandateRevoked,
    ObjectionRecorded,
    StatusPublished,
    TokenIssued,
)
from federation.manifest import Manifest
from federation.status import Status

Changed = ConsentSuspended | ConsentResumed | ConsentRevoked | ConsentEnded


class Change(NamedTuple):
    """From which row on, and since when, a consent or a mandate is in a state."""

    row: int
    at: int
    state: Status


class Published(NamedTuple):
    """A status list that was signed: in which row, of which department's series, when."""

    row: int
    department: str
    series: int
    issued: int


@dataclass(slots=True, kw_only=True)
class Consent:
    """A recorded consent; ``missing`` counts the signatures that are still needed.

    ``objections`` are the people on it, by their index, who have signed one.
    """

    row: int
    at: int
    event: ConsentRecorded
    grants: tuple[GrantRequest, ...]
    missing: int
    objections: set[int] = field(default_factory=set)


class Issue(NamedTuple):
    """A token as it was issued: in which row, and when."""

    row: int
    at: int
    event: TokenIssued


class Order(NamedTuple):
    """An order to erase: in which row, to whom, and about which pseudonyms there."""

    row: int
    department: str
    subs: frozenset[bytes]


class Listed(NamedTuple):
    """A mandate's signed list: in which row, and when."""

    row: int
    at: int
    event: MandateListed


class Registry:
    """The registrar's log as far as it was read; rows come in their order."""

    def __init__(self, party: str, manifest: Manifest) -> None:
        self.party = party
        self.consents: dict[str, Consent] = {}
        self.tokens: dict[bytes, Issue] = {}
        self.lists: dict[bytes, tuple[Published, ...]] = {}
        self.orders: dict[bytes, Order] = {}
        self.mandates: dict[bytes, Listed] = {}
        self._manifest = manifest
        self._changes: dict[str | bytes, list[Change]] = defaultdict(list)
        self._resting: dict[str, set[str]] = defaultdict(set)
        self._entries: set[tuple[str, int, int]] = set()
        self._series: dict[tuple[str, int], list[Published]] = defaultdict(list)
        self._recent: dict[str, dict[int, list[tuple[bytes, Published]]]] = {}

    def take(self, row: int, happened: Happened, beside: bytes) -> Iterator[Finding]:
        """Take an event of the log; give what is wrong with it."""
        at, event = happened
        match event:
            case ConsentRecorded():
                yield from self._recorded(row, at, event, beside)
            case ConsentSigned() if event.consent_no in self.consents:
                self.consents[event.consent_no].missing = event.missing
            case ConsentSuspended() | ConsentResumed() | ConsentRevoked() | ConsentEnded():
                yield from self._changed(row, at, event)
            case ObjectionRecorded() if event.consent_no in self.consents:
                self.consents[event.consent_no].objections.add(event.person)
            case TokenIssued():
                yield from self._issued(row, at, event)
            case StatusPublished():
                self._published(row, event)
            case ErasureOrdered():
                yield from self._ordered(row, event, beside)
            case _:
                self._mandate(row, at, event)

    def state(self, key: str | bytes, row: int) -> Change | None:
        """Tell the state of a consent, by its origin, or of a mandate's list, before a row.

        None while nothing has happened to it.
        """
        before = [one for one in self._changes.get(key, ()) if one.row < row]
        return before[-1] if before else None

    def ended(self, origin: str) -> Change | None:
        """Tell when a consent ended, if it did."""
        changes = self._changes.get(origin, ())
        return next((one for one in changes if one.state is Status.INVALID), None)

    def changes(self, origin: str) -> list[Change]:
        """List what has become of a consent."""
        return self._changes.get(origin, [])

    def first_showing(self, change: Change, department: str, series: int) -> Published | None:
        """Find the first list of a series that shows a change."""
        lists = self._series.get((department, series), [])
        after = bisect_right(lists, change.row, key=attrgetter("row"))
        return lists[after] if after < len(lists) else None

    def grants_of(self, issue: Issue) -> list[GrantRequest]:
        """List what a consent grants about the person, and at the department, of its token."""
        consent = self.consents.get(issue.event.consent_no)
        about = issue.event.person, issue.event.department
        grants = consent.grants if consent else ()
        return [one for one in grants if (one.person, one.department) == about]

    def _recorded(
        self, row: int, at: int, event: ConsentRecorded, beside: bytes
    ) -> Iterator[Finding]:
        place = Place(self.party, row)
        before = self.consents.get(event.consent_no)
        if before or self.ended(event.origin):
            told = {"consent": event.consent_no, "why": "recorded again"}
            yield found("CONSENT_UNREVOKED", place, **told)
        try:
            read = consenting.read_grants(beside)
            grants = tuple(shared(one, "department", "predicate", "parameter") for one in read)
        except PeerFault:
            yield found("LOG_RECORD", place, why="grants")
            grants = ()
        words = shared(event, "coordinator", "purpose", "basis", "consent_no", "origin")
        self.consents[words.consent_no] = Consent(
            row=row, at=at, event=words, grants=grants, missing=event.missing
        )

    def _changed(self, row: int, at: int, event: Changed) -> Iterator[Finding]:
        place, origin = Place(self.party, row), event.origin
        told = {"consent": event.consent_no, "by": event.by}
        resting = self._resting[origin]
        ended = self.ended(origin)
        if ended and isinstance(event, ConsentSuspended | ConsentResumed):
            yield found("CONSENT_UNREVOKED", place, Place(self.party, ended.row), **told)
        if event.consent_no not in self.consents:
            yield found("CONSENT_UNRECORDED", place, **told)
        match event:
            case ConsentSuspended():
                resting.add(event.by)
            case ConsentResumed() if event.by not in resting:
                yield found("CONSENT_UNREVOKED", place, **told, why="resumed by another")
            case ConsentResumed():
                resting.remove(event.by)
        state = Status.SUSPENDED if resting else Status.VALID
        if isinstance(event, ConsentRevoked | ConsentEnded) or ended:
            state = Status.INVALID
        self._changes[origin].append(Change(row, at, state))

    def _issued(self, row: int, at: int, event: TokenIssued) -> Iterator[Finding]:
        place = Place(self.party, row)
        told = {"token": event.jti, "consent": event.consent_no}
        entry = event.department, event.series, event.index
        if event.jti in self.tokens or entry in self._entries:
            yield found("TOKEN_DIFFERS", place, **told, why="id or status entry used twice")
        self._entries.add(entry)
        issue = Issue(row, at, shared(event, "consent_no", "department"))
        self.tokens[event.jti] = issue
        consent = self.consents.get(event.consent_no)
        if consent is None:
            yield found("CONSENT_UNRECORDED", place, **told)
            return
        where = Place(self.party, consent.row)
        objected = not event.recheck or event.person in consent.objections
        if consent.missing or not objected:
            why = f"{consent.missing} missing" if objected else "objection"
            yield found("CONSENT_UNSIGNED", place, where, **told, why=why)
        change = self.state(consent.event.origin, row)
        if change and change.state is not Status.VALID:
            yield found("CONSENT_UNREVOKED", place, Place(self.party, change.row), **told)
        if not self.grants_of(issue) or event.expires > consent.event.not_after:
            yield found("TOKEN_DIFFERS", place, where, **told, why="department or end")

    def _published(self, row: int, event: StatusPublished) -> None:
        """Note a list, and every joint name that lists of the department now have together."""
        one = Published(row, intern(event.department), event.series, event.iat)
        self._series[one.department, one.series].append(one)
        recent = self._recent.setdefault(event.department, {})
        held = recent.setdefault(event.series, [])
        held.append((event.list, one))
        del held[:-2]  # a department may have fetched one of them just before it was signed anew
        self.lists[event.list] = (one,)
        newest = max(recent)
        for first in range(newest, -1, -1):
            if first not in recent:
                break
            series = range(first, newest + 1)
            if len(series) > 1 and event.series in series:
                self._join(product(*(recent[n] for n in series)))

    def _join(self, together: Iterable[tuple[tuple[bytes, Published], ...]]) -> None:
        for lists in together:
            digest = sha256(b"".join(name for name, _ in lists)).digest()
            self.lists[digest] = tuple(one for _, one in lists)

    def _ordered(self, row: int, event: ErasureOrdered, beside: bytes) -> Iterator[Finding]:
        try:
            order = erasure.read(beside, self._manifest)
        except BadInput as e:
            yield found("LOG_RECORD", Place(self.party, row), why=e.code)
            return
        subs = frozenset(order.subs)
        self.orders[event.document] = Order(row, order.department, subs)

    def _mandate(self, row: int, at: int, event: Event) -> None:
        match event:
            case MandateListed():
                self._end_lists(row, at, event.mandate, event.department)
                self.mandates[event.list] = Listed(row, at, event)
            case MandateBegun() | MandateRevoked():
                self._end_lists(row, at, event.mandate)

    def _end_lists(self, row: int, at: int, mandate: bytes, department: str = "") -> None:
        for name, listed in self.mandates.items():
            event = listed.event
            if event.mandate == mandate and department in {"", event.department}:
                self._changes[name].append(Change(row, at, Status.INVALID))
