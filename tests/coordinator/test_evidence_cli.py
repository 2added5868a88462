"""``hedui case bundle`` as a clerk runs it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from auditor import papers as auditors
from auditor import receipts
from coordinator import evidence_cli
from coordinator.cli import app
from coordinator.desk import Desk
from coordinator.evidence import Evidence
from crypto import sealing
from federation import root, status, transcript
from federation.errors import Unavailable
from tests.coordinator import evidenced, summed
from tests.coordinator.evidenced import Evidenced
from tests.coordinator.test_evidence import list_of


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evidenced:
    made = evidenced.build(tmp_path)

    @contextmanager
    def opened(_: Path) -> Iterator[tuple[Desk, Evidence]]:
        with made.open() as both:
            yield both

    monkeypatch.setattr(evidence_cli, "open_evidence", opened)
    return made


def run(*words: str | Path, lang: str = "en", command: str = "bundle") -> Result:
    return CliRunner().invoke(app, [command, *map(str, words), "--lang", lang])


def test_a_bundle_is_written_for_its_owner_alone(town: Evidenced, tmp_path: Path) -> None:
    (case,) = town.asked()
    town.logs.checkpoints()
    file = tmp_path / "case.hedui"
    done = run(case, file)
    assert done.exit_code == 0
    assert f"hedui audit bundle {file}" in done.stdout
    assert file.stat().st_mode & 0o077 == 0
    assert town.audited(file.read_bytes()).faults == ()
    told = json.loads(run(case, file, "--json").stdout)
    assert told == {"case": case, "file": str(file), "bytes": file.stat().st_size}


def test_what_is_missing_is_told_and_nothing_written(town: Evidenced, tmp_path: Path) -> None:
    (case,) = town.asked()
    town.logs.checkpoints()
    town.logs.absent["tax"] = Unavailable("PEER_UNREACHABLE")
    file = tmp_path / "case.hedui"
    done = run(case, file, lang="zh")
    assert done.exit_code == 1
    assert done.stdout.startswith("✗ tax:缺 1 份日志证明。")
    assert "PEER_UNREACHABLE" in done.stdout
    assert "稍后再运行一次" in done.stdout
    assert not file.exists()
    told = json.loads(run(case, file, "--json").stdout)
    assert told == {"department": "tax", "missing": 1, "error": "PEER_UNREACHABLE"}
    town.logs.absent.clear()
    assert run(case, file).exit_code == 0


def test_it_waits_for_checkpoints(
    town: Evidenced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (case,) = town.asked()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            town.logs.checkpoints()

    monkeypatch.setattr(evidence_cli, "sleep", sleep)
    assert run(case, tmp_path / "a").exit_code == 1
    assert slept == []
    assert run(case, tmp_path / "a", "--wait", "60").exit_code == 0
    assert slept == [1.0, 1.0]


def test_it_does_not_wait_for_who_is_away(
    town: Evidenced, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (case,) = town.asked()
    town.logs.absent["tax"] = Unavailable("PEER_UNREACHABLE")
    monkeypatch.setattr(evidence_cli, "sleep", lambda _: pytest.fail("slept"))
    done = run(case, tmp_path / "a", "--wait", "60")
    assert done.exit_code == 1
    assert "PROOF_NOT_READY" in done.stdout


def test_a_file_that_cannot_be_written(town: Evidenced, tmp_path: Path) -> None:
    (case,) = town.asked()
    town.logs.checkpoints()
    done = run(case, tmp_path / "nowhere" / "case.hedui")
    assert done.exit_code == 2
    assert "FILE_UNWRITABLE" in done.stderr


def test_a_case_without_answers(town: Evidenced, tmp_path: Path) -> None:
    (case,) = town.town.ready()
    done = run(case, tmp_path / "case.hedui")
    assert done.exit_code == 2
    assert "NOTHING_TO_PROVE" in done.stderr


def test_one_answer_is_handed_out_whole(town: Evidenced, tmp_path: Path) -> None:
    town.logs["tax"].listed = list_of("tax")
    town.logs.kept_lists = {status.joint_digest([list_of("tax")]): (list_of("tax"),)}
    (case,) = town.asked()
    town.logs.checkpoints()
    file = tmp_path / "receipt"
    documents = {name: (tmp_path / name).read_bytes() for name in ("manifest.json", "policy.json")}
    chain = root.read_chain((tmp_path / "root.json").read_bytes())
    ages = []
    for number in range(1, 6):
        done = run(case, str(number), file, command="receipt")
        assert done.exit_code == 0
        assert f"hedui audit receipt {file}" in done.stdout
        known = auditors.gather(chain, documents)
        ages.append(receipts.check(file.read_bytes(), known).status_age)
    assert sorted(age is None for age in ages) == [False, True, True, True, True]


def test_a_receipt_that_is_not_there(town: Evidenced, tmp_path: Path) -> None:
    (case,) = town.asked()
    town.logs.checkpoints()
    done = run(case, "6", tmp_path / "receipt", command="receipt")
    assert done.exit_code == 2
    assert "There are 1 to 5" in done.stderr
    town.logs.absent["tax"] = Unavailable("PEER_UNREACHABLE")
    for one in (town.centre.data / "proofs").iterdir():
        one.unlink()
    done = run(case, "1", tmp_path / "receipt", command="receipt")
    assert done.exit_code == 1
    assert "No file was written" in done.stdout


def test_seeds_are_written_for_the_auditor_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summing = summed.build(tmp_path, summed.INCOME)
    made = evidenced.build(tmp_path, summing, summed.POLICY)

    @contextmanager
    def opened(_: Path) -> Iterator[tuple[Desk, Evidence]]:
        with made.open() as both:
            yield both

    monkeypatch.setattr(evidence_cli, "open_evidence", opened)
    (case,) = made.asked()
    file = tmp_path / "seeds.json"
    done = run(case, "--out", file, command="seeds")
    assert (done.exit_code, done.stdout) == (
        0,
        f"{file} written: 1 sealed seeds, which only the auditor opens\n",
    )
    assert file.stat().st_mode & 0o077 == 0
    (seed,) = transcript.read_seeds(file.read_bytes()).seeds
    assert len(sealing.open_sealed(summed.AUDITOR, seed.sealed)) == 32
    told = json.loads(run(case, "--out", file, "--json", command="seeds").stdout)
    assert told == {"case": case, "file": str(file), "seeds": 1}
    nowhere = run(case, "--out", tmp_path / "no" / "file", command="seeds")
    assert (nowhere.exit_code, "FILE_UNWRITABLE" in nowhere.stderr) == (2, True)
    unknown = run("HD-1", "--out", file, command="seeds")
    assert "CASE_UNKNOWN" in unknown.stderr
