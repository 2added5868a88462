"""The tlog-proof: literal bytes, one spelling, and it leads to the root."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import checkpoint, merkle, note
from federation.errors import PeerFault, Unavailable
from federation.log import proof, rows
from federation.log.proof import Proof
from tests.federation.log.kept import keeper
from tests.support.books import MemoryBook

NOTE = b"test/tax\n2\n...\n\n-- test/tax ...\n"
PLAIN = Proof(index=1, hashes=(bytes(32),), checkpoint=NOTE)
TEXT = b"c2sp.org/tlog-proof@v1\nindex 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n" + NOTE


def filled(rows: int) -> MemoryBook:
    book = MemoryBook()
    for n in range(rows):
        book.append(b"record %d" % n)
    keeper(book).cut()
    return book


def test_the_bytes_of_a_proof() -> None:
    assert proof.write(PLAIN) == TEXT
    assert proof.parse(TEXT) == PLAIN


def test_the_page_shows_a_proof() -> None:
    page = (Path(__file__).parents[3] / "docs" / "protocol" / "log.md").read_text("utf-8")
    shown = "c2sp.org/tlog-proof@v1\n" + page.partition("```\nc2sp.org/tlog-proof@v1\n")[2]
    one = proof.parse(shown.partition("```")[0].encode())
    tree = checkpoint.parse(note.parse(one.checkpoint).text)
    record, salt = b'{"at":1800000060,"kind":"closed"}', bytes(range(16, 32))
    leaf = rows.made(record, b"", salt).leaf
    merkle.verify_inclusion(leaf, one.index, tree.size, one.hashes, tree.root)


def test_extra_stands_in_the_second_line() -> None:
    extra = Proof(index=0, hashes=(), checkpoint=NOTE, extra=b"more")
    assert proof.write(extra) == b"c2sp.org/tlog-proof@v1\nextra bW9yZQ==\nindex 0\n\n" + NOTE
    assert proof.parse(proof.write(extra)) == extra


@given(
    st.builds(
        Proof,
        index=st.integers(0, 2**62),
        hashes=st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
        checkpoint=st.binary(max_size=100),
        extra=st.binary(max_size=100),
    )
)
def test_round_trip(one: Proof) -> None:
    assert proof.parse(proof.write(one)) == one


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"c2sp.org/tlog-proof@v1",
        TEXT.replace(b"@v1", b"@v2"),
        TEXT.replace(b"index 1", b"index 01"),
        TEXT.replace(b"index 1", b"index -1"),
        TEXT.replace(b"index 1", b"index x"),
        TEXT.replace(b"index 1\n", b""),
        TEXT.replace(b"AAA=", b"AAB="),
        TEXT.replace(b"AAAA", b"", 1),
        TEXT.replace(b"AAAA", b"AA!A", 1),
        TEXT.replace(b"index 1", b"extra \nindex 1"),
        TEXT.replace(b"index 1", b"extra ===\nindex 1"),
        TEXT.replace(b"\n", b"\r\n"),
        TEXT.replace(b"tlog", "tlög".encode()),
        TEXT.replace(b"\n\n", b"\n"),
        proof.write(Proof(index=0, hashes=(bytes(32),) * 64, checkpoint=NOTE)),
    ],
)
def test_another_spelling_is_refused(text: bytes) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        proof.parse(text)


def test_a_long_one_is_refused() -> None:
    with pytest.raises(PeerFault, match="OVERSIZE"):
        proof.parse(TEXT + bytes(proof.PROOF_MAX))


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 300])
def test_every_row_is_proved(size: int) -> None:
    book = filled(size)
    for index in {0, size // 2, size - 1}:
        one = proof.parse(proof.prove(book, index))
        tree = checkpoint.parse(note.parse(one.checkpoint).text)
        merkle.verify_inclusion(book.all[index].leaf, index, size, one.hashes, tree.root)


def test_an_older_checkpoint_proves_too() -> None:
    book = filled(3)
    older = book.newest()
    book.append(b"more")
    keeper(book).cut()
    assert older is not None
    assert proof.parse(proof.prove(book, 1, older)).checkpoint == older.note


@pytest.mark.parametrize("index", [-1, 3])
def test_what_no_checkpoint_covers_is_not_proved(index: int) -> None:
    with pytest.raises(Unavailable, match="LOG_PART_MISSING"):
        proof.prove(filled(3), index)
    with pytest.raises(Unavailable, match="LOG_PART_MISSING"):
        proof.prove(MemoryBook(), 0)


def test_a_tile_that_is_gone_is_named() -> None:
    book = filled(300)
    book.tiles[0, 0] = b""
    with pytest.raises(Unavailable, match="LOG_ALTERED row=0"):
        proof.prove(book, 5)
