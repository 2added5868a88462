"""The founder's folder: documents in force, documents that wait for signatures, keys present.

Knows how a document collects the signatures of root keys in one sitting or in several, and that it
comes into force for all at once. Does not know why it is changed: ``changes`` does.

    propose ─→ pending/ ─ sign, by those who hold root keys ─→ enough ─→ signed/, parties' folders

A root document needs enough signatures of the keys before it and enough of its own. While root keys
are exchanged, manifest and policy are signed by the new ones beside the old: they hold under either
root, so that nothing fails while files are copied one by one, the root last.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crypto import envelope
from crypto.envelope import Envelope, Signature
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from federation import catalogue, changes, keyfile, limits, manifest, policy, root
from federation.certificates import Authority, issuers
from federation.changes import Edition
from federation.errors import BadInput, Said
from federation.founding import CA_KEY, OFFLINE, PENDING, ROOT_KEY, SIGNED, write_documents
from federation.manifest import Manifest
from federation.policy import Policy
from federation.root import Chain, Root, RootDocument

TYPES: Final = {
    "policy.json": policy.PAYLOAD_TYPE,
    "manifest.json": manifest.PAYLOAD_TYPE,
    "root.json": root.PAYLOAD_TYPE,
}
"""Documents in the order in which they come into force: the root last, as until then both count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A founder's folder, verified: what is in force there, even if it has come to its end."""

    folder: Path
    now: int
    chain: Chain
    manifest: Manifest
    policy: Policy
    signed: Mapping[str, bytes] = field(repr=False)

    @property
    def root(self) -> Root:
        """The root that is in force."""
        return self.chain.newest.root

    def edition(self) -> Edition:
        """Begin the next version of the manifest."""
        return Edition(
            version=self.manifest.version + 1, now=self.now, until=self.chain.newest.expires
        )

    def party(self, party: str) -> Path | None:
        """Find a party's folder, unless it has been handed over."""
        folder = self.folder / party
        return folder if (folder / "party.toml").is_file() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A document that waits: ``sides`` must each sign as often as it demands."""

    name: str
    envelope: Envelope
    sides: tuple[Root, ...]

    def missing(self) -> int:
        """Count the signatures that are still needed.

        Raises:
            PeerFault: ROOT_SIGNATURE when one that is there does not hold.
        """
        return max(side.threshold - len(side.signers(self.envelope)) for side in self.sides)

    def signed_by(self, keys: Iterable[SigningKey]) -> "Waiting":
        """Add the signatures that count and are not there yet."""
        counting = {kid for side in self.sides for kid in side.keys}
        there = {s.kid for s in self.envelope.signatures}
        mine = [key for key in keys if key.kid in counting - there]
        if not mine:
            return self
        made = envelope.sign(self.envelope.payload, self.envelope.payload_type, *mine)
        return self._with(made.signatures)

    def joined(self, other: Envelope) -> "Waiting":
        """Add the signatures of another copy of the same document."""
        there = {s.kid for s in self.envelope.signatures}
        return self._with(tuple(s for s in other.signatures if s.kid not in there))

    def _with(self, more: Sequence[Signature]) -> "Waiting":
        joined = Envelope(
            payload=self.envelope.payload,
            payload_type=self.envelope.payload_type,
            signatures=(*self.envelope.signatures, *more),
        )
        return Waiting(name=self.name, envelope=joined, sides=self.sides)


def open_home(folder: Path, now: int) -> Home:
    """Verify what is in force.

    Raises:
        BadInput: FILE_MISSING, ROOT_INVALID or POLICY_INVALID.
        PeerFault: ROOT_SIGNATURE, MANIFEST_INVALID or SUITE_UNKNOWN.
    """
    signed = {name: _read(folder / SIGNED / name) for name in TYPES}
    chain = root.read_chain(signed["root.json"])
    pinned = chain.newest.root
    listed = manifest.parse(pinned.open(signed["manifest.json"], manifest.PAYLOAD_TYPE))
    text = pinned.open(signed["policy.json"], policy.PAYLOAD_TYPE)
    return Home(
        folder=folder,
        now=now,
        chain=chain,
        manifest=listed,
        policy=policy.parse(text, catalogue.load()),
        signed=signed,
    )


def propose(home: Home, payloads: Mapping[str, bytes]) -> None:
    """Put documents up for signature; with a root document, all others that it would orphan.

    Raises:
        BadInput: CHANGE_PENDING when others wait already.
    """
    check_free(home)
    drafts = {
        name: Envelope(payload=payload, payload_type=TYPES[name], signatures=())
        for name, payload in payloads.items()
    }
    if "root.json" in payloads:
        following = root.parse(payloads["root.json"]).root
        for name, held in _in_force(home).items():
            if name not in drafts and len(following.signers(held)) < following.threshold:
                drafts[name] = _counting(held, home.root, following)
    documents = {name: envelope.to_json(draft) for name, draft in drafts.items()}
    write_documents(home.folder / PENDING, documents)


def check_free(home: Home) -> None:
    """Refuse to begin a change while another waits for signatures.

    Raises:
        BadInput: CHANGE_PENDING.
    """
    folder = home.folder / PENDING
    if folder.exists() and any(folder.iterdir()):
        raise BadInput("CHANGE_PENDING", folder=folder.name)


def pending(home: Home) -> list[Waiting]:
    """Read what waits for signatures, and hold it to what is in force.

    Raises:
        BadInput: PENDING_INVALID.
        PeerFault: SUITE_UNKNOWN.
    """
    folder = home.folder / PENDING
    there = {name: _read(folder / name) for name in TYPES if (folder / name).is_file()}
    read = {name: _envelope(name, data) for name, data in there.items()}
    following = root.parse(read["root.json"].payload) if "root.json" in read else None
    for name, one in read.items():
        _check(home, name, one, following)
    after = following.root if following else home.root
    return [
        Waiting(
            name=name,
            envelope=one,
            sides=(home.root, after) if name == "root.json" else (after,),
        )
        for name, one in read.items()
    ]


def sign(home: Home, keys: Sequence[SigningKey], others: Iterable[bytes] = ()) -> list[Waiting]:
    """Add signatures by keys and from other copies; what has enough comes into force.

    Gives what still waits, nothing when all is in force.

    Raises:
        BadInput: PENDING_INVALID, NOTHING_PENDING, or ROOT_KEY_UNKNOWN when no key counts here.
        PeerFault: ROOT_SIGNATURE when a signature does not hold.
    """
    waiting = pending(home)
    if not waiting:
        raise BadInput("NOTHING_PENDING", folder=home.folder.name)
    counting = {kid for one in waiting for side in one.sides for kid in side.keys}
    if keys and counting.isdisjoint(key.kid for key in keys):
        raise BadInput("ROOT_KEY_UNKNOWN", kid=keys[0].kid)
    signed = [one.signed_by(keys) for one in waiting]
    for data in others:
        signed = [_joined(one, data) for one in signed]
    left = [one for one in signed if one.missing() > 0]
    documents = {one.name: envelope.to_json(one.envelope) for one in signed}
    write_documents(home.folder / PENDING, documents)
    if not left:
        _publish(home, documents)
    return left


def keys_at_hand(home: Home) -> list[SigningKey]:
    """Unseal the root keys in the founder's folder that count, in force or waiting to be.

    None when they have been taken away, as they should be; those withdrawn may still lie there.

    Raises:
        BadInput: as ``keyfile.load`` and ``pending``.
    """
    files = sorted((home.folder / OFFLINE).glob("root-*.key"))
    counting = set(home.root.keys).union(
        *(side.keys for one in pending(home) for side in one.sides)
    )
    found = [open_key(file, home.folder / OFFLINE / "passphrase") for file in files]
    return [key for key in found if key.kid in counting]


def open_key(file: Path, passphrase: Path) -> SigningKey:
    """Unseal a root key.

    Raises:
        BadInput: as ``keyfile.load``.
    """
    secret = keyfile.read_private(passphrase).strip()
    return SigningKey.from_seed(keyfile.load(file, secret, purpose=ROOT_KEY))


def authority(home: Home) -> Authority:
    """Open the certificate authority that is in force.

    Raises:
        BadInput: FILE_MISSING, CHANGE_INVALID when it is not the one in force; as ``keyfile.load``.
    """
    folder = home.folder / OFFLINE
    trusted = issuers(home.manifest.ca)
    for stem in ("ca.next", "ca"):
        path = folder / f"{stem}.pem"
        if path.is_file() and issuers(path.read_bytes())[0] == trusted[0]:
            secret = keyfile.read_private(folder / "passphrase").strip()
            key = keyfile.load(folder / f"{stem}.key", secret, purpose=CA_KEY)
            return Authority(certificate=trusted[0], key=key)
    raise changes.wrong(
        "root/ 中没有现用的证书机构密钥", "the authority that is in force is not in root/"
    )


def promote_authority(home: Home) -> None:
    """Let an authority that has come into force take the place of the one before it."""
    folder = home.folder / OFFLINE
    path = folder / "ca.next.pem"
    if path.is_file() and issuers(path.read_bytes())[0] == issuers(home.manifest.ca)[0]:
        for kind in ("key", "pem"):
            (folder / f"ca.next.{kind}").replace(folder / f"ca.{kind}")


def described(home: Home, waiting: Iterable[Waiting]) -> Iterator[Said]:
    """Say what the documents that wait would change."""
    for one in waiting:
        payload = one.envelope.payload
        if one.name == "manifest.json":
            after = manifest.parse(payload)
            if after.digest == home.manifest.digest:
                yield Said("成员清单:内容不变,由新根密钥重签", "manifest: as it is, signed anew")
            else:
                yield from changes.describe(home.manifest, after)
        elif one.name == "root.json":
            yield from changes.describe_root(home.chain.newest, root.parse(payload))
        else:
            after_policy = policy.parse(payload, catalogue.load())
            named = f"{after_policy.family} {after_policy.version}"
            yield Said(f"政策:{named}", f"policy: {named}")


def _in_force(home: Home) -> dict[str, Envelope]:
    return {n: _envelope(n, home.signed[n]) for n in ("policy.json", "manifest.json")}


def _counting(held: Envelope, *sides: Root) -> Envelope:
    """Keep the signatures of these roots: those of older ones would fill the envelope up."""
    counting = {kid for side in sides for kid in side.keys}
    kept = tuple(s for s in held.signatures if s.kid in counting)
    return Envelope(payload=held.payload, payload_type=held.payload_type, signatures=kept)


def _check(home: Home, name: str, one: Envelope, following: RootDocument | None) -> None:
    """Refuse to sign what no party would accept."""
    if name == "root.json":
        before = home.chain.newest
        good = following is not None and (following.federation, following.version) == (
            before.federation,
            before.version + 1,
        )
    elif name == "manifest.json":
        listed, until = manifest.parse(one.payload), (following or home.chain.newest).expires
        good = listed.federation == home.manifest.federation and listed.expires <= until
        anew = listed.digest == home.manifest.digest
        good = good and (anew or listed.version == home.manifest.version + 1)
    else:
        rules = policy.parse(one.payload, catalogue.load())
        anew = rules.digest == home.policy.digest
        good = anew or rules.family != home.policy.family or rules.version > home.policy.version
    if not good:
        raise BadInput("PENDING_INVALID", file=name)


def _joined(one: Waiting, data: bytes) -> Waiting:
    try:
        other = envelope.from_json(data, max_bytes=limits.MANIFEST_BYTES)
    except CryptoError as e:
        raise BadInput("PENDING_INVALID", file=one.name) from e
    same = other.payload == one.envelope.payload and other.payload_type == TYPES[one.name]
    return one.joined(other) if same else one


def _publish(home: Home, documents: Mapping[str, bytes]) -> None:
    documents = dict(documents)
    if "root.json" in documents:
        before = home.signed["root.json"].rstrip(b"\n")
        documents["root.json"] = before + b"\n" + documents["root.json"]
    ordered = {name: documents[name] for name in TYPES if name in documents}
    write_documents(home.folder / SIGNED, ordered)
    whole = open_home(home.folder, home.now)
    for party in whole.manifest.parties:
        folder = home.party(party)
        if folder:
            write_documents(folder, whole.signed)
    for name in ordered:
        (home.folder / PENDING / name).unlink()
    (home.folder / PENDING).rmdir()


def _envelope(name: str, data: bytes) -> Envelope:
    try:
        one = envelope.from_json(data, max_bytes=limits.MANIFEST_BYTES)
    except CryptoError as e:
        raise BadInput("PENDING_INVALID", file=name) from e
    if one.payload_type != TYPES[name]:
        raise BadInput("PENDING_INVALID", file=name)
    return one


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise BadInput("FILE_MISSING", file=path.name, folder=path.parent.name) from e
