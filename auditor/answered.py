"""What an answer needs that tells something of somebody: consent, a fresh list, policy, a free use.

Knows the links between an answer and the registrar's log. Does not know the department's own log.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from auditor import mandated, verify
from auditor.around import Around
from auditor.chains import Chains
from auditor.exchanges import Exchange, Item
from auditor.findings import Finding, Place, found
from auditor.registry import Issue, Published
from federation import limits
from federation.consent import Consent
from federation.errors import PeerFault
from federation.exchange import Header, Question, Refusal
from federation.status import Status

Lists = tuple[Published, ...]

_SHOWN: Final = {
    Refusal.CONSENT_REVOKED: Status.INVALID,
    Refusal.CONSENT_SUSPENDED: Status.SUSPENDED,
}
"""Refusals that repeat what a status list says of a token."""


def check(
    one: Exchange,
    said: Header,
    tokens: Mapping[bytes, Consent],
    around: Around,
    chains: Chains,
) -> Iterator[Finding]:
    """Hold an exchange that was answered to all that an answer needs."""
    lists = around.registry.lists.get(said.status_list_digest)
    if lists is None and said.status_list_digest:
        told = found("STATUS_UNPUBLISHED", *one.places, list=said.status_list_digest, **_of(one))
        yield around.missing(told, said.issued)
    if one.told:
        yield from _timely(one, said, lists)
        yield from mandated.check(one, said, lists or (), around)
    for item in one.items:
        issue = around.registry.tokens.get(item.token)
        if item.told is None:
            yield from _refused(one, item, issue, lists, around)
            continue
        if issue:
            yield from _alive(one, said, item, issue, lists, around)
        shown = tokens.get(item.token)
        if shown:
            yield from _consented(one, said, item, shown, around, chains)


def list_state(key: str | bytes, series: int, lists: Lists | None, around: Around) -> Status | None:
    """Tell what the list that was gone by says, by the log; None where there is no such list."""
    for one in lists or ():
        if one.series == series:
            change = around.registry.state(key, one.row)
            return change.state if change else Status.VALID
    return None


def _timely(one: Exchange, said: Header, lists: Lists | None) -> Iterator[Finding]:
    try:
        verify.times(one.asked, said, one.asked.method)
    except PeerFault as e:
        yield found(e.code, *one.places, **_of(one), **e.details)
    oldest = min((each.issued for each in lists or ()), default=None)
    fresh = range(said.issued - limits.STATUS_AGE, said.issued + limits.SKEW + 1)
    if oldest is None and not said.status_list_digest:
        yield found("STATUS_UNPUBLISHED", *one.places, **_of(one), why="none")
    if oldest is not None and oldest not in fresh:
        yield found("STATUS_STALE", *one.places, **_of(one), seconds=said.issued - oldest)


def _refused(
    one: Exchange, item: Item, issue: Issue | None, lists: Lists | None, around: Around
) -> Iterator[Finding]:
    """Find a token that a published list had ended, and the registrar's log had not."""
    shown = _SHOWN.get(item.answer.refusal) if item.answer else None
    consent = around.registry.consents.get(issue.event.consent_no) if issue else None
    if shown is None or issue is None or consent is None:
        return
    state = list_state(consent.event.origin, issue.event.series, lists, around)
    if state not in {None, shown}:
        place = Place(around.registry.party, issue.row)
        told = {**_about(one, item, issue), "why": f"list {shown.name}, log {state.name}"}
        yield found("CONSENT_UNREVOKED", place, *one.places, **told)


def _alive(
    one: Exchange,
    said: Header,
    item: Item,
    issue: Issue,
    lists: Lists | None,
    around: Around,
) -> Iterator[Finding]:
    """Refuse an answer by a consent that had ended, or rested, by the list that was gone by."""
    registry = around.registry
    consent = registry.consents.get(issue.event.consent_no)
    if consent is None:
        return
    origin, series = consent.event.origin, issue.event.series
    state = list_state(origin, series, lists, around)
    told = _about(one, item, issue)
    if lists and state is None:
        yield found("STATUS_UNPUBLISHED", *one.places, **told, why=f"series {series}")
    change = registry.ended(origin)
    first = registry.first_showing(change, one.department, series) if change else None
    late = first is not None and said.issued > first.issued + limits.STATUS_AGE
    if late or state not in {None, Status.VALID}:
        last = registry.changes(origin)[-1]
        place = Place(registry.party, (change or last).row)
        yield found("ANSWER_AFTER_END", *one.places, place, **told)


def _consented(
    one: Exchange,
    said: Header,
    item: Item,
    shown: Consent,
    around: Around,
    chains: Chains,
) -> Iterator[Finding]:
    claims = shown.claims
    question = Question(predicate=item.predicate, parameter=item.parameter)
    try:
        verify.consented(shown, question, said, one.holder)
        rules = around.papers.policy_of(claims.policy_family, said.policy_version, said.issued)
        verify.policy_of(rules, one.asked)
        verify.allowed(rules, question, claims, said)
    except PeerFault as e:
        told = {"qid": one.asked.qid, "token": claims.jti, "predicate": item.predicate}
        yield found(e.code, *one.places, **told, **e.details)
        return
    if one.counts:
        grant = shown.grants[item.predicate, item.parameter]
        yield from chains.use(one, item, claims, grant)


def _of(one: Exchange) -> dict[str, object]:
    return {"qid": one.asked.qid, "department": one.department}


def _about(one: Exchange, item: Item, issue: Issue) -> dict[str, object]:
    event = issue.event
    told = {"predicate": item.predicate, "token": event.jti, "consent": event.consent_no}
    return {**_of(one), **told, "case": item.case}
