"""Why a question was answered or refused, and why one would be.

Knows what the node has stored of answered requests, and the conditions a question meets in the
gate's order. Changes nothing and asks nobody.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from department_node import checking, parts
from department_node import node as nodes
from department_node.beside import Decided, beside
from department_node.catalogue import NodeCatalogue
from department_node.looking import as_of_date
from department_node.masking import Masking
from department_node.records import SqliteRecords
from federation import catalogue as predicates
from federation import party as parties
from federation import status, words
from federation.catalogue import Form, Predicate
from federation.clock import SystemClock, business_date
from federation.errors import BadInput, HeduiError, PeerFault, Refused
from federation.exchange import Outcome, Purpose, Question
from federation.group import Group
from federation.manifest import PartyRole
from federation.party import Party
from federation.policy import Rule
from federation.status_keeper import read_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One condition of an answer: held or not, in zh and en; ``code`` where it refuses."""

    ok: bool
    zh: str
    en: str
    code: str = ""


def decided(folder: Path, query: str) -> Decided:
    """Read one answered request; ``query`` is a query id in hex, or ``last``.

    Raises:
        BadInput: QUERY_UNKNOWN (without what was typed) or NODE_NEVER_RAN.
    """
    with beside(nodes.data_folder(folder)) as state:
        qid = state.latest() if query == "last" else _hex(query)
        found = state.decided(qid) if qid else None
    if found is None:
        raise BadInput("QUERY_UNKNOWN")
    return found


def predicate_of(question: Question | None) -> Predicate | None:
    """Find the predicate of a stored question; None where there is no such predicate."""
    if question is None:
        return None
    try:
        return predicates.load().predicate(question.predicate)
    except BadInput:
        return None


def named(predicate: str) -> Predicate:
    """Find a predicate by its id.

    Raises:
        BadInput: PREDICATE_UNKNOWN.
    """
    return predicates.load().predicate(predicate)


def conditions(folder: Path, predicate: str, parameter: str) -> Iterator[Step]:
    """Go through everything this node itself decides about a question, in the gate's order.

    Raises:
        BadInput: PREDICATE_UNKNOWN, or as for serving.
    """
    known = predicates.load().predicate(predicate)
    party = parties.load(folder, PartyRole.NODE, SystemClock().now())
    yield from _standing(party)
    yield _granted(known)
    yield from _allowed(party, known, parameter)
    yield from _contributed(party, known) if known.form is Form.SUM else _answered(party, known)


def _standing(party: Party) -> Iterator[Step]:
    now = SystemClock().now()
    policy = party.policy
    yield Step(
        ok=policy.issued <= business_date(now) <= policy.expires,
        zh=f"政策 {policy.family} 第 {policy.version} 版有效:{policy.issued} 至 {policy.expires}",
        en=f"policy {policy.family} version {policy.version} is in force:"
        f" {policy.issued} to {policy.expires}",
        code="POLICY_VERSION",
    )
    paused = (party.data / nodes.PAUSED).exists()
    yield Step(
        ok=not paused,
        zh="节点已暂停" if paused else "节点没有暂停",
        en="the node is paused" if paused else "the node is not paused",
        code="NODE_PAUSED",
    )
    try:
        listed = status.check_fresh(read_file(party), now)
        seconds = now - listed.issued
        zh, en = f"撤销名单签于 {seconds} 秒前", f"the status list was signed {seconds} s ago"
        yield Step(ok=True, zh=zh, en=en)
    except (Refused, PeerFault):
        zh, en = "没有 15 分钟以内的撤销名单", "there is no status list of the last 15 minutes"
        yield Step(ok=False, zh=zh, en=en, code="STATUS_LIST_STALE")


def _granted(predicate: Predicate) -> Step:
    if predicate.form is Form.SUM:
        return Step(
            ok=True,
            zh=f"全户每人的授权都须包含 {predicate.id},内容一致:签给本部门和提问方,未过期、未撤销;"
            "少一人也不行",
            en=f"the consent of everybody in the household must grant {predicate.id}, all alike: to"
            " this department and the asker, neither expired nor revoked; no slot may be missing",
        )
    return Step(
        ok=True,
        zh=f"当事人的授权必须包含 {predicate.id}:签给本部门和提问方,未过期、未撤销,用途相同",
        en=f"the consent must grant {predicate.id}: to this department and the asker, neither"
        " expired nor revoked, for the same purpose",
    )


def _allowed(party: Party, predicate: Predicate, parameter: str) -> Iterator[Step]:
    rule = party.policy.rules.get(predicate.id)
    if rule is None:
        yield Step(
            ok=False,
            zh="政策没有允许这个项目",
            en="the policy has no rule for it",
            code="POLICY_NOT_ANSWERED",
        )
        return
    period = {"month": ("提问当月", "the month of asking")}.get(
        rule.period, ("此前完整十二个月", "the twelve full months before")
    )
    yield Step(
        ok=True,
        zh=f"政策允许的用途:{_purposes(rule.purposes, 'zh')};口径期间:{period[0]}",
        en=f"the policy allows it for {_purposes(rule.purposes, 'en')}; period: {period[1]}",
    )
    if not rule.parameters:
        return
    held = [party.policy.parameters[one] for one in rule.parameters]
    yield Step(
        ok=parameter in {"", *rule.parameters},
        zh="政策允许的参数:" + "、".join(f"{one.id}({one.zh})" for one in held),
        en="parameters of the policy: " + ", ".join(f"{one.id} ({one.en})" for one in held),
        code="POLICY_PARAMETER",
    )


def _answered(party: Party, predicate: Predicate) -> Iterator[Step]:
    listed = nodes.open_catalogue(party)
    answering = listed.answers.get(predicate.id)
    if answering is None:
        yield Step(
            ok=False,
            zh=f"{listed.file} 没有这个项目",
            en=f"{listed.file} does not answer it",
            code="POLICY_NOT_ANSWERED",
        )
        return
    scope = answering.scope.name
    yield Step(
        ok=True,
        zh=f"{listed.place(predicate.id)} 回答它,用途:{_purposes(answering.purposes, 'zh')};"
        f"范围:{words.say('scope', scope, 'zh')}",
        en=f"{listed.place(predicate.id)} answers it for {_purposes(answering.purposes, 'en')};"
        f" reach: {words.say('scope', scope, 'en')}",
    )
    rule = party.policy.rules.get(predicate.id)
    if rule is not None and not rule.purposes & answering.purposes:
        zh, en = "政策与目录没有共同的用途", "policy and catalogue have no purpose in common"
        yield Step(ok=False, zh=zh, en=en, code="POLICY_NOT_ANSWERED")
    yield from _readable(listed, rule, {predicate.id})


def _contributed(party: Party, predicate: Predicate) -> Iterator[Step]:
    """Say what this department adds to a sum, and what of it would leave."""
    group, listed = party.manifest.groups.get(predicate.id), nodes.open_catalogue(party)
    mine = parts.weights(group, party.id) if group else {}
    if group is None or not mine:
        zh = "成员清单里没有由本部门参加的部门组"
        en = "the manifest has no group for it that names this department"
        yield Step(ok=False, zh=zh, en=en, code="POLICY_NOT_ANSWERED")
        return
    weighed = [f"{name} × {weight}" for name, weight in mine.items()]
    of = len(group.departments)
    yield Step(
        ok=True,
        zh=f"成员清单的部门组({of} 个部门)由本部门提供:{'、'.join(weighed)}",
        en=f"in the manifest's group of {of} departments this one adds {', '.join(weighed)}",
    )
    missing = [name for name in mine if name not in listed.components]
    if missing:
        zh = f"{listed.file} 没有分项 {'、'.join(missing)}"
        en = f"{listed.file} has no component {', '.join(missing)}"
        yield Step(ok=False, zh=zh, en=en, code="POLICY_NOT_ANSWERED")
        return
    steps = [*_keyed(party, group)]
    steps += _readable(listed, party.policy.rules.get(predicate.id), set(mine))
    yield from steps
    if "SOURCE_UNAVAILABLE" not in {step.code for step in steps}:
        yield _leaving(listed, group, party)


def _keyed(party: Party, group: Group) -> Iterator[Step]:
    try:
        Masking(party, 0).keys(group)
    except BadInput as error:
        yield _broken(error)


def _leaving(listed: NodeCatalogue, group: Group, party: Party) -> Step:
    read = reads(listed, parts.statements(listed, group, party.id).values())
    return Step(
        ok=True,
        zh=f"离开本机:一个加密、加掩码的数,全户一个,各规定线相同;读取 {'、'.join(read)}",
        en="what leaves: one encrypted, masked number, one a household, the same for every line;"
        f" reads {', '.join(read)}",
    )


def reads(listed: NodeCatalogue, statements: Iterable[str]) -> list[str]:
    """List the columns that some statements of a catalogue read."""
    with SqliteRecords(listed.source) as records:
        read = [pair for sql in statements for pair in records.columns_read(sql)]
    return list(dict.fromkeys(f"{table}.{column}" for table, column in read if column))


def shared(party: Party, one: Decided) -> list[str]:
    """List the columns behind the share that left with an answered request; none without one."""
    if Outcome.CONTRIBUTED not in {said.outcome for said in one.answers}:
        return []
    groups, listed = party.manifest.groups, nodes.open_catalogue(party)
    known = parts.answerings(listed, party.id, groups).keys()
    asked = {question.predicate for question in one.questions if question} & known
    read = [parts.statements(listed, groups[name], party.id) for name in asked]
    return reads(listed, [sql for one in read for sql in one.values()])


def _readable(listed: NodeCatalogue, rule: Rule | None, wheres: set[str]) -> Iterator[Step]:
    """Say whether the statements behind an answer can be used, and whether the data are new."""
    with SqliteRecords(listed.source) as records:
        for fault in checking.faults(listed, records):
            if fault.where in {*wheres, "roll", "as_of"}:
                yield _broken(fault.error)
                return
        as_of = as_of_date(records.scalar(listed.as_of, {}))
    most = rule.max_age_days if rule else 0
    age = (business_date(SystemClock().now()) - as_of).days if as_of else None
    yield Step(
        ok=age is not None and age <= most,
        zh=f"数据截至 {as_of or '不明'},最多 {most} 天;过期则答“数据过期”",
        en=f"data as of {as_of or 'unknown'}, at most {most} days old; else the answer is STALE",
        code=Outcome.STALE.name,
    )


def _broken(error: HeduiError) -> Step:
    where = error.details.get("where", "")
    return Step(
        ok=False,
        zh=f"{where} {error.title('zh')}",
        en=f"{where} {error.title('en')}",
        code="SOURCE_UNAVAILABLE",
    )


def _purposes(purposes: frozenset[Purpose], lang: str) -> str:
    return ("、" if lang == "zh" else ", ").join(
        f"{words.purpose(one, lang)} {one.name}" for one in sorted(purposes)
    )


def _hex(query: str) -> bytes | None:
    try:
        return bytes.fromhex(query)
    except ValueError:
        return None
