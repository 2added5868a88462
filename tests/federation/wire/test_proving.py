"""Proofs out of a real log: for the asker alone, by the checkpoint that shows best when it was."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from auditor import inclusion
from crypto import note
from crypto.note import COSIGNED
from federation import limits
from federation.clock import FixedClock
from federation.errors import HeduiError, Refused, Unavailable
from federation.exchange import Header
from federation.ledger import LedgerEntry
from federation.log import proof
from federation.log.events import Tombstone
from federation.log.keeper import Keeper
from federation.log.sqlite import SqliteBook, append, erase
from federation.manifest import Manifest
from federation.wire import codec, receipt_messages
from federation.wire.proving import Prover
from federation.wire.receipt_messages import Proved
from tests.federation.log import kept
from tests.federation.log.kept import NOW, WITNESSES, File, Owner, Witnesses

DIGEST = b"d" * 32


def header(qid: bytes, digest: bytes = DIGEST) -> bytes:
    return codec.encode_header(
        Header(
            method="m",
            sender="tax",
            audience="coordinator",
            qid=qid,
            issued=NOW,
            expires=NOW + 1,
            n=1,
            root=bytes(32),
            status_list_digest=digest,
        )
    )


@dataclass
class Log:
    """A department's log in a file, kept and witnessed, and who asked what in it."""

    file: File
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    asked: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    lists: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    manifest: Manifest = field(default_factory=kept.manifest)

    def __post_init__(self) -> None:
        self.book: SqliteBook = self.file.book()
        self.witnesses = Witnesses(self.clock)
        self.keeper: Keeper = kept.keeper(self.book, self.witnesses, owner=Owner())
        self.prover = Prover(
            lambda: self.manifest, self.book, self.asked.get, lambda d: self.lists.get(d, ())
        )

    def exchange(self, n: int, caller: str = "coordinator", digest: bytes = DIGEST) -> bytes:
        """Log an exchange; give its query id."""
        qid = n.to_bytes(16, "big")
        entry = LedgerEntry(
            at=self.clock.now(),
            kind="ask",
            caller=caller,
            request=b"request",
            request_signature=b"",
            answer=header(qid, digest),
            beside=bytes(32),
        )
        rows: list[int] = []
        self.file.writing(lambda c: rows.append(append(c, codec.encode_entry(entry))))
        self.asked[qid] = caller, rows[0]
        return qid

    def checkpoint(self, after: int = 10, *, witnessed: bool = True) -> None:
        """Let some seconds pass, then cut a checkpoint and have it cosigned."""
        self.clock.seconds += after
        self.keeper.cut()
        if witnessed:
            self.keeper.witness()

    def prove(self, qid: bytes, caller: str = "coordinator") -> Proved:
        data = self.prover.prove(caller, receipt_messages.encode_prove(qid))
        return receipt_messages.decode_proved(data)

    def size(self, proved: Proved) -> int:
        """Hold what was given out to the log's root, its key and its witnesses; give the size."""
        logged = inclusion.included(proved.log, "test/tax")
        inclusion.cosigned(logged.note, "tax", self.manifest)
        return logged.checkpoint.size


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    file = File(str(tmp_path / "log.sqlite"))
    yield Log(file)
    file.connection.close()


def refused(ask: Callable[[], object], kind: type[HeduiError]) -> str:
    with pytest.raises(kind) as caught:
        ask()
    return caught.value.code


def test_an_exchange_is_proven(log: Log) -> None:
    log.exchange(1)
    qid = log.exchange(2)
    log.checkpoint()
    proved = log.prove(qid)
    assert log.size(proved) == 2
    assert proof.parse(proved.log.proof).index == 1
    assert codec.decode_header(codec.decode_entry(proved.log.record).answer).qid == qid
    assert proved.status_lists == ()


def test_lists_that_are_still_there_go_with_it(log: Log) -> None:
    log.lists[DIGEST] = (b"one", b"two")
    first, second = log.exchange(1), log.exchange(2, digest=b"")
    log.checkpoint()
    assert log.prove(first).status_lists == (b"one", b"two")
    log.lists[b""] = (b"three",)
    assert log.prove(second).status_lists == ()


def test_nobody_else_is_told_and_nobody_learns_of_it(log: Log) -> None:
    qid = log.exchange(1, caller="stranger")
    log.checkpoint()
    assert log.prove(qid, "stranger")
    for asked in (lambda: log.prove(qid), lambda: log.prove(bytes(16))):
        assert refused(asked, Refused) == "EXCHANGE_UNKNOWN"


def test_not_before_a_checkpoint_covers_it(log: Log) -> None:
    qid = log.exchange(1)
    assert refused(lambda: log.prove(qid), Unavailable) == "PROOF_NOT_READY"
    log.checkpoint()
    later = log.exchange(2)
    assert refused(lambda: log.prove(later), Unavailable) == "PROOF_NOT_READY"
    assert log.prove(qid)


def test_not_before_enough_witnesses_have_cosigned(log: Log) -> None:
    qid = log.exchange(1)
    log.witnesses.refusing = {w: Unavailable("PEER_UNREACHABLE") for w in WITNESSES[:2]}
    log.checkpoint()
    assert refused(lambda: log.prove(qid), Unavailable) == "PROOF_NOT_READY"
    log.witnesses.refusing = {WITNESSES[0]: Unavailable("PEER_UNREACHABLE")}
    log.keeper.witness()
    assert log.size(log.prove(qid)) == 1


def test_the_first_checkpoint_with_a_quorum_proves_best(log: Log) -> None:
    qid = log.exchange(1)
    log.checkpoint(witnessed=False)
    for n in range(2, 6):
        log.exchange(n)
        log.checkpoint()
    assert log.size(log.prove(qid)) == 2


def test_long_after_it_was_the_newest_that_has_one(log: Log) -> None:
    qid = log.exchange(1)
    log.checkpoint(witnessed=False)
    for n, after in enumerate((limits.INCLUSION + limits.COSIGNATURE + limits.SKEW, 5), start=2):
        log.exchange(n)
        log.checkpoint(after)
    log.exchange(9)
    log.checkpoint(witnessed=False)
    assert log.book.size() == 4
    assert log.size(log.prove(qid)) == 3


def test_a_checkpoint_before_it_proves_nothing(log: Log) -> None:
    log.exchange(1)
    log.checkpoint()
    qid = log.exchange(2)
    log.checkpoint(after=0)
    assert log.size(log.prove(qid)) == 2


def test_what_was_erased_is_not_proven(log: Log) -> None:
    first, second = log.exchange(1), log.exchange(2)
    log.checkpoint()
    rows: list[int] = []
    tombstone = Tombstone(at=NOW, order=bytes(32), rows=(0,))
    log.file.writing(lambda c: rows.append(erase(c, tombstone)))
    assert refused(lambda: log.prove(first), Refused) == "EXCHANGE_ERASED"
    assert log.size(log.prove(second)) == 2


def test_keys_of_witnesses_are_those_of_the_manifest_in_use(log: Log) -> None:
    qid = log.exchange(1)
    log.checkpoint()
    log.manifest = kept.manifest("witness_a", "witness_b")
    assert log.prove(qid)
    signed = note.parse(proof.parse(log.prove(qid).log.proof).checkpoint)
    assert len(signed.signatures) == 4
    (left,) = log.manifest.note_keys("witness_c", COSIGNED)
    assert note.verify_cosignature(signed, left) == NOW + 10


def test_another_request_is_malformed(log: Log) -> None:
    assert refused(lambda: log.prover.prove("coordinator", b""), HeduiError) == "MALFORMED"
