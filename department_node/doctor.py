"""The node's self-examination: what works, what does not, and what to do about it.

Knows every precondition of answering. Changes nothing and may run beside a serving node.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from crypto import envelope
from department_node import checking
from department_node import node as nodes
from department_node.records import SqliteRecords
from department_node.store import FILE
from federation import certificates, status
from federation import party as parties
from federation.catalogue import load as load_predicates
from federation.clock import SystemClock, epoch_of
from federation.errors import HeduiError
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient

DISK_FREE: Final = 1 << 30
CERTIFICATE_DAYS: Final = 14
CLOCK_SECONDS: Final = 2
LIST_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the checklist."""

    name: str
    ok: bool
    zh: str
    en: str


def examine(folder: Path) -> list[Finding]:
    """Run every check; one that fails does not stop the rest."""
    now = SystemClock().now()
    try:
        party = parties.load(folder, PartyRole.NODE, now)
    except HeduiError as error:
        return [_failed("installation", error)]
    checks: list[tuple[str, Callable[[Party, int], Iterator[Finding]]]] = [
        ("documents", _documents),
        ("certificate", _certificate),
        ("registrar", _registrar),
        ("catalogue", _catalogue),
        ("enrolment", _enrolment),
        ("log", _log),
        ("disk", _disk),
    ]
    findings: list[Finding] = []
    for name, check in checks:
        try:
            findings += check(party, now)
        except HeduiError as error:
            findings.append(_failed(name, error))
    return findings


def _documents(party: Party, now: int) -> Iterator[Finding]:
    days = (party.manifest.expires - now) // 86_400
    yield Finding(
        name="documents",
        ok=True,
        zh=f"密钥只有本人可读;成员名单第 {party.manifest.version} 版还有 {days} 天;政策第 {party.policy.version} 版",
        en=f"keys readable by their owner only; manifest version {party.manifest.version}"
        f" valid {days} more days; policy version {party.policy.version}",
    )


def _certificate(party: Party, now: int) -> Iterator[Finding]:
    days = (certificates.expires(party.tls.certificate) - now) // 86_400
    ok = days >= CERTIFICATE_DAYS
    advice = ("", "") if ok else (":请换发证书", ": have it renewed")
    yield Finding(
        name="certificate",
        ok=ok,
        zh=f"证书还有 {days} 天{advice[0]}",
        en=f"certificate valid {days} more days{advice[1]}",
    )


def _registrar(party: Party, now: int) -> Iterator[Finding]:
    peers = Peers(party.tls)
    try:
        jwt = RegistrarClient(party, peers, SystemClock()).status_list(party.id)
    finally:
        peers.close()
    registrar = party.manifest.registrar
    uri = status.uri_of(registrar.id, party.id)
    age = SystemClock().now() - status.read(jwt, uri=uri, issuers=registrar.keys).issued
    ok = -CLOCK_SECONDS <= age <= LIST_SECONDS + CLOCK_SECONDS
    advice = ("", "") if ok else (":请校准本机时钟", ": set this machine's clock")
    yield Finding(
        name="registrar",
        ok=ok,
        zh=f"登记机构可达,状态列表签于 {age} 秒前{advice[0]}",
        en=f"registrar reachable, status list signed {age} s ago{advice[1]}",
    )


def _catalogue(party: Party, _: int) -> Iterator[Finding]:
    listed = nodes.open_catalogue(party)
    with SqliteRecords(listed.source) as records:
        broken = list(checking.faults(listed, records))
        good = len(listed.statements()) - len(broken)
        for fault in broken:
            yield _failed(f"catalogue {fault.where}", fault.error)
    may = sum(p.id in party.policy.rules for p in load_predicates().for_kind(party.entry.kind))
    yield Finding(
        name="catalogue",
        ok=bool(listed.answers),
        zh=f"数据库可读且只读;目录能回答 {len(listed.answers)} 项(政策允许 {may} 项),语句 {good} 条有效",
        en=f"database reachable and read-only; catalogue answers {len(listed.answers)} predicates"
        f" (policy allows {may}), {good} statements valid",
    )


def _enrolment(party: Party, now: int) -> Iterator[Finding]:
    listed = nodes.open_catalogue(party)
    with SqliteRecords(listed.source) as records:
        (roll,) = next(records.rows(f"SELECT count(*) FROM ({listed.roll})"))  # noqa: S608
    enrolled = 0
    path = party.data / FILE
    if path.exists():
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as state:
            sql = "SELECT count(*) FROM person WHERE epoch = ? AND present = 1"
            enrolled = state.execute(sql, (epoch_of(now),)).fetchone()[0]
    ok = enrolled > 0
    advice = ("", "") if ok else (":请运行 hedui node enrol", ": run hedui node enrol")
    yield Finding(
        name="enrolment",
        ok=ok,
        zh=f"名册已登记 {enrolled:,} / {roll:,} 人{advice[0]}",
        en=f"enrolled {enrolled:,} of {roll:,} people{advice[1]}",
    )


def _log(party: Party, _: int) -> Iterator[Finding]:
    path = party.data / FILE
    entries, broken = 0, 0
    if path.exists():
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as state:
            for seq, leaf, salt, record in state.execute("SELECT * FROM log ORDER BY seq"):
                entries += 1
                if envelope.item_leaf(salt, record) != leaf or seq != entries:
                    broken = broken or seq
    ok = broken == 0
    yield Finding(
        name="log",
        ok=ok,
        zh=f"日志 {entries:,} 条,自查"
        + ("通过" if ok else f"在第 {broken} 条发现改动:立即停用并报告"),
        en=f"log of {entries:,} entries, self-check "
        + ("passed" if ok else f"found entry {broken} changed: stop the node and report it"),
    )


def _disk(party: Party, _: int) -> Iterator[Finding]:
    free = shutil.disk_usage(party.data).free
    ok = free >= DISK_FREE
    yield Finding(
        name="disk",
        ok=ok,
        zh=f"磁盘剩余 {free >> 30} GB" + ("" if ok else ":请清理"),
        en=f"{free >> 30} GB of disk free" + ("" if ok else ": make room"),
    )


def _failed(name: str, error: HeduiError) -> Finding:
    details = " ".join(f"{key}={value}" for key, value in error.details.items())
    return Finding(
        name=name,
        ok=False,
        zh=f"{error.title('zh')} {error.code} {details}。{error.help('zh')}",
        en=f"{error.title('en')} {error.code} {details}. {error.help('en')}",
    )
