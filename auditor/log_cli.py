"""``hedui audit log`` and ``fetch``: verify one party's log, and bring logs here.

Knows arguments, files and where logs come from. What must hold is known to ``logs``. Fetching needs
the network and the auditor's own keys; verifying a folder needs neither.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from auditor import fetching, file_cli, file_screen, logs, papers, reconcile_screen
from auditor.file_cli import Documents, RootFile
from auditor.logs import Log
from auditor.progress import telling
from federation import party as parties
from federation.clock import SystemClock
from federation.commands import Commands
from federation.errors import BadInput, PeerFault, Unavailable
from federation.log.reader import LogReader, folder_reader
from federation.manifest import AUDIENCES, PartyEntry, PartyRole
from federation.party import Party
from federation.terminal import EXIT_REFUSED, FolderOption, Terminal, show
from federation.wire.channel import Peers
from federation.wire.log_service import log_reader

app = Commands()

DOCUMENTS: Final = ("root.json", "manifest.json", "policy.json")
SERVING: Final = (PartyRole.REGISTRAR, *AUDIENCES)
"""Whose logs can be read over the network; a centre exports its own (``hedui case log export``)."""


@app.command()
def log(
    at: Terminal,
    what: Annotated[
        str, typer.Argument(metavar="FOLDER|PARTY", help="导出的日志目录,或在线的一方 a log")
    ],
    pin: RootFile = None,
    documents: Documents = None,
    folder: FolderOption = Path(),
) -> None:
    """核验一方的日志 Verify a log: checkpoint, witnesses, every tile, every row."""
    by = papers.gather(file_cli.pinned(folder, pin), file_cli.documents_of(folder, documents))
    with _reader(what, folder) as read:
        try:
            head = logs.head(read, by)
            found = logs.verify(Log(read, head), telling(at, head.party))
        except (PeerFault, Unavailable) as error:
            file_screen.refused(at, what, error)
            raise typer.Exit(EXIT_REFUSED) from error
    reconcile_screen.log(at, head, found, by.newest)


@app.command()
def fetch(
    at: Terminal,
    target: Annotated[Path, typer.Argument(help="写入此目录,每方一个子目录 folder to write to")],
    party: Annotated[
        list[str] | None, typer.Option("--party", help="只取这一方 this party only")
    ] = None,
    folder: FolderOption = Path(),
) -> None:
    """取回各方日志,可续传 Fetch logs over mutual TLS; again, to add what is new."""
    failed = False
    with _called(folder) as (own, peers):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in DOCUMENTS:
            shutil.copyfile(folder / name, target / name)
        for entry in _wanted(own, party):
            try:
                read = log_reader(peers, entry)
                size = fetching.fetch(read, target / entry.id, telling(at, entry.id))
            except (PeerFault, Unavailable) as error:
                failed = True
                at.say(f"✗ {entry.id}", f"✗ {entry.id}")
                show(error, at)
                continue
            at.emit({"log": entry.id, "size": size})
            at.say(f"✓ {entry.id} {size:,} 条", f"✓ {entry.id} {size:,} entries")
    if failed:
        raise typer.Exit(EXIT_REFUSED)


@contextmanager
def _reader(what: str, folder: Path) -> Iterator[LogReader]:
    """Give the way to a log in a folder, or to that of a party that serves it."""
    if Path(what).is_dir():
        yield folder_reader(Path(what))
        return
    with _called(folder) as (own, peers):
        (entry,) = _wanted(own, [what])
        yield log_reader(peers, entry)


@contextmanager
def _called(folder: Path) -> Iterator[tuple[Party, Peers]]:
    """Open the auditor's installation, to call others by its keys."""
    own = parties.load(folder, PartyRole.AUDITOR, SystemClock().now())
    with closing(Peers(own.tls, own.tap)) as peers:
        yield own, peers


def _wanted(own: Party, names: list[str] | None) -> list[PartyEntry]:
    """Find the parties whose logs are wanted: all that serve one if none is named.

    Raises:
        BadInput: LOG_NOT_SERVED for a name that is none of these.
    """
    serving = {one.id: one for role in SERVING for one in own.manifest.having(role)}
    for name in names or ():
        if name not in serving:
            raise BadInput("LOG_NOT_SERVED", party=name)
    return [serving[name] for name in names or serving]
