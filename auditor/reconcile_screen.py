"""How logs and what they say together are shown: findings, chains, numbers, what is unusual.

Knows layout and words, in Chinese and English, and the same for programs. Decides nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from auditor import file_screen
from auditor.anomalies import Anomaly, Kind
from auditor.exchanges import Exchange, Item
from auditor.findings import Finding, Place, Severity
from auditor.logs import Erasures, Head
from auditor.reconcile import Reconciled
from auditor.tally import Tally
from auditor.trace import Branch
from federation.clock import business_time
from federation.errors import HeduiError
from federation.manifest import Manifest
from federation.terminal import Terminal

_SHOWN: Final = 32
"""Letters of a digest on the screen; programs get all of it."""
_MARKS: Final = {Severity.BROKEN: "✗", Severity.DOUBT: "▲"}
KINDS: Final = {
    Kind.VOLUME: ("一日问得特别多", "many questions in one day"),
    Kind.HOURS: ("07:00–20:00 以外提问", "asked outside of 07:00–20:00"),
    Kind.SERIES: ("对同一人试探多个门槛", "several thresholds about one person"),
    Kind.ABORTED: ("合计被中止", "sums that were aborted"),
    Kind.UNDECIDED: ("问过而没有结案", "asked about and never closed"),
    Kind.ALERT: ("当事方自己的告警", "a party's own alert"),
}


def log(at: Terminal, head: Head, found: Erasures, document: Manifest) -> None:
    """Show that a log is proven, and by whom it was witnessed."""
    cosigned = dict(sorted(head.cosigners.items()))
    at.emit(
        {
            "log": head.party,
            "proven": True,
            "size": head.tree.size,
            "root": head.tree.root.hex(),
            "cosigned": cosigned,
            "erased": len(found.erased),
            "tombstones": sorted(found.tombstones),
        }
    )
    party, size = _name(document, head.party, at), head.tree.size
    at.say(
        f"✓ {party} 的日志 {size:,} 条,每条及其旁附内容都到得了根 {head.tree.root.hex()[:16]}…",
        f"✓ log of {party}: {size:,} entries, each leads to root {head.tree.root.hex()[:16]}…",
    )
    for witness, when in cosigned.items():
        who = _name(document, witness, at)
        at.say(f"✓ {who} 于 {_time(when)} 见证", f"✓ witnessed by {who} at {_time(when)}")
    if found.erased:
        count = len(found.erased)
        at.say(
            f"▲ {count} 条已删除,各有墓碑;是否奉令,见 hedui audit reconcile",
            f"▲ {count} entries are erased, each by a tombstone; by whose order: reconcile",
        )
    file_screen.verdict(at, proven=True)


def reconciled(at: Terminal, all_: Reconciled, tally: Tally) -> None:
    """Show what all logs come to, and every finding with its evidence."""
    document = all_.papers.newest
    for party, size in all_.sizes.items():
        wrong = [one for one in all_.findings if party in one.parties and _broken(one)]
        mark = "✗" if wrong else "✓"
        at.emit({"log": party, "size": size, "findings": len(wrong)})
        zh, en = f"{len(wrong)} 处不符" if wrong else "", f"{len(wrong)} findings" if wrong else ""
        name = _name(document, party, at)
        at.say(f"{mark} {name} {size:,} 条 {zh}".rstrip(), f"{mark} {name} {size:,} {en}".rstrip())
    numbers(at, tally)
    findings(at, all_.findings, document)
    verdict(at, proven=all_.proven)


def numbers(at: Terminal, tally: Tally) -> None:
    """Show how many questions, consents and commissions there are, and what was refused."""
    at.emit(
        {
            "requests": tally.requests,
            "questions": tally.questions,
            "told": tally.told,
            "consented": tally.consented,
            "commissioned": tally.commissioned,
            "refused": dict(tally.refused),
            "unanswered": tally.unanswered,
            "sums": tally.sums,
            "replayed": tally.replayed,
            "aborted": tally.aborted,
            "cases": tally.cases,
            "consents": tally.consents,
        }
    )
    whole = tally.told == tally.consented == tally.commissioned
    mark = "✓" if whole else "✗"
    at.say(
        f"{mark} 作答的问题 {tally.told:,} = 有授权 {tally.consented:,} = 有委托 "
        f"{tally.commissioned:,}",
        f"{mark} questions answered {tally.told:,} = consented {tally.consented:,} = commissioned "
        f"{tally.commissioned:,}",
    )
    if tally.sums:
        mark = "✓" if tally.replayed == tally.sums else "▲"
        at.say(
            f"{mark} 合计比较 {tally.sums:,} 次,按种子重演 {tally.replayed:,} 次,"
            f"中止 {tally.aborted:,} 次",
            f"{mark} sums compared {tally.sums:,}, replayed from their seeds {tally.replayed:,},"
            f" aborted {tally.aborted:,}",
        )
    refused = ", ".join(f"{code} {n}" for code, n in tally.refused.most_common())
    at.say(
        f"  提问 {tally.requests:,} 次共 {tally.questions:,} 项;未反馈 {tally.unanswered:,};"
        f"拒绝 {tally.refused.total():,} {refused}".rstrip(),
        f"  {tally.requests:,} requests with {tally.questions:,} questions; unanswered "
        f"{tally.unanswered:,}; refused {tally.refused.total():,} {refused}".rstrip(),
    )


def findings(at: Terminal, some: Iterable[Finding], document: Manifest) -> None:
    """Show findings, the broken links first."""
    for one in sorted(some, key=lambda each: each.severity):
        error = HeduiError(one.code, **one.evidence)
        mark = _MARKS[one.severity]
        at.emit(finding_json(one))
        at.say(f"{mark} {error.title('zh')}  {one.code}", f"{mark} {error.title('en')}  {one.code}")
        _evidence(at, one.places, one.evidence, document)
        if one.severity is Severity.DOUBT:
            at.say(
                "    对方日志的检查点较早,还不能断定:请稍后重新导出",
                "    not certain yet, the other log's checkpoint is older: export it again later",
            )


def verdict(at: Terminal, *, proven: bool) -> None:
    """Say what it comes to, to people and programs."""
    at.emit({"proven": proven})
    file_screen.verdict(at, proven=proven)


def tree(at: Terminal, branch: Branch, document: Manifest) -> None:
    """Show a chain, each link under the one that it rests on."""
    at.emit(branch_json(branch))
    _branch(at, branch, document, "")


def unusual(at: Terminal, some: Sequence[Anomaly], document: Manifest, *, decides: bool) -> None:
    """Show what is unusual, and what cannot be seen in these logs."""
    for one in some:
        zh, en = KINDS[one.kind]
        at.emit({**_anomaly_json(one), "title": at.pick(zh, en)})
        at.say(
            f"▲ {zh}:{one.about or '?'} {one.level:,}", f"▲ {en}: {one.about or '?'} {one.level:,}"
        )
        _evidence(at, one.places, one.evidence, document)
    if not some:
        at.say("✓ 没有发现异常", "✓ nothing unusual")
    at.emit({"anomalies": len(some), "decisions": decides})
    if not decides:
        at.say(
            "  日志中没有结案事件,无法查“问过而未作决定”的案件",
            "  no decision events in this log: queries without a later decision cannot be found",
        )
    at.say(
        "  是否查询自己的亲属,只有中心能对照人员;其告警列在上面",
        "  own relatives are known to the centre alone; its alerts are listed above",
    )


def sampled(at: Terminal, some: Sequence[tuple[Exchange, Item]], all_: Reconciled) -> None:
    """Show which questions were drawn, with what to look for on site."""
    document = all_.papers.newest
    for number, (one, item) in enumerate(some, 1):
        issue = all_.registry.tokens.get(item.token)
        consent = issue.event.consent_no if issue else ""
        told = {
            "qid": one.asked.qid.hex(),
            "item": one.items.index(item),
            "case": item.case,
            "consent": consent,
            "department": one.department,
            "predicate": item.predicate,
            "parameter": item.parameter,
            "asked": one.asked.issued,
        }
        at.emit({"sample": number, **told, "places": _places(one.places)})
        where, when = _name(document, one.department, at), _time(one.asked.issued)
        asked = f"{item.predicate} {item.parameter}".strip()
        at.say(
            f"{number:>4}  案件 {item.case}  同意书 {consent}  {where} {asked}  {when}",
            f"{number:>4}  case {item.case}  consent {consent}  {where} {asked}  {when}",
        )
        _evidence(at, one.places, {"qid": one.asked.qid.hex()}, document)


def finding_json(one: Finding) -> dict[str, Any]:
    """Write a finding for programs."""
    return {
        "finding": one.code,
        "severity": one.severity.value,
        "parties": list(one.parties),
        "places": _places(one.places),
        "evidence": dict(one.evidence),
    }


def branch_json(one: Branch) -> dict[str, Any]:
    """Write a chain for programs."""
    return {
        "zh": one.text.zh,
        "en": one.text.en,
        "code": one.code,
        "places": _places(one.places),
        "evidence": dict(one.evidence),
        "below": [branch_json(each) for each in one.below],
    }


def rows(places: Iterable[Place], document: Manifest, lang: str) -> str:
    """Write places as people read them: a party and the row of its log, counted from 0."""
    words = []
    for party, row in places:
        name = document.party(party).name(lang) if party in document.parties else party
        words.append(name if row is None else f"{name} #{row}")
    return " · ".join(words)


def _broken(one: Finding) -> bool:
    return one.severity is Severity.BROKEN


def _anomaly_json(one: Anomaly) -> dict[str, Any]:
    told = {"anomaly": one.kind.value, "about": one.about, "level": one.level}
    return {**told, "places": _places(one.places), "evidence": dict(one.evidence)}


def _branch(at: Terminal, one: Branch, document: Manifest, indent: str) -> None:
    mark = "✗ " if one.code else ""
    zh, en = f"{mark}{one.text.zh}", f"{mark}{one.text.en}"
    code = f"  {one.code}" if one.code else ""
    at.say(f"{indent}{zh}{code}", f"{indent}{en}{code}")
    inner = indent + "    "
    where = rows(one.places, document, at.lang)
    if where:
        at.say(f"{inner}{where}", f"{inner}{where}")
    for name, value in one.evidence.items():
        at.say(f"{inner}{name} {_short(value)}", f"{inner}{name} {_short(value)}")
    for each in one.below:
        _branch(at, each, document, inner)


def _evidence(at: Terminal, places: Sequence[Place], evidence: Any, document: Manifest) -> None:
    where = rows(places, document, at.lang)
    told = "  ".join(f"{name}={_short(value)}" for name, value in evidence.items() if value)
    for line in filter(None, (where, told)):
        at.say(f"    {line}", f"    {line}")


def _places(places: Iterable[Place]) -> list[dict[str, Any]]:
    return [{"party": party, "row": row} for party, row in places]


def _short(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"


def _name(document: Manifest, party: str, at: Terminal) -> str:
    return document.party(party).name(at.lang) if party in document.parties else party


def _time(at: int) -> str:
    return business_time(at).strftime("%Y-%m-%d %H:%M:%S")
