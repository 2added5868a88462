"""The tally's part of the command line: serve, and look after it on its own machine.

Knows what an operator may see: counts and codes. Does not know what any command does.
"""

import logging
import signal
from dataclasses import asdict
from threading import Event
from typing import Final

import typer

from federation import party as installation
from federation.clock import SystemClock, epoch_of
from federation.log import log_cli
from federation.manifest import PartyRole
from federation.terminal import (
    EXIT_REFUSED,
    FolderOption,
    JsonOption,
    LangOption,
    reporting,
    terminal,
)
from tally import examining, server
from tally.looking import data_folder, look, opened_log
from tally.server import RULES

app = typer.Typer(help="合计比对方 The tally: compares sums that nobody sees", no_args_is_help=True)
app.add_typer(log_cli.commands(opened_log, RULES), name="log")

_MARKS: Final = {True: "✓", None: "·", False: "✗"}


@app.command()
def serve(folder: FolderOption, lang: LangOption = None, json: JsonOption = False) -> None:
    """运行合计比对方直至停止 Answer until stopped (SIGTERM, Ctrl-C)."""
    at = terminal(lang, json)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with reporting(at):
        clock = SystemClock()
        party = installation.load(folder, PartyRole.TALLY, clock.now())
        running = server.build(party, clock)
        running.start()
        at.emit({"party": party.id, "port": running.port})
        address = party.listen
        at.say(f"{party.id} 正在 {address} 应答", f"{party.id} answers on {address}")
        stop.wait()
        running.stop()


@app.command()
def status(folder: FolderOption, json: JsonOption = False, lang: LangOption = None) -> None:
    """运行概况:本年度比对、中止和拒绝的次数 Count this year's runs, aborts and refusals."""
    at = terminal(lang, json)
    with reporting(at):
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
def check(folder: FolderOption, json: JsonOption = False, lang: LangOption = None) -> None:
    """自查:密钥、部门组、文件、日志、磁盘 Look through everything that comparing needs."""
    at = terminal(lang, json)
    sound = True
    with reporting(at):
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
