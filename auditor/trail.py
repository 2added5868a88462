"""Who asked what about one person: every question and answer, and whether that is all of it.

Joins what the registrar's log says of the person's consents with proven receipts and with the
departments' signed counts: a grant's answers are complete when their use numbers are 1 … k and the
department has signed k (protocol §6). Of whoever else stands on a consent nothing is kept but how
many questions there were. Pure; does not know files, screens or how a receipt is proven.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from auditor import verify
from auditor.papers import Papers
from auditor.receipts import Proven
from auditor.trail_consents import Change, Consents, Given, Place, Token
from federation.bundle import Contents
from federation.closing import ClosingCount
from federation.exchange import Answer, Outcome
from federation.manifest import PartyEntry, PartyRole
from federation.parameter import Parameter

Question = tuple[str, str]
"""Predicate and parameter."""
_UNASKED: Final = ("", "")


class Doubt(StrEnum):
    """Why a grant's answers are not shown to be all."""

    NO_COUNT = "NO_COUNT"
    ERASED = "ERASED"
    TWICE = "TWICE"
    MISSING = "MISSING"
    BEYOND = "BEYOND"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A proven receipt, its place in the request, and the id of the token that was used.

    The id is None where a refused question shows no token that can be read.
    """

    proven: Proven
    place: int
    jti: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """A verified bundle: what it says of its case, its receipts, and the documents in it."""

    contents: Contents
    asked: Sequence[Asked] = field(repr=False)
    papers: Papers = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One question about the person, and what was answered. Times in UTC seconds.

    ``most``: how often it may be asked under this consent.
    """

    asked: int
    answered: int
    coordinator: str
    operator: str
    commission: str
    case: str
    department: str
    predicate: str
    parameter: str
    value: Parameter | None
    answer: Answer
    purpose: int
    consent_no: str
    basis: str
    most: int
    use: int
    recheck: bool
    qid: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A grant at a department: how many uses it has signed, and which are here.

    ``at`` is the time of the count. Both question and uses are empty where nothing was asked. A
    tally is not ``counted``: it signs no counts, and compares what departments have added up.
    """

    department: str
    predicate: str
    parameter: str
    signed: int | None
    at: int | None
    here: tuple[int, ...]
    erased: bool = False
    counted: bool = True

    @property
    def missing(self) -> tuple[int, ...]:
        """List the use numbers that are not here, as far as anybody tells of them."""
        most = self.signed if self.signed is not None else max(self.here, default=0)
        return tuple(sorted({*range(1, most + 1)} - {*self.here}))

    @property
    def doubt(self) -> Doubt | None:
        """Say why the uses that are here are not shown to be all; None where they are."""
        if not self.counted:
            return Doubt.MISSING if self.missing else None
        if self.signed is None:
            return Doubt.ERASED if self.erased else Doubt.NO_COUNT
        if len({*self.here}) < len(self.here):
            return Doubt.TWICE
        if self.missing:
            return Doubt.MISSING
        return Doubt.BEYOND if len(self.here) > self.signed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """A person's trail. ``witnessed`` is when the registrar's log was last seen, of ``size`` rows.

    ``others`` counts whoever else stands on the consents, ``hidden`` the questions about them;
    ``unread`` refused questions whose token cannot be read; ``strays`` answers by tokens that the
    registrar's log does not have. ``faults`` tells of files that do not hold, by name and code.
    """

    places: tuple[Place, ...]
    given: tuple[Given, ...]
    changes: tuple[Change, ...]
    entries: tuple[Entry, ...]
    refused: tuple[Entry, ...]
    lines: tuple[Line, ...]
    unasked: tuple[tuple[str, Question], ...]
    others: int
    hidden: int
    unread: int
    strays: int
    faults: tuple[tuple[str, str], ...]
    parties: Mapping[str, PartyEntry] = field(repr=False)
    values: Mapping[str, Parameter] = field(repr=False)
    federation: str
    witnessed: int
    size: int

    @property
    def complete(self) -> bool:
        """Whether it is shown that these are all answers that were given about the person."""
        return not self.strays and all(line.doubt is None for line in self.lines)

    @property
    def until(self) -> int:
        """Up to when they are: the earliest of what it rests on."""
        return min([self.witnessed, *(line.at for line in self.lines if line.at is not None)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a trail is made of, besides the cases: whose, the registrar's log, the counts, faults.

    ``counts`` are verified; ``witnessed`` and ``size`` are those of the log's checkpoint.
    """

    places: tuple[Place, ...]
    consents: Consents
    counts: Sequence[ClosingCount]
    faults: tuple[tuple[str, str], ...]
    papers: Papers = field(repr=False)
    witnessed: int
    size: int


def build(basis: Basis, cases: Iterable[CaseFile]) -> Trail:
    """Put a person's trail together."""
    found = _Found(consents=basis.consents)
    for case in cases:
        found.add(case)
    found.name(basis.papers)
    told = sorted(found.mine.values(), key=lambda pair: _order(pair[0]))
    answered = [pair for pair in told if pair[0].answer.outcome not in verify.SAID_NOTHING]
    tallies = {one.id for one in found.parties.values() if one.role is PartyRole.TALLY}
    lines = tuple(line for one in _chains(basis, answered, tallies) for line in one.lines())
    return Trail(
        places=basis.places,
        given=tuple(basis.consents.given),
        changes=tuple(basis.consents.changes),
        entries=tuple(entry for entry, _ in answered),
        refused=tuple(pair[0] for pair in told if pair not in answered),
        lines=lines,
        unasked=tuple(_unasked(basis.consents, lines)),
        others=basis.consents.others,
        hidden=len(found.hidden),
        unread=found.unread,
        strays=found.strays,
        faults=basis.faults,
        parties=found.parties,
        values=found.values,
        federation=basis.papers.newest.federation,
        witnessed=basis.witnessed,
        size=basis.size,
    )


_Key = tuple[str, bytes, int, Question, Answer]
"""Department, query, place in it, and what was said: one answer may be in several bundles."""


@dataclass(slots=True, kw_only=True)
class _Found:
    """What is found in cases, as far as they are about the person's consents."""

    consents: Consents
    parties: dict[str, PartyEntry] = field(default_factory=dict)
    values: dict[str, Parameter] = field(default_factory=dict)
    mine: dict[_Key, tuple[Entry, Token]] = field(default_factory=dict)
    hidden: set[_Key] = field(default_factory=set)
    unread: int = 0
    strays: int = 0

    def add(self, case: CaseFile) -> None:
        """Take from a case what is about the person, and count the rest."""
        if not any(one.jti in self.consents.tokens for one in case.asked):
            return
        self.name(case.papers)
        for one in case.asked:
            self._take(case, one)

    def name(self, papers: Papers) -> None:
        """Take the names of parties and of policies' values, newer ones last."""
        for document in sorted(papers.manifests.values(), key=lambda one: one.version):
            self.parties |= document.parties
        for policy in sorted(papers.policies.values(), key=lambda one: one.version):
            self.values |= policy.parameters

    def _take(self, case: CaseFile, one: Asked) -> None:
        token = self.consents.tokens.get(one.jti or b"")
        key = _key(one)
        silent = one.proven.answer.outcome in verify.SAID_NOTHING
        if token is None:
            foreign = one.jti not in self.consents.known
            self.unread += foreign and silent
            self.strays += foreign and not silent
        elif not _same(one.proven, token):
            self.strays += 1
        elif token.mine:
            self.mine[key] = _entry(case, one.proven, token, self.consents), token
        else:
            self.hidden.add(key)


def _key(one: Asked) -> _Key:
    proven = one.proven
    question = proven.question.predicate, proven.question.parameter
    return proven.said.sender, proven.asked.qid, one.place, question, proven.answer


def _entry(case: CaseFile, one: Proven, token: Token, consents: Consents) -> Entry:
    asked, question = one.asked, one.question
    granted = token.consent_no, asked.audience, question.predicate, question.parameter
    rules = (p for p in case.papers.policies.values() if (p.family, p.version) == one.policy)
    values = next((policy.parameters for policy in rules), {})
    given = next(given for given in consents.given if given.number == token.consent_no)
    return Entry(
        asked=asked.issued,
        answered=one.said.issued,
        coordinator=asked.sender,
        operator=case.contents.operator,
        commission=case.contents.commission,
        case=case.contents.case,
        department=asked.audience,
        predicate=question.predicate,
        parameter=question.parameter,
        value=values.get(question.parameter),
        answer=one.answer,
        purpose=asked.purpose,
        consent_no=token.consent_no,
        basis=given.basis,
        most=1 if token.recheck else consents.grants.get(granted, 0),
        use=one.answer.use_no,
        recheck=token.recheck,
        qid=asked.qid,
    )


def _same(one: Proven, token: Token) -> bool:
    """Tell whether a token that was used is the one that the registrar's log has by its id."""
    claims = one.claims
    return claims is None or (claims.audience, claims.chain) == (token.department, token.chain)


def _order(entry: Entry) -> tuple[int, str, str, str, int]:
    return entry.asked, entry.department, entry.predicate, entry.parameter, entry.use


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """A row of renewals of the person's token at a department: uses count along it.

    ``here`` are the use numbers that are here, by question; ``erased``: see ``Consents``;
    ``counted``: see ``Line``.
    """

    department: str
    id: bytes
    tokens: frozenset[bytes]
    counts: tuple[ClosingCount, ...]
    here: Mapping[Question, list[int]]
    erased: bool
    counted: bool

    @property
    def known(self) -> list[ClosingCount]:
        """The counts of a department that knows the chain."""
        return [one for one in self.counts if one.known and one.chain == self.id]

    @property
    def at(self) -> int | None:
        """Up to when the department has signed what was used; None where it has not."""
        if self.known:
            return max(one.at for one in self.known)
        unknown = [one for one in self.counts if not one.known]
        if self.erased or {one.token for one in unknown} != self.tokens:
            return None
        return min(one.at for one in unknown)  # what was never shown there was never used

    def lines(self) -> Iterator[Line]:
        """Compare what was signed with what is here; what was signed once is never unsaid."""
        signed: dict[Question, int] = defaultdict(int)
        for one in (uses for count in self.known for uses in count.uses):
            question = one.predicate, one.parameter
            signed[question] = max(signed[question], one.used)
        for question in sorted({*signed, *self.here}) or [_UNASKED]:
            yield Line(
                department=self.department,
                predicate=question[0],
                parameter=question[1],
                signed=None if self.at is None else signed[question],
                at=self.at,
                here=tuple(sorted(self.here.get(question, ()))),
                erased=self.erased and any(not one.known for one in self.counts),
                counted=self.counted,
            )


def _chains(
    basis: Basis, answered: Sequence[tuple[Entry, Token]], tallies: Collection[str]
) -> Iterator[_Chain]:
    tokens: dict[tuple[str, bytes], set[bytes]] = defaultdict(set)
    for one in basis.consents.tokens.values():
        if one.mine:
            tokens[one.department, one.chain].add(one.jti)
    here: dict[tuple[str, bytes], dict[Question, list[int]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for entry, token in answered:
        if entry.answer.outcome is Outcome.COMPARED and not entry.use:
            continue  # the last step of a sum belongs to the use that its comparison was
        here[token.department, token.chain][entry.predicate, entry.parameter].append(entry.use)
    for (department, chain), ids in sorted(tokens.items()):
        counts = (c for c in basis.counts if c.department == department and c.token in ids)
        yield _Chain(
            department=department,
            id=chain,
            tokens=frozenset(ids),
            counts=tuple(counts),
            here=here[department, chain],
            erased=basis.consents.erased,
            counted=department not in tallies,
        )


def _unasked(consents: Consents, lines: Sequence[Line]) -> Iterator[tuple[str, Question]]:
    """List what was consented and never asked, where that is certain."""
    doubtful = {line.department for line in lines if line.doubt or not line.counted}
    asked = {(line.department, line.predicate, line.parameter) for line in lines}
    for department, predicate, parameter in dict.fromkeys(key[1:] for key in consents.grants):
        if department not in doubtful and (department, predicate, parameter) not in asked:
            yield department, (predicate, parameter)
