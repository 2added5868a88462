"""``hedui programme sign``: the holders of root keys sign programmes, property rules and standards.

Knows the founder's folder and files. What a file may say stands in ``coordinator.regional``.
"""

from pathlib import Path
from typing import Annotated

import typer

from coordinator.regional import filing
from coordinator.regional.filing import Filed
from crypto import envelope
from federation import ceremony, keyfile
from federation.clock import SystemClock
from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import Terminal
from hedui import ceremony_screen
from hedui.ceremony_screen import HomeArgument

app = Commands()


@app.command()
def sign(
    at: Terminal,
    folder: HomeArgument,
    files: Annotated[list[Path], typer.Argument(help=".toml, or .json signed before 项目文件")],
    out: Annotated[
        Path | None, typer.Option("--out", help="default: beside each file 写到哪个目录")
    ] = None,
    key: Annotated[
        list[Path] | None, typer.Option(help="root key file, may be repeated 根密钥文件")
    ] = None,
    passphrase: Annotated[
        Path | None, typer.Option(help="file with the keys' passphrase 口令文件")
    ] = None,
) -> None:
    """签署项目文件;各持有人依次签同一 .json Sign files of programmes, in sittings if need be."""
    home = ceremony.open_home(folder, SystemClock().now())
    read = [(path, filing.look(ceremony_screen.read_file(path))) for path in files]
    given = [
        Filed(name=path.name, text=filing.text_of(found, path.name), signed=False)
        for path, found in read
    ]
    filing.stand(filing.merged(filing.shipped(), given))
    keys = ceremony_screen.root_keys(home, key or [], passphrase)
    strangers = [one for one in keys if one.kid not in home.root.keys]
    if strangers:
        raise BadInput("ROOT_KEY_UNKNOWN", kid=strangers[0].kid)
    for path, found in read:
        document = filing.countersign(found, keys)
        target = (out or path.parent) / f"{path.stem}.json"
        keyfile.write_private(target, envelope.to_json(document))
        missing = max(home.root.threshold - len(home.root.signers(document)), 0)
        at.emit({"file": target.name, "missing": missing})
        at.say(
            f"{target.name}:还缺 {missing} 个根签名",
            f"{target.name}: {missing} root signatures missing",
        )
