"""``hedui node``: set a department's node up and run it.

Knows commands and their words. What they do stands in the modules they call; commands that only
look stand in ``inspect_cli``.
"""

import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from department_node import checking, parts, starter
from department_node import node as nodes
from department_node.catalogue import NodeCatalogue
from department_node.conform_cli import app as conform_app
from department_node.enrolment import Tally
from department_node.inspect_cli import app as inspect_app
from department_node.intake.load import import_table
from department_node.intake.plan import PlannedImport, read
from department_node.intake.spec import ImportResult, ImportSpec
from department_node.log_cli import app as log_app
from department_node.looks_screen import MARKS
from department_node.mandates_cli import app as mandates_app
from department_node.node import Node, RunningNode
from department_node.records import SqliteRecords
from department_node.screen import columns
from department_node.steward_cli import app as steward_app
from department_node.ticket_cli import app as ticket_app
from federation import catalogue as predicates
from federation import party as parties
from federation import words
from federation.catalogue import JOINT
from federation.clock import SystemClock, business_date
from federation.commands import Commands
from federation.errors import BadInput
from federation.manifest import PartyRole
from federation.party import Party
from federation.serving import log_warnings, until_stopped
from federation.terminal import EXIT_INPUT, FolderOption, Terminal

app = Commands(no_args_is_help=True, help="部门节点 A department's node over its own records")

RECORDS: Final = "records.sqlite"
_DAY: Final = "%Y-%m-%d"


@app.command()
def init(at: Terminal, folder: FolderOption) -> None:
    """检查安装目录,写出起始目录文件 Check a folder, write a starter catalogue, say what is next."""
    party = parties.load(folder, PartyRole.NODE, SystemClock().now())
    written = starter.write(folder, party, predicates.load())
    file = folder / starter.FILE
    commands = [f"hedui node {step}{rest}" for step, rest, *_ in _NEXT]
    at.emit(
        {
            "party": party.id,
            "federation": party.manifest.federation,
            "catalogue": str(file),
            "catalogue_written": written,
            "next": [f"{command} -C {folder}" for command in commands],
        }
    )
    name = party.entry.name(at.lang)
    at.say(
        f"{name}({party.id}):证书、密钥和签名文件有效",
        f"{name} ({party.id}): certificate, keys and signed documents are valid",
    )
    done = at.pick("已写出起始目录文件", "wrote a starter catalogue:")
    kept = at.pick("已有目录文件,没有改动", "left the catalogue as it is:")
    line = f"{done if written else kept} {file.name}"
    at.say(line, line)
    rows = []
    for number, ((_, _, zh, en), command) in enumerate(zip(_NEXT, commands, strict=True), 1):
        rows.append((f"{number} {at.pick(zh, en)}", command))
    at.say("下一步", "next")
    text = f"  export HEDUI_FOLDER={folder}\n{columns(rows, indent=2)}"
    at.say(text, text)


_NEXT: Final = (
    ("import", " vehicle.csv --id-column id", "导入数据", "import the data"),
    ("catalogue", "", "改好目录文件,检查", "edit the catalogue, check it"),
    ("enrol", "", "登记名册", "enrol the roll"),
    ("preview", " --case case.toml", "预览", "preview"),
    ("serve", "", "运行", "serve"),
)


@app.command("import")
def import_(
    at: Terminal,
    folder: FolderOption,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="CSV, XLSX, SQLite")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="import.toml: several tables 多张表")
    ] = None,
    table: Annotated[
        str, typer.Option(metavar="NAME", help="table (default: the file's name) 表名")
    ] = "",
    id_column: Annotated[
        str, typer.Option(metavar="HEADER", help="column of the resident number 证件号列")
    ] = "",
    encoding: Annotated[str, typer.Option(metavar="CODE", help="auto, utf-8, gbk")] = "auto",
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=[_DAY], metavar="DATE", help="day of the data (default: today) 数据截至日"
        ),
    ] = None,
    append: Annotated[bool, typer.Option("--append", help="add to the table 追加")] = False,
    max_mib: Annotated[int, typer.Option(min=1, help="largest file, MiB 文件上限")] = 200,
) -> None:
    """导入本部门自己的文件 Import the department's own files; rejected rows are listed."""
    nodes.data_folder(folder)
    planned = read(plan) if plan else []
    for file in files or []:
        spec = ImportSpec(
            table=table or file.stem,
            id_column=id_column or None,
            encoding=_encoding(encoding),
            as_of=as_of.date() if as_of else business_date(SystemClock().now()),
            append=append,
            max_bytes=max_mib << 20,
        )
        planned.append(PlannedImport(file, spec))
    if not planned:
        raise BadInput("IMPORT_NOTHING")
    _import(at, folder, planned)


def _encoding(word: str) -> Literal["auto", "utf-8", "gbk"]:
    match word:
        case "auto" | "utf-8" | "gbk":
            return word
    raise BadInput("IMPORT_PLAN_INVALID", file="--encoding", why="auto, utf-8, gbk")


def _import(at: Terminal, folder: Path, planned: list[PlannedImport]) -> None:
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
    rows = [
        (at.pick("已规范", "put right"), at.pick(f"{n:,} 个", f"{n:,}"), notice.value)
        for notice, n in result.notices.items()
    ]
    for reject in result.rejects:
        error = BadInput(reject.code, row=reject.row, column=reject.column)
        column = f"{reject.column}: " if reject.column else ""
        place = at.pick(f"第 {reject.row:,} 行", f"row {reject.row:,}")
        rows.append((at.pick("拒收", "rejected"), place, f"{column}{error.title(at.lang)}"))
    text = columns(rows, indent=2)
    if rows:
        at.say(text, text)
    if result.rejected > len(result.rejects):
        at.say(
            "  其余拒收的行见记录库的表 import_reject",
            "  the other rejected rows stand in the table import_reject of the records",
        )


@app.command()
def catalogue(at: Terminal, folder: FolderOption) -> None:
    """检查目录:能回答什么 Check the catalogue: what this node can answer, from which columns."""
    party = parties.load(folder, PartyRole.NODE, SystemClock().now())
    listed = nodes.open_catalogue(party)
    with SqliteRecords(listed.source) as records:
        broken = {fault.where: fault.error for fault in checking.faults(listed, records)}
        rows = [
            _catalogue_row(at, where, listed, broken.get(where), records)
            for where in ("roll", "as_of", *listed.answers, *listed.components)
        ]
    text = columns(rows)
    at.say(text, text)
    for line in _beside_policy(at, party, listed):
        at.say(line, line)
    if broken:
        raise typer.Exit(EXIT_INPUT)


def _catalogue_row(
    at: Terminal, where: str, listed: NodeCatalogue, fault: BadInput | None, records: SqliteRecords
) -> tuple[str, str, str, str]:
    answering = listed.answers.get(where)
    sql = dict(listed.statements()).get(where)
    read = [] if fault or not sql else [f"{t}.{c}" for t, c in records.columns_read(sql) if c]
    purposes = sorted(answering.purposes) if answering else []
    at.emit(
        {
            "where": where,
            "predicate": where if answering else None,
            "component": where if where in listed.components else None,
            "purposes": [one.name for one in purposes],
            "scope": answering.scope.name if answering else None,
            "columns": read,
            "ok": fault is None,
            "fault": {"code": fault.code, **fault.details} if fault else None,
        }
    )
    own = {"roll": at.pick("名册", "roll"), "as_of": at.pick("数据截至", "day of the data")}
    part = at.pick("合计的分项", "part of sums")
    label = answering.predicate.label(at.lang) if answering else own.get(where, part)
    comma = at.pick("、", ", ")
    told = comma.join(read)
    if fault:
        stop = at.pick("。", ". ")
        told = f"{fault.details['where']} {fault.title(at.lang)}  {fault.code}{stop}"
        told += fault.help(at.lang)
    elif answering:
        used = comma.join(words.purpose(one, at.lang) for one in purposes)
        reads = at.pick(f"读取 {told}", f"reads {told}")
        told = f"{used}; {reads if told else at.pick('只比较假名', 'compares pseudonyms only')}"
    name = f"[{where}]" if where in own else where
    return MARKS[fault is None], name, label, told


def _beside_policy(at: Terminal, party: Party, listed: NodeCatalogue) -> Iterator[str]:
    """Say where catalogue and policy do not cover each other."""
    kind = predicates.load().for_kind(party.entry.kind)
    may = [p.id for p in kind if p.id in party.policy.rules and p.form not in JOINT]
    groups = party.manifest.groups.values()
    mine = {name for group in groups for name in parts.weights(group, party.id)}
    missing = [one for one in may if one not in listed.answers]
    missing += sorted(mine - listed.components.keys())
    idle = [one for one in listed.answers if one not in party.policy.rules]
    idle += sorted(listed.components.keys() - mine)
    at.emit({"allowed_not_answered": missing, "answered_not_allowed": idle})
    comma = at.pick("、", ", ")
    if missing:
        yield at.pick("政策允许而目录没有:", "allowed by the policy, not here: ") + comma.join(
            missing
        )
    if idle:
        yield at.pick("目录有而政策不允许:", "here, not allowed by the policy: ") + comma.join(idle)


@app.command()
def enrol(at: Terminal, folder: FolderOption) -> None:
    """登记名册(可中断,可续) Enrol the roll blindly; may be stopped and run again."""
    with Node(folder) as node:
        _enrol(node, at)


def _enrol(node: Node, at: Terminal) -> None:
    run = node.enrolment()
    paper = Console(stderr=True)
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = at.json or not paper.is_terminal
    with Progress(*bars, console=paper, transient=True, disable=hidden) as bar:
        task = bar.add_task(at.pick("登记名册", "enrolling"), total=None)

        def progress(tally: Tally) -> None:
            done = tally.known + tally.enrolled + sum(tally.rejected.values())
            bar.update(task, completed=done, total=tally.total)

        tally = run.run(progress)
    node.finish_enrolment()
    _show_tally(at, node.party.id, tally)


def _show_tally(at: Terminal, party: str, tally: Tally) -> None:
    rejected = sum(tally.rejected.values())
    at.emit(
        {
            "party": party,
            "roll": tally.total,
            "known": tally.known,
            "enrolled": tally.enrolled,
            "resumed": tally.resumed,
            "left": tally.left,
            "rejected": dict(tally.rejected),
        }
    )
    at.say(
        f"名册 {tally.total:,} 行:新登记 {tally.enrolled:,} 人,早已登记 {tally.known:,} 人,"
        f"拒收 {rejected:,} 行;不再在册 {tally.left:,} 人",
        f"roll of {tally.total:,} rows: {tally.enrolled:,} people enrolled now,"
        f" {tally.known:,} before, {rejected:,} rows rejected; {tally.left:,} no longer on it",
    )
    rows = [(f"{n:,}", BadInput(code).title(at.lang), code) for code, n in tally.rejected.items()]
    text = columns(rows, indent=2)
    if rows:
        at.say(text, text)


@app.command()
def serve(
    at: Terminal,
    folder: FolderOption,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="first import these files 先导入")
    ] = None,
    enrol_first: Annotated[bool, typer.Option("--enrol", help="first enrol 先登记名册")] = False,
) -> None:
    """运行节点,直至停止 Answer until stopped (SIGTERM, Ctrl-C)."""
    log_warnings()
    # Until it serves, a stop breaks the preparation off; importing and enrolling bear that.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if plan:
        nodes.data_folder(folder)
        _import(at, folder, read(plan))
    with Node(folder) as node:
        if enrol_first:
            _enrol(node, at)
        until_stopped(at, node.party, RunningNode(node))


@app.command()
def pause(
    at: Terminal,
    folder: FolderOption,
    off: Annotated[bool, typer.Option("--off", help="answer again 恢复应答")] = False,
) -> None:
    """暂停应答(总开关) Refuse every question with NODE_PAUSED until --off."""
    marker = nodes.data_folder(folder) / nodes.PAUSED
    try:
        if off:
            marker.unlink(missing_ok=True)
        else:
            marker.parent.mkdir(mode=0o700, exist_ok=True)
            marker.touch()
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=marker.name, folder=marker.parent.name) from e
    at.emit({"paused": not off})
    if off:
        at.say("已恢复应答", "answering again")
    else:
        at.say("已暂停:所有问题都会得到签名的拒绝", "paused: every question gets a signed refusal")


app.registered_commands += conform_app.registered_commands
app.registered_commands += inspect_app.registered_commands
app.registered_commands += mandates_app.registered_commands
app.registered_commands += steward_app.registered_commands
app.registered_commands += ticket_app.registered_commands
app.add_typer(log_app, name="log")
