"""How a verified token, receipt or bundle is shown, and how a broken link is.

Knows layout and words, in Chinese and English, and the same for programs. Decides nothing.
"""

from collections.abc import Sequence
from typing import Any, Final

from auditor.bundles import Verdict
from auditor.receipts import LINKS, Proven, Remark
from auditor.transcripts import TOLD, Ran
from federation import catalogue
from federation.catalogue import Catalogue
from federation.clock import business_time
from federation.consent import Claims, Consent
from federation.errors import BadInput, HeduiError
from federation.exchange import Outcome, Refusal, outcome_text
from federation.manifest import Manifest
from federation.terminal import Terminal

_HEX: Final = 16
_GROUPS: Final = {
    "form": ("格式", "form"),
    "documents": ("成员清单", "manifest"),
    "request": ("提问", "request"),
    "answer": ("答复", "answer"),
    "consent": ("授权", "consent"),
    "status": ("状态清单", "status list"),
    "policy": ("政策", "policy"),
    "log": ("日志", "log"),
    "checkpoint": ("检查点与见证", "checkpoint and witnesses"),
}
_REMARKS: Final = {
    Remark.REFUSED: ("没有作答 {why}", "nothing was told: {why}"),
    Remark.NO_STATUS_LIST: (
        "未附状态清单,撤销情况待对账",
        "no status list enclosed: revocation is for reconcile",
    ),
    Remark.LATE_INCLUSION: (
        "不能证明 60 秒内入账:{number} 秒后才有见证方看到",
        "not shown to be logged within 60 s: first witnessed after {number} s",
    ),
    Remark.LATE_COSIGNATURE: (
        "见证超过承诺的 10 分钟:{number} 秒",
        "cosigned later than the promised 10 minutes: {number} s",
    ),
}
_EVIDENCE: Final = {
    "file": ("文件", "file"),
    "item": ("第几项", "item"),
    "row": ("第几行", "row"),
    "byte": ("该文件第几字节", "byte of it"),
    "bytes": ("字节", "bytes"),
    "party": ("何方", "party"),
    "why": ("原因", "why"),
    "witnesses": ("见证方数", "witnesses"),
    "needed": ("至少", "needed"),
    "seconds": ("秒", "seconds"),
    "entry": ("清单条目", "entry"),
    "named": ("所称文件", "named"),
}


def token(at: Terminal, file: str, shown: Consent, document: Manifest, *, ended: bool) -> None:
    """Show what a genuine token allows."""
    claims = shown.claims
    names = catalogue.load()
    grants = [f"{one.predicate} {one.parameter}".strip() for one in shown.grants.values()]
    at.emit(
        {
            "file": file,
            "proven": True,
            "jti": claims.jti.hex(),
            "issuer": claims.issuer,
            "department": claims.audience,
            "purpose": claims.purpose.name,
            "basis": claims.basis,
            "not_before": claims.not_before,
            "expires": claims.expires,
            "ended": ended,
            "grants": grants,
            "undisclosed": shown.slots - len(grants),
        }
    )
    issuer, department = _name(document, claims.issuer, at), _name(document, claims.audience, at)
    _good(at, f"{issuer} 签发,交 {department} 查验", f"signed by {issuer}, for {department}")
    first, last = _day(claims.not_before), _day(claims.expires)
    purpose = claims.purpose.name
    _good(
        at,
        f"用途 {purpose}({claims.basis}),{first} 至 {last} 有效",
        f"purpose {purpose} ({claims.basis}), from {first} to {last}",
    )
    for one in shown.grants.values():
        asked = _question(names, one.predicate, at)
        _good(at, f"可问 {asked},至多 {one.max_uses} 次", f"{asked}, at most {one.max_uses} times")
    hidden = shown.slots - len(grants)
    if hidden:
        _note(at, f"另有 {hidden} 项没有出示", f"{hidden} more grants are not disclosed")
    if ended:
        _note(at, "现已到期", "it has ended by now")
    verdict(at, proven=True)


def receipt(at: Terminal, file: str, one: Proven) -> None:
    """Show what a receipt proves."""
    at.emit({"file": file, "proven": True, **facts(one)})
    asker, department = (_name(one.document, p, at) for p in (one.asked.sender, one.said.sender))
    asked = _question(catalogue.load(), one.question.predicate, at)
    told, when = _outcome(one), _time(one.said.issued)
    _good(
        at,
        f"{when} {asker} 问 {department}:{asked} → {told}",
        f"{when} {asker} asked {department}: {asked} → {told}",
    )
    if one.claims:
        _consent(at, one.claims, one.status_age)
    family, version = one.policy
    _good(
        at,
        f"政策 {family} 第 {version} 版、成员清单第 {one.document.version} 版当时有效",
        f"policy {family} v{version} and manifest v{one.document.version} were in force",
    )
    _good(
        at,
        f"在 {department} 的日志中:第 {one.index + 1} 条,共 {one.size} 条",
        f"in the log of {department}: entry {one.index + 1} of {one.size}",
    )
    witnesses = at.pick("、", ", ").join(_name(one.document, w, at) for w in one.witnesses)
    _good(
        at,
        f"{witnesses} 见证,作答后 {one.cosigned_after} 秒内齐备",
        f"cosigned by {witnesses}, enough of them {one.cosigned_after} s after",
    )
    for remark, number in one.remarks.items():
        _note(at, *_remark(remark, number))
    verdict(at, proven=True)


def bundle(at: Terminal, file: str, found: Verdict) -> None:
    """Show what a bundle proves as a whole, and every fault with its evidence."""
    proven = not found.faults
    rows = [{"receipt": name, **facts(one)} for name, one in found.proven.items()]
    faults = [fault_json(error) for error in found.faults]
    told = {"case": found.contents.case, "commission": found.contents.commission}
    sums = [{"transcript": name, **_summed(one)} for name, one in found.sums.items()]
    at.emit(
        {"file": file, "proven": proven, **told}
        | {"receipts": rows, "sums": sums, "faults": faults}
    )
    if found.proven:
        _bundle_lines(at, found)
    if found.sums:
        _sum_lines(at, list(found.sums.values()))
    for error in found.faults:
        fault(at, error)
    of = f"{found.broken} / {found.receipts}"
    verdict(at, proven=proven, of=of if found.broken else "")


def broken(at: Terminal, file: str, error: HeduiError) -> None:
    """Show which links of a receipt hold, and the one that does not."""
    groups = list(LINKS)
    place = next((n for n, group in enumerate(groups) if error.code in LINKS[group]), 0)
    if place:
        held = [_GROUPS[group] for group in groups[:place]]
        _good(at, "、".join(zh for zh, _ in held), ", ".join(en for _, en in held))
    refused(at, file, error)


def refused(at: Terminal, file: str, error: HeduiError) -> None:
    """Show why a file proves nothing."""
    at.emit({"file": file, "proven": False, **fault_json(error)})
    fault(at, error)
    verdict(at, proven=False)


def fault(at: Terminal, error: HeduiError) -> None:
    """Show a broken link: what is wrong, what was signed, what was computed, and where."""
    details = error.details
    about = f" ({details['about']})" if details.get("about") else ""
    where = f"{details['file']}{about}: " if "file" in details else ""
    at.say(
        f"✗ {where}{error.title('zh')}  {error.code}", f"✗ {where}{error.title('en')}  {error.code}"
    )
    if "signed" in details:
        signed, computed = (str(details[name])[:_HEX] + "…" for name in ("signed", "computed"))
        at.say(
            f"    签名所载 {signed}  实际算得 {computed}",
            f"    signed {signed}  computed {computed}",
        )
    shown = [n for n in _EVIDENCE if n in details and n != "file"]
    words = [(f"{_EVIDENCE[n][0]} {details[n]}", f"{_EVIDENCE[n][1]} {details[n]}") for n in shown]
    if words:
        zh, en = ",".join(w[0] for w in words), ", ".join(w[1] for w in words)
        at.say(f"    {zh}", f"    {en}")


def verdict(at: Terminal, *, proven: bool, of: str = "") -> None:
    """Say what it comes to."""
    part = f"({of})" if of else ""
    if proven:
        at.say("结论:已证明", "verdict: PROVEN")
    else:
        at.say(f"结论:未能证明{part}", f"verdict: NOT PROVEN {part}".rstrip())


def fault_json(error: HeduiError) -> dict[str, Any]:
    """Write a broken link for programs."""
    evidence = {name: str(value) for name, value in error.details.items()}
    return {"link": error.code, "evidence": evidence}


def facts(one: Proven) -> dict[str, Any]:
    """Write what a receipt proves, for programs."""
    return {
        "coordinator": one.asked.sender,
        "department": one.said.sender,
        "qid": one.asked.qid.hex(),
        "asked": one.asked.issued,
        "answered": one.said.issued,
        "predicate": one.question.predicate,
        "parameter": one.question.parameter,
        "outcome": _outcome(one),
        "use": one.answer.use_no,
        "consent": one.claims.jti.hex() if one.claims else None,
        "policy": list(one.policy),
        "manifest": one.document.version,
        "entry": one.index,
        "size": one.size,
        "witnesses": list(one.witnesses),
        "cosigned_after": one.cosigned_after,
        "status_age": one.status_age,
        "remarks": {remark.value: number for remark, number in one.remarks.items()},
    }


def _bundle_lines(at: Terminal, found: Verdict) -> None:
    every = list(found.proven.values())
    logs = len({one.said.sender for one in every})
    witnesses = len({witness for one in every for witness in one.witnesses})
    late = max(one.cosigned_after for one in every)
    _good(
        at,
        f"{len(every)} 个答复,各有部门签名并在其日志中({logs} 个日志,{witnesses} 个见证方,"
        f"都在作答后 {late} 秒内见证)",
        f"{len(every)} answers, each signed by its department and in its log "
        f"({logs} logs, {witnesses} witnesses, cosigned ≤ {late} s after)",
    )
    tokens = len({one.claims.jti for one in every if one.claims})
    ages = [one.status_age for one in every if one.status_age is not None]
    zh = f",状态清单至多 {max(ages)} 秒前签发" if ages else ""
    en = f"; status lists ≤ {max(ages)} s old" if ages else ""
    _good(
        at,
        f"{tokens} 份授权令牌覆盖每个作答的问题,提问时均未到期{zh}",
        f"{tokens} consent tokens cover every answered question; none asked after its end{en}",
    )
    policies = sorted({one.policy for one in every})
    commission = found.contents.commission
    zh = "、".join(f"{family} 第 {version} 版" for family, version in policies)
    en = ", ".join(f"{family} v{version}" for family, version in policies)
    _good(
        at,
        f"受托 {commission} 对应案件 {found.contents.case};政策 {zh} 当时有效",
        f"commission {commission} covers case {found.contents.case}; policy {en} was in force",
    )
    for remark in Remark:
        numbers = [one.remarks[remark] for one in every if remark in one.remarks]
        if numbers:
            zh, en = _remark(remark, max(numbers))
            _note(at, f"{len(numbers)} 个答复:{zh}", f"{len(numbers)} answers: {en}")


def _summed(ran: Ran) -> dict[str, Any]:
    """Write what a transcript proves, for programs."""
    one, line = ran.transcript, ran.sum
    return {
        "predicate": one.predicate,
        "parameter": one.parameter,
        "persons": list(one.persons),
        "run": one.run.hex(),
        "period": one.period,
        "attempt": one.attempt,
        "outcome": one.outcome,
        "departments": list(line.departments) if line else [],
        "compared": line is not None,
        "aborted": line is not None and line.aborted,
        "replayed": line is not None and line.replayed,
    }


def _sum_lines(at: Terminal, sums: Sequence[Ran]) -> None:
    told = [ran for ran in sums if ran.transcript.outcome in TOLD]
    compared = [ran.sum for ran in sums if ran.sum]
    logs = len({step.party for ran in sums for step in ran.steps})
    if told:
        _good(
            at,
            f"{len(told)} 次合计,全组部门各出一份,比较一次、检验一次,每步都有签名并在日志中"
            f"({logs} 个日志);没有任何人看到数额",
            f"{len(told)} sums: every department of the group, one comparison, one test, each"
            f" signed and logged ({logs} logs); nobody saw an amount",
        )
    if len(told) < len(sums):
        rest = len(sums) - len(told)
        _note(at, f"{rest} 次合计没有结果", f"{rest} runs of sums came to no outcome")
    replayed = sum(one.replayed for one in compared)
    if compared and replayed == len(compared):
        _good(
            at,
            f"{replayed} 次比较按种子逐字节重演,结果相同",
            f"{replayed} comparisons replayed byte for byte from their seeds",
        )
    elif compared:
        _note(
            at,
            f"{len(compared) - replayed} 次比较没有重演:需要种子(--seeds)",
            f"{len(compared) - replayed} comparisons were not replayed: that needs seeds (--seeds)",
        )


def _consent(at: Terminal, claims: Claims, age: int | None) -> None:
    number, last = claims.jti.hex()[:_HEX], _day(claims.expires)
    zh = f",状态清单 {age} 秒前签发" if age is not None else ""
    en = f"; status list {age} s old" if age is not None else ""
    _good(
        at,
        f"授权令牌 {number}… 覆盖该问题,用途 {claims.purpose.name},{last} 到期{zh}",
        f"consent token {number}… covers it, purpose {claims.purpose.name}, until {last}{en}",
    )


def _remark(remark: Remark, number: int) -> tuple[str, str]:
    zh, en = _REMARKS[remark]
    refusal = Refusal(number) if remark is Remark.REFUSED else Refusal.NONE
    why = refusal.name if refusal else Outcome.PRESENT_AGAIN.name
    return zh.format(number=number, why=why), en.format(number=number, why=why)


def _outcome(one: Proven) -> str:
    closed = one.answer.outcome is Outcome.ENUM
    values = catalogue.load().predicate(one.question.predicate).values if closed else ()
    return outcome_text(one.answer, values)


def _question(names: Catalogue, predicate: str, at: Terminal) -> str:
    try:
        return f"{predicate} {names.predicate(predicate).question(at.lang)}"
    except BadInput:
        return predicate


def _name(document: Manifest, party: str, at: Terminal) -> str:
    return document.party(party).name(at.lang) if party in document.parties else party


def _day(at: int) -> str:
    return business_time(at).date().isoformat()


def _time(at: int) -> str:
    return business_time(at).strftime("%Y-%m-%d %H:%M")


def _good(at: Terminal, zh: str, en: str) -> None:
    at.say(f"✓ {zh}", f"✓ {en}")


def _note(at: Terminal, zh: str, en: str) -> None:
    at.say(f"▲ {zh}", f"▲ {en}")
