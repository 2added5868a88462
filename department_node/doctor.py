"""The node's self-examination: what works, what does not, and what to do about it.

Knows every precondition of answering. Changes nothing and may run beside a serving node.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from department_node import checking, parts, sum_checks
from department_node import node as nodes
from department_node.beside import Beside, beside
from department_node.catalogue import NodeCatalogue
from department_node.finding import Finding
from department_node.looking import as_of_date
from department_node.records import SqliteRecords
from department_node.roll import count
from department_node.store import ENROLLED
from federation import certificates, limits
from federation import party as parties
from federation.catalogue import JOINT
from federation.catalogue import load as load_predicates
from federation.clock import SystemClock, business_date, business_time, epoch_of
from federation.errors import BadInput, HeduiError
from federation.manifest import PartyRole
from federation.party import Party
from federation.status_keeper import believed, read_file
from federation.wire import description
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient

DISK_FREE: Final = 1 << 30
RENEW_DAYS: Final = 14
CLOCK_SECONDS: Final = 2
LIST_SECONDS: Final = 60
PATIENCE: Final = 3.0
"""For the node's own answer to whether it serves, seconds."""
_DAY: Final = 86_400


class Examination:
    """Everything there is to look at: the party, its catalogue, records and database."""

    def __init__(self, party: Party, stack: ExitStack) -> None:
        self.party = party
        self.now = SystemClock().now()
        self.today = business_date(self.now)
        self._stack = stack
        self._catalogue: NodeCatalogue | None = None
        self._records: SqliteRecords | None = None

    @property
    def catalogue(self) -> NodeCatalogue:
        """The catalogue, read when first needed."""
        if self._catalogue is None:
            self._catalogue = nodes.open_catalogue(self.party)
        return self._catalogue

    @property
    def records(self) -> SqliteRecords:
        """The records, opened when first needed."""
        if self._records is None:
            records = SqliteRecords(self.catalogue.source)
            self._records = self._stack.enter_context(records)
        return self._records

    def state(self) -> Beside:
        """Open the node's own database."""
        return self._stack.enter_context(beside(self.party.data))


def examine(folder: Path) -> Iterator[Finding]:
    """Run every check; one that fails does not stop the rest."""
    try:
        party = parties.load(folder, PartyRole.NODE, SystemClock().now())
    except HeduiError as error:
        yield _failed("installation", error)
        return
    with ExitStack() as stack:
        examination = Examination(party, stack)
        for name, check in _CHECKS.items():
            try:
                yield from check(examination)
            except HeduiError as error:
                yield _failed(name, error)


def _keys(_: Examination) -> Iterator[Finding]:
    yield Finding(
        name="keys",
        ok=True,
        zh="密钥:只有本人可读,口令能打开",
        en="keys: readable by their owner only, opened by the passphrase",
    )


def _documents(e: Examination) -> Iterator[Finding]:
    listed, policy = e.party.manifest, e.party.policy
    days = (listed.expires - e.now) // _DAY
    rest = (policy.expires - e.today).days
    yield Finding(
        name="documents",
        ok=days >= RENEW_DAYS and rest >= RENEW_DAYS and policy.issued <= e.today,
        zh=f"签名文件:成员清单第 {listed.version} 版还有 {days} 天,"
        f"政策 {policy.family} 第 {policy.version} 版到 {policy.expires}",
        en=f"documents: manifest version {listed.version} valid {days} more days,"
        f" policy {policy.family} version {policy.version} until {policy.expires}",
        help_zh="请向联合体索取新版文件",
        help_en="get the new version from the federation",
    )


def _certificate(e: Examination) -> Iterator[Finding]:
    days = (certificates.expires(e.party.tls.certificate) - e.now) // _DAY
    yield Finding(
        name="certificate",
        ok=days >= RENEW_DAYS,
        zh=f"证书:还有 {days} 天",
        en=f"certificate: valid {days} more days",
        help_zh="请联系联合体换发证书",
        help_en="have the federation renew it",
    )


def _registrar(e: Examination) -> Iterator[Finding]:
    peers = Peers(e.party.tls)
    try:
        signed = RegistrarClient(e.party, peers, SystemClock()).status_lists(e.party.id)
    finally:
        peers.close()
    registrar = e.party.manifest.registrar
    age = SystemClock().now() - believed(e.party, signed).issued
    yield Finding(
        name="registrar",
        ok=True,
        zh=f"授权登记方:{registrar.id} 可达",
        en=f"registrar: {registrar.id} can be reached",
    )
    yield Finding(
        name="clock",
        ok=-CLOCK_SECONDS <= age <= LIST_SECONDS + CLOCK_SECONDS,
        zh=f"时钟:登记方的名单签于 {age} 秒前(应在 0 至 {LIST_SECONDS} 秒之间)",
        en=f"clock: the registrar's list was signed {age} s ago (0 to {LIST_SECONDS} s is right)",
        help_zh="请校准本机时钟;若无误,请通知登记方",
        help_en="set this machine's clock; if it is right, tell the registrar",
    )


def _time(e: Examination) -> Iterator[Finding]:
    behind = e.state().meta("time") - e.now
    if behind > 0:
        yield Finding(
            name="time",
            ok=behind <= limits.SKEW,
            zh=f"时钟:比节点见过的最晚时间早 {behind:,} 秒",
            en=f"clock: {behind:,} s behind the latest time this node has seen",
            help_zh="请校准本机时钟;追上之前节点不应答",
            help_en="set this machine's clock; until it has caught up nothing is answered",
        )


def _records(e: Examination) -> Iterator[Finding]:
    tables = len({table for table, _ in e.records.all_columns()})
    yield Finding(
        name="records",
        ok=tables > 0,
        zh=f"记录库:{e.catalogue.source.name} 可读,只读打开,{tables} 张表",
        en=f"records: {e.catalogue.source.name} can be read, opened read-only, {tables} tables",
        help_zh="请先导入:hedui node import",
        help_en="import first: hedui node import",
    )


def _catalogue(e: Examination) -> Iterator[Finding]:
    broken = list(checking.faults(e.catalogue, e.records))
    rules = e.party.policy.rules
    mine = load_predicates().for_kind(e.party.entry.kind)
    may = sum(one.id in rules and one.form not in JOINT for one in mine)
    good = len(e.catalogue.answers) - len({f.where for f in broken} & e.catalogue.answers.keys())
    yield Finding(
        name="catalogue",
        ok=bool(e.catalogue.answers or e.catalogue.components) and not broken,
        zh=f"目录:{len(e.catalogue.answers)} 项中 {good} 项能回答(政策允许本部门 {may} 项)",
        en=f"catalogue: answers {good} of {len(e.catalogue.answers)} predicates"
        f" (the policy allows {may} here)",
        help_zh=f"请更正 {e.catalogue.file};节点在更正之前不能启动",
        help_en=f"correct {e.catalogue.file}; the node does not start before",
        more=tuple(fault.error for fault in broken),
    )


def _sums(e: Examination) -> Iterator[Finding]:
    broken = {fault.where for fault in checking.faults(e.catalogue, e.records)}
    yield from sum_checks.groups(e.party, e.catalogue, broken)
    try:
        yield from sum_checks.lost(e.state().contributions)
    except BadInput:
        return  # a node that has never run has contributed nothing


def _freshness(e: Examination) -> Iterator[Finding]:
    as_of = as_of_date(e.records.scalar(e.catalogue.as_of, {}))
    sums = parts.answerings(e.catalogue, e.party.id, e.party.manifest.groups)
    known = e.party.policy.rules
    rules = [known[one] for one in {**e.catalogue.answers, **sums} if one in known]
    age = (e.today - as_of).days if as_of else None
    stale = [rule.predicate for rule in rules if age is None or age > rule.max_age_days]
    most = min((rule.max_age_days for rule in rules), default=0)
    yield Finding(
        name="freshness",
        ok=not stale,
        zh=f"数据:截至 {as_of or '不明'}"
        + (f",{'、'.join(stale)} 会答“数据过期”" if stale else f",最严的项目允许 {most} 天"),
        en=f"data: as of {as_of or 'unknown'}"
        + (f"; {', '.join(stale)} would be STALE" if stale else f"; {most} days at most allowed"),
        help_zh="请导入新的数据:hedui node import",
        help_en="import newer data: hedui node import",
    )


def _enrolment(e: Examination) -> Iterator[Finding]:
    roll = count(e.records, e.catalogue.roll)
    enrolled, broken, whole, day = 0, 0, False, 0
    try:
        state = e.state()
        epoch = epoch_of(e.now)
        enrolled, broken = state.enrolled(epoch), state.pending(epoch)
        whole, day = state.meta(f"{ENROLLED}{epoch}") > 0, state.meta("enrolled_to")
    except BadInput:
        pass  # a node that has never run has enrolled nobody
    stopped = ("(没有登记完)", " (not enrolled to the end)") if broken or not whole else ("", "")
    yield Finding(
        name="enrolment",
        ok=enrolled > 0 and whole and not broken,
        zh=f"登记:名册 {roll:,} 行,已登记 {enrolled:,} 人{stopped[0]}"
        + (f",至 {_date(day)}" if day else ""),
        en=f"enrolment: {enrolled:,} people of {roll:,} rows{stopped[1]}"
        + (f", up to {_date(day)}" if day else ""),
        help_zh="请运行 hedui node enrol;登记完之前,名册上找不到的人一律拒绝",
        help_en="run hedui node enrol; until it is done, who is not found is refused",
    )


def _status_list(e: Examination) -> Iterator[Finding]:
    listed = read_file(e.party)
    age = e.now - listed.issued if listed else None
    held = age is not None and age <= limits.STATUS_AGE
    yield Finding(
        name="status_list",
        ok=True if held else None,
        zh=f"撤销名单:节点持有的签于 {age:,} 秒前" if listed else "撤销名单:节点还没有取过",
        en=f"status list: the node's own was signed {age:,} s ago"
        if listed
        else "status list: the node has fetched none yet",
        help_zh="超过 15 分钟一律拒绝;节点启动时重新取",
        help_en="after 15 minutes everything is refused; a starting node fetches it anew",
    )


def _log(e: Examination) -> Iterator[Finding]:
    try:
        state = e.state()
    except BadInput:
        yield Finding(name="log", ok=None, zh="日志:还没有", en="log: none yet")
        return
    entries, changed = state.counts()["log"], state.changed_entry()
    at = business_time(e.now).strftime("%H:%M")
    yield Finding(
        name="log",
        ok=changed == 0,
        zh=f"日志:{entries:,} 条,自查"
        + (f"发现第 {changed} 条被改动" if changed else f"通过 {at}"),
        en=f"log: {entries:,} entries, self-check "
        + (f"found entry {changed} changed" if changed else f"passed {at}"),
        help_zh="请立即停用节点并报告",
        help_en="stop the node and report it",
    )


def _budgets(e: Examination) -> Iterator[Finding]:
    try:
        spent = e.state().nearly_spent(e.today.year)
    except BadInput:
        return  # a node that has never run has answered nobody
    if spent:
        yield Finding(
            name="budgets",
            ok=None,
            zh=f"限额:今年有 {spent:,} 条记录的新答案已用去五分之四",
            en=f"budgets: of {spent:,} records four fifths of this year's new answers are spent",
            help_zh="请用 hedui node explain 查看近来的请求,并向核对中心问明缘由",
            help_en="see the latest requests (hedui node explain) and ask the centre why",
        )


def _disk(e: Examination) -> Iterator[Finding]:
    free = shutil.disk_usage(e.party.data).free
    yield Finding(
        name="disk",
        ok=free >= DISK_FREE,
        zh=f"磁盘:剩余 {free >> 30} GB",
        en=f"disk: {free >> 30} GB free",
        help_zh="请清理;写不下日志就不应答",
        help_en="make room; what cannot be logged is not answered",
    )


def _serving(e: Examination) -> Iterator[Finding]:
    paused = (e.party.data / nodes.PAUSED).exists()
    if paused:
        yield Finding(
            name="paused",
            ok=None,
            zh="节点已暂停,一律拒绝",
            en="the node is paused and refuses everything",
            help_zh="恢复:hedui node pause --off",
            help_en="answer again: hedui node pause --off",
        )
    peers = Peers(e.party.tls)
    try:
        asked = description.encode_request()
        said = peers.call(e.party.entry, description.DESCRIBE, asked, timeout=PATIENCE)
        version = description.decode(said).version
    except HeduiError:
        yield Finding(
            name="serving",
            ok=None,
            zh=f"运行:{e.party.entry.endpoint} 上没有节点应答",
            en=f"serving: no node answers at {e.party.entry.endpoint}",
            help_zh="启动:hedui node serve",
            help_en="start it: hedui node serve",
        )
        return
    finally:
        peers.close()
    where = f"{e.party.entry.endpoint}, hedui {version}"
    yield Finding(name="serving", ok=True, zh=f"运行:{where}", en=f"serving: {where}")


_CHECKS: Final[dict[str, Callable[[Examination], Iterator[Finding]]]] = {
    "keys": _keys,
    "documents": _documents,
    "certificate": _certificate,
    "registrar": _registrar,
    "time": _time,
    "records": _records,
    "catalogue": _catalogue,
    "sums": _sums,
    "freshness": _freshness,
    "enrolment": _enrolment,
    "status_list": _status_list,
    "log": _log,
    "budgets": _budgets,
    "disk": _disk,
    "serving": _serving,
}


_LABELS: Final = {
    "installation": ("安装目录", "folder"),
    "registrar": ("授权登记方", "registrar"),
    "time": ("时钟", "clock"),
    "records": ("记录库", "records"),
    "catalogue": ("目录", "catalogue"),
    "sums": ("合计", "sums"),
    "freshness": ("数据", "data"),
    "enrolment": ("登记", "enrolment"),
    "status_list": ("撤销名单", "status list"),
    "log": ("日志", "log"),
    "budgets": ("限额", "budgets"),
}


def _date(number: int) -> str:
    return f"{number // 10_000}-{number // 100 % 100:02}-{number % 100:02}"


def _failed(name: str, error: HeduiError) -> Finding:
    zh, en = _LABELS.get(name, (name, name))
    return Finding(
        name=name,
        ok=False,
        zh=f"{zh}:{error.title('zh')}  {error.code}",
        en=f"{en}: {error.title('en')}  {error.code}",
        help_zh=error.help("zh"),
        help_en=error.help("en"),
    )
