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

REMEMBERED: Final = 100_000
"""Most verified tokens kept in memory."""


@dataclass(slots=True)
class Shown:
    """The tokens of one request: by SHA-256, and those that have to be remembered."""

    presentations: dict[bytes, bytes]
    fresh: dict[bytes, bytes] = field(default_factory=dict)


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
        """Give the verified token of a question; None for an id that was never shown.

        Raises:
            PeerFault: CONSENT_INVALID.
            Refused: CONSENT_INVALID when the named presentation is not in the request.
        """
        if question.jti:
            return self._by_id(question.jti)
        known = self._known.get(question.presentation)
        if known is not None:
            return known
        presentation = shown.presentations.get(question.presentation)
        if presentation is None:
            raise Refused("CONSENT_INVALID", why="presentation is not in the request")
        fresh = self._read(presentation)
        return self._remember(question.presentation, fresh, presentation, shown)

    def _by_id(self, jti: bytes) -> Consent | None:
        known = self._known.get(jti)
        if known is None:
            presentation = self._store.presentation(jti)
            if presentation is None:
                return None
            known = self._read(presentation)
            self._keep(jti, known)
        return known

    def _remember(
        self, digest: bytes, fresh: Consent, presentation: bytes, shown: Shown
    ) -> Consent:
        jti = fresh.claims.jti
        before = self._by_id(jti)
        if before is not None and before.claims != fresh.claims:
            raise PeerFault("CONSENT_INVALID", why="two tokens with one id")
        self._keep(digest, fresh)
        if before is None:
            shown.fresh[jti] = presentation
            self._keep(jti, fresh)
        elif not fresh.grants.keys() <= before.grants.keys():
            earlier = shown.fresh.get(jti) or self._store.presentation(jti) or presentation
            shown.fresh[jti] = _union(earlier, presentation)
            merged = Consent(claims=fresh.claims, grants={**before.grants, **fresh.grants})
            self._keep(jti, merged)
        return fresh

    def _read(self, presentation: bytes) -> Consent:
        shown = consent.read(presentation, self._issuers)
        if shown.claims.issuer != self._issuer:
            raise PeerFault("CONSENT_INVALID", why="issuer")
        return shown

    def _keep(self, name: bytes, shown: Consent) -> None:
        while len(self._known) >= REMEMBERED:
            self._known.pop(next(iter(self._known)), None)
        self._known[name] = shown


def _union(first: bytes, second: bytes) -> bytes:
    """Join the disclosures of two presentations of one token."""
    head, *disclosures, _ = first.split(b"~")
    joined = dict.fromkeys([*disclosures, *second.split(b"~")[1:-1]])
    return b"~".join([head, *joined, b""])
