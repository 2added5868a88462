"""``hedui case log`` at the centre: export, show and check its log, have it cosigned.

Knows arguments and what is printed; what every party has for its log stands in
``federation.log.log_cli``. The centre is no server: here its witnesses are asked again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from coordinator.log_keeping import RULES
from coordinator.opening import installation
from coordinator.people.roles import Action
from federation.log.book import Book
from federation.log.log_cli import commands
from federation.manifest import PartyRole
from federation.terminal import FolderOption, Terminal


@contextmanager
def _opened(folder: Path) -> Iterator[Book]:
    """Open the log, all its rows under a checkpoint: also those of a command that was killed."""
    with installation(folder) as installed:
        installed.gate().acting(Action.LOG_READ)
        installed.log.settle()
        yield installed.log.book


app = commands(_opened, RULES)


@app.command()
def witness(at: Terminal, folder: FolderOption = Path()) -> None:
    """请见证方签名 Have the newest checkpoint cosigned by the witnesses who have not."""
    with installation(folder) as installed:
        signed = installed.log.witness()
        manifest = installed.party.manifest
    witnesses, quorum = len(manifest.having(PartyRole.WITNESS)), manifest.quorum
    at.emit({"cosigned": signed, "witnesses": witnesses, "quorum": quorum})
    at.say(
        f"见证方 {witnesses} 个,已签名 {signed} 个,须 {quorum} 个",
        f"{signed} of {witnesses} witnesses have cosigned, {quorum} are needed",
    )
    if witnesses and signed < quorum:
        raise typer.Exit(1)
