"""Batch mandates: leave, signed by the root, to ask about many people at once without consents.

Knows the root-signed JSON document of protocol note §3: purpose, ground, questions, digest and size
of a list of people, validity. Does not know clocks, stores or anybody's pseudonym; the lists that
the registrar signs for it are ``mandate_list``'s.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Final

from crypto import envelope
from crypto.envelope import Envelope
from crypto.errors import CryptoError
from crypto.keys import SigningKey
from federation import limits
from federation.catalogue import Catalogue
from federation.errors import BadInput, HeduiError, PeerFault, Refused
from federation.exchange import Purpose
from federation.root import Root
from federation.shapes import sized, text, whole
from federation.strictjson import b64, dumps, exactly, loads

PAYLOAD_TYPE: Final = "application/vnd.hedui.mandate.v1+json"
ID_BYTES: Final = 16
SALT_BYTES: Final = 32
NUMBER_LENGTH: Final = 18
"""Characters of a canonical resident number."""
BASIS_LENGTH: Final = 500
"""Longest legal ground, characters."""
QUESTIONS_MOST: Final = 64

_KEYS: Final = frozenset(
    {"id", "version", "purpose", "basis", "coordinator", "departments", "questions", "list"}
    | {"not_before", "expires"}
)

Pair = tuple[str, str]
"""A question: predicate and policy parameter."""


class Step(IntEnum):
    """What is asked of the registrar for a mandate, in this order."""

    RECORD = 1
    EVALUATE = 2
    SIGN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One step at the registrar: a part of the list, its pseudonyms at a department, or the list.

    ``first`` is the place of the part's first person; ``ids`` (canonical, in rising order),
    ``document`` and ``salt`` are for RECORD alone.
    """

    step: Step
    id: bytes
    document: bytes = b""
    salt: bytes = field(default=b"", repr=False)
    first: int = 0
    ids: tuple[str, ...] = field(default=(), repr=False)
    department: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the registrar gives for a step: people recorded so far, pseudonyms, or the list."""

    recorded: int = 0
    pseudonyms: bytes = field(default=b"", repr=False)
    signed_list: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchMandate:
    """What the root allows a coordinator to ask, about whom, on what ground. Times in UTC seconds.

    ``people`` is the SHA-256 over a secret salt and the sorted numbers of ``size`` people, so the
    document names nobody. ``basis`` holds the legal ground in zh and en.
    """

    id: bytes
    version: int
    purpose: Purpose
    basis: Mapping[str, str]
    coordinator: str
    departments: tuple[str, ...]
    questions: tuple[Pair, ...]
    people: bytes
    size: int
    not_before: int
    expires: int


def people_digest(salt: bytes, numbers: Iterable[str]) -> bytes:
    """Commit to people by their canonical numbers, given in rising order."""
    digest = hashlib.sha256(salt)
    for number in numbers:
        digest.update(number.encode())
    return digest.digest()


def draft(mandate: BatchMandate) -> bytes:
    """Write a mandate for the root to sign: DSSE JSON without signatures."""
    return envelope.to_json(
        Envelope(payload=_write(mandate), payload_type=PAYLOAD_TYPE, signatures=())
    )


def look(document: bytes) -> tuple[BatchMandate, Envelope]:
    """Read what a document says, believing nobody: for those who are about to sign it.

    Raises:
        BadInput: MANDATE_DRAFT.
    """
    try:
        unverified = envelope.from_json(document, max_bytes=limits.MANDATE_BYTES)
        given = _read(loads(unverified.payload, "mandate"))
    except (CryptoError, PeerFault, KeyError, TypeError, ValueError) as e:
        raise BadInput("MANDATE_DRAFT", why="form") from e
    if unverified.payload_type != PAYLOAD_TYPE:
        raise BadInput("MANDATE_DRAFT", why="payload type")
    return given, unverified


def countersign(document: bytes, keys: Iterable[SigningKey]) -> bytes:
    """Add the signatures of those root keys that have not signed yet.

    Raises:
        BadInput: MANDATE_DRAFT.
    """
    _, before = look(document)
    there = {one.kid for one in before.signatures}
    mine = [key for key in keys if key.kid not in there]
    if not mine:
        return document
    added = envelope.sign(before.payload, PAYLOAD_TYPE, *mine).signatures
    return envelope.to_json(replace(before, signatures=before.signatures + added))


def read(document: bytes, root: Root, catalogue: Catalogue) -> BatchMandate:
    """Verify and read a signed mandate, and hold its questions to those that a mandate may ask.

    Raises:
        Refused: MANDATE_INVALID, whatever is wrong with it.
    """
    if len(document) > limits.MANDATE_BYTES:
        raise Refused("MANDATE_INVALID", why="size")
    try:
        mandate = _read(loads(root.open(document, PAYLOAD_TYPE), "mandate"))
        asked = [catalogue.predicate(predicate) for predicate, _ in mandate.questions]
    except (HeduiError, KeyError, TypeError, ValueError) as e:
        why = e.code if isinstance(e, HeduiError) else type(e).__name__
        raise Refused("MANDATE_INVALID", why=why) from e
    if not all(one.mandate for one in asked):
        raise Refused("MANDATE_INVALID", why="questions")
    return mandate


def check(mandate: BatchMandate, *, coordinator: str, now: int) -> None:
    """Hold a verified mandate to who goes by it and to this moment.

    Raises:
        Refused: MANDATE_INVALID.
    """
    if mandate.coordinator != coordinator:
        raise Refused("MANDATE_INVALID", why="coordinator")
    if not mandate.not_before - limits.SKEW <= now < mandate.expires:
        raise Refused("MANDATE_INVALID", why="not in force")


def _write(mandate: BatchMandate) -> bytes:
    return dumps(
        {
            "id": b64(mandate.id),
            "version": mandate.version,
            "purpose": mandate.purpose.name,
            "basis": dict(mandate.basis),
            "coordinator": mandate.coordinator,
            "departments": list(mandate.departments),
            "questions": [list(pair) for pair in mandate.questions],
            "list": {"digest": b64(mandate.people), "size": mandate.size},
            "not_before": mandate.not_before,
            "expires": mandate.expires,
        }
    )


def _read(value: Any) -> BatchMandate:
    raw = exactly(value, _KEYS, "mandate")
    listed = exactly(raw["list"], {"digest", "size"}, "list")
    basis = exactly(raw["basis"], {"zh", "en"}, "basis")
    mandate = BatchMandate(
        id=sized(raw["id"], ID_BYTES),
        version=whole(raw["version"], 1, 1 << 31),
        purpose=Purpose[text(raw["purpose"])],
        basis={lang: text(basis[lang], BASIS_LENGTH) for lang in ("zh", "en")},
        coordinator=text(raw["coordinator"]),
        departments=tuple(text(one) for one in raw["departments"]),
        questions=tuple((text(predicate), text(name)) for predicate, name in raw["questions"]),
        people=sized(listed["digest"], 32),
        size=whole(listed["size"], 1, limits.MANDATE_PERSONS),
        not_before=whole(raw["not_before"], 0, limits.CONSENT_END),
        expires=whole(raw["expires"], 0, limits.CONSENT_END),
    )
    for several in (mandate.departments, mandate.questions):
        if not 1 <= len(several) <= QUESTIONS_MOST or len(set(several)) < len(several):
            raise ValueError("departments or questions")
    if mandate.expires <= mandate.not_before:
        raise ValueError("times")
    return mandate
