"""The consent tokens a party has been shown: verified once, then named by id.

Knows presentations, a bounded memory of them, and whether a household was shown whole. Does not
decide whether a token may be used now.

A token may be named by its id once a presentation of it is durable: it becomes so in the commit of
the first answer that it admitted, with the household's others. Refused tokens are not kept.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Final, Protocol

from crypto.keys import VerifyKey
from federation import consent, limits
from federation.consent import Claims, Consent
from federation.errors import PeerFault, Refused
from federation.exchange import Question
from federation.manifest import PartyEntry

REMEMBERED: Final = 400_000
"""Most grants of verified tokens kept in memory, each token counting as one more: about 200 MB."""
MANY: Final = 32
"""Fewest presentations of a request that a second thread helps to read."""
SUPPORTER: Final = "SUPPORTER"

Found = Consent | PeerFault | Refused | None
"""A verified token, why there is none, or None where it has to be presented (again)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A presentation to keep: ``household`` is its commitment where others belong to it."""

    jti: bytes
    sub: bytes = field(repr=False)
    household: bytes | None
    presentation: bytes = field(repr=False)


class Kept(Protocol):
    """Where presentations are kept that were made durable."""

    def presentations(self, jtis: Collection[bytes]) -> dict[bytes, bytes]:
        """Find tokens that were presented before, by their ids."""
        ...


class KeptHouseholds(Kept, Protocol):
    """Where it also stands who of them are of one household."""

    def households(self, commitments: Collection[bytes]) -> Iterator[tuple[bytes, bytes]]:
        """Read commitment and pseudonym of every kept token of some households."""
        ...


@dataclass(slots=True)
class Shown:
    """The tokens of one request by SHA-256: as they came, and what has become of them.

    ``found`` saves the second look; ``used`` admitted a question, or belong to the household of one
    that did, and are to be kept.
    """

    issuer: str
    keys: Mapping[str, VerifyKey]
    presentations: dict[bytes, bytes] = field(repr=False)
    found: dict[bytes, Consent | PeerFault] = field(default_factory=dict, repr=False)
    used: dict[bytes, Consent] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a commit is to make durable, and which of it is remembered as it was verified."""

    tokens: list[Token] = field(default_factory=list)
    new: list[Consent] = field(default_factory=list)
    joined: list[bytes] = field(default_factory=list)


class Consents:
    """Finds the verified tokens that questions name."""

    def __init__(self, registrar: Callable[[], PartyEntry]) -> None:
        self._registrar = registrar
        self._keys: Mapping[str, VerifyKey] = registrar().keys
        self._known = _Memory()
        self._many = Lock()
        self._helper = ThreadPoolExecutor(1)
        self._helper.submit(_leave_the_core).result()

    def open(self, presentations: tuple[bytes, ...]) -> Shown:
        """Take the presentations of a request, unverified.

        What was verified with keys that the registrar no longer has is verified again when it is
        named.
        """
        registrar = self._registrar()
        if registrar.keys is not self._keys:
            self._known, self._keys = _Memory(), registrar.keys
        digests = {hashlib.sha256(p).digest(): p for p in presentations}
        return Shown(registrar.id, registrar.keys, digests)

    def find(self, questions: Sequence[Question | None], shown: Shown, kept: Kept) -> list[Found]:
        """Give the verified token of each question, in their order; None for no question too."""
        if len(shown.presentations) >= MANY:
            self._read_many(shown)
        found = [self._find(question, shown) if question else None for question in questions]
        missing = [n for n, q in enumerate(questions) if q and q.jti and found[n] is None]
        if missing:
            recalled = self._recall({questions[n].jti for n in missing}, shown, kept)  # type: ignore[union-attr]
            for n in missing:
                found[n] = _covering(questions[n], recalled)
        return found

    def broken(self, tokens: Iterable[Consent], shown: Shown, kept: KeptHouseholds) -> set[bytes]:
        """Give the commitments that the tokens shown now or before do not recompute.

        What is known is not looked at: it is kept only where its household was whole. The others of
        a household that is whole now are noted as used: they are to be kept too.
        """
        asked = {
            token.claims.household_commitment: token.claims
            for token in tokens
            if self._known.get(token.claims.jti) is None and not _alone(token.claims)
        }
        if not asked:
            return set()
        subs: dict[bytes, set[bytes]] = {commitment: set() for commitment in asked}
        for household, sub in kept.households(asked):
            subs[household].add(sub)
        others = [(d, t) for d, t in self._all(shown) if t.claims.household_commitment in asked]
        for _, token in others:
            subs[token.claims.household_commitment].add(token.claims.sub)
        broken = {c for c, claims in asked.items() if not _commits(claims, subs[c])}
        shown.used |= {d: t for d, t in others if t.claims.household_commitment not in broken}
        return broken

    def keeping(self, shown: Shown, kept: Kept) -> Keeping:
        """Find out what of the used presentations is to be made durable.

        Raises:
            PeerFault: CONSENT_INVALID when two tokens have one id.
        """
        keeping = Keeping()
        fresh = [(d, t) for d, t in shown.used.items() if not self._known.covers(t)]
        if not fresh:
            return keeping
        stored = kept.presentations({t.claims.jti for _, t in fresh})
        signed: dict[bytes, bytes] = {}
        for digest, token in fresh:
            jti, presentation = token.claims.jti, shown.presentations[digest]
            before = stored.get(jti)
            known = consent.signature(before) if before else token.signature
            if signed.setdefault(jti, known) != token.signature:
                raise _two_tokens()
            stored[jti] = _union(before, presentation) if before else presentation
            if before:
                keeping.joined.append(jti)
            else:
                keeping.new.append(token)
            keeping.tokens.append(_row(token.claims, stored[jti]))
        return keeping

    def kept(self, keeping: Keeping) -> None:
        """Remember what the commit has made durable; a union is read again when it is named."""
        for token in keeping.new:
            self._known.keep(token)
        for jti in keeping.joined:
            self._known.forget(jti)

    def forget(self, jtis: Iterable[bytes]) -> None:
        """Remember some tokens no more: they are read again, if they are still there."""
        for jti in jtis:
            self._known.forget(jti)

    def _read_many(self, shown: Shown) -> None:
        """Read presentations from both ends, two threads: one verifies while the other parses.

        One request after the other: more threads would only wait for the interpreter's lock, which
        verifying releases. What neither has read is read when it is named.
        """
        digests = list(shown.presentations)
        with self._many:
            self._helper.submit(self._read_until_met, digests[::-1], shown)
            self._read_until_met(digests, shown)

    def _read_until_met(self, digests: Iterable[bytes], shown: Shown) -> None:
        for digest in digests:
            if digest in shown.found:
                return
            self._presented(digest, shown)

    def _recall(self, jtis: set[bytes], shown: Shown, kept: Kept) -> dict[bytes, Found]:
        """Read stored tokens again; a join of two presentations is remembered in place of one."""
        recalled: dict[bytes, Found] = {}
        for jti, presentation in kept.presentations(jtis).items():
            token = recalled[jti] = _read(presentation, shown)
            if isinstance(token, Consent):
                self._known.keep(token)
        return recalled

    def _find(self, question: Question, shown: Shown) -> Found:
        if not question.jti:
            return self._presented(question.presentation, shown)
        known = self._known.get(question.jti)
        if known is None or (question.predicate, question.parameter) not in known.grants:
            return None
        return known

    def _presented(self, digest: bytes, shown: Shown) -> Found:
        found = shown.found.get(digest)
        if found is not None:
            return found
        presentation = shown.presentations.get(digest)
        if presentation is None:
            return Refused("CONSENT_INVALID", why="presentation is not in the request")
        token = _read(presentation, shown)
        if isinstance(token, Consent):
            before = self._known.get(token.claims.jti)  # what is stored is compared later
            if before is not None and before.signature != token.signature:
                token = _two_tokens()
        shown.found[digest] = token
        return token

    def _all(self, shown: Shown) -> Iterator[tuple[bytes, Consent]]:
        """Verify every presentation of a request, named by a question or not."""
        for digest in shown.presentations:
            token = self._presented(digest, shown)
            if isinstance(token, Consent) and token.claims.role != SUPPORTER:
                yield digest, token


class _Memory:
    """Verified tokens by id, the oldest forgotten first."""

    def __init__(self) -> None:
        self._tokens: dict[bytes, Consent] = {}
        self._weight = 0
        self._lock = Lock()

    def get(self, jti: bytes) -> Consent | None:
        return self._tokens.get(jti)

    def covers(self, token: Consent) -> bool:
        """Tell whether a token is known by its id with all grants that this one shows."""
        known = self._tokens.get(token.claims.jti)
        return known is token or (known is not None and token.grants.keys() <= known.grants.keys())

    def keep(self, token: Consent) -> None:
        with self._lock:
            self._drop(token.claims.jti)
            self._tokens[token.claims.jti] = token
            self._weight += _weight(token)
            while self._weight > REMEMBERED and len(self._tokens) > 1:
                self._drop(next(iter(self._tokens)))

    def forget(self, jti: bytes) -> None:
        with self._lock:
            self._drop(jti)

    def _drop(self, jti: bytes) -> None:
        gone = self._tokens.pop(jti, None)
        if gone is not None:
            self._weight -= _weight(gone)


def _covering(question: Question | None, recalled: Mapping[bytes, Found]) -> Found:
    """Give a stored token that has the question's grant, or has disclosed all that it holds."""
    token = recalled.get(question.jti) if question else None
    if question is None or not isinstance(token, Consent):
        return token
    known = (question.predicate, question.parameter) in token.grants
    return token if known or len(token.grants) == token.slots else None


def _leave_the_core() -> None:
    """Bear a name of its own, as threads do that stay free where a process keeps to one core."""
    with suppress(OSError):  # not every operating system has such names
        Path("/proc/thread-self/comm").write_text("reader", "ascii")


def _weight(token: Consent) -> int:
    return 1 + len(token.grants)


def _read(presentation: bytes, shown: Shown) -> Consent | PeerFault:
    try:
        token = consent.read(presentation, shown.keys)
    except PeerFault as fault:
        return fault
    if token.claims.issuer != shown.issuer:
        return PeerFault("CONSENT_INVALID", why="issuer")
    return token


def _alone(claims: Claims) -> bool:
    """Tell whether nobody else belongs to the household here; a supporter belongs to none."""
    alone = _commits_to(claims.household_salt, claims.sub, claims.household_commitment)
    return alone or claims.role == SUPPORTER


@lru_cache(maxsize=4_096)  # asked when a token is shown and when it is kept
def _commits_to(salt: bytes, sub: bytes, commitment: bytes) -> bool:
    return consent.household_commitment(salt, (sub,)) == commitment


def _commits(claims: Claims, subs: Iterable[bytes]) -> bool:
    made = consent.household_commitment(claims.household_salt, subs)
    return made == claims.household_commitment


def _row(claims: Claims, presentation: bytes) -> Token:
    return Token(
        jti=claims.jti,
        sub=claims.sub,
        household=None if _alone(claims) else claims.household_commitment,
        presentation=presentation,
    )


def _two_tokens() -> PeerFault:
    return PeerFault("CONSENT_INVALID", why="two tokens with one id")


def _union(first: bytes, second: bytes) -> bytes:
    """Join two presentations of one token, as far as they fit into one."""
    joined = consent.join(first, second)
    return joined if len(joined) <= limits.TOKEN_BYTES else second
