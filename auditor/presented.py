"""The consent tokens that a coordinator has shown, each held to the registrar's log.

Knows what must hold between a token and its issue (protocol §3). Does not know questions.
"""

from collections.abc import Generator, Iterator, Sequence
from hashlib import sha256

from auditor import verify
from auditor.around import Around
from auditor.findings import Finding, Place, found
from auditor.registry import Issue
from federation import consent, status
from federation.consent import Consent
from federation.consenting import GrantRequest
from federation.errors import PeerFault


class Presented:
    """Tokens by their ids, with all grants that were shown of each."""

    def __init__(self, coordinator: str, around: Around) -> None:
        self.tokens: dict[bytes, Consent] = {}
        self._coordinator = coordinator
        self._around = around
        self._partly: dict[bytes, bytes] = {}

    def show(self, presentation: bytes, place: Place, at: int) -> Generator[Finding, None, bytes]:
        """Take a presentation; give what is wrong with it, return the token's id if it is one."""
        try:
            shown = verify.token(presentation, self._around.papers.manifest_at(at))
        except PeerFault as e:
            yield found(e.code, place, presentation=sha256(presentation).digest(), **e.details)
            return b""
        jti = shown.claims.jti
        before = self.tokens.get(jti)
        if before and before.signature != shown.signature:
            yield found("TOKEN_DIFFERS", place, token=jti, why="two tokens with one id")
            return jti
        self.tokens[jti] = consent.joined(before, shown) if before else shown
        issue = self._around.registry.tokens.get(jti)
        if issue is None:
            told = found("TOKEN_UNKNOWN", place, token=jti, department=shown.claims.audience)
            yield self._around.missing(told, at)
            return jti
        yield from self._fits(shown, issue, place)
        yield from self._whole(presentation, shown, issue, place)
        return jti

    def _fits(self, shown: Consent, issue: Issue, place: Place) -> Iterator[Finding]:
        """Hold what a token shows to its issue and to the recorded consent."""
        registry, claims, event = self._around.registry, shown.claims, issue.event
        uri = status.uri_of(registry.party, event.department, event.series)
        named = (event.department, event.chain, event.expires, uri, event.index)
        holds = (claims.audience, claims.chain, claims.expires, claims.status_uri)
        recorded = registry.consents.get(event.consent_no)
        wrong = [] if named == (*holds, claims.status_index) else ["claims"]
        if recorded:
            terms = recorded.event.purpose, recorded.event.basis, recorded.event.members
            same = terms == (claims.purpose.name, claims.basis, claims.members)
            wrong += [] if same else ["terms"]
            wrong += [] if recorded.event.coordinator == self._coordinator else ["coordinator"]
        requests = registry.grants_of(issue)
        wrong += [] if _granted(shown, requests, recheck=event.recheck) else ["grants"]
        if wrong:
            told = {"token": claims.jti, "consent": event.consent_no, "why": ", ".join(wrong)}
            yield found("TOKEN_DIFFERS", place, Place(registry.party, issue.row), **told)

    def _whole(
        self, presentation: bytes, shown: Consent, issue: Issue, place: Place
    ) -> Iterator[Finding]:
        """Once all of a token was shown, hold it to the digest of what was issued."""
        jti = shown.claims.jti
        if jti in self._partly:
            presentation = consent.join(self._partly.pop(jti), presentation)
        pairs = list(consent.grants_of(presentation))
        if len(pairs) < shown.slots:
            self._partly[jti] = presentation
            return
        requests = self._around.registry.grants_of(issue)
        if issue.event.token not in _orders(presentation, requests):
            registrar = Place(self._around.registry.party, issue.row)
            told = {"token": jti, "consent": issue.event.consent_no, "why": "digest"}
            yield found("TOKEN_DIFFERS", place, registrar, **told, issued=issue.event.token)


def _granted(shown: Consent, requests: Sequence[GrantRequest], *, recheck: bool) -> bool:
    allowed: dict[tuple[str, str], int] = {}
    for one in requests:
        pair = one.predicate, one.parameter
        allowed[pair] = max(one.max_uses, allowed.get(pair, 0))
    return all(
        grant.recheck is recheck
        and pair in allowed
        and grant.max_uses <= (1 if recheck else allowed[pair])
        for pair, grant in shown.grants.items()
    )


def _orders(presentation: bytes, requests: Sequence[GrantRequest]) -> Iterator[bytes]:
    """Name a token whose every grant is shown, its grants in the order in which they were asked.

    That is each person's order on the form; which of them the token is about is nowhere said.
    """
    head, *disclosures, _ = presentation.split(b"~")
    shown = dict(zip(consent.grants_of(presentation), disclosures, strict=True))
    for person in {one.person for one in requests}:
        mine = [(one.predicate, one.parameter) for one in requests if one.person == person]
        pairs = [pair for pair in mine if pair in shown]
        if len(pairs) == len(shown):
            token = b"~".join([head, *(shown[pair] for pair in pairs), b""])
            yield sha256(token).digest()
