"""Notes and cosignatures against literal bytes, pyca/cryptography, golang.org/x/mod and malice."""

import base64
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from crypto import note
from crypto.errors import BadNote, BadSignature
from crypto.keys import SigningKey, VerifyKey
from crypto.note import COSIGNED, SIGNED, Note, NoteKey, NoteSignature

LOG, WITNESS = (SigningKey.from_seed(bytes([number]) * 32) for number in (1, 2))
TEXT = "example-city/housing\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
LOG_KEY = NoteKey(name="example-city/housing", key=LOG.verify_key.raw, algorithm=SIGNED)
WITNESS_KEY = NoteKey(name="example-city/witness_a", key=WITNESS.verify_key.raw, algorithm=COSIGNED)
AT = 1_800_000_000
SIGNATURES = (
    note.sign(TEXT, LOG_KEY.name, LOG),
    note.cosign(TEXT, WITNESS_KEY.name, WITNESS, AT),
)
NOTE = Note(text=TEXT, signatures=SIGNATURES)
WIRE = note.write(NOTE)

TEXTS = st.text(st.characters(codec="utf-8", min_codepoint=0x20) | st.just("\n"), max_size=60).map(
    lambda text: text + "\n"
)
NAMES = st.text(
    st.characters(codec="utf-8", min_codepoint=0x21, exclude_characters="+"),
    min_size=1,
    max_size=20,
).filter(lambda name: not any(character.isspace() for character in name))
LINES = st.builds(
    NoteSignature,
    name=NAMES,
    key_id=st.binary(min_size=4, max_size=4),
    value=st.binary(min_size=1, max_size=80),
)
NOTES = st.builds(
    Note,
    text=TEXTS,
    signatures=st.lists(
        LINES, min_size=1, max_size=16, unique_by=lambda one: (one.name, one.key_id)
    ).map(tuple),
)


class Foreign:
    """A suite that signs like Ed25519 and is not it."""

    name = "foreign"

    def admit(self, public: bytes) -> None:
        pass

    def expand(self, seed: bytes) -> tuple[bytes, bytes]:
        return seed, seed

    def sign(self, secret: bytes, message: bytes) -> bytes:
        raise AssertionError("nothing is signed with it")

    def verify(self, public: bytes, message: bytes, signature: bytes) -> None:
        raise BadSignature("never")


def test_a_note_byte_by_byte() -> None:
    # The second implementation: hashlib for the key id, pyca/cryptography for the signature.
    theirs = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
    key_id = sha256(b"example-city/housing\n\x01" + LOG.verify_key.raw).digest()[:4]
    line = base64.b64encode(key_id + theirs.sign(TEXT.encode()))
    expected = TEXT.encode() + b"\n\xe2\x80\x94 example-city/housing " + line + b"\n"
    assert note.write(replace(NOTE, signatures=SIGNATURES[:1])) == expected


def test_a_cosignature_byte_by_byte() -> None:
    key_id = sha256(b"example-city/witness_a\n\x04" + WITNESS.verify_key.raw).digest()[:4]
    assert SIGNATURES[1].name == "example-city/witness_a"
    assert SIGNATURES[1].key_id == key_id
    assert SIGNATURES[1].value[:8] == bytes.fromhex("000000006b49d200")
    Ed25519PublicKey.from_public_bytes(WITNESS.verify_key.raw).verify(
        SIGNATURES[1].value[8:], b"cosignature/v1\ntime 1800000000\n" + TEXT.encode()
    )


def test_examples_of_c2sp_are_read() -> None:
    poem = (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\n"
        "ed è subito sera.\n\n— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5d"
        "dnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
    )
    read = note.parse(poem.encode())
    assert read.text.endswith("sole:\n\ned è subito sera.\n")
    assert [one.name for one in read.signatures] == ["quasimodo.example/salvatore"]
    cosigned = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5"
        "/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrD"
        "JsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    read = note.parse(cosigned.encode())
    assert note.write(read) == cosigned.encode()
    assert int.from_bytes(read.signatures[1].value[:8], "big") == 1_679_315_147


def test_what_was_signed_verifies() -> None:
    read = note.parse(WIRE)
    assert read == NOTE
    note.verify(read, LOG_KEY)
    assert note.verify_cosignature(read, WITNESS_KEY) == AT


@given(TEXTS, st.binary(min_size=32, max_size=32), NAMES, st.integers(0, note.TIME_MAX))
def test_every_text_is_signed_and_cosigned(text: str, seed: bytes, name: str, at: int) -> None:
    key = SigningKey.from_seed(seed)
    both = (note.sign(text, name, key), note.cosign(text, name, key, at))
    read = note.parse(note.write(Note(text=text, signatures=both)))
    note.verify(read, NoteKey(name=name, key=key.verify_key.raw, algorithm=SIGNED))
    cosigner = NoteKey(name=name, key=key.verify_key.raw, algorithm=COSIGNED)
    assert note.verify_cosignature(read, cosigner) == at


@given(NOTES)
def test_what_is_written_is_read(made: Note) -> None:
    assert note.parse(note.write(made)) == made


@given(NOTES, st.data())
def test_whatever_is_read_is_written_the_same(made: Note, data: st.DataObject) -> None:
    wire = bytearray(note.write(made))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(wire) - 1))
        wire[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.binary(max_size=2) | st.sampled_from([b"\n", b" ", b"\n\n", b"+", "— ".encode()])
        )
    try:
        read = note.parse(bytes(wire))
    except BadNote:
        return
    assert note.write(read) == bytes(wire)


def read_and_verify(wire: bytes) -> None:
    read = note.parse(wire)
    note.verify(read, LOG_KEY)
    note.verify_cosignature(read, WITNESS_KEY)


def test_no_changed_bit_passes() -> None:
    read_and_verify(WIRE)
    for bit in range(8 * len(WIRE)):
        changed = int.from_bytes(WIRE, "big") ^ (1 << bit)
        with pytest.raises(BadNote):
            read_and_verify(changed.to_bytes(len(WIRE), "big"))


def test_no_shorter_or_longer_note_passes() -> None:
    for length in range(len(WIRE)):
        with pytest.raises(BadNote):
            read_and_verify(WIRE[:length])
    for more in (b"\n", b" ", b"a", b"\x00", WIRE):
        with pytest.raises(BadNote):
            read_and_verify(WIRE + more)


def line(name: str = "a", encoded: str = "AAAAAAE=") -> bytes:
    return f"— {name} {encoded}\n".encode()


LINE = line()


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "a blank line"),
        (b"text\n", "a blank line"),
        (b"text\n" + LINE, "a blank line"),
        (b"text\n\n", "a blank line"),
        (b"text\n\n" + LINE[:-1], "a blank line"),
        (b"\n" + LINE, "a blank line"),
        (b"text\n\n" + LINE + b"\n", "a blank line"),
        (b"text\n\n" + LINE + b"trailing\n", "not a signature line"),
        (b"text\n\n" + LINE + b"trailing", "a blank line"),
        (b"text\n\n" + LINE + b"\nmore\n", "not a signature line"),
        (b"text\r\n\r\n" + LINE, "a blank line"),
        (b"text\r\n\n" + LINE, "control characters"),
        (b"te\txt\n\n" + LINE, "control characters"),
        (b"te\x00xt\n\n" + LINE, "control characters"),
        (b"te\x1bxt\n\n" + LINE, "control characters"),
        (b"text\r\r" + LINE, "a blank line"),
        (b"te\xffxt\n\n" + LINE, "UTF-8"),
        (b"te\xed\xa0\x80xt\n\n" + LINE, "UTF-8"),
        (b"te\xc0\xaext\n\n" + LINE, "UTF-8"),
        (b"\xff\xfet\x00\n\x00\n\x00" + LINE, "UTF-8"),
        (b"text\n\n- a AAAAAAE=\n", "not a signature line"),
        (b"text\n\n\xe2\x80\x94a AAAAAAE=\n", "not a signature line"),
        (b"text\n\n " + LINE, "not a signature line"),
        (b"text\n\n" + line("a b"), "not a signature line"),
        (b"text\n\n" + line(""), "not a signature line"),
        (b"text\n\n" + line("a "), "not a signature line"),
        (b"text\n\n" + line(encoded=""), "not a signature line"),
        (b"text\n\n" + line(encoded="AAAAAAE= "), "not a signature line"),
        (b"text\n\n" + line("a+b"), "key's name"),
        (b"text\n\n" + line("a\u00a0b"), "key's name"),
        (b"text\n\n" + line("a\u2028b"), "key's name"),
        (b"text\n\n" + line("a\u3000b"), "key's name"),
        (b"text\n\n" + line("a\tb"), "key's name"),
        (b"text\n\n" + line("a\x01b"), "key's name"),
        (b"text\n\n" + line(encoded="AAAAAAE"), "only spelling"),
        (b"text\n\n" + line(encoded="AAAAAAF="), "only spelling"),
        (b"text\n\n" + line(encoded="AAAAAAE=A"), "only spelling"),
        (b"text\n\n" + line(encoded="AAA-AAE="), "only spelling"),
        (b"text\n\n" + line(encoded="AAAAAA\r="), "only spelling"),
        (b"text\n\n" + line(encoded="AAAAAA=="), "key id of 4 bytes"),
        (b"text\n\n" + line(encoded="AAAA"), "key id of 4 bytes"),
        (b"text\n\n" + LINE + LINE, "two signatures of one key"),
        (b"text\n\n" + LINE + line(encoded="AAAAAAI="), "two signatures of one key"),
        (b"text\n\n" + b"".join(line(f"a{n}") for n in range(17)), "1 to 16 signatures"),
        (b"a" * note.NOTE_MAX + b"\n\n" + LINE, "exceeds"),
    ],
)
def test_what_is_no_note_is_refused(data: bytes, match: str) -> None:
    with pytest.raises(BadNote, match=match):
        note.parse(data)


def test_sixteen_signatures_of_the_longest_kinds_are_a_note() -> None:
    # C2SP: verifiers must accept 16, and post-quantum signatures have nearly 5 kB.
    many = tuple(
        NoteSignature(name=f"a{number}", key_id=bytes(4), value=bytes(4900)) for number in range(16)
    )
    made = Note(text=TEXT, signatures=many)
    assert note.parse(note.write(made)) == made


def test_what_is_written_is_not_longer_than_what_is_read() -> None:
    longest = Note(text="a" * (note.NOTE_MAX - 17) + "\n", signatures=SIGNATURES[:1])
    with pytest.raises(BadNote, match="exceeds"):
        note.write(longest)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "end of line"),
        ("text", "end of line"),
        ("te\rxt\n", "control"),
        ("\x1ftext\n", "control"),
        ("\ud800\n", "Unicode"),
    ],
)
def test_what_is_no_text_is_not_signed(text: str, match: str) -> None:
    with pytest.raises(BadNote, match=match):
        note.sign(text, "a", LOG)
    with pytest.raises(BadNote, match=match):
        note.cosign(text, "a", LOG, AT)
    with pytest.raises(BadNote, match=match):
        Note(text=text, signatures=SIGNATURES)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\x7f \x00", "\ud800"])
def test_what_is_no_name_signs_nothing(name: str) -> None:
    with pytest.raises(BadNote, match="key's name"):
        note.sign(TEXT, name, LOG)
    with pytest.raises(BadNote, match="key's name"):
        note.cosign(TEXT, name, LOG, AT)
    with pytest.raises(BadNote, match="key's name"):
        NoteSignature(name=name, key_id=bytes(4), value=b"1")


@pytest.mark.parametrize("at", [-1, 2**63])
def test_a_time_has_63_bits(at: int) -> None:
    with pytest.raises(BadNote, match="63 bits"):
        note.cosign(TEXT, "a", WITNESS, at)


def test_a_time_of_64_bits_is_refused_though_it_was_signed() -> None:
    at = 2**63
    value = at.to_bytes(8, "big") + WITNESS.sign(b"cosignature/v1\ntime %d\n" % at + TEXT.encode())
    late = replace(SIGNATURES[1], value=value)
    with pytest.raises(BadNote, match="63 bits"):
        note.verify_cosignature(Note(text=TEXT, signatures=(late,)), WITNESS_KEY)


def test_a_text_that_would_pass_for_a_cosignature_is_not_signed() -> None:
    cosigned = f"cosignature/v1\ntime {AT}\n{TEXT}"
    with pytest.raises(BadNote, match="cosignature"):
        note.sign(cosigned, "a", WITNESS)
    assert note.sign(f"{TEXT}{cosigned}", "a", WITNESS)


def test_only_ed25519_signs_notes() -> None:
    foreign = SigningKey(bytes(32), bytes(32), VerifyKey(bytes(32), Foreign()))
    with pytest.raises(BadNote, match="Ed25519"):
        note.sign(TEXT, "a", foreign)
    with pytest.raises(BadNote, match="Ed25519"):
        note.cosign(TEXT, "a", foreign, AT)


def test_another_key_or_another_name_did_not_sign() -> None:
    stranger = SigningKey.from_seed(bytes([3]) * 32).verify_key.raw
    for key in (
        replace(LOG_KEY, key=stranger),
        replace(LOG_KEY, name="example-city/tax"),
        replace(LOG_KEY, algorithm=COSIGNED),
    ):
        with pytest.raises(BadNote, match="not signed by"):
            note.verify(NOTE, key)
        with pytest.raises(BadNote, match="not signed by"):
            note.verify_cosignature(NOTE, key)


def test_a_key_is_trusted_with_one_type_of_signature() -> None:
    with pytest.raises(BadNote, match="of type 4, not 1"):
        note.verify(NOTE, WITNESS_KEY)
    with pytest.raises(BadNote, match="of type 1, not 4"):
        note.verify_cosignature(NOTE, LOG_KEY)


def test_a_signature_under_a_known_id_must_hold() -> None:
    # A key id has 32 bits: whoever finds a second key for one gains nothing.
    stranger = SigningKey.from_seed(bytes([3]) * 32)
    for value in (stranger.sign(TEXT.encode()), SIGNATURES[0].value[:63], b"1"):
        forged = Note(text=TEXT, signatures=(replace(SIGNATURES[0], value=value),))
        with pytest.raises(BadNote, match="not signed by example-city/housing: "):
            note.verify(forged, LOG_KEY)
    for value in (SIGNATURES[1].value[:-1], SIGNATURES[1].value[:8], b"1"):
        forged = Note(text=TEXT, signatures=(replace(SIGNATURES[1], value=value),))
        with pytest.raises(BadNote, match="not signed by example-city/witness_a: "):
            note.verify_cosignature(forged, WITNESS_KEY)


def test_a_cosignature_holds_for_its_time_and_text_alone() -> None:
    later = (AT + 1).to_bytes(8, "big") + SIGNATURES[1].value[8:]
    moved = Note(text=TEXT, signatures=(replace(SIGNATURES[1], value=later),))
    with pytest.raises(BadNote, match="not signed"):
        note.verify_cosignature(moved, WITNESS_KEY)
    other = Note(text=TEXT + "extension\n", signatures=SIGNATURES)
    with pytest.raises(BadNote, match="not signed"):
        note.verify_cosignature(other, WITNESS_KEY)
    with pytest.raises(BadNote, match="not signed"):
        note.verify(other, LOG_KEY)


def test_signatures_of_unknown_keys_do_not_hinder() -> None:
    unknown = tuple(replace(SIGNATURES[0], key_id=bytes([n]) * 4) for n in range(14))
    note.verify(Note(text=TEXT, signatures=(*unknown, SIGNATURES[0])), LOG_KEY)


def test_a_key_as_a_line_of_text() -> None:
    encoded = base64.b64encode(b"\x01" + LOG.verify_key.raw).decode()
    written = note.write_vkey(LOG_KEY)
    assert written == f"example-city/housing+{LOG_KEY.key_id.hex()}+{encoded}"
    assert note.parse_vkey(written) == LOG_KEY
    assert note.parse_vkey(note.write_vkey(WITNESS_KEY)) == WITNESS_KEY


@given(NAMES, st.binary(min_size=32, max_size=32), st.sampled_from([SIGNED, COSIGNED]))
def test_every_key_is_read_back(name: str, raw: bytes, algorithm: int) -> None:
    key = NoteKey(name=name, key=raw, algorithm=algorithm)
    assert note.parse_vkey(note.write_vkey(key)) == key


def vkey(name: str = "a", algorithm: int = 1, raw: bytes = bytes(32)) -> str:
    material = bytes((algorithm,)) + raw
    key_id = sha256(name.encode() + b"\n" + material).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(material).decode()}"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "not a key"),
        ("a", "not a key"),
        ("a+b+c", "not a key"),
        (vkey().upper(), "not a key"),
        (vkey() + "\n", "not a key"),
        (vkey() + " ", "only spelling"),
        (vkey() + "+", "only spelling"),
        (vkey() + "=", "only spelling"),
        (vkey()[:-1], "only spelling"),
        ("a+00000000+====", "only spelling"),
        (vkey(algorithm=2), "unknown type of signature 2"),
        (vkey(algorithm=5), "unknown type of signature 5"),
        (vkey(algorithm=6, raw=bytes(1312)), "unknown type of signature 6"),
        (vkey(algorithm=255), "unknown type of signature 255"),
        (vkey(raw=bytes(31)), "32 bytes"),
        (vkey(raw=bytes(33)), "32 bytes"),
        (vkey(raw=b""), "32 bytes"),
        (vkey(name="a b"), "key's name"),
        (vkey()[1:], "not a key"),
        ("b" + vkey()[1:], "not this key's"),
    ],
)
def test_what_is_no_key_is_refused(text: str, match: str) -> None:
    with pytest.raises(BadNote, match=match):
        note.parse_vkey(text)


def test_vectors_of_golang(vectors: Path) -> None:
    case = json.loads((vectors / "signed-note" / "vectors.json").read_text())
    key = note.parse_vkey(case["vkey"])
    assert note.write_vkey(key) == case["vkey"]
    read = note.parse(case["note"].encode())
    assert read.text == case["text"]
    assert note.write(read) == case["note"].encode()
    note.verify(read, key)
    for bad in case["bad_vkeys"]:
        with pytest.raises(BadNote):
            note.parse_vkey(bad)
