"""Documents are kept by version, and a receipt names those of its own time."""

from dataclasses import replace
from pathlib import Path

import pytest

from coordinator import papers
from coordinator.papers import Papers
from federation import catalogue, keyfile, policy
from federation.errors import BadInput, HeduiError, PeerFault
from tests.coordinator import evidenced
from tests.coordinator.evidenced import Evidenced
from tests.coordinator.town import NOW, POLICY
from tests.support import exchanges


@pytest.fixture
def town(tmp_path: Path) -> Evidenced:
    return evidenced.build(tmp_path)


def read(town: Evidenced) -> Papers:
    return papers.read(town.centre.party())


def put(town: Evidenced, version: int, issued: int) -> None:
    newer = replace(town.centre.manifest, version=version, issued=issued)
    (town.centre.folder / "manifest.json").write_bytes(exchanges.manifest_file(newer))
    town.centre.manifest = newer


def test_what_is_in_use_is_kept_once(town: Evidenced) -> None:
    folder = papers.keep(town.centre.party())
    names = sorted(one.name for one in folder.iterdir())
    digest = town.centre.policy.digest.hex()[:16]
    assert names == ["manifest-1.json", f"policy-{digest}.json"]
    before = {one.name: one.stat().st_mtime_ns for one in folder.iterdir()}
    papers.keep(town.centre.party())
    assert {one.name: one.stat().st_mtime_ns for one in folder.iterdir()} == before
    assert folder.stat().st_mode & 0o077 == 0


def test_signed_anew_it_replaces_the_copy_before(town: Evidenced) -> None:
    folder = papers.keep(town.centre.party())
    again = exchanges.manifest_file(town.centre.manifest, "root-2", "root-3")
    (town.centre.folder / "manifest.json").write_bytes(again)
    papers.keep(town.centre.party())
    assert (folder / "manifest-1.json").read_bytes() == again


def test_the_manifest_of_a_time(town: Evidenced) -> None:
    papers.keep(town.centre.party())
    put(town, 2, NOW + 100)
    found = read(town)
    assert [found.manifest_at(at).version for at in (NOW, NOW + 99, NOW + 100)] == [1, 1, 2]
    assert found.manifest_at(0).version == 2
    assert found.files.keys() >= {"documents/manifest-1.json", "documents/root.json"}


def test_the_policy_of_a_version_and_family(town: Evidenced) -> None:
    papers.keep(town.centre.party())
    text = POLICY.replace('family = "town"', 'family = "other"')
    other = policy.parse(text.encode(), catalogue.load())
    (town.centre.folder / "policy.json").write_bytes(exchanges.policy_file(text))
    first, town.centre.policy = town.centre.policy, other
    found = read(town)
    assert found.policy(3, "town").digest == first.digest
    assert found.policy(3, "other").digest == other.digest
    assert found.policy(3, "").digest in {first.digest, other.digest}
    assert found.policy(4, "town").digest == bytes(32)


@pytest.mark.parametrize("name", ["root.json", "manifest.json", "policy.json"])
def test_a_document_that_is_not_there(town: Evidenced, name: str) -> None:
    (town.centre.folder / name).unlink()
    with pytest.raises(BadInput) as caught:
        read(town)
    assert (caught.value.code, caught.value.details["file"]) == ("FILE_MISSING", name)


def test_a_folder_that_cannot_be_written(town: Evidenced, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(keyfile, "write_private", full)
    with pytest.raises(BadInput, match="FILE_UNWRITABLE"):
        papers.keep(town.centre.party())


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("manifest-0.json", PeerFault, "MANIFEST_INVALID"),
        ("policy-0.json", BadInput, "POLICY_INVALID"),
    ],
)
def test_a_damaged_copy_is_told(
    town: Evidenced, name: str, kind: type[HeduiError], code: str
) -> None:
    (papers.keep(town.centre.party()) / name).write_bytes(b"x")
    with pytest.raises(kind) as caught:
        read(town)
    assert caught.value.code == code
