"""Alarms as others get them: believed by public keys alone, and by judging once more."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor import alarms, witness
from auditor.alarms import PAYLOAD_TYPE, Alarm
from auditor.witness import Presented, Seen, Verdict
from crypto import envelope, note
from crypto.keys import SigningKey
from crypto.note import Note
from federation.errors import BadInput
from federation.log.keys import log_keys
from federation.manifest import Manifest
from federation.party import Party
from federation.strictjson import b64, dumps, loads
from federation.wire.log_messages import AddCheckpoint
from tests.auditor import witnessing
from tests.auditor.witnessing import LOG, OTHER, TwinLog, leaves
from tests.support.twin import NOW


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return witnessing.found(tmp_path_factory.mktemp("alarms") / "f")


@pytest.fixture(scope="module")
def log(folder: Path) -> TwinLog:
    return TwinLog(witnessing.load(folder, LOG), leaves(12))


@pytest.fixture(scope="module")
def by(folder: Path) -> Party:
    return witnessing.load(folder, "witness_a")


def shown(log: TwinLog, request: AddCheckpoint) -> Presented:
    return witness.present(request, log.origin, log_keys(log.party.manifest, log.party.id))


def alarm(log: TwinLog, by: Party, request: AddCheckpoint) -> Alarm:
    """Give the alarm of a witness that had cosigned five entries."""
    text = note.parse(log.note(5)).text
    line = note.cosign(text, by.manifest.note_name(by.id), by.key, NOW - 60)
    seen = witness.after(Seen(), shown(log, log.request(0, 5)), line, NOW - 60)
    presented = shown(log, request)
    return alarms.raised(witness.judge(seen, presented), seen, presented, NOW)


@pytest.fixture
def split(log: TwinLog, by: Party) -> Alarm:
    return alarm(log, by, log.fork(3, 2).request(0))


def read(document: bytes, manifest: Manifest) -> Alarm:
    who, found = alarms.read(document, manifest)
    assert who == "witness_a"
    return found


@pytest.mark.parametrize(
    ("at", "old", "size", "expected"),
    [
        (3, 0, 5, Verdict.SPLIT),
        (12, 0, 4, Verdict.ROLLED_BACK),
        (3, 5, 12, Verdict.INCONSISTENT),
    ],
)
def test_an_alarm_reads_back(
    log: TwinLog, by: Party, *, at: int, old: int, size: int, expected: Verdict
) -> None:
    raised = alarm(log, by, log.fork(at, 12 - at).request(old, size))
    assert raised.code is expected
    assert raised.proven is (expected is Verdict.SPLIT)
    found = read(alarms.write(raised, by.id, by.key), by.manifest)
    assert found == raised
    assert (found.count, raised.count) == (0, 1)


def test_nobody_else_can_say_it(split: Alarm, by: Party, folder: Path) -> None:
    other = witnessing.load(folder, "witness_b")
    documents = [
        alarms.write(split, "witness_a", SigningKey.generate()),
        alarms.write(split, "witness_a", other.key),
        alarms.write(split, "witness_b", other.key),
        alarms.write(split, LOG, witnessing.load(folder, LOG).key),
        alarms.write(split, "nobody", by.key),
    ]
    for document in documents:
        with pytest.raises(BadInput, match="ALARM_INVALID"):
            alarms.read(document, by.manifest)


def test_a_flipped_byte_is_found(split: Alarm, by: Party) -> None:
    document = alarms.write(split, by.id, by.key)
    for place in range(len(document)):
        spoilt = document[:place] + bytes([document[place] ^ 1]) + document[place + 1 :]
        with pytest.raises(BadInput, match="ALARM_INVALID"):
            alarms.read(spoilt, by.manifest)


def _signed(payload: bytes, by: Party) -> bytes:
    return envelope.to_json(envelope.sign(payload, PAYLOAD_TYPE, by.key))


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.update(more=1),
        lambda raw: raw.pop("at"),
        lambda raw: raw.update(at=-1),
        lambda raw: raw.update(at="1"),
        lambda raw: raw.update(at=1 << 63),
        lambda raw: raw.update(old_size=True),
        lambda raw: raw.update(old_size=6),
        lambda raw: raw.update(proof="x"),
        lambda raw: raw.update(proof=[5]),
        lambda raw: raw.update(proof=[b64(bytes(31))]),
        lambda raw: raw.update(proof=[b64(bytes(32))] * 64),
        lambda raw: raw.update(code="COSIGN"),
        lambda raw: raw.update(code="LOG_ROLLED_BACK"),
        lambda raw: raw.update(code="LOG_LOST"),
        lambda raw: raw.update(code=5),
        lambda raw: raw.update(origin="test/coordinator"),
        lambda raw: raw.update(origin="other/tax"),
        lambda raw: raw.update(origin="test/nobody"),
        lambda raw: raw.update(origin=5),
        lambda raw: raw.update(known=raw["presented"]),
        lambda raw: raw.update(presented=raw["known"]),
        lambda raw: raw.update(presented="%"),
        lambda raw: raw.update(known=b64(b"x")),
    ],
)
def test_what_a_witness_says_wrongly_is_not_believed(
    split: Alarm, by: Party, change: Callable[[dict[str, Any]], object]
) -> None:
    raw = loads(
        envelope.from_json(alarms.write(split, by.id, by.key), max_bytes=1 << 20).payload, ""
    )
    change(raw)
    with pytest.raises(BadInput, match="ALARM_INVALID"):
        alarms.read(_signed(dumps(raw), by), by.manifest)


def test_no_alarm_without_a_contradiction(log: TwinLog, by: Party, split: Alarm) -> None:
    for request in (log.request(5), log.request(0, 5), log.request(3)):
        harmless = replace(
            split,
            presented=request.checkpoint,
            old_size=request.old_size,
            proof=request.proof,
            code=Verdict.SPLIT,
        )
        with pytest.raises(BadInput, match="ALARM_INVALID"):
            alarms.read(alarms.write(harmless, by.id, by.key), by.manifest)
        verdict = witness.judge(Seen(size=5, root=log.tree(5).root), shown(log, request))
        assert not verdict.alarm
        with pytest.raises(BadInput, match="ALARM_INVALID"):
            alarms.read(alarms.write(replace(harmless, code=verdict), by.id, by.key), by.manifest)


def test_a_checkpoint_that_the_witness_never_cosigned_is_no_alarm(
    log: TwinLog, by: Party, split: Alarm, folder: Path
) -> None:
    signed = note.parse(split.known)
    own, cosigned = signed.signatures
    stranger = witnessing.load(folder, "witness_b")
    name = by.manifest.note_name(by.id)
    spoilt = replace(cosigned, value=cosigned.value[:-1] + bytes((cosigned.value[-1] ^ 1,)))
    lines = [
        (own,),
        (own, spoilt),
        (own, note.cosign(signed.text, name, stranger.key, NOW)),
        (own, note.cosign(signed.text, by.manifest.note_name("witness_b"), stranger.key, NOW)),
    ]
    for signatures in lines:
        known = note.write(Note(text=signed.text, signatures=signatures))
        forged = alarms.write(replace(split, known=known), by.id, by.key)
        with pytest.raises(BadInput, match="ALARM_INVALID"):
            alarms.read(forged, by.manifest)


def test_a_checkpoint_that_the_log_never_signed_is_no_alarm(
    log: TwinLog, by: Party, split: Alarm, folder: Path
) -> None:
    framed = TwinLog(witnessing.load(folder, OTHER), leaves(5, "framed"))
    text = note.parse(framed.note()).text.replace("test/coordinator", log.origin)
    for line in (
        note.sign(text, log.origin, framed.party.key),
        note.sign(text, log.origin, by.key),
    ):
        presented = note.write(Note(text=text, signatures=(line,)))
        forged = alarms.write(replace(split, presented=presented), by.id, by.key)
        with pytest.raises(BadInput, match="ALARM_INVALID why=BAD_SIGNATURE"):
            alarms.read(forged, by.manifest)


@pytest.mark.parametrize("document", [b"", b"{}", b"\xff", b"[]", b"x" * (alarms.MAX_BYTES + 1)])
def test_what_is_no_document_is_refused(document: bytes, by: Party) -> None:
    with pytest.raises(BadInput, match="ALARM_INVALID"):
        alarms.read(document, by.manifest)
