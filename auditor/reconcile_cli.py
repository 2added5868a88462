"""``hedui audit reconcile`` and what builds on it: trace, unconsented, anomalies, sample, report.

Knows arguments and files. Needs exported logs and public keys only, and no network. The exit code
is the verdict: 0 where all of it is proven.
"""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final

import typer

from auditor import anomalies, exported, known, reconcile_screen, report_page, tally, witnessed
from auditor import reconcile as reconciling
from auditor import trace as tracing
from auditor.exchanges import Exchange, Item
from auditor.exported import Exported
from auditor.file_cli import Documents, RootFile
from auditor.findings import Severity
from auditor.progress import telling
from auditor.reconcile import Reconciled
from auditor.sums import Known
from federation import keyfile
from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import EXIT_REFUSED, Terminal

app = Commands()

LogsArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="导出的全部日志 all exported logs")
]
LogsOption = Annotated[
    Path, typer.Option("--logs", "-L", help="导出的全部日志所在目录 folder with all exported logs")
]
Settled = Annotated[
    bool,
    typer.Option(
        "--settled",
        help="日志都在各方静止之后导出,再无未到的记录"
        " exported when all had come to rest: nothing is still to come",
    ),
]
UNCONSENTED: Final = frozenset(
    {"TOKEN_UNKNOWN", "TOKEN_DIFFERS", "TOKEN_UNSEEN", "TOKEN_SIGNATURE", "TOKEN_PARTIES"}
    | {"TOKEN_TERMS", "CONSENT_UNSIGNED", "CONSENT_UNRECORDED", "CONSENT_UNREVOKED"}
    | {"RECEIPT_CONSENT", "ANSWER_AFTER_END", "REQUEST_UNLOGGED", "CASE_UNLOGGED", "CASE_OTHER"}
    | {"CASE_ENDED", "CASE_UNCOMMISSIONED", "USES_EXCEEDED", "MANDATE_UNLISTED"}
)
"""Findings that say that something was asked without a consent, or beyond one."""

OwnFolder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        "-C",
        help="审计员的安装目录:打开种子,重演合计 the auditor's own folder: open seeds, replay sums",
    ),
]


@app.command()
def reconcile(
    at: Terminal,
    folder: LogsArgument,
    own: OwnFolder = None,
    settled: Settled = False,
    pin: RootFile = None,
    documents: Documents = None,
) -> None:
    """对账:全部日志一一对应 Hold all parties' logs to one another."""
    brought = known.gather(folder, own)
    read = exported.read(folder, pin, documents or ())
    found = _reconciled(at, read, settled=settled, brought=brought)
    reconcile_screen.reconciled(at, found, tally.count(found))
    if not found.proven:
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def trace(
    at: Terminal,
    what: Annotated[
        str,
        typer.Argument(
            metavar="CASE|CONSENT|QUERY|RUN", help="案件、同意书、提问或合计编号 which one"
        ),
    ],
    logs: LogsOption = Path(),
    own: OwnFolder = None,
    settled: Settled = False,
    pin: RootFile = None,
    documents: Documents = None,
) -> None:
    """追查一案、一份同意书或一次提问的全链 Show the whole chain of one of them."""
    read = exported.read(logs, pin, documents or ())
    found = _reconciled(at, read, settled=settled, brought=known.gather(logs, own))
    branch = tracing.trace(found, what)
    if branch is None:
        raise BadInput("NOTHING_TRACED", what=what)
    reconcile_screen.tree(at, branch, found.papers.newest)
    if _breaks(branch):
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def unconsented(
    at: Terminal,
    logs: LogsOption = Path(),
    settled: Settled = False,
    pin: RootFile = None,
    documents: Documents = None,
) -> None:
    """列出没有授权或超出授权的提问 List what was asked without a consent, or beyond one."""
    found = _reconciled(at, exported.read(logs, pin, documents or ()), settled=settled)
    some = [one for one in found.findings if one.code in UNCONSENTED]
    reconcile_screen.findings(at, some, found.papers.newest)
    proven = not any(one.severity is Severity.BROKEN for one in some)
    reconcile_screen.verdict(at, proven=proven)
    if not proven:
        raise typer.Exit(EXIT_REFUSED)


@app.command(name="anomalies")
def unusual(
    at: Terminal,
    logs: LogsOption = Path(),
    settled: Settled = False,
    pin: RootFile = None,
    documents: Documents = None,
) -> None:
    """列出异常:数量、时段、试探、未结案 List what is unusual, though nothing is broken."""
    found = _reconciled(at, exported.read(logs, pin, documents or ()), settled=settled)
    some = anomalies.look(found)
    decides = anomalies.decides(found)
    reconcile_screen.unusual(at, some, found.papers.newest, decides=decides)
    if some:
        raise typer.Exit(EXIT_REFUSED)


@app.command()
def sample(
    at: Terminal,
    number: Annotated[int, typer.Argument(min=1, max=10_000, help="抽取几项 how many")],
    seed: Annotated[str, typer.Option("--seed", help="随机种子,应事先公布 announced before")],
    logs: LogsOption = Path(),
    settled: Settled = False,
    pin: RootFile = None,
    documents: Documents = None,
) -> None:
    """按公开种子抽查作答的问题 Draw answered questions by a seed that anybody can check."""
    found = _reconciled(at, exported.read(logs, pin, documents or ()), settled=settled)
    reconcile_screen.sampled(at, drawn(found, number, seed), found)


@app.command()
def report(
    at: Terminal,
    html: Annotated[Path, typer.Option("--html", help="写入此文件 file to write")],
    logs: LogsOption = Path(),
    own: OwnFolder = None,
    settled: Settled = False,
    pin: RootFile = None,
    documents: Documents = None,
) -> None:
    """写一页审计报告 Write an audit report: one page, to be read or printed."""
    read = exported.read(logs, pin, documents or ())
    found = _reconciled(at, read, settled=settled, brought=known.gather(logs, own))
    page = report_page.write(found, read, tally.count(found), at.lang)
    try:
        keyfile.write_private(html, page.encode())
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=html.name, folder=html.parent.name) from e
    at.emit({"file": str(html), "proven": found.proven})
    at.say(f"已写入 {html}", f"wrote {html}")
    if not found.proven:
        raise typer.Exit(EXIT_REFUSED)


def drawn(found: Reconciled, number: int, seed: str) -> Sequence[tuple[Exchange, Item]]:
    """Draw answered questions: those with the smallest SHA-256 of seed, query id and place."""
    told = [(one, n, item) for one in found.exchanges for n, item in enumerate(one.items)]
    answered = [entry for entry in told if entry[2].told]

    def mark(entry: tuple[Exchange, int, Item]) -> bytes:
        one, place, _ = entry
        return sha256(seed.encode() + one.asked.qid + place.to_bytes(2, "big")).digest()

    return [(one, item) for one, _, item in sorted(answered, key=mark)[:number]]


def _reconciled(
    at: Terminal, read: Exported, *, settled: bool, brought: Known | None = None
) -> Reconciled:
    told = {party: telling(at, party) for party in read.logs}
    sources = exported.sources(read, told)
    found = reconciling.reconcile(sources, read.papers, brought, settled=settled)
    more = witnessed.check(read.witnessed, read.logs, read.papers, settled=settled)
    return replace(found, findings=[*found.findings, *more])


def _breaks(branch: tracing.Branch) -> bool:
    return bool(branch.code) or any(map(_breaks, branch.below))
