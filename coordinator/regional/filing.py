"""Where sheets, property rules and standards lie: shipped with the program, or in a folder, signed.

Knows files and root signatures. A federation at work uses only what its root keys have signed; what
is shipped is unsigned, a template, and is used as it is in demonstrations alone. Does not know what
the files say.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from coordinator.casework import programmes
from coordinator.casework.programmes import Programmes
from coordinator.regional import shelf
from coordinator.regional.shelf import Shelf, Shelved
from crypto import envelope
from crypto.envelope import Envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from federation import catalogue, limits
from federation.errors import BadInput, PeerFault
from federation.ids import DEMONSTRATION_PROVINCE
from federation.root import Root

PAYLOAD_TYPE: Final = "application/vnd.hedui.programme.v1+toml"
FOLDER: Final = "programmes"
"""Where a centre keeps them in its own folder."""
_LINES: Final = "lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """One file that was read: its text, and whether enough root keys have signed it."""

    name: str
    text: str
    signed: bool


@cache
def shipped() -> tuple[Filed, ...]:
    """Read what comes with the program."""
    data = resources.files("coordinator").joinpath("data")
    places = [data.joinpath("lines.toml"), data.joinpath("standards.toml")]
    for folder in ("programmes", "property"):
        places += sorted(data.joinpath(folder).iterdir(), key=lambda one: one.name)
    return tuple(Filed(name=one.name, text=one.read_text("utf-8"), signed=False) for one in places)


def local(folder: Path, root: Root | None) -> tuple[Filed, ...]:
    """Read a folder's files: ``.json`` is signed and has to hold, ``.toml`` is unsigned.

    Raises:
        BadInput: PROGRAMMES_INVALID when a file is not readable.
        PeerFault: ROOT_SIGNATURE.
    """
    names = sorted(one for one in folder.glob("*") if one.suffix in {".json", ".toml"})
    return tuple(_read(path, root) for path in names)


def chosen(files: Iterable[Filed], *, demonstration: bool) -> tuple[Filed, ...]:
    """Choose what may be used: everything in a demonstration, else what is signed, and lines.

    A line is no rule: nothing can be asked by it before root keys have signed it in a policy.
    """
    return tuple(
        one for one in files if demonstration or one.signed or _row(one).get("kind") == _LINES
    )


def merged(base: Iterable[Filed], own: Sequence[Filed]) -> tuple[Filed, ...]:
    """Put files beside others, in place of those about the same thing for the same area."""
    taken = {_about(one) for one in own} - {None}
    return (*(one for one in base if _about(one) not in taken), *own)


def stand(files: Iterable[Filed]) -> Shelf:
    """Read files into a shelf.

    Raises:
        BadInput: PROGRAMMES_INVALID.
    """
    return shelf.read([(one.name, one.text) for one in files], catalogue.load())


@cache
def stock() -> Shelf:
    """Give the shelf of what is shipped.

    Raises:
        BadInput: PROGRAMMES_INVALID.
    """
    return stand(shipped())


def installed(folder: Path, root: Root, *, demonstration: bool) -> Programmes:
    """Give the programmes of a centre: from its own folder and, in a demonstration, shipped ones.

    Raises:
        BadInput: PROGRAMMES_INVALID.
        PeerFault: ROOT_SIGNATURE.
    """
    own = chosen(local(folder / FOLDER, root), demonstration=demonstration)
    found = stock()
    if own or not demonstration:
        found = stand(merged(chosen(shipped(), demonstration=demonstration), own))
    return shelved(found, demonstration=demonstration)


def shelved(found: Shelf, *, demonstration: bool) -> Shelved:
    """Put the demonstration city's own programmes over a shelf, in a demonstration alone."""
    layer = programmes.load() if demonstration else Programmes(programmes={}, plans={})
    named = {one.id: one.own for one in found.sheets}
    return Shelved(
        programmes=named | dict(layer.programmes),
        plans=layer.plans,
        shelf=found,
        layer=layer,
        layer_area=DEMONSTRATION_PROVINCE,
    )


def look(document: bytes) -> Envelope:
    """Open a text, which nobody has signed yet, or an envelope, without believing it.

    Raises:
        PeerFault: ROOT_SIGNATURE when it is an envelope of something else.
    """
    if not document.startswith(b"{"):  # TOML never begins with a brace
        return Envelope(payload=document, payload_type=PAYLOAD_TYPE, signatures=())
    try:
        found = envelope.from_json(document, max_bytes=limits.MANIFEST_BYTES)
    except CryptoError as e:
        raise PeerFault("ROOT_SIGNATURE", document=PAYLOAD_TYPE) from e
    if found.payload_type != PAYLOAD_TYPE:
        raise PeerFault("ROOT_SIGNATURE", document=PAYLOAD_TYPE)
    return found


def countersign(before: Envelope, keys: Iterable[SigningKey]) -> Envelope:
    """Add the signatures of those keys that have not signed yet."""
    there = {one.kid for one in before.signatures}
    mine = [key for key in keys if key.kid not in there]
    if not mine:
        return before
    added = envelope.sign(before.payload, PAYLOAD_TYPE, *mine).signatures
    return replace(before, signatures=before.signatures + added)


def text_of(document: Envelope, name: str) -> str:
    """Give the text that is signed.

    Raises:
        BadInput: PROGRAMMES_INVALID.
    """
    try:
        return document.payload.decode("utf-8")
    except UnicodeDecodeError as e:
        raise BadInput(programmes.INVALID, where=name, why="is not UTF-8") from e


def _about(file: Filed) -> tuple[str, str, str] | None:
    """Name what a file is about; nothing where it holds rows that need no place of their own."""
    row = _row(file)
    if "id" not in row:
        return None
    return str(row.get("kind")), str(row["id"]), str(row.get("area"))


def _row(file: Filed) -> dict[str, Any]:
    """Read a file as it is."""
    try:
        return tomllib.loads(file.text)
    except tomllib.TOMLDecodeError:
        return {}  # whoever reads it says what is wrong


def _read(path: Path, root: Root | None) -> Filed:
    try:
        data = path.read_bytes()
    except OSError as e:
        raise BadInput("FILE_MISSING", file=path.name, folder=path.parent.name) from e
    found = look(data)
    signed = path.suffix == ".json"
    if signed and root is not None:
        root.believe(found, PAYLOAD_TYPE)
    return Filed(name=path.name, text=text_of(found, path.name), signed=signed and root is not None)
