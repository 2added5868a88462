"""The whole chain of one case, consent or request, as a tree: who, by which consent, what was said.

Pure: arranges what ``reconcile`` has joined, each link with its rows and digests. Does not judge:
what was found to be broken stands under the link that it is about.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from auditor.casebook import Case
from auditor.exchanges import Exchange, Item
from auditor.findings import Finding, Place
from auditor.reconcile import Reconciled
from auditor.registry import Issue
from federation import catalogue
from federation.clock import business_time
from federation.errors import HeduiError, Said
from federation.exchange import Outcome, outcome_text
from federation.status import Status

_STATES = {
    Status.VALID: Said("恢复", "resumed"),
    Status.SUSPENDED: Said("暂停", "suspended"),
    Status.INVALID: Said("终止", "ended"),
}


@dataclass(slots=True, kw_only=True)
class Branch:
    """A link of the chain: what it says, where it stands, by which digests, and what follows."""

    text: Said
    places: tuple[Place, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)
    below: list["Branch"] = field(default_factory=list)
    code: str = ""


def trace(all_: Reconciled, what: str) -> Branch | None:
    """Find a case, a consent or a request by its number or query id, and give its chain."""
    return _Tracing(all_).find(what)


def _day(at: int) -> str:
    return business_time(at).date().isoformat()


def _time(at: int) -> str:
    return business_time(at).strftime("%Y-%m-%d %H:%M:%S")


class _Tracing:
    """Looks links up, each by the names that others have for it."""

    def __init__(self, all_: Reconciled) -> None:
        self._all = all_
        self._by_token: dict[bytes, list[tuple[Exchange, Item]]] = {}
        for one in all_.exchanges:
            for item in one.items:
                self._by_token.setdefault(item.token, []).append((one, item))

    def find(self, what: str) -> Branch | None:
        for centre in self._all.centres.values():
            if what in centre.book.cases:
                return self._case(centre.party, what)
        if what in self._all.registry.consents:
            return self._consent(what, None)
        for one in self._all.exchanges:
            if one.asked.qid.hex() == what:
                return self._exchange(one)
        return None

    def _case(self, party: str, name: str) -> Branch:
        case = self._all.centres[party].book.cases[name]
        below = [
            Branch(
                text=Said(
                    f"{_time(change.at)} 授权{_STATES[change.state].zh}",
                    f"{_time(change.at)} consent {_STATES[change.state].en}",
                ),
                places=(Place(party, change.row),),
            )
            for change in case.changes
        ]
        known = [no for no in case.consents if no in self._all.registry.consents]
        below += [self._consent(number, name) for number in known]
        issued = {
            jti
            for jti, issue in self._all.registry.tokens.items()
            if issue.event.consent_no in known
        }
        below += [
            self._question(one, item)
            for token, asked in self._by_token.items()
            for one, item in asked
            if item.case == name and token not in issued
        ]
        branch = _case_branch(party, name, case)
        branch.below = below + self._findings(name)
        return branch

    def _consent(self, number: str, case: str | None) -> Branch:
        registry = self._all.registry
        consent = registry.consents[number]
        event = consent.event
        text = Said(
            f"同意书 {number} · 用途 {event.purpose} · 依据 {event.basis}"
            f" · 至 {_day(event.not_after)} · 缺签名 {consent.missing}",
            f"consent {number} · purpose {event.purpose} · basis {event.basis}"
            f" · until {_day(event.not_after)} · {consent.missing} signatures missing",
        )
        below = [
            Branch(
                text=Said(
                    f"{_time(change.at)} {_STATES[change.state].zh}",
                    f"{_time(change.at)} {_STATES[change.state].en}",
                ),
                places=(Place(registry.party, change.row),),
            )
            for change in registry.changes(event.origin)
        ]
        tokens = [one for one in registry.tokens.values() if one.event.consent_no == number]
        below += [self._token(issue, case) for issue in tokens]
        signed = [one.hex() for one in event.evidence]
        return Branch(
            text=text,
            places=(Place(registry.party, consent.row),),
            evidence={"grants": event.grants.hex(), "signed": " ".join(signed)},
            below=below + self._findings(number),
        )

    def _token(self, issue: Issue, case: str | None) -> Branch:
        event = issue.event
        kind = Said("复查令牌", "recheck token") if event.recheck else Said("令牌", "token")
        asked = self._by_token.get(event.jti, [])
        return Branch(
            text=Said(
                f"{kind.zh} {event.jti.hex()[:16]} → {event.department}"
                f",{_day(issue.at)} 签发,{_day(event.expires)} 到期",
                f"{kind.en} {event.jti.hex()[:16]} → {event.department}"
                f", issued {_day(issue.at)}, until {_day(event.expires)}",
            ),
            places=(Place(self._all.registry.party, issue.row),),
            evidence={"token": event.jti.hex(), "issued": event.token.hex()},
            below=[self._question(one, item) for one, item in asked if case in {None, item.case}],
        )

    def _question(self, one: Exchange, item: Item) -> Branch:
        names = catalogue.load()
        zh, en = _told(item)
        asked = f"{item.predicate} {item.parameter}".strip()
        known = {one.id: one for one in names}
        if item.predicate in known:
            words = known[item.predicate]
            asked_in = Said(f"{asked} {words.question('zh')}", f"{asked} {words.question('en')}")
        else:
            asked_in = Said(asked, asked)
        at = _time(one.asked.issued)
        return Branch(
            text=Said(
                f"{at} {one.coordinator} 问 {one.department}:{asked_in.zh} → {zh}",
                f"{at} {one.coordinator} asked {one.department}: {asked_in.en} → {en}",
            ),
            places=one.places,
            evidence=_digests(one),
            below=self._findings(one.asked.qid.hex()),
        )

    def _exchange(self, one: Exchange) -> Branch:
        at = _time(one.asked.issued)
        below: list[Branch] = []
        for item in one.items:
            question = self._question(one, item)
            question.below = list(self._grounds(one, item))
            below.append(question)
        qid = one.asked.qid.hex()
        return Branch(
            text=Said(
                f"提问 {qid}:{at} {one.coordinator} → {one.department},{one.asked.n} 项,"
                f"政策第 {one.asked.policy_version} 版",
                f"request {qid}: {at} {one.coordinator} → {one.department}, {one.asked.n} items,"
                f" policy version {one.asked.policy_version}",
            ),
            places=one.places,
            evidence=_digests(one),
            below=below + self._findings(qid),
        )

    def _grounds(self, one: Exchange, item: Item) -> Iterator[Branch]:
        """Give what a question rests on: token, consent and case, without what else they carry."""
        registry = self._all.registry
        issue = registry.tokens.get(item.token)
        if issue:
            token = self._token(issue, "")
            yield token
            if issue.event.consent_no in registry.consents:
                consent = self._consent(issue.event.consent_no, "")
                consent.below = []
                yield consent
        if item.case:
            case = self._all.centres[one.coordinator].book.cases[item.case]
            yield _case_branch(one.coordinator, item.case, case)

    def _findings(self, name: str) -> list[Branch]:
        named = (one for one in self._all.findings if name in one.evidence.values())
        return [broken(one) for one in named]


def broken(one: Finding) -> Branch:
    """Show a finding as a link."""
    error = HeduiError(one.code, **one.evidence)
    text = Said(error.title("zh"), error.title("en"))
    return Branch(text=text, places=one.places, evidence=one.evidence, code=one.code)


def _case_branch(party: str, name: str, case: Case) -> Branch:
    event = case.event
    return Branch(
        text=Said(
            f"案件 {name} · {event.programme} · 受托 {event.commission} · 经办 {event.operator}"
            f" · {event.members} 人 · {_day(case.at)} 立案",
            f"case {name} · {event.programme} · commission {event.commission} · operator"
            f" {event.operator} · {event.members} people · opened {_day(case.at)}",
        ),
        places=(Place(party, case.row),),
    )


def _told(item: Item) -> tuple[str, str]:
    answer = item.answer
    if answer is None:
        return "没有答复", "no answer"
    known = {one.id: one for one in catalogue.load()}
    closed = answer.outcome is Outcome.ENUM and item.predicate in known
    said = outcome_text(answer, known[item.predicate].values if closed else ())
    if not answer.use_no:
        return said, said
    return f"{said}(第 {answer.use_no} 次使用)", f"{said} (use {answer.use_no})"


def _digests(one: Exchange) -> dict[str, str]:
    told = {"qid": one.asked.qid.hex(), "request": one.digest.hex()}
    if one.said:
        told["answer"] = sha256(one.came).hexdigest()
        told["list"] = one.said.status_list_digest.hex()
    return told
