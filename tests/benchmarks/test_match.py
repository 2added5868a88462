"""What is matched in a benchmark is known beforehand, and who cannot be measured is told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from benchmarks import match, town
from benchmarks.match import WrongMatch, _Lists
from benchmarks.measuring import measure
from benchmarks.peers import environment, running
from benchmarks.peers.environment import Installed
from benchmarks.peers.running import Peers

REGISTER = [one for one, _ in zip(town.invented(), range(3_000), strict=False)]
FIGURES = {"ours": 0.2, "RR22": 0.4, "KKRT": 0.5, "enrolment": 0.0003, "list": 0.00005}


@pytest.mark.parametrize("people", [30, 900])
def test_lists_are_of_different_people_one_in_three_registered(people: int) -> None:
    lists = _Lists(people, REGISTER)
    seen: set[str] = set()
    for number in range(3):
        listed, expected = lists.of(number)
        assert listed == sorted(set(listed))
        assert len(listed) == people
        assert expected == set(listed) & set(REGISTER)
        assert len(expected) == people // 3
        assert not seen & set(listed)
        seen |= set(listed)


def test_a_wrong_result_of_any_side_is_no_measurement() -> None:
    match._check("ours", frozenset("ab"), frozenset("ab"))
    with pytest.raises(WrongMatch, match="ours: 1 instead of 2"):
        match._check("ours", frozenset("a"), frozenset("ab"))


def test_cpu_seconds_of_a_process_are_those_it_counts_itself() -> None:
    sum(range(1_000_000))
    assert match.cpu_of(os.getpid()) == pytest.approx(process_time(), abs=0.01)


def test_rows_of_a_scale_come_from_the_same_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(match, "rounds", lambda _: [FIGURES] * 5)
    rows = {one.name: measure(one, tmp_path) for one in match.BENCHMARKS}
    whole = rows["match.30k_100k"]
    assert (whole.ours, whole.baseline, whole.ratio, whole.reached) == (200, 400, 0.5, True)
    assert rows["match.30k_100k.kkrt"].ratio == pytest.approx(0.4)
    assert rows["match.30k_100k.openmined"].ratio is None
    assert rows["match.10k_1m.enrolment"].ours == pytest.approx(300)
    assert rows["match.10k_1m.list"].baseline is None


def test_without_peers_ours_is_measured_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = {"ours": 0.2, "enrolment": 1.0, "list": 1.0}
    monkeypatch.setattr(match, "rounds", lambda _: [alone] * 5)
    row = measure(match.BENCHMARKS[0], tmp_path)
    assert (row.ours, row.ratio, row.reached) == (200, None, None)


def test_what_cannot_be_installed_is_told_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.peers.environment.sys.version_info", (3, 14))
    monkeypatch.setattr("benchmarks.peers.environment.shutil.which", lambda _: None)
    installed = environment.install(["spu", "openmined"], tmp_path / "peers")
    assert set(installed.missing) == {"spu", "openmined"}
    assert Peers(installed, tmp_path, 0).names() == []
    match._tell_missing(installed.missing)
    said = capsys.readouterr().err
    assert "skipped: spu cannot be installed here (no Python 3.10 or 3.11)" in said
    assert "2 of 2 peers' packages skipped" in said
    match._tell_missing({})
    assert capsys.readouterr().err == ""


def test_a_lock_that_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "peers"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").touch()

    def install(python: Path, lock: Path) -> str:
        return "" if lock.name == "openmined.lock" else "no wheel"

    monkeypatch.setattr(environment, "_install", install)
    monkeypatch.setattr(environment, "_base", lambda: "python3.11")
    installed = environment.install(["spu", "openmined"], home)
    assert installed.missing == {"spu": "no wheel"}
    assert Peers(installed, tmp_path, 0).names() == ["openmined"]
    monkeypatch.setattr(environment, "_install", lambda *_: "is not asked again")
    assert environment.install(["openmined"], home).missing == {}


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Let parties be small scripts of our own Python."""
    started: list[tuple[Any, ...]] = []

    @contextmanager
    def party(installed: Installed, script: str, *words: object) -> Iterator[Any]:
        started.append((script, *words))
        out = str(words[3] if script == "spu_party.py" else words[2])
        if len(started) == 2:
            yield subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
            return
        code = (
            "import sys; open(sys.argv[1], 'w').write('id\\nb\\n\"a\"\\n');"
            "print('[info] {\"cpu\": 0.25}')"
        )
        command = [sys.executable, "-c", code, out]
        yield subprocess.Popen(command, stdout=subprocess.PIPE)

    monkeypatch.setattr(running, "_party", party)
    return started


def test_both_parties_are_counted_and_the_receivers_file_is_read(
    tmp_path: Path, scripted: list[tuple[Any, ...]]
) -> None:
    peers = Peers(Installed(python=tmp_path, missing={}), tmp_path / "register.csv", 7)
    found = peers.match("RR22", tmp_path / "people.csv")
    assert (found.cpu, found.found) == (0.5, frozenset("ab"))
    assert [words[1] for words in scripted] == [0, 1, 0, 1], "the first try had said nothing"
    assert scripted[2][-2:] == scripted[3][-2:]
    assert peers.match("openmined", tmp_path / "people.csv").cpu == 0.25


def test_a_party_that_says_nothing_has_failed() -> None:
    command = [sys.executable, "-c", "print('no figure')"]
    silent = subprocess.Popen(command, stdout=subprocess.PIPE)
    with pytest.raises(running.PeerFailed, match="no figure"):
        running._said(silent)
