"""Which signed documents a party has used: it never goes back to an older one (protocol §1).

Knows a small file in the party's data folder, versions and digests. Does not know what a document
says or who signed it. Whoever holds the data folder's lock writes; anybody of the party may look.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from federation import keyfile
from federation.errors import BadInput, PeerFault
from federation.root import Chain
from federation.strictjson import dumps, exactly, loads

FILE: Final = "pins.json"
ROOT: Final = "root"
MANIFEST: Final = "manifest"
POLICY: Final = "policy "
"""Prefix: each family of policies counts for itself."""

_FIELDS: Final = frozenset({"version", "digest"})
_DIGEST: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A document in use: its version and the SHA-256 of its payload."""

    version: int
    digest: bytes


Pins = Mapping[str, Seen]


def read(data: Path) -> Pins:
    """Read what a party has used; nothing before its first start.

    Raises:
        BadInput: PINS_INVALID: a damaged memory is not taken for an empty one.
    """
    path = data / FILE
    try:
        raw = loads(path.read_bytes(), FILE)
        return {name: _seen(row) for name, row in raw.items()}
    except FileNotFoundError:
        return {}
    except (OSError, PeerFault, AttributeError, TypeError, ValueError) as e:
        raise BadInput("PINS_INVALID", file=FILE, folder=data.name) from e


def check(pins: Pins, name: str, seen: Seen) -> None:
    """Refuse a document older than the one in use, and another one of the same version.

    Raises:
        PeerFault: ROOT_ROLLED_BACK, MANIFEST_ROLLED_BACK, POLICY_ROLLED_BACK or VERSION_REUSED.
    """
    pinned = pins.get(name)
    if pinned is None or seen.version > pinned.version:
        return
    if seen.version < pinned.version:
        raise _rolled_back(name, seen.version, pinned.version)
    if seen.digest != pinned.digest:
        raise PeerFault("VERSION_REUSED", document=name, version=seen.version)


def check_root(pins: Pins, chain: Chain) -> Seen:
    """Refuse root documents that do not lead on from the one in use.

    Raises:
        PeerFault: ROOT_ROLLED_BACK, VERSION_REUSED, or ROOT_SIGNATURE when they do not reach back
            to it: then nobody whom this party trusts has vouched for them.
    """
    newest = chain.newest
    seen = Seen(version=newest.version, digest=newest.digest)
    pinned = pins.get(ROOT)
    if pinned is not None and newest.version > pinned.version:
        then = chain.version(pinned.version)
        if then is None:
            raise PeerFault("ROOT_SIGNATURE", document=ROOT)
        check(pins, ROOT, Seen(version=then.version, digest=then.digest))
    check(pins, ROOT, seen)
    return seen


def keep(data: Path, seen: Pins) -> None:
    """Remember what is in use, durably; what was seen under other names stays.

    Raises:
        BadInput: PINS_INVALID, or FILE_UNWRITABLE.
        PeerFault: as ``check``, when somebody remembered a newer one meanwhile.
    """
    before = read(data)
    for name, one in seen.items():
        check(before, name, one)
    after = {**before, **seen}
    if after == before:
        return
    rows = {n: {"version": s.version, "digest": s.digest.hex()} for n, s in after.items()}
    try:
        keyfile.write_private(data / FILE, dumps(rows))
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=FILE, folder=data.name) from e


def _rolled_back(name: str, version: int, seen: int) -> PeerFault:
    if name == ROOT:
        return PeerFault("ROOT_ROLLED_BACK", version=version, seen=seen)
    if name == MANIFEST:
        return PeerFault("MANIFEST_ROLLED_BACK", version=version, seen=seen)
    return PeerFault("POLICY_ROLLED_BACK", version=version, seen=seen)


def _seen(value: object) -> Seen:
    row = exactly(value, _FIELDS, FILE)
    version, digest = row["version"], bytes.fromhex(row["digest"])
    if type(version) is not int or len(digest) != _DIGEST:
        raise ValueError(FILE)
    return Seen(version=version, digest=digest)
