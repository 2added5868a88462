"""What a log says to its witnesses, and which of their answers it believes."""

import pytest

from crypto import note
from crypto.note import Note
from federation.clock import FixedClock
from federation.errors import PeerFault, Unavailable
from federation.log.book import Kept
from federation.log.witnessing import Witnesses as Asking
from federation.wire import log_messages as messages
from federation.wire.log_messages import Cosigned
from tests.federation.log.kept import NOW, WITNESSES, Witnesses, keeper, manifest, signing_key
from tests.support.books import MemoryBook

ALL = frozenset(WITNESSES)


@pytest.fixture
def book() -> MemoryBook:
    return MemoryBook()


@pytest.fixture
def witnesses() -> Witnesses:
    return Witnesses(FixedClock(NOW))


def cut(book: MemoryBook, rows: int = 1) -> Kept:
    for _ in range(rows):
        book.append(b"row %d" % len(book.all))
    kept = keeper(book).cut()
    assert kept is not None
    return kept


def cosigned_as(text: str, name: str, key: str) -> str:
    signature = note.cosign(text, name, signing_key(key), NOW)
    whole = note.write(Note(text=text, signatures=(signature,))).decode()
    return whole.removeprefix(text + "\n")


def test_growth_is_proved_to_each(book: MemoryBook, witnesses: Witnesses) -> None:
    asking = Asking(book, witnesses.send)
    for rows in (1, 1, 300, 5):
        assert asking.gather(cut(book, rows), manifest()) == ALL
    assert {size for size, _ in witnesses.seen.values()} == {307}
    assert len(witnesses.asked) == 4 * 3


def test_after_a_restart_the_witness_tells_where_it_is(
    book: MemoryBook, witnesses: Witnesses
) -> None:
    Asking(book, witnesses.send).gather(cut(book, 5), manifest())
    witnesses.asked.clear()
    assert Asking(book, witnesses.send).gather(cut(book, 3), manifest()) == ALL
    assert len(witnesses.asked) == 6


def test_a_witness_that_forgot_everything_begins_anew(
    book: MemoryBook, witnesses: Witnesses
) -> None:
    asking = Asking(book, witnesses.send)
    asking.gather(cut(book, 5), manifest())
    del witnesses.seen["witness_b"]
    assert asking.gather(cut(book, 3), manifest()) == ALL
    assert witnesses.seen["witness_b"][0] == 8


def test_cosignatures_of_different_rounds_come_together(
    book: MemoryBook, witnesses: Witnesses
) -> None:
    asking = Asking(book, witnesses.send)
    witnesses.refusing["witness_c"] = PeerFault("PEER_FAILED")
    kept = cut(book)
    assert asking.gather(kept, manifest()) == ALL - {"witness_c"}
    witnesses.refusing.clear()
    newest = book.newest()
    assert newest
    assert asking.gather(newest, manifest()) == ALL
    names = [one.name for one in note.parse(book.checkpoints[0].note).signatures]
    assert names == ["test/tax", "test/witness_a", "test/witness_b", "test/witness_c"]


@pytest.mark.parametrize("known", [1, 99, 2**62])
def test_one_that_names_another_size_each_time_is_left(
    book: MemoryBook, witnesses: Witnesses, known: int, caplog: pytest.LogCaptureFixture
) -> None:
    witnesses.refusing["witness_a"] = messages.encode_cosigned(Cosigned(known_size=known))
    kept = cut(book, 3)
    assert Asking(book, witnesses.send).gather(kept, manifest()) == ALL - {"witness_a"}
    assert witnesses.asked.count("witness_a") == 2
    assert "witness=witness_a: " in caplog.text
    assert "MALFORMED message=another size each time" in caplog.text


def test_who_cannot_be_reached_is_named_in_both_languages(
    book: MemoryBook, witnesses: Witnesses, caplog: pytest.LogCaptureFixture
) -> None:
    witnesses.refusing["witness_a"] = Unavailable("PEER_UNREACHABLE", peer="witness_a")
    assert Asking(book, witnesses.send).gather(cut(book), manifest()) == ALL - {"witness_a"}
    (said,) = caplog.messages
    assert said == (
        "一个见证方没有签名 A witness has not cosigned  COSIGNATURE_MISSING witness=witness_a: "
        "联系不上对方 The other side cannot be reached  PEER_UNREACHABLE peer=witness_a"
    )


def lines(text: str) -> dict[str, str]:
    other = text.replace("test/tax", "test/other")
    return {
        "another's": cosigned_as(text, "test/witness_b", "witness_b"),
        "another's under its name": cosigned_as(text, "test/witness_a", "witness_b"),
        "over another text": cosigned_as(other, "test/witness_a", "witness_a"),
    }


@pytest.mark.parametrize("which", lines("test/tax\n"))
def test_lines_that_do_not_hold_are_not_kept(
    book: MemoryBook, witnesses: Witnesses, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept = cut(book)
    line = lines(note.parse(kept.note).text)[which]
    witnesses.refusing["witness_a"] = messages.encode_cosigned(Cosigned(lines=line))
    assert Asking(book, witnesses.send).gather(kept, manifest()) == ALL - {"witness_a"}
    assert "BAD_SIGNATURE sender=witness_a" in caplog.text
    assert len(note.parse(book.checkpoints[0].note).signatures) == 3


def test_of_several_lines_those_that_hold_are_kept(book: MemoryBook, witnesses: Witnesses) -> None:
    kept = cut(book)
    text = note.parse(kept.note).text
    both = "".join(cosigned_as(text, f"test/{one}", one) for one in ("witness_a", "witness_b"))
    witnesses.refusing["witness_a"] = messages.encode_cosigned(Cosigned(lines=both))
    witnesses.refusing["witness_b"] = PeerFault("PEER_FAILED")
    assert Asking(book, witnesses.send).gather(kept, manifest()) == {"witness_a", "witness_c"}


@pytest.mark.parametrize("answer", [b"\xff", messages.encode_cosigned(Cosigned(lines="garbage"))])
def test_garbage_is_no_answer(
    book: MemoryBook, witnesses: Witnesses, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    witnesses.refusing["witness_a"] = answer
    kept = cut(book)
    assert Asking(book, witnesses.send).gather(kept, manifest()) == ALL - {"witness_a"}
    assert "MALFORMED message=Cosigned" in caplog.text


def test_accusations_are_remembered(book: MemoryBook, witnesses: Witnesses) -> None:
    asking = Asking(book, witnesses.send)
    witnesses.refusing["witness_a"] = PeerFault("LOG_SPLIT")
    witnesses.refusing["witness_b"] = PeerFault("WRONG_PARTY")
    assert asking.gather(cut(book), manifest()) == {"witness_c"}
    assert asking.accusing == {"witness_a"}
