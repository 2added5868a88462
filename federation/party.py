"""One party's installation: its folder with settings, documents, certificate and sealed keys.

Knows the layout of the folder, the same for every role. Does not know what a role does with it.

    party.toml      settings                     signing.key   sealed Ed25519 seed
    root.json       pinned root keys             tls.key       sealed TLS key
    manifest.json   root-signed manifest         tls.pem       certificate
    policy.json     root-signed policy           passphrase    opens the sealed files
    data/           this party's own state
"""

import fcntl
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from crypto.keys import SigningKey
from federation import catalogue, keyfile, manifest, policy, root
from federation.errors import BadInput, PeerFault
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.policy import Policy
from federation.wire.channel import TlsIdentity
from federation.wire.tap import Tap, to_folder

SIGNING: Final = "hedui/signing"
TLS: Final = "hedui/tls"
_KEYS: Final = {
    **dict.fromkeys(("party", "listen", "data", "record_wire"), str),
    **dict.fromkeys((role.value for role in PartyRole), dict),
}
"""What may stand in ``party.toml``, with its type; each role has its own table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """An opened installation: verified documents, unsealed keys, parsed settings."""

    folder: Path
    entry: PartyEntry
    manifest: Manifest
    policy: Policy
    key: SigningKey = field(repr=False)
    tls: TlsIdentity = field(repr=False)
    listen: str
    data: Path
    settings: Mapping[str, Any]
    tap: Tap | None = field(repr=False, default=None)

    @property
    def id(self) -> str:
        """This party's id."""
        return self.entry.id

    def secret(self, name: str, purpose: str) -> bytes:
        """Open another sealed file of this party.

        Raises:
            BadInput: as ``keyfile.load``.
        """
        return keyfile.load(self.folder / name, passphrase(self.folder), purpose=purpose)


def passphrase(folder: Path) -> bytes:
    """Read the passphrase of a party's sealed files.

    Raises:
        BadInput: as ``keyfile.read_private``.
    """
    return keyfile.read_private(folder / "passphrase").strip()


def read_settings(folder: Path) -> dict[str, Any]:
    """Parse ``party.toml``.

    Raises:
        BadInput: SETTINGS_INVALID with the file and what is wrong.
    """
    path = folder / "party.toml"
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise BadInput("SETTINGS_INVALID", file=path.name, why=str(e)) from e
    for name, value in raw.items():
        if type(value) is not _KEYS.get(name):
            raise BadInput("SETTINGS_INVALID", file=path.name, why=name)
    if not raw.get("party"):
        raise BadInput("SETTINGS_INVALID", file=path.name, why="party")
    return raw


def load(folder: Path, role: PartyRole, now: int) -> Party:
    """Open an installation, verify its documents and unseal its keys.

    Raises:
        BadInput: a file is missing or wrong; PARTY_ROLE when the folder is another role's.
        PeerFault: a document's signature, version or expiry is wrong.
    """
    settings = read_settings(folder)
    pinned = root.read(_read(folder, "root.json"))
    document = manifest.read(_read(folder, "manifest.json"), pinned, now=now)
    rules = policy.parse(
        pinned.open(_read(folder, "policy.json"), policy.PAYLOAD_TYPE), catalogue.load()
    )
    try:
        entry = document.party(settings["party"], role)
    except PeerFault as e:
        raise BadInput("PARTY_ROLE", party=settings["party"], role=role.value) from e
    secret = passphrase(folder)
    key = SigningKey.from_seed(keyfile.load(folder / "signing.key", secret, purpose=SIGNING))
    if key.kid not in entry.keys:
        raise BadInput("KEY_NOT_LISTED", party=entry.id)
    tls = TlsIdentity(
        certificate=_read(folder, "tls.pem"),
        key=keyfile.load(folder / "tls.key", secret, purpose=TLS),
    )
    data = folder / settings.get("data", "data")
    try:
        data.mkdir(mode=0o700, exist_ok=True)
    except OSError as e:
        raise BadInput("SETTINGS_INVALID", file="party.toml", why="data") from e
    return Party(
        folder=folder,
        entry=entry,
        manifest=document,
        policy=rules,
        key=key,
        tls=tls,
        listen=settings.get("listen", entry.endpoint),
        data=data,
        settings=settings.get(role.value, {}),
        tap=_tap(settings, entry.id, document),
    )


def lock(data: Path) -> IO[bytes]:
    """Hold a data folder for this process alone, until the file is closed or the process ends.

    Raises:
        BadInput: DATA_FOLDER_IN_USE when another process holds it.
    """
    handle = (data / "lock").open("ab")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        handle.close()
        raise BadInput("DATA_FOLDER_IN_USE", folder=data.name) from e
    os.truncate(handle.fileno(), 0)
    handle.write(str(os.getpid()).encode())
    handle.flush()
    return handle


def private_file(path: Path) -> None:
    """Make an empty file that its owner alone can read, or close one that is there to others.

    A file that is there is not opened: closing it would end this process's SQLite locks on it.

    Raises:
        OSError: as the system says.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        path.chmod(0o600)


def _tap(settings: Mapping[str, Any], party: str, document: Manifest) -> Tap | None:
    folder = settings.get("record_wire")
    if not folder:
        return None
    if not document.demonstration:
        raise BadInput("RECORDER_FORBIDDEN")
    return to_folder(Path(folder), party)


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as e:
        raise BadInput("FILE_MISSING", file=name, folder=folder.name) from e
