"""``log export``, ``log show`` and ``log check``, as each party's command line offers them.

Knows what an operator may see of the own log. Does not know where a party keeps it, nor what its
events mean; others' logs are an auditor's business.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from federation import party as installation
from federation.clock import SystemClock, business_time
from federation.commands import Commands
from federation.log import checking, events, reader
from federation.log.book import Book
from federation.log.checking import Rules
from federation.log.rows import BUNDLE, Row
from federation.terminal import FolderOption, Terminal
from federation.wire import codec

Opened = Callable[[Path], AbstractContextManager[Book]]
"""Opens the log of an installation."""

_AT_ONCE: Final = 64 * BUNDLE
_LONG: Final = 24
Last = Annotated[int, typer.Option("--last", min=1, max=10_000, help="行数 how many entries")]
Target = Annotated[Path, typer.Argument(help="导出到此目录 folder to export to")]


def commands(opened: Opened, rules: Rules) -> typer.Typer:
    """Give the commands for a party's log: where it lies, and by which rules its records go."""
    app = Commands(help="本方日志 This party's log", no_args_is_help=True)

    @app.command()
    def export(at: Terminal, target: Target, folder: FolderOption) -> None:
        """导出日志供审计,可续传 Export the log for an auditor; again, to add what is new."""
        with opened(folder) as book:
            kept = reader.export(book, target, _quorum(folder))
            at.emit({"size": kept.size, "root": kept.root.hex()})
            at.say(f"已导出 {kept.size:,} 条到 {target}", f"{kept.size:,} entries are in {target}")

    @app.command()
    def show(at: Terminal, folder: FolderOption, last: Last = 20) -> None:
        """列出最近的日志 List the newest entries."""
        with opened(folder) as book:
            size = book.size()
            first = max(0, size - last)
            for index, row in enumerate(book.rows(first, size), first):
                _say(at, index, _facts(row))

    @app.command()
    def check(at: Terminal, folder: FolderOption) -> None:
        """核对全部日志是否被改动 Look through the whole log for rows that were altered."""
        with opened(folder) as book:
            kept = checking.check_edge(book)
            following = checking.check_rows(book, 0, _AT_ONCE, rules)
            while following:
                following = checking.check_rows(book, following, _AT_ONCE, rules)
            size, covered = book.size(), kept.size if kept else 0
        at.emit({"size": size, "checked": covered, "sound": True})
        at.say(
            f"日志完好:{size:,} 条,其中 {covered:,} 条已入检查点并核对",
            f"The log is sound: {size:,} entries, {covered:,} of them in a checkpoint and checked",
        )

    return app


def _quorum(folder: Path) -> int:
    """Tell how many cosignatures the exported checkpoint should have."""
    data = folder / str(installation.read_settings(folder).get("data", "data"))
    return installation.read_documents(folder, data, SystemClock().now()).manifest.quorum


def _facts(row: Row) -> dict[str, Any]:
    if row.record is None:
        return {"kind": "erased"}
    if events.is_event(row.record):
        return events.read(row.record)
    entry = codec.decode_entry(row.record)
    return {"at": entry.at, "kind": entry.kind, "caller": entry.caller}


def _say(at: Terminal, index: int, facts: dict[str, Any]) -> None:
    at.emit({"index": index, **facts})
    when = f"{business_time(facts['at']):%Y-%m-%d %H:%M:%S}" if "at" in facts else ""
    said = "  ".join(
        f"{name}={_short(value)}" for name, value in facts.items() if name not in {"at", "kind"}
    )
    line = f"{index:>9,}  {when:19}  {facts['kind']:20}  {said}".rstrip()
    at.say(line, line)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"
