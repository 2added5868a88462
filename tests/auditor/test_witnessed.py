"""What others were shown of a log: it must go on from there, whatever it shows now."""

from dataclasses import replace
from pathlib import Path

import pytest

from auditor import alarms, exported, witnessed
from auditor.alarms import Alarm
from auditor.findings import Finding, Severity
from auditor.logs import Log
from auditor.witness import Verdict
from crypto import checkpoint, merkle, note
from crypto.checkpoint import Checkpoint
from crypto.note import Note
from tests.auditor import diaries
from tests.auditor.diaries import CENTRE, NOW, PAPERS, TAX, Federation, booked, honest
from tests.support.exchanges import key


@pytest.fixture
def logs(tmp_path: Path) -> dict[str, Log]:
    """Export what an honest federation has logged."""
    return dict(exported.read(diaries.export(honest(), tmp_path)).logs)


def shown(town: Federation, size: int, party: str = CENTRE, signer: str = "") -> bytes:
    """Show a log as it was when it had so many rows."""
    leaves = [row.leaf for row in booked(town.diaries[party], NOW).all[:size]]
    tree = Checkpoint(origin=f"test/{party}", size=size, root=merkle.root(leaves))
    return signed(tree, signer or party)


def signed(tree: Checkpoint, signer: str) -> bytes:
    text = checkpoint.write(tree)
    line = note.sign(text, tree.origin, key(signer))
    return note.write(Note(text=text, signatures=(line,)))


def found(logs: dict[str, Log], *data: bytes, settled: bool = False) -> list[Finding]:
    files = {f"file {n}": one for n, one in enumerate(data)}
    return list(witnessed.check(files, logs, PAPERS, settled=settled))


def codes(logs: dict[str, Log], *data: bytes, settled: bool = False) -> list[tuple[str, Severity]]:
    return [(one.code, one.severity) for one in found(logs, *data, settled=settled)]


@pytest.mark.parametrize("size", [0, 1, 3, 10])
def test_a_log_that_goes_on_from_what_was_shown(logs: dict[str, Log], size: int) -> None:
    assert codes(logs, shown(honest(), size)) == []


def test_a_log_that_has_another_past(logs: dict[str, Log]) -> None:
    tree = Checkpoint(origin="test/coordinator", size=3, root=bytes(32))
    (one,) = found(logs, signed(tree, CENTRE))
    assert (one.code, one.severity) == ("LOG_SPLIT", Severity.BROKEN)
    assert one.places == ((CENTRE, 2),)
    assert one.evidence["signed"] == bytes(32).hex()
    assert one.evidence["file"] == "file 0"


def test_a_log_that_is_shorter_than_what_was_shown(logs: dict[str, Log]) -> None:
    tree = Checkpoint(origin="test/coordinator", size=11, root=bytes(32))
    data = signed(tree, CENTRE)
    assert codes(logs, data) == [("LOG_BEHIND", Severity.DOUBT)]
    assert codes(logs, data, settled=True) == [("LOG_BEHIND", Severity.BROKEN)]


def test_a_log_that_is_not_here_is_let_be(logs: dict[str, Log]) -> None:
    del logs[TAX]
    assert codes(logs, shown(honest(), 1, TAX)) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        signed(Checkpoint(origin="test/coordinator", size=1, root=bytes(32)), TAX),
        signed(Checkpoint(origin="other/coordinator", size=1, root=bytes(32)), CENTRE),
        signed(Checkpoint(origin="test/nobody", size=1, root=bytes(32)), CENTRE),
    ],
)
def test_what_the_log_has_not_signed_is_no_checkpoint(logs: dict[str, Log], data: bytes) -> None:
    ((code, severity),) = codes(logs, data)
    assert code in {"RECEIPT_CHECKPOINT", "PARTY_UNKNOWN"}
    assert severity is Severity.BROKEN


def test_a_note_that_somebody_else_has_signed_beside(logs: dict[str, Log]) -> None:
    text = checkpoint.write(Checkpoint(origin="test/coordinator", size=1, root=bytes(32)))
    alone = Note(text=text, signatures=(note.sign(text, "test/tax", key(TAX)),))
    assert codes(logs, note.write(alone)) == [("RECEIPT_CHECKPOINT", Severity.BROKEN)]


# -- alarms


def alarm(code: Verdict, known: bytes, presented: bytes, old: int = 0) -> bytes:
    """Let a witness hand an alarm on; it has cosigned what it knew."""
    before = note.parse(known)
    line = note.cosign(before.text, "test/witness_a", key("witness_a"), NOW)
    known = note.write(replace(before, signatures=(*before.signatures, line)))
    made = Alarm(
        at=NOW,
        origin="test/coordinator",
        code=code,
        known=known,
        presented=presented,
        old_size=old,
        proof=(),
    )
    return alarms.write(made, "witness_a", key("witness_a"))


def forked(size: int) -> bytes:
    return signed(Checkpoint(origin="test/coordinator", size=size, root=bytes(32)), CENTRE)


def test_a_split_that_a_witness_has_kept(logs: dict[str, Log]) -> None:
    data = alarm(Verdict.SPLIT, shown(honest(), 3), forked(3))
    assert codes(logs, data) == [("LOG_SPLIT", Severity.BROKEN)]


def test_a_log_that_was_shorter_once_and_has_gone_on(logs: dict[str, Log]) -> None:
    data = alarm(Verdict.ROLLED_BACK, shown(honest(), 5), shown(honest(), 3))
    assert codes(logs, data) == [("LOG_ROLLED_BACK", Severity.DOUBT)]


def test_a_log_that_was_rolled_back_and_is_not_what_it_was(logs: dict[str, Log]) -> None:
    data = alarm(Verdict.ROLLED_BACK, forked(5), shown(honest(), 3))
    assert codes(logs, data) == [("LOG_ROLLED_BACK", Severity.BROKEN)]
    longer = alarm(Verdict.ROLLED_BACK, forked(50), shown(honest(), 3))
    assert codes(logs, longer) == [("LOG_ROLLED_BACK", Severity.BROKEN)]


def test_what_is_no_alarm_is_named(logs: dict[str, Log]) -> None:
    assert codes(logs, b"{}") == [("ALARM_INVALID", Severity.BROKEN)]


def test_a_log_that_is_torn_cannot_be_compared(logs: dict[str, Log], tmp_path: Path) -> None:
    for tile in (tmp_path / CENTRE / "tile" / "0").rglob("*"):
        if tile.is_file():
            tile.unlink()
    ((code, _),) = codes(logs, shown(honest(), 3))
    assert code == "LOG_PART_MISSING"
