"""The evidence bundle of a case: receipts and all that they name, in one ZIP file of one form.

Knows the archive's bytes, the names in it, and the signed list of its contents. Does not know what
a receipt says, and believes nothing: the auditor's verifier does.

    contents.json                 the list of all other files, signed by the coordinator (DSSE)
    documents/root.json           the root's versions, the manifests and policies that were in force
    documents/manifest-3.json
    documents/policy-family-2.json
    receipts/001                  one answer each, without presentation and lists
    report.json                   what the centre reported
    status/<digest>/0.jwt         the lists that an answer's header names by their joint digest
    tokens/<digest>.sd-jwt        the presentations by which was consented, by SHA-256
    transcripts/001.json          one run of a sum each (``transcript``), without presentations

An archive has one spelling: stored, dated 1980-01-01, names rising, nothing between or behind. So
what ``read`` gives is all there is, and no other reader sees anything else in it.
"""

import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from crypto import envelope
from crypto.envelope import Envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from federation import limits
from federation.errors import PeerFault
from federation.shapes import sized, text, whole
from federation.strictjson import b64, dumps, exactly, loads

FORMAT: Final = 1
PAYLOAD_TYPE: Final = "application/vnd.hedui.bundle.v1+json"
CONTENTS: Final = "contents.json"
ROOT: Final = "documents/root.json"
REPORT: Final = "report.json"

_NAME: Final = re.compile(
    r"contents\.json|report\.json|documents/(root|manifest-[0-9]+|policy-[a-z0-9_-]+)\.json"
    r"|receipts/[0-9]{3,5}|status/[0-9a-f]{64}/[0-9]\.jwt|tokens/[0-9a-f]{64}\.sd-jwt"
    r"|transcripts/[0-9]{3,5}\.json"
)
"""Nothing else has a place."""
_NAME_MOST: Final = 100
_KEYS: Final = frozenset(
    {"format", "federation", "coordinator", "case", "commission", "operator", "made"}
    | {"files", "persons", "salts"}
)

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_LOCAL_MARK: Final = b"PK\x03\x04"
_CENTRAL_MARK: Final = b"PK\x01\x02"
_END_MARK: Final = b"PK\x05\x06"
_VERSION: Final = 10  # stored files need no later one
_DATE: Final = 0x21  # 1980-01-01
_BLOCK: Final = 4_096


@dataclass(frozen=True, slots=True)
class Archive:
    """Files by name. ``damaged``: those whose checksum in the archive is not theirs."""

    files: Mapping[str, bytes]
    damaged: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the coordinator signs: whose case, and every file of the bundle by its SHA-256.

    ``persons`` tells which person of the report each receipt is about, from 1; ``salts`` open the
    case reference that each department was shown: case, commission and operator.
    """

    federation: str
    coordinator: str
    case: str
    commission: str
    operator: str
    made: int
    files: Mapping[str, bytes] = field(repr=False)
    persons: Mapping[str, int] = field(repr=False)
    salts: Mapping[str, bytes] = field(repr=False)

    def case_reference(self, department: str) -> bytes | None:
        """Give the commitment that a department was shown, if its salt is told."""
        if department not in self.salts:
            return None
        return case_reference(self.salts[department], self.case, self.commission, self.operator)


def case_reference(salt: bytes, case: str, commission: str, operator: str) -> bytes:
    """Commit to case, commission and operator under a department's own salt (protocol §4)."""
    return sha256(salt + dumps([case, commission, operator])).digest()


def digests(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Name files by their SHA-256."""
    return {name: sha256(data).digest() for name, data in files.items()}


def seal(files: Mapping[str, bytes], contents: Contents, key: SigningKey) -> bytes:
    """Sign the list of contents and write the bundle with it.

    Raises:
        PeerFault: as ``write``.
    """
    signed = envelope.to_json(envelope.sign(write_contents(contents), PAYLOAD_TYPE, key))
    return write({**files, CONTENTS: signed})


def write(files: Mapping[str, bytes]) -> bytes:
    """Write an archive.

    Raises:
        PeerFault: BUNDLE_MALFORMED when a name has no place in a bundle; OVERSIZE.
    """
    data = _write({name: (zlib.crc32(files[name]), files[name]) for name in sorted(files)})
    for name in files:
        _check_name(name)
    if len(data) > limits.BUNDLE_BYTES or len(files) > limits.BUNDLE_FILES:
        raise PeerFault("OVERSIZE", limit=limits.BUNDLE_BYTES, size=len(data))
    return data


def read(data: bytes) -> Archive:
    """Read an archive that ``write`` could have written, but for checksums, which are told apart.

    Raises:
        PeerFault: BUNDLE_MALFORMED with the byte where it is another; OVERSIZE.
    """
    if len(data) > limits.BUNDLE_BYTES:
        raise PeerFault("OVERSIZE", limit=limits.BUNDLE_BYTES, size=len(data))
    found: dict[str, tuple[int, bytes]] = {}
    at, before = 0, ""
    while data[at : at + 4] == _LOCAL_MARK and len(found) < limits.BUNDLE_FILES:
        name, check, content, at = _member(data, at)
        if name <= before:
            raise _malformed(at, why="order")
        found[name], before = (check, content), name
    canonical = _write(found)
    if canonical != data:
        raise _malformed(_difference(canonical, data), why="spelling")
    damaged = {name for name, (check, content) in found.items() if check != zlib.crc32(content)}
    return Archive({name: content for name, (_, content) in found.items()}, frozenset(damaged))


def write_contents(contents: Contents) -> bytes:
    """Write the payload that the coordinator signs."""
    return dumps(
        {
            "format": FORMAT,
            "federation": contents.federation,
            "coordinator": contents.coordinator,
            "case": contents.case,
            "commission": contents.commission,
            "operator": contents.operator,
            "made": contents.made,
            "files": {name: b64(digest) for name, digest in contents.files.items()},
            "persons": dict(contents.persons),
            "salts": {department: b64(salt) for department, salt in contents.salts.items()},
        }
    )


def read_contents(archive: Archive) -> tuple[Envelope, Contents]:
    """Read the list of contents; its signature is not verified here.

    Raises:
        PeerFault: BUNDLE_CONTENTS.
    """
    try:
        document = archive.files[CONTENTS]
        signed = envelope.from_json(document, max_bytes=limits.MANIFEST_BYTES)
        return signed, _contents(signed.payload)
    except (PeerFault, CryptoError, KeyError, TypeError, ValueError, AttributeError) as e:
        raise PeerFault("BUNDLE_CONTENTS", file=CONTENTS, why=type(e).__name__) from e


def _contents(payload: bytes) -> Contents:
    raw = exactly(loads(payload, CONTENTS), _KEYS, CONTENTS)
    if raw["format"] != FORMAT or dumps(raw) != payload:
        raise ValueError("format")
    return Contents(
        federation=text(raw["federation"]),
        coordinator=text(raw["coordinator"]),
        case=text(raw["case"]),
        commission=text(raw["commission"]),
        operator=text(raw["operator"]),
        made=whole(raw["made"], 0, limits.CONSENT_END),
        files={name: sized(digest, 32) for name, digest in raw["files"].items()},
        persons={
            name: whole(number, 1, limits.HOUSEHOLD_PERSONS)
            for name, number in raw["persons"].items()
        },
        salts={department: sized(salt, 32) for department, salt in raw["salts"].items()},
    )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _NAME_MOST:
        raise _malformed(0, why="name")


def _write(files: Mapping[str, tuple[int, bytes]]) -> bytes:
    """Write checksums and contents, in the order given."""
    members: list[bytes] = []
    entries: list[bytes] = []
    at = 0
    for name, (check, content) in files.items():
        told = (_VERSION, 0, 0, 0, _DATE, check, len(content), len(content), len(name), 0)
        members += [_LOCAL.pack(_LOCAL_MARK, *told), name.encode(), content]
        central = _CENTRAL.pack(_CENTRAL_MARK, _VERSION, *told, 0, 0, 0, 0, at)
        entries += [central, name.encode()]
        at += _LOCAL.size + len(name) + len(content)
    listed = b"".join(entries)
    end = _END.pack(_END_MARK, 0, 0, len(files), len(files), len(listed), at, 0)
    return b"".join([*members, listed, end])


def _member(data: bytes, at: int) -> tuple[str, int, bytes, int]:
    """Read one file; what else its header says is compared when the archive is written again."""
    if at + _LOCAL.size > len(data):
        raise _malformed(at, why="header")
    fields = _LOCAL.unpack_from(data, at)
    check, size, length = fields[6], fields[7], fields[9]
    start = at + _LOCAL.size
    stop = start + length + size
    if length > _NAME_MOST or stop > len(data):
        raise _malformed(at, why="length")
    name = data[start : start + length].decode("ascii", "replace")
    if not _NAME.fullmatch(name):
        raise _malformed(start, why="name")
    return name, check, data[start + length : stop], stop


def _difference(one: bytes, other: bytes) -> int:
    """Find the first byte at which two files differ; they do."""
    at = 0
    while one[at : at + _BLOCK] == other[at : at + _BLOCK]:
        at += _BLOCK
    while one[at : at + 1] == other[at : at + 1]:
        at += 1
    return at


def _malformed(at: int, why: str) -> PeerFault:
    return PeerFault("BUNDLE_MALFORMED", bytes=f"{at}-{at}", why=why)
