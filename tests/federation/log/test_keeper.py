"""The keeper: checkpoints that grow, never over an altered log, and answers that stop in time."""

import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import checkpoint, merkle, note
from crypto.note import SIGNED, Note, NoteKey
from crypto.suites import ED25519
from federation.clock import FixedClock
from federation.errors import PeerFault, Unavailable
from federation.log import keeper as keepers
from federation.log.book import Kept
from federation.log.checking import Rules
from federation.log.keeper import Keeper
from federation.log.keys import log_keys
from federation.log.sqlite import append
from federation.wire import log_messages as messages
from federation.wire.log_messages import Cosigned
from tests.federation.log.kept import (
    NOW,
    ORIGIN,
    WITNESSES,
    File,
    Owner,
    Witnesses,
    keeper,
    manifest,
    signing_key,
)
from tests.support.books import MemoryBook

HOUR = 3_600
KEY = NoteKey(name=ORIGIN, key=signing_key("tax").verify_key.raw, algorithm=SIGNED)


@pytest.fixture
def book() -> MemoryBook:
    book = MemoryBook()
    book.append(b"first")
    return book


@pytest.fixture
def witnesses() -> Witnesses:
    return Witnesses(FixedClock(NOW))


def cosigned(kept: Kept | None) -> int:
    assert kept is not None
    return len(note.parse(kept.note).signatures) - 1


def test_a_checkpoint_is_signed_and_names_the_tree(book: MemoryBook) -> None:
    book.append(b"second")
    kept = keeper(book).cut()
    assert kept is not None
    assert kept == book.newest()
    assert kept.at == NOW
    signed = note.parse(kept.note)
    assert log_keys(manifest(), "tax") == [KEY]
    note.verify(signed, KEY)
    tree = checkpoint.parse(signed.text)
    assert (tree.origin, tree.size, tree.root) == (ORIGIN, 2, kept.root)
    assert kept.root == merkle.root([row.leaf for row in book.all])


def test_nothing_new_is_not_signed(book: MemoryBook) -> None:
    assert keeper(MemoryBook()).cut() is None
    keeper(book).cut()
    assert keeper(book).cut() is None
    assert len(book.checkpoints) == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=5), st.data())
def test_however_it_grows_it_is_one_tree(steps: list[int], data: st.DataObject) -> None:
    book = MemoryBook()
    for step in steps:
        for _ in range(step):
            book.append(b"%d" % len(book.all))
        kept = keeper(book).cut()
        leaves = [row.leaf for row in book.all]
        assert kept is not None
        assert (kept.size, kept.root) == (len(leaves), merkle.root(leaves))


def test_many_rows_are_cut_in_parts(book: MemoryBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepers, "CUT", 300)
    monkeypatch.setattr(keepers, "STEP", 70)
    for n in range(1000):
        book.append(b"%d" % n)
    kept = keeper(book).cut()
    assert [one.size for one in book.checkpoints] == [300, 600, 900, 1001]
    assert kept is not None
    assert kept.root == merkle.root([row.leaf for row in book.all])


def test_nothing_is_signed_over_an_altered_log(book: MemoryBook) -> None:
    one = keeper(book)
    one.cut()
    one.check_sound()
    book.all[0] = book.all[0]._replace(leaf=bytes(32))
    book.append(b"second")
    with pytest.raises(Unavailable, match="LOG_ALTERED row=0"):
        one.cut()
    with pytest.raises(Unavailable, match="LOG_ALTERED row=0"):
        one.check_sound()
    assert len(book.checkpoints) == 1


def test_an_altered_log_is_noticed_at_the_start(book: MemoryBook) -> None:
    keeper(book).cut()
    book.all.clear()
    with pytest.raises(Unavailable, match="LOG_ALTERED row=0"):
        keeper(book).check_sound()


def test_the_check_goes_on_where_it_was_left(book: MemoryBook) -> None:
    for n in range(3000):
        book.append(b"%d" % n)
    keeper(book).cut()
    assert book.position() == 0
    keeper(book)
    assert book.position() == 1024
    keeper(book)
    assert book.position() == 2048
    book.all[2500] = book.all[2500]._replace(record=b"edited")
    for _ in range(2):  # a start does not make it forget
        with pytest.raises(Unavailable, match="LOG_ALTERED row=2500"):
            keeper(book).check_sound()
    assert book.position() == 2048


def test_a_large_log_is_through_within_a_day() -> None:
    book = MemoryBook()
    for n in range(3000):
        book.append(b"%d" % n)
    keeper(book).cut()
    keeper(book, every=86_400.0 / 2)
    assert book.position() == 1536


def test_what_its_party_knows_of_records_counts(book: MemoryBook) -> None:
    def unknown(_: bytes) -> bytes | None:
        raise PeerFault("MALFORMED", message="record")

    one = keeper(book, rules=Rules(beside=unknown))
    one.cut()
    with pytest.raises(Unavailable, match="LOG_ALTERED row=0"):
        one.check(0, 1)
    with pytest.raises(Unavailable, match="LOG_ALTERED row=0"):
        one.check_sound()


def test_a_log_that_cannot_be_written_stops_answers(tmp_path: Path) -> None:
    file = File(str(tmp_path / "log.sqlite"))
    append(file.connection, b"one")
    one = keeper(file.book())
    file.broken = True
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        one.cut()
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        one.check_sound()
    file.broken = False
    one.cut()
    one.check_sound()


def test_a_log_that_cannot_be_read_at_the_start_stops_answers(tmp_path: Path) -> None:
    file = File(str(tmp_path / "log.sqlite"))
    file.broken = True
    one = keeper(file.book())
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        one.check_sound()


class _Other:
    """A suite that no note is signed with."""

    name = "other"

    def __getattr__(self, name: str) -> object:
        return getattr(ED25519, name)


def test_a_key_of_another_suite_signs_no_log(book: MemoryBook) -> None:
    owner = Owner()
    owner.key = type(owner.key).from_seed(bytes(32), _Other())  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="LOG_KEY party=tax"):
        keeper(book, owner=owner).cut()
    assert book.checkpoints == []


def test_all_witnesses_cosign(book: MemoryBook, witnesses: Witnesses) -> None:
    one = keeper(book, witnesses)
    assert one.witness() == 0
    one.cut()
    assert one.witness() == 3
    assert cosigned(book.newest()) == 3
    assert one.witness() == 3
    assert sorted(witnesses.asked) == sorted(WITNESSES)


def test_without_witnesses_nobody_is_missed(book: MemoryBook, witnesses: Witnesses) -> None:
    owner = Owner(manifest=manifest(*WITNESSES))
    for one in (keeper(book), keeper(book, witnesses, owner=owner)):
        one.cut()
        assert one.witness() == 0
        witnesses.clock.seconds += 48 * HOUR
        assert one.witness() == 0
        one.check_sound()
    keeper(book, witnesses, owner=owner).check_sound()
    assert witnesses.asked == []


def test_two_of_three_are_enough(book: MemoryBook, witnesses: Witnesses) -> None:
    witnesses.refusing["witness_b"] = Unavailable("PEER_UNREACHABLE")
    one = keeper(book, witnesses)
    one.cut()
    assert one.witness() == 2
    witnesses.clock.seconds += 48 * HOUR
    assert one.witness() == 2
    one.check_sound()


def test_answers_outlast_a_day_without_witnesses(book: MemoryBook, witnesses: Witnesses) -> None:
    for name in WITNESSES[:2]:
        witnesses.refusing[name] = Unavailable("PEER_SLOW")
    one = keeper(book, witnesses)
    one.cut()
    witnesses.clock.seconds += HOUR
    assert one.witness() == 1
    book.append(b"second")
    one.cut()
    witnesses.clock.seconds += 23 * HOUR
    one.check_sound()
    assert one.witness() == 1
    keeper(book, witnesses).check_sound()
    witnesses.clock.seconds += 1
    for same in (one, keeper(book, witnesses)):
        with pytest.raises(Unavailable, match="WITNESSES_MISSING"):
            same.check_sound()
    witnesses.refusing.clear()
    assert one.witness() == 3
    one.check_sound()
    keeper(book, witnesses).check_sound()


def test_a_checkpoint_that_was_cosigned_ends_the_wait(
    book: MemoryBook, witnesses: Witnesses
) -> None:
    one = keeper(book, witnesses)
    one.cut()
    one.witness()
    witnesses.clock.seconds += 47 * HOUR
    book.append(b"second")
    one.cut()
    keeper(book, witnesses).check_sound()


def test_a_log_that_most_witnesses_accuse_stops(book: MemoryBook, witnesses: Witnesses) -> None:
    one = keeper(book, witnesses)
    one.cut()
    witnesses.refusing["witness_a"] = PeerFault("LOG_ROLLED_BACK")
    assert one.witness() == 2
    one.check_sound()
    witnesses.refusing["witness_b"] = PeerFault("LOG_SPLIT")
    book.append(b"second")
    one.cut()
    with pytest.raises(Unavailable, match="LOG_ALTERED row=1"):
        one.witness()
    with pytest.raises(Unavailable, match="LOG_ALTERED"):
        one.check_sound()


def test_an_accusation_that_was_taken_back_does_not_count(
    book: MemoryBook, witnesses: Witnesses
) -> None:
    one = keeper(book, witnesses)
    one.cut()
    witnesses.refusing["witness_a"] = PeerFault("LOG_INCONSISTENT")
    assert one.witness() == 2
    witnesses.refusing.clear()
    assert one.witness() == 3
    witnesses.refusing["witness_b"] = PeerFault("LOG_INCONSISTENT")
    book.append(b"second")
    one.cut()
    assert one.witness() == 2
    one.check_sound()


def test_a_witness_that_has_left_accuses_nobody(book: MemoryBook, witnesses: Witnesses) -> None:
    owner = Owner()
    one = keeper(book, witnesses, owner=owner)
    one.cut()
    witnesses.refusing["witness_a"] = PeerFault("LOG_SPLIT")
    one.witness()
    owner.manifest = manifest("witness_a")
    witnesses.refusing["witness_b"] = PeerFault("LOG_SPLIT")
    book.append(b"second")
    one.cut()
    assert one.witness() == 1
    one.check_sound()


def test_a_checkpoint_that_is_no_note_is_not_witnessed(
    book: MemoryBook, witnesses: Witnesses
) -> None:
    one = keeper(book, witnesses)
    one.cut()
    book.checkpoints[0] = replace(book.checkpoints[0], note=b"no note")
    with pytest.raises(Unavailable, match="LOG_ALTERED row=1"):
        one.witness()


def served(one: Keeper, seen: threading.Event) -> None:
    """Let a keeper run until something is seen."""
    stop = threading.Event()
    thread = one.serve(stop)
    assert seen.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


class Watched(MemoryBook):
    """Tells when so many checkpoints have been cosigned or failed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = threading.Event()
        self.failing = 0

    def cosigned(self, kept: Kept) -> None:
        super().cosigned(kept)
        self.seen.set()

    def size(self) -> int:
        if self.failing:
            self.failing -= 1
            if not self.failing:
                self.seen.set()
            raise Unavailable("LOG_UNAVAILABLE")
        return super().size()


def test_served_it_cuts_checks_and_asks(witnesses: Witnesses) -> None:
    book = Watched()
    one = keeper(book, witnesses, every=0.01)
    book.append(b"one")
    served(one, book.seen)
    one.check_sound()
    assert cosigned(book.newest()) == 3


def test_at_the_end_it_sees_to_the_log_once_more(witnesses: Witnesses) -> None:
    book = Watched()
    one = keeper(book, witnesses, every=100.0)
    stop = threading.Event()
    thread = one.serve(stop)
    book.append(b"one")
    stop.set()
    thread.join(10)
    assert cosigned(book.newest()) == 3
    one.check_sound()


def test_after_a_failure_it_tries_again_soon(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keepers, "RETRY", 0.01)
    book = Watched()
    book.append(b"one")
    book.failing = 3  # at the start, and twice after it
    with caplog.at_level(logging.ERROR):
        served(keeper(book, every=0.01), book.seen)
    assert caplog.text.count("LOG_UNAVAILABLE") == 3
    assert len(book.checkpoints) == 1


def test_an_altered_log_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    book = Watched()
    book.append(b"one")
    keeper(book).cut()
    book.all.clear()
    one = keeper(book, every=0.01)
    caplog.clear()
    stop = threading.Event()
    thread = one.serve(stop)
    stop.set()
    thread.join(10)
    assert caplog.text == ""
    with pytest.raises(Unavailable, match="LOG_ALTERED row=0"):
        one.check_sound()


class Buggy(MemoryBook):
    """Fails as no book should."""

    def leaves(self, first: int, stop: int) -> list[bytes]:
        raise RuntimeError("a bug")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_keeper_that_dies_stops_answers() -> None:
    one = keeper(MemoryBook(), every=0.01)
    one._book = Buggy()
    thread = one.serve(threading.Event())
    thread.join(10)
    assert not thread.is_alive()
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        one.check_sound()


def test_a_note_of_ours_is_no_cosignature(book: MemoryBook, witnesses: Witnesses) -> None:
    one = keeper(book, witnesses)
    kept = one.cut()
    assert kept is not None
    text = note.parse(kept.note).text
    own = note.sign(text, "test/witness_a", signing_key("witness_a"))
    line = note.write(Note(text=text, signatures=(own,))).decode().removeprefix(text + "\n")
    witnesses.refusing["witness_a"] = messages.encode_cosigned(Cosigned(lines=line))
    assert one.witness() == 2
