"""Signed notes and witness cosignatures (C2SP signed-note, tlog-cosignature v1).

Knows text, named keys and signature lines. Does not know what a text says, whom a name means, nor
how many cosignatures are enough. What a note or a key cannot be is refused when it is made, so
everything that exists can be written and is read back the same.

Stricter than C2SP asks: base64 in one spelling, at most 16 signatures, and no key signs twice.
"""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from crypto.errors import BadKey, BadNote, BadSignature
from crypto.keys import SigningKey
from crypto.labels import COSIGNATURE
from crypto.spelling import from_base64, to_base64
from crypto.suites import ED25519

SIGNED: Final = 1
"""Type of an Ed25519 signature over the text."""
COSIGNED: Final = 4
"""Type of a witness's Ed25519 signature over the time and the text."""
SIGNATURES_MAX: Final = 16
NOTE_MAX: Final = 2**17
"""Most bytes of a note: 16 signatures of the longest kinds and some text."""
TIME_MAX: Final = 2**63 - 1
_KEY_ID: Final = 4
_TIME: Final = 8
_NAME: Final = re.compile(r"[^\s+\x00-\x1f]+")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_LINE: Final = re.compile(r"— ([^ ]+) ([^ ]+)")
_VKEY: Final = re.compile(r"([^+]+)\+([0-9a-f]{8})\+(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line; who made it, and of what type, is told by name and key id together."""

    name: str
    key_id: bytes
    value: bytes

    def __post_init__(self) -> None:
        """Refuse what no line can hold.

        Raises:
            BadNote: a name that is none, a key id of other than 4 bytes, or no signature.
        """
        _check_name(self.name)
        if len(self.key_id) != _KEY_ID or not self.value:
            raise BadNote("a signature is a key id of 4 bytes and a value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Text and signatures; nothing in it is verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __post_init__(self) -> None:
        """Refuse what no note can hold.

        Raises:
            BadNote: a text that is none, no signature, more than 16, or two of one key.
        """
        check_text(self.text)
        if not 1 <= len(self.signatures) <= SIGNATURES_MAX:
            raise BadNote(f"a note has 1 to {SIGNATURES_MAX} signatures")
        if len({(one.name, one.key_id) for one in self.signatures}) < len(self.signatures):
            raise BadNote("two signatures of one key")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteKey:
    """A public key under the name and for the type of signature that it is trusted with."""

    name: str
    key: bytes
    algorithm: int
    key_id: bytes = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Compute the key id.

        Raises:
            BadNote: a name or a key that is none, or another type than the two known here.
        """
        _check_name(self.name)
        if self.algorithm not in {SIGNED, COSIGNED}:
            raise BadNote(f"unknown type of signature {self.algorithm}")
        try:
            ED25519.admit(self.key)
        except BadKey as error:
            raise BadNote(str(error)) from error
        named = self.name.encode() + b"\n" + bytes((self.algorithm,)) + self.key
        object.__setattr__(self, "key_id", sha256(named).digest()[:_KEY_ID])


def parse(data: bytes) -> Note:
    """Read a note, refusing all that `write` would not have written.

    Raises:
        BadNote: oversize, not UTF-8, a control character, no blank line before the signatures, or
            a signature line that is none.
    """
    _check_length(data)
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise BadNote("a note is not UTF-8") from error
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise BadNote("a note is text, a blank line, and lines of signatures")
    signatures = tuple(_parse_line(line) for line in lines[:-1].split("\n"))
    return Note(text=text + "\n", signatures=signatures)


def write(note: Note) -> bytes:
    """Write a note.

    Raises:
        BadNote: longer than a note may be.
    """
    lines = (f"— {one.name} {to_base64(one.key_id + one.value)}\n" for one in note.signatures)
    data = "".join((note.text, "\n", *lines)).encode()
    _check_length(data)
    return data


def parse_vkey(text: str) -> NoteKey:
    """Read a key as one line of text: name, key id, type and key (C2SP signed-note, vkey).

    Raises:
        BadNote: not such a line, an unknown type, or a key id that is not this key's.
    """
    match = _VKEY.fullmatch(text)
    if match is None:
        raise BadNote("not a key of notes")
    name, key_id, encoded = match.groups()
    algorithm, *raw = _decode(encoded)
    key = NoteKey(name=name, key=bytes(raw), algorithm=algorithm)
    if key.key_id.hex() != key_id:
        raise BadNote("a key id that is not this key's")
    return key


def write_vkey(key: NoteKey) -> str:
    """Write a key as one line of text, without its end."""
    encoded = to_base64(bytes((key.algorithm,)) + key.key)
    return f"{key.name}+{key.key_id.hex()}+{encoded}"


def sign(text: str, name: str, key: SigningKey) -> NoteSignature:
    """Sign a text under a name.

    Raises:
        BadNote: a text or a name that is none, a key that is not Ed25519, or a text that would
            pass for a cosignature.
    """
    check_text(text)
    message = text.encode()
    if message.startswith(COSIGNATURE):
        raise BadNote("a text that begins like a cosignature is not signed")
    known = _public(name, key, SIGNED)
    return NoteSignature(name=name, key_id=known.key_id, value=key.sign(message))


def cosign(text: str, name: str, key: SigningKey, at: int) -> NoteSignature:
    """Say as a witness that at this time (UTC seconds) a text was the newest seen.

    Raises:
        BadNote: a text, a name or a time that is none, or a key that is not Ed25519.
    """
    check_text(text)
    if not 0 <= at <= TIME_MAX:
        raise BadNote("a cosignature's time has 63 bits")
    known = _public(name, key, COSIGNED)
    value = at.to_bytes(_TIME, "big") + key.sign(_cosigned(text, at))
    return NoteSignature(name=name, key_id=known.key_id, value=value)


def verify(note: Note, key: NoteKey) -> None:
    """Refuse unless the key signed the note.

    Raises:
        BadNote: it did not, or it is a witness's.
    """
    _verify(key, SIGNED, note.text.encode(), _value(note, key))


def verify_cosignature(note: Note, key: NoteKey) -> int:
    """Give the time (UTC seconds) at which the witness's key cosigned the note.

    Raises:
        BadNote: it did not, or it is no witness's.
    """
    value = _value(note, key)
    at = int.from_bytes(value[:_TIME], "big")
    if at > TIME_MAX:
        raise BadNote("a cosignature's time has 63 bits")
    _verify(key, COSIGNED, _cosigned(note.text, at), value[_TIME:])
    return at


def check_text(text: str) -> None:
    """Refuse what cannot be signed as a note.

    Raises:
        BadNote: no end of line at the end, a control character, or not Unicode text.
    """
    if not text.endswith("\n"):
        raise BadNote("a note's text ends with an end of line")
    if _CONTROL.search(text):
        raise BadNote("a note's text has no control characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadNote("a note's text is Unicode text") from error


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadNote("a key's name is not empty, without spaces and without '+'")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise BadNote("a key's name is Unicode text") from error


def _check_length(data: bytes) -> None:
    if len(data) > NOTE_MAX:
        raise BadNote(f"a note of {len(data)} bytes exceeds {NOTE_MAX}")


def _parse_line(line: str) -> NoteSignature:
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadNote("not a signature line")
    data = _decode(match[2])
    return NoteSignature(name=match[1], key_id=data[:_KEY_ID], value=data[_KEY_ID:])


def _decode(encoded: str) -> bytes:
    try:
        return from_base64(encoded)
    except ValueError as error:
        raise BadNote("not base64 in its only spelling") from error


def _public(name: str, key: SigningKey, algorithm: int) -> NoteKey:
    if key.verify_key.suite is not ED25519:
        raise BadNote("notes are signed with Ed25519 keys only")
    return NoteKey(name=name, key=key.verify_key.raw, algorithm=algorithm)


def _value(note: Note, key: NoteKey) -> bytes:
    for one in note.signatures:
        if (one.name, one.key_id) == (key.name, key.key_id):
            return one.value
    raise BadNote(f"not signed by {key.name}")


def _verify(key: NoteKey, algorithm: int, message: bytes, signature: bytes) -> None:
    if key.algorithm != algorithm:
        raise BadNote(f"a key for signatures of type {key.algorithm}, not {algorithm}")
    try:
        ED25519.verify(key.key, message, signature)
    except BadSignature as error:
        raise BadNote(f"not signed by {key.name}: {error}") from error


def _cosigned(text: str, at: int) -> bytes:
    return COSIGNATURE + b"time %d\n" % at + text.encode()
