"""The tally's part of the command line: serve, and look after it on its own machine.

Knows what an operator may see: counts and codes. Does not know what any command does.
"""

from dataclasses import asdict
from typing import Final

import typer

from federation import party as installation
from federation.clock import SystemClock, epoch_of
from federation.commands import Commands
from federation.log import log_cli
from federation.manifest import PartyRole
from federation.serving import log_warnings, until_stopped
from federation.terminal import EXIT_REFUSED, FolderOption, Terminal
from tally import examining, server
from tally.looking import data_folder, look, opened_log
from tally.server import RULES

app = Commands(help="合计比对方 The tally: compares sums that nobody sees", no_args_is_help=True)
app.add_typer(log_cli.commands(opened_log, RULES), name="log")

_MARKS: Final = {True: "✓", None: "·", False: "✗"}


@app.command()
def serve(at: Terminal, folder: FolderOption) -> None:
    """运行合计比对方直至停止 Answer until stopped (SIGTERM, Ctrl-C)."""
    log_warnings()
    clock = SystemClock()
    party = installation.load(folder, PartyRole.TALLY, clock.now())
    until_stopped(at, party, server.build(party, clock))


@app.command()
def status(at: Terminal, folder: FolderOption) -> None:
    """运行概况:本年度比对、中止和拒绝的次数 Count this year's runs, aborts and refusals."""
    year = epoch_of(SystemClock().now())
    with look(data_folder(folder)) as own:
        found, spent, refused = own.quantities(year), own.spent(year), own.refused()
        entries = own.book.size()
    at.emit(
        {
            "year": year,
            "runs": [asdict(one) for one in found],
            "spent": spent,
            "log_entries": entries,
            "transport_refusals": refused,
        }
    )
    for one in found:
        at.say(
            f"{one.quantity}  已给出 {one.told:,},待第二步 {one.waiting:,},中止 {one.aborted:,},"
            f"未答 {one.unanswered:,}",
            f"{one.quantity}  told {one.told:,}, waiting {one.waiting:,}, aborted {one.aborted:,},"
            f" unanswered {one.unanswered:,}",
        )
    at.say(
        f"{year} 年:次数已用完 {spent:,} 人,日志 {entries:,} 条",
        f"{year}: {spent:,} people have no runs left, {entries:,} log entries",
    )
    if refused:
        listed = ", ".join(f"{code} {n:,}" for code, n in refused.items())
        at.say(f"拒收:{listed}", f"refused unread: {listed}")


@app.command()
def check(at: Terminal, folder: FolderOption) -> None:
    """自查:密钥、部门组、文件、日志、磁盘 Look through everything that comparing needs."""
    sound = True
    for one in examining.examine(folder):
        sound &= one.ok is not False
        at.emit(one.to_json())
        line = f"{_MARKS[one.ok]} {one.said.text(at.lang)}"
        at.say(line, line)
        if one.ok is not True and one.help:
            advice = f"    {one.help.text(at.lang)}"
            at.say(advice, advice)
    if not sound:
        raise typer.Exit(EXIT_REFUSED)
