"""The whole chain of one case, consent or request, as a tree: who, by which consent, what was said.

Pure: arranges what ``reconcile`` has joined, each link with its rows and digests. Does not judge:
what was found to be broken stands under the link that it is about.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from auditor.casebook import Case
from auditor.departments import Stranger
from auditor.exchanges import Exchange, Item
from auditor.findings import Finding, Place, Severity
from auditor.reconcile import Reconciled
from auditor.registry import Change, Issue
from auditor.sums import Sum
from federation import catalogue, exchange
from federation.clock import business_time
from federation.errors import HeduiError, Said
from federation.exchange import Outcome, outcome_text
from federation.status import Status

_ROUNDS = {
    exchange.CONTRIBUTE: Said(" · 合计:出一个加密的数", " · sum: one encrypted number"),
    exchange.COMPARE: Said(" · 合计:与规定线比较", " · sum: held to the line"),
    exchange.TEST: Said(" · 合计:给出最后一步", " · sum: its last step"),
}
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
        self._by_token: dict[bytes, list[Exchange]] = {}
        for one in all_.exchanges:
            for token in dict.fromkeys(item.token for item in one.items):
                self._by_token.setdefault(token, []).append(one)
        self._named: dict[str, list[Finding]] = {}
        for finding in all_.findings:
            for name in set(finding.evidence.values()):
                self._named.setdefault(name, []).append(finding)

    def find(self, what: str) -> Branch | None:
        for centre in self._all.centres.values():
            if what in centre.book.cases:
                return self._case(centre.party, what)
        if what in self._all.registry.consents:
            branch = self._consent(what)
            branch.below += self._tokens(what, None) + self._findings(what)
            return branch
        for one in self._all.exchanges:
            if one.asked.qid.hex() == what:
                return self._request(one)
        for department in self._all.departments.values():
            for stranger in department.strangers:
                if stranger.asked.qid.hex() == what:
                    return self._stranger(department.party, stranger)
        return self._run(what)

    def _case(self, party: str, name: str) -> Branch:
        case = self._all.centres[party].book.cases[name]
        branch = _case_branch(party, name, case)
        branch.below += [_changed(Place(party, one.row), one) for one in case.changes]
        registry = self._all.registry
        known = [number for number in case.consents if number in registry.consents]
        for number in known:
            consent = self._consent(number)
            consent.below += self._tokens(number, name) + self._findings(number)
            branch.below.append(consent)
        for token, asked in self._by_token.items():
            issue = registry.tokens.get(token)
            if issue is None or issue.event.consent_no not in known:
                branch.below += self._exchanges(asked, token, name)
        branch.below += [self._sum(one) for one in self._all.sums if one.case == name]
        branch.below += self._findings(name)
        return branch

    def _sum(self, one: Sum) -> Branch:
        """Show what became of one line of a run, and that nobody learned the amount."""
        names = [self._name(party) for party in one.departments]
        zh, en = "、".join(name.zh for name in names), ", ".join(name.en for name in names)
        tally, line = self._name(one.tally), f"{one.predicate} {one.parameter}"
        state = _ended(one)
        return Branch(
            text=Said(
                f"合计 {line}:{zh} 各出一个加密的数,{tally.zh} 比较;"
                f"没有任何人看到数额 → {state.zh}",
                f"sum {line}: one encrypted number each of {en}, compared by {tally.en}; nobody saw"
                f" an amount → {state.en}",
            ),
            places=(one.place,),
            evidence={"run": one.run.hex(), "commitment": one.commitment.hex()},
        )

    def _run(self, what: str) -> Branch | None:
        """Show a run by its number: every line of it, and every round."""
        lines = [one for one in self._all.sums if one.run.hex() == what]
        rounds = [one for one in self._all.exchanges if one.run and one.run.hex() == what]
        if not rounds:
            return None
        branch = Branch(text=Said(f"合计编号 {what}", f"run of a sum {what}"))
        branch.below = [*map(self._sum, lines), *map(self._request, rounds)]
        return branch

    def _consent(self, number: str) -> Branch:
        registry = self._all.registry
        consent = registry.consents[number]
        event = consent.event
        places = (Place(registry.party, consent.row),)
        until, missing = _day(event.not_after), consent.missing
        return Branch(
            text=Said(
                f"同意书 {number} · 用途 {event.purpose} · 依据 {event.basis} · 至 {until}"
                f" · 缺签名 {missing}",
                f"consent {number} · purpose {event.purpose} · basis {event.basis}"
                f" · until {until} · {missing} signatures missing",
            ),
            places=places,
            evidence={
                "grants": event.grants.hex(),
                "signed": " ".join(one.hex() for one in event.evidence),
            },
            below=[
                _changed(Place(registry.party, one.row), one)
                for one in registry.changes(event.origin)
            ],
        )

    def _tokens(self, number: str, case: str | None) -> list[Branch]:
        """Show the tokens of a consent, each with what was asked by it for a case, or for any."""
        branches = []
        for jti, issue in self._all.registry.tokens.items():
            if issue.event.consent_no == number:
                branch = self._token(issue)
                branch.below = self._exchanges(self._by_token.get(jti, []), jti, case)
                branches.append(branch)
        return branches

    def _token(self, issue: Issue) -> Branch:
        event, name = issue.event, self._name(issue.event.department)
        short, first, last = event.jti.hex()[:16], _day(issue.at), _day(event.expires)
        kind = Said("复查令牌", "recheck token") if event.recheck else Said("令牌", "token")
        return Branch(
            text=Said(
                f"{kind.zh} {short} → {name.zh},{first} 签发,{last} 到期",
                f"{kind.en} {short} → {name.en}, issued {first}, until {last}",
            ),
            places=(Place(self._all.registry.party, issue.row),),
            evidence={"token": event.jti.hex(), "issued": event.token.hex()},
        )

    def _exchanges(self, asked: Iterable[Exchange], token: bytes, case: str | None) -> list[Branch]:
        """Show the requests that ask by a token for a case, each with these questions alone."""
        branches = []
        for one in asked:
            mine = [item for item in one.items if item.token == token and case in {None, item.case}]
            if mine:
                branch = self._exchange(one)
                branch.below = [*map(_question, mine), *self._findings(one.asked.qid.hex())]
                branches.append(branch)
        return branches

    def _exchange(self, one: Exchange) -> Branch:
        asker, asked = self._name(one.coordinator), self._name(one.department)
        at, version = _time(one.asked.issued), one.asked.policy_version
        step = _ROUNDS.get(one.asked.method, Said("", ""))
        return Branch(
            text=Said(
                f"{at} {asker.zh} 问 {asked.zh},共 {one.asked.n} 项,政策第 {version} 版{step.zh}",
                f"{at} {asker.en} asked {asked.en}: {one.asked.n} items, policy version"
                f" {version}{step.en}",
            ),
            places=one.places,
            evidence=_digests(one),
        )

    def _request(self, one: Exchange) -> Branch:
        """Show a request with what each of its questions rests on."""
        branch = self._exchange(one)
        for item in one.items:
            question = _question(item)
            question.below = list(self._grounds(one, item))
            branch.below.append(question)
        branch.below += self._findings(one.asked.qid.hex())
        return branch

    def _grounds(self, one: Exchange, item: Item) -> Iterator[Branch]:
        registry = self._all.registry
        issue = registry.tokens.get(item.token)
        if issue:
            yield self._token(issue)
            if issue.event.consent_no in registry.consents:
                yield self._consent(issue.event.consent_no)
        if item.case:
            case = self._all.centres[one.coordinator].book.cases[item.case]
            yield _case_branch(one.coordinator, item.case, case)

    def _stranger(self, department: str, one: Stranger) -> Branch:
        """Show what a department was asked and the coordinator has not logged."""
        asker, asked = self._name(one.asked.sender), self._name(department)
        at = _time(one.at)
        return Branch(
            text=Said(
                f"{at} {asker.zh} 问 {asked.zh},共 {one.asked.n} 项",
                f"{at} {asker.en} asked {asked.en}: {one.asked.n} items",
            ),
            places=(Place(department, one.row),),
            evidence={"qid": one.asked.qid.hex(), "request": one.digest.hex()},
            below=self._findings(one.asked.qid.hex()),
        )

    def _findings(self, name: str) -> list[Branch]:
        return [broken(one) for one in self._named.get(name, ())]

    def _name(self, party: str) -> Said:
        entry = self._all.papers.newest.parties.get(party)
        return Said(entry.zh, entry.en) if entry else Said(party, party)


def broken(one: Finding) -> Branch:
    """Show a finding as a link; a doubt has no code."""
    error = HeduiError(one.code, **one.evidence)
    zh, en = error.title("zh"), error.title("en")
    if one.severity is Severity.DOUBT:
        text = Said(f"▲ {zh}(待定)", f"▲ {en} (not certain yet)")
        return Branch(text=text, places=one.places, evidence=one.evidence)
    return Branch(text=Said(zh, en), places=one.places, evidence=one.evidence, code=one.code)


def _ended(one: Sum) -> Said:
    if one.aborted:
        return Said("已中止", "aborted")
    replayed = Said(",按种子重演相同", ", replayed") if one.replayed else Said("", "")
    if one.outcome:
        return Said(f"{one.outcome}{replayed.zh}", f"{one.outcome}{replayed.en}")
    if one.tested:
        return Said("已比较,结果只有核对中心知道", "compared; the centre alone knows the outcome")
    return Said("未完成", "not ended")


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


def _changed(place: Place, change: Change) -> Branch:
    at, state = _time(change.at), _STATES[change.state]
    return Branch(text=Said(f"{at} {state.zh}", f"{at} {state.en}"), places=(place,))


def _question(item: Item) -> Branch:
    known = {one.id: one for one in catalogue.load()}
    asked = f"{item.predicate} {item.parameter}".strip()
    zh = en = asked
    values: tuple[str, ...] = ()
    if item.predicate in known:
        words = known[item.predicate]
        zh, en = f"{asked} {words.question('zh')}", f"{asked} {words.question('en')}"
        values = words.values
    answer = item.answer
    if answer is None:
        return Branch(text=Said(f"{zh} → 没有答复", f"{en} → no answer"))
    closed = answer.outcome is Outcome.ENUM
    said, use = outcome_text(answer, values if closed else ()), answer.use_no
    told = Said(f"{said}(第 {use} 次)", f"{said} (use {use})") if use else Said(said, said)
    return Branch(text=Said(f"{zh} → {told.zh}", f"{en} → {told.en}"))


def _digests(one: Exchange) -> dict[str, str]:
    told = {"qid": one.asked.qid.hex(), "request": one.digest.hex()}
    if one.said:
        told["answer"] = one.came.hex()
        told["list"] = one.said.status_list_digest.hex()
    return told
