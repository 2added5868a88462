"""The tally's self-examination: what works, what does not, and what to do about it.

Knows what comparing needs beyond the folder that every party has (``checkup``). Changes nothing and
may run beside a serving tally.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from federation import checkup, limits, status_keeper
from federation import party as parties
from federation.checkup import Finding, Findings
from federation.clock import SystemClock
from federation.errors import HeduiError, Said
from federation.log import checking
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire import health
from tally import config, server
from tally.looking import look
from tally.server import RULES

DISK_FREE: Final = 1 << 30
_ROWS: Final = 16_384


def examine(folder: Path) -> Findings:
    """Run every check; one that fails does not stop the rest."""
    now = SystemClock().now()
    yield from checkup.examine(folder, now)
    try:
        party = parties.load(folder, PartyRole.TALLY, now)
    except HeduiError as error:
        yield _failed("installation", error)
        return
    for name, check in _CHECKS.items():
        try:
            yield from check(party, now)
        except HeduiError as error:
            yield _failed(name, error)


def _keys(party: Party, _now: int) -> Findings:
    own = server.referee(party, config.parse(party.settings))
    for group in party.manifest.groups.values():
        own.check_group(group)
    yield Finding(
        name="keys",
        ok=True,
        said=Said(
            "密钥:三把都能打开,与各部门组所列一致",
            "keys: all three can be opened and are those that the groups name",
        ),
    )


def _groups(party: Party, _now: int) -> Findings:
    names = ", ".join(sorted(party.manifest.groups))
    yield Finding(
        name="groups",
        ok=bool(names),
        said=Said(f"部门组:{names or '没有'}", f"groups: {names or 'none'}"),
        help=Said(
            "成员清单里没有部门组,没有可比较的合计", "the manifest has no groups: nothing is asked"
        ),
    )


def _status_list(party: Party, now: int) -> Findings:
    listed = status_keeper.read_file(party)
    age = now - listed.issued if listed else None
    told = (
        Said("撤销名单:还没有取过", "status list: none fetched yet")
        if age is None
        else Said(f"撤销名单:签于 {age:,} 秒前", f"status list: signed {age:,} s ago")
    )
    yield Finding(
        name="status_list",
        ok=True if age is not None and age <= limits.STATUS_AGE else None,
        said=told,
        help=Said(
            "超过 15 分钟一律拒绝;启动时重新取",
            "after 15 minutes everything is refused; a start fetches it",
        ),
    )


def _log(party: Party, _now: int) -> Findings:
    with look(party.data) as own:
        checking.check_edge(own.book)
        following = checking.check_rows(own.book, 0, _ROWS, RULES)
        while following:
            following = checking.check_rows(own.book, following, _ROWS, RULES)
        size = own.book.size()
    yield Finding(
        name="log",
        ok=True,
        said=Said(f"日志:{size:,} 条,完好", f"log: {size:,} entries, sound"),
    )


def _disk(party: Party, _now: int) -> Findings:
    free = shutil.disk_usage(party.data).free
    yield Finding(
        name="disk",
        ok=free >= DISK_FREE,
        said=Said(f"磁盘:剩余 {free >> 30} GB", f"disk: {free >> 30} GB free"),
        help=Said("请清理;写不下日志就不应答", "make room; what cannot be logged is not answered"),
    )


def _serving(party: Party, _now: int) -> Findings:
    where = party.entry.endpoint
    try:
        health.check(party)
    except HeduiError:
        yield Finding(
            name="serving",
            ok=None,
            said=Said(f"运行:{where} 上没有应答", f"serving: nothing answers at {where}"),
            help=Said("启动:hedui tally serve", "start it: hedui tally serve"),
        )
        return
    yield Finding(name="serving", ok=True, said=Said(f"运行:{where}", f"serving: {where}"))


_CHECKS: Final[dict[str, Callable[[Party, int], Findings]]] = {
    "keys": _keys,
    "groups": _groups,
    "status_list": _status_list,
    "log": _log,
    "disk": _disk,
    "serving": _serving,
}


def _failed(name: str, error: HeduiError) -> Finding:
    return Finding(
        name=name,
        ok=False,
        said=Said(
            f"{name}:{error.title('zh')}  {error.code}",
            f"{name}: {error.title('en')}  {error.code}",
        ),
        help=Said(error.help("zh"), error.help("en")),
    )
