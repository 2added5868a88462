"""``hedui audit witness``: run a witness, and look at what it has seen.

Knows arguments and printing. Does not know when a checkpoint is cosigned: ``witness`` does.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from auditor import alarms, witness_server
from auditor.alarms import Alarm
from auditor.witness import Seen, Verdict
from auditor.witness_store import FILE, WitnessStore
from federation import party as parties
from federation.clock import SystemClock, business_time
from federation.commands import Commands
from federation.errors import BadInput
from federation.manifest import AUDIENCES, Manifest, PartyRole
from federation.serving import WITNESSES, log_warnings, until_stopped
from federation.terminal import FolderOption, Terminal

app = Commands(no_args_is_help=True, help="见证 a witness: cosign the checkpoints of all logs")

_ALARMS: Final = {
    Verdict.SPLIT: ("同样条数,两个不同的根", "two roots over the same number of entries"),
    Verdict.ROLLED_BACK: ("条数变少", "fewer entries than before"),
    Verdict.INCONSISTENT: ("不含已见证的记录", "without entries witnessed before"),
}
_KEEPING: Final = (PartyRole.REGISTRAR, PartyRole.COORDINATOR, *AUDIENCES)
"""Who keeps a log."""


@app.command()
def serve(at: Terminal, folder: FolderOption) -> None:
    """运行见证方直至停止 Cosign until stopped (SIGTERM, Ctrl-C)."""
    log_warnings()
    clock = SystemClock()
    party = parties.load(folder, PartyRole.WITNESS, clock.now())
    until_stopped(at, party, witness_server.build(party, clock), WITNESSES)


@app.command()
def status(at: Terminal, folder: FolderOption) -> None:
    """列出各方日志见证到哪里、有无告警 List what was cosigned of each log, and all alarms."""
    with _opened(folder) as store:
        manifest = _manifest(folder)
        seen, raised = store.every(), store.alarms()
    for name in _logs(manifest, seen):
        _say_log(at, name, seen.get(name, Seen()))
    listed = {no: (alarm, _open(alarm, manifest, seen)) for no, alarm in raised.items()}
    for no, (alarm, still) in listed.items():
        _say_alarm(at, no, alarm, still=still)
    if any(still for _, still in listed.values()):
        raise typer.Exit(1)


@app.command()
def evidence(
    at: Terminal,
    export: Annotated[Path, typer.Argument(help="folder to write to 输出目录")],
    folder: FolderOption,
) -> None:
    """导出全部告警的证据,每条一个签名文件 Write each alarm as a signed file."""
    with _opened(folder) as store:
        party = parties.load(folder, PartyRole.WITNESS, SystemClock().now())
        for no, alarm in store.alarms().items():
            log = alarm.origin.rpartition("/")[2]
            file = export / f"{party.id}-{no:04}-{log}-{alarm.code.value}.json"
            _write(file, alarms.write(alarm, party.id, party.key))
            at.emit({"no": no, "file": str(file)})
            at.say(f"已写出 {file}", f"wrote {file}")


@app.command()
def checkpoints(
    at: Terminal,
    export: Annotated[Path, typer.Argument(help="folder to write to 输出目录")],
    folder: FolderOption,
) -> None:
    """导出所见各方日志的最新检查点,供对账 Write what was cosigned last of each log."""
    with _opened(folder) as store:
        party = parties.read_settings(folder)["party"]
        for origin, seen in store.every().items():
            file = export / f"{party}-{origin.rpartition('/')[2]}.note"
            _write(file, seen.note)
            at.emit({"log": origin, "size": seen.size, "file": str(file)})
            at.say(f"已写出 {file}", f"wrote {file}")


@app.command()
def verify(
    at: Terminal,
    file: Annotated[list[Path], typer.Argument(help="what evidence wrote 告警证据文件")],
    folder: FolderOption,
) -> None:
    """核验告警证据:两份签名是否确实矛盾 Verify alarms by public keys, as anybody can."""
    manifest = _manifest(folder)
    for one in file:
        by, alarm = alarms.read(_read(one), manifest)
        zh, en = _ALARMS[alarm.code]
        at.emit(_row(alarm) | {"witness": by, "proven": alarm.proven})
        rests = at.pick("日志方自己的签名可证", "by the log's own signatures")
        if not alarm.proven:
            rests = at.pick(f"先后次序凭 {by} 的证词", f"in this order on the word of {by}")
        at.say(f"✓ {alarm.origin}:{zh}({rests})", f"✓ {alarm.origin}: {en} ({rests})")


@contextmanager
def _opened(folder: Path) -> Iterator[WitnessStore]:
    """Open the state of an installation beside a running witness."""
    settings = parties.read_settings(folder)
    path = folder / str(settings.get("data", "data")) / FILE
    if not path.exists():
        raise BadInput("FILE_MISSING", file=FILE, folder=folder.name)
    with closing(WitnessStore(path)) as store:
        yield store


def _manifest(folder: Path) -> Manifest:
    """Read what is signed; no key is opened for a look."""
    data = folder / str(parties.read_settings(folder).get("data", "data"))
    return parties.read_documents(folder, data, SystemClock().now()).manifest


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as e:
        raise BadInput("FILE_MISSING", file=file.name, folder=file.parent.name) from e


def _write(file: Path, document: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(document)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=file.name, folder=file.parent.name) from e


def _logs(manifest: Manifest, seen: dict[str, Seen]) -> list[str]:
    """Name the logs that there should be, then others that there were."""
    kept = [entry.id for role in _KEEPING for entry in manifest.having(role)]
    return list(dict.fromkeys([*map(manifest.note_name, kept), *seen]))


def _open(alarm: Alarm, manifest: Manifest, seen: dict[str, Seen]) -> bool:
    """Tell whether somebody has to act: the party takes part, and its log has not gone on since.

    A shorter log that is cosigned again has what was witnessed: the short one was a late message
    or has been mended. Nothing mends the other two.
    """
    if alarm.origin.rpartition("/")[2] not in manifest.parties:
        return False
    gone_on = seen.get(alarm.origin, Seen()).count > alarm.count
    return not (alarm.code is Verdict.ROLLED_BACK and gone_on)


def _say_log(at: Terminal, name: str, seen: Seen) -> None:
    row = {"log": name, "size": seen.size, "root": seen.root.hex(), "at": seen.at}
    at.emit({**row, "cosigned": seen.count})
    if not seen.count:
        at.say(f"{name:<40} 尚未见证", f"{name:<40} not witnessed yet")
        return
    when, count = f"{business_time(seen.at):%Y-%m-%d %H:%M:%S}", f"{seen.count:,}"
    root = seen.root.hex()[:16]
    at.say(
        f"{name:<40} {seen.size:>10,} 条  根 {root}  {when}  共签 {count} 次",
        f"{name:<40} {seen.size:>10,} entries  root {root}  {when}  cosigned {count} times",
    )


def _say_alarm(at: Terminal, no: int, alarm: Alarm, *, still: bool) -> None:
    at.emit(_row(alarm) | {"alarm": no, "open": still})
    when = f"{business_time(alarm.at):%Y-%m-%d %H:%M:%S}"
    zh, en = _ALARMS[alarm.code]
    mark = "✗" if still else "·"
    after = ("", "") if still else (",其后已不再", ", no longer so")
    at.say(
        f"{mark} 告警 {no} {when} {alarm.origin}:{zh}{after[0]}  {alarm.code.value}",
        f"{mark} alarm {no} {when} {alarm.origin}: {en}{after[1]}  {alarm.code.value}",
    )


def _row(alarm: Alarm) -> dict[str, object]:
    return {"log": alarm.origin, "at": alarm.at, "code": alarm.code.value}
