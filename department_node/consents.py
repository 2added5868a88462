"""The consent tokens a node has been shown: verified once, then named by id.

Knows presentations and a bounded memory of them. Does not decide whether a token may be used now.

A token may be named by its id once a presentation of it is durable: it becomes so in the commit of
the first answer that it admitted. Refused tokens are not kept.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from crypto.keys import VerifyKey
from department_node.store import Ledger, Store
from federation import consent, limits
from federation.consent import Consent
from federation.errors import PeerFault, Refused
from federation.exchange import Question

REMEMBERED: Final = 400_000
"""Most grants of verified tokens kept in memory, each token counting as one more: about 200 MB."""


@dataclass(slots=True)
class Shown:
    """The tokens of one request by SHA-256: as they came, and what has become of them.

    ``verified`` and ``faults`` save the second look; ``used`` admitted a question and are to be
    kept; ``new`` are token ids that nobody had shown before.
    """

    presentations: dict[bytes, bytes]
    verified: dict[bytes, Consent] = field(default_factory=dict)
    faults: dict[bytes, PeerFault] = field(default_factory=dict)
    used: dict[bytes, Consent] = field(default_factory=dict)
    new: set[bytes] = field(default_factory=set)


class Consents:
    """Finds the verified token that a question names."""

    def __init__(self, store: Store, issuers: Mapping[str, VerifyKey], issuer: str) -> None:
        self._store = store
        self._issuers = issuers
        self._issuer = issuer
        self._known = _Memory()

    def open(self, presentations: tuple[bytes, ...]) -> Shown:
        """Take the presentations of a request, unverified."""
        return Shown({hashlib.sha256(p).digest(): p for p in presentations})

    def find(self, question: Question, shown: Shown) -> Consent | None:
        """Give the verified token of a question; None where it has to be presented (again).

        Raises:
            PeerFault: CONSENT_INVALID.
            Refused: CONSENT_INVALID when the named presentation is not in the request.
        """
        if question.jti:
            return self._by_id(question)
        return self._presented(question.presentation, shown)

    def use(self, question: Question, token: Consent, shown: Shown) -> None:
        """Note that a presented token has admitted a question, so that it will be kept."""
        if question.presentation:
            shown.used[question.presentation] = token

    def keep(self, shown: Shown, ledger: Ledger) -> None:
        """Make the used presentations durable, together with what was shown of them before.

        Raises:
            PeerFault: CONSENT_INVALID, before anything is written, when two tokens have one id.
        """
        shown.new.clear()
        fresh = [
            (digest, token)
            for digest, token in shown.used.items()
            if not self._known.covers(token.claims.jti, token)
        ]
        signed: dict[bytes, bytes] = {}
        for _, token in fresh:
            jti = token.claims.jti
            before = ledger.presentation(jti)
            known = signed.setdefault(
                jti, consent.signed_digest(before) if before else token.signed
            )
            if known != token.signed:
                raise _two_tokens()
        for digest, token in fresh:
            self._write(token.claims.jti, shown.presentations[digest], shown, ledger)

    def _write(self, jti: bytes, presentation: bytes, shown: Shown, ledger: Ledger) -> None:
        if ledger.add_presentation(jti, presentation):
            shown.new.add(jti)
            return
        before = ledger.presentation(jti) or presentation
        ledger.replace_presentation(jti, _union(before, presentation))

    def kept(self, shown: Shown) -> None:
        """Remember what the commit has made durable; a union is read again when it is named."""
        for token in shown.used.values():
            jti = token.claims.jti
            if jti in shown.new:
                shown.new.discard(jti)
                self._known.keep(token)
            elif not self._known.covers(jti, token):
                self._known.forget(jti)

    def _presented(self, digest: bytes, shown: Shown) -> Consent:
        found = shown.verified.get(digest)
        if found is not None:
            return found
        if digest in shown.faults:
            raise shown.faults[digest]
        presentation = shown.presentations.get(digest)
        if presentation is None:
            raise Refused("CONSENT_INVALID", why="presentation is not in the request")
        try:
            found = shown.verified[digest] = self._verified(presentation)
        except PeerFault as fault:
            shown.faults[digest] = fault
            raise
        return found

    def _verified(self, presentation: bytes) -> Consent:
        found = self._read(presentation)
        jti = found.claims.jti
        before = self._known.get(jti)  # what is stored is compared inside the commit
        if before is not None and before.signed != found.signed:
            raise _two_tokens()
        return found

    def _by_id(self, question: Question) -> Consent | None:
        pair = (question.predicate, question.parameter)
        known = self._known.get(question.jti)
        if known is None or pair not in known.grants:
            known = self._stored(question.jti)
        if known is None or pair in known.grants or len(known.grants) == known.slots:
            return known
        return None

    def _stored(self, jti: bytes) -> Consent | None:
        presentation = self._store.presentation(jti)
        if presentation is None:
            return None
        known = self._read(presentation)
        self._known.keep(known)
        return known

    def _read(self, presentation: bytes) -> Consent:
        shown = consent.read(presentation, self._issuers)
        if shown.claims.issuer != self._issuer:
            raise PeerFault("CONSENT_INVALID", why="issuer")
        return shown


class _Memory:
    """Verified tokens by id, the oldest forgotten first."""

    def __init__(self) -> None:
        self._tokens: dict[bytes, Consent] = {}
        self._weight = 0
        self._lock = Lock()

    def get(self, jti: bytes) -> Consent | None:
        return self._tokens.get(jti)

    def covers(self, jti: bytes, token: Consent) -> bool:
        """Tell whether a token is known by its id with all grants that this one shows."""
        known = self._tokens.get(jti)
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


def _weight(token: Consent) -> int:
    return 1 + len(token.grants)


def _two_tokens() -> PeerFault:
    return PeerFault("CONSENT_INVALID", why="two tokens with one id")


def _union(first: bytes, second: bytes) -> bytes:
    """Join two presentations of one token, as far as they fit into one."""
    joined = consent.join(first, second)
    return joined if len(joined) <= limits.TOKEN_BYTES else second
