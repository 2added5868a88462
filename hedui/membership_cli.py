"""``hedui federation``: take parties in, let them go, sign what waits, check how things stand.

Knows arguments. What a change must keep to stands in ``federation.changes``, how it is signed in
``federation.ceremony``, what is looked at in ``federation.checkup``.
"""

from pathlib import Path
from typing import Annotated

import typer

from crypto.keys import SealCost
from federation import ceremony, changes, checkup, epochs, founding
from federation import manifest as manifests
from federation import party as parties
from federation.ceremony import Home
from federation.clock import SystemClock, epoch_of
from federation.commands import Commands
from federation.errors import BadInput
from federation.founding import DAY, PartyPlan
from federation.manifest import PartyRole
from federation.terminal import FolderOption, Terminal
from hedui import ceremony_screen
from hedui.ceremony_screen import DryRunOption, HomeArgument, KeysOption, read_file

app = Commands()


@app.command()
def add(
    at: Terminal,
    folder: HomeArgument,
    party: Annotated[str, typer.Argument(help="the new party's id 代号")],
    role: Annotated[PartyRole, typer.Option(help="what it is 角色")] = PartyRole.NODE,
    kind: Annotated[str, typer.Option(help="department kind 部门类别")] = "",
    zh: Annotated[str, typer.Option("--zh", help="name 中文名称")] = "",
    en: Annotated[str, typer.Option("--en", help="name in English 英文名称")] = "",
    endpoint: Annotated[str, typer.Option(help="host:port 地址")] = "",
    keys: KeysOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """新增一方:生成目录、密钥和证书 Take a party in: make its folder, keys and certificate."""
    home = ceremony_screen.home(folder)
    plan = PartyPlan(
        id=party, role=role, kind=kind, zh=zh or party, en=en or party, endpoint=endpoint
    )
    made = _made(home, plan)
    wanted = [(party, year) for year in _years(home)] if role is PartyRole.NODE else []
    listed = ceremony_screen.pseudonym_keys(home, wanted, keys)
    after = changes.add(home.manifest, made.entry, listed, home.edition())
    if dry_run:
        ceremony_screen.dry(at, changes.describe(home.manifest, after))
        return
    founding.write(folder / party, made, SealCost.INTERACTIVE)
    ceremony_screen.settle(at, home, {"manifest.json": manifests.write(after)})
    at.say(
        f"请把目录 {party}/ 经可信途径交给该方,passphrase 文件另行交付。",
        f"hand the folder {party}/ to the party over a channel you trust, passphrase apart.",
    )


def _made(home: Home, plan: PartyPlan) -> founding.Made:
    founding.check_party(plan)
    if (home.folder / plan.id).exists():
        raise BadInput("FOLDER_NOT_EMPTY", folder=plan.id)
    days = (home.manifest.expires - home.manifest.issued) // DAY
    made = founding.make(plan, ceremony.authority(home), home.now, days)
    adds_up = plan.role is PartyRole.NODE and home.manifest.having(PartyRole.TALLY)
    return founding.with_sum_key(made) if adds_up else made


def _years(home: Home) -> tuple[int, int]:
    return epoch_of(home.now), epoch_of(home.now) + 1


@app.command()
def remove(
    at: Terminal,
    folder: HomeArgument,
    party: Annotated[str, typer.Argument(help="the party's id 代号")],
    dry_run: DryRunOption = False,
) -> None:
    """移除一方:其密钥和证书一律不再有效 Let a party go: its keys and certificates end."""
    home = ceremony_screen.home(folder)
    after = changes.remove(home.manifest, party, home.edition())
    if dry_run:
        ceremony_screen.dry(at, changes.describe(home.manifest, after))
        return
    ceremony_screen.settle(at, home, {"manifest.json": manifests.write(after)})


@app.command()
def sign(
    at: Terminal,
    folder: HomeArgument,
    key: Annotated[
        list[Path] | None, typer.Option("--key", help="a root key elsewhere 别处的根密钥")
    ] = None,
    passphrase: Annotated[
        Path | None, typer.Option(help="its passphrase (default: beside it) 口令文件")
    ] = None,
    merge: Annotated[
        list[Path] | None, typer.Option(help="copy signed elsewhere 别处签过的文件")
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """签署待签文件,签名够数即生效 Sign what waits; with enough signatures it comes into force."""
    home = ceremony.open_home(folder, SystemClock().now())
    listed = list(ceremony.described(home, ceremony.pending(home)))
    if dry_run:
        ceremony_screen.dry(at, listed)
        return
    copies = [read_file(one) for one in merge or ()]
    merging_only = bool(copies) and not key
    keys = [] if merging_only else ceremony_screen.root_keys(home, key or (), passphrase)
    ceremony_screen.progress(at, listed, ceremony.sign(home, keys, copies))


@app.command()
def check(at: Terminal, folder: HomeArgument) -> None:
    """检查整个联合体目录或一方的目录 Check a founder's folder, or one party's."""
    findings = list(checkup.examine(folder, SystemClock().now()))
    for one in findings:
        at.emit(one.to_json())
        mark = {True: "✓", False: "✗", None: "·"}[one.ok]
        at.say(f"{mark} {one.said.zh}", f"{mark} {one.said.en}")
        if not one.ok and one.help:
            at.say(f"    → {one.help.zh}", f"    → {one.help.en}")
    if any(one.ok is False for one in findings):
        raise typer.Exit(1)


@app.command()
def pseudonyms(
    at: Terminal,
    folder: FolderOption,
    out: Annotated[Path, typer.Option(help="file to write 输出文件")],
    department: Annotated[
        list[str] | None, typer.Option(help="a department that is to join 将加入的部门")
    ] = None,
) -> None:
    """登记方:导出假名公钥,种子不外传 The registrar: give public pseudonym keys, never seeds."""
    now = SystemClock().now()
    installed = parties.load(folder, PartyRole.REGISTRAR, now)
    there = [one.id for one in installed.manifest.audiences()]
    years = epoch_of(now), epoch_of(now) + 1
    wanted = [(one, year) for one in (*there, *(department or ())) for year in years]
    out.write_bytes(epochs.write(folder, epochs.derive(folder, wanted)))
    at.emit({"keys": len(wanted), "file": str(out)})
    at.say(
        f"已写出 {len(wanted)} 个假名公钥(不含任何秘密):{out}",
        f"wrote {len(wanted)} public pseudonym keys, no secret among them: {out}",
    )
