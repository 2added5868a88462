"""``hedui store``: back up, restore, check and seal the centre's database.

Knows arguments, what is printed, and the order of steps. Restoring needs an empty database, in
which nobody is an operator: whoever has the party's folder can do it, as they could copy a file,
and the restored log says so. Where operators are, only who may is told that it is not empty.
"""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from coordinator import backup, integrity, sealing_up, storage
from coordinator.backup import Backup
from coordinator.log_book import LogBook
from coordinator.log_memory import LogMemory
from coordinator.opening import gate_of, held, installation
from coordinator.people.roles import Action
from federation.clock import SystemClock, business_time
from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import FolderOption, Terminal

app = Commands(help="存储 The centre's database: back up, restore, check.", no_args_is_help=True)

Place = Annotated[Path, typer.Argument(help="folder of the backup 备份目录")]


@app.command("backup")
def make(at: Terminal, to: Place, folder: FolderOption = Path()) -> None:
    """Write a backup into a new folder. 备份到一个新目录,并逐表记下摘要。"""
    with installation(folder) as opened:
        opened.gate().acting(Action.BACKUP, about=to.name[:64])
        opened.log.settle()
        made = backup.make(opened.database, to, opened.party.id, opened.clock.now())
    _told(at, to, made, ("已备份", "backed up"))
    at.say(
        "备份中有姓名和证件号,请加密保管;密钥和口令不在其中,另行备份",
        "It holds names and numbers: keep it encrypted. Keys and passphrase are not in it.",
    )


@app.command()
def restore(at: Terminal, source: Place, folder: FolderOption = Path()) -> None:
    """Fill an empty database from a backup. 从备份恢复到空的数据库,不覆盖任何内容。"""
    about = source.name[:64]
    with held(folder) as (by, settings):
        read = backup.read(source)
        if read.party != by.id:
            raise BadInput("BACKUP_INVALID", file=backup.MANIFEST)
        with closing(storage.opened(by, settings, read.version)) as database:
            gate = gate_of(by, database, SystemClock())
            if backup.staffed(database):
                gate.acting(Action.RESTORE, about=about)
            backup.restore(database, source, read)
            whole = integrity.check(database)
            behind = LogMemory(by.data).behind(LogBook(database))
            if not behind:  # a log that was put back does not go on
                gate.acted(Action.RESTORE, about)
    _told(at, source, read, ("已恢复", "restored"))
    at.emit({"logged": whole.logged, "behind": behind})
    if behind:
        at.say(
            f"注意:备份之后本中心的日志又有 {behind} 条,已不在其中;见证方会发现,提问将被停止"
            "(LOG_ALTERED)。请通知审计方",
            f"The log had {behind} rows more after this backup. Witnesses notice that, and nothing"
            " is asked any more (LOG_ALTERED): tell the auditor",
        )


@app.command()
def check(
    at: Terminal,
    source: Annotated[
        Path | None, typer.Option("--backup", help="check a backup instead 改为检查备份")
    ] = None,
    folder: FolderOption = Path(),
) -> None:
    """Look through the whole database and log, or a backup. 检查整个数据库和日志,或一份备份。"""
    if source:
        _told(at, source, backup.read(source), ("备份完整", "whole"))
        return
    with installation(folder) as opened:
        opened.gate().acting(Action.STORE_CHECK)
        whole = integrity.check(opened.database)
        kind, sealed = opened.database.dialect, storage.state(opened.database)
    told = {"tables": whole.tables, "rows": whole.rows, "cases": whole.cases}
    at.emit(told | {"logged": whole.logged, "dialect": kind, "sealed": sealed == storage.SEALED})
    at.say(
        f"数据库完整({kind}):{whole.tables} 张表 {whole.rows:,} 行,案件 {whole.cases:,} 个,"
        f"日志 {whole.logged:,} 条全部核对",
        f"The database is whole ({kind}): {whole.tables} tables, {whole.rows:,} rows,"
        f" {whole.cases:,} cases, all {whole.logged:,} rows of the log checked",
    )


@app.command()
def seal(at: Terminal, folder: FolderOption = Path()) -> None:
    """Seal what is about people in the database, from now on. 加密案件数据;中断后再运行即继续。"""
    with held(folder) as (by, settings):
        if not storage.has_key(by):
            with closing(storage.ready(by, settings)) as database:
                gate_of(by, database, SystemClock()).acting(Action.STORE_SEAL)
        storage.make_key(by)
        with closing(storage.opened(by, settings)) as database:
            cells = sealing_up.seal_up(
                database, lambda column, done: at.say(f"{column}  {done:,}", f"{column}  {done:,}")
            )
    at.emit({"sealed": cells})
    at.say(
        f"已加密 {cells:,} 项。请把 case.key 与数据库分开备份:没有它,谁也读不出姓名和证件号",
        f"{cells:,} cells are sealed. Back case.key up apart from the database: without it nobody"
        " can read names and numbers",
    )


def _told(at: Terminal, folder: Path, told: Backup, done: tuple[str, str]) -> None:
    zh, en = done
    at.emit(
        {
            "backup": str(folder),
            "made": told.made,
            "version": told.version,
            "tables": len(told.tables),
            "rows": told.rows,
        }
    )
    when = business_time(told.made)
    at.say(
        f"{folder}  {zh}:{len(told.tables)} 张表 {told.rows:,} 行,备份于 {when}",
        f"{folder}  {en}: {len(told.tables)} tables, {told.rows:,} rows, made {when}",
    )
