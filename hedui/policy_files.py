"""Policies as files: plain text before they are signed, DSSE afterwards.

Knows where root keys and documents lie beside each other. Does not know what is shown.
"""

from dataclasses import dataclass
from pathlib import Path

from crypto import envelope
from crypto.envelope import Envelope
from crypto.errors import CryptoError
from federation import catalogue, limits, policy, root
from federation.errors import BadInput, PeerFault, Said
from federation.policy import Policy
from federation.root import Root

UNSIGNED = Said("尚未签名", "not signed")
UNCHECKED = Said("签名未核(没有 root.json)", "signatures not checked (no root.json)")
"""How a policy stands where nobody has vouched for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A policy that was read: its text, its envelope if it has one, and who vouches for it."""

    path: Path
    text: bytes
    policy: Policy
    signed: Envelope | None
    root: Root | None

    @property
    def signers(self) -> frozenset[str]:
        """The root keys that have signed; none where no root is known.

        Raises:
            PeerFault: ROOT_SIGNATURE when a root key's signature does not hold.
        """
        if self.signed is None or self.root is None:
            return frozenset()
        return self.root.signers(self.signed)

    @property
    def complete(self) -> bool:
        """Whether enough root keys have signed."""
        return self.root is not None and len(self.signers) >= self.root.threshold

    def state(self) -> Said:
        """Say how it stands with the signatures.

        Raises:
            PeerFault: as ``signers``.
        """
        if self.signed is None:
            return UNSIGNED
        if self.root is None:
            return UNCHECKED
        count, needed = len(self.signers), self.root.threshold
        if count >= needed:
            return Said(f"根签名有效({count} 把)", f"root signatures hold ({count})")
        return Said(f"已签 {count} 把,须 {needed} 把", f"{count} of {needed} root keys have signed")


def read(path: Path, root_file: Path | None = None) -> Document:
    """Read a policy, plain or signed; the root is ``root_file``, else ``root.json`` beside it.

    Raises:
        BadInput: FILE_MISSING, ROOT_INVALID or POLICY_INVALID.
        PeerFault: ROOT_SIGNATURE when it is signed but no policy.
    """
    data = load(path)
    signed = _envelope(data)
    text = data if signed is None else signed.payload
    found = root_file or path.with_name("root.json")
    return Document(
        path=path,
        text=text,
        policy=policy.parse(text, catalogue.load()),
        signed=signed,
        root=root.read(load(found)) if root_file or found.is_file() else None,
    )


def load(path: Path) -> bytes:
    """Read a file.

    Raises:
        BadInput: FILE_MISSING.
    """
    try:
        return path.read_bytes()
    except OSError as e:
        raise BadInput("FILE_MISSING", file=path.name, folder=path.parent.name or ".") from e


def _envelope(data: bytes) -> Envelope | None:
    """Open what is JSON; TOML never begins with a brace."""
    if not data.startswith(b"{"):
        return None
    try:
        signed = envelope.from_json(data, max_bytes=limits.MANIFEST_BYTES)
    except CryptoError as e:
        raise PeerFault("ROOT_SIGNATURE", document=policy.PAYLOAD_TYPE) from e
    if signed.payload_type != policy.PAYLOAD_TYPE:
        raise PeerFault("ROOT_SIGNATURE", document=policy.PAYLOAD_TYPE)
    return signed
