"""``hedui case close`` and ``alerts``: a case is decided; what was suspected of misuse.

Knows arguments and what is printed.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from coordinator.closing import Closed
from coordinator.opening import open_closing, open_sentinel
from coordinator.people.roles import Action
from coordinator.words import reason
from federation import alert_screen, keyfile
from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import EXIT_REFUSED, FolderOption, Terminal

app = Commands()


@app.command()
def close(
    at: Terminal,
    case: Annotated[str, typer.Argument(help="case number 案号")],
    out: Annotated[
        Path | None, typer.Option("--out", help="write the signed counts here 签名文件写入此目录")
    ] = None,
    folder: FolderOption = Path(),
) -> None:
    """Note that a case is decided, fetch signed counts of uses. 结案,取各部门签名的使用次数。"""
    with open_closing(folder) as (gate, closing):
        gate.acting(Action.CASE_CLOSE, [case])
        closed, documents = closing.close(case), closing.counts(case)
    if out:
        _write(out, documents)
    _say(at, case, closed)
    if closed.silent:
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def alerts(at: Terminal, folder: FolderOption = Path()) -> None:
    """List what was suspected of misuse, and what became of it. 列出滥用告警。"""
    with open_sentinel(folder) as (gate, sentinel):
        gate.acting(Action.ALERTS_READ)
        sentinel.look()
        alert_screen.listed(at, sentinel.history())


def _write(out: Path, documents: Sequence[bytes]) -> None:
    """Write counts for whoever audits the case, each under its SHA-256.

    Raises:
        BadInput: FILE_UNWRITABLE.
    """
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for one in documents:
            keyfile.write_private(out / f"{sha256(one).hexdigest()}.json", one)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=out.name, folder=out.parent.name) from e


def _say(at: Terminal, case: str, closed: Closed) -> None:
    for count in closed.counts:
        uses = sum(one.used for one in count.uses)
        at.emit(
            {
                "case": case,
                "department": count.department,
                "token": count.token.hex(),
                "known": count.known,
                "uses": {f"{u.predicate} {u.parameter}".rstrip(): u.used for u in count.uses},
            }
        )
        at.say(
            f"{count.department}:授权 {count.token.hex()[:8]} 共使用 {uses:,} 次"
            if count.known
            else f"{count.department}:没有见过授权 {count.token.hex()[:8]},或已依令删除",
            f"{count.department}: token {count.token.hex()[:8]} was used {uses:,} times"
            if count.known
            else f"{count.department}: knows no token {count.token.hex()[:8]}, or erased it",
        )
    for one in closed.silent:
        at.emit({"case": case, "department": one.department, "error": one.code})
        line = f"{one.department}: {reason(one.code, at.lang)} {one.code}"
        at.say(line, line)
