"""``hedui audit verdict`` and replaying from the command line, over exported logs and seeds."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from federation import party as parties
from federation import verdict
from federation.manifest import PartyRole
from federation.verdict import Verdict
from hedui.cli import app
from tests.auditor.adding import Added, added, manifest, seeds_of
from tests.auditor.diaries import CASE
from tests.auditor.test_known import CANARY, auditor, logs
from tests.auditor.test_log_cli import no_network
from tests.auditor.test_reconcile_sums import TORN, aborted
from tests.support import exchanges
from tests.support.exchanges import key
from tests.support.summed import DEPARTMENTS, RUNG, Computed, compute, without_the_last

pytestmark = pytest.mark.usefixtures("no_network")
assert no_network


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, words)])


def rows(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def handed(town: Added, made: Computed, folder: Path) -> tuple[Path, Path]:
    """Hand logs and seeds to an auditor; give their folder and the auditor's own."""
    own = auditor(folder / "own")
    (own / "root.json").write_bytes(exchanges.root_file(exchanges.root_document()))
    return logs(town.export(folder / "logs"), case=seeds_of(made)), own


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the auditor's installation have its key and nothing else."""

    def load(folder: Path, role: PartyRole, now: int) -> object:
        assert (folder.name, role) == ("own", PartyRole.AUDITOR)
        return SimpleNamespace(key=key("auditor"))

    monkeypatch.setattr(parties, "load", load)


@pytest.fixture
def torn(tmp_path: Path, keyed: None) -> tuple[Path, Path]:
    """Hand over an aborted run."""
    town, made, _ = aborted()
    return handed(town, made, tmp_path)


def test_an_aborted_run_that_replays_is_signed_for(torn: tuple[Path, Path]) -> None:
    folder, own = torn
    made, out = compute(TORN), own / "verdict.json"
    done = run("verdict", made.run.hex(), RUNG, out, "--logs", folder, "-C", own, "--json")
    assert done.exit_code == 0, done.output
    assert rows(done) == [{"run": made.run.hex(), "rung": RUNG, "replays": True}]
    said = verdict.read(out.read_bytes(), manifest())
    assert said == Verdict(run=made.run, rung=RUNG, replays=True)


@pytest.mark.parametrize(("lang", "word"), [("zh", "结论已签名"), ("en", "the verdict is signed")])
def test_and_said_in_words(torn: tuple[Path, Path], lang: str, word: str) -> None:
    folder, own = torn
    out = own / "verdict.json"
    words = "verdict", compute(TORN).run.hex(), RUNG, out, "-L", folder, "-C", own
    assert word in run(*words, "--lang", lang).stdout


def test_no_other_run_is_signed_for(torn: tuple[Path, Path]) -> None:
    folder, own = torn
    for number, rung in ((compute().run.hex()[::-1], RUNG), (compute(TORN).run.hex(), "x")):
        done = run("verdict", number, rung, own / "v.json", "-L", folder, "-C", own, "--json")
        assert done.exit_code == 2
        assert "VERDICT_NONE" in done.output
    assert not (own / "v.json").exists()


def test_a_run_that_does_not_replay_is_not_signed_for(torn: tuple[Path, Path]) -> None:
    folder, own = torn
    for file in (folder / "seeds").iterdir():
        file.unlink()
    words = "verdict", compute(TORN).run.hex(), RUNG, own / "v.json", "-L", folder, "-C", own
    assert run(*words).exit_code == 2


def test_no_abort_that_the_centre_has_made_itself_is_signed_for(
    tmp_path: Path, keyed: None
) -> None:
    """Its seed makes this Z, of all shares but one: a second attempt would be the centre's gift."""
    town, made = Added(), without_the_last(compute())
    for party, share in zip(DEPARTMENTS, made.shares, strict=False):
        town.contribute(party, share, made.run)
    town.compare(made)
    folder, own = handed(town, made, tmp_path)
    out = own / "verdict.json"
    done = run("verdict", made.run.hex(), RUNG, out, "-L", folder, "-C", own, "--json")
    assert (done.exit_code, out.exists()) == (2, False)
    assert "VERDICT_NONE" in done.output


# -- reconcile


def test_reconciling_replays_with_the_auditors_key(tmp_path: Path) -> None:
    folder, own = handed(added(), compute(), tmp_path)
    done = run("reconcile", folder, "-C", own, "--settled", "--json")
    assert done.exit_code == 0, done.output
    numbers = next(row for row in rows(done) if "sums" in row)
    assert (numbers["sums"], numbers["replayed"], numbers["aborted"]) == (1, 1, 0)
    assert "✓ 合计比较 1 次,按种子重演 1 次" in run("reconcile", folder, "-C", own).stdout
    assert "▲ sums compared 1, replayed from their seeds 0" in (
        run("reconcile", folder, "--lang", "en").stdout
    )


def test_a_planted_household_that_came_out_wrong(tmp_path: Path) -> None:
    folder, own = handed(added(), compute(), tmp_path)
    (own / "canaries.toml").write_text(CANARY, "utf-8")
    assert run("reconcile", folder, "-C", own).exit_code == 0
    lied = CANARY.replace("[[canary]]", "[[canary]]\nat_least = true", 1)
    (own / "canaries.toml").write_text(lied, "utf-8")
    done = run("reconcile", folder, "-C", own, "--json")
    assert done.exit_code == 1
    found = [row["finding"] for row in rows(done) if row.get("severity") == "BROKEN"]
    assert found == ["SUM_CANARY"]


# -- a bundle


def bundled(folder: Path) -> Path:
    """Write a bundle with a run, and its seed beside."""
    town = added()
    file = folder / "case.hedui"
    file.write_bytes(town.sealed(town.files(town.transcript(compute()))))
    (folder / "seeds.json").write_bytes(seeds_of(compute()))
    return file


def test_a_bundle_is_replayed_by_seeds(tmp_path: Path) -> None:
    own = auditor(tmp_path / "own")
    (own / "root.json").write_bytes(exchanges.root_file(exchanges.root_document()))
    file = bundled(tmp_path)
    plain = run("bundle", file, "-C", own, "--json")
    whole = run("bundle", file, "-C", own, "--seeds", tmp_path / "seeds.json", "--json")
    assert (plain.exit_code, whole.exit_code) == (0, 0), plain.output
    (before,), (after,) = rows(plain)[0]["sums"], rows(whole)[0]["sums"]
    assert (before["compared"], before["replayed"]) == (True, False)
    assert after == before | {"replayed": True}
    assert after["transcript"] == "transcripts/001.json"
    assert after["departments"] == ["tax", "human_resources", "finance"]
    for lang, word in (("zh", "逐字节重演,结果相同"), ("en", "replayed byte for byte")):
        words = "bundle", file, "-C", own, "--seeds", tmp_path / "seeds.json", "--lang", lang
        assert word in run(*words).stdout
    for lang, word in (("zh", "没有重演"), ("en", "1 comparisons were not replayed")):
        assert word in run("bundle", file, "-C", own, "--lang", lang).stdout


def test_a_run_without_an_outcome_is_a_remark(tmp_path: Path) -> None:
    own = auditor(tmp_path / "own")
    (own / "root.json").write_bytes(exchanges.root_file(exchanges.root_document()))
    town = Added()
    town.contribute("tax", compute().shares[0], compute().run)
    one = town.transcript(compute(), outcome="SILENT")
    file = tmp_path / "case.hedui"
    file.write_bytes(town.sealed(town.files(one)))
    for lang, word in (("zh", "1 次合计没有结果"), ("en", "1 runs of sums came to no outcome")):
        done = run("bundle", file, "-C", own, "--lang", lang)
        assert done.exit_code == 0
        assert word in done.stdout


# -- trace and report


def test_a_sum_is_traced_by_its_run_and_by_its_case(tmp_path: Path) -> None:
    folder, own = handed(added(), compute(), tmp_path)
    words = "trace", compute().run.hex(), "--logs", folder
    by_run = run(*words, "-C", own)
    assert by_run.exit_code == 0, by_run.output
    assert "合计 H1 income-12s:tax、human_resources、finance 各出一个加密的数" in by_run.stdout
    assert "没有任何人看到数额 → YES,按种子重演相同" in by_run.stdout
    assert by_run.stdout.count("出一个加密的数\n") == 3
    assert "the centre alone knows the outcome" in run(*words, "--lang", "en").stdout
    by_case = run("trace", CASE, "-C", own, "--logs", folder, "--lang", "en")
    assert by_case.stdout.count("sum H1 income-12s: one encrypted number each of tax") == 1
    assert "→ YES, replayed" in by_case.stdout
    assert run("trace", "0" * 64, "--logs", folder).exit_code == 2


def test_a_sum_that_was_aborted_or_has_not_ended_is_traced(tmp_path: Path) -> None:
    town, made, _ = aborted()
    made_anew = compute(attempt=0)
    folder, _ = handed(town, made, tmp_path)
    assert "→ 已中止" in run("trace", made.run.hex(), "--logs", folder).stdout
    waiting = Added()
    for party, share in zip(DEPARTMENTS, made_anew.shares, strict=True):
        waiting.contribute(party, share, made_anew.run)
    waiting.compare(made_anew)
    done = run("trace", CASE, "--logs", waiting.export(tmp_path / "waiting"))
    assert "→ 未完成" in done.stdout


@pytest.mark.parametrize(("lang", "word"), [("zh", "按种子重演相同 1 次"), ("en", "1 replayed")])
def test_a_report_has_a_section_on_sums(tmp_path: Path, lang: str, word: str) -> None:
    folder, own = handed(added(), compute(), tmp_path)
    page = tmp_path / "report.html"
    done = run("report", "--html", page, "-L", folder, "-C", own, "--lang", lang)
    assert done.exit_code == 0, done.output
    assert word in page.read_text("utf-8")
    assert f"<td>H1</td><td>{RUNG}</td>" in page.read_text("utf-8")


def test_aborted_sums_are_unusual(tmp_path: Path) -> None:
    town, made, _ = aborted()
    folder, _ = handed(town, made, tmp_path)
    done = run("anomalies", "--logs", folder, "--json")
    assert done.exit_code == 1
    (seen,) = (row for row in rows(done) if row.get("anomaly") == "ABORTED")
    assert seen["about"] == CASE
