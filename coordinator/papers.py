"""The manifests and policies that were in force when answers came, kept for the proofs of them.

Knows a folder and the names that documents have in a bundle. Believes what the party itself goes
by; whoever reads a bundle verifies them anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crypto import envelope
from crypto.errors import CryptoError
from federation import bundle, catalogue, keyfile, limits, manifest, policy
from federation.errors import BadInput
from federation.manifest import Manifest
from federation.party import Party
from federation.policy import Policy
from federation.receipt import DocumentName

FOLDER: Final = "proofs"
_PLACE: Final = "documents/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """Documents by their names in a bundle, and what stands in them."""

    files: Mapping[str, bytes] = field(repr=False)
    manifests: tuple[Manifest, ...]
    policies: tuple[Policy, ...]

    def manifest_at(self, at: int) -> DocumentName:
        """Name the newest manifest that was issued by a time, or the newest where none was."""
        issued = [one for one in self.manifests if one.issued <= at]
        newest = max(issued or self.manifests, key=lambda one: one.version)
        return DocumentName(version=newest.version, digest=newest.digest)

    def policy(self, version: int, family: str) -> DocumentName:
        """Name the policy of a version and a family, if that is told; no digest if none is kept."""
        same = (one for one in self.policies if family in {"", one.family})
        digests = (one.digest for one in same if one.version == version)
        return DocumentName(version=version, digest=next(digests, bytes(32)))


def keep(party: Party) -> Path:
    """Keep what a party goes by now; give the folder.

    Raises:
        BadInput: FILE_MISSING or FILE_UNWRITABLE.
    """
    folder = party.data / FOLDER
    names = {
        "manifest.json": f"manifest-{party.manifest.version}.json",
        "policy.json": f"policy-{party.policy.digest.hex()[:16]}.json",
    }
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for source, name in names.items():
            document = _file(party, source)
            target = folder / name
            if not target.exists() or target.read_bytes() != document:
                keyfile.write_private(target, document)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=FOLDER, folder=party.data.name) from e
    return folder


def read(party: Party) -> Papers:
    """Read all that is kept, and the root's versions.

    Raises:
        BadInput: FILE_MISSING, FILE_UNWRITABLE, or POLICY_INVALID of a damaged file.
        PeerFault: MANIFEST_INVALID of a damaged file.
    """
    kept = {one.name: one.read_bytes() for one in sorted(keep(party).glob("*.json"))}
    payloads = {name: _payload(document) for name, document in kept.items()}
    known = catalogue.load()
    files = {f"{_PLACE}{name}": document for name, document in kept.items()}
    return Papers(
        files={**files, bundle.ROOT: _file(party, "root.json")},
        manifests=tuple(manifest.parse(p) for n, p in payloads.items() if n[0] == "m"),
        policies=tuple(policy.parse(p, known) for n, p in payloads.items() if n[0] == "p"),
    )


def _file(party: Party, name: str) -> bytes:
    try:
        return (party.folder / name).read_bytes()
    except OSError as e:
        raise BadInput("FILE_MISSING", file=name, folder=party.folder.name) from e


def _payload(document: bytes) -> bytes:
    try:
        return envelope.from_json(document, max_bytes=limits.MANIFEST_BYTES).payload
    except CryptoError:
        return b""
