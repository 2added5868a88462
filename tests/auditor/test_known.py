"""What an auditor brings along: seeds that its own key opens, and households of known sums."""

from pathlib import Path

import pytest

from auditor import known
from auditor.sums import Known
from crypto.keys import SealCost
from federation import founding, keyfile
from federation.errors import BadInput
from tests.auditor.adding import opened, seeds_of
from tests.support.summed import AUDITOR, RUNG, SEED, compute

CANARY = f"""
[[canary]]
case = "HD-790301-2026-0001"
predicate = "H1"
parameter = "{RUNG}"
[[canary]]
case = "HD-790301-2026-0002"
predicate = "H1"
parameter = "{RUNG}"
at_least = true
"""
OTHER = b"another seed of thirty-two bytes"


def auditor(folder: Path, secret: bytes = AUDITOR) -> Path:
    """Make an auditor's own folder, as far as seeds need it."""
    folder.mkdir(parents=True)
    keyfile.write_private(folder / "passphrase", b"p")
    sealed = folder / founding.SUM_FILE
    keyfile.save(sealed, secret, b"p", purpose=founding.SUM, cost=SealCost.MINIMAL)
    return folder


def logs(folder: Path, **files: bytes) -> Path:
    """Lay seeds beside exported logs."""
    (folder / known.SEEDS).mkdir(parents=True)
    for name, data in files.items():
        (folder / known.SEEDS / f"{name}.json").write_bytes(data)
    return folder


def test_seeds_are_found_by_what_commits_to_them(tmp_path: Path) -> None:
    own = auditor(tmp_path / "own")
    made = compute()
    folder = logs(tmp_path / "logs", a=seeds_of(made), b=seeds_of(made, OTHER))
    assert known.gather(folder, own) == Known(seeds=opened(SEED, OTHER))
    assert known.opened([folder / known.SEEDS / "b.json"], own).seeds == opened(OTHER)
    assert SEED.hex() not in repr(known.gather(folder, own))


def test_without_the_auditors_folder_nothing_is_opened(tmp_path: Path) -> None:
    assert known.gather(logs(tmp_path / "logs", a=seeds_of(compute())), None) == Known()


def test_without_seeds_no_key_is_needed(tmp_path: Path) -> None:
    assert known.gather(tmp_path, tmp_path) == Known()


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", seeds_of(compute()) + b" "])
def test_a_file_that_is_none(tmp_path: Path, data: bytes) -> None:
    own = auditor(tmp_path / "own")
    with pytest.raises(BadInput) as caught:
        known.gather(logs(tmp_path / "logs", a=data), own)
    assert caught.value.code == "SEEDS_INVALID"
    assert caught.value.details["file"] == "a.json"


def test_a_seed_that_is_sealed_to_another_auditor(tmp_path: Path) -> None:
    own = auditor(tmp_path / "own", b"x" * 32)
    with pytest.raises(BadInput, match="SEEDS_INVALID"):
        known.gather(logs(tmp_path / "logs", a=seeds_of(compute())), own)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    own = auditor(tmp_path / "own")
    with pytest.raises(BadInput, match="FILE_MISSING"):
        known.opened([tmp_path / "none.json"], own)


def test_planted_households(tmp_path: Path) -> None:
    own = auditor(tmp_path / "own")
    (own / known.CANARIES).write_text(CANARY, "utf-8")
    assert known.gather(tmp_path, own).canaries == {
        ("HD-790301-2026-0001", "H1", RUNG): False,
        ("HD-790301-2026-0002", "H1", RUNG): True,
    }


@pytest.mark.parametrize(
    "text",
    [
        "[[canary]]",
        CANARY + "more = 1",
        "canary = 1",
        "x = 1",
        CANARY.replace("= true", '= "yes"'),
        "[[",
    ],
)
def test_a_list_of_households_that_is_none(text: str) -> None:
    with pytest.raises(BadInput, match="CANARIES_INVALID"):
        known.read_canaries(text)


def test_a_list_of_households_in_another_script(tmp_path: Path) -> None:
    own = auditor(tmp_path / "own")
    (own / known.CANARIES).write_bytes(b"\xff")
    with pytest.raises(BadInput, match="CANARIES_INVALID"):
        known.gather(tmp_path, own)
