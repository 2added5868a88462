"""``hedui audit verdict``: an auditor's signed word on an aborted sum, for a second attempt.

Knows arguments and files. Signs only what it has replayed itself from exported logs and seeds.
"""

from pathlib import Path
from typing import Annotated

import typer

from auditor import exported, known
from auditor import reconcile as reconciling
from auditor.sums import Sum
from federation import keyfile, verdict
from federation import party as parties
from federation.clock import SystemClock
from federation.commands import Commands
from federation.errors import BadInput
from federation.manifest import PartyRole
from federation.terminal import Terminal
from federation.verdict import Verdict

app = Commands()


@app.command(name="verdict")
def sign(
    at: Terminal,
    run: Annotated[str, typer.Argument(metavar="RUN", help="合计编号,十六进制 the run, hex")],
    rung: Annotated[str, typer.Argument(help="规定线编号 id of the line")],
    out: Annotated[Path, typer.Argument(help="写入的文件 file to write")],
    logs: Annotated[
        Path, typer.Option("--logs", "-L", help="导出的全部日志 folder with all exported logs")
    ],
    own: Annotated[
        Path, typer.Option("--folder", "-C", help="审计员的安装目录 the auditor's own folder")
    ] = Path(),
) -> None:
    """重演已中止的合计,并签署结论 Replay an aborted sum, and sign that it replays."""
    party = parties.load(own, PartyRole.AUDITOR, SystemClock().now())
    read = exported.read(logs, own / "root.json")
    found = reconciling.reconcile(
        exported.sources(read), read.papers, known.gather(logs, own), settled=True
    )
    one = _aborted(list(found.sums), run, rung)
    signed = verdict.sign(Verdict(run=one.run, rung=rung, replays=True), party.key)
    keyfile.write_private(out, signed)
    at.emit({"run": run, "rung": rung, "replays": True})
    at.say(
        f"✓ 核对中心发出的与种子相符;结论已签名:{out.name}",
        f"✓ what the centre sent is what its seed makes; the verdict is signed: {out.name}",
    )


def _aborted(sums: list[Sum], run: str, rung: str) -> Sum:
    """Find an aborted run at a rung.

    Raises:
        BadInput: VERDICT_NONE when there is none, or it does not replay.
    """
    for one in sums:
        if (one.run.hex(), one.parameter, one.aborted) == (run, rung, True) and one.replayed:
            return one
    raise BadInput("VERDICT_NONE", run=run[:64], rung=rung[:64])
