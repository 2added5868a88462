"""How looks are shown: one that was tried, and all that a case would get.

Knows labels and layout. Evaluates nothing.
"""

from collections.abc import Sequence
from typing import Final

from department_node import node as nodes
from department_node.case_file import Case, CasePerson
from department_node.looking import Look, Looking, Subject
from department_node.screen import columns
from federation import words
from federation.errors import HeduiError
from federation.exchange import outcome_text
from federation.manifest import PartyRole
from federation.terminal import Terminal

MARKS: Final = {True: "✓", False: "✗", None: "·"}


def one(at: Terminal, own: Looking, subject: Subject, look: Look) -> None:
    """Show one look, with the columns it read."""
    at.emit(_json(look, at) | {"on_roll": subject.person is not None, "enrolled": subject.enrolled})
    text = f"{words.question(look.predicate, look.parameter, at.lang)} → {_answer(look, at)}"
    at.say(text, text)
    read = at.pick("、", ", ").join(look.columns) or at.pick("无", "none")
    facts = [
        (at.pick("离开本机", "would leave"), _code(look)),
        (at.pick("读取的列", "columns read"), read),
        (at.pick("数据截至", "data as of"), _as_of(at, own)),
    ]
    if look.fault:
        where = str(look.fault.details.get("where", ""))
        reason = f"{where} {look.fault.title(at.lang)}  {look.fault.code}".strip()
        facts.append((at.pick("原因", "reason"), reason))
    elif look.answer.refusal:
        error = HeduiError(look.answer.refusal.name)
        facts.append((at.pick("原因", "reason"), error.title(at.lang)))
    shown = columns(facts, indent=2)
    at.say(shown, shown)
    _standing(at, subject)


def head(at: Terminal, own: Looking, case: Case) -> None:
    """Say who may ask, on what ground, and what would leave."""
    policy = own.party.policy
    askers = own.party.manifest.having(PartyRole.COORDINATOR)
    paused = (own.party.data / nodes.PAUSED).exists()
    at.emit(
        {
            "party": own.party.id,
            "may_ask": [one.id for one in askers],
            "policy": {"family": policy.family, "version": policy.version},
            "purpose": case.purpose.name,
            "members": case.members,
            "as_of": str(own.as_of) if own.as_of else None,
            "paused": paused,
        }
    )
    names = [at.pick(f"{a.zh}({a.id})", f"{a.en} ({a.id})") for a in askers]
    rows = [
        (at.pick("谁会问", "who may ask"), at.pick("、", ", ").join(names)),
        (at.pick("凭什么", "on what ground"), _ground(at, own, case)),
        (at.pick("家庭", "household"), at.pick(f"{case.members} 人", f"{case.members} people")),
        (at.pick("数据截至", "data as of"), _as_of(at, own)),
        (at.pick("离开本机", "what leaves"), _leaves(at)),
    ]
    if paused:
        held = at.pick("节点已暂停,一律拒绝", "the node is paused and refuses everything")
        rows.append((at.pick("状态", "state"), held))
    text = columns(rows)
    at.say(text, text)


def person(
    at: Terminal, number: int, listed: CasePerson, subject: Subject, looks: Sequence[Look]
) -> None:
    """Show every answer about one person of a case."""
    role = words.say("role", listed.role, at.lang)
    signed = words.say("signature", listed.signature, at.lang)
    at.say(
        f"\n第 {number} 人 {listed.masked}  {role},{signed}",
        f"\nPerson {number} {listed.masked}  {role}, {signed}",
    )
    rows = []
    for look in looks:
        at.emit({"person": number, "enrolled": subject.enrolled} | _json(look, at))
        fault = f" ({look.fault.code})" if look.fault else ""
        question = words.question(look.predicate, look.parameter, at.lang)
        rows.append((look.predicate.id, f"{_answer(look, at)}{fault}", question))
    text = columns(rows, indent=2)
    at.say(text, text)
    reasons = dict.fromkeys(one.answer.refusal.name for one in looks if one.answer.refusal)
    if reasons:
        text = columns([(c, HeduiError(c).title(at.lang)) for c in reasons], indent=2)
        at.say(text, text)
    _standing(at, subject)


def columns_read(at: Terminal, own: Looking) -> None:
    """List which columns answers read, which only enrolment reads, and which nothing reads."""
    read, roll = own.answer_columns(), own.roll_columns()
    rest = own.all_columns() - read
    found = (sorted(read), sorted(rest & roll), sorted(rest - roll))
    keys = ("columns_read", "columns_read_to_enrol", "columns_never_read")
    at.emit(dict(zip(keys, found, strict=True)))
    labels = (
        at.pick("答案读取的列", "read for answers"),
        at.pick("只为登记名册读取", "read to enrol only"),
        at.pick("从不读取的列", "never read"),
    )
    comma, none = at.pick("、", ", "), at.pick("无", "none")
    rows = [(label, comma.join(names) or none) for label, names in zip(labels, found, strict=True)]
    text = f"\n{columns(rows)}"
    at.say(text, text)


def _ground(at: Terminal, own: Looking, case: Case) -> str:
    policy = own.party.policy
    purpose = words.purpose(case.purpose, at.lang)
    return at.pick(
        f"当事人的授权,用途“{purpose}”;政策“{policy.title['zh']}”"
        f"({policy.family} 第 {policy.version} 版,{policy.issued} 至 {policy.expires})",
        f"the people's consent, for: {purpose}; the policy “{policy.title['en']}”"
        f" ({policy.family} version {policy.version}, {policy.issued} to {policy.expires})",
    )


def _leaves(at: Terminal) -> str:
    return at.pick(
        "下列每个问题至多一个答案(中间一栏),各 96 字节,带签名;合计的份额全户一个,加密并加掩码;"
        "没有证件号、姓名和原始记录",
        "at most one answer to each question below (the middle column), 96 bytes each, signed;"
        " of a sum one encrypted, masked number for the whole household; no number, no name and no"
        " record",
    )


def _standing(at: Terminal, subject: Subject) -> None:
    if subject.person is None:
        at.say("  名册上没有此人", "  not on the roll")
    elif not subject.enrolled:
        at.say(
            "  名册上有此人,但尚未登记(hedui node enrol):现在按没有此人回答",
            "  on the roll, but not enrolled yet (hedui node enrol): answered as if absent",
        )


def _answer(look: Look, at: Terminal) -> str:
    return words.outcome(look.answer, look.predicate, look.parameter, at.lang)


def _code(look: Look) -> str:
    return outcome_text(look.answer, look.predicate.values)


def _as_of(at: Terminal, own: Looking) -> str:
    return str(own.as_of or at.pick("不明", "unknown"))


def _json(look: Look, at: Terminal) -> dict[str, object]:
    return {
        "predicate": look.predicate.id,
        "parameter": look.parameter.id if look.parameter else "",
        "question": words.question(look.predicate, look.parameter, at.lang),
        "answer": _code(look),
        "words": _answer(look, at),
        "columns": list(look.columns),
        "fault": look.fault.code if look.fault else None,
    }
