"""``hedui audit token``, ``receipt`` and ``bundle``: verify files that somebody hands in.

Knows arguments and files. What must hold is known to ``receipts`` and ``bundles``. Needs public
keys only, and no network: the root's versions are the pin of everything.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from auditor import bundles, file_screen, known, papers, receipts, verify
from auditor.papers import Papers
from auditor.receipts import Beside
from federation import limits, root
from federation.clock import SystemClock
from federation.commands import Commands
from federation.consent import Consent
from federation.errors import BadInput, PeerFault
from federation.manifest import Manifest
from federation.root import Chain
from federation.terminal import EXIT_REFUSED, FolderOption, Terminal
from federation.wire.receipt_messages import span

app = Commands()

File = Annotated[Path, typer.Argument(help="what to verify 要核验的文件")]
RootFile = Annotated[
    Path | None, typer.Option("--root", help="pinned root.json 所依据的 root.json")
]
Documents = Annotated[
    list[Path] | None,
    typer.Option("--document", help="manifest or policy, also earlier ones 成员清单或政策,含旧版"),
]
Seeds = Annotated[
    list[Path] | None,
    typer.Option(
        "--seeds",
        help="封存的种子,用 -C 目录中审计员的密钥打开,以重演合计"
        " sealed seeds, opened with the auditor's key in the folder of -C, to replay sums",
    ),
]
Show = Callable[[Terminal, str, PeerFault], None]

_DOCUMENTS: Final = ("manifest.json", "policy.json")


@app.command()
def token(
    at: Terminal,
    file: File,
    pin: RootFile = None,
    documents: Documents = None,
    folder: FolderOption = Path(),
) -> None:
    """核验授权令牌 Verify a consent token: whose it is, and what it allows."""
    data = _read(file, limits.TOKEN_BYTES).rstrip(b"\n")
    document = _papers(folder, pin, documents).newest
    with _judging(at, file, file_screen.refused):
        shown = _token(data, document)
    ended = shown.claims.expires <= SystemClock().now()
    file_screen.token(at, file.name, shown, document, ended=ended)


@app.command()
def receipt(
    at: Terminal,
    file: File,
    shown: Annotated[
        list[Path] | None,
        typer.Option("--token", help="presentation that it names 收据所指的授权令牌"),
    ] = None,
    pin: RootFile = None,
    documents: Documents = None,
    folder: FolderOption = Path(),
) -> None:
    """核验答复收据 Verify an answer's receipt: who asked what, by which consent, what was told."""
    data = _read(file, limits.RECEIPT_BYTES)
    known = _papers(folder, pin, documents)
    tokens = [_read(one, limits.TOKEN_BYTES) for one in shown or ()]
    with _judging(at, file, file_screen.broken):
        found = receipts.check(data, known, Beside.of(tokens))
    file_screen.receipt(at, file.name, found)


@app.command()
def bundle(
    at: Terminal,
    file: File,
    seeds: Seeds = None,
    pin: RootFile = None,
    documents: Documents = None,
    folder: FolderOption = Path(),
) -> None:
    """核验案件证据包 Verify a case's bundle: every receipt and sum, the case and the report."""
    data = _read(file, limits.BUNDLE_BYTES)
    chain, mine = pinned(folder, pin), documents_of(folder, documents)
    brought = known.opened(seeds, folder) if seeds else None
    with _judging(at, file, file_screen.refused):
        found = bundles.check(data, chain, mine, brought)
    file_screen.bundle(at, file.name, found)
    if found.faults:
        raise typer.Exit(EXIT_REFUSED)


def _token(data: bytes, document: Manifest) -> Consent:
    """Verify a token; if it is not genuine, tell which bytes are not."""
    try:
        return verify.token(data, document)
    except PeerFault as error:
        if error.code == "TOKEN_SIGNATURE":
            error.details["bytes"] = span(*verify.token_fault(data, document))
        raise


@contextmanager
def _judging(at: Terminal, file: Path, show: Show) -> Iterator[None]:
    """Show a broken link as the verdict, on standard output, and end with 1.

    Raises:
        typer.Exit: after the verdict.
    """
    try:
        yield
    except PeerFault as error:
        error.details.setdefault("file", file.name)
        show(at, file.name, error)
        raise typer.Exit(EXIT_REFUSED) from error


def _papers(folder: Path, pin: Path | None, documents: list[Path] | None) -> Papers:
    return papers.gather(pinned(folder, pin), documents_of(folder, documents))


def pinned(folder: Path, pin: Path | None) -> Chain:
    """Read the root that everything is pinned to, of the folder if no other is named.

    Raises:
        BadInput: FILE_MISSING; as ``root.read_chain``.
    """
    return root.read_chain(_read(pin or folder / "root.json", limits.MANIFEST_BYTES))


def documents_of(folder: Path, documents: list[Path] | None) -> dict[str, bytes]:
    """Read the documents that are named, and those of the folder that are there, by name.

    Raises:
        BadInput: FILE_MISSING.
    """
    own = [folder / name for name in _DOCUMENTS]
    files = [*(documents or ()), *(one for one in own if one.is_file())]
    return {str(one): _read(one, limits.MANIFEST_BYTES) for one in files}


def _read(file: Path, most: int) -> bytes:
    try:
        with file.open("rb") as handle:
            return handle.read(most + 1)
    except OSError as e:
        raise BadInput("FILE_MISSING", file=file.name, folder=file.parent.name) from e
