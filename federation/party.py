"""One party's installation: its folder with settings, documents, certificate and sealed keys.

Knows the layout of the folder, the same for every role. Does not know what a role does with it.

    party.toml      settings                     signing.key   sealed seed of the signing key
    root.json       root keys, all versions      tls.key       sealed TLS key; its certificate
    manifest.json   root-signed manifest                       stands in the manifest
    policy.json     root-signed policy           passphrase    opens the sealed files, see settings
    data/           this party's own state, with the versions of documents it has used (pins.json)
"""

import fcntl
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

from crypto.keys import SigningKey
from federation import catalogue, certificates, keyfile, manifest, pins, policy, root
from federation.errors import BadInput, PeerFault
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.pins import Pins, Seen
from federation.policy import Policy
from federation.root import RootDocument
from federation.wire.channel import TlsIdentity
from federation.wire.tap import Tap, to_folder

SIGNING: Final = "hedui/signing"
TLS: Final = "hedui/tls"
_RENEWABLE: Final = ("root.json", "manifest.json", "policy.json", "signing.key", "tls.key")
_KEYS: Final = {
    **dict.fromkeys(("party", "listen", "data", "passphrase", "record_wire"), str),
    **dict.fromkeys((role.value for role in PartyRole), dict),
}
"""What may stand in ``party.toml``, with its type; each role has its own table."""


Stamp = tuple[tuple[int, int, int] | None, ...]
"""When and how each file of an installation was last written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The verified documents of a federation, and which versions they are."""

    root: RootDocument
    manifest: Manifest
    policy: Policy
    seen: Pins


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """What a renewal exchanges as a whole: documents, this party's entry in them, its keys."""

    documents: Documents
    entry: PartyEntry
    key: SigningKey = field(repr=False)
    tls: TlsIdentity = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Party:
    """An opened installation: settings for good, and papers that ``renew`` exchanges in one step.

    What a request needs is taken from here when it comes: whoever keeps a manifest or a key for
    longer keeps an old one.
    """

    folder: Path
    listen: str
    data: Path
    settings: Mapping[str, Any]
    papers: Papers
    stamp: Stamp = field(repr=False)
    tap: Tap | None = field(repr=False, default=None)

    @property
    def id(self) -> str:
        """The id of this party."""
        return self.papers.entry.id

    @property
    def entry(self) -> PartyEntry:
        """What the manifest says of this party."""
        return self.papers.entry

    @property
    def manifest(self) -> Manifest:
        """The manifest in use."""
        return self.papers.documents.manifest

    @property
    def policy(self) -> Policy:
        """The policy in use."""
        return self.papers.documents.policy

    @property
    def key(self) -> SigningKey:
        """The key that this party signs with now."""
        return self.papers.key

    @property
    def tls(self) -> TlsIdentity:
        """The certificate and key of its connections."""
        return self.papers.tls

    def pin(self) -> None:
        """Remember the documents in use for good; for whoever holds the data folder's lock.

        Raises:
            BadInput, PeerFault: as ``pins.keep``.
        """
        pins.keep(self.data, self.papers.documents.seen)

    def secret(self, name: str, purpose: str) -> bytes:
        """Open another sealed file of this party.

        Raises:
            BadInput: as ``keyfile.load``.
        """
        return keyfile.load(self.folder / name, passphrase(self.folder), purpose=purpose)


def passphrase(folder: Path) -> bytes:
    """Read the passphrase of a party's sealed files from where ``party.toml`` says that it lies.

    Raises:
        BadInput: as ``keyfile.read_private`` and ``read_settings``.
    """
    settings = read_settings(folder) if (folder / "party.toml").exists() else {}
    named = settings.get("passphrase", "passphrase")
    return keyfile.read_private(folder / named).strip()


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


def load(folder: Path, role: PartyRole | None, now: int) -> Party:
    """Open an installation of a role, or of whatever it is; verify its documents, unseal its keys.

    Raises:
        BadInput: a file is missing or wrong; PARTY_ROLE when the folder is another role's.
        PeerFault: a document's signature, version or expiry is wrong, or it is older than one used.
    """
    settings = read_settings(folder)
    data = folder / settings.get("data", "data")
    try:
        data.mkdir(mode=0o700, exist_ok=True)
    except OSError as e:
        raise BadInput("SETTINGS_INVALID", file="party.toml", why="data") from e
    stamp = stamp_of(folder)
    documents = read_documents(folder, data, now)
    entry = _entry(documents, settings["party"], role)
    key, tls = _keys(folder, entry)
    return Party(
        folder=folder,
        listen=settings.get("listen", entry.endpoint),
        data=data,
        settings=settings.get(entry.role.value, {}),
        papers=Papers(documents=documents, entry=entry, key=key, tls=tls),
        stamp=stamp,
        tap=_tap(settings, entry.id, documents.manifest),
    )


def renew(party: Party, now: int) -> None:
    """Take over what lies in the folder now: documents as a whole, then keys as a whole.

    Verified documents count even where this party's own keys do not fit them any more: else a key
    that was withdrawn from somebody would be believed here for as long as that lasts.

    Raises:
        BadInput, PeerFault: as ``load``; what was not taken over stays as it was.
    """
    documents = read_documents(party.folder, party.data, now)
    pins.keep(party.data, documents.seen)
    entry = documents.manifest.parties.get(party.id, party.entry)
    party.papers = replace(party.papers, documents=documents, entry=entry)
    entry = _entry(documents, party.id, party.entry.role)
    key, tls = _keys(party.folder, entry)
    party.papers = replace(party.papers, key=key, tls=tls)


def read_documents(folder: Path, data: Path, now: int) -> Documents:
    """Verify the three signed documents of a folder, and that none is older than those used.

    Raises:
        BadInput: FILE_MISSING, ROOT_INVALID, POLICY_INVALID or PINS_INVALID.
        PeerFault: ROOT_SIGNATURE, ROOT_EXPIRED, ROOT_ROLLED_BACK, MANIFEST_INVALID,
            MANIFEST_EXPIRED, MANIFEST_ROLLED_BACK, POLICY_ROLLED_BACK, SUITE_UNKNOWN or
            VERSION_REUSED.
    """
    known = pins.read(data)
    chain = root.read_chain(_read(folder, "root.json"))
    seen = {pins.ROOT: pins.check_root(known, chain)}
    newest = chain.newest
    newest.check_current(now)
    listed = manifest.read(_read(folder, "manifest.json"), newest.root, now=now)
    if listed.federation != newest.federation or listed.expires > newest.expires:
        raise PeerFault("MANIFEST_INVALID", why="root")
    text = newest.root.open(_read(folder, "policy.json"), policy.PAYLOAD_TYPE)
    rules = policy.parse(text, catalogue.load())
    seen[pins.MANIFEST] = Seen(version=listed.version, digest=listed.digest)
    seen[pins.POLICY + rules.family] = Seen(version=rules.version, digest=rules.digest)
    for name, one in seen.items():
        pins.check(known, name, one)
    return Documents(root=newest, manifest=listed, policy=rules, seen=seen)


def stamp_of(folder: Path) -> Stamp:
    """Tell when the files were written that a renewal would read."""
    return tuple(_written(folder / name) for name in _RENEWABLE)


def _written(file: Path) -> tuple[int, int, int] | None:
    try:
        info = file.stat()
    except OSError:
        return None
    return info.st_ino, info.st_mtime_ns, info.st_size


def _entry(documents: Documents, party: str, role: PartyRole | None) -> PartyEntry:
    try:
        return documents.manifest.party(party, role)
    except PeerFault as e:
        raise BadInput("PARTY_ROLE", party=party, role=role or "party") from e


def _keys(folder: Path, entry: PartyEntry) -> tuple[SigningKey, TlsIdentity]:
    """Unseal the keys of a folder, as far as the manifest lists them."""
    secret = passphrase(folder)
    seed = keyfile.load(folder / "signing.key", secret, purpose=SIGNING)
    tls = keyfile.load(folder / "tls.key", secret, purpose=TLS)
    made = (SigningKey.from_seed(seed, listed.suite) for listed in entry.keys.values())
    key = next((key for key in made if key.kid in entry.keys), None)
    if key is None:
        raise BadInput("KEY_NOT_LISTED", party=entry.id)
    certificate = certificates.fitting(entry.certificates, tls)
    if certificate is None:
        raise BadInput("CERTIFICATE_NOT_LISTED", party=entry.id)
    return key, TlsIdentity(certificate=certificate, key=tls)


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
