"""``hedui node erase`` and ``alerts``: follow an order of the registrar, see what was noticed.

Knows arguments and what is printed. Orders are followed by ``orders``, here or by the serving node.
"""

from pathlib import Path
from typing import Annotated

import typer

from department_node import alerts as own_alerts
from department_node import node as nodes
from department_node import orders
from department_node.beside import beside
from federation import alert_screen, limits
from federation import party as parties
from federation.clock import SystemClock, business_time
from federation.commands import Commands
from federation.errors import BadInput
from federation.manifest import PartyRole
from federation.terminal import FolderOption, Terminal

app = Commands()

Order = Annotated[
    Path, typer.Argument(metavar="ORDER", help="the registrar's signed order 登记方签发的删除令")
]
Records = Annotated[bool, typer.Option("--records", help="also which record 同时列出涉及的记录")]


@app.command()
def erase(at: Terminal, order: Order, folder: FolderOption) -> None:
    """执行登记方的删除令 Erase what is kept of a person's consents, on a signed order."""
    document = _read(order)
    clock = SystemClock()
    party = parties.load(folder, PartyRole.NODE, clock.now())
    done = orders.follow(party, document, clock)
    number = done.order.id.hex()
    at.emit(
        {
            "order": number,
            "reason": done.order.reason.value,
            "at": done.at,
            "tokens": done.tokens,
            "log_entries_erased": done.emptied,
            "exchanges_shared": done.shared,
        }
    )
    when = f"{business_time(done.at):%Y-%m-%d %H:%M}"
    at.say(
        f"删除令 {number} 已于 {when} 执行:删除授权 {done.tokens:,} 个、"
        f"日志内容 {done.emptied:,} 条;另有 {done.shared:,} 次与他人一起的提问,只删除此人的部分",
        f"order {number} followed {when}: {done.tokens:,} tokens and {done.emptied:,} log entries"
        f" erased; of {done.shared:,} requests that are about others too, this person's part",
    )


@app.command()
def alerts(at: Terminal, folder: FolderOption, records: Records = False) -> None:
    """列出滥用告警 List what was suspected of misuse, and what became of it."""
    with beside(nodes.data_folder(folder)) as state:
        changes = own_alerts.history(state.connection)
        alert_screen.listed(at, changes, records=records)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as handle:
            return handle.read(limits.ERASURE_BYTES + 1)
    except OSError as e:
        raise BadInput("FILE_MISSING", file=file.name, folder=file.parent.name) from e
