"""The root-signed documents that an auditor goes by, and which of them was in force when.

Knows the pinned root, manifests and policies, each with the version of the root that vouches for
it. Does not know files. What was signed by a root that had been replaced by then is not believed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from crypto import envelope
from crypto.envelope import Envelope
from crypto.errors import CryptoError
from federation import catalogue, limits, manifest, policy, root
from federation.errors import BadInput, PeerFault
from federation.manifest import Manifest
from federation.policy import Policy
from federation.receipt import DocumentName
from federation.root import Chain, RootDocument

_TYPES: Final = (manifest.PAYLOAD_TYPE, policy.PAYLOAD_TYPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """The root's versions; documents by digest, each with the version that vouches for it."""

    chain: Chain
    manifests: Mapping[bytes, Manifest] = field(default_factory=dict)
    policies: Mapping[bytes, Policy] = field(default_factory=dict)
    vouched: Mapping[bytes, int] = field(default_factory=dict)

    def manifest_at(self, at: int) -> Manifest:
        """Give the newest manifest that was issued by a time (UTC seconds) and had not ended.

        Raises:
            PeerFault: RECEIPT_MANIFEST.
        """
        least = _root_at(self.chain, at).version
        issued = [
            one
            for digest, one in self.manifests.items()
            if one.issued <= at and self.vouched[digest] >= least
        ]
        newest = max(issued, key=lambda one: one.version, default=None)
        if newest is None or newest.expires <= at:
            raise PeerFault("RECEIPT_MANIFEST", why="none in force")
        return newest

    def check_named(self, name: DocumentName) -> None:
        """Refuse the name of a manifest that is not here.

        Raises:
            PeerFault: RECEIPT_MANIFEST.
        """
        named = self.manifests.get(name.digest)
        if named is None or named.version != name.version:
            raise PeerFault(
                "RECEIPT_MANIFEST", why=f"version {name.version}", named=name.digest.hex()
            )

    def policy_named(self, name: DocumentName, at: int) -> Policy:
        """Give a policy by its name, if it was in force at a time.

        Raises:
            PeerFault: RECEIPT_POLICY.
        """
        named = self.policies.get(name.digest)
        if named is None or named.version != name.version:
            why = f"version {name.version}"
            raise PeerFault("RECEIPT_POLICY", why=why, named=name.digest.hex())
        if self.vouched[name.digest] < _root_at(self.chain, at).version:
            raise PeerFault("RECEIPT_POLICY", why="root")
        return named

    def policy_of(self, family: str, version: int, at: int) -> Policy:
        """Give the version of a policy that was gone by at a time, if it was in force then.

        Raises:
            PeerFault: RECEIPT_POLICY.
        """
        for rules in self.policies.values():
            if (rules.family, rules.version) == (family, version):
                return self.policy_named(DocumentName(version=version, digest=rules.digest), at)
        raise PeerFault("RECEIPT_POLICY", why=f"{family} {version}")

    @property
    def newest(self) -> Manifest:
        """The manifest with the highest version.

        Raises:
            PeerFault: RECEIPT_MANIFEST when there is none.
        """
        if not self.manifests:
            raise PeerFault("RECEIPT_MANIFEST", why="none")
        return max(self.manifests.values(), key=lambda one: one.version)


def gather(chain: Chain, documents: Mapping[str, bytes]) -> Papers:
    """Read manifests and policies by file name, each signed by enough keys of a root's version.

    Raises:
        BadInput: POLICY_INVALID.
        PeerFault: ROOT_SIGNATURE, MANIFEST_INVALID, SUITE_UNKNOWN, or VERSION_REUSED when two
            different manifests have one version.
    """
    manifests: dict[bytes, Manifest] = {}
    policies: dict[bytes, Policy] = {}
    vouched: dict[bytes, int] = {}
    for name, document in documents.items():
        try:
            signed = _read(document)
            version = _voucher(chain, signed)
            if signed.payload_type == manifest.PAYLOAD_TYPE:
                one = manifest.parse(signed.payload)
                manifests[one.digest] = one
            else:
                rules = policy.parse(signed.payload, catalogue.load())
                policies[rules.digest] = rules
        except (BadInput, PeerFault) as error:
            error.details["file"] = name
            raise
        digest = sha256(signed.payload).digest()
        vouched[digest] = max(version, vouched.get(digest, 0))
    _check_versions(manifests.values(), chain.newest.federation)
    return Papers(chain=chain, manifests=manifests, policies=policies, vouched=vouched)


def joined(pinned: Chain, other: Chain) -> Chain:
    """Go on from the pinned root with versions that it vouches for.

    Raises:
        PeerFault: BUNDLE_ROOT when they are another root's.
    """
    last = min(pinned.newest.version, other.newest.version)
    mine, theirs = pinned.version(last), other.version(last)
    if mine is None or theirs is None or mine.digest != theirs.digest:
        raise PeerFault("BUNDLE_ROOT", version=last)
    later = (one for one in other.documents if one.version > pinned.newest.version)
    return Chain((*pinned.documents, *later))


def chain_of(data: bytes) -> Chain:
    """Read the root's versions out of somebody else's evidence.

    Raises:
        PeerFault: BUNDLE_ROOT.
    """
    try:
        return root.read_chain(data)
    except (BadInput, PeerFault) as e:
        raise PeerFault("BUNDLE_ROOT", why=e.code) from e


def _read(document: bytes) -> Envelope:
    try:
        signed = envelope.from_json(document, max_bytes=limits.MANIFEST_BYTES)
    except CryptoError as e:
        raise PeerFault("ROOT_SIGNATURE", document="document") from e
    if signed.payload_type not in _TYPES:
        raise PeerFault("ROOT_SIGNATURE", document=signed.payload_type[:64])
    return signed


def _voucher(chain: Chain, signed: Envelope) -> int:
    """Find the newest version of the root that has signed a document.

    Raises:
        PeerFault: ROOT_SIGNATURE.
    """
    for version in reversed(chain.documents):
        try:
            version.root.believe(signed, signed.payload_type)
        except PeerFault:
            continue
        return version.version
    raise PeerFault("ROOT_SIGNATURE", document=signed.payload_type)


def _root_at(chain: Chain, at: int) -> RootDocument:
    issued = (one for one in reversed(chain.documents) if one.issued <= at)
    newest = next(issued, None)
    if newest is None or newest.expires <= at:
        raise PeerFault("RECEIPT_MANIFEST", why="no root in force")
    return newest


def _check_versions(manifests: Iterable[Manifest], federation: str) -> None:
    versions: set[int] = set()
    for one in manifests:
        if one.federation != federation:
            raise PeerFault("MANIFEST_INVALID", why="federation")
        if one.version in versions:
            raise PeerFault("VERSION_REUSED", document="manifest", version=one.version)
        versions.add(one.version)
