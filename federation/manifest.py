"""The federation's manifest: who takes part, where, with which keys and certificates.

Knows the root-signed JSON document. Does not know files, sockets or any party's state.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from crypto.errors import CryptoError
from crypto.keys import VerifyKey
from crypto.note import NoteKey
from crypto.suites import ED25519
from federation import group, keyentry
from federation.errors import PeerFault
from federation.group import Group
from federation.root import Root
from federation.strictjson import Json, b64, dumps, exactly, loads, unb64

PAYLOAD_TYPE: Final = "application/vnd.hedui.manifest.v1+json"

_KEYS: Final = frozenset(
    {"federation", "version", "issued", "expires", "demonstration", "ca", "parties"}
    | {"pseudonym_keys", "groups"}
)
_PARTY_KEYS: Final = frozenset(
    {"id", "role", "kind", "zh", "en", "endpoint", "keys", "certificates"}
)
_PSEUDONYM_KEYS: Final = frozenset({"department", "epoch", "public"})
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f\ud800-\udfff]{1,40}")
_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class PartyRole(StrEnum):
    """What a party is in the federation; auditors and witnesses answer nobody's questions.

    A tally compares sums for the coordinator (protocol note §7).
    """

    REGISTRAR = "registrar"
    COORDINATOR = "coordinator"
    NODE = "node"
    AUDITOR = "auditor"
    WITNESS = "witness"
    TALLY = "tally"


AUDIENCES: Final = (PartyRole.NODE, PartyRole.TALLY)
"""Roles that consent tokens are issued for: each such party has pseudonym keys of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyEntry:
    """One party: id, role, department kind (nodes), names, endpoint, keys by kid, certificates.

    ``certificates`` are the DER certificates this party may use; others pin them.
    """

    id: str
    role: PartyRole
    kind: str
    zh: str
    en: str
    endpoint: str
    keys: Mapping[str, VerifyKey]
    certificates: tuple[bytes, ...]

    def name(self, lang: str) -> str:
        """Give the party's name in ``zh`` or ``en``."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A verified manifest. Times in UTC seconds; ``pseudonym_keys`` by (department, epoch).

    ``groups`` stand by the predicate that is asked as a sum. ``ca`` is one PEM certificate, or two
    while the authority is exchanged. ``digest`` is the SHA-256 of what root keys signed.
    """

    federation: str
    version: int
    issued: int
    expires: int
    demonstration: bool
    ca: bytes
    parties: Mapping[str, PartyEntry]
    pseudonym_keys: Mapping[tuple[str, int], bytes]
    groups: Mapping[str, Group] = field(default_factory=dict)
    digest: bytes = field(default=b"", compare=False, repr=False)

    def party(self, party: str, role: PartyRole | None = None) -> PartyEntry:
        """Look a party up, in a role if one is named.

        Raises:
            PeerFault: PARTY_UNKNOWN.
        """
        entry = self.parties.get(party)
        if entry is None or role not in {None, entry.role}:
            raise PeerFault("PARTY_UNKNOWN", party=party[:64])
        return entry

    def having(self, role: PartyRole) -> list[PartyEntry]:
        """List the parties of one role, in the manifest's order."""
        return [entry for entry in self.parties.values() if entry.role is role]

    def audiences(self) -> list[PartyEntry]:
        """List the parties that consent tokens are issued for, in the manifest's order."""
        return [entry for entry in self.parties.values() if entry.role in AUDIENCES]

    @property
    def registrar(self) -> PartyEntry:
        """The federation's one registrar."""
        return next(e for e in self.parties.values() if e.role is PartyRole.REGISTRAR)

    @property
    def quorum(self) -> int:
        """How many of the witnesses must have cosigned a checkpoint before it is relied on."""
        return quorum(len(self.having(PartyRole.WITNESS)))

    def note_name(self, party: str) -> str:
        """Give the name under which a party signs checkpoints: origin of its log, its key's name.

        C2SP signed-note: neither spaces nor plus signs.
        """
        return f"{self.federation}/{party}"

    def note_keys(self, party: str, algorithm: int) -> list[NoteKey]:
        """List the keys of a party for one type of ``crypto.note``'s signatures: Ed25519 ones.

        Raises:
            PeerFault: PARTY_UNKNOWN.
        """
        name = self.note_name(party)
        return [
            _note_key(name, key.raw, algorithm)
            for key in self.party(party).keys.values()
            if key.suite == ED25519
        ]

    def check_current(self, now: int) -> None:
        """Refuse a manifest that has come to its end.

        Raises:
            PeerFault: MANIFEST_EXPIRED.
        """
        if self.expires <= now:
            raise PeerFault("MANIFEST_EXPIRED", version=self.version)


def quorum(witnesses: int) -> int:
    """Give the least number that two halves of the witnesses cannot both reach."""
    return witnesses // 2 + 1


def fits_name(federation: str) -> bool:
    """Tell whether a federation can be called so: its name stands in keys' and the CA's names."""
    return _NAME.fullmatch(federation) is not None


def fits_id(party: str) -> bool:
    """Tell whether a party can have this id: folders, hosts and keys are named after it."""
    return _ID.fullmatch(party) is not None


def write(manifest: Manifest) -> bytes:
    """Write the payload that root keys sign."""
    return dumps(
        {
            "federation": manifest.federation,
            "version": manifest.version,
            "issued": manifest.issued,
            "expires": manifest.expires,
            "demonstration": manifest.demonstration,
            "ca": manifest.ca.decode(),
            "parties": [_entry_json(entry) for entry in manifest.parties.values()],
            "pseudonym_keys": [
                {"department": department, "epoch": epoch, "public": b64(key)}
                for (department, epoch), key in sorted(manifest.pseudonym_keys.items())
            ],
            "groups": [group.write(one) for one in manifest.groups.values()],
        }
    )


def read(document: bytes, root: Root, *, now: int) -> Manifest:
    """Verify and read a signed manifest; whether an older one was in use is known to ``pins``.

    Raises:
        PeerFault: ROOT_SIGNATURE, MANIFEST_INVALID, SUITE_UNKNOWN or MANIFEST_EXPIRED.
    """
    manifest = parse(root.open(document, PAYLOAD_TYPE))
    manifest.check_current(now)
    return manifest


def parse(payload: bytes) -> Manifest:
    """Read what root keys sign; nothing is verified here.

    Raises:
        PeerFault: MANIFEST_INVALID or SUITE_UNKNOWN.
    """
    try:
        return _manifest(loads(payload, "manifest"), sha256(payload).digest())
    except PeerFault as e:
        if e.code == "SUITE_UNKNOWN":
            raise
        raise PeerFault("MANIFEST_INVALID", why=e.code) from e
    except (CryptoError, KeyError, TypeError, ValueError) as e:
        raise PeerFault("MANIFEST_INVALID", why=type(e).__name__) from e


def _manifest(value: Any, digest: bytes) -> Manifest:
    raw = exactly(value, _KEYS, "manifest")
    parties = [_entry(exactly(row, _PARTY_KEYS, "party")) for row in raw["parties"]]
    by_id = {entry.id: entry for entry in parties}
    if len(by_id) != len(parties) or type(raw["demonstration"]) is not bool:
        raise ValueError("parties")
    if sum(entry.role is PartyRole.REGISTRAR for entry in parties) != 1:
        raise ValueError("registrar")
    if not fits_name(raw["federation"]):
        raise ValueError("federation")
    listed = [exactly(row, _PSEUDONYM_KEYS, "pseudonym_key") for row in raw["pseudonym_keys"]]
    groups = [group.read(row) for row in raw["groups"]]
    _check_groups(groups, by_id)
    return Manifest(
        federation=_text(raw["federation"]),
        version=_whole(raw["version"]),
        issued=_whole(raw["issued"]),
        expires=_whole(raw["expires"]),
        demonstration=raw["demonstration"],
        ca=_text(raw["ca"]).encode(),
        parties=by_id,
        pseudonym_keys={
            (_text(row["department"]), _whole(row["epoch"])): unb64(row["public"], "key")
            for row in listed
        },
        groups={one.predicate: one for one in groups},
        digest=digest,
    )


def _check_groups(groups: list[Group], parties: Mapping[str, PartyEntry]) -> None:
    """Refuse groups of strangers, and two for one question."""
    if len({one.predicate for one in groups}) != len(groups):
        raise ValueError("groups")
    for one in groups:
        roles = [parties[member.id].role for member in one.departments]
        if set(roles) != {PartyRole.NODE} or parties[one.tally.id].role is not PartyRole.TALLY:
            raise ValueError("group")


def _entry(row: Json) -> PartyEntry:
    role = PartyRole(row["role"])
    keys = [keyentry.read(value, keyentry.SIGN) for value in row["keys"]]
    # Tokens and cosignatures name these by words that are registered for Ed25519 only.
    if role is not PartyRole.NODE and any(key.suite != ED25519 for key in keys):
        raise ValueError("suite")
    if (role is PartyRole.NODE) is not bool(row["kind"]):
        raise ValueError("kind")
    if not fits_id(row["id"]):
        raise ValueError("id")
    return PartyEntry(
        id=row["id"],
        role=role,
        kind=_text(row["kind"]),
        zh=_text(row["zh"]),
        en=_text(row["en"]),
        endpoint=_text(row["endpoint"]),
        keys={key.kid: key for key in keys},
        certificates=tuple(unb64(_text(c), "certificate") for c in row["certificates"]),
    )


@lru_cache(maxsize=256)
def _note_key(name: str, key: bytes, algorithm: int) -> NoteKey:
    """Make a key once: whoever verifies many checkpoints asks for the same few."""
    return NoteKey(name=name, key=key, algorithm=algorithm)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("text")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("integer")
    return value


def _entry_json(entry: PartyEntry) -> Json:
    return {
        "id": entry.id,
        "role": entry.role.value,
        "kind": entry.kind,
        "zh": entry.zh,
        "en": entry.en,
        "endpoint": entry.endpoint,
        "keys": [keyentry.write(key, keyentry.SIGN) for key in entry.keys.values()],
        "certificates": [b64(c) for c in entry.certificates],
    }
