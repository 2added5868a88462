"""What all commands that change a federation have in common: show, propose, sign, say what is left.

Knows the founder's folder and the terminal. Does not know any one change.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from crypto.keys import SigningKey
from federation import ceremony, epochs
from federation.ceremony import Home, Waiting
from federation.changes import PseudonymKeys
from federation.clock import SystemClock
from federation.errors import BadInput, Said
from federation.founding import OFFLINE, PENDING, SIGNED
from federation.terminal import Terminal

HomeArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="the founder's folder 联合体目录")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="show what would change, write nothing 只看不写")
]
KeysOption = Annotated[
    Path | None, typer.Option("--keys", help="output of federation pseudonyms 登记方给出的公钥")
]


def home(folder: Path) -> Home:
    """Open the founder's folder, with no other change waiting in it.

    Raises:
        BadInput, PeerFault: as ``ceremony.open_home``; CHANGE_PENDING.
    """
    opened = ceremony.open_home(folder, SystemClock().now())
    ceremony.check_free(opened)
    return opened


def settle(at: Terminal, changed: Home, payloads: Mapping[str, bytes]) -> None:
    """Propose documents, sign them with the root keys that are there, and say how things stand.

    Raises:
        BadInput, PeerFault: as ``ceremony.propose`` and ``ceremony.sign``.
    """
    ceremony.propose(changed, payloads)
    waiting = ceremony.pending(changed)
    changes = list(ceremony.described(changed, waiting))
    left = ceremony.sign(changed, ceremony.keys_at_hand(changed))
    progress(at, changes, left)


def progress(at: Terminal, changes: Sequence[Said], left: Sequence[Waiting]) -> None:
    """Say what changes, and whether it is in force or how many signatures are still needed."""
    missing = {one.name: one.missing() for one in left}
    at.emit({"changes": [one.en for one in changes], "in_force": not left, "missing": missing})
    say(at, changes)
    if left:
        count = max(missing.values())
        at.say(
            f"还缺 {count} 个根密钥签名,尚未生效。请把 {PENDING}/ 和 {SIGNED}/ 交给另一位持有人,"
            "由其运行 hedui federation sign;或收回其签过的文件:sign --merge 文件。",
            f"{count} signature(s) of root keys are missing: not in force yet. Hand {PENDING}/ and"
            f" {SIGNED}/ to another holder, who runs hedui federation sign; or take over a copy"
            " signed elsewhere: sign --merge FILE.",
        )
        return
    at.say(
        f"签名齐全,已生效:{SIGNED}/ 中的三份文件发给各方即可,运行中的各方几秒内自动换用,无须重启。",
        f"signed by enough, in force: hand the three files in {SIGNED}/ to every party; those that"
        " run take them over within seconds, without a restart.",
    )


def say(at: Terminal, changes: Iterable[Said]) -> None:
    """Print what changes, a line each."""
    for one in changes:
        at.say(f"  {one.zh}", f"  {one.en}")


def dry(at: Terminal, changes: Iterable[Said]) -> None:
    """Print what would change."""
    listed = list(changes)
    at.emit({"changes": [one.en for one in listed], "in_force": False, "dry_run": True})
    at.say("将要作出的变更(没有写出任何文件):", "what would change (nothing was written):")
    say(at, listed)


def root_keys(opened: Home, files: Sequence[Path], passphrase: Path | None) -> list[SigningKey]:
    """Unseal the named root keys, or those that lie in the founder's folder.

    Raises:
        BadInput: as ``keyfile.load``; FILE_MISSING when none is there.
    """
    named = [ceremony.open_key(one, passphrase or one.parent / "passphrase") for one in files]
    found = named or ceremony.keys_at_hand(opened)
    if not found:
        raise BadInput("FILE_MISSING", file="root-*.key", folder=OFFLINE)
    return found


def pseudonym_keys(home: Home, wanted: list[tuple[str, int]], file: Path | None) -> PseudonymKeys:
    """Get public pseudonym keys from the registrar's folder, or from what the registrar sent.

    Raises:
        BadInput: PSEUDONYM_KEYS_MISSING, PSEUDONYM_KEYS_INVALID, FILE_MISSING; as ``keyfile.load``.
    """
    registrar = home.manifest.registrar
    here = home.party(registrar.id)
    if file is None and here:
        return epochs.derive(here, wanted)
    known = epochs.read(read_file(file), registrar) if file else {}
    for department, epoch in wanted:
        if (department, epoch) not in known:
            raise BadInput("PSEUDONYM_KEYS_MISSING", department=department, epoch=epoch)
    return {of: known[of] for of in wanted}


def read_file(path: Path) -> bytes:
    """Read a file that somebody named.

    Raises:
        BadInput: FILE_MISSING.
    """
    try:
        return path.read_bytes()
    except OSError as e:
        raise BadInput("FILE_MISSING", file=path.name, folder=path.parent.name) from e
