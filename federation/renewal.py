"""A party's next key or certificate: made where it is used, asked for, and taken into use.

Knows the files of a party's folder and the signed request that goes to the holders of root keys.
No secret leaves the folder. Does not know how the request is granted: ``changes.renew`` does.

    renew ─ next key made, request written ─→ granted: the manifest lists old and new
          ─→ everybody has that manifest ─ switch ─→ the new one is used ─→ the old one is withdrawn
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crypto import envelope
from crypto.errors import CryptoError
from crypto.keys import SealCost, SigningKey, VerifyKey
from federation import certificates, keyentry, keyfile, limits
from federation.errors import BadInput, PeerFault
from federation.manifest import PartyEntry
from federation.party import SIGNING, TLS, passphrase, read_settings
from federation.strictjson import dumps, exactly, loads

PAYLOAD_TYPE: Final = "application/vnd.hedui.renewal.v1+json"
NEXT_KEY: Final = "signing.next.key"
NEXT_TLS: Final = "tls.next.key"

_FIELDS: Final = frozenset({"party", "issued", "key", "csr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What a party asks for: to have a key listed, or a certificate issued (PEM request)."""

    party: str
    issued: int
    key: VerifyKey | None = None
    csr: bytes = b""


def ask_for_key(folder: Path, now: int, cost: SealCost = SealCost.INTERACTIVE) -> bytes:
    """Draw the next signing key, or find the one drawn before, and ask to have it listed.

    Raises:
        BadInput: as ``keyfile.load``.
    """
    secret, present = _present(folder)
    path = folder / NEXT_KEY
    if not path.exists():
        seed = SigningKey.generate().seed
        keyfile.save(path, seed, secret, purpose=SIGNING, cost=cost)
    following = SigningKey.from_seed(keyfile.load(path, secret, purpose=SIGNING))
    asked = Renewal(party=_name(folder), issued=now, key=following.verify_key)
    return _signed(asked, present, following)


def ask_for_certificate(folder: Path, now: int, cost: SealCost = SealCost.INTERACTIVE) -> bytes:
    """Draw the next connection key, or find the one drawn before, and ask for its certificate.

    Raises:
        BadInput: as ``keyfile.load``.
    """
    secret, present = _present(folder)
    path = folder / NEXT_TLS
    if not path.exists():
        keyfile.save(path, certificates.new_key(), secret, purpose=TLS, cost=cost)
    key = keyfile.load(path, secret, purpose=TLS)
    name = _name(folder)
    return _signed(Renewal(party=name, issued=now, csr=certificates.request(key, name)), present)


def claimed_party(document: bytes) -> str:
    """Tell who a request says that it comes from: good for looking the party up.

    Raises:
        BadInput: RENEWAL_INVALID.
    """
    return _parse(_envelope(document).payload).party


def read(document: bytes, entry: PartyEntry) -> Renewal:
    """Verify a request: signed by a key that the party has now, and by the one it is to have.

    Raises:
        BadInput: RENEWAL_INVALID.
        PeerFault: SUITE_UNKNOWN.
    """
    signed = _envelope(document)
    asked = _parse(signed.payload)
    following = {asked.key.kid: asked.key} if asked.key else {}
    try:
        envelope.verify(signed, entry.keys, payload_type=PAYLOAD_TYPE)
        if following:
            envelope.verify(signed, following, payload_type=PAYLOAD_TYPE)
    except CryptoError as e:
        raise BadInput("RENEWAL_INVALID", party=entry.id) from e
    if asked.party != entry.id or bool(asked.key) is bool(asked.csr):
        raise BadInput("RENEWAL_INVALID", party=entry.id)
    return asked


def waiting(folder: Path, entry: PartyEntry) -> Iterator[tuple[str, bool]]:
    """Name the next keys that lie in a folder, and whether the manifest lists each by now.

    Raises:
        BadInput: as ``keyfile.load``.
    """
    secret = passphrase(folder)
    if (folder / NEXT_KEY).exists():
        seed = keyfile.load(folder / NEXT_KEY, secret, purpose=SIGNING)
        yield NEXT_KEY, SigningKey.from_seed(seed).kid in entry.keys
    if (folder / NEXT_TLS).exists():
        key = keyfile.load(folder / NEXT_TLS, secret, purpose=TLS)
        yield NEXT_TLS, certificates.fitting(entry.certificates, key) is not None


def switch(folder: Path, entry: PartyEntry) -> list[str]:
    """Take the next keys that the manifest lists into use; a running party notices by itself.

    Raises:
        BadInput: NEXT_KEY_NOT_LISTED when none is, and as ``keyfile.load``.
    """
    listed = [name for name, there in waiting(folder, entry) if there]
    if not listed:
        raise BadInput("NEXT_KEY_NOT_LISTED", party=entry.id)
    for name in listed:
        (folder / name).replace(folder / name.replace(".next", ""))
    return listed


def _present(folder: Path) -> tuple[bytes, SigningKey]:
    secret = passphrase(folder)
    seed = keyfile.load(folder / "signing.key", secret, purpose=SIGNING)
    return secret, SigningKey.from_seed(seed)


def _name(folder: Path) -> str:
    return str(read_settings(folder)["party"])


def _signed(asked: Renewal, *keys: SigningKey) -> bytes:
    payload = dumps(
        {
            "party": asked.party,
            "issued": asked.issued,
            "key": keyentry.write(asked.key, keyentry.SIGN) if asked.key else None,
            "csr": asked.csr.decode(),
        }
    )
    return envelope.to_json(envelope.sign(payload, PAYLOAD_TYPE, *keys))


def _envelope(document: bytes) -> envelope.Envelope:
    try:
        return envelope.from_json(document, max_bytes=limits.KEY_FILE_BYTES)
    except CryptoError as e:
        raise BadInput("RENEWAL_INVALID", party="?") from e


def _parse(payload: bytes) -> Renewal:
    try:
        return _renewal(exactly(loads(payload, "renewal"), _FIELDS, "renewal"))
    except PeerFault as e:
        if e.code == "SUITE_UNKNOWN":
            raise
        raise BadInput("RENEWAL_INVALID", party="?") from e
    except (CryptoError, TypeError, ValueError) as e:
        raise BadInput("RENEWAL_INVALID", party="?") from e


def _renewal(raw: dict[str, Any]) -> Renewal:
    texts = type(raw["party"]), type(raw["csr"])
    if texts != (str, str) or type(raw["issued"]) is not int:
        raise TypeError("renewal")
    key = keyentry.read(raw["key"], keyentry.SIGN) if raw["key"] is not None else None
    return Renewal(party=raw["party"], issued=raw["issued"], key=key, csr=raw["csr"].encode())
