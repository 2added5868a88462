"""A folder with a federation's exported logs: found, read and held to the root it is pinned to."""

from pathlib import Path

import pytest

from auditor import exported
from auditor.exported import Exported
from auditor.reconcile import reconcile
from federation.errors import BadInput, PeerFault
from federation.log.reader import CHECKPOINT
from tests.auditor import diaries
from tests.auditor.diaries import CENTRE, POLICE, REGISTRAR, TAX, honest
from tests.support import exchanges


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return diaries.export(honest(), tmp_path / "logs")


def codes(known: Exported) -> list[str]:
    found = reconcile(exported.sources(known), known.papers, settled=True)
    return [one.code for one in found.findings]


def test_all_logs_are_read_the_registrars_first(folder: Path) -> None:
    known = exported.read(folder)
    assert list(known.logs) == [REGISTRAR, CENTRE, POLICE, TAX]
    assert [one.party for one in exported.sources(known)] == [REGISTRAR, CENTRE, POLICE, TAX]
    assert known.broken == {}
    assert codes(known) == []


def test_progress_is_told_by_party(folder: Path) -> None:
    known = exported.read(folder)
    told: list[tuple[int, int]] = []
    sources = exported.sources(known, {CENTRE: lambda *n: told.append(n)})
    reconcile(sources, known.papers)
    assert told == [(10, 10)]


def test_another_root_may_be_pinned(folder: Path, tmp_path: Path) -> None:
    (folder / "root.json").rename(tmp_path / "pin.json")
    assert list(exported.read(folder, tmp_path / "pin.json").logs)
    with pytest.raises(BadInput, match="FILE_MISSING"):
        exported.read(folder)


def test_earlier_documents_are_read_too(folder: Path) -> None:
    (folder / "documents").mkdir()
    (folder / "manifest.json").rename(folder / "documents" / "old.json")
    (folder / "policy.json").rename(folder / "elsewhere.json")
    known = exported.read(folder, more=[folder / "elsewhere.json"])
    assert known.papers.newest.version == 1
    assert len(known.papers.policies) == 1


def test_a_head_that_is_not_believed_is_a_finding(folder: Path) -> None:
    checkpoint = folder / TAX / CHECKPOINT
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"test/tax\n", b"test/tox\n", 1))
    known = exported.read(folder)
    assert list(known.broken) == [TAX]
    assert codes(known) == ["RECEIPT_CHECKPOINT", *["ANSWER_UNLOGGED"] * 2]


def test_a_log_under_another_name_is_a_finding(folder: Path) -> None:
    (folder / TAX).rename(folder / "keep")
    (folder / POLICE).rename(folder / TAX)
    known = exported.read(folder)
    assert [one.code for one in known.broken.values()] == ["RECEIPT_CHECKPOINT"]


def test_a_log_that_is_not_there_is_told_by_reconcile(folder: Path) -> None:
    (folder / TAX).rename(folder / "elsewhere")
    assert codes(exported.read(folder)) == ["LOG_MISSING"]


def test_an_empty_subfolder_is_a_finding(folder: Path) -> None:
    (folder / TAX / CHECKPOINT).unlink()
    assert [one.code for one in exported.read(folder).broken.values()] == ["LOG_PART_MISSING"]


def test_a_folder_without_logs_is_refused(folder: Path) -> None:
    for party in (REGISTRAR, CENTRE, POLICE, TAX):
        (folder / party).rename(folder / f"not_{party}")
    with pytest.raises(BadInput) as caught:
        exported.read(folder)
    assert caught.value.code == "LOGS_MISSING"


def test_a_manifest_of_another_root_is_refused(folder: Path) -> None:
    document = exchanges.manifest_file(exchanges.first_manifest(), "root-4", "root-5")
    (folder / "manifest.json").write_bytes(document)
    with pytest.raises(PeerFault, match="ROOT_SIGNATURE"):
        exported.read(folder)


def test_what_others_were_shown_is_read(folder: Path) -> None:
    (folder / "witnessed").mkdir()
    (folder / "witnessed" / "a.note").write_bytes(b"note")
    (folder / "witnessed" / "folder").mkdir()
    assert exported.read(folder).witnessed == {"a.note": b"note"}
