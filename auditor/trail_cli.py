"""``hedui audit trail``: who asked what about one person, and whether that is all of it.

Knows arguments and files. Needs public keys and evidence only, and no network. A person is named
by a consent's number and its place on it, never by an id number.
"""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from auditor import (
    file_cli,
    papers,
    trail,
    trail_consents,
    trail_evidence,
    trail_page,
    trail_screen,
)
from auditor.file_cli import Documents, RootFile
from auditor.papers import Papers
from auditor.trail import Basis, Trail
from auditor.trail_consents import Place
from auditor.trail_evidence import Reading
from federation.clock import SystemClock
from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import EXIT_REFUSED, FolderOption, Terminal

app = Commands()

Who = Annotated[
    list[str],
    typer.Argument(
        metavar="CONSENT/PERSON...",
        help="授权书编号/序号,序号从 0 起;同一人可有多份 a consent's number and the person's"
        " index on it, from 0; several of one person",
    ),
]
Evidence = Annotated[
    list[Path],
    typer.Option(
        "--evidence",
        "-e",
        help="证据文件或目录:证据包、登记方和各部门的日志 files or folders: bundles, exported"
        " logs of the registrar and the departments, signed counts",
    ),
]
Html = Annotated[Path | None, typer.Option("--html", help="写出可打印的网页 page to print")]

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


@app.command(name="trail")
def show(
    at: Terminal,
    who: Who,
    evidence: Evidence,
    html: Html = None,
    pin: RootFile = None,
    documents: Documents = None,
    folder: FolderOption = Path(),
) -> None:
    """谁问了我什么 Who asked what about one person, by whose leave, and whether that is all."""
    places = tuple(map(trail_consents.place, who))
    chain = file_cli.pinned(folder, pin)
    known = file_cli.documents_of(folder, documents)
    own = papers.gather(chain, known)
    found = _trail(places, Reading(trail_evidence.find(evidence), chain, known, own), own)
    if html:
        _write(html, trail_page.write(found, SystemClock().now()))
    trail_screen.show(at, found)
    if not found.complete:
        raise typer.Exit(EXIT_REFUSED)


def _trail(places: tuple[Place, ...], reading: Reading, own: Papers) -> Trail:
    """Read the cases first: the registrar's log is then asked whether it has their tokens."""
    head, entries = reading.registrar_log()
    cases = list(reading.cases())
    wanted = {one.jti for case in cases for one in case.asked if one.jti}
    consents = trail_consents.gather(entries, places, wanted)
    counts = list(reading.counts([one.jti for one in consents.tokens.values() if one.mine]))
    basis = Basis(
        places=places,
        consents=consents,
        counts=counts,
        faults=tuple(reading.faults),
        papers=own,
        witnessed=head.seen,
        size=head.tree.size,
    )
    return trail.build(basis, cases)


def _write(file: Path, page: str) -> None:
    """Write a page about a person, readable by the owner only.

    Raises:
        BadInput: FILE_UNWRITABLE.
    """
    try:
        with os.fdopen(os.open(file, _NEW, 0o600), "w", encoding="utf-8") as handle:
            handle.write(page)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=file.name, folder=file.parent.name) from e
