"""``hedui node``: set a department's node up and run it.

Knows commands and their words. What they do stands in the modules they call; commands that only
look stand in ``inspect_cli``.
"""

import logging
import signal
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Annotated, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from department_node import catalogue as catalogues
from department_node import checking, starter
from department_node import node as nodes
from department_node.enrolment import Tally
from department_node.inspect_cli import app as inspect_app
from department_node.intake.load import import_table
from department_node.intake.plan import PlannedImport, read
from department_node.intake.spec import ImportResult, ImportSpec
from department_node.node import Node, RunningNode
from department_node.records import SqliteRecords
from federation import catalogue as predicates
from federation import party as parties
from federation.clock import SystemClock, business_date
from federation.errors import BadInput
from federation.manifest import PartyRole
from federation.terminal import FolderOption, JsonOption, LangOption, Terminal, reporting, terminal

app = typer.Typer(no_args_is_help=True, help="部门节点 A department's node over its own records")
app.registered_commands += inspect_app.registered_commands

RECORDS = "records.sqlite"


@app.command()
def init(folder: FolderOption, lang: LangOption = None, json: JsonOption = False) -> None:
    """检查安装目录并写出起始目录文件 Check a folder and write a starter catalogue."""
    at = terminal(lang, json)
    with reporting(at):
        party = parties.load(folder, PartyRole.NODE, SystemClock().now())
        written = starter.write(folder, party, predicates.load())
        at.emit(
            {"party": party.id, "catalogue": str(written), "federation": party.manifest.federation}
        )
        at.say(
            f"节点 {party.id} 的证书、密钥和签名文件有效。目录文件:{written.name}\n"
            f"下一步:hedui node import,改好 {written.name},再 hedui node enrol",
            f"The certificate, keys and signed documents of {party.id} are valid."
            f" Catalogue: {written.name}\n"
            f"Next: hedui node import, edit {written.name}, then hedui node enrol",
        )


@app.command("import")
def import_(
    folder: FolderOption,
    files: Annotated[list[Path] | None, typer.Argument(help="CSV, XLSX or SQLite")] = None,
    plan: Annotated[Path | None, typer.Option(help="import.toml with several tables")] = None,
    table: Annotated[str, typer.Option(help="target table 目标表")] = "",
    id_column: Annotated[str, typer.Option(help="header of the resident id 证件号列")] = "",
    encoding: Annotated[str, typer.Option(help="auto | utf-8 | gbk")] = "auto",
    as_of: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    append: Annotated[bool, typer.Option(help="add to the table 追加")] = False,
    max_mib: Annotated[int, typer.Option(help="largest file, MiB")] = 200,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """导入本部门自己的文件 Import the department's own files; rejected rows are listed."""
    at = terminal(lang, json)
    with reporting(at):
        if encoding not in {"auto", "utf-8", "gbk"}:
            raise BadInput("IMPORT_PLAN_INVALID", file="--encoding", why="auto, utf-8, gbk")
        chosen: Literal["auto", "utf-8", "gbk"] = (
            "gbk" if encoding == "gbk" else "utf-8" if encoding == "utf-8" else "auto"
        )
        planned = read(plan) if plan else []
        for file in files or []:
            spec = ImportSpec(
                table=table or file.stem,
                id_column=id_column or None,
                encoding=chosen,
                as_of=as_of.date() if as_of else business_date(SystemClock().now()),
                append=append,
                max_bytes=max_mib << 20,
            )
            planned.append(PlannedImport(file, spec))
        if not planned:
            raise BadInput("IMPORT_NOTHING")
        for entry in planned:
            result = import_table(entry.file, folder / RECORDS, entry.spec)
            _show_import(at, entry.file.name, result)


def _show_import(at: Terminal, name: str, result: ImportResult) -> None:
    at.emit(
        {
            "file": name,
            "table": result.table,
            "rows": result.rows,
            "rejected": result.rejected,
            "rejects": [{"row": r.row, "code": r.code, "column": r.column} for r in result.rejects],
            "notices": {notice.value: n for notice, n in result.notices.items()},
        }
    )
    at.say(
        f"{name} → {result.table}:导入 {result.rows:,} 行,拒收 {result.rejected:,} 行",
        f"{name} → {result.table}: {result.rows:,} rows imported, {result.rejected:,} rejected",
    )
    for notice, n in result.notices.items():
        at.say(f"  已规范 {notice.value}:{n:,} 个", f"  normalised {notice.value}: {n:,}")
    for reject in result.rejects:
        error = BadInput(reject.code, row=reject.row, column=reject.column)
        at.say(
            f"  第 {reject.row} 行:{error.title('zh')}({reject.code})",
            f"  row {reject.row}: {error.title('en')} ({reject.code})",
        )


@app.command()
def catalogue(folder: FolderOption, lang: LangOption = None, json: JsonOption = False) -> None:
    """检查目录:能回答什么 Check the catalogue: what this node can answer, and from which columns."""
    at = terminal(lang, json)
    with reporting(at):
        party = parties.load(folder, PartyRole.NODE, SystemClock().now())
        listed = nodes.open_catalogue(party)
        with SqliteRecords(listed.source) as records:
            checking.check(listed, records)
            for answering in listed.answers.values():
                _show_answering(at, answering, records)


def _show_answering(at: Terminal, one: catalogues.Answering, records: SqliteRecords) -> None:
    columns = [f"{t}.{c}" for t, c in records.columns_read(one.sql)] if one.sql else []
    purposes = sorted(p.name for p in one.purposes)
    at.emit({"predicate": one.predicate.id, "purposes": purposes, "columns": columns})
    label = one.predicate.label(at.lang)
    at.say(
        f"✓ {one.predicate.id} {label}  用途 {'、'.join(purposes)}  读取 {'、'.join(columns) or '假名'}",
        f"✓ {one.predicate.id} {label}  for {', '.join(purposes)}"
        f"  reads {', '.join(columns) or 'pseudonyms only'}",
    )


@app.command()
def enrol(folder: FolderOption, lang: LangOption = None, json: JsonOption = False) -> None:
    """登记名册(可中断,可续) Enrol the roll blindly; may be stopped and run again."""
    at = terminal(lang, json)
    with reporting(at), Node(folder) as node:
        _enrol(node, at)


def _enrol(node: Node, at: Terminal) -> None:
    run = node.enrolment()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, transient=True, disable=at.json) as bar:
        task = bar.add_task(at.pick("登记名册", "enrolling"), total=None)

        def progress(tally: Tally) -> None:
            done = tally.known + tally.enrolled + sum(tally.rejected.values())
            bar.update(task, completed=done, total=tally.total)

        tally = run.run(progress)
    node.finish_enrolment()
    rejected = sum(tally.rejected.values())
    at.emit(
        {
            "party": node.party.id,
            "roll": tally.total,
            "known": tally.known,
            "enrolled": tally.enrolled,
            "resumed": tally.resumed,
            "rejected": tally.rejected,
        }
    )
    at.say(
        f"名册 {tally.total:,} 人:新登记 {tally.enrolled:,},已登记 {tally.known:,},拒收 {rejected:,}",
        f"roll of {tally.total:,}: {tally.enrolled:,} enrolled now, {tally.known:,} before,"
        f" {rejected:,} rejected",
    )


@app.command()
def serve(
    folder: FolderOption,
    plan: Annotated[Path | None, typer.Option(help="first import these files 先导入")] = None,
    enrol_first: Annotated[bool, typer.Option("--enrol", help="first enrol 先登记名册")] = False,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """运行节点直至停止 Answer until stopped (SIGTERM, Ctrl-C)."""
    at = terminal(lang, json)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with reporting(at):
        for entry in read(plan) if plan else []:
            import_table(entry.file, folder / RECORDS, entry.spec)
        with Node(folder) as node:
            if enrol_first:
                _enrol(node, at)
            running = RunningNode(node)
            running.start()
            at.emit({"party": node.party.id, "port": running.port})
            address = node.party.listen
            at.say(f"{node.party.id} 正在 {address} 应答", f"{node.party.id} answers on {address}")
            stop.wait()
            running.stop()


@app.command()
def pause(
    folder: FolderOption,
    off: Annotated[bool, typer.Option("--off", help="answer again 恢复应答")] = False,
    lang: LangOption = None,
) -> None:
    """暂停应答(总开关) Pause: every question is refused with NODE_PAUSED until ``--off``."""
    at = terminal(lang)
    with reporting(at):
        settings = parties.read_settings(folder)
        marker = folder / str(settings.get("data", "data")) / nodes.PAUSED
        if off:
            marker.unlink(missing_ok=True)
            at.say("已恢复应答", "answering again")
        else:
            marker.parent.mkdir(mode=0o700, exist_ok=True)
            marker.touch()
            at.say(
                "已暂停:所有问题都会得到签名的拒绝", "paused: every question gets a signed refusal"
            )
