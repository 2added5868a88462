"""Checkpoints: literal text, round trips, and every spelling but one refused."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import checkpoint, envelope, merkle, note, tiles
from crypto.checkpoint import Checkpoint
from crypto.errors import BadNote
from crypto.keys import SigningKey
from crypto.note import COSIGNED, SIGNED, Note, NoteKey

ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
TEXT = f"example.com/behind-the-sofa\n20852163\n{ROOT}\n"
EMPTY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
PAGE = Path(__file__).parents[2] / "docs" / "protocol" / "log.md"

LINES = st.text(st.characters(codec="utf-8", min_codepoint=0x20), min_size=1, max_size=30)
CHECKPOINTS = st.builds(
    Checkpoint,
    origin=LINES,
    size=st.integers(1, tiles.SIZE_MAX),
    root=st.binary(min_size=32, max_size=32),
    extensions=st.lists(LINES, max_size=3).map(tuple),
)


def test_example_of_c2sp() -> None:
    read = checkpoint.parse(TEXT)
    assert read.origin == "example.com/behind-the-sofa"
    assert read.size == 20_852_163
    assert read.root.hex().startswith("0ac5186a91863e8e")
    assert read.extensions == ()
    assert checkpoint.write(read) == TEXT


def test_of_an_empty_log() -> None:
    empty = Checkpoint(origin="a", size=0, root=merkle.EMPTY_ROOT)
    assert checkpoint.write(empty) == f"a\n0\n{EMPTY}\n"
    assert checkpoint.parse(f"a\n0\n{EMPTY}\n") == empty


@given(CHECKPOINTS)
def test_what_is_written_is_read_and_can_be_signed(made: Checkpoint) -> None:
    text = checkpoint.write(made)
    assert checkpoint.parse(text) == made
    assert note.sign(text, "a", SigningKey.generate())


@given(CHECKPOINTS, st.data())
def test_whatever_is_read_is_written_the_same(made: Checkpoint, data: st.DataObject) -> None:
    text = checkpoint.write(made)
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(st.text(st.sampled_from("\n 0A=+/é\r"), max_size=2))
    text = text[:at] + put + text[at + data.draw(st.integers(0, 2)) :]
    try:
        read = checkpoint.parse(text)
    except BadNote:
        return
    assert checkpoint.write(read) == text


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "each in a line"),
        ("a\n1\n", "each in a line"),
        (f"a\n1\n{ROOT}", "each in a line"),
        (f"a\n1\n{ROOT}\next", "each in a line"),
        (f"a\n1\n{ROOT}\n\n", "not empty"),
        (f"a\n1\n{ROOT}\n\next\n", "not empty"),
        (f"\n1\n{ROOT}\n", "not empty"),
        (f"a\r\n1\r\n{ROOT}\r\n", "without leading zeros"),
        (f"a\r\n1\n{ROOT}\n", "control characters"),
        (f"a\x00\n1\n{ROOT}\n", "control characters"),
        (f"a\n1\n{ROOT}\next\t\n", "control characters"),
        (f"\ud800\n1\n{ROOT}\n", "Unicode"),
        (f"a\n01\n{ROOT}\n", "without leading zeros"),
        (f"a\n00\n{EMPTY}\n", "without leading zeros"),
        (f"a\n+1\n{ROOT}\n", "without leading zeros"),
        (f"a\n-1\n{ROOT}\n", "without leading zeros"),
        (f"a\n1 \n{ROOT}\n", "without leading zeros"),
        (f"a\n1_0\n{ROOT}\n", "without leading zeros"),
        (f"a\n0x1\n{ROOT}\n", "without leading zeros"),
        (f"a\n١\n{ROOT}\n", "without leading zeros"),
        (f"a\n\n{ROOT}\n", "without leading zeros"),
        (f"a\n10000000000000000000\n{ROOT}\n", "without leading zeros"),
        (f"a\n9223372036854775808\n{ROOT}\n", "no tree of 9223372036854775808"),
        ("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n", "only spelling"),
        ("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n", "only spelling"),
        ("a\n1\nCsUYapGGPo4dkMgIAUqom_Xajj7h2fB2MPA3j2jxq2I=\n", "only spelling"),
        (f"a\n1\n {ROOT}\n", "only spelling"),
        ("a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n", "32 bytes"),
        ("a\n1\n\n", "32 bytes"),
        (f"a\n0\n{ROOT}\n", "hash of nothing"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str, match: str) -> None:
    with pytest.raises(BadNote, match=match):
        checkpoint.parse(text)


def test_what_no_checkpoint_says_cannot_be_made() -> None:
    good = checkpoint.parse(TEXT)
    for origin in ("", "a\nb", "a\x0b"):
        with pytest.raises(BadNote):
            replace(good, origin=origin)
    for extension in ("", "a\n", "a\x00"):
        with pytest.raises(BadNote):
            replace(good, extensions=("fine", extension))
    for size in (-1, tiles.SIZE_MAX + 1):
        with pytest.raises(BadNote, match="no tree"):
            replace(good, size=size)
    with pytest.raises(BadNote, match="32 bytes"):
        replace(good, root=b"")
    with pytest.raises(BadNote, match="hash of nothing"):
        replace(good, size=0)


def test_the_page_shows_literal_bytes() -> None:
    log, witness = (SigningKey.from_seed(bytes([number]) * 32) for number in (1, 2))
    leaves = [
        envelope.item_leaf(bytes(range(16)), b'{"at":1800000000,"kind":"opened"}'),
        envelope.item_leaf(bytes(range(16, 32)), b'{"at":1800000060,"kind":"closed"}'),
    ]
    stated = Checkpoint(origin="example-city/housing", size=2, root=merkle.root(leaves))
    text = checkpoint.write(stated)
    signed = Note(
        text=text,
        signatures=(
            note.sign(text, "example-city/housing", log),
            note.cosign(text, "example-city/witness_a", witness, 1_800_000_070),
        ),
    )
    keys = (
        NoteKey(name="example-city/housing", key=log.verify_key.raw, algorithm=SIGNED),
        NoteKey(name="example-city/witness_a", key=witness.verify_key.raw, algorithm=COSIGNED),
    )
    tile = tiles.grow(0, leaves, lambda *_: b"")[0, 0]
    page = PAGE.read_text("utf-8")
    for shown in (
        *(leaf.hex() for leaf in leaves),
        stated.root.hex(),
        note.write(signed).decode(),
        *(note.write_vkey(key) for key in keys),
        f"{tiles.path(0, 0, 2)}  {len(tile)} bytes",
        sha256(tile).hexdigest(),
    ):
        assert shown in page
