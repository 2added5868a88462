"""The consent tokens a node has been shown: verified once, then named by id.

Knows presentations and a bounded memory of them. Does not decide whether a token may be used now.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from crypto.keys import VerifyKey
from department_node.store import Store
from federation import consent
from federation.consent import Consent
from federation.errors import PeerFault, Refused
from federation.exchange import Question

REMEMBERED: Final = 50_000
"""Most verified tokens kept in memory, one entry a token."""


@dataclass(slots=True)
class Shown:
    """The tokens of one request: by SHA-256, as verified so far, and those to be remembered."""

    presentations: dict[bytes, bytes]
    verified: dict[bytes, Consent] = field(default_factory=dict)
    fresh: list[tuple[bytes, bytes]] = field(default_factory=list)


class Consents:
    """Finds the verified token that a question names."""

    def __init__(self, store: Store, issuers: Mapping[str, VerifyKey], issuer: str) -> None:
        self._store = store
        self._issuers = issuers
        self._issuer = issuer
        self._known: dict[bytes, Consent] = {}

    def open(self, presentations: tuple[bytes, ...]) -> Shown:
        """Take the presentations of a request, unverified."""
        return Shown({hashlib.sha256(p).digest(): p for p in presentations})

    def find(self, question: Question, shown: Shown) -> Consent | None:
        """Give the verified token of a question; None where it has to be presented (again).

        Raises:
            PeerFault: CONSENT_INVALID.
            Refused: CONSENT_INVALID when the named presentation is not in the request.
        """
        if not question.jti:
            return self._presented(question.presentation, shown)
        known = self._by_id(question.jti)
        if known is None:
            return None
        told = (question.predicate, question.parameter) in known.grants
        return known if told or len(known.grants) == known.slots else None

    def _presented(self, digest: bytes, shown: Shown) -> Consent:
        verified = shown.verified.get(digest)
        if verified is not None:
            return verified
        presentation = shown.presentations.get(digest)
        if presentation is None:
            raise Refused("CONSENT_INVALID", why="presentation is not in the request")
        fresh = shown.verified[digest] = self._read(presentation)
        self._remember(fresh, presentation, shown)
        return fresh

    def _by_id(self, jti: bytes) -> Consent | None:
        known = self._known.get(jti)
        if known is None:
            presentation = self._store.presentation(jti)
            if presentation is None:
                return None
            known = self._read(presentation)
            self._keep(known)
        return known

    def _remember(self, fresh: Consent, presentation: bytes, shown: Shown) -> None:
        before = self._by_id(fresh.claims.jti)
        if before is None:
            shown.fresh.append((fresh.claims.jti, presentation))
            self._keep(fresh)
            return
        if before.signed != fresh.signed:
            raise PeerFault("CONSENT_INVALID", why="two tokens with one id")
        if not fresh.grants.keys() <= before.grants.keys():
            shown.fresh.append((fresh.claims.jti, presentation))
            self._keep(consent.joined(before, fresh))

    def _read(self, presentation: bytes) -> Consent:
        shown = consent.read(presentation, self._issuers)
        if shown.claims.issuer != self._issuer:
            raise PeerFault("CONSENT_INVALID", why="issuer")
        return shown

    def _keep(self, shown: Consent) -> None:
        while len(self._known) >= REMEMBERED:
            self._known.pop(next(iter(self._known)), None)
        self._known[shown.claims.jti] = shown
