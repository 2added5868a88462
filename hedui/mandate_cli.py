"""``hedui mandate sign``: the holders of root keys look at a batch mandate and sign it.

Knows the founder's folder and what is shown before a signature. What a mandate may say stands in
``federation.mandate``.
"""

from pathlib import Path
from typing import Annotated

import typer

from federation import catalogue, ceremony, keyfile, mandate
from federation.ceremony import Home
from federation.clock import SystemClock, business_date
from federation.commands import Commands
from federation.errors import BadInput
from federation.mandate import BatchMandate
from federation.manifest import PartyRole
from federation.terminal import Terminal
from hedui import ceremony_screen
from hedui.ceremony_screen import HomeArgument

app = Commands()


@app.command()
def sign(
    at: Terminal,
    folder: HomeArgument,
    file: Annotated[Path, typer.Argument(help="the draft, signed or not yet 批量授权文件")],
    key: Annotated[
        list[Path] | None, typer.Option(help="root key file, may be repeated 根密钥文件")
    ] = None,
    passphrase: Annotated[
        Path | None, typer.Option(help="file with the keys' passphrase 口令文件")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="show it and sign nothing 只看不签")] = False,
) -> None:
    """查看并签署批量授权;各持有人依次签同一文件 Look at a mandate, add root signatures to it."""
    home = ceremony.open_home(folder, SystemClock().now())
    document = ceremony_screen.read_file(file)
    given, _ = mandate.look(document)
    _check(home, given)
    _show(at, given)
    if not show:
        keys = ceremony_screen.root_keys(home, key or [], passphrase)
        strangers = [one for one in keys if one.kid not in home.root.keys]
        if strangers:
            raise BadInput("ROOT_KEY_UNKNOWN", kid=strangers[0].kid)
        document = mandate.countersign(document, keys)
        keyfile.write_private(file, document)
    signed = len(home.root.signers(mandate.look(document)[1]))
    missing = max(home.root.threshold - signed, 0)
    at.emit({"mandate": given.id.hex(), "signed": signed, "missing": missing})
    at.say(f"根签名 {signed} 个,还缺 {missing} 个", f"{signed} root signatures, {missing} missing")


def _check(home: Home, given: BatchMandate) -> None:
    """Refuse to sign what no party would accept.

    Raises:
        BadInput: MANDATE_DRAFT or PREDICATE_UNKNOWN.
        PeerFault: PARTY_UNKNOWN.
        Refused: POLICY_NOT_ANSWERED or POLICY_PARAMETER.
    """
    home.manifest.party(given.coordinator, PartyRole.COORDINATOR)
    for department in given.departments:
        home.manifest.party(department, PartyRole.NODE)
    for predicate, parameter in given.questions:
        if not catalogue.load().predicate(predicate).mandate:
            raise BadInput("MANDATE_DRAFT", why=predicate)
        home.policy.check(predicate, parameter, given.purpose)
    if given.expires <= home.now:
        raise BadInput("MANDATE_DRAFT", why="expires")


def _show(at: Terminal, given: BatchMandate) -> None:
    first, last = business_date(given.not_before), business_date(given.expires - 1)
    listed = catalogue.load()
    asked = [
        f"  {predicate} {parameter}".rstrip() + "  " + listed.predicate(predicate).question(at.lang)
        for predicate, parameter in given.questions
    ]
    at.say(
        f"批量授权 {given.id.hex()} 第 {given.version} 版\n"
        f"  提问方 {given.coordinator},用途 {given.purpose.name},{given.size:,} 人\n"
        f"  部门 {', '.join(given.departments)};{first} 至 {last}\n"
        f"  依据:{given.basis['zh']}",
        f"batch mandate {given.id.hex()} version {given.version}\n"
        f"  for {given.coordinator}, purpose {given.purpose.name}, {given.size:,} people\n"
        f"  departments {', '.join(given.departments)}; {first} to {last}\n"
        f"  ground: {given.basis['en']}",
    )
    for line in asked:
        at.say(line, line)
