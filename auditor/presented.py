"""The consent tokens that a coordinator has shown, each held to the registrar's log.

Knows what must hold between a token and its issue (protocol §3). Does not know questions.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from sys import intern

from auditor import verify
from auditor.around import Around
from auditor.exchanges import Exchange, shared
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

    def show(self, presentation: bytes, one: Exchange) -> Generator[Finding, None, bytes]:
        """Take a presentation; give what is wrong with it, return the token's id if it is one."""
        told = {"qid": one.asked.qid, "department": one.department}
        try:
            document = self._around.papers.manifest_at(one.asked.issued)
            shown = verify.token(presentation, document)
        except PeerFault as e:
            digest = sha256(presentation).digest()
            yield found(e.code, one.place, **told, presentation=digest, **e.details)
            return b""
        jti = told["token"] = shown.claims.jti
        before = self.tokens.get(jti)
        if before and before.signature != shown.signature:
            yield found("TOKEN_DIFFERS", one.place, **told, why="two tokens with one id")
            return jti
        self.tokens[jti] = consent.joined(before, shown) if before else _kept(shown)
        issue = self._around.registry.tokens.get(jti)
        if issue is None:
            missed = found("TOKEN_UNKNOWN", one.place, **told)
            yield self._around.missing(missed, one.asked.issued)
            return jti
        wrong = [*self._wrong(shown, issue), *self._altered(presentation, shown, issue)]
        if wrong:
            places = one.place, Place(self._around.registry.party, issue.row)
            why = {"consent": issue.event.consent_no, "why": ", ".join(wrong)}
            yield found("TOKEN_DIFFERS", *places, **told, **why)
        return jti

    def _wrong(self, shown: Consent, issue: Issue) -> Iterator[str]:
        """Hold what a token shows to its issue and to the recorded consent; name what differs."""
        registry, claims, event = self._around.registry, shown.claims, issue.event
        uri = status.uri_of(registry.party, event.department, event.series)
        named = (event.department, event.chain, event.expires, uri, event.index)
        holds = (claims.audience, claims.chain, claims.expires, claims.status_uri)
        if named != (*holds, claims.status_index):
            yield "claims"
        recorded = registry.consents.get(event.consent_no)
        if recorded is None:
            return
        terms = recorded.event.purpose, recorded.event.basis, recorded.event.members
        if terms != (claims.purpose.name, claims.basis, claims.members):
            yield "terms"
        if recorded.event.coordinator != self._coordinator:
            yield "coordinator"
        if not _granted(shown, registry.grants_of(issue), recheck=event.recheck):
            yield "grants"

    def _altered(self, presentation: bytes, shown: Consent, issue: Issue) -> Iterator[str]:
        """Once all of a token was shown, hold it to the digest of what was issued."""
        jti, registry = shown.claims.jti, self._around.registry
        if issue.event.consent_no not in registry.consents:
            return
        if jti in self._partly:
            presentation = consent.join(self._partly.pop(jti), presentation)
        if len(consent.grants_of(presentation)) < shown.slots:
            self._partly[jti] = presentation
        elif issue.event.token != _whole(presentation, registry.grants_of(issue)):
            yield "digest"


def _kept(shown: Consent) -> Consent:
    """Keep of a token what later questions by it need, its words shared with others."""
    claims = shared(shown.claims, "issuer", "audience", "status_uri", "basis", "role")
    claims = replace(
        shared(claims, "policy_family"), household_salt=b"", household_commitment=b"", evidence=b""
    )
    grants = {
        (intern(predicate), intern(parameter)): shared(one, "predicate", "parameter", "form")
        for (predicate, parameter), one in shown.grants.items()
    }
    return replace(shown, claims=claims, grants=grants)


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


def _whole(presentation: bytes, requests: Sequence[GrantRequest]) -> bytes:
    """Name a token whose every grant is shown, its grants in the order in which they were asked."""
    head, *disclosures, _ = presentation.split(b"~")
    shown = dict(zip(consent.grants_of(presentation), disclosures, strict=True))
    pairs = [(one.predicate, one.parameter) for one in requests]
    ordered = [shown[pair] for pair in pairs if pair in shown]
    return sha256(b"~".join([head, *ordered, b""])).digest()
